//! Reads replies from a byte stream, however it is cut, and refuses what is not one.

use mail::{EnhancedStatus, Reply};
use memchr::memchr;
use thiserror::Error;

/// Bytes of one reply at most, line ends included.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Lines of one reply at most.
pub const REPLY_LINES_MAX: usize = 512;
/// Bytes of a reply's text that are kept; EHLO's, which is read at once, excepted.
pub const REPLY_TEXT_BYTES_MAX: usize = 4096;

/// Why bytes are not a reply. After one of these the stream cannot be trusted any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ReplyError {
    /// A line does not begin with a code from 200 to 599 and a space or hyphen.
    #[error("the reply has no valid code")]
    Code,
    /// The lines of one reply bear different codes.
    #[error("the lines of the reply have different codes")]
    CodesDiffer,
    /// The reply does not end.
    #[error("the reply is longer than {REPLY_BYTES_MAX} bytes or {REPLY_LINES_MAX} lines")]
    TooLong,
}

/// Takes bytes, gives replies (RFC 5321 section 4.2).
#[derive(Debug, Default)]
pub struct ReplyParser {
    buffer: Vec<u8>,
    /// What stands before has been read.
    read: usize,
    /// What stands between `read` and here holds no line feed.
    searched: usize,
    /// The lines so far of a reply that goes on.
    begun: Option<Begun>,
    failed: Option<ReplyError>,
}

#[derive(Debug)]
struct Begun {
    reply: Reply,
    bytes: usize,
    lines: usize,
}

impl ReplyParser {
    /// Appends bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.read > 0 {
            self.buffer.drain(..self.read);
            self.searched -= self.read;
            self.read = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole reply, if it is there. Its text is as long as it came.
    pub fn next_reply(&mut self) -> Option<Result<Reply, ReplyError>> {
        if let Some(error) = self.failed {
            return Some(Err(error));
        }
        loop {
            let Some(end) = memchr(b'\n', &self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                let bytes = self.begun.as_ref().map_or(0, |begun| begun.bytes) + self.searched - self.read;
                return (bytes > REPLY_BYTES_MAX).then(|| self.fail(ReplyError::TooLong));
            };
            let line = self.read..self.searched + end;
            self.read = line.end + 1;
            self.searched = self.read;
            match read_line(self.begun.take(), &self.buffer[line]) {
                Ok(Line::Last(reply)) => return Some(Ok(reply)),
                Ok(Line::More(begun)) => self.begun = Some(begun),
                Err(error) => return Some(self.fail(error)),
            }
        }
    }

    /// Whether nothing is there, not even a part of a reply.
    pub fn is_empty(&self) -> bool {
        self.read == self.buffer.len() && self.begun.is_none() && self.failed.is_none()
    }

    /// Forgets everything: what came before a TLS handshake does not count after it.
    pub fn clear(&mut self) {
        *self = ReplyParser::default();
    }

    fn fail(&mut self, error: ReplyError) -> Result<Reply, ReplyError> {
        *self = ReplyParser { failed: Some(error), ..ReplyParser::default() };
        Err(error)
    }
}

enum Line {
    More(Begun),
    Last(Reply),
}

/// Reads one line, without its line feed, as the continuation of what has begun.
fn read_line(begun: Option<Begun>, line: &[u8]) -> Result<Line, ReplyError> {
    let bytes_on_wire = line.len() + 1;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let code = code(line).ok_or(ReplyError::Code)?;
    let last = match line.get(3) {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return Err(ReplyError::Code),
    };
    let (enhanced, text) = split_enhanced(code, line.get(4..).unwrap_or_default());
    let begun = match begun {
        None => Begun { reply: Reply { code, enhanced, text: plain(text) }, bytes: bytes_on_wire, lines: 1 },
        Some(mut begun) if begun.reply.code == code => {
            begun.reply.text.push('\n');
            begun.reply.text.push_str(&plain(text));
            begun.bytes += bytes_on_wire;
            begun.lines += 1;
            begun
        }
        Some(_) => return Err(ReplyError::CodesDiffer),
    };
    if begun.bytes > REPLY_BYTES_MAX || begun.lines > REPLY_LINES_MAX {
        return Err(ReplyError::TooLong);
    }
    Ok(if last { Line::Last(begun.reply) } else { Line::More(begun) })
}

