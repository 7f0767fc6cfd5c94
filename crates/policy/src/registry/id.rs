//! How is an object's number written? Spec base-32: five bits a letter, the highest first, no leading zeros.

use std::fmt;
use std::str::FromStr;

/// The id of an object of which there is one.
pub const SINGLETON: &str = "singleton";

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz792013";
const LETTERS_MAX: usize = 13;

/// The id of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Id {
    /// Of the only object of its type: `singleton`.
    Singleton,
    /// Of one of several.
    Number(u64),
}

/// A text is no id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no id")]
pub struct NoId;

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Id::Number(number) = self else { return f.write_str(SINGLETON) };
        let mut letters = [0u8; LETTERS_MAX];
        let (mut rest, mut at) = (*number, LETTERS_MAX);
        loop {
            at -= 1;
            letters[at] = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
            if rest == 0 {
                break;
            }
        }
        letters[at..].iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        if text == SINGLETON {
            return Ok(Id::Singleton);
        }
        let mut number = 0u64;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|letter| *letter == byte).ok_or(NoId)?;
            number = number.checked_mul(32).ok_or(NoId)? | digit as u64;
        }
        let leading = text.len() > 1 && text.starts_with('a');
        if text.is_empty() || leading { Err(NoId) } else { Ok(Id::Number(number)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read() {
        for (number, text) in [(0, "a"), (3, "d"), (31, "3"), (32, "ba"), (u64::MAX, "p333333333333")] {
            assert_eq!(Id::Number(number).to_string(), text);
            assert_eq!(text.parse(), Ok(Id::Number(number)));
        }
        assert_eq!("singleton".parse(), Ok(Id::Singleton));
        for bad in ["", "A", "aa", "8", "q000000000000", "ö", "a "] {
            assert_eq!(bad.parse::<Id>(), Err(NoId), "{bad}");
        }
    }
}
