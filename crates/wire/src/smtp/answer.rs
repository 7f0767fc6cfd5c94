//! Replies of ours, as they go on the wire.

use mail::Reply;

/// Bytes of one reply line's text at most (RFC 5321 section 4.5.3.1.5 allows 512 with code and CRLF).
const TEXT_BYTES_MAX: usize = 480;

/// A reply of one line that is known when the program is written: `501 5.5.4 text`.
///
/// It stands beside the rule that sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer(pub &'static str);

impl Answer {
    /// Whether it refuses for good.
    pub fn is_permanent(self) -> bool {
        self.0.starts_with('5')
    }

    /// Appends it with its CRLF.
    pub fn append_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a reply, one line for each of its text's. What is not printable ASCII becomes `?`, so that a text
/// that quotes somebody cannot begin a line of its own.
pub fn append_reply(reply: &Reply, out: &mut Vec<u8>) {
    let mut lines = reply.text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let separator = if lines.peek().is_some() { '-' } else { ' ' };
        let code = reply.code.clamp(200, 599);
        out.extend_from_slice(format!("{code}{separator}").as_bytes());
        if let Some(enhanced) = reply.enhanced {
            out.extend_from_slice(format!("{enhanced} ").as_bytes());
        }
        let printable = |c: char| if c.is_ascii() && !c.is_ascii_control() { c as u8 } else { b'?' };
        out.extend(line.chars().take(TEXT_BYTES_MAX).map(printable));
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::EnhancedStatus;

    #[track_caller]
    fn check(reply: Reply, expected: &str) {
        let mut out = Vec::new();
        append_reply(&reply, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_line_bears_the_codes() {
        let status = Some(EnhancedStatus::new(5, 1, 1));
        check(Reply::new(550, status, "no\nsorry"), "550-5.1.1 no\r\n550 5.1.1 sorry\r\n");
        check(Reply::new(250, None, ""), "250 \r\n");
    }

    #[test]
    fn a_quoted_text_cannot_begin_a_line() {
        check(Reply::new(451, None, "a\r250 b\u{0}\u{e9}"), "451 a?250 b??\r\n");
    }
}
