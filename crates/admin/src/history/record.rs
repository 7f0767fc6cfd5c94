//! How is an event written into the history, and read from it? Short, since there are thousands a second.
//!
//! A record is a kind, then its fields in a fixed order: numbers in seven bits a byte, texts behind their length. A
//! record of a kind that is not known (written by a newer version) is passed over.

use std::fmt::Display;
use std::io::Write;

use mail::{Envelope, Timestamp};
use mta::events::{Attempt, Dialogue, Event, Operator, Outcome};
use store::history::{Batch, KeyKind, Marks};

/// Bytes of a text at most.
const TEXT_BYTES_MAX: usize = 2048;

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Accepted = 1,
    Attempt = 2,
    Operator = 3,
    Bounced = 4,
}

/// The mark of an outcome, by the name that queries know it by.
pub(crate) fn mark(outcome: &str) -> Option<u8> {
    Some(match outcome {
        "delivered" => 1,
        "deferred" => 2,
        "failed" => 4,
        "postponed" => 8,
        "accepted" => 16,
        "bounced" => 32,
        "operator" => 64,
        _ => return None,
    })
}

/// Appends an event to a batch, if it is about a message.
pub(crate) fn append(batch: &mut Batch, event: &Event) {
    let (envelope, at, marked) = match event {
        Event::Accepted(envelope) => {
            accepted(batch.payload(), envelope);
            envelope.recipients.iter().for_each(|to| batch.key(KeyKind::To, to));
            (envelope, envelope.accepted_at, "accepted")
        }
        Event::Attempt(attempt) => {
            tried(batch.payload(), attempt);
            batch.key(KeyKind::To, &attempt.forward_path);
            if !attempt.route().is_empty() {
                batch.key(KeyKind::Route, attempt.route());
            }
            (&attempt.envelope, attempt.at, attempt.outcome.name())
        }
        Event::Operator(operator) => {
            operated(batch.payload(), operator);
            operator.forward_path.iter().for_each(|to| batch.key(KeyKind::To, to));
            (&operator.envelope, operator.at, "operator")
        }
        Event::Bounced(bounced) => {
            head(batch.payload(), Kind::Bounced, &bounced.envelope, bounced.at);
            text(batch.payload(), &bounced.to);
            (&bounced.envelope, bounced.at, "bounced")
        }
        Event::Refused(_)
        | Event::PutOff(_)
        | Event::Connection(_)
        | Event::QueuePressure(_)
        | Event::Configuration(_) => return,
    };
    batch.key(KeyKind::From, &envelope.reverse_path);
    batch.end(envelope.message, at, Marks(mark(marked).unwrap_or(0)));
}

fn head(bytes: &mut Vec<u8>, kind: Kind, envelope: &Envelope, at: Timestamp) {
    bytes.push(kind as u8);
    number(bytes, at.as_millis());
    number(bytes, envelope.accepted_at.as_millis());
    number(bytes, envelope.size);
    text(bytes, &envelope.reverse_path);
    let origin = &envelope.origin;
    text(bytes, origin.source.name());
    text(bytes, &origin.listener);
    text(bytes, origin.client_ip);
    number(bytes, u64::from(origin.local_port));
    text(bytes, origin.authenticated_as.as_deref().unwrap_or_default());
}

fn accepted(bytes: &mut Vec<u8>, envelope: &Envelope) {
    head(bytes, Kind::Accepted, envelope, envelope.accepted_at);
    number(bytes, envelope.recipients.len() as u64);
    envelope.recipients.iter().for_each(|to| text(bytes, to));
}

fn operated(bytes: &mut Vec<u8>, operator: &Operator) {
    head(bytes, Kind::Operator, &operator.envelope, operator.at);
    match &operator.forward_path {
        Some(to) => text(bytes, to),
        None => text(bytes, ""),
    }
    for said in [operator.action.name(), &operator.by, &operator.reason] {
        text(bytes, said);
    }
}

fn tried(bytes: &mut Vec<u8>, attempt: &Attempt) {
    head(bytes, Kind::Attempt, &attempt.envelope, attempt.at);
    let way = attempt.way.as_ref();
    text(bytes, &attempt.forward_path);
    bytes.push(Outcome::ALL.iter().position(|outcome| *outcome == attempt.outcome).unwrap_or(0) as u8);
    text(bytes, attempt.route());
    optional(bytes, attempt.next_hop.as_ref());
    text(bytes, attempt.reason.as_deref().unwrap_or_default());
    text(bytes, way.map_or("", |way| &way.host));
    optional(bytes, way.and_then(|way| way.address.as_ref()));
    text(bytes, way.map_or("", |way| &way.tls));
    optional(bytes, way.and_then(|way| way.tls_reason));
    bytes.push(u8::from(way.is_some_and(|way| way.reused)) | u8::from(attempt.in_doubt) << 1);
    number(bytes, u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX));
    number(bytes, u64::from(attempt.retry_num));
    text(bytes, attempt.trouble.map_or("", |kind| kind.name()));
    optional(bytes, attempt.status);
    text(bytes, &attempt.reply);
    number(bytes, attempt.next_attempt.map_or(0, Timestamp::as_millis));
    said(bytes, attempt.dialogue.as_deref(), attempt.at);
}

fn said(bytes: &mut Vec<u8>, dialogue: Option<&Dialogue>, _at: Timestamp) {
    let lines = dialogue.map_or(&[][..], |dialogue| &dialogue.lines);
    number(bytes, lines.len() as u64);
    for line in lines {
        number(bytes, line.at.as_millis());
        bytes.push(line.side.name().as_bytes()[0]);
        text(bytes, &line.line);
    }
}

fn number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn optional(bytes: &mut Vec<u8>, value: Option<impl Display>) {
    match value {
        Some(value) => text(bytes, value),
        None => text(bytes, ""),
    }
}

/// A text behind its length in two bytes.
fn text(bytes: &mut Vec<u8>, value: impl Display) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0, 0]);
    write!(bytes, "{value}").expect("memory takes it");
    bytes.truncate(start + 2 + TEXT_BYTES_MAX.min(bytes.len() - start - 2));
    let length = u16::try_from(bytes.len() - start - 2).unwrap_or(u16::MAX);
    bytes[start..start + 2].copy_from_slice(&length.to_le_bytes());
}

/// Reads the fields of a record in their order; none once it is at its end, or damaged.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The kind of a record, and its fields.
    pub(crate) fn of(record: &'a [u8]) -> Option<(Kind, Self)> {
        let (kind, rest) = record.split_first()?;
        let kinds = [Kind::Accepted, Kind::Attempt, Kind::Operator, Kind::Bounced];
        let kind = kinds.into_iter().find(|known| *known as u8 == *kind)?;
        Some((kind, Fields(rest)))
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn at(&mut self) -> Option<Timestamp> {
        self.number().map(Timestamp::from_millis)
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = usize::from(u16::from_le_bytes([self.byte()?, self.byte()?]));
        let text = self.0.get(..length)?;
        self.0 = &self.0[length..];
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// A text, unless it is empty.
    pub(crate) fn optional(&mut self) -> Option<Option<String>> {
        self.text().map(|text| (!text.is_empty()).then_some(text))
    }
}
