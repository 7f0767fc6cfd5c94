//! A part of a message: what it is, where it lies, how it is read.

use std::borrow::Cow;
use std::ops::Range;

use super::entity::Kind;
use super::envelope::Envelope;
use super::ids;
use super::parameters::Parameters;
use super::record::{Reader, Writer};
use super::scan::{Node, line_count};
use super::transfer::{self, Transfer};
use super::{charset, words};

/// What is in a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Structure {
    /// Parts.
    Multipart,
    /// A message, which is its only child.
    Message,
    /// Neither.
    Leaf,
}

/// A part of a message. Texts are as in the message, unfolded; types are in lower case.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// In what it lies: an index into all parts; none for the message itself.
    pub parent: Option<usize>,
    /// How many parts lie directly in it.
    pub children: usize,
    /// What is in it.
    pub structure: Structure,
    /// Such as `text`.
    pub media: &'a str,
    /// Such as `plain`.
    pub subtype: &'a str,
    /// Whether Content-Type says so; if not, it is what the standard takes it for.
    pub has_type: bool,
    /// Of Content-Type.
    pub parameters: Parameters<'a>,
    /// Content-Transfer-Encoding in lower case; empty if there is none.
    pub encoding: &'a str,
    /// Content-ID.
    pub id: Option<&'a [u8]>,
    /// Content-Description.
    pub description: Option<&'a [u8]>,
    /// Content-MD5.
    pub md5: Option<&'a [u8]>,
    /// Content-Disposition in lower case, with its parameters.
    pub disposition: Option<(&'a str, Parameters<'a>)>,
    /// Content-Language.
    pub languages: Vec<&'a str>,
    /// Content-Location.
    pub location: Option<&'a [u8]>,
    /// Where its header lies in the content, the empty line included.
    pub header: Range<u64>,
    /// Where its body lies, encoded.
    pub body: Range<u64>,
    /// Lines of its body, encoded.
    pub lines: u64,
    /// Bytes of its body, decoded.
    pub decoded_size: u64,
    /// Of a message: what it says on its head.
    pub envelope: Option<Envelope<'a>>,
}

impl<'a> Part<'a> {
    /// `text/plain`.
    pub fn media_type(&self) -> String {
        format!("{}/{}", self.media, self.subtype)
    }

    /// Whether its type is this one.
    pub fn is(&self, media: &str, subtype: &str) -> bool {
        self.media == media && self.subtype == subtype
    }

    /// Its name, decoded (RFC 8621 section 4.1.4).
    pub fn name(&self) -> Option<String> {
        let of_disposition = self.disposition.and_then(|(_, parameters)| parameters.decoded("filename"));
        of_disposition.or_else(|| self.parameters.decoded("name"))
    }

    /// Its charset as JMAP says it: `us-ascii` for a text that says nothing, none for what is no text.
    pub fn charset(&self) -> Option<String> {
        let said = self.parameters.decoded("charset");
        said.or_else(|| (self.media == "text").then(|| "us-ascii".to_owned()))
    }

    /// Content-ID without its angle brackets.
    pub fn cid(&self) -> Option<String> {
        let id = self.id?;
        let bare = || String::from_utf8_lossy(id).trim_matches(['<', '>', ' ']).to_owned();
        Some(ids::parse(id).into_iter().next().unwrap_or_else(bare)).filter(|id| !id.is_empty())
    }

    /// Content-Location, decoded.
    pub fn decoded_location(&self) -> Option<String> {
        self.location.map(words::decode)
    }

    /// Whether its body can be decoded (RFC 3516 section 4.3 asks).
    pub fn has_known_encoding(&self) -> bool {
        Transfer::named(self.encoding.as_bytes()) != Transfer::Unknown
    }

    /// Whether it is an attachment and says so.
    pub fn is_attachment(&self) -> bool {
        self.disposition.is_some_and(|(name, _)| name == "attachment")
    }

