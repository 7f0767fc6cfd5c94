//! A name in a header field: as a quoted text, or as encoded words where it is not ASCII (RFC 2047).

use std::fmt::Write;

/// Characters of an encoded word at most (RFC 2047 section 2).
const WORD_CHARS_MAX: usize = 75;
const START: &str = "=?utf-8?Q?";
const END: &str = "?=";

/// The phrase before an address. `name` is one line without control characters.
pub fn phrase(name: &str) -> String {
    if name.is_ascii() {
        return format!("\"{}\"", name.replace(['"', '\\'], ""));
    }
    let mut out = String::from(START);
    let mut width = START.len();
    for c in name.chars() {
        let encoded = encoded(c);
        if width + encoded.len() + END.len() > WORD_CHARS_MAX {
            out.push_str(END);
            out.push_str("\r\n ");
            out.push_str(START);
            width = START.len();
        }
        width += encoded.len();
        out.push_str(&encoded);
    }
    out + END
}

/// One character, whole (RFC 2047 section 5, rule 3).
fn encoded(c: char) -> String {
    let mut out = String::new();
    match c {
        ' ' => out.push('_'),
        c if c.is_ascii_alphanumeric() => out.push(c),
        c => {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(out, "={byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_quoted_and_the_rest_encoded() {
        for (name, expected) in [
            ("Mail Delivery Subsystem", "\"Mail Delivery Subsystem\""),
            ("a \"b\\", "\"a b\""),
            ("Post für dich", "=?utf-8?Q?Post_f=C3=BCr_dich?="),
            ("?=é", "=?utf-8?Q?=3F=3D=C3=A9?="),
        ] {
            assert_eq!(phrase(name), expected);
        }
    }

    #[test]
    fn words_stay_short_and_characters_whole() {
        let name = "ü€".repeat(100);
        let phrase = phrase(&name);
        for word in phrase.split("\r\n ") {
            assert!(word.len() <= WORD_CHARS_MAX && word.starts_with(START) && word.ends_with(END), "{word}");
        }
        let joined = phrase.replace("?=\r\n =?utf-8?Q?", "");
        assert_eq!(joined.matches("=C3=BC=E2=82=AC").count(), 100);
    }
}
