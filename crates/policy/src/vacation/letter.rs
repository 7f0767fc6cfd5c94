//! How does the answer of somebody who is away look?

use mail::encoded_word::phrase;
use mail::header::{fields, header_end};
use mail::{Address, Domain, Timestamp, quoted_printable};

use super::Vacation;

/// Bytes of a subject that is quoted.
const SUBJECT_BYTES_MAX: usize = 500;
/// Bytes of a reference that is quoted.
const REFERENCES_BYTES_MAX: usize = 900;
/// What is said if nothing was written.
const SAYS_NOTHING: &str = "I am away, and will read your message when I am back.";

/// The answer. `seed` names it, and divides its parts.
pub fn letter(
    vacation: &Vacation,
    original: &[u8],
    (to, from): (&Address, &Address),
    name: Option<&str>,
    (hostname, seed): (&Domain, &str),
    now: Timestamp,
) -> Vec<u8> {
    let header = &original[..header_end(original)];
    let mut text = String::new();
    let from = match name {
        Some(name) if !name.is_empty() => format!("{} <{from}>", phrase(name)),
        _ => from.to_string(),
    };
    field(&mut text, "From", &from);
    field(&mut text, "To", &to.to_string());
    field(&mut text, "Subject", &subject(vacation, header));
    field(&mut text, "Date", &now.rfc5322());
    field(&mut text, "Message-ID", &format!("<{seed}@{hostname}>"));
    let id = one(header, "Message-ID").filter(|id| id.starts_with('<') && id.ends_with('>'));
    if let Some(id) = &id {
        field(&mut text, "In-Reply-To", id);
        let before = one(header, "References").unwrap_or_default();
        let fits = before.len() + id.len() <= REFERENCES_BYTES_MAX;
        let all: Vec<&str> = before.split_whitespace().filter(|_| fits).chain([id.as_str()]).collect();
        field(&mut text, "References", &all.join("\r\n "));
    }
    field(&mut text, "Auto-Submitted", "auto-replied");
    field(&mut text, "X-Auto-Response-Suppress", "All");
    field(&mut text, "Precedence", "bulk");
    field(&mut text, "MIME-Version", "1.0");
    let mut letter = text.into_bytes();
    body(&mut letter, vacation, seed);
    letter
}

fn field(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(": ");
    text.push_str(value);
    text.push_str("\r\n");
}

fn body(letter: &mut Vec<u8>, vacation: &Vacation, seed: &str) {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (text, html) = (said(&vacation.text), said(&vacation.html));
    match (text, html) {
        (Some(text), Some(html)) => {
            let boundary = format!("=_{seed}");
            let kind = format!("Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n");
            letter.extend_from_slice(kind.as_bytes());
            for (kind, body) in [("plain", text), ("html", html)] {
                letter.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                part(letter, kind, &body);
            }
            letter.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        }
        (None, Some(html)) => part(letter, "html", &html),
        (text, None) => part(letter, "plain", text.as_deref().unwrap_or(SAYS_NOTHING)),
    }
}

fn part(letter: &mut Vec<u8>, kind: &str, body: &str) {
    let head = format!(
        "Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    );
    letter.extend_from_slice(head.as_bytes());
    let lines: Vec<&str> = body.lines().collect();
    letter.extend(quoted_printable::encode(lines.join("\r\n").as_bytes()));
    if !letter.ends_with(b"\r\n") {
        letter.extend_from_slice(b"\r\n");
    }
}

/// RFC 3834 section 3.1.5: what somebody wrote, or `Auto: ` and the subject of the message.
fn subject(vacation: &Vacation, header: &[u8]) -> String {
    match vacation.subject.as_deref().map(str::trim).filter(|subject| !subject.is_empty()) {
        Some(subject) if subject.is_ascii() => subject.to_owned(),
        Some(subject) => phrase(subject),
        // As it stands there, encoded words and all.
        None => format!("Auto: {}", one(header, "Subject").unwrap_or_default()).trim_end().to_owned(),
    }
}

/// A field as one line of ASCII.
fn one(header: &[u8], name: &str) -> Option<String> {
    let value = fields(header, name).next()?;
    let value = &value[..value.len().min(SUBJECT_BYTES_MAX.max(REFERENCES_BYTES_MAX))];
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = |c: char| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' };
    Some(words.join(" ").chars().map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_is() {
        let original = b"Subject: =?utf-8?Q?H=C3=B6?=\r\n  there\r\nMessage-ID: <m@b.example>\r\n\
            References: <r@b.example>\r\n\r\nhi\r\n";
        let address = |text: &str| Address::parse(text).unwrap();
        let (to, from) = (address("bob@b.example"), address("ann@example.org"));
        let host = Domain::parse("mx.example.org").unwrap();
        let vacation = Vacation {
            text: Some("Away.\n.\nÄ".to_owned()),
            html: Some("<p>Away</p>".to_owned()),
            ..Vacation::default()
        };
        let letter = letter(&vacation, original, (&to, &from), Some("Ann"), (&host, "s"), Timestamp::EPOCH);
        let letter = String::from_utf8(letter).unwrap();
        for line in [
            "From: \"Ann\" <ann@example.org>\r\n",
            "To: bob@b.example\r\n",
            "Subject: Auto: =?utf-8?Q?H=C3=B6?= there\r\n",
            "In-Reply-To: <m@b.example>\r\n",
            "References: <r@b.example>\r\n <m@b.example>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "boundary=\"=_s\"\r\n",
            "=C3=84",
            "--=_s--\r\n",
        ] {
            assert!(letter.contains(line), "{letter} lacks {line}");
        }
        assert!(letter.split("\r\n").all(|line| line.len() < 998 && !line.contains('\n')));
    }
}
