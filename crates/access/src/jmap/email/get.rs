//! `Email/get` (RFC 8621 section 4.2).

use std::collections::BTreeMap;

use bytes::Bytes;
use mail::digest::{Digest, digest};
use serde_json::{Map, Value};
use store::messages::{Email, EmailId, Filter, Query};
use wire::jmap::MethodError;

use super::super::arguments::Arguments;
use super::super::blob::BlobId;
use super::super::call::{Answer, Call, unavailable};
use super::super::get::{self, Get};
use super::properties::Shown;
use super::view::{Message, of_store};

/// Messages that are read from the store at once.
const BATCH: usize = 256;

pub(super) async fn get(call: &mut Call<'_>, arguments: &mut Arguments) -> Answer {
    let shown = Shown::read(arguments, false)?;
    let get = Get::read(call, arguments)?;
    let state = call.state().await?;
    let asked = match get.ids {
        Some(ids) => ids,
        None => all(call).await?,
    };
    let ids: Vec<EmailId> = asked.iter().filter_map(|id| id.parse().ok()).collect();
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let mut left = call.values_left;
    for batch in ids.chunks(BATCH) {
        let emails = call.world.messages.emails(call.address(), batch).await.map_err(unavailable)?;
        for (email, object) in emails.iter().zip(objects(call, &emails, &shown, &mut left).await?) {
            if let Some(object) = object {
                found.insert(email.id.to_string(), object);
            }
        }
    }
    call.values_left = left;
    let mut list = Vec::with_capacity(found.len());
    let mut missing = Vec::new();
    for id in asked {
        match found.remove(&id) {
            Some(object) => list.push(object),
            None => missing.push(id),
        }
    }
    Ok(get::answer(state, list, missing))
}

/// The ids of all messages, if they are not too many.
async fn all(call: &Call<'_>) -> Result<Vec<String>, MethodError> {
    let most = call.limits.objects_in_get_max;
    let state = call.world.messages.open(call.address(), call.now).await.map_err(unavailable)?;
    if state.emails > most as u64 {
        return Err(get::too_many(most));
    }
    let query = Query {
        mailbox: None,
        filter: Filter::And(Vec::new()),
        sort: Vec::new(),
        collapse_threads: false,
        limit: Some(most),
    };
    let found = call.world.messages.search(call.address(), &query).await.map_err(unavailable)?;
    Ok(found.hits.iter().map(|(id, ..)| id.to_string()).collect())
}

/// Messages as objects; none for one that has gone meanwhile.
async fn objects(
    call: &Call<'_>,
    emails: &[Email],
    shown: &Shown,
    left: &mut usize,
) -> Result<Vec<Option<Value>>, MethodError> {
    let ids: Vec<EmailId> = emails.iter().map(|email| email.id).collect();
    let records = match shown.needs_digest() {
        true => call.world.messages.digests(call.address(), &ids).await.map_err(unavailable)?,
        false => vec![None; ids.len()],
    };
    let mut objects = Vec::with_capacity(emails.len());
    for (email, record) in emails.iter().zip(records) {
        let mut object = Map::new();
        of_store(email, shown, &mut object);
        if !shown.needs_digest() {
            objects.push(Some(object.into()));
            continue;
        }
        let record = record.filter(|record| Digest::is_current(record));
        let content = match shown.needs_content() || record.is_none() {
            true => call.world.messages.content(call.address(), email.id).await.map_err(unavailable)?,
            false => Some(Bytes::new()),
        };
        objects.push(content.map(|content| {
            let (blob, record) = (BlobId::email(email.id), record.unwrap_or_else(|| digest(&content).into()));
            let digest = Digest::read(&record).within(email.size);
            Message { blob: &blob, digest, content: &content }.show(shown, left, &mut object);
            object.into()
        }));
    }
    Ok(objects)
}
