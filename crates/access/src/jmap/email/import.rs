//! `Email/import` (RFC 8621 section 4.8): content that lies here already becomes a message.

use std::collections::BTreeSet;

use bytes::Bytes;
use mail::digest::{Digest, digest};
use serde_json::{Map, Value};
use store::messages::{Alteration, Kind, MailboxId, alteration};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::super::arguments::{Arguments, wrong};
use super::super::blob::{self, BlobId};
use super::super::call::{Answer, Call, unavailable};
use super::super::set::SetAnswer;
use super::super::span::Span;
use super::create::Filed;
use super::set::append;

pub(super) async fn import(call: &mut Call<'_>, arguments: &mut Arguments) -> Answer {
    let if_in_state = arguments.text("ifInState")?;
    let emails = arguments.object("emails")?;
    let most = call.limits.objects_in_set_max;
    if emails.len() > most {
        return Err(MethodError::new("requestTooLarge", format!("maxObjectsInSet is {most}")));
    }
    if emails.values().any(|object| !object.is_object()) {
        return Err(wrong("emails must hold objects"));
    }
    call.check_state(Kind::Email, if_in_state.as_deref()).await?;
    let mut span = Span::at(call.state().await?);
    let mailboxes = call.world.messages.mailbox_list(call.address()).await.map_err(unavailable)?;
    let known: BTreeSet<MailboxId> = mailboxes.iter().map(|mailbox| mailbox.id).collect();
    let mut answer = SetAnswer::default();
    for (creation, object) in emails {
        let made = match one(call, object, &known).await? {
            Ok(alteration) => append(call, alteration, &mut span).await?,
            Err(error) => Err(error),
        };
        answer.create(call, creation, made);
    }
    let mut answer = answer.into_answer(span.old, span.new);
    for other in ["updated", "destroyed", "notUpdated", "notDestroyed"] {
        answer.remove(other);
    }
    Ok(answer)
}

async fn one(
    call: &Call<'_>,
    object: Value,
    known: &BTreeSet<MailboxId>,
) -> Result<Result<Alteration, SetError>, MethodError> {
    let mut members = if let Value::Object(members) = object { members } else { Map::new() };
    let filed = match Filed::take(call, &mut members, known) {
        Ok(filed) => filed,
        Err(error) => return Ok(Err(error)),
    };
    let Some(Value::String(id)) = members.remove("blobId") else {
        return Ok(Err(SetError::invalid_property("blobId", "it must be a string")));
    };
    if let Some(unknown) = members.keys().next() {
        return Ok(Err(SetError::invalid_property(unknown, "there is no such property")));
    }
    let found = blob::content(call.world, call.address(), &id).await.map_err(unavailable)?;
    let Some(content) = found else {
        let error = SetError::invalid_property("blobId", "there is no such content");
        return Ok(Err(error));
    };
    if !is_message(&content) {
        return Ok(Err(SetError::new(SetErrorKind::InvalidEmail, "the content is no message")));
    }
    // What the store has already is not written a second time.
    let source = BlobId::parse(&id).and_then(|id| {
        let uploaded = id.as_upload().map(alteration::Source::Uploaded);
        uploaded.or_else(|| id.as_email().map(alteration::Source::Email))
    });
    Ok(Ok(Alteration::Append {
        mailboxes: filed.mailboxes,
        content: source.unwrap_or(alteration::Source::Bytes(content)),
        flags: filed.flags,
        received_at: filed.received_at.unwrap_or(call.now),
    }))
}

/// Whether content begins as a message does: with a field.
pub(super) fn is_message(content: &Bytes) -> bool {
    let first = mail::header::split_fields(content).next();
    let name = first.and_then(mail::header::parts).and_then(|(name, _)| std::str::from_utf8(name).ok());
    let record = digest(content);
    name.is_some_and(mail::header::is_field_name) && !Digest::read(&record).parts().is_empty()
}
