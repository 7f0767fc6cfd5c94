//! Where does a command line end? At CRLF and nowhere else; what is too long or broken is passed over whole.

use memchr::{memchr, memmem};

use super::answer::Answer;
use super::limits::COMMAND_FLOOD_BYTES;

const TOO_LONG: Answer = Answer("500 5.5.6 Line too long");
const BARE_LF: Answer = Answer("500 5.5.2 Lines end with CRLF");

/// What was found at the start of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line<'i> {
    /// No whole line yet.
    NeedInput,
    /// A line, without its CRLF.
    Whole(&'i [u8]),
    /// Something that is no line, and what to say to it. The rest of it is passed over.
    Broken(Answer),
    /// More without a line end than we listen to.
    Flood,
}

/// Cuts lines; remembers only whether it is passing over one.
#[derive(Clone, Debug, Default)]
pub(super) struct LineCutter {
    passing_over: bool,
    passed: usize,
}

impl LineCutter {
    /// Finds the next line; says how much of the input it used up. `bytes_max` counts the CRLF.
    pub(super) fn next<'i>(&mut self, input: &'i [u8], bytes_max: usize) -> (usize, Line<'i>) {
        let mut used = 0;
        if self.passing_over {
            used = self.pass_over(input);
            if self.passing_over {
                return (used, if self.passed > COMMAND_FLOOD_BYTES { Line::Flood } else { Line::NeedInput });
            }
        }
        let rest = &input[used..];
        match memchr(b'\n', rest) {
            None if rest.len() > bytes_max => self.broken(used, TOO_LONG),
            None => (used, Line::NeedInput),
            Some(at) if at == 0 || rest[at - 1] != b'\r' => self.broken(used + at + 1, BARE_LF),
            Some(at) if at + 1 > bytes_max => (used + at + 1, Line::Broken(TOO_LONG)),
            Some(at) => (used + at + 1, Line::Whole(&rest[..at - 1])),
        }
    }

    fn broken<'i>(&mut self, used: usize, answer: Answer) -> (usize, Line<'i>) {
        self.passing_over = true;
        self.passed = 0;
        (used, Line::Broken(answer))
    }

    /// Uses up what belongs to a broken line, its CRLF included.
    fn pass_over(&mut self, input: &[u8]) -> usize {
        let used = match memmem::find(input, b"\r\n") {
            Some(at) => {
                self.passing_over = false;
                at + 2
            }
            // Whether a CR at the end begins a CRLF is not known yet.
            None => input.len() - usize::from(input.ends_with(b"\r")),
        };
        self.passed = self.passed.saturating_add(used);
        used
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
                    match line {
                        Line::NeedInput => {
                            held.drain(..used);
                            break;
                        }
                        Line::Whole(line) => found.push(String::from_utf8_lossy(line).into_owned()),
                        Line::Broken(answer) => found.push(answer.0[..9].to_owned()),
                        Line::Flood => found.push("flood".to_owned()),
                    }
                    held.drain(..used);
                }
            }
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn only_crlf_ends_a_line() {
        check(b"NOOP\r\nRSET\r\nQU", &["NOOP", "RSET"]);
        check(b"\r\n", &[""]);
        check(b"NOOP\nRSET\r\nQUIT\r\n", &["500 5.5.2", "QUIT"]);
        check(b"NO\rOP\r\n", &["NO\rOP"]);
    }

    // proves: H5
    #[test]
    fn a_long_line_is_answered_once_and_passed_over() {
        check(b"0123456789\r\nQUIT\r\n", &["0123456789", "QUIT"]);
        check(b"0123456789a\r\nQUIT\r\n", &["500 5.5.6", "QUIT"]);
        check(b"0123456789abcdefghij\r\nQUIT\r\n", &["500 5.5.6", "QUIT"]);
    }

    // proves: H5
    #[test]
    fn a_flood_is_seen() {
        let mut cutter = LineCutter::default();
        let flood = vec![b'a'; 4096];
        assert!(matches!(cutter.next(&flood, 2048), (0, Line::Broken(_))));
        let found = (0..20).map(|_| cutter.next(&flood, 2048)).find(|(_, line)| *line == Line::Flood);
        assert!(found.is_some());
    }
}
