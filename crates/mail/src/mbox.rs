//! How does a message stand in an mbox file? The variant mboxrd: a quoted `From ` is quoted once more, and can be read
//! back as it was. Line ends are LF.

use crate::header::{parts, split_fields};
use crate::mailbox::{Flags, SystemFlag};
use crate::time::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Letters of Status and X-Status.
const LETTERS: [(char, SystemFlag); 5] = [
    ('R', SystemFlag::Seen),
    ('A', SystemFlag::Answered),
    ('F', SystemFlag::Flagged),
    ('D', SystemFlag::Deleted),
    ('T', SystemFlag::Draft),
];
/// Fields that say what the flags are.
const STATUS: [&str; 3] = ["status", "x-status", "x-keywords"];

/// Appends a message with the line that begins it, its flags and an empty line behind it.
pub fn append(content: &[u8], flags: &Flags, received_at: Timestamp, out: &mut Vec<u8>) {
    let sender = crate::header::fields(content, "return-path").next().unwrap_or_default();
    let sender: String = String::from_utf8_lossy(sender).trim_matches(['<', '>', ' ']).replace(' ', "_");
    let sender =
        if sender.is_empty() || sender.contains(char::is_whitespace) { "MAILER-DAEMON" } else { &sender };
    out.extend_from_slice(format!("From {sender} {}\n", asctime(received_at)).as_bytes());
    let mut fields: Vec<u8> = Vec::new();
    for field in split_fields(content) {
        if !is_status(field) {
            fields.extend_from_slice(field);
        }
    }
    let body = &content[crate::header::header_end(content)..];
    append_lines(&fields, out);
    let letters = |allowed: &[char]| -> String {
        let has = LETTERS.iter().filter(|(letter, flag)| allowed.contains(letter) && flags.has(*flag));
        has.map(|(letter, _)| *letter).collect()
    };
    out.extend_from_slice(format!("Status: {}O\n", letters(&['R'])).as_bytes());
    let more = letters(&['A', 'F', 'D', 'T']);
    if !more.is_empty() {
        out.extend_from_slice(format!("X-Status: {more}\n").as_bytes());
    }
    if !flags.keywords.is_empty() {
        let keywords = flags.keywords.iter().cloned().collect::<Vec<_>>().join(" ");
        out.extend_from_slice(format!("X-Keywords: {keywords}\n").as_bytes());
    }
    if body.is_empty() {
        out.push(b'\n');
    }
    append_lines(body, out);
    out.push(b'\n');
}

fn is_status(field: &[u8]) -> bool {
    parts(field).is_some_and(|(name, _)| {
        STATUS.iter().any(|status| name.trim_ascii().eq_ignore_ascii_case(status.as_bytes()))
    })
}

fn append_lines(text: &[u8], out: &mut Vec<u8>) {
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_quoted_from(line) {
            out.push(b'>');
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// `From `, with any number of `>` before it.
fn is_quoted_from(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|&&byte| byte == b'>').count();
    line[quotes..].starts_with(b"From ")
}

/// Whether a line begins a message, and when that came. A line of a body that begins with `From ` has no time at its end.
pub fn begins(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("From ")?;
    parse_asctime(text.trim_end())
}

/// Appends a line of a message, as it was before it stood in the file.
pub fn unquote(line: &[u8], out: &mut Vec<u8>) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_quoted = line.first() == Some(&b'>') && is_quoted_from(line);
    out.extend_from_slice(&line[usize::from(is_quoted)..]);
    out.extend_from_slice(b"\r\n");
}

/// The message without the fields that say its flags, and its flags.
pub fn take_status(content: &[u8]) -> (Vec<u8>, Flags) {
    let (mut kept, mut flags) = (Vec::with_capacity(content.len()), Flags::NONE);
    for field in split_fields(content) {
        match parts(field) {
            Some((name, value)) if is_status(field) => {
                let value = String::from_utf8_lossy(value).into_owned();
                if name.trim_ascii().eq_ignore_ascii_case(b"x-keywords") {
                    flags.keywords.extend(value.split_whitespace().map(str::to_lowercase));
                } else {
                    for (_, flag) in LETTERS.iter().filter(|(letter, _)| value.contains(*letter)) {
                        flags = flags.with(&Flags::of(*flag));
                    }
                }
            }
            Some(_) | None => kept.extend_from_slice(field),
        }
    }
    kept.extend_from_slice(&content[crate::header::header_end(content)..]);
    (kept, flags)
}

