//! Everything that a notification says in English. Another language is another file like this one.

use mail::{Address, Severity};

use crate::outcome::{Trouble, TroubleKind};

/// Between two kinds of news.
pub(super) const RULE: &str = "----------------------------------------";

/// Which kinds of news a notification brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct News {
    pub(super) success: bool,
    pub(super) delay: bool,
    pub(super) failure: bool,
}

/// The subject.
pub(super) fn subject(news: News) -> &'static str {
    match (news.success, news.delay, news.failure) {
        (true, false, false) => "Successfully delivered message",
        (true, _, _) => "Partially delivered message",
        (false, true, true) => "Warning: Temporary and permanent failures during message delivery",
        (false, true, false) => "Warning: Delay in message delivery",
        (false, false, _) => "Failed to deliver message",
    }
}

/// Who speaks.
pub(super) fn opening(host: &str, domain: &str) -> String {
    format!("This is the mail system at host {host}.\nFor help, write to postmaster@{domain}.\n")
}

/// Why the postmaster gets this.
pub(super) const DOUBLE_BOUNCE: &str = "The message came from the empty sender address, as notifications do, so that nobody else can be\n\
     told. You get this because the settings say that the postmaster is told then.\n";

pub(super) const DELIVERED: &str = "Your message was delivered to these recipients:";
pub(super) const RELAYED: &str = "Your message was handed on for these recipients. The servers that took it do not\n\
     confirm delivery; you will hear of it again only if something goes wrong:";
pub(super) const DELAYED: &str = "Your message has not been delivered to these recipients yet.\n\
     It is still being tried; you need not send it again:";
pub(super) const FAILED: &str = "Your message could not be delivered to these recipients:";

/// Where the copy is.
pub(super) fn delivered_to(host: &str, reply: &str) -> String {
    format!("delivered to '{host}' with {reply}")
}

/// What a server said.
pub(super) fn reply(code: u16, enhanced: &str, text: &str) -> String {
    format!("code {code}{enhanced} '{text}'")
}

/// Nothing has happened yet.
pub(super) const NOT_TRIED: &str = "not tried yet";

/// What happened, in one line. `reply` is a command and what the server answered to it.
pub(super) fn happened(
    kind: TroubleKind,
    host: &str,
    reply: Option<(&str, &str)>,
    text: &str,
    to: &Address,
) -> String {
    match (kind, reply) {
        (TroubleKind::UnexpectedReply, Some((command, reply))) => {
            format!("host '{host}' rejected command '{command}' with {reply}")
        }
        (TroubleKind::UnexpectedReply, None) => format!("host '{host}' rejected transaction: {text}"),
        (TroubleKind::Dns, _) if host.is_empty() => format!("failed to lookup '{}': {text}", to.domain),
        (TroubleKind::Dns, _) => format!("failed to lookup '{host}': {text}"),
        (TroubleKind::Connection, _) => format!("connection to '{host}' failed: {text}"),
        (TroubleKind::Tls, _) => format!("TLS with '{host}' failed: {text}"),
        (TroubleKind::Dane, _) => format!("DANE did not authenticate '{host}': {text}"),
        (TroubleKind::MtaSts, _) => format!("MTA-STS did not authenticate '{host}': {text}"),
        (TroubleKind::Rate, _) => "rate limited".to_owned(),
        (TroubleKind::Concurrency, _) => "too many connections at once".to_owned(),
        (TroubleKind::Io, _) => format!("queue error: {text}"),
    }
}

/// How a delayed recipient goes on.
pub(super) fn outlook(why: Option<&str>, until: Option<&str>) -> String {
    let why = why.map_or_else(String::new, |why| format!("Why: {why}\n"));
    let until = until.map_or_else(
        || "What to do: nothing. It is tried again by itself.".to_owned(),
        |until| format!("What to do: nothing. It will be tried until {until}."),
    );
    why + &until
}

/// Whose fault it is and what can be done, for a recipient that was given up.
pub(super) fn advice(trouble: &Trouble) -> String {
    let (why, remedy) = failure(trouble);
    format!("Why: {why}\nWhat to do: {remedy}")
}

/// Whose fault a delay is, where that is known.
pub(super) fn delay(trouble: &Trouble) -> &'static str {
    match trouble.kind {
        TroubleKind::UnexpectedReply => "the recipient's server has put the message off.",
        TroubleKind::Dns => "the domain name service gives no answer about that domain now.",
        TroubleKind::Connection => "the recipient's server is not to be reached now.",
        TroubleKind::Tls | TroubleKind::Dane | TroubleKind::MtaSts => {
            "there is no connection to the recipient's server that is secure enough."
        }
        TroubleKind::Rate | TroubleKind::Concurrency | TroubleKind::Io => {
            "this mail system holds it back; neither you nor the recipient is to blame."
        }
    }
}

