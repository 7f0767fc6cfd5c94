//! Which messages does a field name? RFC 5322 section 3.6.4.

use super::limits::{FIELD_BYTES_MAX, IDS_MAX};
use super::record::{Reader, Writer};

/// Message identifiers, without their angle brackets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids<'a>(pub(super) Reader<'a>);

impl<'a> Ids<'a> {
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = self.0;
        std::iter::from_fn(move || (!reader.is_empty()).then(|| reader.text()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The identifiers in the value of a field. Text between them is passed over; if there is nothing but text, each word
/// with an `@` is one.
pub fn parse(value: &[u8]) -> Vec<String> {
    let value = &value[..value.len().min(FIELD_BYTES_MAX)];
    let mut ids = Vec::new();
    let mut rest = value;
    while let Some(open) = memchr::memchr(b'<', rest) {
        rest = &rest[open + 1..];
        let Some(close) = memchr::memchr2(b'>', b'<', rest) else { break };
        if rest[close] == b'>' {
            let id: Vec<u8> = rest[..close]
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace() && *byte != 0)
                .collect();
            if !id.is_empty() {
                ids.push(String::from_utf8_lossy(&id).into_owned());
            }
            rest = &rest[close + 1..];
        }
        if ids.len() == IDS_MAX {
            return ids;
        }
    }
    if ids.is_empty() {
        let words = value.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'<' | b'>' | 0));
        let words = words.filter(|word| word.contains(&b'@')).take(IDS_MAX);
        ids.extend(words.map(|word| String::from_utf8_lossy(word).into_owned()));
    }
    ids
}

pub(super) fn encode(value: &[u8]) -> Writer {
    let mut out = Writer::default();
    parse(value).iter().for_each(|id| out.bytes(id.as_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_as_they_are_written() {
        for (value, expected) in [
            ("<a@b>", &["a@b"][..]),
            ("<a@b>\r\n <c@d>", &["a@b", "c@d"]),
            ("Your message of today <a@b>", &["a@b"]),
            ("a@b", &["a@b"]),
            ("<a\r\n @b>", &["a@b"]),
            ("<<a@b>", &["a@b"]),
            ("<>", &[]),
            ("nothing", &[]),
            ("<open@b", &["open@b"]),
        ] {
            assert_eq!(parse(value.as_bytes()), expected, "{value}");
        }
    }
}
