//! Whose mail is it, and what follows from that? Incoming mail, after SPF, DKIM, DMARC and ARC were looked at.

use std::net::IpAddr;

use mail::{EnhancedStatus, Reply, ReversePath, Source};

use crate::configuration::Configuration;
use crate::expr::{CheckedExpression, LookupAnswers, Scene, Value, Variable, Variables};
use crate::property::value;
use crate::route::Choice;

/// The settings object, as errors name it.
const OBJECT: &str = "SenderAuthSettings";

/// The expressions of `SenderAuthSettings`.
#[derive(Debug)]
pub struct SenderAuth {
    /// Which domain signs.
    pub dkim_sign_domain: CheckedExpression,
    /// How SPF is checked.
    pub spf_verify: CheckedExpression,
    /// How DKIM is checked.
    pub dkim_verify: CheckedExpression,
    /// How DMARC is checked.
    pub dmarc_verify: CheckedExpression,
    /// How ARC is checked.
    pub arc_verify: CheckedExpression,
    /// Whether the message is refused.
    pub reject: CheckedExpression,
}

/// How strictly something is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strictness {
    /// Not at all.
    #[default]
    Disable,
    /// The result is written down.
    Relaxed,
    /// And the message refused if it is bad.
    Strict,
}

/// What is checked, and how strictly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    /// SPF.
    pub spf: Strictness,
    /// DKIM.
    pub dkim: Strictness,
    /// DMARC.
    pub dmarc: Strictness,
    /// ARC.
    pub arc: Strictness,
}

impl Levels {
    /// Whether anything is checked.
    pub fn any(&self) -> bool {
        *self != Levels::default()
    }
}

/// How a check ended; by the names of RFC 8601 section 2.7.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Finding {
    /// There was nothing to check, or it was not checked.
    #[default]
    None,
    /// It is good.
    Pass,
    /// It is bad.
    Fail,
    /// SPF: probably bad.
    SoftFail,
    /// Nothing is said about it, or a signature that cannot be made use of.
    Neutral,
    /// Not now: DNS did not answer.
    TempError,
    /// Never: what was published or signed is malformed.
    PermError,
}

impl Finding {
    /// As `Authentication-Results` and expressions write it.
    pub fn name(self) -> &'static str {
        match self {
            Finding::None => "none",
            Finding::Pass => "pass",
            Finding::Fail => "fail",
            Finding::SoftFail => "softfail",
            Finding::Neutral => "neutral",
            Finding::TempError => "temperror",
            Finding::PermError => "permerror",
        }
    }
}

/// What a domain wants done with mail that fails DMARC (RFC 9989 section 4.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DmarcPolicy {
    /// Nothing, or it has said nothing.
    #[default]
    None,
    /// To be looked at with suspicion.
    Quarantine,
    /// To be refused.
    Reject,
}

impl DmarcPolicy {
    /// As the record writes it.
    pub fn name(self) -> &'static str {
        match self {
            DmarcPolicy::None => "none",
            DmarcPolicy::Quarantine => "quarantine",
            DmarcPolicy::Reject => "reject",
        }
    }
}

/// What was found out about a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// SPF of the reverse-path, or of the name in EHLO if there is none.
    pub spf: Finding,
    /// The best of all DKIM signatures.
    pub dkim: Finding,
    /// DMARC.
    pub dmarc: Finding,
    /// What the domain in `From:` wants done.
    pub dmarc_policy: DmarcPolicy,
    /// The domain in `From:`; empty if there is no such one.
    pub from_domain: String,
    /// The chain of ARC seals.
    pub arc: Finding,
}

/// What is known of a client and its message before the content.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The listener's name.
    pub listener: &'a str,
    /// The client's address.
    pub ip: IpAddr,
    /// Our port.
    pub local_port: u16,
    /// What it called itself.
    pub helo: &'a str,
    /// Whether TLS is in use.
    pub is_tls: bool,
    /// The account that authenticated.
    pub authenticated_as: Option<&'a str>,
    /// The reverse-path.
    pub reverse_path: &'a ReversePath,
}

impl<'a> Variables<'a> for Client<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        match variable {
            Variable::Listener => Value::text(self.listener),
            Variable::RemoteIp => Value::owned(self.ip.to_string()),
            Variable::LocalPort => Value::Integer(self.local_port.into()),
            Variable::IsTls => Value::truth(self.is_tls),
            Variable::HeloDomain => Value::text(self.helo),
            Variable::AuthenticatedAs => Value::text(self.authenticated_as.unwrap_or("")),
            Variable::Sender => match self.reverse_path.address() {
                Some(sender) => Value::owned(sender.to_string()),
                None => Value::text(""),
            },
            Variable::SenderDomain => {
                Value::text(self.reverse_path.address().map_or("", |sender| sender.domain.as_str()))
            }
            _ => Value::text(""),
        }
    }
}

/// The client, and what was found out.
struct Judged<'a> {
    client: &'a Client<'a>,
    findings: &'a Findings,
}

impl<'a> Variables<'a> for Judged<'a> {
    fn value(&self, variable: Variable) -> Value<'a> {
        match variable {
            Variable::SpfResult => Value::text(self.findings.spf.name()),
            Variable::DkimResult => Value::text(self.findings.dkim.name()),
            Variable::DmarcResult => Value::text(self.findings.dmarc.name()),
            Variable::DmarcPolicy => Value::text(self.findings.dmarc_policy.name()),
            Variable::ArcResult => Value::text(self.findings.arc.name()),
            Variable::FromDomain => Value::text(&self.findings.from_domain),
            other => self.client.value(other),
        }
    }
}

