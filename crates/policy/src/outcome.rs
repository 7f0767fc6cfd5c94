//! What did the peer's reply mean?

use mail::seven_bit::Unconvertible;
use mail::{EnhancedStatus, Reply, Severity, Stage, Timestamp};

use crate::plan::Endpoint;

/// What one delivery attempt meant for one recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum AttemptOutcome {
    /// The next hop has taken responsibility.
    Delivered(Delivered),
    /// Not now.
    Deferred(Trouble),
    /// Never.
    Failed(Trouble),
    /// Not tried, by a limit of ours; no attempt.
    Postponed {
        /// When it may be tried.
        until: Timestamp,
        /// Which limit.
        trouble: Trouble,
    },
}

/// What is known of a delivery that succeeded.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivered {
    /// The host that took it; `localhost` for the local store.
    pub host: String,
    /// Its last word: the reply to the final dot, or per recipient in LMTP.
    pub reply: Reply,
    /// Whether it is where it was to go, and not only handed on: the local store has it, or an LMTP server (RFC 2033).
    pub last_hop: bool,
    /// Whether DSN was offered and the request for notification was handed on (RFC 3461 section 5.2.1).
    pub dsn_handed_on: bool,
    /// Whether the sender is told that it was handed on, whatever it asked for but `NEVER` (RFC 2852 section 4).
    pub traced: bool,
}

/// Why not.
#[derive(Clone, PartialEq, Debug)]
pub struct Trouble {
    /// Whom else it would hit.
    pub scope: Scope,
    /// What kind of trouble; what `last_error` shows.
    pub kind: TroubleKind,
    /// The status for reports.
    pub status: EnhancedStatus,
    /// In words, for people. Never trusted: it may quote the peer.
    pub text: String,
    /// The host that it came from or was about; empty if none.
    pub host: String,
    /// The reply and the command that it answered, when the peer said no.
    pub reply: Option<(String, Reply)>,
    /// The final dot was sent and no answer came: the peer may have the message (RFC 1047).
    pub in_doubt: bool,
}

/// Whom else the same trouble would hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// This recipient alone.
    Recipient,
    /// Every recipient of this message.
    Message,
    /// Every message to this host.
    Host,
    /// Every message to this next hop.
    Destination,
}

/// What kind of trouble. The names are those that expressions see as `last_error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TroubleKind {
    /// The resolver failed, or the name says that it takes no mail.
    Dns,
    /// The peer said no.
    UnexpectedReply,
    /// No connection, or it broke.
    Connection,
    /// STARTTLS or the handshake.
    Tls,
    /// DANE.
    Dane,
    /// MTA-STS.
    MtaSts,
    /// A rate limit of ours.
    Rate,
    /// A concurrency limit.
    Concurrency,
    /// Our own side: store, secret, configuration, expiry, an operator.
    Io,
}

impl TroubleKind {
    /// The name that expressions see.
    pub fn name(self) -> &'static str {
        match self {
            TroubleKind::Dns => "dns",
            TroubleKind::UnexpectedReply => "unexpected-reply",
            TroubleKind::Connection => "connection",
            TroubleKind::Tls => "tls",
            TroubleKind::Dane => "dane",
            TroubleKind::MtaSts => "mta-sts",
            TroubleKind::Rate => "rate",
            TroubleKind::Concurrency => "concurrency",
            TroubleKind::Io => "io",
        }
    }
}

/// What an answer means for a recipient: its end in this attempt, or that another host may be asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Judgement {
    /// No other host is asked in this attempt.
    Final(AttemptOutcome),
    /// The peer has nothing of the message: the next host may be asked. If there is none, this is what remains.
    NextHost(Trouble),
}

impl Trouble {
    /// Deferred or failed, as the class of the status says.
    pub fn outcome(self) -> AttemptOutcome {
        if self.status.class == 5 { AttemptOutcome::Failed(self) } else { AttemptOutcome::Deferred(self) }
    }

    /// Trouble without a reply and without a doubt: class, subject and detail of the status, and what to say.
    pub fn new(
        scope: Scope,
        kind: TroubleKind,
        (class, subject, detail): (u8, u16, u16),
        text: impl Into<String>,
    ) -> Trouble {
        let status = EnhancedStatus::new(class, subject, detail);
        Trouble { scope, kind, status, text: text.into(), host: String::new(), reply: None, in_doubt: false }
    }

