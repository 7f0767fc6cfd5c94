//! Scan and stamp header fields: Received, Return-Path.

use std::io::Write;
use std::net::IpAddr;

use memchr::memchr;

use crate::address::{Address, Domain, ReversePath};
use crate::time::Timestamp;

/// With which protocol a message came (RFC 3848, RFC 6531 section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// HELO was said.
    Smtp,
    /// EHLO was said.
    Esmtp {
        /// Over TLS.
        tls: bool,
        /// Authenticated.
        authenticated: bool,
        /// With SMTPUTF8.
        utf8: bool,
    },
    /// LHLO was said.
    Lmtp {
        /// Over TLS.
        tls: bool,
        /// Authenticated.
        authenticated: bool,
        /// With SMTPUTF8.
        utf8: bool,
    },
    /// By an API over HTTP; there is no registered name for it.
    Http,
}

impl With {
    /// The registered name (RFC 3848 section 2, RFC 6531 section 4.3).
    pub fn name(self) -> &'static str {
        let pick = |names: [&'static str; 4], tls: bool, authenticated: bool| {
            names[usize::from(tls) + 2 * usize::from(authenticated)]
        };
        match self {
            With::Smtp => "SMTP",
            With::Http => "HTTP",
            With::Esmtp { tls, authenticated, utf8: false } => {
                pick(["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"], tls, authenticated)
            }
            With::Esmtp { tls, authenticated, utf8: true } => {
                pick(["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"], tls, authenticated)
            }
            With::Lmtp { tls, authenticated, utf8: false } => {
                pick(["LMTP", "LMTPS", "LMTPA", "LMTPSA"], tls, authenticated)
            }
            With::Lmtp { tls, authenticated, utf8: true } => {
                pick(["UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"], tls, authenticated)
            }
        }
    }
}

/// What a `Received:` field says (RFC 5321 section 4.4).
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The name that the client gave itself.
    pub helo: &'a str,
    /// Its address.
    pub client: IpAddr,
    /// Our host name.
    pub by: &'a Domain,
    /// How it came.
    pub with: With,
    /// What names it in our log.
    pub id: &'a str,
    /// The recipient, if there is only one.
    pub recipient: Option<&'a Address>,
    /// When.
    pub at: Timestamp,
}

impl Received<'_> {
    /// Appends the field, folded, CRLF at its end. Nothing in it can begin another field.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Received: from ");
        out.extend(self.helo.chars().map(harmless));
        write_to(out, format_args!(" ({})\r\n\tby {}", Domain::from(self.client), self.by));
        write_to(out, format_args!(" with {} id ", self.with.name()));
        out.extend(self.id.chars().map(harmless));
        if let Some(recipient) = self.recipient {
            write_to(out, format_args!("\r\n\tfor <{recipient}>"));
        }
        write_to(out, format_args!(";\r\n\t{}\r\n", self.at.rfc5322()));
    }
}

/// Writing to a vector cannot fail.
fn write_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// What could end the word, the comment or the line is replaced.
fn harmless(c: char) -> u8 {
    let plain = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if plain { c as u8 } else { b'?' }
}

/// What stands before the content in a mailbox: `Return-Path:` and `Delivered-To:`.
pub fn delivery_prefix(reverse_path: &ReversePath, delivered_to: &Address) -> Vec<u8> {
    format!("Return-Path: <{reverse_path}>\r\nDelivered-To: {delivered_to}\r\n").into_bytes()
}

/// Where the header ends: after its last field, before the empty line. The length of all if there is no body.
pub fn header_end(content: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = line_at(content, at) {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        at += line.len();
    }
    at
}

/// The values of the fields with this name, in order, folds and all, white space around taken off.
pub fn fields<'a>(content: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let header = &content[..header_end(content)];
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(field) = field_at(header, at) {
            at += field.len();
            if let Some(value) = value_of(field, name) {
                return Some(value);
            }
        }
        None
    })
}

/// The fields of a header as they stand there, folds and line ends and all; what is no field too.
pub fn split_fields(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let header = &content[..header_end(content)];
    let mut at = 0;
    std::iter::from_fn(move || {
        let field = field_at(header, at)?;
        at += field.len();
        Some(field)
    })
}

/// The name and the value of a field; nothing if it has no colon.
pub fn parts(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr(b':', field)?;
    Some((field[..colon].trim_ascii_end(), field[colon + 1..].trim_ascii()))
}

