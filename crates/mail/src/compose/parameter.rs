//! Parameters of a field, in quotes or, where they are long or not ASCII, in pieces (RFC 2045 section 5.1, RFC 2231).

use std::fmt::Write;

/// Characters of a line before it is folded.
const LINE_CHARS_MAX: usize = 76;
/// Characters of the value of one piece.
const PIECE_CHARS_MAX: usize = 50;

/// A field with parameters, as it grows.
pub(super) struct Line {
    text: String,
    width: usize,
}

impl Line {
    /// The name and the value, which is a token or two with a slash between them.
    pub(super) fn begin(name: &str, value: &str) -> Line {
        let value: String =
            value.chars().filter(|c| c.is_ascii_graphic() && !r#"()<>@,;:\"[]?="#.contains(*c)).collect();
        let text = format!("{name}: {value}");
        let width = text.len();
        Line { text, width }
    }

    /// One more parameter. A name that is no token is left out.
    pub(super) fn parameter(&mut self, name: &str, value: &str) {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$&+-^_.".contains(c);
        if name.is_empty() || !name.chars().all(is_token) {
            return;
        }
        let is_plain = value.chars().all(|c| matches!(c, ' '..='~'));
        if is_plain && value.len() <= PIECE_CHARS_MAX {
            return self.piece(&if !value.is_empty() && value.chars().all(is_token) {
                format!("{name}={value}")
            } else {
                format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            });
        }
        let pieces = pieces(value);
        if let [only] = &pieces[..] {
            return self.piece(&format!("{name}*={only}"));
        }
        for (number, piece) in pieces.iter().enumerate() {
            self.piece(&format!("{name}*{number}*={piece}"));
        }
    }

    fn piece(&mut self, piece: &str) {
        self.text.push(';');
        if self.width + piece.len() + 2 > LINE_CHARS_MAX {
            self.text.push_str("\r\n");
            self.width = 0;
        }
        self.text.push(' ');
        self.text.push_str(piece);
        self.width += piece.len() + 2;
    }

    /// Appends it all.
    pub(super) fn end(mut self, out: &mut Vec<u8>) {
        self.text.push_str("\r\n");
        out.extend_from_slice(self.text.as_bytes());
    }
}

/// The value with what is not plain in percent signs, each character whole.
fn pieces(value: &str) -> Vec<String> {
    let mut pieces = vec![String::from("utf-8''")];
    for c in value.chars() {
        let mut encoded = String::new();
        match c {
            c if c.is_ascii_alphanumeric() || "-._".contains(c) => encoded.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
        }
        match pieces.last_mut() {
            Some(last) if last.len() + encoded.len() <= PIECE_CHARS_MAX => last.push_str(&encoded),
            _ => pieces.push(encoded),
        }
    }
    pieces
}
