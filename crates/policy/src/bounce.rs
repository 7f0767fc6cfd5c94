//! Who is told what? RFC 3461.

mod advice;

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use mail::dsn::{Action, DeliveryStatus, Dsn, RecipientStatus, Returned, one_line};
use mail::header::header_end;
use mail::{
    Address, Body, ContentTraits, Domain, EnhancedStatus, Envelope, LocalPart, MessageId, Notify, Origin,
    Parameters, Recipient, Reply, Ret, ReversePath, Source, Timestamp,
};

use self::advice::advice;
use crate::admit::{Accepted, NewRecipient};
use crate::limits::{DSN_HEADER_BYTES_MAX, DSN_MESSAGE_BYTES_MAX};
use crate::outcome::{Delivered, Trouble, TroubleKind};
use crate::retry::Progress;

/// Something that happened to a recipient and that its sender may want to know.
#[derive(Clone, PartialEq, Debug)]
pub enum Happening {
    /// The next hop has it.
    Delivered(Delivered),
    /// It is still being tried.
    Delayed(Progress),
    /// We have given up.
    Failed(Trouble),
}

/// In whose name we tell.
#[derive(Clone, Copy, Debug)]
pub struct Reporter<'a> {
    /// The host that reports.
    pub hostname: &'a Domain,
    /// The domain of MAILER-DAEMON.
    pub domain: &'a Domain,
}

/// Whether the sender is to be told (RFC 3461 section 4.1): it asked for it, and there is somebody to tell (I3).
///
/// Where the request was handed on, the next hop tells of the success (RFC 3461 section 5.2.1).
pub fn wanted(envelope: &Envelope, recipient: &Recipient, happening: &Happening) -> bool {
    envelope.reverse_path.address().is_some()
        && match happening {
            Happening::Delivered(delivered) => recipient.notify.success && !delivered.dsn_handed_on,
            Happening::Delayed(_) => recipient.notify.delay,
            Happening::Failed(_) => recipient.notify.failure,
        }
}

/// How many bytes of the message, from its beginning, its notification wants to see.
pub fn original_bytes_wanted(envelope: &Envelope, happenings: &[(Recipient, Happening)]) -> u64 {
    if returns_message(envelope, happenings) {
        envelope.size
    } else {
        DSN_HEADER_BYTES_MAX.min(envelope.size)
    }
}

/// The envelope of a notification as expressions see it: what its schedule is chosen by. None if nobody is to be told.
pub fn notification_envelope(about: &Envelope, now: Timestamp) -> Option<Envelope> {
    Some(Envelope {
        message: MessageId(0),
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: origin(),
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 0,
        recipients: vec![about.reverse_path.address()?.clone()],
    })
}

/// The one notification about all that happened to a message, with its content; none if nobody is to be told.
///
/// `original` is the beginning of the message, [`original_bytes_wanted`] long; `progress` the first place of the
/// notification in its own schedule.
pub fn notification(
    envelope: &Envelope,
    happenings: &[(Recipient, Happening)],
    original: &[u8],
    reporter: Reporter<'_>,
    progress: Progress,
    now: Timestamp,
) -> Option<(Accepted, Vec<u8>)> {
    let to = envelope.reverse_path.address()?;
    let mut told: Vec<&(Recipient, Happening)> =
        happenings.iter().filter(|(recipient, happening)| wanted(envelope, recipient, happening)).collect();
    told.sort_by_key(|(recipient, happening)| (action(happening), recipient.id));
    let (first, _) = told.first()?;
    let dsn = Dsn {
        from_name: "Mail Delivery Subsystem".to_owned(),
        from: Address {
            local_part: LocalPart::parse("MAILER-DAEMON").ok()?,
            domain: reporter.domain.clone(),
        },
        to: to.clone(),
        subject: subject(&told).to_owned(),
        date: now,
        message_id: format!("{:x}.{}.{}@{}", now.as_millis(), envelope.message, first.id, reporter.hostname),
        text: text(&told, reporter),
        status: DeliveryStatus {
            reporting_mta: reporter.hostname.to_string(),
            arrival_date: envelope.accepted_at,
            envelope_id: envelope.parameters.envelope_id.clone(),
            recipients: told
                .iter()
                .map(|(recipient, happening)| status_of(recipient, happening, now))
                .collect(),
        },
        returned: returned(envelope, happenings, original),
    };
    let content = dsn.print();
    Some((accepted(envelope, to, &content, progress, now), content))
}

