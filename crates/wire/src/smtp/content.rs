//! Where does content end, and what are its bytes like? The decoder of DATA and the scan of DATA and BDAT.
//!
//! Two small machines. [`DataDecoder`] finds the one true end, CRLF.CRLF, and takes off dot-stuffing.
//! [`ContentScan`] sees what it yields, or the bytes of BDAT chunks, and finds what must not pass.

use mail::ContentTraits;
use memchr::{memchr, memchr2_iter, memmem};

use super::limits::{CONTENT_LINE_BYTES_MAX, CONTENT_LINE_BYTES_STANDARD};

/// Takes content out of the stream that follows DATA (RFC 5321 section 4.5.2).
#[derive(Clone, Debug)]
pub struct DataDecoder {
    at_line_start: bool,
}

/// What the decoder found next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'i> {
    /// More input is needed; what was not used up is to be handed in again.
    NeedInput,
    /// A piece of content, never empty.
    Content(&'i [u8]),
    /// The final dot.
    End,
}

impl Default for DataDecoder {
    fn default() -> Self {
        DataDecoder { at_line_start: true }
    }
}

impl DataDecoder {
    /// Finds the next piece; says how much of the input it used up.
    pub fn next<'i>(&mut self, input: &'i [u8]) -> (usize, Piece<'i>) {
        let start = match input {
            [] => return (0, Piece::NeedInput),
            [b'.', b'\r', b'\n', ..] if self.at_line_start => return (3, Piece::End),
            [b'.'] | [b'.', b'\r'] if self.at_line_start => return (0, Piece::NeedInput),
            [b'.', ..] if self.at_line_start => 1,
            _ => 0,
        };
        let rest = &input[start..];
        let end = match memmem::find(rest, b"\r\n.") {
            Some(at) => at + 2,
            // Whether a CR at the end begins a CRLF is not known yet.
            None if rest.ends_with(b"\r") => rest.len() - 1,
            None => rest.len(),
        };
        if end == 0 {
            // The dot, if one was taken off, is handed in again with what follows the CR.
            return (0, Piece::NeedInput);
        }
        let content = &rest[..end];
        self.at_line_start = content.ends_with(b"\r\n");
        (start + end, Piece::Content(content))
    }
}

/// What is known of content so far.
#[derive(Clone, Debug, Default)]
pub struct ContentScan {
    /// Bytes seen.
    pub size: u64,
    /// Whether a CR or LF stands alone.
    pub bare_line_end: bool,
    /// Whether there is a NUL.
    pub nul: bool,
    /// Whether some byte is above 127.
    pub eight_bit: bool,
    /// Bytes of the longest line, without its CRLF.
    pub longest_line: u64,
    /// `Received` fields in the header.
    pub hops: u32,
    line: u64,
    last_was_cr: bool,
    header: HeaderScan,
}

impl ContentScan {
    /// Looks at the next bytes.
    pub fn look_at(&mut self, bytes: &[u8]) {
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.eight_bit |= !bytes.is_ascii();
        self.nul |= memchr(0, bytes).is_some();
        self.header.look_at(bytes, &mut self.hops);
        self.lines(bytes);
    }

    /// Once nothing follows: a CR at the very end stands alone.
    pub fn end(&mut self) {
        self.bare_line_end |= self.last_was_cr;
    }

    fn lines(&mut self, bytes: &[u8]) {
        let mut from = 0;
        for at in memchr2_iter(b'\r', b'\n', bytes) {
            if at > from || self.last_was_cr {
                self.text(at - from, bytes[at] == b'\n');
            }
            if bytes[at] == b'\r' {
                self.last_was_cr = true;
            } else {
                self.bare_line_end |= !self.last_was_cr;
                self.last_was_cr = false;
                self.line = 0;
            }
            from = at + 1;
        }
        if from < bytes.len() {
            self.text(bytes.len() - from, false);
        }
    }