/// Whether this can be the name of a field (RFC 5322 section 2.2).
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// The line that begins here, its LF included; none at the end.
fn line_at(content: &[u8], at: usize) -> Option<&[u8]> {
    let rest = content.get(at..).filter(|rest| !rest.is_empty())?;
    Some(&rest[..memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1)])
}

/// The field that begins here, with the lines folded into it; none at the end.
fn field_at(header: &[u8], at: usize) -> Option<&[u8]> {
    let mut len = line_at(header, at)?.len();
    while let Some(next) = line_at(header, at + len).filter(|next| matches!(next[0], b' ' | b'\t')) {
        len += next.len();
    }
    Some(&header[at..at + len])
}

fn value_of<'a>(field: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let head = field.get(..name.len())?;
    let rest = field[name.len()..].trim_ascii_start();
    let value = rest.strip_prefix(b":")?;
    head.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_received_field() {
        let (by, to) = (Domain::parse("mx.example.org").unwrap(), address("b@example.net"));
        let mut received = Received {
            helo: "client.example",
            client: "192.0.2.1".parse().unwrap(),
            by: &by,
            with: With::Esmtp { tls: true, authenticated: false, utf8: false },
            id: "1a",
            recipient: Some(&to),
            at: Timestamp::from_millis(1_795_509_910_000),
        };
        let mut out = Vec::new();
        received.append_to(&mut out);
        let expected = "Received: from client.example ([192.0.2.1])\r\n\tby mx.example.org with ESMTPS id 1a\r\n\t\
                        for <b@example.net>;\r\n\tTue, 24 Nov 2026 08:45:10 +0000\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        received.recipient = None;
        received.client = "2001:db8::1".parse().unwrap();
        received.with = With::Lmtp { tls: true, authenticated: true, utf8: true };
        let mut out = Vec::new();
        received.append_to(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("([IPv6:2001:db8::1])") && text.contains("with UTF8LMTPSA id 1a;\r\n"),
            "{text}"
        );
    }

    #[test]
    fn a_prefix_for_a_mailbox() {
        let prefix = |path| String::from_utf8(delivery_prefix(&path, &address("b@example.net"))).unwrap();
        assert_eq!(prefix(ReversePath::Null), "Return-Path: <>\r\nDelivered-To: b@example.net\r\n");
        let path = ReversePath::Address(address("a@example.org"));
        assert!(prefix(path).starts_with("Return-Path: <a@example.org>\r\n"));
    }

    #[track_caller]
    fn check(content: &str, name: &str, expected: &[&str]) {
        let found: Vec<_> =
            fields(content.as_bytes(), name).map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(found, expected, "{content:?}");
    }

    #[test]
    fn fields_are_found_by_name() {
        let content = "Subject: a\r\n b\r\nsubject : c\r\nX-Subject: d\r\nSUBJECT:\r\n\r\nSubject: e\r\n";
        check(content, "Subject", &["a\r\n b", "c", ""]);
        check(content, "X-Subject", &["d"]);
        check(content, "Date", &[]);
        check("no colon\r\n: x\r\n", "Subject", &[]);
        check(" Subject: a\r\nSubject: b", "Subject", &["b"]);
        check("", "Subject", &[]);
    }

    #[test]
    fn the_header_ends_before_the_empty_line() {
        for (content, end) in [("a: b\r\n\r\nc", 6), ("\r\nc", 0), ("a: b\n\nc", 5), ("a: b", 4), ("", 0)] {
            assert_eq!(header_end(content.as_bytes()), end, "{content:?}");
        }
    }

    proptest! {
        // proves: H12
        #[test]
        fn nothing_from_outside_adds_a_line(helo in any::<String>(), id in any::<String>()) {
            let by = Domain::parse("mx.example.org").unwrap();
            let client = IpAddr::from([192, 0, 2, 1]);
            let received =
                Received { helo: &helo, client, by: &by, with: With::Smtp, id: &id, recipient: None, at: Timestamp::EPOCH };
            let mut out = Vec::new();
            received.append_to(&mut out);
            prop_assert_eq!(out.iter().filter(|&&b| b == b'\n').count(), 3);
            prop_assert_eq!(fields(&out, "Received").count(), 1);
        }

        #[test]
        fn scanning_never_panics(content in any::<Vec<u8>>()) {
            let end = header_end(&content);
            prop_assert!(end <= content.len());
            let _ = fields(&content, "a").count();
        }
    }
}
