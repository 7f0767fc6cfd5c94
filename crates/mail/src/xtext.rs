//! xtext, which carries arbitrary text in ESMTP parameters (RFC 3461 section 4).

use std::fmt::Write;

/// Encodes: `+`, `=`, and whatever is not printable ASCII become `+` and two hexadecimal digits.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (b'!'..=b'~').contains(&byte) && byte != b'+' && byte != b'=' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

/// Decodes; `None` if it is not xtext, or if the result is not UTF-8 or has a control character,
/// which could otherwise begin a line of its own in a report or a log.
pub fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => {
                let digit = |b: u8| {
                    matches!(b, b'0'..=b'9' | b'A'..=b'F').then(|| char::from(b).to_digit(16)).flatten()
                };
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'=' => return None,
            b'!'..=b'~' => out.push(byte),
            _ => return None,
        }
    }
    let decoded = String::from_utf8(out).ok()?;
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_xtext() {
        for bad in ["a=b", "a+4", "a+zz", "a b", "+0D+0A", "+FF", "é"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(text in "[^\\p{Cc}]*") {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }
    }
}
