//! How often do we report to a domain, and in whose name?

use mail::{Address, Domain, LocalPart};

use crate::configuration::Configuration;
use crate::expr::{CheckedExpression, Lookup, LookupAnswers};
use crate::reporter::{domain_of, rcpt_domain_text};
use crate::route::Choice;

/// What the settings say about TLS reports, compiled.
#[derive(Debug)]
pub struct TlsReportRules {
    /// How often.
    pub send_frequency: CheckedExpression,
    /// The name in the From field.
    pub from_name: CheckedExpression,
    /// The address there.
    pub from_address: CheckedExpression,
    /// The beginning of the subject.
    pub subject: CheckedExpression,
    /// The organisation that reports.
    pub org_name: CheckedExpression,
    /// Whom to ask about a report.
    pub contact_info: CheckedExpression,
    /// The domain that signs.
    pub sign_domain: CheckedExpression,
    /// Bytes of a packed report.
    pub size_bytes_max: usize,
}

/// How often a domain is reported to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frequency {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
    /// Never.
    Disabled,
}

/// In whose name a report is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    /// The host that reports.
    pub submitter: Domain,
    /// The organisation.
    pub organization: String,
    /// Whom to ask.
    pub contact: Option<String>,
    /// The name in the From field.
    pub from_name: String,
    /// The address there.
    pub from: Address,
    /// The beginning of the subject.
    pub subject: String,
    /// The domain that signs; none leaves the report unsigned.
    pub sign_domain: Option<Domain>,
}

/// How often `domain` is reported to; daily where the settings do not yield it.
pub fn choose_frequency(
    configuration: &Configuration,
    domain: &Domain,
    answers: &LookupAnswers,
) -> Choice<Frequency> {
    match rcpt_domain_text(configuration, &configuration.tls_reports.send_frequency, domain, answers) {
        Ok(word) => Choice::Decided(match word.as_deref() {
            Some("hourly") => Frequency::Hourly,
            Some("weekly") => Frequency::Weekly,
            Some("disable") => Frequency::Disabled,
            Some(_) | None => Frequency::Daily,
        }),
        Err(lookup) => Choice::Needs(vec![lookup]),
    }
}

/// In whose name `domain` is reported to. What the settings do not yield has a plain default.
pub fn choose_author(
    configuration: &Configuration,
    domain: &Domain,
    answers: &LookupAnswers,
) -> Choice<Author> {
    let rules = &configuration.tls_reports;
    let ask = |expression| rcpt_domain_text(configuration, expression, domain, answers);
    let asked = [
        ask(&configuration.reports.submitter),
        ask(&rules.org_name),
        ask(&rules.contact_info),
        ask(&rules.from_name),
        ask(&rules.from_address),
        ask(&rules.subject),
        ask(&rules.sign_domain),
    ];
    let needed: Vec<Lookup> = asked.iter().filter_map(|asked| asked.as_ref().err().cloned()).collect();
    if !needed.is_empty() {
        return Choice::Needs(needed);
    }
    let said = asked.map(|asked| asked.ok().flatten().filter(|text| !text.trim().is_empty()));
    let [submitter, organization, contact, from_name, from_address, subject, sign_domain] = said;
    let from = from_address.and_then(|text| Address::parse(text.trim()).ok());
    Choice::Decided(Author {
        submitter: domain_of(submitter).unwrap_or_else(|| configuration.hostname.clone()),
        organization: organization.unwrap_or_else(|| configuration.domain.to_string()),
        contact,
        from_name: from_name.unwrap_or_else(|| "TLS reports".to_owned()),
        from: from.unwrap_or_else(|| plain_address(&configuration.domain)),
        subject: subject.unwrap_or_else(|| "Report Domain:".to_owned()),
        sign_domain: domain_of(sign_domain),
    })
}

fn plain_address(domain: &Domain) -> Address {
    let local_part = LocalPart::parse("noreply-tls").expect("it is a dot-string");
    Address { local_part, domain: domain.clone() }
}
