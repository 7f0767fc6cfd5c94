//! A name or a text in a header field: as it is, or as encoded words where it is not ASCII (RFC 2047).

use std::fmt::Write;

/// Characters of an encoded word at most (RFC 2047 section 2).
const WORD_CHARS_MAX: usize = 75;
/// Characters of a line before it is folded (RFC 5322 section 2.1.1).
const LINE_CHARS_MAX: usize = 76;
/// Characters of a word that is encoded although it need not be, as it could not be folded.
const LONG_WORD_CHARS: usize = 900;
const START: &str = "=?utf-8?Q?";
const END: &str = "?=";

/// The phrase before an address. `name` is one line without control characters.
pub fn phrase(name: &str) -> String {
    if name.is_ascii() { format!("\"{}\"", name.replace(['"', '\\'], "")) } else { encoded_phrase(name) }
}

/// The phrase before an address, nothing lost: in quotes, or encoded where quotes would not do.
pub fn exact_phrase(name: &str) -> String {
    let in_quotes =
        name.is_ascii() && !name.contains(['"', '\\']) && !name.contains("=?") && name.trim() == name;
    if in_quotes && !name.contains("  ") { format!("\"{name}\"") } else { encoded_phrase(name) }
}

fn encoded_phrase(name: &str) -> String {
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

/// The text of an unstructured field, folded; `column` is where it begins. Words that are not ASCII are encoded, with
/// the spaces between them: those between two encoded words would be lost (RFC 2047 section 6.2).
pub fn text(text: &str, column: usize) -> String {
    let mut out = String::new();
    let mut width = column;
    for (word, is_encoded) in runs(text) {
        let mut piece = String::new();
        let mut chars = word.chars().peekable();
        while chars.peek().is_some() {
            piece.clear();
            if is_encoded {
                piece.push_str(START);
                while let Some(encoded) = chars.peek().map(|c| encoded(*c)) {
                    if piece.len() + encoded.len() + END.len() > WORD_CHARS_MAX {
                        break;
                    }
                    piece.push_str(&encoded);
                    chars.next();
                }
                piece.push_str(END);
            } else {
                piece.extend(chars.by_ref());
            }
            let is_first = out.is_empty();
            if !is_first && width + 1 + piece.len() > LINE_CHARS_MAX {
                out.push_str("\r\n");
                width = 0;
            }
            if !is_first {
                out.push(' ');
                width += 1;
            }
            out.push_str(&piece);
            width += piece.len();
        }
    }
    out
}

/// Words, and texts of words that are to be encoded with the spaces between them. Spaces at the ends or beside each other
/// would be lost if they were not encoded.
fn runs(text: &str) -> Vec<(String, bool)> {
    if text.trim() != text || text.contains("  ") {
        return vec![(text.to_owned(), true)];
    }
    let mut runs: Vec<(String, bool)> = Vec::new();
    for word in text.split(' ') {
        // What looks like an encoded word would be taken for one.
        let is_encoded = !word.is_ascii() || word.contains("=?") || word.len() > LONG_WORD_CHARS;
        match runs.last_mut() {
            Some((last, true)) if is_encoded => {
                last.push(' ');
                last.push_str(word);
            }
            _ => runs.push((word.to_owned(), is_encoded)),
        }
    }
    runs
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
