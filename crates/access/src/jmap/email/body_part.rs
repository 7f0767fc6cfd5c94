//! A part of a message as an EmailBodyPart (RFC 8621 section 4.1.4).

use mail::digest::{Part, Structure};
use serde_json::{Map, Value, json};

use super::super::blob::BlobId;
use super::header_property::all_fields;
use super::properties::Names;

/// The parts of a message, and what is shown of them.
pub(crate) struct Parts<'a> {
    /// The whole message.
    pub(crate) blob: &'a BlobId,
    /// All parts.
    pub(crate) parts: &'a [Part<'a>],
    /// The message; empty if nothing that is shown needs it.
    pub(crate) content: &'a [u8],
    /// What is shown.
    pub(crate) names: &'a Names,
}

impl Parts<'_> {
    /// Some of them, without those in them.
    pub(crate) fn list(&self, which: &[usize]) -> Value {
        which.iter().filter_map(|nth| self.one(*nth)).map(Value::from).collect()
    }

    /// The message and all that is in it. Messages within it are whole.
    pub(crate) fn tree(&self) -> Value {
        // Children come after their parents: from the end on, all of a part are there when it is its turn.
        let mut children: Vec<Vec<Value>> = vec![Vec::new(); self.parts.len()];
        for nth in (0..self.parts.len()).rev() {
            let Some(mut shown) = self.one(nth) else { continue };
            let is_multipart = self.parts[nth].structure == Structure::Multipart;
            if self.names.has("subParts") || is_multipart {
                let mut within = std::mem::take(&mut children[nth]);
                within.reverse();
                if is_multipart {
                    shown.insert("subParts".to_owned(), within.into());
                }
            }
            match self.parts[nth].parent {
                None => return shown.into(),
                Some(parent) => {
                    let holds = self.parts.get(parent).map(|parent| parent.structure);
                    if holds == Some(Structure::Multipart) && parent < nth {
                        children[parent].push(shown.into());
                    }
                }
            }
        }
        Value::Null
    }

    fn one(&self, nth: usize) -> Option<Map<String, Value>> {
        let part = self.parts.get(nth)?;
        let is_multipart = part.structure == Structure::Multipart;
        let number = u32::try_from(nth).ok()?;
        let mut shown = Map::new();
        let mut put = |name: &str, value: &dyn Fn() -> Value| {
            if self.names.has(name) {
                shown.insert(name.to_owned(), value());
            }
        };
        put("partId", &|| if is_multipart { Value::Null } else { nth.to_string().into() });
        put("blobId", &|| {
            let blob = self.blob.part(number).filter(|_| !is_multipart);
            json!(blob.map(|blob| blob.to_string()))
        });
        put("size", &|| if is_multipart { 0.into() } else { part.decoded_size.into() });
        put("headers", &|| all_fields(self.header(part)));
        put("name", &|| json!(part.name()));
        put("type", &|| part.media_type().into());
        put("charset", &|| json!(part.charset()));
        put("disposition", &|| json!(part.disposition.map(|(disposition, _)| disposition)));
        put("cid", &|| json!(part.cid()));
        put("language", &|| match part.languages.is_empty() {
            true => Value::Null,
            false => json!(part.languages),
        });
        put("location", &|| json!(part.decoded_location()));
        for (name, field) in &self.names.fields {
            shown.insert(name.clone(), field.value(self.header(part)));
        }
        Some(shown)
    }

    fn header(&self, part: &Part<'_>) -> &[u8] {
        slice(self.content, &part.header)
    }
}

/// A range of content, as far as there is one.
pub(crate) fn slice<'c>(content: &'c [u8], range: &std::ops::Range<u64>) -> &'c [u8] {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
    content.get(index(range.start)..index(range.end)).unwrap_or_default()
}
