//! Delivery status notifications: print and parse (RFC 3464; RFC 6533 where addresses are not ASCII).
//!
//! Whatever text a peer or a client gave is made one line of printable characters here, at the one
//! place where it is printed: no value can add a field or a line.

use std::fmt::Write;

use crate::address::Address;
use crate::encoded_word::phrase;
use crate::envelope::OriginalRecipient;
use crate::header::header_end;
use crate::status::EnhancedStatus;
use crate::time::Timestamp;
use crate::{quoted_printable, xtext};

/// Characters of a diagnostic text that are printed.
const DIAGNOSTIC_CHARS_MAX: usize = 500;
/// Characters of any other value that are printed.
const VALUE_CHARS_MAX: usize = 700;
/// Bytes of a line at most without its CRLF (RFC 5322 section 2.1.1).
const LINE_BYTES_MAX: usize = 998;

/// A notification, ready to be printed.
#[derive(Clone, PartialEq, Debug)]
pub struct Dsn {
    /// The name in its From field.
    pub from_name: String,
    /// The address in its From field.
    pub from: Address,
    /// Whom it tells.
    pub to: Address,
    /// Its subject.
    pub subject: String,
    /// When it was written.
    pub date: Timestamp,
    /// Its Message-ID, without angle brackets.
    pub message_id: String,
    /// The part for people: lines separated by `\n`.
    pub text: String,
    /// The part for machines.
    pub status: DeliveryStatus,
    /// What it returns of the message it is about.
    pub returned: Returned,
}

/// What a notification returns of the message it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Returned {
    /// Its header, or the beginning of it.
    Header(Vec<u8>),
    /// All of it.
    Full(Vec<u8>),
}

/// The machine-readable part (RFC 3464 section 2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryStatus {
    /// The host that reports.
    pub reporting_mta: String,
    /// When the message arrived there; in whole seconds.
    pub arrival_date: Timestamp,
    /// `ENVID`, decoded.
    pub envelope_id: Option<String>,
    /// What happened to whom.
    pub recipients: Vec<RecipientStatus>,
}

/// What happened to one recipient (RFC 3464 section 2.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecipientStatus {
    /// `ORCPT`, decoded.
    pub original: Option<OriginalRecipient>,
    /// The forward-path.
    pub final_recipient: Address,
    /// What happened.
    pub action: Action,
    /// The status code.
    pub status: EnhancedStatus,
    /// The host that it happened at.
    pub remote_mta: Option<String>,
    /// The reply that says so: code and text.
    pub diagnostic: Option<String>,
    /// Until when it will be tried; in whole seconds.
    pub will_retry_until: Option<Timestamp>,
}

/// What happened (RFC 3464 section 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// It is where it was to go, or its host will tell.
    Delivered,
    /// It was handed to a host that will not tell.
    Relayed,
    /// It is still being tried.
    Delayed,
    /// It has been given up.
    Failed,
}

impl Action {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Delayed => "delayed",
            Action::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Action::Delivered, Action::Relayed, Action::Delayed, Action::Failed];
        all.into_iter().find(|action| text.eq_ignore_ascii_case(action.name()))
    }
}

impl Dsn {
    /// The whole message, with CRLF line ends.
    pub fn print(&self) -> Vec<u8> {
        let mut parts = vec![
            text_part("text/plain; charset=utf-8", &crlf(&self.text)),
            text_part(self.status.media_type(), self.status.print().as_bytes()),
        ];
        parts.push(match &self.returned {
            Returned::Header(header) => text_part(self.header_type(header), header),
            Returned::Full(message) => message_part(message),
        });
        let boundary = boundary(&self.message_id, &parts);
        let ascii = parts.iter().all(|part| part.is_ascii());
        let mut out = self.header(&boundary, if ascii { "7bit" } else { "8bit" }).into_bytes();
        out.extend_from_slice(b"This is a delivery status notification in MIME format (RFC 3464).\r\n");
        for part in &parts {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        out
    }

    fn header(&self, boundary: &str, encoding: &str) -> String {
        format!(
            "From: {name} <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n\
             Message-ID: <{id}>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\
             Content-Type: multipart/report; report-type={report};\r\n\tboundary=\"{boundary}\"\r\n\r\n",
            name = phrase(&one_line(&self.from_name, VALUE_CHARS_MAX)),
            from = self.from,
            to = self.to,
            subject = one_line(&self.subject, VALUE_CHARS_MAX),
            date = self.date.rfc5322(),
            id = one_line(&self.message_id, VALUE_CHARS_MAX),
            report = if self.status.is_global() { "global-delivery-status" } else { "delivery-status" },
        )
    }

    fn header_type(&self, header: &[u8]) -> &'static str {
        let global = self.status.is_global() && !header.is_ascii();
        if global { "message/global-headers" } else { "text/rfc822-headers" }
    }
}

