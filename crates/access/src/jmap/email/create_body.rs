//! Which body does a client want in a message that it makes (RFC 8621 section 4.6)?

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mail::compose::{Body, Entity, Field, FieldValue};
use mail::digest::{Digest, digest};
use serde_json::{Map, Value};
use wire::jmap::{SetError, SetErrorKind};

use super::super::session::ATTACHMENTS_BYTES_MAX;
use super::create_fields::{Of, take};

/// Parts of a message at most.
const PARTS_MAX: usize = 1_000;

/// What bodies are made of.
pub(super) struct Material {
    /// Texts by part id.
    pub(super) values: BTreeMap<String, String>,
    /// Content by blob id.
    pub(super) blobs: BTreeMap<String, Bytes>,
    /// Bytes that the message may still have. Each use of a text or a blob is written, so each is counted.
    left: Cell<u64>,
}

impl Material {
    pub(super) fn new(values: BTreeMap<String, String>, blobs: BTreeMap<String, Bytes>) -> Material {
        Material { values, blobs, left: Cell::new(ATTACHMENTS_BYTES_MAX) }
    }

    /// Counts one use of so many bytes.
    fn charge(&self, bytes: usize) -> Result<(), SetError> {
        let left = self.left.get().checked_sub(bytes as u64).ok_or_else(too_large)?;
        self.left.set(left);
        Ok(())
    }
}

/// What a message is to hold is too much.
pub(super) fn too_large() -> SetError {
    let why = format!("the attachments of a message may have {ATTACHMENTS_BYTES_MAX} bytes");
    SetError::new(SetErrorKind::TooLarge, why)
}

/// Properties that a body consists of.
pub(super) const BODIES: [&str; 4] = ["bodyStructure", "textBody", "htmlBody", "attachments"];

/// The blobs that a body refers to.
pub(super) fn blob_ids(body: &Map<String, Value>) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut left: Vec<&Value> = body.values().collect();
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => {
                if let Some(Value::String(id)) = members.get("blobId") {
                    ids.insert(id.clone());
                }
                left.extend(members.get("subParts"));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    ids
}

/// The texts of `bodyValues`.
pub(super) fn body_values(value: Option<Value>) -> Result<BTreeMap<String, String>, SetError> {
    let wrong = |why: &str| SetError::invalid_property("bodyValues", why);
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(BTreeMap::new()) };
    let Value::Object(members) = value else { return Err(wrong("it must be an object")) };
    let mut values = BTreeMap::new();
    for (id, member) in members {
        let no = |name: &str| matches!(member.get(name), None | Some(Value::Null | Value::Bool(false)));
        if !no("isEncodingProblem") || !no("isTruncated") {
            return Err(wrong("a text with a problem, or without its end, cannot be written"));
        }
        let text = member.get("value").and_then(Value::as_str);
        values.insert(id, text.ok_or_else(|| wrong("every value must have a text"))?.to_owned());
    }
    Ok(values)
}

/// The whole body.
pub(super) fn body(mut members: Map<String, Value>, material: &Material) -> Result<Entity, SetError> {
    members.retain(|_, value| !value.is_null());
    let mut left = PARTS_MAX;
    if let Some(structure) = members.shift_remove("bodyStructure") {
        if let Some(other) = members.keys().next() {
            return Err(SetError::invalid_property(other, "there is a bodyStructure already"));
        }
        return part(structure, "bodyStructure", material, &mut left);
    }
    let text = only(members.shift_remove("textBody"), "textBody", "text/plain", material, &mut left)?;
    let html = only(members.shift_remove("htmlBody"), "htmlBody", "text/html", material, &mut left)?;
    let attachments = attached(members.shift_remove("attachments"), material, &mut left)?;
    let is_shown = |one: &Entity| {
        one.id.is_some() && one.disposition.as_ref().is_none_or(|(name, _)| name != "attachment")
    };
    let (inline, mut files): (Vec<_>, Vec<_>) =
        attachments.into_iter().partition(|one| html.is_some() && is_shown(one));
    let html = html.map(|html| joined("multipart/related", html, inline));
    let shown = match (text, html) {
        (Some(text), Some(html)) => joined("multipart/alternative", text, vec![html]),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) if files.is_empty() => Entity::new("text/plain", Body::Text(String::new())),
        (None, None) => {
            let first = files.remove(0);
            return Ok(Entity::new("multipart/mixed", Body::Parts([vec![first], files].concat())));
        }
    };
    Ok(joined("multipart/mixed", shown, files))
}

