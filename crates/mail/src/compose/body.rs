//! Writes the fields that describe a body, and the body, encoded so that it arrives as it is.

use std::borrow::Cow;

use crate::quoted_printable;
use crate::seven_bit::base64;

use super::field::{self, FieldError};
use super::{Body, Entity, parameter};

/// Characters of a line that needs no encoding at most (RFC 5322 section 2.1.1).
const LINE_CHARS_MAX: usize = 998;
/// Bytes that make one line of base64.
const BASE64_LINE_BYTES: usize = 57;

pub(super) struct Writer<'a> {
    pub(super) out: Vec<u8>,
    pub(super) unique: &'a str,
    pub(super) boundaries: usize,
}

/// How a body is carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    SevenBit,
    EightBit,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
        }
    }
}

impl Writer<'_> {
    /// The rest of the header, the empty line and the body. Calls itself as deep as the caller has built.
    pub(super) fn described(&mut self, entity: &Entity) -> Result<(), FieldError> {
        let boundary = matches!(entity.body, Body::Parts(_)).then(|| {
            self.boundaries += 1;
            format!("=_{}_{}", self.unique, self.boundaries)
        });
        self.content_type(entity, boundary.as_deref());
        self.description(entity)?;
        match (&entity.body, boundary) {
            (Body::Parts(parts), Some(boundary)) => self.parts(parts, &boundary)?,
            (Body::Parts(_), None) => {}
            (Body::Text(text), _) => self.text(text),
            (Body::File(bytes, _), _) => self.encoded(Encoding::Base64, bytes),
            (Body::Message(bytes), _) => {
                let message = crlf(bytes);
                let encoding = if message.is_ascii() { Encoding::SevenBit } else { Encoding::EightBit };
                self.encoded(encoding, &message);
            }
        }
        Ok(())
    }

    fn content_type(&mut self, entity: &Entity, boundary: Option<&str>) {
        let mut line = parameter::Line::begin("Content-Type", &entity.media_type);
        let charset = match &entity.body {
            Body::Text(text) => Some(if text.is_ascii() { "us-ascii" } else { "utf-8" }),
            Body::File(_, charset) => charset.as_deref(),
            Body::Message(_) | Body::Parts(_) => None,
        };
        let first = charset.map(|charset| ("charset", charset));
        let second = boundary.map(|boundary| ("boundary", boundary));
        for (name, value) in first.into_iter().chain(second) {
            line.parameter(name, value);
        }
        for (name, value) in &entity.parameters {
            line.parameter(name, value);
        }
        line.end(&mut self.out);
    }

    fn description(&mut self, entity: &Entity) -> Result<(), FieldError> {
        if let Some((disposition, name)) = &entity.disposition {
            let mut line = parameter::Line::begin("Content-Disposition", disposition);
            if let Some(name) = name {
                line.parameter("filename", name);
            }
            line.end(&mut self.out);
        }
        let bracketed = entity.id.as_ref().map(|id| ("Content-ID", format!("<{id}>")));
        let languages =
            (!entity.languages.is_empty()).then(|| ("Content-Language", entity.languages.join(", ")));
        let location = entity.location.as_ref().map(|location| ("Content-Location", location.clone()));
        for (name, value) in [bracketed, languages, location].into_iter().flatten() {
            field::plain(name, &value, &mut self.out)?;
        }
        Ok(())
    }

    fn parts(&mut self, parts: &[Entity], boundary: &str) -> Result<(), FieldError> {
        self.out.extend_from_slice(b"\r\n");
        for part in parts {
            self.out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            for field in &part.fields {
                field.append_to(&mut self.out)?;
            }
            self.described(part)?;
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let lines = crlf(text.as_bytes());
        let encoding = text_encoding(&lines);
        self.encoded(encoding, &lines);
    }

    fn encoded(&mut self, encoding: Encoding, body: &[u8]) {
        self.out
            .extend_from_slice(format!("Content-Transfer-Encoding: {}\r\n\r\n", encoding.name()).as_bytes());
        match encoding {
            Encoding::SevenBit | Encoding::EightBit => self.out.extend_from_slice(body),
            Encoding::QuotedPrintable => self.out.extend_from_slice(&quoted_printable::encode(body)),
            Encoding::Base64 => {
                self.out.reserve(body.len() / 3 * 4 + body.len() / 28);
                for line in body.chunks(BASE64_LINE_BYTES) {
                    self.out.extend_from_slice(base64(line).as_bytes());
                    self.out.extend_from_slice(b"\r\n");
                }
            }
        }
    }
}

/// The simplest encoding that changes nothing on the way.
fn text_encoding(text: &[u8]) -> Encoding {
    let is_plain = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A line that begins with From is changed by some on the way; spaces at an end are lost.
        line.len() <= LINE_CHARS_MAX
            && !line.starts_with(b"From ")
            && line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
    };
    if text.split(|byte| *byte == b'\n').all(is_plain) {
        return Encoding::SevenBit;
    }
    let escaped = text.iter().filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~')).count();
    if escaped > text.len() / 3 { Encoding::Base64 } else { Encoding::QuotedPrintable }
}

/// Every line ended by CRLF.
fn crlf(text: &[u8]) -> Cow<'_, [u8]> {
    let mut bare = memchr::memchr2_iter(b'\r', b'\n', text).filter(|at| match text[*at] {
        b'\n' => *at == 0 || text[*at - 1] != b'\r',
        _ => text.get(*at + 1) != Some(&b'\n'),
    });
    let Some(first) = bare.next() else { return Cow::Borrowed(text) };
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let mut from = 0;
    for at in std::iter::once(first).chain(bare) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    out.extend_from_slice(&text[from..]);
    Cow::Owned(out)
}
