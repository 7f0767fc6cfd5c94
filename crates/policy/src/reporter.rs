//! In whose name do we report, and with whose signature?

use mail::{Address, Domain, Envelope, LocalPart};

use crate::configuration::Configuration;
use crate::expr::{CheckedExpression, Interrupt, LookupAnswers, Scene, Value, Variable, Variables};
use crate::route::Choice;
use crate::settings::dsn_report::NotifyUnauthenticated;

/// What the settings say about notifications and reports, compiled.
#[derive(Debug)]
pub struct ReportRules {
    /// The name in the From field of notifications.
    pub from_name: CheckedExpression,
    /// The address there.
    pub from_address: CheckedExpression,
    /// The domain that signs.
    pub sign_domain: CheckedExpression,
    /// The host that reports.
    pub submitter: CheckedExpression,
    /// Which strangers are told.
    pub strangers: NotifyUnauthenticated,
    /// Whether the postmaster hears of notifications that cannot be delivered.
    pub double_bounce_to_postmaster: bool,
}

/// In whose name one notification is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reporter {
    /// The host that reports: `Reporting-MTA` and the Message-ID.
    pub hostname: Domain,
    /// The domain whose postmaster helps.
    pub domain: Domain,
    /// The name in the From field.
    pub from_name: String,
    /// The address in the From field.
    pub from: Address,
    /// The domain whose keys sign; none leaves it unsigned.
    pub sign_domain: Option<Domain>,
}

/// The name in the From field where the settings yield none.
const FROM_NAME: &str = "Mail Delivery Subsystem";
/// The local part in the From field where the settings yield no address.
const FROM_LOCAL_PART: &str = "MAILER-DAEMON";

/// In whose name the sender of `envelope` is told. What the settings do not yield has a plain default: a notification
/// is never held up by them.
pub fn choose_reporter(
    configuration: &Configuration,
    envelope: &Envelope,
    answers: &LookupAnswers,
) -> Choice<Reporter> {
    let rules = &configuration.reports;
    let sender = SenderFacts(envelope);
    let ask = |expression| text(configuration, expression, &sender, answers);
    let told = envelope.reverse_path.address().map_or("", |address| address.domain.as_str());
    let asked = [
        ask(&rules.from_name),
        ask(&rules.from_address),
        ask(&rules.sign_domain),
        text(configuration, &rules.submitter, &DomainFact(told), answers),
    ];
    let needed: Vec<_> = asked.iter().filter_map(|asked| asked.as_ref().err().cloned()).collect();
    if !needed.is_empty() {
        return Choice::Needs(needed);
    }
    let [from_name, from_address, sign_domain, submitter] = asked.map(Result::unwrap_or_default);
    let from = from_address.and_then(|text| Address::parse(text.trim()).ok());
    Choice::Decided(Reporter {
        hostname: domain_of(submitter).unwrap_or_else(|| configuration.hostname.clone()),
        domain: configuration.domain.clone(),
        from_name: from_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| FROM_NAME.to_owned()),
        from: from.unwrap_or_else(|| mailer_daemon(configuration.domain.clone())),
        sign_domain: domain_of(sign_domain),
    })
}

/// The host that says it reports to somebody in the domain `told`.
pub fn choose_submitter(
    configuration: &Configuration,
    told: &Domain,
    answers: &LookupAnswers,
) -> Choice<Domain> {
    let facts = DomainFact(told.as_str());
    match text(configuration, &configuration.reports.submitter, &facts, answers) {
        Ok(name) => Choice::Decided(domain_of(name).unwrap_or_else(|| configuration.hostname.clone())),
        Err(lookup) => Choice::Needs(vec![lookup]),
    }
}

impl Reporter {
    /// The plain one: of this host and domain, unsigned.
    pub fn plain(hostname: Domain, domain: Domain) -> Self {
        Reporter {
            hostname,
            from: mailer_daemon(domain.clone()),
            domain,
            from_name: FROM_NAME.to_owned(),
            sign_domain: None,
        }
    }
}

fn mailer_daemon(domain: Domain) -> Address {
    Address { local_part: LocalPart::parse(FROM_LOCAL_PART).expect("it is a dot-string"), domain }
}

pub(crate) fn domain_of(text: Option<String>) -> Option<Domain> {
    Domain::parse(text?.trim()).ok()
}

/// The text that an expression yields, if it does; else what must be looked up first.
fn text<'a>(
    configuration: &'a Configuration,
    expression: &'a CheckedExpression,
    variables: &'a dyn Variables<'a>,
    answers: &'a LookupAnswers,
) -> Result<Option<String>, crate::expr::Lookup> {
    match expression.evaluate(Scene { variables, surroundings: configuration, answers }) {
        Ok((_, Some(Value::Text(text)))) => Ok(Some(text.into_owned())),
        Ok(_) | Err((_, Interrupt::Failed(_))) => Ok(None),
        Err((_, Interrupt::Needs(lookup))) => Err(*lookup),
    }
}

/// The text, or the name of the constant, that an expression about a domain yields.
pub(crate) fn rcpt_domain_text(
    configuration: &Configuration,
    expression: &CheckedExpression,
    domain: &Domain,
    answers: &LookupAnswers,
) -> Result<Option<String>, crate::expr::Lookup> {
    let facts = DomainFact(domain.as_str());
    match expression.evaluate(Scene { variables: &facts, surroundings: configuration, answers }) {
        Ok((_, Some(Value::Constant(name)))) => Ok(Some(name.to_owned())),
        Ok((_, Some(Value::Text(text)))) => Ok(Some(text.into_owned())),
        Ok(_) | Err((_, Interrupt::Failed(_))) => Ok(None),
        Err((_, Interrupt::Needs(lookup))) => Err(*lookup),
    }
}

/// What the settings of notifications may know: the sender and what it asked for. All else is an empty text.
struct SenderFacts<'a>(&'a Envelope);

impl<'a> Variables<'a> for SenderFacts<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        let sender = self.0.reverse_path.address();
        if variable == Variable::Sender {
            sender.map_or(Value::text(""), |sender| Value::owned(sender.to_string()))
        } else if variable == Variable::SenderDomain {
            Value::text(sender.map_or("", |sender| sender.domain.as_str()))
        } else if variable == Variable::Recipients {
            Value::list(self.0.recipients.iter().map(|rcpt| Value::owned(rcpt.to_string())).collect())
        } else if variable == Variable::Priority {
            Value::Integer(self.0.parameters.priority.into())
        } else {
            Value::text("")
        }
    }
}

/// The domain of whoever is told.
struct DomainFact<'a>(&'a str);

impl<'a> Variables<'a> for DomainFact<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        Value::text(if variable == Variable::RcptDomain { self.0 } else { "" })
    }
}