/// One part with others after it; itself if there are none.
fn joined(media_type: &str, first: Entity, others: Vec<Entity>) -> Entity {
    if others.is_empty() {
        return first;
    }
    let mut parts = vec![first];
    parts.extend(others);
    Entity::new(media_type, Body::Parts(parts))
}

/// The only part of a list, which must be of this type.
fn only(
    value: Option<Value>,
    property: &str,
    media_type: &str,
    material: &Material,
    left: &mut usize,
) -> Result<Option<Entity>, SetError> {
    let wrong = |why: String| SetError::invalid_property(property, why);
    let Some(value) = value else { return Ok(None) };
    let Value::Array(items) = value else { return Err(wrong("it must be an array".to_owned())) };
    let mut items = items.into_iter();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(wrong("it must have one part".to_owned()));
    };
    let mut item = item;
    if let Value::Object(members) = &mut item
        && members.get("type").is_none_or(Value::is_null)
        && !members.keys().any(|name| name.to_ascii_lowercase().starts_with("header:content-type"))
    {
        members.insert("type".to_owned(), media_type.into());
    }
    let part = part(item, property, material, left)?;
    if part.media_type != media_type {
        return Err(wrong(format!("its part must be {media_type}")));
    }
    Ok(Some(part))
}

fn attached(value: Option<Value>, material: &Material, left: &mut usize) -> Result<Vec<Entity>, SetError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let Value::Array(items) = value else {
        return Err(SetError::invalid_property("attachments", "it must be an array"));
    };
    let one = |item: Value| {
        let mut entity = part(item, "attachments", material, left)?;
        if entity.disposition.is_none() && entity.id.is_none() {
            let name = entity.parameters.iter().find(|(name, _)| name == "name");
            entity.disposition = Some(("attachment".to_owned(), name.map(|(_, value)| value.clone())));
        }
        Ok(entity)
    };
    items.into_iter().map(one).collect()
}

/// A part, and those in it: JSON is not so deep that this could be.
fn part(value: Value, property: &str, material: &Material, left: &mut usize) -> Result<Entity, SetError> {
    let wrong = |why: &str| SetError::invalid_property(property, why);
    *left = left.checked_sub(1).ok_or_else(|| wrong("there are too many parts"))?;
    let Value::Object(mut members) = value else { return Err(wrong("a part must be an object")) };
    members.retain(|_, value| !value.is_null());
    let mut fields = take(&mut members, Of::Part)?;
    let mut text = |name: &str| match members.shift_remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(&format!("{name} of a part must be a string"))),
    };
    let (part_id, blob_id, charset) = (text("partId")?, text("blobId")?, text("charset")?);
    let (name, disposition, cid) = (text("name")?, text("disposition")?, text("cid")?);
    let (location, media_type) = (text("location")?, text("type")?);
    let size = members.shift_remove("size");
    if part_id.is_some() && (size.is_some() || charset.is_some()) {
        return Err(wrong("size and charset of a part with a partId are the server's"));
    }
    let languages = match members.shift_remove("language") {
        None => Vec::new(),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| wrong("language must hold strings"))?
        }
        Some(_) => return Err(wrong("language must be an array")),
    };
    let described = described(&mut fields);
    if media_type.is_some() && described.media_type.is_some() {
        return Err(wrong("the type of a part is there twice"));
    }
    let media_type = media_type.map(|media_type| media_type.to_ascii_lowercase()).or(described.media_type);
    let sub_parts = members.shift_remove("subParts");
    if let Some(unknown) = members.keys().next() {
        return Err(wrong(&format!("a part has no {unknown} that a client could set")));
    }
    let whole = Whole { part_id, blob_id, charset, sub_parts };
    let (media_type, body) = content(whole, media_type, property, material, left)?;
    let mut parameters = described.parameters;
    if let Some(name) = &name {
        parameters.retain(|(other, _)| other != "name");
        parameters.push(("name".to_owned(), name.clone()));
    }
    let disposition = disposition.map(|disposition| (disposition, name)).or(described.disposition);
    Ok(Entity { fields, media_type, parameters, disposition, id: cid, languages, location, body })
}

/// Where the content of a part comes from.
struct Whole {
    part_id: Option<String>,
    blob_id: Option<String>,
    charset: Option<String>,
    sub_parts: Option<Value>,
}

