//! Prepares content for DATA: a dot more at the beginning of a line, the lone dot at the end, and no bare line end.

use memchr::memchr2;
use thiserror::Error;

/// The content has a CR or LF that stands alone. Such content must not go out by DATA: what one server takes for
/// a line end another does not, and a second message could be smuggled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a CR or LF stands alone in the content")]
pub struct BareLineEnd;

/// Stuffs content that comes in chunks (RFC 5321 section 4.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stuffer {
    at: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    #[default]
    LineStart,
    Line,
    AfterCr,
}

impl Stuffer {
    /// Appends to `pieces` what is to be written for the chunk. The pieces are parts of the chunk and overlap
    /// where a dot is doubled, so nothing is copied.
    pub fn push<'a>(&mut self, chunk: &'a [u8], pieces: &mut Vec<&'a [u8]>) -> Result<(), BareLineEnd> {
        let Some(&first) = chunk.first() else { return Ok(()) };
        let mut position = 0;
        match self.at {
            Place::AfterCr if first != b'\n' => return Err(BareLineEnd),
            Place::AfterCr => position = 1,
            Place::LineStart if first == b'.' => pieces.push(&chunk[..1]),
            Place::LineStart | Place::Line => {}
        }
        let mut from = 0;
        if position == 1 && chunk.get(1) == Some(&b'.') {
            pieces.push(&chunk[..2]);
            from = 1;
        }
        self.at = if position == chunk.len() { Place::LineStart } else { Place::Line };
        while let Some(found) = memchr2(b'\r', b'\n', &chunk[position..]) {
            let cr = position + found;
            if chunk[cr] == b'\n' {
                return Err(BareLineEnd);
            }
            match chunk.get(cr + 1) {
                None => self.at = Place::AfterCr,
                Some(b'\n') if cr + 2 == chunk.len() => self.at = Place::LineStart,
                Some(b'\n') => {}
                Some(_) => return Err(BareLineEnd),
            }
            position = (cr + 2).min(chunk.len());
            if chunk.get(position) == Some(&b'.') {
                pieces.push(&chunk[from..=position]);
                from = position;
            }
        }
        pieces.push(&chunk[from..]);
        Ok(())
    }

    /// What ends the content: the lone dot, after a line end of its own if the content has none.
    pub fn finish(self) -> Result<&'static [u8], BareLineEnd> {
        match self.at {
            Place::LineStart => Ok(b".\r\n"),
            Place::Line => Ok(b"\r\n.\r\n"),
            Place::AfterCr => Err(BareLineEnd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuff(chunks: &[&[u8]]) -> Result<Vec<u8>, BareLineEnd> {
        let mut stuffer = Stuffer::default();
        let mut pieces = Vec::new();
        for chunk in chunks {
            stuffer.push(chunk, &mut pieces)?;
        }
        pieces.push(stuffer.finish()?);
        Ok(pieces.concat())
    }

    /// A receiver as RFC 5321 section 4.5.2 describes it, line by line.
    fn unstuff(wire: &[u8]) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(wire).into_owned();
        let mut content = String::new();
        let mut rest = text.as_str();
        loop {
            let (line, after) = rest.split_once("\r\n")?;
            if line == "." {
                return after.is_empty().then_some(content.into_bytes());
            }
            content.push_str(line.strip_prefix('.').unwrap_or(line));
            content.push_str("\r\n");
            rest = after;
        }
    }

    #[track_caller]
    fn check(content: &str, expected: Result<&str, BareLineEnd>) {
        let got = stuff(&[content.as_bytes()]).map(|wire| String::from_utf8(wire).expect("ascii"));
        assert_eq!(got.as_deref().map_err(|error| *error), expected, "{content:?}");
    }

    #[test]
    fn doubles_dots_at_line_starts_only() {
        check("", Ok(".\r\n"));
        check("a\r\n", Ok("a\r\n.\r\n"));
        check("a", Ok("a\r\n.\r\n"));
        check(".", Ok("..\r\n.\r\n"));
        check(".\r\n", Ok("..\r\n.\r\n"));
        check("a.b\r\n.c\r\n..\r\n", Ok("a.b\r\n..c\r\n...\r\n.\r\n"));
        check("\r\n.\r\n", Ok("\r\n..\r\n.\r\n"));
        check("\r\n\r\n", Ok("\r\n\r\n.\r\n"));
    }

    #[test]
    fn refuses_bare_line_ends() {
        for content in ["a\nb\r\n", "a\rb\r\n", "\n.\r\n", "\r.\r\n", "a\r", "a\r\r\n", "a\n", "\r\n\n"] {
            check(content, Err(BareLineEnd));
        }
    }

    #[test]
    fn content_without_dots_is_one_piece() {
        let mut pieces = Vec::new();
        Stuffer::default().push(b"one\r\ntwo\r\n", &mut pieces).expect("plain");
        assert_eq!(pieces, [b"one\r\ntwo\r\n".as_slice()]);
    }

    proptest! {
        // proves: H3
        #[test]
        fn a_receiver_gets_back_what_was_sent(lines in proptest::collection::vec("[.a ]{0,4}", 0..12)) {
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let wire = stuff(&[content.as_bytes()]).expect("no bare line end");
            prop_assert_eq!(unstuff(&wire), Some(content.into_bytes()));
        }

        #[test]
        fn the_cut_makes_no_difference(content in "[.a\r\n]{0,20}", cuts in proptest::collection::vec(0usize..20, 0..4)) {
            let bytes = content.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(stuff(&chunks), stuff(&[bytes]));
        }

        // proves: H1
        #[test]
        fn what_passes_has_no_bare_line_end_and_one_end(content in "[.a\r\n]{0,20}") {
            if let Ok(wire) = stuff(&[content.as_bytes()]) {
                let text = String::from_utf8(wire).expect("ascii");
                let without = text.replace("\r\n", "");
                prop_assert!(!without.contains(['\r', '\n']));
                prop_assert!(text == ".\r\n" || text.find("\r\n.\r\n") == Some(text.len() - 5));
            }
        }
    }
}
