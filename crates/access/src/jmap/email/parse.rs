//! `Email/parse` (RFC 8621 section 4.9): content is shown as a message without becoming one.

use mail::digest::{Digest, digest};
use serde_json::{Map, Value, json};

use super::super::arguments::{Arguments, wrong};
use super::super::blob::{self, BlobId};
use super::super::call::{Answer, Call, unavailable};
use super::super::get::too_many;
use super::import::is_message;
use super::properties::{OF_STORE, Shown};
use super::view::Message;

pub(super) async fn parse(call: &mut Call<'_>, arguments: &mut Arguments) -> Answer {
    let ids = arguments.texts("blobIds")?.ok_or_else(|| wrong("blobIds is missing"))?;
    if ids.len() > call.limits.objects_in_get_max {
        return Err(too_many(call.limits.objects_in_get_max));
    }
    let shown = Shown::read(arguments, true)?;
    let mut parsed = Map::new();
    let (mut missing, mut no_messages) = (Vec::new(), Vec::new());
    let mut left = call.values_left;
    for id in ids {
        let id = call.meant(&id).unwrap_or(&id).to_owned();
        let found = blob::content(call.world, call.address(), &id).await.map_err(unavailable)?;
        let (Some(content), Some(blob)) = (found, BlobId::parse(&id)) else {
            missing.push(id);
            continue;
        };
        if !is_message(&content) {
            no_messages.push(id);
            continue;
        }
        let record = digest(&content);
        let mut object = Map::new();
        // It belongs to no account: the store knows nothing of it (RFC 8621 section 4.9).
        for name in OF_STORE.iter().filter(|name| shown.email.has(name)) {
            let value = match *name {
                "blobId" => json!(id),
                "size" => json!(content.len()),
                _ => Value::Null,
            };
            object.insert((*name).to_owned(), value);
        }
        let message = Message { blob: &blob, digest: Digest::read(&record), content: &content };
        message.show(&shown, &mut left, &mut object);
        parsed.insert(id, object.into());
    }
    call.values_left = left;
    let list = |ids: Vec<String>| if ids.is_empty() { Value::Null } else { json!(ids) };
    let mut answer = Map::new();
    answer.insert("parsed".to_owned(), if parsed.is_empty() { Value::Null } else { parsed.into() });
    answer.insert("notParsable".to_owned(), list(no_messages));
    answer.insert("notFound".to_owned(), list(missing));
    Ok(answer)
}