fn content(
    of: Whole,
    media_type: Option<String>,
    property: &str,
    material: &Material,
    left: &mut usize,
) -> Result<(String, Body), SetError> {
    let wrong = |why: &str| SetError::invalid_property(property, why);
    let is_type = |text: &str| {
        let token = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c))
        };
        text.split_once('/').is_some_and(|(media, subtype)| token(media) && token(subtype))
    };
    if media_type.as_deref().is_some_and(|media_type| !is_type(media_type)) {
        return Err(wrong("type must be a media type"));
    }
    match (of.part_id, of.blob_id, of.sub_parts) {
        (Some(id), None, None) => {
            let value = material.values.get(&id).ok_or_else(|| wrong("bodyValues has no such partId"))?;
            material.charge(value.len())?;
            let media_type = media_type.unwrap_or_else(|| "text/plain".to_owned());
            if !media_type.starts_with("text/") {
                return Ok((media_type, Body::File(value.clone().into(), None)));
            }
            Ok((media_type, Body::Text(value.clone())))
        }
        (None, Some(id), None) => {
            let missing = || SetError::bare(SetErrorKind::BlobNotFound).with("notFound", vec![id.clone()]);
            let bytes = material.blobs.get(&id).ok_or_else(missing)?.clone();
            material.charge(bytes.len())?;
            let media_type = media_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            match &media_type[..] {
                "message/rfc822" | "message/global" => Ok((media_type, Body::Message(bytes))),
                multipart if multipart.starts_with("multipart/") => Err(wrong("a multipart has subParts")),
                _ => Ok((media_type, Body::File(bytes, of.charset))),
            }
        }
        (None, None, Some(Value::Array(parts))) => {
            let media_type = media_type.unwrap_or_else(|| "multipart/mixed".to_owned());
            if !media_type.starts_with("multipart/") || parts.is_empty() {
                return Err(wrong("only a multipart has subParts, and at least one"));
            }
            let parts = parts.into_iter().map(|sub| part(sub, property, material, left));
            Ok((media_type, Body::Parts(parts.collect::<Result<_, _>>()?)))
        }
        _ => Err(wrong("a part must have one of partId, blobId and subParts")),
    }
}

/// What the fields Content-Type and Content-Disposition say that the client has written itself.
#[derive(Default)]
struct Described {
    media_type: Option<String>,
    parameters: Vec<(String, String)>,
    disposition: Option<(String, Option<String>)>,
}

fn described(fields: &mut Vec<Field>) -> Described {
    let mut header = Vec::new();
    fields.retain(|field| {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let (FieldValue::Raw(text) | FieldValue::Text(text)) = &field.value else { return true };
        if !is("Content-Type") && !is("Content-Disposition") {
            return true;
        }
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        header.extend_from_slice(format!("{}: {line}\r\n", field.name).as_bytes());
        false
    });
    if header.is_empty() {
        return Described::default();
    }
    header.extend_from_slice(b"\r\n");
    let record = digest(&header);
    let parts = Digest::read(&record).parts();
    let Some(part) = parts.first() else { return Described::default() };
    let ours = |name: &str| name == "charset" || name == "boundary" || name.contains('*');
    let parameters = part.parameters.iter().filter(|(name, _)| !ours(name));
    Described {
        media_type: part.has_type.then(|| part.media_type()),
        parameters: parameters
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
        disposition: part.disposition.map(|(name, of)| (name.to_owned(), of.decoded("filename"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(parts: Value) -> Result<Entity, SetError> {
        let values = BTreeMap::from([("t".to_owned(), "twelve bytes".to_owned())]);
        let blobs = BTreeMap::from([("b".to_owned(), Bytes::from_static(b"twelve bytes"))]);
        let material = Material { left: Cell::new(36), ..Material::new(values, blobs) };
        body(Map::from_iter([("bodyStructure".to_owned(), json!({ "subParts": parts }))]), &material)
    }

    #[test]
    fn each_use_of_a_text_or_a_blob_counts() {
        for one in [json!({ "blobId": "b" }), json!({ "partId": "t" })] {
            assert!(made(json!([one, one, one])).is_ok());
            assert_eq!(made(json!([one, one, one, one])).unwrap_err().kind, SetErrorKind::TooLarge);
        }
        // One that is not there is not taken for one that is too large.
        let missing = made(json!([{ "blobId": "b" }, { "blobId": "other" }]));
        assert_eq!(missing.unwrap_err().kind, SetErrorKind::BlobNotFound);
    }
}
