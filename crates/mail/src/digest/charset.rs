//! Text in any charset becomes UTF-8.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// Whether text in this charset can be read.
pub(super) fn is_known(charset: &[u8]) -> bool {
    is_utf8(charset) || charset_decoder(charset).is_some()
}

/// The text, and whether some of it could not be read.
pub(super) fn decode<'a>(charset: &[u8], bytes: &'a [u8]) -> (Cow<'a, str>, bool) {
    let decoder = if is_utf8(charset) { None } else { charset_decoder(charset) };
    // A text that is UTF-8 and not ASCII is so by no accident, whatever is said of it.
    if let Ok(text) = std::str::from_utf8(bytes)
        && (decoder.is_none() || is_ascii_superset(charset) && text.is_ascii())
    {
        return (Cow::Borrowed(text), decoder.is_none() && !is_utf8(charset));
    }
    match decoder {
        Some(decoder) => {
            let text = decoder(bytes);
            let problem = text.contains('\u{fffd}');
            (Cow::Owned(text), problem)
        }
        None => (String::from_utf8_lossy(bytes), true),
    }
}

/// Charsets of which the decoder knows nothing as there is nothing to do.
fn is_utf8(charset: &[u8]) -> bool {
    charset.is_empty()
        || [&b"utf-8"[..], b"utf8", b"us-ascii", b"ascii", b"unicode-1-1-utf-8"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name))
}

/// Whether ASCII is read as it is.
fn is_ascii_superset(charset: &[u8]) -> bool {
    let lower = charset.to_ascii_lowercase();
    [&b"iso-8859"[..], b"windows-", b"koi8", b"latin", b"gb", b"big5", b"euc"]
        .iter()
        .any(|prefix| lower.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_holds_and_what_cannot_be_read_is_told() {
        for (charset, bytes, text, problem) in [
            ("utf-8", &b"\xc3\xbc"[..], "ü", false),
            ("", b"a", "a", false),
            ("us-ascii", b"\xc3\xbc", "ü", false),
            ("us-ascii", b"\xfc", "\u{fffd}", true),
            ("iso-8859-1", b"\xfc", "ü", false),
            ("windows-1251", b"\xcf\xf0", "Пр", false),
            ("shift_jis", b"\x83n", "ハ", false),
            ("utf-16le", b"a\0b\0", "ab", false),
            ("x-nobody", b"a", "a", true),
            ("x-nobody", b"\xff", "\u{fffd}", true),
        ] {
            let (found, flag) = decode(charset.as_bytes(), bytes);
            assert_eq!((&*found, flag), (text, problem), "{charset}");
        }
    }
}