impl DeliveryStatus {
    /// Whether some address can only be said in UTF-8 (RFC 6533 section 4).
    pub fn is_global(&self) -> bool {
        self.recipients.iter().any(|recipient| {
            recipient.final_recipient.needs_smtputf8()
                || recipient.original.as_ref().is_some_and(|original| !original.address.is_ascii())
        })
    }

    fn media_type(&self) -> &'static str {
        if self.is_global() { "message/global-delivery-status" } else { "message/delivery-status" }
    }

    /// The groups of fields, with CRLF line ends.
    pub fn print(&self) -> String {
        let mut out = String::new();
        let global = self.is_global();
        field(
            &mut out,
            "Reporting-MTA",
            format_args!("dns;{}", one_line(&self.reporting_mta, VALUE_CHARS_MAX)),
        );
        field(&mut out, "Arrival-Date", format_args!("{}", self.arrival_date.rfc5322()));
        if let Some(id) = &self.envelope_id {
            field(&mut out, "Original-Envelope-Id", format_args!("{}", one_line(id, VALUE_CHARS_MAX)));
        }
        for recipient in &self.recipients {
            out.push_str("\r\n");
            recipient.print(&mut out, global);
        }
        out
    }

    /// Parses the groups of fields; `None` if what must be there is not.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace("\r\n", "\n");
        let mut groups = text.split("\n\n").map(fields).filter(|group| !group.is_empty());
        let message = groups.next()?;
        let recipients = groups.map(|group| RecipientStatus::parse(&group)).collect::<Option<Vec<_>>>()?;
        Some(DeliveryStatus {
            reporting_mta: typed(value(&message, "Reporting-MTA")?)?.1.to_owned(),
            arrival_date: value(&message, "Arrival-Date").and_then(date)?,
            envelope_id: value(&message, "Original-Envelope-Id").map(str::to_owned),
            recipients,
        })
    }

    /// Finds and parses the machine-readable part of a whole message; `None` if there is none.
    pub fn find(message: &[u8]) -> Option<Self> {
        let message = String::from_utf8_lossy(message).replace("\r\n", "\n");
        let (header, body) = message.split_once("\n\n")?;
        let header = fields(header);
        let boundary = parameter(value(&header, "Content-Type")?, "boundary")?;
        body.split(&format!("--{boundary}")).find_map(|part| {
            let (header, body) = part.strip_prefix('\n')?.split_once("\n\n")?;
            let header = fields(header);
            let kind = value(&header, "Content-Type")?.to_ascii_lowercase();
            if !kind.starts_with("message/delivery-status")
                && !kind.starts_with("message/global-delivery-status")
            {
                return None;
            }
            match value(&header, "Content-Transfer-Encoding").map(str::to_ascii_lowercase).as_deref() {
                Some("quoted-printable") => {
                    Self::parse(&String::from_utf8(quoted_printable::decode(body)).ok()?)
                }
                _ => Self::parse(body),
            }
        })
    }
}

impl RecipientStatus {
    fn print(&self, out: &mut String, global: bool) {
        if let Some(original) = &self.original {
            let address = one_line(&original.address, VALUE_CHARS_MAX);
            field(out, "Original-Recipient", format_args!("{};{address}", xtext::encode(&original.kind)));
        }
        let kind = if global && self.final_recipient.needs_smtputf8() { "utf-8" } else { "rfc822" };
        field(out, "Final-Recipient", format_args!("{kind};{}", self.final_recipient));
        field(out, "Action", format_args!("{}", self.action.name()));
        field(out, "Status", format_args!("{}", self.status));
        if let Some(diagnostic) = &self.diagnostic {
            field(
                out,
                "Diagnostic-Code",
                format_args!("smtp;{}", one_line(diagnostic, DIAGNOSTIC_CHARS_MAX)),
            );
        }
        if let Some(remote_mta) = &self.remote_mta {
            field(out, "Remote-MTA", format_args!("dns;{}", one_line(remote_mta, VALUE_CHARS_MAX)));
        }
        if let Some(until) = self.will_retry_until {
            field(out, "Will-Retry-Until", format_args!("{}", until.rfc5322()));
        }
    }

    fn parse(group: &[(String, String)]) -> Option<Self> {
        let original = value(group, "Original-Recipient").and_then(typed).map(|(kind, address)| {
            OriginalRecipient { kind: xtext::decode(kind).unwrap_or_default(), address: address.to_owned() }
        });
        Some(RecipientStatus {
            original,
            final_recipient: Address::parse(typed(value(group, "Final-Recipient")?)?.1).ok()?,
            action: Action::parse(value(group, "Action")?)?,
            status: EnhancedStatus::parse(value(group, "Status")?)?,
            remote_mta: value(group, "Remote-MTA").and_then(typed).map(|(_, host)| host.to_owned()),
            diagnostic: value(group, "Diagnostic-Code").and_then(typed).map(|(_, text)| text.to_owned()),
            will_retry_until: value(group, "Will-Retry-Until").and_then(date),
        })
    }
}

