//! Where does a line of a POP3 client end? At LF; what is too long is passed over whole.
//!
//! Commands of a client are never somebody else's content, so a missing CR does no harm here.

use memchr::memchr;

use super::limits::FLOOD_BYTES_MAX;

/// What was found at the start of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line<'i> {
    /// No whole line yet.
    NeedInput,
    /// A line, without its end.
    Whole(&'i [u8]),
    /// Something longer than a line may be. The rest of it is passed over.
    TooLong,
    /// More without a line end than we listen to.
    Flood,
}

/// Cuts lines; remembers only whether it is passing over one.
#[derive(Clone, Debug, Default)]
pub struct LineCutter {
    passing_over: bool,
    passed: usize,
}

impl LineCutter {
    /// Finds the next line; says how much of the input it used up. `bytes_max` counts the line end.
    pub fn next<'i>(&mut self, input: &'i [u8], bytes_max: usize) -> (usize, Line<'i>) {
        let mut used = 0;
        if self.passing_over {
            let end = memchr(b'\n', input);
            used = end.map_or(input.len(), |at| at + 1);
            self.passed = self.passed.saturating_add(used);
            self.passing_over = end.is_none();
            if self.passed > FLOOD_BYTES_MAX {
                return (used, Line::Flood);
            }
            if self.passing_over {
                return (used, Line::NeedInput);
            }
        }
        let rest = &input[used..];
        match memchr(b'\n', rest) {
            None if rest.len() > bytes_max => {
                self.passing_over = true;
                self.passed = rest.len();
                (input.len(), Line::TooLong)
            }
            None => (used, Line::NeedInput),
            Some(at) if at + 1 > bytes_max => (used + at + 1, Line::TooLong),
            Some(at) => {
                let line = &rest[..at];
                (used + at + 1, Line::Whole(line.strip_suffix(b"\r").unwrap_or(line)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts the stream at every place into two; the lines found must not depend on it.
    #[track_caller]
    fn check(stream: &[u8], expected: &[&str]) {
        for cut in 0..=stream.len() {
            let mut cutter = LineCutter::default();
            let (mut held, mut found) = (Vec::new(), Vec::new());
            for piece in [&stream[..cut], &stream[cut..]] {
                held.extend_from_slice(piece);
                loop {
                    let (used, line) = cutter.next(&held, 12);
                    let more = line != Line::NeedInput;
                    match line {
                        Line::NeedInput => {}
                        Line::Whole(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                        Line::TooLong => found.push("too long".to_owned()),
                        Line::Flood => found.push("flood".to_owned()),
                    }
                    held.drain(..used);
                    if !more {
                        break;
                    }
                }
            }
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_ends_at_lf_with_or_without_cr() {
        check(b"NOOP\r\nSTAT\nQU", &["NOOP", "STAT"]);
        check(b"\r\n\n", &["", ""]);
        check(b"NO\rOP\r\n", &["NO\rOP"]);
    }

    // proves: H5
    #[test]
    fn a_long_line_is_said_once_and_passed_over() {
        check(b"0123456789\r\nQUIT\r\n", &["0123456789", "QUIT"]);
        check(b"0123456789a\r\nQUIT\r\n", &["too long", "QUIT"]);
        check(b"0123456789abcdefghij\r\nQUIT\r\n", &["too long", "QUIT"]);
    }

    // proves: H5
    #[test]
    fn a_line_without_end_is_seen() {
        let mut cutter = LineCutter::default();
        let flood = vec![b'a'; 4096];
        assert_eq!(cutter.next(&flood, 1024), (4096, Line::TooLong));
        let found = (0..20).map(|_| cutter.next(&flood, 1024).1).find(|line| *line == Line::Flood);
        assert!(found.is_some());
    }
}
