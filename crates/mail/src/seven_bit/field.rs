//! How is a header field written with US-ASCII only, and in short lines? RFC 2047, RFC 2231.

use std::fmt::Write;

use memchr::memchr2_iter;

use super::transfer::base64;
use super::{LINE_BYTES_MAX, Target, Unconvertible};

/// Bytes in one encoded-word at most, so that it has 75 characters at most (RFC 2047 section 2).
const WORD_BYTES_MAX: usize = 42;
/// Characters of a line that we fold (RFC 5322 section 2.1.1).
const LINE_CHARS_WANTED: usize = 78;

/// Fields that hold addresses with names.
const ADDRESSES: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "resent-from",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "resent-sender",
    "resent-reply-to",
    "disposition-notification-to",
    "mail-followup-to",
    "mail-reply-to",
    "errors-to",
    "return-receipt-to",
    "list-id",
];
/// Fields of a strict form, in which only a comment may hold words.
const STRICT: &[&str] = &[
    "received",
    "return-path",
    "message-id",
    "in-reply-to",
    "references",
    "date",
    "resent-date",
    "resent-message-id",
    "mime-version",
    "content-transfer-encoding",
    "content-id",
    "content-location",
    "dkim-signature",
    "arc-seal",
    "arc-message-signature",
    "arc-authentication-results",
    "authentication-results",
    "received-spf",
    "auto-submitted",
    "list-post",
    "list-unsubscribe",
];

/// The name of a field; empty if it has none.
pub(super) fn name(raw: &[u8]) -> &[u8] {
    raw.iter().position(|byte| *byte == b':').map_or(&[][..], |colon| raw[..colon].trim_ascii_end())
}

/// The value of a field in one line.
pub(super) fn unfolded_value(raw: &[u8]) -> Vec<u8> {
    let colon = raw.iter().position(|byte| *byte == b':').map_or(raw.len(), |colon| colon + 1);
    raw[colon..].iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

/// Writes a field as the target takes it; as it is, if that will do.
pub(super) fn write(raw: &[u8], target: Target, out: &mut Vec<u8>) -> Result<(), Unconvertible> {
    if !is_lines(raw) {
        return Err(Unconvertible::Header);
    }
    let must_encode = target == Target::SevenBit && !raw.is_ascii();
    let is_long = |raw: &[u8]| raw.split(|byte| *byte == b'\n').any(|line| line.len() > LINE_BYTES_MAX + 1);
    if !must_encode {
        return if is_long(raw) { fold(raw, out) } else { put(out, raw) };
    }
    let name = name(raw);
    if name.is_empty() || !name.is_ascii() {
        return Err(Unconvertible::Header);
    }
    let mut encoded = [name, b":"].concat();
    encoded.extend(value(&String::from_utf8_lossy(name).to_ascii_lowercase(), &unfolded_value(raw))?);
    encoded.extend_from_slice(b"\r\n");
    fold(&encoded, out)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Unconvertible> {
    out.extend_from_slice(bytes);
    Ok(())
}

/// Whether each CR and LF is part of a CRLF and there is no NUL.
fn is_lines(raw: &[u8]) -> bool {
    !raw.contains(&0)
        && memchr2_iter(b'\r', b'\n', raw).all(|at| match raw[at] {
            b'\r' => raw.get(at + 1) == Some(&b'\n'),
            _ => at > 0 && raw[at - 1] == b'\r',
        })
}

fn value(name: &str, value: &[u8]) -> Result<Vec<u8>, Unconvertible> {
    match name {
        "content-type" | "content-disposition" => with_parameters(value),
        _ if ADDRESSES.contains(&name) => structured(value, true),
        _ if STRICT.contains(&name) => structured(value, false),
        _ => Ok(unstructured(value)),
    }
}

/// A word of unstructured text with the white space before it.
type Spaced<'a> = (&'a [u8], &'a [u8]);

fn words(value: &[u8]) -> Vec<Spaced<'_>> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let (mut rest, mut words) = (value, Vec::new());
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| !is_space(byte)).unwrap_or(rest.len());
        let word = rest[space..].iter().position(is_space).unwrap_or(rest.len() - space);
        words.push((&rest[..space], &rest[space..space + word]));
        rest = &rest[space + word..];
    }
    words
}

