//! What does a field such as Content-Type say? A value, and parameters (RFC 2045 section 5.1, RFC 2231).

use std::collections::BTreeMap;

use super::limits::{FIELD_BYTES_MAX, PARAMETERS_MAX};
use super::record::{Reader, Writer};
use super::{charset, transfer, words};

/// Pieces of one parameter (RFC 2231 section 3).
const PIECES_MAX: usize = 100;

/// Parameters with their names in lower case. Values are as in the message, without quotes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters<'a>(pub(super) Reader<'a>);

impl<'a> Parameters<'a> {
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut reader = self.0;
        std::iter::from_fn(move || (!reader.is_empty()).then(|| (reader.text(), reader.bytes())))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of this name, as it is written.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// The value of this name, decoded: put together from its pieces, in its charset (RFC 2231), or of encoded words,
    /// which are not permitted here but often used.
    pub fn decoded(&self, name: &str) -> Option<String> {
        self.extended(name).or_else(|| self.value(name).map(words::decode)).filter(|text| !text.is_empty())
    }

    fn extended(&self, name: &str) -> Option<String> {
        let mut pieces = BTreeMap::new();
        for (other, value) in self.iter() {
            let Some(section) = other.strip_prefix(name).and_then(|rest| rest.strip_prefix('*')) else {
                continue;
            };
            let (number, encoded) = match section.strip_suffix('*') {
                Some(number) => (number, true),
                None => (section, section.is_empty()),
            };
            let number = if number.is_empty() { Some(0) } else { number.parse::<usize>().ok() };
            if let Some(number) = number.filter(|number| *number < PIECES_MAX) {
                pieces.entry(number).or_insert((value, encoded));
            }
        }
        let mut charset = &[][..];
        let mut bytes = Vec::new();
        for (expected, (number, (value, encoded))) in pieces.into_iter().enumerate() {
            if number != expected {
                break;
            }
            let mut value = value;
            if encoded && number == 0 {
                let mut parts = value.splitn(3, |byte| *byte == b'\'');
                if let (Some(name), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                    (charset, value) = (name, rest);
                }
            }
            if encoded { percent(value, &mut bytes) } else { bytes.extend_from_slice(value) }
        }
        let text = charset::decode(charset, &bytes).0;
        (!bytes.is_empty()).then(|| text.replace(['\r', '\n', '\0'], " "))
    }
}

fn percent(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'%' { after.get(..2).and_then(transfer::hex) } else { None };
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
}

/// A value with parameters, as read.
#[derive(Debug, Default)]
pub(super) struct Valued {
    /// Without comments and white space.
    pub(super) value: Vec<u8>,
    pub(super) parameters: Vec<(String, Vec<u8>)>,
}

impl Valued {
    pub(super) fn parse(field: &[u8]) -> Valued {
        let field = &field[..field.len().min(FIELD_BYTES_MAX)];
        let mut pieces = Pieces { rest: field };
        let value = pieces.until_semicolon().concat();
        let mut parameters = Vec::new();
        while !pieces.rest.is_empty() && parameters.len() < PARAMETERS_MAX {
            let (name, value) = pieces.parameter();
            if !name.is_empty() {
                parameters.push((name, value));
            }
        }
        Valued { value, parameters }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..])
    }

    pub(super) fn write_parameters(&self) -> Writer {
        let mut out = Writer::default();
        for (name, value) in &self.parameters {
            out.bytes(name.as_bytes());
            out.bytes(value);
        }
        out
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
}

impl Pieces<'_> {
    /// Words up to the next `;`, which is taken off too.
    fn until_semicolon(&mut self) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        while let Some(&byte) = self.rest.first() {
            match byte {
                b';' => {
                    self.rest = &self.rest[1..];
                    break;
                }
                b'"' => words.push(self.quoted()),
                b'(' => self.comment(),
                byte if byte.is_ascii_whitespace() || byte == 0 => self.rest = &self.rest[1..],
                _ => words.push(self.word()),
            }
        }
        words
    }

    fn parameter(&mut self) -> (String, Vec<u8>) {
        let end =
            self.rest.iter().position(|byte| matches!(byte, b'=' | b';' | b'"')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let has_value = rest.first() == Some(&b'=');
        if has_value {
            self.rest = &rest[1..];
        }
        // Words with white space between them are against the rules, and meant to be one value.
        let words = self.until_semicolon();
        let name = name.split(|byte| *byte == b'(').next().unwrap_or_default().trim_ascii();
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic) && has_value;
        let name = if is_name { String::from_utf8_lossy(name).to_ascii_lowercase() } else { String::new() };
        (name, words.join(&b' '))
    }

    fn word(&mut self) -> Vec<u8> {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b';' | b'"' | b'(' | 0);
        let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_vec()
    }

    fn quoted(&mut self) -> Vec<u8> {
        let (mut out, mut at) = (Vec::new(), 1);
        while let Some(&byte) = self.rest.get(at) {
            at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    out.extend(self.rest.get(at));
                    at += 1;
                }
                b'\r' | b'\n' => {}
                0 => out.push(b' '),
                byte => out.push(byte),
            }
        }
        self.rest = self.rest.get(at..).unwrap_or_default();
        out
    }

    fn comment(&mut self) {
        let (mut depth, mut at) = (0u32, 0);
        while let Some(&byte) = self.rest.get(at) {
            at += 1;
            match byte {
                b'\\' => at += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.rest = self.rest.get(at..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Writer {
        Valued::parse(field.as_bytes()).write_parameters()
    }

    #[test]
    fn parameters_of_the_standards_and_of_the_world() {
        for (field, name, expected) in [
            ("text/plain; charset=us-ascii (Plain text)", "charset", Some("us-ascii")),
            ("text/plain; CharSet=\"us-ascii\"", "charset", Some("us-ascii")),
            (
                "message/external-body; URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu\"",
                "url",
                Some("ftp://cs.utk.edu"),
            ),
            (
                "a/b; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
                "title",
                Some("This is ***fun***"),
            ),
            (
                "a/b; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
                "title",
                Some("This is even more ***fun*** isn't it!"),
            ),
            ("attachment; filename==?utf-8?q?=C3=BC?=", "filename", Some("ü")),
            ("attachment; filename=my file.txt; size=3", "filename", Some("my file.txt")),
            ("attachment; filename=\"a;b\\\"c\"", "filename", Some("a;b\"c")),
            ("attachment; filename*=iso-8859-1''%FC", "filename", Some("ü")),
            ("a/b; x", "x", None),
            ("a/b; ;; =; y=1", "y", Some("1")),
            ("a/b; n*1=b; n*0=a; n*3=c", "n", Some("ab")),
        ] {
            let record = read(field);
            assert_eq!(Parameters(Reader(&record.0)).decoded(name).as_deref(), expected, "{field}");
        }
        assert_eq!(Valued::parse(b" Text / HTML (c); a=b").value, b"Text/HTML");
    }

    // proves: H19
    #[test]
    fn a_flood_of_parameters_ends() {
        let flood = format!("a/b{}", "; n*0*=x; n*1*=%20".repeat(100_000));
        let record = read(&flood);
        assert_eq!(Parameters(Reader(&record.0)).iter().count(), PARAMETERS_MAX);
        assert!(Parameters(Reader(&record.0)).decoded("n").is_some());
        let _ = read(&"(".repeat(1_000_000));
    }
}