fn code(line: &[u8]) -> Option<u16> {
    let digits = line.get(..3)?;
    if !(b'2'..=b'5').contains(&digits[0]) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

/// Takes off an enhanced code that stands right at the beginning and agrees with the basic code. Anything that
/// resembles one imperfectly stays text.
fn split_enhanced(code: u16, text: &[u8]) -> (Option<EnhancedStatus>, &[u8]) {
    let end = memchr(b' ', text).unwrap_or(text.len());
    let enhanced = std::str::from_utf8(&text[..end])
        .ok()
        .and_then(EnhancedStatus::parse)
        .filter(|enhanced| u16::from(enhanced.class) == code / 100);
    match enhanced {
        Some(_) => (enhanced, text.get(end + 1..).unwrap_or_default()),
        None => (None, text),
    }
}

/// Text that cannot begin a line of its own, ring a bell or end a string wherever it is shown.
fn plain(text: &[u8]) -> String {
    let shown = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    String::from_utf8_lossy(text).chars().map(shown).collect()
}

/// Cuts the text to [`REPLY_TEXT_BYTES_MAX`] bytes, between characters.
pub fn truncate(reply: &mut Reply) {
    let end = reply.text.floor_char_boundary(REPLY_TEXT_BYTES_MAX);
    reply.text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(chunks: &[&[u8]]) -> (Vec<Result<Reply, ReplyError>>, bool) {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for chunk in chunks {
            parser.push(chunk);
            while let Some(reply) = parser.next_reply() {
                let failed = reply.is_err();
                replies.push(reply);
                if failed {
                    return (replies, false);
                }
            }
        }
        (replies, parser.is_empty())
    }

    #[track_caller]
    fn check(bytes: &str, expected: Result<(u16, Option<&str>, &str), ReplyError>) {
        let (replies, _) = read_all(&[bytes.as_bytes()]);
        let got = replies.first().cloned().expect("a reply");
        let expected = expected.map(|(code, enhanced, text)| {
            Reply::new(code, enhanced.map(|e| EnhancedStatus::parse(e).expect("valid")), text)
        });
        assert_eq!(got, expected, "{bytes:?}");
    }

    #[test]
    fn reads_replies_of_one_line_and_of_many() {
        check("250 ok\r\n", Ok((250, None, "ok")));
        check("250\r\n", Ok((250, None, "")));
        check("250 ok\n", Ok((250, None, "ok")));
        check("250-one\r\n250-two\r\n250 three\r\n", Ok((250, None, "one\ntwo\nthree")));
        check("550 5.1.1 no such user\r\n", Ok((550, Some("5.1.1"), "no such user")));
        check("550 5.1.1\r\n", Ok((550, Some("5.1.1"), "")));
        check("250-2.1.5 a\r\n250 2.1.5 b\r\n", Ok((250, Some("2.1.5"), "a\nb")));
    }

    #[test]
    fn an_imperfect_enhanced_code_stays_text() {
        check("550 2.1.5 odd\r\n", Ok((550, None, "2.1.5 odd")));
        check("550  5.1.1 late\r\n", Ok((550, None, " 5.1.1 late")));
        check("550 5.1.1.1 ip\r\n", Ok((550, None, "5.1.1.1 ip")));
        check("550 5.1.1: colon\r\n", Ok((550, None, "5.1.1: colon")));
        check("250 2.example.org\r\n", Ok((250, None, "2.example.org")));
    }

    // proves: E6, E7, E8
    #[test]
    fn refuses_what_is_not_a_reply() {
        for bad in [
            "\r\n",
            "2\r\n",
            "25\r\n",
            "199 x\r\n",
            "600 x\r\n",
            "2x0 x\r\n",
            "250_x\r\n",
            "ok\r\n",
            " 250\r\n",
        ] {
            check(bad, Err(ReplyError::Code));
        }
        check("250-a\r\n550 b\r\n", Err(ReplyError::CodesDiffer));
        check("250-a\r\nhello\r\n", Err(ReplyError::Code));
        check(&"250-x\r\n".repeat(513), Err(ReplyError::TooLong));
        check(&format!("250 {}", "x".repeat(70_000)), Err(ReplyError::TooLong));
        check(&format!("250 {}\r\n", "x".repeat(70_000)), Err(ReplyError::TooLong));
        check(&format!("250-{}\r\n", "x".repeat(1000)).repeat(66), Err(ReplyError::TooLong));
    }

    // proves: E12
    #[test]
    fn control_characters_do_not_pass() {
        check("250 a\0b\x1b[2Jc\rd\te\r\n", Ok((250, None, "a\u{fffd}b\u{fffd}[2Jc\u{fffd}d e")));
    }

    #[test]
    fn an_error_stays() {
        let mut parser = ReplyParser::default();
        parser.push(b"rubbish\r\n250 ok\r\n");
        assert_eq!(parser.next_reply(), Some(Err(ReplyError::Code)));
        parser.push(b"250 ok\r\n");
        assert_eq!(parser.next_reply(), Some(Err(ReplyError::Code)));
        assert!(!parser.is_empty());
    }

    #[test]
    fn truncates_between_characters() {
        let mut reply = Reply::new(250, None, "é".repeat(4000));
        truncate(&mut reply);
        assert_eq!(reply.text.len(), 4096);
    }

    proptest! {
        #[test]
        fn never_panics_and_does_not_depend_on_the_cut(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            cut in 0usize..400,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read_all(&[&bytes]), read_all(&[&bytes[..cut], &bytes[cut..]]));
        }

        #[test]
        fn replies_do_not_depend_on_the_cut(
            lines in proptest::collection::vec("(2|3|4|5)[0-5][0-9][ -](2\\.1\\.5 )?[a-z\\r]{0,9}\\r\\n", 0..9),
            cuts in proptest::collection::vec(0usize..200, 0..4),
        ) {
            let bytes = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read_all(&[&bytes]), read_all(&chunks));
        }
    }
}
