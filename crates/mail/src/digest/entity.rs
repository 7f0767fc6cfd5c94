//! What does the header of a part say about its body?

use crate::header;

use super::limits::{FIELD_BYTES_MAX, HEADER_BYTES_MAX};
use super::parameters::Valued;
use super::transfer::Transfer;
use super::words;

/// Bytes of a boundary; RFC 2046 section 5.1.1 allows 70.
const BOUNDARY_BYTES_MAX: usize = 1024;

/// What can be in a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Multipart,
    Message,
    Leaf,
}

/// The fields of a part that are kept.
#[derive(Debug, Default)]
pub(super) struct Entity {
    pub(super) media: String,
    pub(super) subtype: String,
    pub(super) has_type: bool,
    pub(super) parameters: Valued,
    pub(super) encoding: Vec<u8>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) description: Option<Vec<u8>>,
    pub(super) md5: Option<Vec<u8>>,
    pub(super) disposition: Option<Valued>,
    pub(super) languages: Vec<Vec<u8>>,
    pub(super) location: Option<Vec<u8>>,
}

impl Entity {
    /// A part of which nothing is known.
    pub(super) fn opaque() -> Entity {
        Entity { media: "text".into(), subtype: "plain".into(), ..Entity::default() }
    }

    /// Reads a header. Of fields that should be there once the first one counts.
    pub(super) fn read(header: &[u8], in_digest: bool) -> Entity {
        let mut entity = Entity::default();
        let mut content_type = None;
        for field in header::split_fields(&header[..header.len().min(HEADER_BYTES_MAX)]) {
            let Some((name, value)) = header::parts(field) else { continue };
            let Some(name) = strip_content(name) else { continue };
            let value = &value[..value.len().min(FIELD_BYTES_MAX)];
            match () {
                () if name == b"type" => content_type = content_type.or(Some(value)),
                () if name == b"transfer-encoding" && entity.encoding.is_empty() => {
                    entity.encoding = Valued::parse(value).value.to_ascii_lowercase();
                }
                () if name == b"id" => first(&mut entity.id, value),
                () if name == b"description" => first(&mut entity.description, value),
                () if name == b"md5" => first(&mut entity.md5, value),
                () if name == b"location" => first(&mut entity.location, value),
                () if name == b"disposition" && entity.disposition.is_none() => {
                    entity.disposition = Some(Valued::parse(value)).filter(|read| is_token(&read.value));
                }
                () if name == b"language" && entity.languages.is_empty() => {
                    let tags = value.split(|byte| *byte == b',').map(words::unfold);
                    entity.languages = tags.filter(|tag| is_token(tag)).take(32).collect();
                }
                () => {}
            }
        }
        entity.set_type(content_type, in_digest);
        entity
    }

    fn set_type(&mut self, content_type: Option<&[u8]>, in_digest: bool) {
        let read = content_type.map(Valued::parse);
        let named = read.and_then(|read| {
            let slash = read.value.iter().position(|byte| *byte == b'/')?;
            let (media, subtype) = (&read.value[..slash], &read.value[slash + 1..]);
            let lower =
                |text: &[u8]| is_token(text).then(|| String::from_utf8_lossy(text).to_ascii_lowercase());
            Some((lower(media)?, lower(subtype)?, read))
        });
        (self.media, self.subtype) = match named {
            Some((media, subtype, read)) => {
                (self.has_type, self.parameters) = (true, read);
                (media, subtype)
            }
            None if in_digest && content_type.is_none() => ("message".into(), "rfc822".into()),
            None => ("text".into(), "plain".into()),
        };
    }

    pub(super) fn transfer(&self) -> Transfer {
        Transfer::named(&self.encoding)
    }

    pub(super) fn kind(&self) -> Kind {
        let is_encoded = matches!(self.transfer(), Transfer::Base64 | Transfer::QuotedPrintable);
        match (&self.media[..], &self.subtype[..]) {
            // RFC 2045 section 6.4 forbids to encode a multipart: what says so is not.
            ("multipart", _) if self.boundary().is_some() => Kind::Multipart,
            ("message", "rfc822" | "global" | "news") if !is_encoded => Kind::Message,
            _ => Kind::Leaf,
        }
    }

    pub(super) fn boundary(&self) -> Option<&[u8]> {
        let boundary = self.parameters.parameter("boundary")?.trim_ascii_end();
        (!boundary.is_empty() && boundary.len() <= BOUNDARY_BYTES_MAX).then_some(boundary)
    }

    /// Makes it a part whose structure is not looked at.
    pub(super) fn degrade(&mut self) {
        (self.media, self.subtype) = ("text".into(), "plain".into());
        self.parameters = Valued::default();
        self.encoding = Vec::new();
    }
}

fn first(slot: &mut Option<Vec<u8>>, value: &[u8]) {
    slot.get_or_insert_with(|| words::unfold(value));
}

fn strip_content(name: &[u8]) -> Option<Vec<u8>> {
    let (prefix, rest) = name.split_at_checked(8)?;
    prefix.eq_ignore_ascii_case(b"content-").then(|| rest.to_ascii_lowercase())
}

fn is_token(text: &[u8]) -> bool {
    let special = |byte: &u8| !byte.is_ascii_graphic() || b"()<>@,;:\\\"/[]?=".contains(byte);
    !text.is_empty() && text.len() <= 256 && !text.iter().any(special)
}