/// Text in which words that are not US-ASCII become encoded-words (RFC 2047 section 5, rule 1).
///
/// A reader drops white space between two encoded-words: where it is meant, it goes into one of them.
fn unstructured(value: &[u8]) -> Vec<u8> {
    let words = words(value);
    let is_encoded = |word: &[u8]| word.starts_with(b"=?") && word.ends_with(b"?=");
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut at = 0;
    while let Some(&(space, word)) = words.get(at) {
        if word.is_ascii() {
            out.extend_from_slice(space);
            out.extend_from_slice(word);
            at += 1;
            continue;
        }
        let after = words[at..].iter().position(|(_, word)| word.is_ascii()).map_or(words.len(), |n| at + n);
        let mut text = Vec::new();
        if at > 0 && is_encoded(words[at - 1].1) {
            text.extend_from_slice(space);
            out.push(b' ');
        } else {
            out.extend_from_slice(space);
        }
        text.extend_from_slice(word);
        for (space, word) in &words[at + 1..after] {
            text.extend_from_slice(space);
            text.extend_from_slice(word);
        }
        if let Some((space, _)) = words.get(after).filter(|(_, next)| is_encoded(next)) {
            text.extend_from_slice(space);
        }
        out.extend_from_slice(encoded_words(&text).as_bytes());
        at = after;
    }
    out
}

/// Encoded-words that stand for the text, a space between each two.
fn encoded_words(text: &[u8]) -> String {
    let charset = if std::str::from_utf8(text).is_ok() { "utf-8" } else { "unknown-8bit" };
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD_BYTES_MAX);
        // A character is not divided.
        while charset == "utf-8" && end < rest.len() && rest[end] & 0xC0 == 0x80 {
            end -= 1;
        }
        words.push(format!("=?{charset}?B?{}?=", base64(&rest[..end])));
        rest = &rest[end..];
    }
    words.join(" ")
}

/// A structured value: names and comments become encoded-words (rules 2 and 3), an address cannot.
fn structured(value: &[u8], names: bool) -> Result<Vec<u8>, Unconvertible> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let (mut run, mut at) = (0, 0);
    while at < value.len() {
        let end = match value[at] {
            b'"' => {
                at = quoted_end(value, at)?;
                continue;
            }
            b'(' => comment_end(value, at)?,
            b'<' => angle_end(value, at)?,
            b',' | b';' | b':' => at + 1,
            _ => {
                at += 1;
                continue;
            }
        };
        phrase(&value[run..at], names, &mut out)?;
        match value[at] {
            b'(' => comment(&value[at..end], &mut out),
            _ if !value[at..end].is_ascii() => return Err(Unconvertible::Header),
            _ => out.extend_from_slice(&value[at..end]),
        }
        (run, at) = (end, end);
    }
    phrase(&value[run..], names, &mut out)?;
    Ok(out)
}