/// `Tue Nov 24 19:00:00 2026`, in UTC.
fn asctime(at: Timestamp) -> String {
    // `Tue, 24 Nov 2026 19:00:00 +0000`
    let text = at.rfc5322();
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        [weekday, day, month, year, time, ..] => format!("{weekday} {month} {day:>2} {time} {year}"),
        _ => "Thu Jan  1 00:00:00 1970".to_owned(),
    }
}

/// The time at the end of a line, with what mail programs put behind it.
fn parse_asctime(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let at = words.iter().position(|word| MONTHS.contains(word)).filter(|at| *at > 0)?;
    let [month, day, time, rest @ ..] = &words[at..] else { return None };
    let year = rest.iter().find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let month = MONTHS.iter().position(|known| known == month)? + 1;
    let day: u8 = day.parse().ok()?;
    let time = if time.matches(':').count() == 1 { format!("{time}:00") } else { (*time).to_owned() };
    let zone = rest.iter().find(|word| word.len() == 5 && word.starts_with(['+', '-']));
    let zone = zone.and_then(|zone| Some(format!("{}:{}", zone.get(..3)?, zone.get(3..)?)));
    let zone = zone.unwrap_or_else(|| "+00:00".to_owned());
    Timestamp::parse_rfc3339(&format!("{year}-{month:02}-{day:02}T{time}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<(Vec<u8>, Flags, Timestamp)> {
        let mut found: Vec<(Vec<u8>, Timestamp)> = Vec::new();
        let mut after_empty = true;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            match begins(line).filter(|_| after_empty) {
                Some(at) => found.push((Vec::new(), at)),
                None => unquote(line, &mut found.last_mut().unwrap().0),
            }
            after_empty = line == b"\n";
        }
        let strip = |content: Vec<u8>| content.strip_suffix(b"\r\n").unwrap().to_vec();
        found
            .into_iter()
            .map(|(content, at)| (strip(content), at))
            .map(|(content, at)| {
                let (content, flags) = take_status(&content);
                (content, flags, at)
            })
            .collect()
    }

    #[test]
    fn times_of_many_programs_are_read() {
        let at = |line: &str| begins(line.as_bytes()).map(|at| at.rfc3339());
        assert_eq!(at("From a@b Tue Nov 24 19:00:01 2026\n").unwrap(), "2026-11-24T19:00:01Z");
        assert_eq!(at("From - Thu Jan  1 00:00:00 2026").unwrap(), "2026-01-01T00:00:00Z");
        assert_eq!(at("From a@b Tue Nov 24 19:00 2026 +0100").unwrap(), "2026-11-24T18:00:00Z");
        assert_eq!(at("From here to eternity"), None);
        assert_eq!(at(">From a@b Tue Nov 24 19:00:01 2026"), None);
    }

    #[test]
    fn messages_go_there_and_back() {
        let mut flags = Flags::of(SystemFlag::Seen).with(&Flags::of(SystemFlag::Draft));
        flags.keywords.insert("work".to_owned());
        let at = Timestamp::from_millis(1_800_000_000_000);
        let first = b"Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>x\r\n\r\n".to_vec();
        let mut file = Vec::new();
        append(&first, &flags, at, &mut file);
        append(b"Subject: y\r\n\r\n", &Flags::NONE, at, &mut file);
        let back = read(&file);
        assert_eq!(back[0], (first, flags, at));
        assert_eq!(back[1], (b"Subject: y\r\n\r\n".to_vec(), Flags::NONE, at));
    }

    proptest! {
        #[test]
        fn bodies_go_there_and_back(body in "(>{0,2}(From |a)b?(\r\n)+){0,6}") {
            let mail = format!("Subject: x\r\n\r\n{body}").into_bytes();
            let mut file = Vec::new();
            append(&mail, &Flags::NONE, Timestamp::EPOCH, &mut file);
            prop_assert_eq!(&read(&file)[0].0, &mail);
        }

        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = (begins(&bytes), take_status(&bytes));
            append(&bytes, &Flags::NONE, Timestamp::EPOCH, &mut Vec::new());
        }
    }
}