fn origin() -> Origin {
    Origin {
        source: Source::Dsn,
        listener: String::new(),
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        local_port: 0,
        authenticated_as: None,
    }
}

fn accepted(about: &Envelope, to: &Address, content: &[u8], progress: Progress, now: Timestamp) -> Accepted {
    let eight_bit = !content.is_ascii();
    Accepted {
        reverse_path: ReversePath::Null,
        accepted_at: now,
        origin: origin(),
        parameters: Parameters {
            body: if eight_bit { Body::EightBitMime } else { Body::SevenBit },
            smtputf8: to.needs_smtputf8(),
            // RFC 8689 section 5: what was to travel by TLS only is not told about in the clear.
            require_tls: about.parameters.require_tls,
            ..Parameters::default()
        },
        traits: ContentTraits { eight_bit, binary: false, long_lines: about.traits.long_lines },
        size: content.len() as u64,
        recipients: vec![NewRecipient {
            forward_path: to.clone(),
            original: None,
            notify: Notify::NEVER,
            progress,
        }],
    }
}

/// Whether the whole message is returned: asked for, and only where something failed (RFC 3461 section 4.3).
fn returns_message(envelope: &Envelope, happenings: &[(Recipient, Happening)]) -> bool {
    let failed = |(recipient, happening): &(Recipient, Happening)| {
        matches!(happening, Happening::Failed(_)) && wanted(envelope, recipient, happening)
    };
    envelope.parameters.ret == Some(Ret::Full)
        && envelope.size <= DSN_MESSAGE_BYTES_MAX
        && !envelope.traits.binary
        && happenings.iter().any(failed)
}

fn returned(envelope: &Envelope, happenings: &[(Recipient, Happening)], original: &[u8]) -> Returned {
    if returns_message(envelope, happenings) && original.len() as u64 == envelope.size {
        return Returned::Full(original.to_vec());
    }
    Returned::Header(header(original).to_vec())
}

/// The header with the CRLF of its last field, or as many whole lines of it as there may be.
fn header(original: &[u8]) -> &[u8] {
    let bytes_max = usize::try_from(DSN_HEADER_BYTES_MAX).unwrap_or(usize::MAX).min(original.len());
    let start = &original[..bytes_max];
    let header = &start[..header_end(start)];
    &header[..header.iter().rposition(|byte| *byte == b'\n').map_or(0, |lf| lf + 1)]
}

fn action(happening: &Happening) -> Action {
    match happening {
        Happening::Delivered(delivered) if delivered.last_hop => Action::Delivered,
        Happening::Delivered(_) => Action::Relayed,
        Happening::Delayed(_) => Action::Delayed,
        Happening::Failed(_) => Action::Failed,
    }
}

/// Whether no other host took part, so that none is named.
fn is_local(delivered: &Delivered) -> bool {
    delivered.last_hop && delivered.host == "localhost"
}

fn subject(told: &[&(Recipient, Happening)]) -> &'static str {
    let any = |wanted: fn(Action) -> bool| told.iter().any(|(_, happening)| wanted(action(happening)));
    let success = any(|action| matches!(action, Action::Delivered | Action::Relayed));
    match (success, any(|action| action == Action::Delayed), any(|action| action == Action::Failed)) {
        (true, false, false) => "Successfully delivered message",
        (true, _, _) => "Partially delivered message",
        (false, true, true) => "Warning: Temporary and permanent failures during message delivery",
        (false, true, false) => "Warning: Delay in message delivery",
        (false, false, _) => "Failed to deliver message",
    }
}

/// The part for people: why they get this, then what happened to each recipient, the good news first, and what
/// they can do about it.
fn text(told: &[&(Recipient, Happening)], reporter: Reporter<'_>) -> String {
    let Reporter { hostname, domain } = reporter;
    let mut out =
        format!("This is the mail system at host {hostname}.\nFor help, write to postmaster@{domain}.\n\n");
    let mut before = String::new();
    for (nth, (recipient, happening)) in told.iter().enumerate() {
        let heading = heading(happening);
        if heading != before {
            if !before.is_empty() {
                out.push_str("\n----------------------------------------\n\n");
            }
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{heading}\n");
            heading.clone_into(&mut before);
        }
        let _ = writeln!(out, "<{}> ({})", recipient.forward_path, what(recipient, happening));
        // What is the same for several is said once, after the last of them.
        let said_next = told.get(nth + 1).map(|(_, next)| (self::heading(next), outlook(next)));
        let outlook = outlook(happening);
        if !outlook.is_empty() && said_next.is_none_or(|next| next != (heading, outlook.clone())) {
            let _ = writeln!(out, "{outlook}");
        }
    }
    out
}

