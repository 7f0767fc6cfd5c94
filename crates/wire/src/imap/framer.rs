//! Where does a command end? Lines with literals in them, within limits; what is too long or broken is passed over.
//!
//! Nothing is allocated for what is only announced: the input stays where it is until a command is whole.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// Literals in one command at most.
const LITERALS_MAX: usize = 1000;
/// Bytes of a tag that is given back at most.
const TAG_BYTES_MAX: usize = 128;

/// What was found in the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing whole yet.
    NeedInput,
    /// The client waits for `+` before it sends a literal.
    GoAhead,
    /// A whole command, its literals in it, without the last CRLF.
    Whole(Bytes),
    /// The head of an APPEND up to the announcement of a message, which is not in it; or what follows the message before.
    /// Say [`Framer::take_message`] or [`Framer::refuse_message`].
    Message(Bytes, Announced),
    /// Something that is no command; what to say, and to which tag. It is passed over.
    Broken(Option<String>, &'static str),
    /// More than we listen to: say it and hang up.
    Flood(&'static str),
}

/// The announcement of a literal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announced {
    /// Bytes.
    pub size: u64,
    /// Whether the client waits to be asked for it.
    pub waits: bool,
    /// Whether it may have any bytes, NUL too: `~{`.
    pub binary: bool,
}

/// Cuts the input of one session.
#[derive(Clone, Debug)]
pub struct Framer {
    /// Bytes of a command, its literals included, at most.
    bytes_max: usize,
    /// Bytes of a refused literal that are passed over before we hang up.
    pass_over_max: u64,
    state: State,
    /// Bytes of the input that were looked at.
    scanned: usize,
    /// Where the present line begins.
    line: usize,
    literals: usize,
    /// Inside an APPEND, after its message.
    in_append: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// In a line.
    Line,
    /// In a literal; the rest of the line comes after it.
    Literal,
    /// The head of an APPEND was given out, and its message is to be taken or refused.
    Decide(Announced),
    /// The message of an APPEND; so many bytes of it are still to come.
    Message(u64),
    /// A literal that nobody wants, then the rest of its line.
    PassOver(u64),
    /// The rest of a line that nobody wants.
    PassOverLine,
}

impl Framer {
    /// For commands of at most so many bytes; refused literals of at most `pass_over_max` bytes are passed over.
    pub fn new(bytes_max: usize, pass_over_max: u64) -> Self {
        Framer {
            bytes_max,
            pass_over_max,
            state: State::Line,
            scanned: 0,
            line: 0,
            literals: 0,
            in_append: false,
        }
    }

    /// Other limits, from the next command on.
    pub fn set_limits(&mut self, bytes_max: usize, pass_over_max: u64) {
        (self.bytes_max, self.pass_over_max) = (bytes_max, pass_over_max);
    }

    /// Whether we are between two commands.
    pub fn is_between(&self) -> bool {
        self.state == State::Line && self.scanned == 0 && !self.in_append
    }

    /// Looks for the next command; takes out of the input what it gives.
    pub fn step(&mut self, input: &mut BytesMut) -> Step {
        loop {
            match self.state {
                State::Decide(_) | State::Message(_) => return Step::NeedInput,
                State::Literal if input.len() < self.scanned => return Step::NeedInput,
                State::Literal => self.state = State::Line,
                State::PassOver(left) => {
                    let now = left.min(input.len() as u64);
                    drop(input.split_to(usize::try_from(now).unwrap_or(input.len())));
                    if now < left {
                        self.state = State::PassOver(left - now);
                        return Step::NeedInput;
                    }
                    self.state = State::PassOverLine;
                }
                State::PassOverLine => match memchr(b'\n', input) {
                    None => return self.pass_over_line(input),
                    Some(end) => {
                        let line = input.split_to(end + 1);
                        match announcement(line.strip_suffix(b"\r\n").unwrap_or(&line)) {
                            Some((_, announced)) if !announced.waits => {
                                if let flood @ Step::Flood(_) = self.pass_over(announced, None) {
                                    return flood;
                                }
                            }
                            _ => self.reset(),
                        }
                    }
                },
                State::Line => {
                    if let Some(step) = self.line(input) {
                        return step;
                    }
                }
            }
        }
    }

