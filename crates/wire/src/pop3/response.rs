//! How are answers and messages written for a POP3 client? RFC 1939 section 3.

use memchr::{memchr, memchr2_iter};

/// Why something was refused, as programs read it (RFC 2449 section 8, RFC 3206).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// Another session has the mailbox.
    InUse,
    /// Whom we do not know by these credentials.
    Auth,
    /// It may be otherwise in a while.
    SysTemp,
    /// It will be the same next time.
    SysPerm,
    /// A text is not UTF-8, or is and may not be (RFC 6856 section 5).
    Utf8,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Code::InUse => "[IN-USE] ",
            Code::Auth => "[AUTH] ",
            Code::SysTemp => "[SYS/TEMP] ",
            Code::SysPerm => "[SYS/PERM] ",
            Code::Utf8 => "[UTF8] ",
        }
    }
}

/// Appends a good answer of one line.
pub fn ok(out: &mut Vec<u8>, text: &str) {
    line(out, "+OK ", text);
}

/// Appends a bad one.
pub fn err(out: &mut Vec<u8>, code: Option<Code>, text: &str) {
    out.extend_from_slice(b"-ERR ");
    line(out, code.map_or("", Code::text), text);
}

/// Appends a challenge of SASL, in base64 (RFC 5034 section 4).
pub fn challenge(out: &mut Vec<u8>, base64: &str) {
    line(out, "+ ", base64);
}

/// Appends the end of an answer of several lines.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b".\r\n");
}

fn line(out: &mut Vec<u8>, before: &str, text: &str) {
    out.extend_from_slice(before.as_bytes());
    // What somebody else said must not begin a line of its own.
    out.extend(text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

/// Writes a message as lines that end with CRLF, a dot more before each that begins with one. Mail that came with other
/// line ends is read the same by every client this way.
#[derive(Clone, Copy, Debug)]
pub struct MessageWriter<'c> {
    rest: &'c [u8],
    at_start: bool,
}

impl<'c> MessageWriter<'c> {
    /// Begins with the content.
    pub fn new(content: &'c [u8]) -> Self {
        MessageWriter { rest: content, at_start: true }
    }

    /// Appends lines until `out` has `bytes` bytes or more, or all is written; whether there is more.
    pub fn write(&mut self, out: &mut Vec<u8>, bytes: usize) -> bool {
        while out.len() < bytes && !self.rest.is_empty() {
            // A line longer than that is written in pieces.
            let window = &self.rest[..self.rest.len().min(bytes)];
            let end = memchr2_iter(b'\r', b'\n', window).next();
            if self.at_start && self.rest[0] == b'.' {
                out.push(b'.');
            }
            match end {
                Some(at) => {
                    out.extend_from_slice(&window[..at]);
                    out.extend_from_slice(b"\r\n");
                    let pair = self.rest[at..].starts_with(b"\r\n");
                    self.rest = &self.rest[at + 1 + usize::from(pair)..];
                    self.at_start = true;
                }
                None => {
                    out.extend_from_slice(window);
                    self.rest = &self.rest[window.len()..];
                    self.at_start = false;
                }
            }
        }
        !self.rest.is_empty()
    }

    /// Appends the lone dot, after a line end if the content has none.
    pub fn finish(self, out: &mut Vec<u8>) {
        if !self.at_start {
            out.extend_from_slice(b"\r\n");
        }
        end(out);
    }
}

/// The header, the empty line, and so many lines of the body (RFC 1939 section 7, TOP).
pub fn top(content: &[u8], lines: u32) -> &[u8] {
    let mut at = mail::header::header_end(content);
    at += line_length(&content[at..]);
    for _ in 0..lines {
        match line_length(&content[at..]) {
            0 => break,
            length => at += length,
        }
    }
    &content[..at]
}

/// Bytes up to the end of the first line, or of all.
fn line_length(content: &[u8]) -> usize {
    memchr(b'\n', content).map_or(content.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(content: &[u8], bytes: usize) -> Vec<u8> {
        let (mut writer, mut all) = (MessageWriter::new(content), Vec::new());
        loop {
            let mut piece = Vec::new();
            let more = writer.write(&mut piece, bytes);
            all.extend(piece);
            if !more {
                writer.finish(&mut all);
                return all;
            }
        }
    }

    #[track_caller]
    fn check(content: &str, expected: &str) {
        for bytes in [1, 2, 3, 100] {
            let got = String::from_utf8(written(content.as_bytes(), bytes)).unwrap();
            assert_eq!(got, expected, "{content:?} by {bytes}");
        }
    }

    #[test]
    fn dots_are_doubled_and_line_ends_are_whole() {
        check("", ".\r\n");
        check("a\r\n", "a\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check(".", "..\r\n.\r\n");
        check("a\n.\nb\r.c", "a\r\n..\r\nb\r\n..c\r\n.\r\n");
        check("..\r\n\r\n", "...\r\n\r\n.\r\n");
    }

    #[test]
    fn top_has_the_header_and_lines_of_the_body() {
        let mail = b"Subject: x\r\n\r\none\r\ntwo\r\nthree";
        assert_eq!(top(mail, 0), b"Subject: x\r\n\r\n");
        assert_eq!(top(mail, 1), b"Subject: x\r\n\r\none\r\n");
        assert_eq!(top(mail, 9), mail);
        assert_eq!(top(b"Subject: x\r\n", 3), b"Subject: x\r\n");
        assert_eq!(top(b"", 3), b"");
    }

    #[test]
    fn an_answer_is_one_line() {
        let mut out = Vec::new();
        err(&mut out, Some(Code::Auth), "no\r\n+OK yes");
        assert_eq!(out, b"-ERR [AUTH] no  +OK yes\r\n");
    }

    proptest! {
        #[test]
        fn a_client_reads_back_the_lines(content in "[.a\r\n]{0,30}", bytes in 1usize..20) {
            let wire = written(content.as_bytes(), bytes);
            let text = String::from_utf8(wire).unwrap();
            prop_assert!(text == ".\r\n" || text.find("\r\n.\r\n") == Some(text.len() - 5));
            let body = text.strip_suffix(".\r\n").unwrap();
            let lines: Vec<&str> =
                body.split_terminator("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
            let same = content.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(lines, same.split_terminator('\n').collect::<Vec<_>>());
        }

        #[test]
        fn top_is_a_beginning(content in any::<Vec<u8>>(), lines in 0u32..5) {
            prop_assert!(content.starts_with(top(&content, lines)));
        }
    }
}