    /// So many bytes that are neither CR nor LF; or none, when a CR is followed by CR or LF.
    fn text(&mut self, count: usize, then_lf: bool) {
        if self.last_was_cr && (count > 0 || !then_lf) {
            self.bare_line_end = true;
            self.last_was_cr = false;
        }
        self.line = self.line.saturating_add(count as u64);
        self.longest_line = self.longest_line.max(self.line);
    }

    /// Whether a line is longer than we take.
    pub fn has_endless_line(&self) -> bool {
        self.longest_line > CONTENT_LINE_BYTES_MAX
    }

    /// What the envelope keeps of it.
    pub fn traits(&self) -> ContentTraits {
        ContentTraits {
            eight_bit: self.eight_bit,
            binary: self.bare_line_end || self.nul,
            long_lines: self.longest_line > CONTENT_LINE_BYTES_STANDARD,
        }
    }
}

/// Counts `Received` fields until the first empty line, over any cuts in the stream.
#[derive(Clone, Debug, Default)]
struct HeaderScan {
    over: bool,
    head: [u8; HeaderScan::NAME.len()],
    head_len: usize,
}

impl HeaderScan {
    const NAME: &'static [u8] = b"received:";

    fn look_at(&mut self, bytes: &[u8], hops: &mut u32) {
        let mut rest = bytes;
        while !self.over && !rest.is_empty() {
            self.fill(rest, hops);
            let Some(at) = memchr(b'\n', rest) else { return };
            if self.head_len < 3 && matches!(self.head[..self.head_len], [b'\n'] | [b'\r', b'\n']) {
                self.over = true;
            }
            self.head_len = 0;
            rest = &rest[at + 1..];
        }
    }

