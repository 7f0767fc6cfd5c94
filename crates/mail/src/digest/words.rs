//! The text of a field: unfolded, encoded words of every charset decoded (RFC 2047, RFC 2231 section 5).

use super::charset;
use super::limits::FIELD_BYTES_MAX;
use super::transfer;

/// Bytes of one encoded word; RFC 2047 section 2 allows 75.
const WORD_BYTES_MAX: usize = 4096;

/// The text on one line. What cannot be decoded stays as it is; what is not UTF-8 is replaced.
pub fn decode(value: &[u8]) -> String {
    let value = &value[..value.len().min(FIELD_BYTES_MAX)];
    let unfolded = unfold(value);
    if memchr::memmem::find(&unfolded, b"=?").is_none() {
        return String::from_utf8_lossy(&unfolded).into_owned();
    }
    let mut out = String::with_capacity(unfolded.len());
    let mut run = Run::default();
    let mut rest = &unfolded[..];
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        let (before, from) = rest.split_at(start);
        match word(from) {
            Some(word) => {
                // RFC 2047 section 6.2: white space between two encoded words is no part of the text.
                if !(run.is_open && before.trim_ascii().is_empty()) {
                    run.flush(&mut out);
                    out.push_str(&String::from_utf8_lossy(before));
                }
                run.add(&word, &mut out);
                rest = &from[word.len..];
            }
            None => {
                run.flush(&mut out);
                out.push_str(&String::from_utf8_lossy(before));
                out.push_str("=?");
                rest = &from[2..];
            }
        }
    }
    run.flush(&mut out);
    out.push_str(&String::from_utf8_lossy(rest));
    out
}

/// A value without the line ends in it and the white space around it; NUL becomes a space.
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    let kept = value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    kept.map(|byte| if *byte == 0 { b' ' } else { *byte }).collect()
}

/// Words in a row in one charset: a character may begin in one and end in the next.
#[derive(Default)]
struct Run {
    is_open: bool,
    charset: Vec<u8>,
    bytes: Vec<u8>,
}

impl Run {
    fn add(&mut self, word: &Word<'_>, out: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.flush(out);
            self.charset = word.charset.to_vec();
        }
        self.is_open = true;
        self.bytes.extend_from_slice(&word.bytes);
    }

    fn flush(&mut self, out: &mut String) {
        let (text, _) = charset::decode(&self.charset, &self.bytes);
        out.extend(text.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }));
        self.bytes.clear();
        self.is_open = false;
    }
}

struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
    len: usize,
}

/// The encoded word at the start of a text.
fn word(text: &[u8]) -> Option<Word<'_>> {
    let text = &text[..text.len().min(WORD_BYTES_MAX)];
    let rest = text.strip_prefix(b"=?")?;
    let charset_len = memchr::memchr(b'?', rest)?;
    let (charset, rest) = rest.split_at(charset_len);
    let (encoding, rest) = (*rest.get(1)?, rest.get(2..)?.strip_prefix(b"?")?);
    let end = memchr::memmem::find(rest, b"?=")?;
    let encoded = &rest[..end];
    let bytes = match encoding {
        b'B' | b'b' => transfer::base64(encoded),
        b'Q' | b'q' => quoted(encoded),
        _ => return None,
    };
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) || !charset::is_known(charset) {
        return None;
    }
    Some(Word { charset, bytes, len: text.len() - rest.len() + end + 2 })
}

/// The Q encoding (RFC 2047 section 4.2).
fn quoted(encoded: &[u8]) -> Vec<u8> {
    let spaces: Vec<u8> = encoded.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
    let mut out = Vec::with_capacity(spaces.len());
    let mut rest = &spaces[..];
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'=' { after.get(..2).and_then(transfer::hex) } else { None };
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_of_the_standard() {
        for (value, expected) in [
            ("=?ISO-8859-1?Q?a?=", "a"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
            ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
            // One character in two words.
            ("=?utf-8?B?w7w=?= =?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "ü€"),
            ("=?koi8-r?B?8NLJ18XU?=", "Привет"),
            ("=?iso-2022-jp?B?GyRCJDMkcxsoQg==?=", "こん"),
            ("=?gb2312?B?xOO6ww==?=", "你好"),
            ("=?x-nobody?Q?a?=", "=?x-nobody?Q?a?="),
            ("=?utf-8?Q?open", "=?utf-8?Q?open"),
            ("=?utf-8?Q?a b?= c", "a b c"),
            ("plain =? text", "plain =? text"),
            (" folded\r\n text ", "folded text"),
        ] {
            assert_eq!(decode(value.as_bytes()), expected, "{value}");
        }
        assert_eq!(decode(b"raw\0\xff"), "raw \u{fffd}");
    }

    #[test]
    fn a_flood_ends() {
        let flood = "=?utf-8?q?".repeat(100_000);
        assert!(!decode(flood.as_bytes()).is_empty());
    }
}