    /// Trouble of our own side; temporary, since it is not the message's fault.
    pub fn ours(text: impl Into<String>) -> Trouble {
        Trouble::new(Scope::Message, TroubleKind::Io, (4, 3, 0), text)
    }

    /// Names the host that it came from or is about.
    pub fn at(self, host: &str) -> Trouble {
        Trouble { host: host.to_owned(), ..self }
    }

    /// The same, but as a reason to try again later.
    pub fn deferring(self) -> Trouble {
        temporary(self)
    }

    /// Of two hosts' troubles, what remains: the temporary one, else the later one. One host that may take the
    /// message later is enough not to give up.
    pub fn or_later(self, later: Trouble) -> Trouble {
        if self.status.class == 4 && later.status.class == 5 { self } else { later }
    }
}

/// The peer said no, or something that is not yes. `command` is what it answered; `content_sent` says whether the
/// content was sent in the same transaction.
///
/// The next host is asked on a temporary refusal before anything of the message was taken; never after the content
/// was sent. A greeting of 5xx is about us or the host, not the message, so that it only defers.
pub fn refused(stage: Stage, reply: &Reply, command: &str, host: &str, content_sent: bool) -> Judgement {
    let permanent = reply.severity() == Severity::Permanent && reply.code != 421;
    let trouble = Trouble {
        scope: scope_of(stage, reply),
        kind: TroubleKind::UnexpectedReply,
        status: if permanent { reply.status() } else { as_temporary(reply.status()) },
        text: format!("{host} refused {command}: {reply}"),
        host: host.to_owned(),
        reply: Some((command.to_owned(), reply.clone())),
        in_doubt: false,
    };
    match stage {
        Stage::Greeting => Judgement::NextHost(temporary(trouble)),
        Stage::Hello | Stage::StartTls => Judgement::NextHost(trouble),
        // Our password, not the message (it would be bounced for our mistake).
        Stage::Auth => Judgement::NextHost(Trouble { kind: TroubleKind::Connection, ..temporary(trouble) }),
        Stage::Rcpt if is_too_many_recipients(reply) => final_or_next(temporary(trouble), content_sent),
        Stage::Reset | Stage::Mail | Stage::Rcpt | Stage::Data if permanent => {
            Judgement::Final(trouble.outcome())
        }
        Stage::Reset | Stage::Mail | Stage::Rcpt | Stage::Data => final_or_next(trouble, content_sent),
        Stage::Content => Judgement::Final(trouble.outcome()),
    }
}

fn final_or_next(trouble: Trouble, content_sent: bool) -> Judgement {
    if content_sent { Judgement::Final(trouble.outcome()) } else { Judgement::NextHost(trouble) }
}

fn scope_of(stage: Stage, reply: &Reply) -> Scope {
    match stage {
        _ if reply.code == 421 => Scope::Host,
        Stage::Greeting | Stage::Hello | Stage::StartTls | Stage::Auth | Stage::Reset => Scope::Host,
        Stage::Rcpt => Scope::Recipient,
        Stage::Mail | Stage::Data | Stage::Content => Scope::Message,
    }
}

/// Whether a refusal at RCPT says that the transaction is full, so that the recipient goes into another one now.
///
/// RFC 5321 section 4.5.3.1.10: 552 is to be taken as 452 here. But some use it for a full mailbox or too large a
/// message, which their enhanced code then says.
pub fn is_too_many_recipients(reply: &Reply) -> bool {
    let about_the_mailbox =
        reply.enhanced.is_some_and(|status| matches!((status.subject, status.detail), (2, _) | (3, 4)));
    matches!(reply.code, 452 | 552) && !about_the_mailbox
}