fn heading(happening: &Happening) -> &'static str {
    match happening {
        Happening::Delivered(delivered) if delivered.last_hop => {
            "Your message was delivered to these recipients:"
        }
        Happening::Delivered(_) => {
            "Your message was handed on for these recipients. The servers that took it do not\n\
             confirm delivery; you will hear of it again only if something goes wrong:"
        }
        Happening::Delayed(_) => {
            "Your message has not been delivered to these recipients yet.\nIt is still being tried; \
             you need not send it again:"
        }
        Happening::Failed(_) => "Your message could not be delivered to these recipients:",
    }
}

/// What the sender can expect or do; empty if there is nothing to say.
fn outlook(happening: &Happening) -> String {
    match happening {
        Happening::Delivered(_) => String::new(),
        Happening::Delayed(progress) => progress
            .gives_up_at()
            .map_or_else(String::new, |at| format!("It will be tried until {}.", at.rfc5322())),
        Happening::Failed(trouble) => advice(trouble).to_owned(),
    }
}

const TEXT_CHARS_MAX: usize = 400;

fn what(recipient: &Recipient, happening: &Happening) -> String {
    match happening {
        Happening::Delivered(delivered) => {
            let host = one_line(&delivered.host, TEXT_CHARS_MAX);
            format!("delivered to '{host}' with {}", reply_text(&delivered.reply))
        }
        Happening::Delayed(progress) => match &progress.last {
            Some(trouble) => why(recipient, trouble),
            None => "not tried yet".to_owned(),
        },
        Happening::Failed(trouble) => why(recipient, trouble),
    }
}

