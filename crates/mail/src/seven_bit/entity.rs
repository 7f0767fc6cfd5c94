//! What does the header of a part say about its body?

use memchr::memchr;

use super::field;

/// The field that says how a body is encoded.
pub(super) const ENCODING_FIELD: &str = "Content-Transfer-Encoding";
/// Bytes of a boundary at most; RFC 2046 section 5.1.1 allows 70.
const BOUNDARY_BYTES_MAX: usize = 200;

/// What is in a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Parts.
    Multipart { boundary: Vec<u8>, digest: bool },
    /// A message with a header of its own.
    Message,
    /// Something that must stay byte by byte.
    Sealed,
    /// Text, with line ends that mean line ends.
    Text,
    /// Any bytes.
    Other,
}

/// How a body is encoded (RFC 2045 section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    SevenBit,
    EightBit,
    Binary,
    QuotedPrintable,
    Base64,
    Unknown,
}

impl Encoding {
    /// As the header says it. An unknown one is never written.
    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::Binary | Encoding::Unknown => "binary",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
        }
    }

    fn named(value: &[u8]) -> Self {
        let is = |name: &str| value.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("7bit") => Encoding::SevenBit,
            () if is("8bit") => Encoding::EightBit,
            () if is("binary") => Encoding::Binary,
            () if is("quoted-printable") => Encoding::QuotedPrintable,
            () if is("base64") => Encoding::Base64,
            () => Encoding::Unknown,
        }
    }

    fn is_identity(self) -> bool {
        matches!(self, Encoding::SevenBit | Encoding::EightBit | Encoding::Binary)
    }
}

/// A message, or a part of one.
#[derive(Debug)]
pub(super) struct Entity {
    /// Counts the headers from 0.
    pub(super) number: usize,
    /// Whether it is a message and not only a part.
    pub(super) is_message: bool,
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    pub(super) has_version: bool,
    pub(super) has_type: bool,
}

impl Entity {
    /// Reads a header. Of fields that should be there once the first one counts.
    pub(super) fn read(header: &[u8], number: usize, is_message: bool, in_digest: bool) -> Self {
        let value = |name: &str| {
            fields(header)
                .find(|raw| field::name(raw).eq_ignore_ascii_case(name.as_bytes()))
                .map(field::unfolded_value)
        };
        let encoding = value(ENCODING_FIELD);
        let encoding = encoding.map_or(Encoding::SevenBit, |value| Encoding::named(first_word(&value)));
        let content_type = value("Content-Type");
        let kind = match &content_type {
            Some(value) => kind(value, encoding),
            None if in_digest && encoding.is_identity() => Kind::Message,
            None => Kind::Text,
        };
        let has_version = value("MIME-Version").is_some();
        Entity { number, is_message, kind, encoding, has_version, has_type: content_type.is_some() }
    }
}

/// The fields of a header, each with the lines folded into it and their CRLFs.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let mut len = line_len(rest);
        if len == 0 {
            return None;
        }
        while matches!(rest.get(len), Some(b' ' | b'\t')) {
            len += line_len(&rest[len..]);
        }
        let (field, others) = rest.split_at(len);
        rest = others;
        Some(field)
    })
}

fn line_len(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |lf| lf + 1)
}

/// Up to white space, `;` or a comment.
fn first_word(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    let end = value.iter().position(|b| matches!(b, b' ' | b'\t' | b';' | b'(')).unwrap_or(value.len());
    &value[..end]
}

fn kind(content_type: &[u8], encoding: Encoding) -> Kind {
    let media = String::from_utf8_lossy(first_word(content_type)).to_ascii_lowercase();
    match media.split_once('/') {
        Some(("multipart", "signed" | "encrypted")) => Kind::Sealed,
        Some(("multipart", subtype)) if encoding.is_identity() => match boundary(content_type) {
            Some(boundary) => Kind::Multipart { boundary, digest: subtype == "digest" },
            None => Kind::Sealed,
        },
        // RFC 2046 sections 5.2.2 and 5.2.3: these are 7bit, and are not encoded.
        Some(("message", "partial" | "external-body")) => Kind::Sealed,
        Some(("message", "rfc822" | "news")) if encoding.is_identity() => Kind::Message,
        // RFC 6532 section 3.7: message/global may be encoded as a whole.
        Some(("message", "global")) => Kind::Other,
        Some(("text" | "message", _)) | None => Kind::Text,
        Some(_) => Kind::Other,
    }
}

fn boundary(content_type: &[u8]) -> Option<Vec<u8>> {
    let value = field::parameters(content_type)?
        .into_iter()
        .find(|parameter| parameter.name.eq_ignore_ascii_case(b"boundary"))?
        .value;
    let boundary = value.trim_ascii_end().to_vec();
    (!boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX).then_some(boundary)
}