    /// A single line without its CRLF and without literals: an answer to `+`, or the end of IDLE.
    pub fn bare_line(&mut self, input: &mut BytesMut) -> Step {
        match memchr(b'\n', input) {
            None if input.len() > self.bytes_max => Step::Flood("the line is too long"),
            None => Step::NeedInput,
            Some(end) if end > self.bytes_max => Step::Flood("the line is too long"),
            Some(end) => {
                let line = input.split_to(end + 1).freeze();
                let end = if line.ends_with(b"\r\n") { end - 1 } else { end };
                Step::Whole(line.slice(..end))
            }
        }
    }

    /// The message that was announced is wanted.
    pub fn take_message(&mut self) {
        if let State::Decide(announced) = self.state {
            self.state = State::Message(announced.size);
        }
    }

    /// It is not, and the command is over. `Flood` if it is too much to pass over.
    pub fn refuse_message(&mut self) -> Option<Step> {
        let State::Decide(announced) = self.state else { return None };
        self.reset();
        if announced.waits {
            return None;
        }
        match self.pass_over(announced, None) {
            flood @ Step::Flood(_) => Some(flood),
            _ => None,
        }
    }

    /// Bytes of the message that are still to come; `None` if there is none under way.
    pub fn message_left(&self) -> Option<u64> {
        match self.state {
            State::Message(left) => Some(left),
            _ => None,
        }
    }

    /// Takes what is there of the message, at its end also the state: the rest of the command follows.
    pub fn message_piece(&mut self, input: &mut BytesMut) -> BytesMut {
        let State::Message(left) = self.state else { return BytesMut::new() };
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let left = left.saturating_sub(now as u64);
        self.state = if left == 0 { State::Line } else { State::Message(left) };
        (self.scanned, self.line, self.in_append) = (0, 0, true);
        input.split_to(now)
    }

    /// So many bytes of the message were read past the input.
    pub fn message_read(&mut self, count: u64) {
        if let State::Message(left) = self.state {
            let left = left.saturating_sub(count);
            self.state = if left == 0 { State::Line } else { State::Message(left) };
            self.in_append = true;
        }
    }

    /// The command is given up in the middle; the rest of its line is passed over.
    pub fn give_up(&mut self) {
        self.reset();
        self.state = State::PassOverLine;
    }

    fn line(&mut self, input: &mut BytesMut) -> Option<Step> {
        let from = self.scanned.max(self.line).min(input.len());
        let Some(found) = memchr(b'\n', &input[from..]) else {
            self.scanned = input.len();
            return Some(match input.len() > self.bytes_max {
                true => self.too_long(input),
                false => Step::NeedInput,
            });
        };
        let end = from + found;
        if end > self.bytes_max {
            return Some(self.too_long(input));
        }
        if let Some(trouble) = line_trouble(&input[self.line..=end]) {
            let tag = tag_of(input);
            drop(input.split_to(end + 1));
            self.reset();
            return Some(Step::Broken(tag, trouble));
        }
        match announcement(&input[self.line..end - 1]) {
            None => {
                let whole = input.split_to(end + 1).freeze();
                self.reset();
                // An empty line between commands is nobody's.
                let whole = whole.slice(..end - 1);
                Some(Step::Whole(whole))
            }
            Some((at, announced)) => self.literal(input, end, self.line + at, announced),
        }
    }

