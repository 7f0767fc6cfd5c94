//! What a client is offered in EHLO beyond what every session has.

use super::answer::Answer;
use super::command::{MailParameters, RcptParameters};
use crate::sasl::exchange::{Mechanism, Mechanisms};
use mail::Body;

const NOT_OFFERED: Answer = Answer("555 5.5.4 A parameter is not offered in this session");
const NOT_SOLICITED: Answer = Answer("550 5.7.1 Mail of this class is not solicited");

/// The extensions that depend on who the client is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extensions {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// CHUNKING and BINARYMIME (RFC 3030).
    pub chunking: bool,
    /// REQUIRETLS (RFC 8689), over TLS.
    pub require_tls: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// EXPN.
    pub expn: bool,
    /// VRFY that says which addresses there are; else it says nothing (RFC 5321 section 7.3).
    pub vrfy: bool,
    /// DELIVERBY (RFC 2852).
    pub deliver_by: bool,
    /// FUTURERELEASE (RFC 4865 section 4): the longest time in seconds, and the latest date.
    pub future_release: Option<String>,
    /// MT-PRIORITY (RFC 6710): the profile.
    pub mt_priority: Option<&'static str>,
    /// NO-SOLICITING (RFC 3865): classes of mail, each behind a comma.
    pub no_soliciting: Option<String>,
    /// How a client may say who it is, where AUTH is offered at all.
    pub auth: Mechanisms,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions {
            pipelining: true,
            chunking: true,
            require_tls: true,
            dsn: true,
            expn: false,
            vrfy: false,
            deliver_by: false,
            future_release: None,
            mt_priority: None,
            no_soliciting: None,
            auth: Mechanisms::from_iter([Mechanism::Plain, Mechanism::Login]),
        }
    }
}

impl Extensions {
    /// The lines of EHLO.
    pub(super) fn lines(&self, tls: bool) -> Vec<String> {
        let flags = [
            (self.pipelining, "PIPELINING"),
            (self.chunking, "CHUNKING"),
            (self.chunking, "BINARYMIME"),
            (self.require_tls && tls, "REQUIRETLS"),
            (self.dsn, "DSN"),
            (self.expn, "EXPN"),
            (self.vrfy, "VRFY"),
            (self.deliver_by, "DELIVERBY"),
        ];
        let offered = flags.into_iter().filter(|(offered, _)| *offered);
        let mut lines: Vec<String> = offered.map(|(_, line)| line.to_owned()).collect();
        lines.extend(self.future_release.iter().map(|limits| format!("FUTURERELEASE {limits}")));
        lines.extend(self.mt_priority.iter().map(|profile| format!("MT-PRIORITY {profile}")));
        lines.extend(self.no_soliciting.iter().map(|classes| format!("NO-SOLICITING {classes}")));
        lines
    }

    /// Why MAIL with these parameters is refused.
    pub(super) fn refuse_mail(&self, parameters: &MailParameters, tls: bool) -> Option<Answer> {
        let dsn = parameters.ret.is_some() || parameters.envelope_id.is_some();
        let offered = (self.dsn || !dsn)
            && (self.chunking || parameters.body != Body::BinaryMime)
            && (self.deliver_by || parameters.deliver_by.is_none())
            && (self.future_release.is_some() || parameters.hold.is_none())
            && (self.mt_priority.is_some() || parameters.priority.is_none())
            && (self.no_soliciting.is_some() || parameters.solicit.is_none())
            && ((self.require_tls && tls) || !parameters.require_tls);
        if !offered {
            return Some(NOT_OFFERED);
        }
        let (unwanted, solicit) = (self.no_soliciting.as_deref()?, parameters.solicit.as_deref()?);
        let is_unwanted = |class: &str| unwanted.split(',').any(|other| other.eq_ignore_ascii_case(class));
        solicit.split(',').any(is_unwanted).then_some(NOT_SOLICITED)
    }

    /// Why RCPT with these parameters is refused.
    pub(super) fn refuse_rcpt(&self, parameters: &RcptParameters) -> Option<Answer> {
        let dsn = parameters.notify.is_some() || parameters.original.is_some();
        (dsn && !self.dsn).then_some(NOT_OFFERED)
    }
}