/// Why, and what to do.
type Advice = (&'static str, &'static str);

fn failure(trouble: &Trouble) -> Advice {
    let put_off = |reply: &mail::Reply| reply.severity() == Severity::Transient;
    if trouble.reply.as_ref().is_some_and(|(_, reply)| put_off(reply)) {
        return (
            "the recipient's server put the message off again and again, until its time was over.",
            "send it again later. If that lasts, only the postmaster over there can help.",
        );
    }
    match (trouble.status.subject, trouble.status.detail) {
        (1, 7 | 8) => (
            "the recipient's server does not accept your own address as the sender's.",
            "show this to your own postmaster.",
        ),
        (1, 2 | 10) => ("the address is wrong: that domain takes no mail.", "check what stands after the @."),
        (1, _) => (
            "the address is wrong: the recipient's server knows no such mailbox.",
            "check its spelling, above all what stands before the @.",
        ),
        (2, 3) | (3, 4) => (
            "the message is too large for the recipient's server.",
            "send it in smaller parts, or a link instead of the attachment.",
        ),
        (2, _) => (
            "the recipient's mailbox takes no mail now, for example because it is full.",
            "tell the recipient in another way, and send it again later.",
        ),
        (4, 4) => (
            "the address is wrong, or its domain is set up wrongly: no server can be found for it.",
            "check what stands after the @.",
        ),
        (4, 6) => (
            "mail for that domain goes in circles between servers.",
            "nothing. Only the postmasters of these servers can mend it.",
        ),
        (6, _) => (
            "the recipient's server cannot take a message of this form.",
            "send it in a simpler form, for example as plain text, or to an address of plain letters.",
        ),
        (7, _) if trouble.reply.is_some() => (
            "the recipient's server refuses it by a rule of its own; its reply above says which.",
            "show that reply to your postmaster, or reach the recipient in another way.",
        ),
        _ => by_kind(trouble.kind),
    }
}

fn by_kind(kind: TroubleKind) -> Advice {
    match kind {
        TroubleKind::UnexpectedReply => (
            "the recipient's server refused it for good; its reply above says why.",
            "mend what the reply names, or reach the recipient in another way.",
        ),
        TroubleKind::Dns => (
            "the domain name service gave no answer about that domain until the time was over.",
            "check what stands after the @, and send it again later.",
        ),
        TroubleKind::Connection => (
            "the recipient's server was not to be reached until the time was over.",
            "send it again later, or reach the recipient in another way.",
        ),
        TroubleKind::Tls | TroubleKind::Dane | TroubleKind::MtaSts => (
            "there was no connection to the recipient's server that is secure enough.",
            "show this to your postmaster. The message was sent to nobody.",
        ),
        TroubleKind::Rate | TroubleKind::Concurrency | TroubleKind::Io => (
            "the fault lies with this mail system, neither with you nor with the recipient.",
            "show this to your postmaster, and send it again later.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use mail::Reply;

    use super::*;
    use crate::outcome::Scope;

    #[track_caller]
    fn check(kind: TroubleKind, status: (u16, u16), code: Option<u16>, expected: &str) {
        let trouble = Trouble {
            reply: code.map(|code| ("RCPT TO".to_owned(), Reply::new(code, None, "no"))),
            ..Trouble::new(Scope::Recipient, kind, (5, status.0, status.1), "")
        };
        let said = advice(&trouble);
        assert!(said.contains(expected), "{said}");
        assert!(said.starts_with("Why: ") && said.contains("\nWhat to do: "), "{said}");
    }

    #[test]
    fn says_whose_fault_it_was() {
        check(TroubleKind::UnexpectedReply, (1, 1), Some(550), "check its spelling");
        check(TroubleKind::UnexpectedReply, (1, 8), Some(550), "your own address");
        check(TroubleKind::UnexpectedReply, (2, 2), Some(552), "the recipient's mailbox");
        check(TroubleKind::UnexpectedReply, (3, 4), None, "too large");
        check(TroubleKind::UnexpectedReply, (6, 7), None, "of this form");
        check(TroubleKind::UnexpectedReply, (7, 1), Some(554), "a rule of its own");
        check(TroubleKind::UnexpectedReply, (0, 0), Some(550), "refused it for good");
        check(TroubleKind::Dns, (1, 10), None, "after the @");
        check(TroubleKind::Dns, (4, 3), None, "no answer about that domain");
        check(TroubleKind::Connection, (4, 1), None, "not to be reached");
        check(TroubleKind::Tls, (7, 10), None, "secure enough");
        check(TroubleKind::Io, (3, 0), None, "lies with this mail system");
    }

    #[test]
    fn what_was_put_off_to_the_end_is_not_told_as_refused() {
        check(TroubleKind::UnexpectedReply, (1, 1), Some(450), "again and again");
    }
}
