//! How ids of the message store look to clients: the same in IMAP (RFC 8474) and JMAP (RFC 8620 section 1.2).

use std::fmt;
use std::str::FromStr;

use super::{EmailId, MailboxId, ThreadId};

/// A text that is no id of this kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnId;

macro_rules! id {
    ($kind:ident, $letter:literal) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl FromStr for $kind {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                numbered(text, $letter).map($kind).ok_or(NotAnId)
            }
        }
    };
}

id!(MailboxId, 'm');
id!(EmailId, 'e');
id!(ThreadId, 't');

/// The number after a letter. An id is written in one way only: no sign, no leading zero.
pub fn numbered(text: &str, letter: char) -> Option<u64> {
    let digits = text.strip_prefix(letter)?;
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        assert_eq!(EmailId(7).to_string(), "e7");
        assert_eq!("e7".parse(), Ok(EmailId(7)));
        assert_eq!(format!("t{}", u64::MAX).parse(), Ok(ThreadId(u64::MAX)));
        for wrong in ["", "e", "7", "m7", "e07", "e+7", "e 7", "E7", "e7 ", "e18446744073709551616"] {
            assert_eq!(wrong.parse::<EmailId>(), Err(NotAnId), "{wrong}");
        }
    }
}