/// The connection broke or the peer talked nonsense. `in_doubt` says that the content had been sent to its end:
/// the peer may have the message, so no other host is asked (RFC 1047).
pub fn broken(stage: Stage, why: &str, host: &str, in_doubt: bool) -> Judgement {
    let possible_duplicate = if in_doubt { ", possible duplicate" } else { "" };
    let scope = if in_doubt { Scope::Message } else { Scope::Host };
    let text = format!("{host}, at {stage}: {why}{possible_duplicate}");
    let trouble = Trouble::new(scope, TroubleKind::Connection, (4, 4, 2), text).at(host);
    let trouble = Trouble { in_doubt, ..trouble };
    if in_doubt { Judgement::Final(trouble.outcome()) } else { Judgement::NextHost(trouble) }
}

/// No connection could be made to this address of a host.
pub fn unreachable(host: &str, address: &Endpoint, why: &str) -> Trouble {
    let text = match address {
        Endpoint::Tcp(address) => format!("cannot connect to {host} ({address}): {why}"),
        Endpoint::Unix(path) => format!("cannot connect to {}: {why}", path.display()),
    };
    Trouble::new(Scope::Host, TroubleKind::Connection, (4, 4, 1), text).at(host)
}

/// What a peer's capabilities do not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incapable {
    /// The message is larger than this many bytes.
    TooLarge(u64),
    /// The message or the address needs SMTPUTF8 (RFC 6531).
    NoSmtpUtf8,
    /// The content needs BINARYMIME and CHUNKING (RFC 3030).
    NoBinaryMime,
    /// The content has bytes above 127 or long lines, which needs 8BITMIME (RFC 6152) or conversion.
    NoEightBitMime,
    /// The content would have to be converted, and cannot be.
    Unconvertible(Unconvertible),
    /// The message is to be returned at a certain time, which the host does not promise (RFC 2852).
    NoDeliverBy,
    /// The sender demanded REQUIRETLS (RFC 8689).
    NoRequireTls,
}

/// The message cannot be offered to this host. Another may be able; if none is, it is returned.
pub fn incapable(lack: Incapable, host: &str) -> Trouble {
    let (status, what) = match lack {
        Incapable::TooLarge(limit) => ((5, 3, 4), format!("takes messages of {limit} bytes at most")),
        Incapable::NoSmtpUtf8 => ((5, 6, 7), "does not offer SMTPUTF8, which this message needs".to_owned()),
        Incapable::NoBinaryMime => {
            ((5, 6, 3), "does not offer BINARYMIME, which this message needs".to_owned())
        }
        Incapable::NoEightBitMime => {
            ((5, 6, 3), "does not offer 8BITMIME, which this message needs".to_owned())
        }
        Incapable::Unconvertible(why) => {
            ((5, 6, 3), format!("takes no such content, and it cannot be converted: {why}"))
        }
        // RFC 3463 section 3.5: delivery time expired.
        Incapable::NoDeliverBy => {
            ((5, 4, 7), "does not promise to return the message in the time that is left".to_owned())
        }
        Incapable::NoRequireTls => {
            ((5, 7, 30), "does not offer REQUIRETLS, which the sender demanded".to_owned())
        }
    };
    Trouble::new(Scope::Message, TroubleKind::UnexpectedReply, status, format!("{host} {what}")).at(host)
}

/// Whether a refusal for good is about this server, and so hits other messages too: our reputation, or signatures and
/// records that are missing (RFC 7372; from x.7.500 on, the big providers' own).
pub fn is_about_us(trouble: &Trouble) -> bool {
    let EnhancedStatus { class, subject, detail } = trouble.status;
    trouble.reply.is_some() && class == 5 && subject == 7 && matches!(detail, 1 | 20..=29 | 500..)
}

/// The relay offers no mechanism of AUTH that we know. Like a refused password it only defers.
pub fn no_mechanism(host: &str) -> Trouble {
    let text = format!("{host} offers no mechanism of AUTH for our credentials");
    Trouble::new(Scope::Host, TroubleKind::Connection, (4, 7, 4), text).at(host)
}

fn temporary(trouble: Trouble) -> Trouble {
    Trouble { status: as_temporary(trouble.status), ..trouble }
}