fn field(out: &mut String, name: &str, value: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{name}: {value}\r\n");
}

/// One line of so many characters at most, without control characters or spaces at its ends.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let line = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    let text: String = text.chars().take(chars_max).map(line).collect();
    text.trim().to_owned()
}

fn crlf(text: &str) -> Vec<u8> {
    text.lines().flat_map(|line| [line, "\r\n"]).collect::<String>().into_bytes()
}

/// A part of text, encoded if seven bits and short lines do not hold it.
fn text_part(kind: &str, content: &[u8]) -> Vec<u8> {
    let (encoding, content) = if is_plain(content) {
        ("7bit", content.to_vec())
    } else {
        ("quoted-printable", quoted_printable::encode(content))
    };
    let mut part =
        format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").into_bytes();
    part.extend(content);
    part
}

/// A part that is a message, which may not be encoded (RFC 2046 section 5.2.1).
fn message_part(message: &[u8]) -> Vec<u8> {
    let encoding = if message.is_ascii() { "7bit" } else { "8bit" };
    // RFC 6532 section 3.7: a header in UTF-8 makes it another type.
    let kind = if message[..header_end(message)].is_ascii() { "rfc822" } else { "global" };
    let mut part =
        format!("Content-Type: message/{kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").into_bytes();
    part.extend_from_slice(message);
    part
}

/// Whether only printable ASCII, spaces and tabs stand in lines that are short enough and end in CRLF.
fn is_plain(content: &[u8]) -> bool {
    content.split(|byte| *byte == b'\n').all(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() <= LINE_BYTES_MAX && line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
    }) && memchr::memmem::find_iter(content, "\r\n").count() == memchr::memchr_iter(b'\n', content).count()
}

/// A boundary that occurs in no part. `=_` cannot stand in quoted-printable text (RFC 2045 section 6.7).
fn boundary(message_id: &str, parts: &[Vec<u8>]) -> String {
    let seed =
        message_id.bytes().filter(u8::is_ascii_alphanumeric).map(char::from).take(30).collect::<String>();
    let mut number = 0u32;
    loop {
        let boundary = format!("=_{seed}_{number}");
        if parts.iter().all(|part| memchr::memmem::find(part, boundary.as_bytes()).is_none()) {
            return boundary;
        }
        number += 1;
    }
}

/// Fields with their values unfolded (RFC 5322 section 2.2.3), up to the first line that is none.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
            value.push(' ');
            value.push_str(line.trim());
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// `type;value`.
fn typed(value: &str) -> Option<(&str, &str)> {
    value.split_once(';').map(|(kind, value)| (kind.trim(), value.trim()))
}

fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|parameter| {
        let (other, value) = parameter.trim().split_once('=')?;
        other.eq_ignore_ascii_case(name).then(|| value.trim_matches('"'))
    })
}

