//! The text of a field's value: unfolded, with its encoded words decoded (RFC 5322 section 2.2.3, RFC 2047).

/// The text, on one line. What is not UTF-8 is replaced; a word in a charset that is not known here stays as it is.
pub fn field_text(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let unfolded: String = value.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let mut out = String::with_capacity(unfolded.len());
    let mut rest = unfolded.trim();
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        match word(from) {
            Some((text, end)) => {
                // RFC 2047 section 6.2: white space between two encoded words is no part of the text.
                if !(after_word && before.trim().is_empty()) {
                    out.push_str(before);
                }
                out.push_str(&text);
                (rest, after_word) = (&from[end..], true);
            }
            None => {
                out.push_str(before);
                out.push_str("=?");
                (rest, after_word) = (&from[2..], false);
            }
        }
    }
    out + rest
}

/// The encoded word at the start of a text, and where it ends.
fn word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let encoded = &rest[..rest.find("?=")?];
    if encoded.contains([' ', '\t']) {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => base64(encoded)?,
        "Q" | "q" => quoted(encoded)?,
        _ => return None,
    };
    let end = 2 + charset.len() + 1 + encoding.len() + 1 + encoded.len() + 2;
    // RFC 2231 section 5: a language may follow the charset.
    let charset = charset.split('*').next().unwrap_or_default().to_ascii_lowercase();
    let text = match charset.as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => String::from_utf8_lossy(&bytes).into_owned(),
        "iso-8859-1" | "latin1" => bytes.into_iter().map(char::from).collect(),
        _ => return None,
    };
    Some((text.replace(['\r', '\n', '\0'], " "), end))
}

/// RFC 2047 section 4.2.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'_' => b' ',
            b'=' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 4648 section 4; padding may be missing.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_unfolded_and_decoded() {
        for (value, expected) in [
            (" plain ", "plain"),
            ("a\r\n b\r\n\tc", "a b\tc"),
            ("=?utf-8?Q?Post_f=C3=BCr_dich?=", "Post für dich"),
            ("=?UTF-8*de?b?w6TDtsO8?= rest", "äöü rest"),
            ("=?utf-8?q?a?=\r\n =?utf-8?q?b?= c", "ab c"),
            ("x =?utf-8?q?a?= =?utf-8?q?b?=", "x ab"),
            ("=?iso-8859-1?q?caf=e9?=", "café"),
            ("=?koi8-r?q?=C1?=", "=?koi8-r?q?=C1?="),
            ("=?utf-8?q?=ZZ?= =?utf-8?x?a?= =? =?utf-8?b", "=?utf-8?q?=ZZ?= =?utf-8?x?a?= =? =?utf-8?b"),
            ("=?utf-8?b?DQpFdmlsOiB5?=", "  Evil: y"),
        ] {
            assert_eq!(field_text(value.as_bytes()), expected, "{value:?}");
        }
        assert_eq!(field_text(b"\xff"), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn it_is_one_line_whatever_the_value(
            value in "([ -~]|=\\?utf-8\\?[qb]\\?|\\?=|=0D=0A|\r\n |é){0,30}"
        ) {
            let text = field_text(value.as_bytes());
            prop_assert!(!text.contains(['\r', '\n']), "{:?}", text);
        }
    }
}