fn as_temporary(status: EnhancedStatus) -> EnhancedStatus {
    EnhancedStatus { class: 4, ..status }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `F4`/`F5`: final and deferred/failed; `N4`/`N5`: next host, and what remains is temporary/permanent.
    #[track_caller]
    fn check(stage: Stage, code: u16, content_sent: bool, expected: &str) {
        let reply = Reply::new(code, None, "text");
        let got = match refused(stage, &reply, "COMMAND", "mx.example.org", content_sent) {
            Judgement::Final(AttemptOutcome::Deferred(trouble)) => format!("F{}", trouble.status.class),
            Judgement::Final(AttemptOutcome::Failed(trouble)) => format!("F{}", trouble.status.class),
            Judgement::Final(AttemptOutcome::Postponed { .. }) => "postponed".to_owned(),
            Judgement::Final(AttemptOutcome::Delivered(_)) => "delivered".to_owned(),
            Judgement::NextHost(trouble) => format!("N{}", trouble.status.class),
        };
        assert_eq!(got, expected, "{stage} {code} content_sent={content_sent}");
    }

    // proves: E1, E2, E3
    #[test]
    fn each_stage_and_class() {
        for (stage, transient, permanent) in [
            (Stage::Greeting, "N4", "N4"),
            (Stage::Hello, "N4", "N5"),
            (Stage::StartTls, "N4", "N5"),
            (Stage::Auth, "N4", "N4"),
            (Stage::Mail, "N4", "F5"),
            (Stage::Rcpt, "N4", "F5"),
            (Stage::Data, "N4", "F5"),
            (Stage::Content, "F4", "F5"),
        ] {
            check(stage, 450, false, transient);
            check(stage, 550, false, permanent);
        }
    }

    #[test]
    fn no_other_host_after_the_content_was_sent() {
        check(Stage::Rcpt, 450, true, "F4");
        check(Stage::Rcpt, 550, true, "F5");
        check(Stage::Rcpt, 452, true, "F4");
        check(Stage::Content, 421, true, "F4");
    }

    // proves: E13
    #[test]
    fn a_full_transaction_is_not_a_refusal_for_good() {
        check(Stage::Rcpt, 552, false, "N4");
        let full_mailbox = Reply::new(552, Some(EnhancedStatus::new(5, 2, 2)), "quota");
        assert!(!is_too_many_recipients(&full_mailbox));
        assert!(is_too_many_recipients(&Reply::new(452, Some(EnhancedStatus::new(4, 5, 3)), "too many")));
    }

    // proves: D4, D5
    // proves: E20
    #[test]
    fn a_refusal_may_be_about_us() {
        for (code, status, expected) in [
            (550, (5, 7, 1), true),
            (550, (5, 7, 26), true),
            (550, (5, 7, 606), true),
            (550, (5, 7, 30), false),
            (550, (5, 1, 1), false),
            (450, (4, 7, 1), false),
        ] {
            let status = EnhancedStatus::new(status.0, status.1, status.2);
            let reply = Reply::new(code, Some(status), "no");
            let (Judgement::Final(AttemptOutcome::Failed(trouble)) | Judgement::NextHost(trouble)) =
                refused(Stage::Mail, &reply, "MAIL", "mx", false)
            else {
                panic!("{reply}")
            };
            assert_eq!(is_about_us(&trouble), expected, "{reply}");
        }
    }

    #[test]
    fn only_a_break_after_the_content_is_in_doubt() {
        let before = broken(Stage::Content, "reset", "mx", false);
        assert!(matches!(before, Judgement::NextHost(trouble) if !trouble.in_doubt));
        let after = broken(Stage::Content, "reset", "mx", true);
        assert!(matches!(after, Judgement::Final(AttemptOutcome::Deferred(trouble)) if trouble.in_doubt));
    }

    #[test]
    fn temporary_beats_permanent_and_later_beats_earlier() {
        let permanent = incapable(Incapable::TooLarge(10), "one");
        let temporary = no_mechanism("two");
        assert_eq!(permanent.clone().or_later(temporary.clone()).host, "two");
        assert_eq!(temporary.clone().or_later(permanent.clone()).host, "two");
        assert_eq!(permanent.clone().or_later(incapable(Incapable::NoSmtpUtf8, "three")).host, "three");
        assert!(matches!(permanent.outcome(), AttemptOutcome::Failed(_)));
        assert!(matches!(temporary.outcome(), AttemptOutcome::Deferred(_)));
    }
}