    /// Takes the first bytes of a line, up to its LF; counts when they have become the name.
    fn fill(&mut self, rest: &[u8], hops: &mut u32) {
        for &byte in rest {
            if self.head_len == self.head.len() {
                return;
            }
            self.head[self.head_len] = byte;
            self.head_len += 1;
            if self.head_len == self.head.len() && self.head.eq_ignore_ascii_case(Self::NAME) {
                *hops = hops.saturating_add(1);
            }
            if byte == b'\n' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes a stream handed in by pieces; `None` if it has no end. Also says how much was left after the end.
    fn decode(pieces: &[&[u8]]) -> Option<(Vec<u8>, usize, ContentScan)> {
        let (mut decoder, mut scan) = (DataDecoder::default(), ContentScan::default());
        let (mut held, mut content) = (Vec::new(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            held.extend_from_slice(piece);
            loop {
                let (used, found) = decoder.next(&held);
                match found {
                    Piece::NeedInput => break,
                    Piece::Content(bytes) => {
                        assert!(!bytes.is_empty());
                        scan.look_at(bytes);
                        content.extend_from_slice(bytes);
                    }
                    Piece::End => {
                        scan.end();
                        let later: usize = pieces[index + 1..].iter().map(|piece| piece.len()).sum();
                        return Some((content, held.len() - used + later, scan));
                    }
                }
                held.drain(..used);
            }
            assert!(held.len() < 3, "no more than the start of an end is held back");
        }
        None
    }

    fn stuff(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut at_line_start = true;
        for &byte in content {
            if at_line_start && byte == b'.' {
                out.push(b'.');
            }
            out.push(byte);
            at_line_start = out.ends_with(b"\r\n");
        }
        out
    }

    /// Every way to write "line end, dot, line end" with CR, LF, CRLF, CRCRLF or NUL in it, but the one true one.
    fn false_endings() -> Vec<Vec<u8>> {
        let ends: [&[u8]; 5] = [b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r"];
        let mut all = Vec::new();
        for before in ends {
            for after in ends {
                if (before, after) != (b"\r\n", b"\r\n") {
                    all.push([before, b".", after].concat());
                }
            }
        }
        let with_nul: [&[u8]; 6] =
            [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\r\0\n.\r\n", b"\0\r\n.\n", b"\r\n.\r\0"];
        all.extend(with_nul.iter().map(|ending| ending.to_vec()));
        all
    }

    /// Those of the false endings that still hold a true one, because what stands before it ends a line.
    fn ends_truly(ending: &[u8]) -> bool {
        memmem::find(ending, b"\r\n.\r\n").is_some()
    }

    // proves: H1
    #[test]
    fn no_false_ending_ends_wherever_the_stream_is_cut() {
        let endings = false_endings();
        assert!(endings.len() >= 30);
        for ending in endings {
            let stream =
                [b"a: b\r\n\r\nx", &ending[..], b"MAIL FROM:<evil@example.org>\r\n\r\n.\r\nQUIT"].concat();
            for cut in 0..=stream.len() {
                let (content, left, scan) = decode(&[&stream[..cut], &stream[cut..]]).unwrap();
                if ends_truly(&ending) {
                    // CRCRLF.CRLF: the CR before is bare, the end is a true one.
                    assert!(scan.bare_line_end, "{ending:?} cut at {cut}");
                    continue;
                }
                assert_eq!(left, "QUIT".len(), "{ending:?} cut at {cut}");
                assert!(memmem::find(&content, b"evil").is_some());
                assert!(scan.bare_line_end || scan.nul, "{ending:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_end_may_come_at_once() {
        assert_eq!(decode(&[b".\r\nNOOP"]).map(|(content, left, _)| (content.len(), left)), Some((0, 4)));
    }

    #[test]
    fn without_an_end_there_is_none() {
        for stream in [&b""[..], b".", b".\r", b"x\r\n.", b"x\r\n.\r", b"x.\r\n", b"..\r\n"] {
            assert!(decode(&[stream]).is_none(), "{stream:?}");
        }
    }

    #[track_caller]
    fn check_scan(content: &[u8], expected: (bool, bool, u64, u32)) {
        for cut in 0..=content.len() {
            let mut scan = ContentScan::default();
            scan.look_at(&content[..cut]);
            scan.look_at(&content[cut..]);
            scan.end();
            let got = (scan.bare_line_end, scan.nul, scan.longest_line, scan.hops);
            assert_eq!(got, expected, "{content:?} cut at {cut}");
        }
    }

    #[test]
    fn bare_line_ends_are_seen() {
        check_scan(b"ab\r\nc\r\n", (false, false, 2, 0));
        check_scan(b"ab\nc", (true, false, 2, 0));
        check_scan(b"ab\rc", (true, false, 3, 0));
        check_scan(b"ab\r", (true, false, 2, 0));
        check_scan(b"\n", (true, false, 0, 0));
        check_scan(b"\r\r\n", (true, false, 0, 0));
        check_scan(b"\r\n\n", (true, false, 0, 0));
        check_scan(b"a\0b\r\n", (false, true, 3, 0));
        check_scan(b"", (false, false, 0, 0));
    }

    // proves: H18
    #[test]
    fn hops_are_counted_in_the_header_only() {
        check_scan(
            b"Received: a\r\n b\r\nRECEIVED: c\r\nReceived-SPF: x\r\n\r\nReceived: d\r\n",
            (false, false, 15, 2),
        );
        check_scan(b"\r\nReceived: d\r\n", (false, false, 11, 0));
        check_scan(b"x\r\nreceived:", (false, false, 9, 1));
    }

    proptest! {
        // proves: H3
        #[test]
        fn stuffed_content_comes_back_byte_by_byte(
            lines in prop::collection::vec("[.a\\x00-\\x7f]{0,5}", 0..12), cuts in prop::collection::vec(0_usize..80, 0..4)
        ) {
            let mut content = lines.join("\r\n").into_bytes();
            content.extend_from_slice(b"\r\n");
            let stream = [stuff(&content), b".\r\nQUIT".to_vec()].concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([stream.len()]) {
                pieces.push(&stream[from..cut]);
                from = cut;
            }
            let (got, left, scan) = decode(&pieces).unwrap();
            prop_assert_eq!(left, 4);
            prop_assert_eq!(scan.size, content.len() as u64);
            let (whole, _, whole_scan) = decode(&[&stream]).unwrap();
            prop_assert_eq!(&whole, &got);
            prop_assert_eq!(whole_scan.traits(), scan.traits());
            prop_assert_eq!(got, content);
        }
    }
}
