//! Mailbox names on the wire: modified UTF-7 for clients of the old revision (RFC 3501 section 5.1.3), UTF-8 for others.

/// Reads a name in modified UTF-7; `None` if it is none. Bare UTF-8 is let through, as many clients send it.
pub fn from_utf7(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        name.push_str(&rest[..at]);
        let shifted = &rest[at + 1..];
        let end = shifted.find('-')?;
        if end == 0 {
            name.push('&');
        } else {
            name.push_str(&decode(&shifted[..end])?);
        }
        rest = &shifted[end + 1..];
    }
    name.push_str(rest);
    Some(name)
}

/// Writes a name in modified UTF-7.
pub fn to_utf7(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut shifted: Vec<u16> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut out, &mut shifted);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            shifted.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut out, &mut shifted);
    out
}

fn flush(out: &mut String, shifted: &mut Vec<u16>) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    for byte in shifted.iter().flat_map(|unit| unit.to_be_bytes()) {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            out.push(char::from(ALPHABET[(bits >> count & 63) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(ALPHABET[(bits << (6 - count) & 63) as usize]));
    }
    out.push('-');
    shifted.clear();
}

/// Base64 with `,` for `/` and no padding, of UTF-16.
fn decode(text: &str) -> Option<String> {
    let (mut bits, mut count, mut units, mut half) = (0_u32, 0, Vec::new(), None);
    for byte in text.bytes() {
        let value = ALPHABET.iter().position(|symbol| *symbol == byte)?;
        bits = (bits << 6 | u32::try_from(value).ok()?) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            let octet = (bits >> count & 0xFF) as u8;
            match half.take() {
                None => half = Some(octet),
                Some(high) => units.push(u16::from_be_bytes([high, octet])),
            }
        }
    }
    // What is left over is padding: less than a symbol of zeros.
    let whole = half.is_none() && count < 6 && bits & ((1 << count) - 1) == 0;
    let name = whole.then(|| String::from_utf16(&units).ok()).flatten()?;
    // Printable ASCII must not be shifted, so that a name has one form only.
    name.chars().all(|c| !(' '..='~').contains(&c)).then_some(name)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_standard() {
        // RFC 3501 section 5.1.3.
        let table = [
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", Some("~peter/mail/台北/日本語")),
            ("&Jjo-!", Some("☺!")),
            ("&U,BTF2XlZyyKng-", Some("台北日本語")),
            ("&-", Some("&")),
            ("a&-b", Some("a&b")),
            ("&2D3eAA-", Some("😀")),
            ("&Jjo!", None),
            ("&Jjo", None),
            ("&AGE-", None),
            ("&2D0-", None),
            ("&J-", None),
            ("&=-", None),
        ];
        for (text, expected) in table {
            assert_eq!(from_utf7(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "\\PC{0,20}") {
            let text = to_utf7(&name);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7F).contains(&byte)));
            prop_assert_eq!(from_utf7(&text), Some(name));
        }

        #[test]
        fn every_text_has_one_form(text in "[&A-Za-z0-9+,-]{0,20}") {
            if let Some(name) = from_utf7(&text) && text.find("-&").is_none() {
                prop_assert_eq!(to_utf7(&name), text);
            }
        }
    }
}
