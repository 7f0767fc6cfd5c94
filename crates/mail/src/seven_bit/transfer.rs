//! Writes a body as base64, and mends bodies that are encoded already but not as they should be.

/// Characters of an encoded line at most (RFC 2045 sections 6.7 and 6.8).
const LINE_CHARS_MAX: usize = 76;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Four characters for up to three bytes.
fn quantum(bytes: &[u8]) -> [u8; 4] {
    let byte = |nth: usize| u32::from(bytes.get(nth).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let character = |nth: usize| {
        if nth > bytes.len() { b'=' } else { ALPHABET[(bits >> (18 - 6 * nth)) as usize & 63] }
    };
    [character(0), character(1), character(2), character(3)]
}

/// base64 of a few bytes, without line ends.
pub(crate) fn base64(bytes: &[u8]) -> String {
    bytes.chunks(3).flat_map(quantum).map(char::from).collect()
}

/// Encodes a body that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Base64 {
    held: Vec<u8>,
    width: usize,
    /// A CRLF that belongs to the body if no delimiter follows it.
    line_end_held: bool,
}

impl Base64 {
    pub(super) fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if std::mem::take(&mut self.line_end_held) {
            self.encode(b"\r\n", out);
        }
        self.encode(bytes, out);
    }

    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.line_end_held, true) {
            self.encode(b"\r\n", out);
        }
    }

    pub(super) fn finish(mut self, at_delimiter: bool, out: &mut Vec<u8>) {
        if self.line_end_held && !at_delimiter {
            self.encode(b"\r\n", out);
        }
        if !self.held.is_empty() {
            let last = quantum(&self.held);
            self.put(last, out);
        }
        if self.width > 0 {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, others)) = rest.split_first() {
            self.held.push(byte);
            rest = others;
            if self.held.len() == 3 {
                let four = quantum(&self.held);
                self.held.clear();
                self.put(four, out);
            }
        }
    }

    fn put(&mut self, four: [u8; 4], out: &mut Vec<u8>) {
        out.extend_from_slice(&four);
        self.width += 4;
        if self.width == LINE_CHARS_MAX {
            out.extend_from_slice(b"\r\n");
            self.width = 0;
        }
    }
}

/// Writes base64 anew with short lines. What is not of its alphabet no reader looks at (RFC 2045 section 6.8).
#[derive(Debug, Default)]
pub(super) struct Base64Mender {
    width: usize,
}

impl Base64Mender {
    pub(super) fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes.iter().filter(|byte| ALPHABET.contains(byte) || **byte == b'=') {
            out.push(byte);
            self.width += 1;
            if self.width == LINE_CHARS_MAX {
                out.extend_from_slice(b"\r\n");
                self.width = 0;
            }
        }
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if self.width > 0 {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Writes quoted-printable anew with short lines and without raw bytes; what it stands for stays.
#[derive(Debug, Default)]
pub(super) struct QuotedPrintableMender {
    width: usize,
    /// An `=` and what has come of its two digits.
    escape: Vec<u8>,
}

impl QuotedPrintableMender {
    pub(super) fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if self.escape.is_empty() && byte != b'=' {
                self.literal(byte, out);
                continue;
            }
            self.escape.push(byte);
            if !self.escape[1..].iter().all(u8::is_ascii_hexdigit) {
                // No escape after all; but one may begin with what was taken for its digits.
                let taken = std::mem::take(&mut self.escape);
                self.literal(taken[0], out);
                self.text(&taken[1..], out);
            } else if self.escape.len() == 3 {
                let token = std::mem::take(&mut self.escape);
                self.put(&token, out);
            }
        }
    }

    pub(super) fn line_end(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        out.extend_from_slice(b"\r\n");
        self.width = 0;
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        self.flush(out);
    }

    /// What began like an escape is none: it goes byte by byte. An `=` at the end of a line is a soft line break.
    fn flush(&mut self, out: &mut Vec<u8>) {
        for byte in std::mem::take(&mut self.escape) {
            self.literal(byte, out);
        }
    }

    fn literal(&mut self, byte: u8, out: &mut Vec<u8>) {
        if matches!(byte, b'\t' | b' '..=b'~') {
            self.put(&[byte], out);
        } else {
            self.put(format!("={byte:02X}").as_bytes(), out);
        }
    }

    fn put(&mut self, token: &[u8], out: &mut Vec<u8>) {
        let room = if token == b"=" { LINE_CHARS_MAX } else { LINE_CHARS_MAX - 1 };
        if self.width + token.len() > room {
            out.extend_from_slice(b"=\r\n");
            self.width = 0;
        }
        out.extend_from_slice(token);
        self.width += token.len();
    }
}