fn date(text: &str) -> Option<Timestamp> {
    let seconds = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    u64::try_from(seconds).ok().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recipient(address: &str) -> RecipientStatus {
        RecipientStatus {
            original: None,
            final_recipient: Address::parse(address).unwrap(),
            action: Action::Failed,
            status: EnhancedStatus::new(5, 1, 1),
            remote_mta: Some("mx.example.org".to_owned()),
            diagnostic: Some("550 5.1.1 no such user".to_owned()),
            will_retry_until: None,
        }
    }

    fn status(recipients: Vec<RecipientStatus>) -> DeliveryStatus {
        DeliveryStatus {
            reporting_mta: "mx.test.example".to_owned(),
            arrival_date: Timestamp::from_millis(1_795_509_910_000),
            envelope_id: Some("id 7".to_owned()),
            recipients,
        }
    }

    fn dsn(status: DeliveryStatus, returned: Returned) -> Dsn {
        Dsn {
            from_name: "Mail Delivery Subsystem".to_owned(),
            from: Address::parse("MAILER-DAEMON@test.example").unwrap(),
            to: Address::parse("sender@test.example").unwrap(),
            subject: "Failed to deliver message".to_owned(),
            date: Timestamp::from_millis(1_795_509_911_000),
            message_id: "1.2@mx.test.example".to_owned(),
            text: "It failed.\n".to_owned(),
            status,
            returned,
        }
    }

    #[test]
    fn prints_the_whole() {
        let dsn = dsn(status(vec![recipient("a@example.org")]), Returned::Header(b"Subject: x\r\n".to_vec()));
        let expected = "\
From: \"Mail Delivery Subsystem\" <MAILER-DAEMON@test.example>
To: <sender@test.example>
Subject: Failed to deliver message
Date: Tue, 24 Nov 2026 08:45:11 +0000
Message-ID: <1.2@mx.test.example>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit
Content-Type: multipart/report; report-type=delivery-status;
\tboundary=\"=_12mxtestexample_0\"

This is a delivery status notification in MIME format (RFC 3464).

--=_12mxtestexample_0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

It failed.

--=_12mxtestexample_0
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns;mx.test.example
Arrival-Date: Tue, 24 Nov 2026 08:45:10 +0000
Original-Envelope-Id: id 7

Final-Recipient: rfc822;a@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp;550 5.1.1 no such user
Remote-MTA: dns;mx.example.org

--=_12mxtestexample_0
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Subject: x

--=_12mxtestexample_0--
";
        assert_eq!(String::from_utf8(dsn.print()).unwrap().replace("\r\n", "\n"), expected);
    }

    #[test]
    fn addresses_beyond_ascii_make_it_global_and_it_stays_in_seven_bits() {
        let status = status(vec![recipient("jos\u{e9}@example.org"), recipient("a@example.org")]);
        let header = "Subject: gr\u{fc}n\r\n".as_bytes().to_vec();
        let printed = dsn(status.clone(), Returned::Header(header)).print();
        assert!(printed.is_ascii());
        let text = String::from_utf8(printed.clone()).unwrap();
        assert!(text.contains("report-type=global-delivery-status"));
        assert!(text.contains("Content-Type: message/global-delivery-status"));
        assert!(text.contains("Content-Type: message/global-headers"));
        assert!(text.contains("Final-Recipient: utf-8;jos=C3=A9@example.org"));
        assert!(text.contains("Final-Recipient: rfc822;a@example.org"));
        assert_eq!(DeliveryStatus::find(&printed), Some(status));
    }

    #[test]
    fn a_message_that_holds_the_boundary_gets_another() {
        let message = b"Subject: x\r\n\r\n--=_12mxtestexample_0--\r\n".to_vec();
        let status = status(vec![recipient("a@example.org")]);
        let printed = dsn(status.clone(), Returned::Full(message)).print();
        assert!(String::from_utf8_lossy(&printed).contains("boundary=\"=_12mxtestexample_1\""));
        assert_eq!(DeliveryStatus::find(&printed), Some(status));
    }

    fn recipients() -> impl Strategy<Value = RecipientStatus> {
        let action = prop_oneof![
            Just(Action::Delivered),
            Just(Action::Relayed),
            Just(Action::Delayed),
            Just(Action::Failed)
        ];
        let original = proptest::option::of("[a-zA-Z0-9\u{e9}@.]{1,30}");
        (original, "[a-z\u{e9}]{1,10}", action, proptest::option::of("[!-~]{1,20}"), 0u64..4_000_000_000)
            .prop_map(|(original, local_part, action, diagnostic, until)| RecipientStatus {
                original: original.map(|address| OriginalRecipient { kind: "utf-8".to_owned(), address }),
                final_recipient: Address::parse(&format!("{local_part}@example.org")).unwrap(),
                action,
                status: EnhancedStatus::new(4, 2, 2),
                remote_mta: None,
                diagnostic,
                will_retry_until: Some(Timestamp::from_millis(until * 1000)),
            })
    }

    proptest! {
        #[test]
        fn parses_what_it_printed(recipients in proptest::collection::vec(recipients(), 1..5)) {
            let status = status(recipients);
            prop_assert_eq!(DeliveryStatus::parse(&status.print()), Some(status.clone()));
            let printed = dsn(status.clone(), Returned::Header(Vec::new())).print();
            prop_assert_eq!(DeliveryStatus::find(&printed), Some(status));
        }

        // proves: E12, H12
        #[test]
        fn no_text_of_others_adds_a_line(host: String, text: String, id: String, original: String) {
            let plain = status(vec![RecipientStatus {
                original: Some(OriginalRecipient { kind: "rfc822".to_owned(), address: "a".to_owned() }),
                ..recipient("a@example.org")
            }]);
            let mut hostile = plain.clone();
            hostile.envelope_id = Some(id);
            hostile.recipients[0].remote_mta = Some(host);
            hostile.recipients[0].diagnostic = Some(text);
            hostile.recipients[0].original = Some(OriginalRecipient { kind: "rfc822".to_owned(), address: original });
            let names = |status: &DeliveryStatus| {
                let text = status.print();
                assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
                text.split("\r\n").map(|line| line.split(':').next().unwrap_or("").to_owned()).collect::<Vec<_>>()
            };
            prop_assert_eq!(names(&plain), names(&hostile));
        }

        #[test]
        fn finds_nothing_in_noise_and_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(DeliveryStatus::find(&noise), None);
        }
    }
}
