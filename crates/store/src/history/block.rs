//! Entries side by side: what is searched, where each begins, what each says.

use std::fmt::{Display, Write};
use std::ops::BitOr;

use mail::{MessageId, Timestamp};

/// Bytes of the place of one entry: message, time, end of its payload, end of its keys, marks.
const PLACE_BYTES: usize = 8 + 8 + 4 + 4 + 1;
/// Bytes of one key at most.
const KEY_BYTES_MAX: usize = 320;
/// Ends a key.
const KEY_END: u8 = b'\t';

/// What a key is, as its first byte says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// A reverse-path.
    From,
    /// A forward-path.
    To,
    /// A route.
    Route,
}

impl KeyKind {
    pub(super) fn mark(self) -> u8 {
        match self {
            KeyKind::From => b'<',
            KeyKind::To => b'>',
            KeyKind::Route => b'=',
        }
    }
}

/// What happened in an entry, as bits that whoever writes and searches agrees upon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks(pub u8);

impl BitOr for Marks {
    type Output = Marks;

    fn bitor(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }
}

/// One entry as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The message that it is about.
    pub message: MessageId,
    /// What it says, as it was written.
    pub payload: Vec<u8>,
}

/// Entries on their way into the history, or a block of it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) keys: Vec<u8>,
    pub(super) places: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) span: Option<Span>,
}

/// What a block holds, so that most need not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) messages: (u64, u64),
    pub(super) last_at: u64,
    pub(super) marks: u8,
}

impl Span {
    fn and(self, other: Span) -> Span {
        Span {
            messages: (self.messages.0.min(other.messages.0), self.messages.1.max(other.messages.1)),
            last_at: self.last_at.max(other.last_at),
            marks: self.marks | other.marks,
        }
    }
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) message: u64,
    pub(super) marks: u8,
    pub(super) data: (usize, usize),
    pub(super) keys: (usize, usize),
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.places.len() / PLACE_BYTES
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.keys.len() + self.places.len() + self.data.len()
    }

    /// What the current entry says: appended to until [`Batch::end`].
    pub fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// A text that the current entry is found by; upper and lower case are the same in it.
    pub fn key(&mut self, kind: KeyKind, text: impl Display) {
        let start = self.keys.len();
        self.keys.push(kind.mark());
        write!(Writing(&mut self.keys), "{text}").expect("memory takes it");
        let end = self.keys.len().min(start + KEY_BYTES_MAX);
        self.keys.truncate(end);
        for byte in &mut self.keys[start + 1..] {
            *byte = if byte.is_ascii_control() { b' ' } else { byte.to_ascii_lowercase() };
        }
        self.keys.push(KEY_END);
    }

    /// Ends the current entry.
    pub fn end(&mut self, message: MessageId, at: Timestamp, marks: Marks) {
        self.place(message.0, at.as_millis(), marks.0);
    }

    fn place(&mut self, message: u64, at: u64, marks: u8) {
        self.places.extend_from_slice(&message.to_le_bytes());
        self.places.extend_from_slice(&at.to_le_bytes());
        for end in [self.data.len(), self.keys.len()] {
            self.places.extend_from_slice(&u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes());
        }
        self.places.push(marks);
        let span = Span { messages: (message, message), last_at: at, marks };
        self.span = Some(self.span.map_or(span, |all| all.and(span)));
    }

    /// Appends all of another.
    pub(super) fn extend(&mut self, other: &Batch) {
        let (data, keys) = (self.data.len(), self.keys.len());
        self.data.extend_from_slice(&other.data);
        self.keys.extend_from_slice(&other.keys);
        for place in other.places.chunks_exact(PLACE_BYTES) {
            self.places.extend_from_slice(&place[..16]);
            for (at, before) in [(16, data), (20, keys)] {
                let end = number(&place[at..at + 4]).saturating_add(before);
                self.places.extend_from_slice(&u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes());
            }
            self.places.push(place[24]);
        }
        self.span = match (self.span, other.span) {
            (Some(one), Some(two)) => Some(one.and(two)),
            (one, two) => one.or(two),
        };
    }
}

/// The entries of a block, in order. What is damaged ends it.
pub(super) fn places(places: &[u8]) -> impl Iterator<Item = Place> {
    let mut before = (0, 0);
    places.chunks_exact(PLACE_BYTES).map(move |place| {
        let ends = (number(&place[16..20]), number(&place[20..24]));
        let from = std::mem::replace(&mut before, ends);
        Place {
            message: u64::from_le_bytes(place[..8].try_into().expect("eight bytes")),
            marks: place[24],
            data: (from.0, ends.0),
            keys: (from.1, ends.1),
        }
    })
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

/// Lets `write!` append to bytes.
struct Writing<'a>(&'a mut Vec<u8>);

impl Write for Writing<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