    fn literal(&mut self, input: &mut BytesMut, end: usize, at: usize, announced: Announced) -> Option<Step> {
        if self.in_append || is_message(&input[..at]) {
            let mut head = input.split_to(end + 1);
            head.truncate(at);
            (self.scanned, self.line) = (0, 0);
            self.state = State::Decide(announced);
            return Some(Step::Message(head.freeze(), announced));
        }
        self.literals += 1;
        let room = self.bytes_max.saturating_sub(end + 1) as u64;
        if announced.size > room || self.literals > LITERALS_MAX {
            let tag = tag_of(input);
            drop(input.split_to(end + 1));
            self.reset();
            const TOO_LARGE: &str = "the literal is too large";
            return Some(match announced.waits {
                true => Step::Broken(tag, TOO_LARGE),
                false => self.pass_over(announced, Some((tag, TOO_LARGE))),
            });
        }
        self.line = end + 1 + usize::try_from(announced.size).unwrap_or(usize::MAX);
        self.scanned = self.line;
        self.state = State::Literal;
        announced.waits.then_some(Step::GoAhead)
    }

    fn too_long(&mut self, input: &mut BytesMut) -> Step {
        let tag = tag_of(input);
        self.reset();
        self.state = State::PassOverLine;
        Step::Broken(tag, "the command is too long")
    }

    fn pass_over(&mut self, announced: Announced, why: Option<(Option<String>, &'static str)>) -> Step {
        if announced.size > self.pass_over_max {
            return Step::Flood("the literal is too large");
        }
        self.state = State::PassOver(announced.size);
        let (tag, why) = why.unwrap_or((None, ""));
        if why.is_empty() { Step::NeedInput } else { Step::Broken(tag, why) }
    }

    /// What has no end is listened to only so long: `scanned` counts what was passed over.
    fn pass_over_line(&mut self, input: &mut BytesMut) -> Step {
        self.scanned = self.scanned.saturating_add(input.len());
        input.clear();
        if self.scanned > self.bytes_max.saturating_mul(2) {
            Step::Flood("the line does not end")
        } else {
            Step::NeedInput
        }
    }

    fn reset(&mut self) {
        (self.state, self.scanned, self.line) = (State::Line, 0, 0);
        (self.literals, self.in_append) = (0, false);
    }
}

/// What is wrong with a line, its line end included.
fn line_trouble(line: &[u8]) -> Option<&'static str> {
    if !line.ends_with(b"\r\n") {
        return Some("lines end with CRLF");
    }
    memchr(0, line).map(|_| "there is a NUL in the line")
}

/// The literal that a line without its CRLF announces at its end, and where the announcement begins.
fn announcement(line: &[u8]) -> Option<(usize, Announced)> {
    let inner = line.strip_suffix(b"}")?;
    let (inner, waits) = match inner.strip_suffix(b"+").or_else(|| inner.strip_suffix(b"-")) {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let digits = inner.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let open = inner.len().checked_sub(digits + 1)?;
    if digits == 0 || inner[open] != b'{' {
        return None;
    }
    let number = std::str::from_utf8(&inner[open + 1..]).ok()?;
    // What is larger than any number is as large as can be.
    let size = number.parse().unwrap_or(u64::MAX);
    let binary = open > 0 && inner[open - 1] == b'~';
    let at = if binary { open - 1 } else { open };
    Some((at, Announced { size, waits, binary }))
}

/// Whether what comes next is the message of an APPEND, and not the name of the mailbox.
fn is_message(head: &[u8]) -> bool {
    let mut words = head.splitn(3, |byte| *byte == b' ');
    let (_tag, verb, rest) = (words.next(), words.next(), words.next());
    verb.is_some_and(|verb| verb.eq_ignore_ascii_case(b"APPEND"))
        && rest.is_some_and(|rest| !rest.trim_ascii_start().is_empty())
}

/// The tag of a command that cannot be read, if it has one.
fn tag_of(input: &[u8]) -> Option<String> {
    let end = input.iter().take(TAG_BYTES_MAX).position(|byte| *byte == b' ')?;
    let tag = &input[..end];
    let fits = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(byte);
    (end > 0 && tag.iter().all(fits)).then(|| String::from_utf8_lossy(tag).into_owned())
}

#[cfg(test)]
mod tests;
