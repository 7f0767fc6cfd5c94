//! The expressions of `DsnReportSettings` and `ReportSettings`, compiled.

use std::collections::BTreeSet;

use super::strategies::source;
use super::{Environment, Finding, Severity};
use crate::expr::{CheckedExpression, Context, Dictionary, Expression};
use crate::reporter::ReportRules;
use crate::settings::Settings;

const DSN: &str = "DsnReportSettings";
const REPORT: &str = "ReportSettings";

/// Compiles all of them; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> Option<ReportRules> {
    let none = BTreeSet::new();
    let mut compile = |object: &str, property: &str, expression: &Expression, context| {
        let dictionary = Dictionary { context, objects: ("object", &none), stores: &environment.stores };
        let errors = match CheckedExpression::compile(expression, &dictionary) {
            Ok(compiled) => return Some(compiled),
            Err(errors) => errors,
        };
        findings.extend(errors.into_iter().map(|(place, error)| Finding {
            severity: Severity::Error,
            object: object.to_owned(),
            property: format!("{property}.{place}"),
            position: Some(error.span.position(source(expression, place))),
            message: error.message,
            hint: error.hint,
        }));
        None
    };
    let dsn = &settings.dsn_report;
    let from_name = compile(DSN, "fromName", &dsn.from_name, Context::Sender);
    let from_address = compile(DSN, "fromAddress", &dsn.from_address, Context::Sender);
    let sign_domain = compile(DSN, "dkimSignDomain", &dsn.dkim_sign_domain, Context::Sender);
    let submitter = &settings.report.outbound_report_submitter;
    let submitter = compile(REPORT, "outboundReportSubmitter", submitter, Context::RcptDomain);
    Some(ReportRules {
        from_name: from_name?,
        from_address: from_address?,
        sign_domain: sign_domain?,
        submitter: submitter?,
        strangers: dsn.notify_unauthenticated,
        double_bounce_to_postmaster: dsn.double_bounce_to_postmaster,
    })
}
