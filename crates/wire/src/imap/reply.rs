//! Writes answers: tagged and untagged lines, STATUS, LIST, ESEARCH, and the codes in brackets (RFC 9051 section 7).

use std::fmt::Display;

use mail::UidSet;

use super::cursor::{Fault, Names};
use super::print;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It was done.
    Ok,
    /// It could not be done.
    No,
    /// It cannot be understood, or not now.
    Bad,
}

impl Ending {
    fn word(self) -> &'static str {
        match self {
            Ending::Ok => "OK",
            Ending::No => "NO",
            Ending::Bad => "BAD",
        }
    }
}

/// A tagged line, the end of a command: `a1 OK [CODE] text`. The code comes with its brackets, or is empty.
pub fn tagged(out: &mut Vec<u8>, tag: &str, ending: Ending, code: &str, text: &str) {
    out.extend_from_slice(tag.as_bytes());
    out.push(b' ');
    status(out, ending.word(), code, text);
}

/// An untagged line: `* OK [CODE] text`.
pub fn untagged_status(out: &mut Vec<u8>, ending: Ending, code: &str, text: &str) {
    out.extend_from_slice(b"* ");
    status(out, ending.word(), code, text);
}

/// The end of the session.
pub fn bye(out: &mut Vec<u8>, code: &str, text: &str) {
    out.extend_from_slice(b"* ");
    status(out, "BYE", code, text);
}

fn status(out: &mut Vec<u8>, word: &str, code: &str, text: &str) {
    out.extend_from_slice(word.as_bytes());
    if !code.is_empty() {
        out.push(b' ');
        out.extend_from_slice(code.as_bytes());
    }
    out.push(b' ');
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// An untagged line as it stands: `* ` and the text.
pub fn untagged(out: &mut Vec<u8>, text: impl Display) {
    use std::io::Write;
    write!(out, "* {text}\r\n").expect("a vector takes all");
}

/// A request to go on: `+ text`.
pub fn go_on(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// What is said to a command that cannot be read.
pub fn fault(out: &mut Vec<u8>, tag: &str, fault: Fault) {
    match fault {
        Fault::Bad(why) => tagged(out, tag, Ending::Bad, "[CLIENTBUG]", why),
        Fault::BadCharset => {
            tagged(out, tag, Ending::No, "[BADCHARSET (UTF-8 US-ASCII)]", "texts are in UTF-8")
        }
        Fault::BadName => tagged(out, tag, Ending::No, "[CANNOT]", "this cannot be the name of a mailbox"),
    }
}

/// One line of LIST or LSUB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListLine<'a> {
    /// `LIST` or `LSUB`.
    pub verb: &'a str,
    /// Such as `\HasChildren`.
    pub attributes: Vec<&'a str>,
    /// The whole name.
    pub name: &'a str,
    /// Its children fit by these selection options: `("CHILDINFO" …)`.
    pub child_info: Option<&'a str>,
    /// What it was named before (RFC 9051 section 6.3.9.7).
    pub old_name: Option<&'a str>,
}

/// Writes a line of LIST or LSUB.
pub fn list(out: &mut Vec<u8>, line: &ListLine<'_>, names: Names) {
    out.extend_from_slice(b"* ");
    out.extend_from_slice(line.verb.as_bytes());
    out.extend_from_slice(b" (");
    out.extend_from_slice(line.attributes.join(" ").as_bytes());
    out.extend_from_slice(b") \"/\" ");
    print::mailbox(out, line.name, names);
    match (line.child_info, line.old_name) {
        (None, None) => {}
        (Some(options), None) => {
            out.extend_from_slice(b" (CHILDINFO (");
            out.extend_from_slice(options.as_bytes());
            out.extend_from_slice(b"))");
        }
        (_, Some(old)) => {
            out.extend_from_slice(b" (OLDNAME (");
            print::mailbox(out, old, names);
            out.extend_from_slice(b"))");
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a STATUS; the values come as they are to stand there.
pub fn status_of(out: &mut Vec<u8>, mailbox: &str, values: &[(&str, String)], names: Names) {
    out.extend_from_slice(b"* STATUS ");
    print::mailbox(out, mailbox, names);
    out.extend_from_slice(b" (");
    for (index, (name, value)) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b' ');
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b")\r\n");
}

/// What an ESEARCH says (RFC 9051 section 7.3.4).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Esearch {
    /// Whether the numbers are UIDs.
    pub uid: bool,
    /// The least.
    pub min: Option<u32>,
    /// The greatest.
    pub max: Option<u32>,
    /// All; left out if there is none.
    pub all: Option<String>,
    /// How many.
    pub count: Option<u64>,
    /// The greatest modification sequence of what was found (RFC 7162 section 3.1.10).
    pub modseq: Option<u64>,
    /// Which places of the result, and the numbers there (RFC 9394).
    pub partial: Option<((i64, i64), String)>,
}

/// Writes an ESEARCH for a tag.
pub fn esearch(out: &mut Vec<u8>, tag: &str, found: &Esearch) {
    use std::io::Write;
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a vector takes all");
    // A tag is made of characters that need no quoting but has `]`, which does no harm in a string.
    write(format_args!("* ESEARCH (TAG \"{tag}\")"));
    if found.uid {
        write(format_args!(" UID"));
    }
    if let Some(min) = found.min {
        write(format_args!(" MIN {min}"));
    }
    if let Some(max) = found.max {
        write(format_args!(" MAX {max}"));
    }
    if let Some(all) = found.all.as_ref().filter(|all| !all.is_empty()) {
        write(format_args!(" ALL {all}"));
    }
    if let Some(count) = found.count {
        write(format_args!(" COUNT {count}"));
    }
    if let Some(modseq) = found.modseq {
        write(format_args!(" MODSEQ {modseq}"));
    }
    if let Some(((first, last), numbers)) = &found.partial {
        let numbers = if numbers.is_empty() { "NIL" } else { numbers };
        write(format_args!(" PARTIAL ({first}:{last} {numbers})"));
    }
    write(format_args!("\r\n"));
}

/// `[COPYUID …]` of pairs in the order of the first (RFC 9051 section 7.1); none if there are none.
pub fn copy_uid(uid_validity: u32, pairs: &[(u32, u32)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let from: UidSet = pairs.iter().map(|pair| pair.0).collect();
    format!("[COPYUID {uid_validity} {from} {}]", in_order(pairs.iter().map(|pair| pair.1)))
}

/// Numbers in the order given, neighbours as ranges: what a set would sort.
pub fn in_order(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}:{last}") }
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
