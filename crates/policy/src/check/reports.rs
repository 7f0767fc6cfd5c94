//! The expressions of `DsnReportSettings` and `ReportSettings`, compiled.

use super::Finding;
use super::vocabulary::Vocabulary;
use crate::expr::{Context, Expression};
use crate::reporter::ReportRules;
use crate::settings::Settings;

const DSN: &str = "DsnReportSettings";
const REPORT: &str = "ReportSettings";

/// Compiles all of them; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<ReportRules> {
    let mut compile = |object: &str, property: &str, expression: &Expression, context| {
        vocabulary.compile((object, property), expression, context, findings)
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