    pub(super) fn read(reader: &mut Reader<'a>, shift: u64) -> Part<'a> {
        let mut part = Reader(reader.bytes());
        let parent = part.number().checked_sub(1).and_then(|parent| usize::try_from(parent).ok());
        let children = usize::try_from(part.number()).unwrap_or(0);
        let structure = match part.number() {
            0 => Structure::Multipart,
            1 => Structure::Message,
            _ => Structure::Leaf,
        };
        let (start, header_len, body_len) = (part.number(), part.number(), part.number());
        let header_end = start.saturating_add(header_len).saturating_add(shift);
        // What stands before the content belongs to the header of the message.
        let start = if parent.is_none() { 0 } else { start.saturating_add(shift) };
        let (lines, decoded_size) = (part.number(), part.number());
        let (media, subtype, has_type) = (part.text(), part.text(), part.number() == 1);
        let parameters = Parameters(Reader(part.bytes()));
        let (encoding, id, description, md5) =
            (part.text(), part.optional(), part.optional(), part.optional());
        let disposition = part.optional();
        let of_disposition = Parameters(Reader(part.bytes()));
        let disposition =
            disposition.map(|name| (std::str::from_utf8(name).unwrap_or_default(), of_disposition));
        let location = part.optional();
        let languages = (0..part.number().min(32)).map(|_| part.text()).collect();
        let envelope = part.optional().map(Envelope::read);
        let body = header_end..header_end.saturating_add(body_len);
        Part {
            parent,
            children,
            structure,
            media,
            subtype,
            has_type,
            parameters,
            encoding,
            id,
            description,
            md5,
            disposition,
            languages,
            location,
            header: start..header_end,
            body,
            lines,
            decoded_size,
            envelope,
        }
    }
}

/// Writes a part; of a message in it, its envelope.
pub(super) fn encode(content: &[u8], node: &Node, envelope: Option<&Writer>) -> Writer {
    let entity = &node.entity;
    let body = &content[node.body.clone()];
    let mut out = Writer::default();
    out.number(node.parent.map_or(0, |parent| parent as u64 + 1));
    out.number(node.children as u64);
    out.number(match node.kind {
        Kind::Multipart => 0,
        Kind::Message => 1,
        Kind::Leaf => 2,
    });
    out.number(node.header.start as u64);
    out.number(node.header.len() as u64);
    out.number(node.body.len() as u64);
    let is_counted = entity.media == "text" || entity.media == "message";
    out.number(if is_counted { line_count(body) } else { 0 });
    let is_decoded = node.kind == Kind::Leaf;
    out.number(if is_decoded { transfer::decoded_len(entity.transfer(), body) } else { body.len() as u64 });
    out.bytes(entity.media.as_bytes());
    out.bytes(entity.subtype.as_bytes());
    out.number(u64::from(entity.has_type));
    out.block(&entity.parameters.write_parameters());
    out.bytes(String::from_utf8_lossy(&entity.encoding).as_bytes());
    for text in [&entity.id, &entity.description, &entity.md5] {
        out.optional(text.as_deref());
    }
    let disposition = entity.disposition.as_ref();
    out.optional(disposition.map(|read| read.value.to_ascii_lowercase()).as_deref());
    out.block(&disposition.map(|read| read.write_parameters()).unwrap_or_default());
    out.optional(entity.location.as_deref());
    out.number(entity.languages.len() as u64);
    entity.languages.iter().for_each(|language| out.bytes(language));
    out.optional_block(envelope);
    out
}

/// The body of a part as it lies in the content.
pub fn raw<'c>(content: &'c [u8], part: &Part<'_>) -> &'c [u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    content.get(index(part.body.start)..index(part.body.end)).unwrap_or_default()
}

/// The body of a part with its transfer encoding undone.
pub fn part<'c>(content: &'c [u8], part: &Part<'_>) -> Cow<'c, [u8]> {
    let body = raw(content, part);
    match Transfer::named(part.encoding.as_bytes()) {
        _ if part.structure != Structure::Leaf => Cow::Borrowed(body),
        Transfer::Identity | Transfer::Unknown => Cow::Borrowed(body),
        transfer => {
            let mut out = Vec::with_capacity(body.len());
            transfer::each(transfer, body, |byte| out.push(byte));
            Cow::Owned(out)
        }
    }
}

/// The text of a part, in UTF-8, and whether some of it could not be decoded (RFC 8621 section 4.1.4,
/// `isEncodingProblem`).
pub fn part_text<'c>(content: &'c [u8], of: &Part<'_>) -> (Cow<'c, str>, bool) {
    let charset = of.parameters.decoded("charset").unwrap_or_default();
    let unknown = !of.has_known_encoding();
    match part(content, of) {
        Cow::Borrowed(bytes) => {
            let (text, problem) = charset::decode(charset.as_bytes(), bytes);
            (text, problem || unknown)
        }
        Cow::Owned(bytes) => {
            let (text, problem) = charset::decode(charset.as_bytes(), &bytes);
            (Cow::Owned(text.into_owned()), problem || unknown)
        }
    }
}
