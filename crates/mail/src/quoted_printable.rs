//! quoted-printable, which carries any bytes in seven bits and short lines (RFC 2045 section 6.7).

/// Characters of an encoded line at most, the soft line break included.
const LINE_CHARS_MAX: usize = 76;

/// Encodes. CRLF stays a line end; any other byte that is not printable ASCII is escaped.
pub fn encode(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 8);
    let mut encoder = Encoder::default();
    let mut rest = content;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        encoder.text(&rest[..end], &mut out);
        encoder.line_end(&mut out);
        rest = &rest[end + 2..];
    }
    encoder.text(rest, &mut out);
    encoder.finish(&mut out);
    out
}

/// Encodes content that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Encoder {
    width: usize,
    /// White space that would be lost if the line ended with it.
    space: Option<u8>,
}

impl Encoder {
    /// Bytes within a line.
    pub fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if let Some(space) = self.space.take() {
                self.put(&[space], out);
            }
            match byte {
                b' ' | b'\t' => self.space = Some(byte),
                b'!'..=b'<' | b'>'..=b'~' => self.put(&[byte], out),
                _ => self.put(&escape(byte), out),
            }
        }
    }

    /// A CRLF.
    pub fn line_end(&mut self, out: &mut Vec<u8>) {
        self.end_line(out);
        out.extend_from_slice(b"\r\n");
        self.width = 0;
    }

    /// Nothing follows.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.end_line(out);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        if let Some(space) = self.space.take() {
            self.put(&escape(space), out);
        }
    }

    fn put(&mut self, token: &[u8], out: &mut Vec<u8>) {
        if self.width + token.len() > LINE_CHARS_MAX - 1 {
            out.extend_from_slice(b"=\r\n");
            self.width = 0;
        }
        out.extend_from_slice(token);
        self.width += token.len();
    }
}

fn escape(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Decodes; what is no escape stays as it is. Line ends may be CRLF or LF.
pub fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"=\r\n") {
            at += 3;
        } else if rest.starts_with(b"=\n") {
            at += 2;
        } else if let Some(byte) = escaped(rest) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn escaped(rest: &[u8]) -> Option<u8> {
    let [b'=', high, low, ..] = rest else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        assert_eq!(String::from_utf8(encode(content.as_bytes())).unwrap(), expected);
    }

    #[test]
    fn encodes_what_is_not_printable() {
        check("a=b\r\n", "a=3Db\r\n");
        check("ends in a space \r\nb", "ends in a space=20\r\nb");
        check("\u{e9}\n", "=C3=A9=0A");
        check(&"x".repeat(80), &format!("{}=\r\n{}", "x".repeat(75), "x".repeat(5)));
    }

    proptest! {
        #[test]
        fn decodes_what_it_encoded(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let encoded = String::from_utf8(encode(&content)).unwrap();
            prop_assert!(encoded.lines().all(|line| line.len() <= LINE_CHARS_MAX));
            prop_assert_eq!(decode(&encoded), content);
        }
    }
}
