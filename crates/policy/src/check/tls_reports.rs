//! `TlsReportSettings`, compiled.

use super::Finding;
use super::vocabulary::Vocabulary;
use crate::expr::{CheckedExpression, Context, Expression};
use crate::settings::Settings;
use crate::tls_report::TlsReportRules;

/// Compiles all expressions; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<TlsReportRules> {
    let said = &settings.tls_report;
    let mut compile = |property: &str, expression: &Expression| -> Option<CheckedExpression> {
        vocabulary.compile(("TlsReportSettings", property), expression, Context::RcptDomain, findings)
    };
    let send_frequency = compile("sendFrequency", &said.send_frequency);
    let from_name = compile("fromName", &said.from_name);
    let from_address = compile("fromAddress", &said.from_address);
    let subject = compile("subject", &said.subject);
    let org_name = compile("orgName", &said.org_name);
    let contact_info = compile("contactInfo", &said.contact_info);
    let sign_domain = compile("dkimSignDomain", &said.dkim_sign_domain);
    Some(TlsReportRules {
        send_frequency: send_frequency?,
        from_name: from_name?,
        from_address: from_address?,
        subject: subject?,
        org_name: org_name?,
        contact_info: contact_info?,
        sign_domain: sign_domain?,
        size_bytes_max: said.max_report_size,
    })
}
