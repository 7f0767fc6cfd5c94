//! A new message of what a client has written (RFC 8621 section 4.6).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use aws_lc_rs::rand;
use bytes::Bytes;
use mail::compose::{Entity, Field, FieldError, FieldValue, compose};
use mail::{Flags, Timestamp};
use serde_json::{Map, Value, json};
use store::messages::limits::KEYWORDS_MAX;
use store::messages::{Alteration, MailboxId, alteration};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::super::blob;
use super::super::call::{Call, unavailable};
use super::super::session::ATTACHMENTS_BYTES_MAX;
use super::create_body::{BODIES, Material, blob_ids, body, body_values, too_large};
use super::create_fields::{Of, take};
use super::keywords::flags;
use super::patch::{bad_keyword, mailboxes, no_mailbox};

/// What only the server sets.
const OF_SERVER: &[&str] = &["id", "blobId", "threadId", "size", "hasAttachment", "preview", "headers"];

/// Where a new message goes, and how.
pub(super) struct Filed {
    pub(super) mailboxes: Vec<MailboxId>,
    pub(super) flags: Flags,
    pub(super) received_at: Option<Timestamp>,
}

impl Filed {
    /// Takes it out of an object: of `Email/set`, `Email/import` or `Email/copy`.
    pub(super) fn take(
        call: &Call<'_>,
        members: &mut Map<String, Value>,
        known: &BTreeSet<MailboxId>,
    ) -> Result<Filed, SetError> {
        let wrong = |name: &str| SetError::invalid_property(name, "its type is wrong");
        let wanted = mailboxes(call, &members.shift_remove("mailboxIds").unwrap_or_default())?;
        if !wanted.is_subset(known) {
            return Err(no_mailbox());
        }
        let flags = match members.shift_remove("keywords") {
            None | Some(Value::Null) => Flags::NONE,
            Some(Value::Object(keywords)) => flags(&keywords).map_err(|keyword| bad_keyword(&keyword))?,
            Some(_) => return Err(wrong("keywords")),
        };
        if flags.keywords.len() as u64 > KEYWORDS_MAX {
            return Err(SetError::bare(SetErrorKind::TooManyKeywords));
        }
        let received_at = match members.shift_remove("receivedAt") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let time = value.as_str().and_then(Timestamp::parse_rfc3339);
                Some(time.ok_or_else(|| wrong("receivedAt"))?)
            }
        };
        Ok(Filed { mailboxes: wanted.into_iter().collect(), flags, received_at })
    }
}

/// The alteration that makes the message; the inner error is the client's.
pub(super) async fn appended(
    call: &Call<'_>,
    object: Value,
    known: &BTreeSet<MailboxId>,
) -> Result<Result<Alteration, SetError>, MethodError> {
    let Value::Object(mut members) = object else {
        return Ok(Err(SetError::bare(SetErrorKind::InvalidProperties)));
    };
    let wanted = match Wanted::read(call, &mut members, known) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Err(error)),
    };
    let ids = blob_ids(&wanted.body);
    let blobs = match blobs(call, ids).await? {
        Ok(blobs) => blobs,
        Err(error) => return Ok(Err(error)),
    };
    let unique = unique()?;
    Ok(wanted.message(call, blobs, &unique).map(|(filed, content)| Alteration::Append {
        mailboxes: filed.mailboxes,
        content: alteration::Source::Bytes(content.into()),
        flags: filed.flags,
        received_at: filed.received_at.unwrap_or(call.now),
    }))
}

/// What a client has said about a message.
struct Wanted {
    filed: Filed,
    fields: Vec<Field>,
    body: Map<String, Value>,
    values: BTreeMap<String, String>,
}

impl Wanted {
    fn read(
        call: &Call<'_>,
        members: &mut Map<String, Value>,
        known: &BTreeSet<MailboxId>,
    ) -> Result<Wanted, SetError> {
        if let Some(name) = OF_SERVER.iter().find(|name| members.contains_key(**name)) {
            return Err(SetError::invalid_property(name, "only the server sets it"));
        }
        let filed = Filed::take(call, members, known)?;
        let values = body_values(members.shift_remove("bodyValues"))?;
        let fields = take(members, Of::Email)?;
        let mut body = Map::new();
        for name in BODIES {
            body.extend(members.shift_remove(name).map(|value| (name.to_owned(), value)));
        }
        match members.keys().next() {
            Some(unknown) => Err(SetError::invalid_property(unknown, "there is no such property")),
            None => Ok(Wanted { filed, fields, body, values }),
        }
    }

    fn message(
        mut self,
        call: &Call<'_>,
        blobs: BTreeMap<String, Bytes>,
        unique: &str,
    ) -> Result<(Filed, Vec<u8>), SetError> {
        let material = Material::new(self.values, blobs);
        let Entity { fields: of_body, .. } =
            &mut Entity::new("text/plain", mail::compose::Body::Text(String::new()));
        let mut entity = body(self.body, &material)?;
        std::mem::swap(of_body, &mut entity.fields);
        let is_there =
            |fields: &[Field], name: &str| fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        if let Some(twice) = of_body.iter().find(|field| is_there(&self.fields, &field.name)) {
            let why = format!("the field {} is that of the message already", twice.name);
            return Err(SetError::invalid_property("bodyStructure", why));
        }
        if !is_there(&self.fields, "Date") {
            let value = FieldValue::Raw(call.now.rfc5322());
            self.fields.insert(0, Field { name: "Date".to_owned(), value });
        }
        if !is_there(&self.fields, "Message-ID") {
            let host = call.world.configuration.borrow().hostname.as_str().to_owned();
            let value = FieldValue::MessageIds(vec![format!("{unique}@{host}")]);
            self.fields.push(Field { name: "Message-ID".to_owned(), value });
        }
        self.fields.append(of_body);
        entity.fields = self.fields;
        let content = compose(&entity, unique).map_err(|error| wrong_field(&error))?;
        Ok((self.filed, content))
    }
}

fn wrong_field(error: &FieldError) -> SetError {
    let name = match error {
        FieldError::Name(name) | FieldError::Value(name) | FieldError::Address(name, _) => name,
    };
    let property = match &name.to_ascii_lowercase()[..] {
        "from" | "to" | "cc" | "bcc" | "sender" | "subject" | "references" => name.to_ascii_lowercase(),
        "message-id" => "messageId".to_owned(),
        "in-reply-to" => "inReplyTo".to_owned(),
        "reply-to" => "replyTo".to_owned(),
        _ => format!("header:{name}"),
    };
    SetError::invalid_property(&property, error.to_string())
}

/// The content of blobs, as much as a message may have.
async fn blobs(
    call: &Call<'_>,
    ids: BTreeSet<String>,
) -> Result<Result<BTreeMap<String, Bytes>, SetError>, MethodError> {
    let mut blobs = BTreeMap::new();
    let mut missing = Vec::new();
    let mut size = 0_u64;
    for id in ids {
        let found = blob::content(call.world, call.address(), &id).await.map_err(unavailable)?;
        let Some(content) = found else {
            missing.push(id);
            continue;
        };
        size = size.saturating_add(content.len() as u64);
        if size > ATTACHMENTS_BYTES_MAX {
            return Ok(Err(too_large()));
        }
        blobs.insert(id, content);
    }
    if !missing.is_empty() {
        return Ok(Err(SetError::bare(SetErrorKind::BlobNotFound).with("notFound", json!(missing))));
    }
    Ok(Ok(blobs))
}

/// Text that nobody has seen before.
fn unique() -> Result<String, MethodError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| MethodError::new("serverFail", "there is no randomness"))?;
    let mut text = String::with_capacity(32);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