/// How strictly each thing is checked for this client.
pub fn levels(configuration: &Configuration, client: &Client<'_>, answers: &LookupAnswers) -> Choice<Levels> {
    let settings = &configuration.sender_auth;
    let scene = Scene { variables: client, surroundings: configuration, answers };
    let all = || {
        Ok(Levels {
            spf: value(OBJECT, "spfVerify", &settings.spf_verify, scene, strictness)?,
            dkim: value(OBJECT, "dkimVerify", &settings.dkim_verify, scene, strictness)?,
            dmarc: value(OBJECT, "dmarcVerify", &settings.dmarc_verify, scene, strictness)?,
            arc: value(OBJECT, "arcVerify", &settings.arc_verify, scene, strictness)?,
        })
    };
    all().map_or_else(|undecided: Box<Choice<Levels>>| *undecided, Choice::Decided)
}

fn strictness(value: &Value<'_>) -> Strictness {
    match value.to_text().as_ref() {
        "strict" => Strictness::Strict,
        "relaxed" => Strictness::Relaxed,
        _ => Strictness::Disable,
    }
}

/// What becomes of the message: the reply that refuses it, or by which right it enters the queue.
pub fn judge(
    configuration: &Configuration,
    client: &Client<'_>,
    levels: Levels,
    findings: &Findings,
    answers: &LookupAnswers,
) -> Choice<Result<Source, Box<Reply>>> {
    if let Some(reply) = strict_refusal(levels, findings) {
        return Choice::Decided(Err(reply));
    }
    let judged = Judged { client, findings };
    let scene = Scene { variables: &judged, surroundings: configuration, answers };
    let rejected = value(OBJECT, "reject", &configuration.sender_auth.reject, scene, |value| value.is_true());
    match rejected {
        Err(undecided) => undecided.map(|_: bool| Ok(Source::Unauthenticated)),
        Ok(true) => Choice::Decided(Err(refusal(
            550,
            (5, 7, 1),
            "The sender could not be authenticated well enough.",
        ))),
        Ok(false) if findings.dmarc == Finding::Pass => Choice::Decided(Ok(Source::DmarcPass)),
        Ok(false) => Choice::Decided(Ok(Source::Unauthenticated)),
    }
}

/// The reply to mail that a strict check is against (RFC 7372 section 3; RFC 8617 section 10.2 for ARC).
fn strict_refusal(levels: Levels, findings: &Findings) -> Option<Box<Reply>> {
    let strict = |level: Strictness| level == Strictness::Strict;
    let later = |what: &str, detail: u16| {
        Some(refusal(451, (4, 7, detail), &format!("{what} cannot be checked now, try again later.")))
    };
    if strict(levels.spf) {
        match findings.spf {
            Finding::Fail => {
                return Some(refusal(550, (5, 7, 23), "SPF forbids this client to send for the domain."));
            }
            Finding::TempError => return later("SPF", 24),
            _ => {}
        }
    }
    if strict(levels.dkim) {
        match findings.dkim {
            Finding::Fail | Finding::PermError | Finding::Neutral => {
                return Some(refusal(550, (5, 7, 20), "No DKIM signature of the message is valid."));
            }
            Finding::TempError => return later("DKIM", 20),
            _ => {}
        }
    }
    if strict(levels.arc) {
        match findings.arc {
            Finding::Fail | Finding::PermError => {
                return Some(refusal(550, (5, 7, 29), "The chain of ARC seals is broken."));
            }
            Finding::TempError => return later("ARC", 29),
            _ => {}
        }
    }
    if strict(levels.dmarc) {
        match (findings.dmarc, findings.dmarc_policy) {
            (Finding::Fail | Finding::PermError, DmarcPolicy::Reject) => {
                let text =
                    format!("The DMARC policy of {} demands that this is refused.", findings.from_domain);
                return Some(refusal(550, (5, 7, 1), &text));
            }
            (Finding::TempError, _) => return later("DMARC", 1),
            // Several authors, or none: DMARC says nothing of them, and nobody may escape it so.
            (Finding::None, _) if findings.from_domain.is_empty() => {
                let text = "From: must name one domain, so that DMARC can be checked.";
                return Some(refusal(550, (5, 7, 1), text));
            }
            _ => {}
        }
    }
    None
}

fn refusal(code: u16, (class, subject, detail): (u8, u16, u16), text: &str) -> Box<Reply> {
    Box::new(Reply::new(code, Some(EnhancedStatus::new(class, subject, detail)), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_dmarc_needs_one_domain_in_from() {
        let check = |dmarc: Strictness, finding: Finding, from_domain: &str, refused: bool| {
            let levels = Levels { dmarc, ..Levels::default() };
            let from_domain = from_domain.to_owned();
            let findings = Findings { dmarc: finding, from_domain, ..Findings::default() };
            let reply = strict_refusal(levels, &findings).map(|reply| reply.to_string());
            assert_eq!(reply.is_some_and(|reply| reply.contains("one domain")), refused, "{findings:?}");
        };
        check(Strictness::Strict, Finding::None, "", true);
        check(Strictness::Strict, Finding::None, "a.example", false);
        check(Strictness::Strict, Finding::TempError, "", false);
        check(Strictness::Relaxed, Finding::None, "", false);
    }
}