fn why(recipient: &Recipient, trouble: &Trouble) -> String {
    let host = one_line(&trouble.host, TEXT_CHARS_MAX);
    let text = one_line(&trouble.text, TEXT_CHARS_MAX);
    match (trouble.kind, &trouble.reply) {
        (TroubleKind::UnexpectedReply, Some((command, reply))) => {
            let command = one_line(command, TEXT_CHARS_MAX);
            format!("host '{host}' rejected command '{command}' with {}", reply_text(reply))
        }
        (TroubleKind::UnexpectedReply, None) => format!("host '{host}' rejected transaction: {text}"),
        (TroubleKind::Dns, _) if host.is_empty() => {
            format!("failed to lookup '{}': {text}", recipient.forward_path.domain)
        }
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

fn reply_text(reply: &Reply) -> String {
    let enhanced = reply.enhanced.map_or_else(String::new, |status| format!(" ({status})"));
    format!("code {}{enhanced} '{}'", reply.code, one_line(&reply.text, TEXT_CHARS_MAX))
}

fn status_of(recipient: &Recipient, happening: &Happening, now: Timestamp) -> RecipientStatus {
    let trouble = match happening {
        Happening::Delivered(_) => None,
        Happening::Delayed(progress) => progress.last.as_ref(),
        Happening::Failed(trouble) => Some(trouble),
    };
    let status = match happening {
        Happening::Delivered(delivered) => delivered.reply.status(),
        Happening::Delayed(_) => of_class(4, trouble),
        Happening::Failed(_) => of_class(5, trouble),
    };
    let (host, reply) = match happening {
        Happening::Delivered(delivered) if is_local(delivered) => (None, None),
        Happening::Delivered(delivered) => (Some(&delivered.host), Some(&delivered.reply)),
        Happening::Delayed(_) | Happening::Failed(_) => (
            trouble.filter(|trouble| came_from_host(trouble)).map(|trouble| &trouble.host),
            trouble.and_then(|trouble| trouble.reply.as_ref()).map(|(_, reply)| reply),
        ),
    };
    RecipientStatus {
        original: recipient.original.clone(),
        final_recipient: recipient.forward_path.clone(),
        action: action(happening),
        status,
        remote_mta: host.cloned(),
        diagnostic: reply.map(Reply::to_string),
        will_retry_until: match happening {
            Happening::Delayed(progress) => progress.gives_up_at().filter(|at| *at > now),
            Happening::Delivered(_) | Happening::Failed(_) => None,
        },
    }
}

fn of_class(class: u8, trouble: Option<&Trouble>) -> EnhancedStatus {
    let status = trouble.map_or(EnhancedStatus::new(class, 0, 0), |trouble| trouble.status);
    EnhancedStatus { class, ..status }
}

fn came_from_host(trouble: &Trouble) -> bool {
    let spoke = match trouble.kind {
        TroubleKind::UnexpectedReply | TroubleKind::Connection | TroubleKind::Tls | TroubleKind::Dane => true,
        TroubleKind::Dns
        | TroubleKind::MtaSts
        | TroubleKind::Rate
        | TroubleKind::Concurrency
        | TroubleKind::Io => false,
    };
    spoke && !trouble.host.is_empty()
}

#[cfg(test)]
mod tests {
    use mail::{OriginalRecipient, RecipientId};
    use proptest::prelude::*;

    use super::*;
    use crate::outcome::Scope;
    use crate::retry::Expiry;

    const NOW: Timestamp = Timestamp::from_millis(1_795_509_920_000);
    const ORIGINAL: &[u8] = b"Subject: hello\r\nFrom: a\r\n\r\nbody\r\n";

    fn envelope(reverse_path: &str) -> Envelope {
        Envelope {
            message: MessageId(0x2a),
            reverse_path: match reverse_path {
                "" => ReversePath::Null,
                address => ReversePath::Address(Address::parse(address).unwrap()),
            },
            accepted_at: Timestamp::from_millis(1_795_509_910_000),
            origin: Origin { source: Source::Authenticated, ..origin() },
            parameters: Parameters { envelope_id: Some("env7".to_owned()), ..Parameters::default() },
            traits: ContentTraits::default(),
            size: ORIGINAL.len() as u64,
            recipients: Vec::new(),
        }
    }

    fn recipient(id: u64, address: &str, notify: Notify) -> Recipient {
        Recipient {
            id: RecipientId(id),
            forward_path: Address::parse(address).unwrap(),
            original: None,
            notify,
        }
    }

    const ALL: Notify = Notify { success: true, delay: true, failure: true, explicit: true };

    fn delivered(host: &str, dsn_handed_on: bool) -> Happening {
        Happening::Delivered(Delivered {
            host: host.to_owned(),
            reply: Reply::new(250, Some(EnhancedStatus::new(2, 0, 0)), "taken"),
            last_hop: host == "localhost",
            dsn_handed_on,
        })
    }

    fn refused() -> Trouble {
        Trouble {
            scope: Scope::Recipient,
            kind: TroubleKind::UnexpectedReply,
            status: EnhancedStatus::new(5, 1, 1),
            text: "no such user".to_owned(),
            host: "mx.example.org".to_owned(),
            reply: Some((
                "RCPT TO:<a@example.org>".to_owned(),
                Reply::new(550, Some(EnhancedStatus::new(5, 1, 1)), "no such\nuser"),
            )),
            in_doubt: false,
        }
    }

    fn unreachable() -> Trouble {
        Trouble {
            scope: Scope::Host,
            kind: TroubleKind::Connection,
            status: EnhancedStatus::new(4, 4, 1),
            text: "connection refused".to_owned(),
            host: "mx.example.net".to_owned(),
            reply: None,
            in_doubt: false,
        }
    }

    fn progress(last: Option<Trouble>) -> Progress {
        Progress {
            retry_num: 3,
            due: NOW,
            notify_num: 0,
            notify_due: None,
            expiry: Expiry::At(Timestamp::from_millis(1_795_600_000_000)),
            virtual_queue: "dsn".to_owned(),
            last,
            envelope_expiry: None,
            envelope_notice: false,
        }
    }

    fn notify_with(envelope: &Envelope, happenings: &[(Recipient, Happening)]) -> Option<(Accepted, String)> {
        let (hostname, domain) =
            (Domain::parse("mx.test.example").unwrap(), Domain::parse("test.example").unwrap());
        let reporter = Reporter { hostname: &hostname, domain: &domain };
        let (accepted, content) =
            notification(envelope, happenings, ORIGINAL, reporter, progress(None), NOW)?;
        Some((accepted, String::from_utf8(content).unwrap()))
    }

    // proves: 5.13.1
    #[test]
    fn tells_those_who_asked() {
        let flags = |success, delay, failure| Notify { success, delay, failure, explicit: true };
        let happenings = [
            delivered("mx.example.org", false),
            Happening::Delayed(progress(Some(unreachable()))),
            Happening::Failed(refused()),
        ];
        let table = [
            (Notify::DEFAULT, [false, true, true]),
            (Notify::NEVER, [false, false, false]),
            (flags(true, false, false), [true, false, false]),
            (flags(false, true, false), [false, true, false]),
            (flags(false, false, true), [false, false, true]),
            (ALL, [true, true, true]),
        ];
        for (notify, expected) in table {
            let recipient = recipient(1, "a@example.org", notify);
            let sent = happenings.each_ref().map(|happening| {
                notify_with(&envelope("s@test.example"), &[(recipient.clone(), happening.clone())]).is_some()
            });
            assert_eq!(sent, expected, "{notify:?}");
            for happening in &happenings {
                let told = notify_with(&envelope(""), &[(recipient.clone(), happening.clone())]);
                assert!(told.is_none(), "I3");
            }
        }
    }

    #[test]
    fn success_is_told_by_whoever_was_asked_last() {
        let told = |happening| {
            let recipient = recipient(1, "a@example.org", ALL);
            let (_, content) = notify_with(&envelope("s@test.example"), &[(recipient, happening)])?;
            DeliveryStatus::find(content.as_bytes()).map(|status| status.recipients[0].action)
        };
        assert_eq!(told(delivered("localhost", false)), Some(Action::Delivered));
        assert_eq!(told(delivered("mx.example.org", false)), Some(Action::Relayed));
        assert_eq!(told(delivered("mx.example.org", true)), None);
        let Happening::Delivered(handed_on) = delivered("lmtp.example.org", false) else { unreachable!() };
        let by_lmtp = Happening::Delivered(Delivered { last_hop: true, ..handed_on });
        assert_eq!(told(by_lmtp), Some(Action::Delivered));
    }

    const ALL_IN_ONE: &str = "\
From: \"Mail Delivery Subsystem\" <MAILER-DAEMON@test.example>
To: <s@test.example>
Subject: Partially delivered message
Date: Tue, 24 Nov 2026 08:45:20 +0000
Message-ID: <1a20cbb2100.2a.1@mx.test.example>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"=_1a20cbb21002a1mxtestexample_0\"

This is a delivery status notification in MIME format (RFC 3464).

--=_1a20cbb21002a1mxtestexample_0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

This is the mail system at host mx.test.example.
For help, write to postmaster@test.example.

Your message was delivered to these recipients:

<c@example.com> (delivered to 'localhost' with code 250 (2.0.0) 'taken')

----------------------------------------

Your message has not been delivered to these recipients yet.
It is still being tried; you need not send it again:

<b@example.net> (connection to 'mx.example.net' failed: connection refused)
It will be tried until Wed, 25 Nov 2026 09:46:40 +0000.

----------------------------------------

Your message could not be delivered to these recipients:

<a@example.org> (host 'mx.example.org' rejected command 'RCPT TO:<a@example.org>' with code 550 (5.1.1) 'no such user')
There is no such address: please check its spelling.
<d@example.com> (failed to lookup 'example.com': connection refused)
The domain name service gave no answer about that domain until the time was over.
You may send it again later.

--=_1a20cbb21002a1mxtestexample_0
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns;mx.test.example
Arrival-Date: Tue, 24 Nov 2026 08:45:10 +0000
Original-Envelope-Id: env7

Final-Recipient: rfc822;c@example.com
Action: delivered
Status: 2.0.0

Final-Recipient: rfc822;b@example.net
Action: delayed
Status: 4.4.1
Remote-MTA: dns;mx.example.net
Will-Retry-Until: Wed, 25 Nov 2026 09:46:40 +0000

Original-Recipient: rfc822;first@test.example
Final-Recipient: rfc822;a@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp;550 5.1.1 no such user
Remote-MTA: dns;mx.example.org

Final-Recipient: rfc822;d@example.com
Action: failed
Status: 5.4.1

--=_1a20cbb21002a1mxtestexample_0
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Subject: hello
From: a

--=_1a20cbb21002a1mxtestexample_0--
";

    #[test]
    fn one_notification_tells_all() {
        let mut failed = recipient(3, "a@example.org", ALL);
        failed.original =
            Some(OriginalRecipient { kind: "rfc822".to_owned(), address: "first@test.example".to_owned() });
        let lookup = Trouble { kind: TroubleKind::Dns, host: "example.com".to_owned(), ..unreachable() };
        let happenings = [
            (failed, Happening::Failed(refused())),
            (recipient(2, "b@example.net", ALL), Happening::Delayed(progress(Some(unreachable())))),
            (recipient(1, "c@example.com", ALL), delivered("localhost", false)),
            (recipient(4, "d@example.com", ALL), Happening::Failed(lookup)),
            (recipient(5, "silent@example.com", Notify::NEVER), Happening::Failed(refused())),
        ];
        let (accepted, content) = notify_with(&envelope("s@test.example"), &happenings).unwrap();
        assert_eq!(content.replace("\r\n", "\n"), ALL_IN_ONE);
        assert_eq!(accepted.reverse_path(), &ReversePath::Null);
        assert_eq!(accepted.origin().source, Source::Dsn);
        assert_eq!(accepted.size(), content.len() as u64);
        assert_eq!(accepted.recipients()[0].notify, Notify::NEVER);
        assert_eq!(accepted.recipients()[0].forward_path.to_string(), "s@test.example");
    }

    #[track_caller]
    fn check_subject(happenings: &[Happening], expected: &str) {
        let happenings: Vec<_> = happenings
            .iter()
            .zip(1..)
            .map(|(happening, id)| (recipient(id, "a@example.org", ALL), happening.clone()))
            .collect();
        let (_, content) = notify_with(&envelope("s@test.example"), &happenings).unwrap();
        assert!(content.contains(&format!("\r\nSubject: {expected}\r\n")), "{content}");
    }

    #[test]
    fn the_subject_says_what_happened() {
        let good = delivered("localhost", false);
        let late = Happening::Delayed(progress(None));
        let bad = Happening::Failed(refused());
        check_subject(std::slice::from_ref(&good), "Successfully delivered message");
        check_subject(std::slice::from_ref(&late), "Warning: Delay in message delivery");
        check_subject(std::slice::from_ref(&bad), "Failed to deliver message");
        check_subject(&[good.clone(), late.clone()], "Partially delivered message");
        check_subject(&[good, late.clone(), bad.clone()], "Partially delivered message");
        check_subject(&[late, bad], "Warning: Temporary and permanent failures during message delivery");
    }

    #[test]
    fn the_message_is_returned_whole_only_on_failure_and_on_request() {
        let mut asked = envelope("s@test.example");
        asked.parameters.ret = Some(Ret::Full);
        let whole = |envelope: &Envelope, happening: Happening| {
            let (_, content) =
                notify_with(envelope, &[(recipient(1, "a@example.org", ALL), happening)]).unwrap();
            content.contains("Content-Type: message/rfc822\r\n") && content.contains("\r\nbody\r\n")
        };
        assert!(whole(&asked, Happening::Failed(refused())));
        assert!(!whole(&asked, Happening::Delayed(progress(None))));
        assert!(!whole(&envelope("s@test.example"), Happening::Failed(refused())));
        asked.traits.binary = true;
        assert!(!whole(&asked, Happening::Failed(refused())));
        asked.traits.binary = false;
        asked.size = DSN_MESSAGE_BYTES_MAX + 1;
        assert!(!whole(&asked, Happening::Failed(refused())));
    }

    #[test]
    fn the_header_ends_where_it_ends() {
        let long = [b"a: b\r\n".repeat(4000), b"\r\nbody".to_vec()].concat();
        for (original, expected) in [
            (&b"a: b\r\nc: d\r\n\r\nbody\r\n\r\n"[..], &b"a: b\r\nc: d\r\n"[..]),
            (b"\r\nbody\r\n", b""),
            (b"a: b\r\ncut o", b"a: b\r\n"),
            (b"", b""),
            (&long, &long[..16_380]),
        ] {
            assert_eq!(header(original), expected);
        }
    }

    proptest! {
        // proves: E12
        #[test]
        fn no_text_of_a_peer_adds_a_line(host: String, text: String, command: String, reply: String) {
            let hostile = Trouble { host, text, reply: Some((command, Reply::new(550, None, reply))), ..refused() };
            let quiet = Trouble { reply: Some((String::new(), Reply::new(550, None, ""))), ..refused() };
            for kind in [TroubleKind::UnexpectedReply, TroubleKind::Connection, TroubleKind::Io, TroubleKind::Dns] {
                let lines = |trouble: &Trouble| {
                    let happening = Happening::Failed(Trouble { kind, ..trouble.clone() });
                    let told = (recipient(1, "a@example.org", ALL), happening);
                    let host = Domain::parse("mx.test.example").unwrap();
                    text_lines(&text_of(&told, &host))
                };
                prop_assert_eq!(lines(&hostile), lines(&quiet));
            }
        }
    }

    fn text_of(told: &(Recipient, Happening), host: &Domain) -> String {
        text(&[told], Reporter { hostname: host, domain: host })
    }

    fn text_lines(text: &str) -> usize {
        text.chars().filter(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')).count()
    }
}