fn quoted_end(value: &[u8], start: usize) -> Result<usize, Unconvertible> {
    let mut at = start + 1;
    while at < value.len() {
        match value[at] {
            b'\\' => at += 2,
            b'"' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(Unconvertible::Header)
}

fn angle_end(value: &[u8], start: usize) -> Result<usize, Unconvertible> {
    let mut at = start + 1;
    while at < value.len() {
        match value[at] {
            b'"' => at = quoted_end(value, at)?,
            b'>' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(Unconvertible::Header)
}

fn comment_end(value: &[u8], start: usize) -> Result<usize, Unconvertible> {
    let (mut at, mut depth) = (start, 0_usize);
    while at < value.len() {
        match value[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Ok(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    Err(Unconvertible::Header)
}

/// What stands between the specials of an address field: the name of an address, or an address.
fn phrase(run: &[u8], names: bool, out: &mut Vec<u8>) -> Result<(), Unconvertible> {
    if run.is_ascii() {
        return put(out, run);
    }
    let inner = run.trim_ascii();
    let start = run.len() - run.trim_ascii_start().len();
    let has_encoded = memchr::memmem::find(inner, b"=?").is_some();
    let unquoted = unquoted(inner);
    if !names || unquoted.is_none() || (has_encoded && inner.contains(&b'"')) {
        return Err(Unconvertible::Header);
    }
    out.extend_from_slice(&run[..start]);
    match unquoted {
        Some(text) if !has_encoded => out.extend_from_slice(encoded_words(&text).as_bytes()),
        _ => out.extend(unstructured(inner)),
    }
    put(out, &run[start + inner.len()..])
}

/// A phrase without its quotes; none if it is an address.
fn unquoted(phrase: &[u8]) -> Option<Vec<u8>> {
    let (mut text, mut quoted) = (Vec::with_capacity(phrase.len()), false);
    let mut bytes = phrase.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => text.extend(bytes.next()),
            b'@' if !quoted => return None,
            _ => text.push(byte),
        }
    }
    Some(text)
}

/// A comment with its parentheses; each text between two of them is encoded as a whole.
fn comment(raw: &[u8], out: &mut Vec<u8>) {
    let mut text = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at < raw.len() {
        match raw[at] {
            b'(' | b')' => {
                comment_text(&raw[from..at], &text, out);
                out.push(raw[at]);
                from = at + 1;
                text.clear();
            }
            b'\\' if at + 1 < raw.len() => {
                at += 1;
                text.push(raw[at]);
            }
            byte => text.push(byte),
        }
        at += 1;
    }
}

fn comment_text(raw: &[u8], text: &[u8], out: &mut Vec<u8>) {
    if raw.is_ascii() {
        out.extend_from_slice(raw);
    } else {
        out.extend_from_slice(encoded_words(text).as_bytes());
    }
}

/// One parameter of a MIME field.
pub(super) struct Parameter<'a> {
    /// From after the semicolon to before the next.
    raw: &'a [u8],
    pub(super) name: &'a [u8],
    /// Without quotes.
    pub(super) value: Vec<u8>,
}

/// The parameters behind a value; none if a quote is not closed.
pub(super) fn parameters(value: &[u8]) -> Option<Vec<Parameter<'_>>> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at < value.len() {
        match value[at] {
            b'"' => at = quoted_end(value, at).ok()?,
            b';' => {
                pieces.push(&value[from..at]);
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    pieces.push(&value[from..]);
    let parameter = |raw| {
        let equals = memchr::memchr(b'=', raw).unwrap_or(raw.len());
        let value = raw.get(equals + 1..).unwrap_or_default().trim_ascii();
        let value = match value.strip_prefix(b"\"") {
            Some(_) => unquoted_value(value),
            None => value.to_vec(),
        };
        Parameter { raw, name: raw[..equals].trim_ascii(), value }
    };
    Some(pieces.into_iter().skip(1).map(parameter).collect())
}

/// What is between the first two quotes.
fn unquoted_value(quoted: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().skip(1);
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    text
}

/// RFC 2231 section 4: a parameter that is not US-ASCII names its charset.
fn with_parameters(value: &[u8]) -> Result<Vec<u8>, Unconvertible> {
    let parameters = parameters(value).ok_or(Unconvertible::Header)?;
    let head = memchr::memchr(b';', value).map_or(value, |end| &value[..end]);
    if !head.is_ascii() || head.contains(&b'"') {
        return Err(Unconvertible::Header);
    }
    let mut out = head.to_vec();
    for Parameter { raw, name, value } in parameters {
        out.push(b';');
        if raw.is_ascii() {
            out.extend_from_slice(raw);
            continue;
        }
        // A boundary in bytes stands in the delimiters too; parts of a parameter are not put together.
        if !name.is_ascii()
            || name.is_empty()
            || name.contains(&b'*')
            || name.eq_ignore_ascii_case(b"boundary")
        {
            return Err(Unconvertible::Header);
        }
        let charset = if std::str::from_utf8(&value).is_ok() { "utf-8" } else { "unknown-8bit" };
        out.push(b' ');
        out.extend_from_slice(name);
        out.extend_from_slice(format!("*={charset}''{}", percent(&value)).as_bytes());
    }
    Ok(out)
}

fn percent(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len() * 3);
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{}|~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Breaks long lines before white space, which changes nothing (RFC 5322 section 2.2.3).
fn fold(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Unconvertible> {
    let mut keep = name(raw).len() + 2;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let mut start = 0;
        while let Some(at) = fold_place(&text[start..], keep) {
            out.extend_from_slice(&text[start..start + at]);
            out.extend_from_slice(b"\r\n");
            start += at;
            keep = 1;
        }
        if text.len() - start > LINE_BYTES_MAX {
            return Err(Unconvertible::Header);
        }
        out.extend_from_slice(&text[start..]);
        out.extend_from_slice(&line[text.len()..]);
        keep = 1;
    }
    Ok(())
}

/// Where to break a line that is longer than wanted: at the last white space that leaves it short enough, or else at
/// the first one. `keep` bytes stay on the line, and no line is all white space.
fn fold_place(line: &[u8], keep: usize) -> Option<usize> {
    if line.len() <= LINE_CHARS_WANTED {
        return None;
    }
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t');
    let last = line.iter().rposition(|byte| !is_space(*byte))?;
    let first = line.iter().skip(keep).position(|byte| !is_space(*byte))? + keep;
    let places = || (first + 1..last).filter(|at| is_space(line[*at]));
    let found = places().take_while(|at| *at <= LINE_CHARS_WANTED).last().or_else(|| places().next())?;
    (found <= LINE_BYTES_MAX).then_some(found)
}
