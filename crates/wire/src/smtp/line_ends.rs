//! Makes every line end CRLF, for a user's device that has never heard of it.

use memchr::memchr2_iter;

/// Writes a CR or LF that stands alone as CRLF, over any cuts in the stream.
#[derive(Clone, Debug, Default)]
pub struct LineEndMender {
    last_was_cr: bool,
}

impl LineEndMender {
    /// Appends the bytes, mended.
    pub fn append(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for at in memchr2_iter(b'\r', b'\n', bytes) {
            // The CR was written as a whole line end already.
            let belongs_to_cr = bytes[at] == b'\n' && self.last_was_cr && at == from;
            out.extend_from_slice(&bytes[from..at]);
            if !belongs_to_cr {
                out.extend_from_slice(b"\r\n");
            }
            self.last_was_cr = bytes[at] == b'\r';
            from = at + 1;
        }
        out.extend_from_slice(&bytes[from..]);
        self.last_was_cr &= from == bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::content::ContentScan;
    use proptest::prelude::*;

    fn mended(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut mender, mut out) = (LineEndMender::default(), Vec::new());
        for piece in pieces {
            mender.append(piece, &mut out);
        }
        out
    }

    #[track_caller]
    fn check(content: &[u8], expected: &[u8]) {
        for cut in 0..=content.len() {
            let out = mended(&[&content[..cut], b"", &content[cut..]]);
            assert_eq!(out, expected, "{} cut at {cut}", content.escape_ascii());
        }
    }

    #[test]
    fn what_stands_alone_is_completed() {
        check(b"a\nb\r\nc\rd", b"a\r\nb\r\nc\r\nd");
        check(b"\n\n", b"\r\n\r\n");
        check(b"a\r\r\nb", b"a\r\n\r\nb");
        check(b"a\n\rb", b"a\r\n\r\nb");
        check(b"", b"");
    }

    proptest! {
        #[test]
        fn nothing_stands_alone_afterwards(content in "[a.\r\n]{0,20}") {
            let once = mended(&[content.as_bytes()]);
            let mut scan = ContentScan::default();
            scan.look_at(&once);
            scan.end();
            prop_assert!(!scan.bare_line_end);
            prop_assert_eq!(mended(&[&once]), once);
        }
    }
}
