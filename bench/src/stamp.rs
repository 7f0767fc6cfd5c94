//! The header field by which the sink knows a message again: its number and when it was sent.

use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem;

const FIELD: &str = "X-Bench-Stamp: ";

/// Bytes at the start of a message among which the stamp is looked for.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What a message says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// When its transaction began, in nanoseconds since 1970.
    pub(crate) sent_at_ns: u64,
}

/// Nanoseconds since 1970; the same clock in every process of this machine.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl Stamp {
    /// The header field, with its line end.
    pub(crate) fn field(self) -> String {
        format!("{FIELD}{} {}\r\n", self.number, self.sent_at_ns)
    }

    /// The stamp of a message, if it bears one.
    pub(crate) fn of(message: &[u8]) -> Option<Stamp> {
        let head = &message[..message.len().min(HEAD_BYTES_MAX)];
        let start = memmem::find(head, FIELD.as_bytes())? + FIELD.len();
        let length = memchr::memchr(b'\r', &head[start..])?;
        let text = std::str::from_utf8(&head[start..start + length]).ok()?;
        let (number, sent_at_ns) = text.split_once(' ')?;
        Some(Stamp { number: number.parse().ok()?, sent_at_ns: sent_at_ns.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;

    #[test]
    fn a_stamp_survives_fields_put_before_it() {
        let stamp = Stamp { number: 17, sent_at_ns: 1_234_567_890_123 };
        let message = format!("Received: by x\r\nFrom: a@b\r\n{}\r\nbody\r\n", stamp.field());
        assert_eq!(Stamp::of(message.as_bytes()), Some(stamp));
    }

    #[test]
    fn a_message_without_stamp_has_none() {
        assert_eq!(Stamp::of(b"From: a@b\r\n\r\nX-Bench-Stamp: no\r\n"), None);
    }
}
