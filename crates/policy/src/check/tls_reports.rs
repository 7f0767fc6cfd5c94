//! `TlsReportSettings`, compiled.

use super::vocabulary::Vocabulary;
use super::{Finding, Severity};
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
    if let Some(frequency) = &send_frequency {
        check_frequency(frequency, findings);
    }
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

const FREQUENCIES: [&str; 4] = ["hourly", "daily", "weekly", "disable"];

/// Refuses a word that says no frequency.
fn check_frequency(expression: &CheckedExpression, findings: &mut Vec<Finding>) {
    let yielded = expression.branches().iter().map(|branch| &branch.then).chain(expression.otherwise());
    for formula in yielded.filter(|formula| formula.is_constant()) {
        let word = formula.source().trim().trim_matches(['\'', '"']);
        if !FREQUENCIES.contains(&word) {
            let message = format!("{word} is no frequency");
            let finding = Finding::new(Severity::Error, "TlsReportSettings", message).at("sendFrequency");
            findings.push(finding.hint(format!("one of {}", FREQUENCIES.join(", "))));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::Environment;
    use crate::configuration::Configuration;

    fn check(frequency: &str) -> Result<(), String> {
        let json = format!(r#"{{"TlsReportSettings": {{"sendFrequency": {frequency}}}}}"#);
        match Configuration::from_settings_json(&json, &Environment::default()) {
            Ok(_) => Ok(()),
            Err(findings) => Err(findings.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn a_word_that_is_no_frequency_is_refused() {
        for good in [
            r#""daily""#,
            r#"{"else": "disable"}"#,
            r#"{"match": [{"if": "rcpt_domain == 'a.example'", "then": "hourly"}], "else": "'weekly'"}"#,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let refused = check(r#""'often'""#).unwrap_err();
        assert!(refused.contains("TlsReportSettings: sendFrequency: often is no frequency"), "{refused}");
        assert!(refused.contains("(one of hourly, daily, weekly, disable)"), "{refused}");
    }
}
