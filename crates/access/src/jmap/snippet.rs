//! `SearchSnippet/get` (RFC 8621 section 5): where in messages was it found?

use std::collections::BTreeMap;

use mail::digest::{Digest, digest};
use serde_json::{Map, Value, json};
use store::messages::EmailId;
use store::search::{Snippet, snippet};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::{Answer, Call, unavailable};
use super::email::read_filter;
use super::get::too_many;

/// Answers a call about snippets.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, &mut Arguments::new(arguments)).await,
        _ => Err(MethodError::unknown_method(&format!("SearchSnippet/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let filter = read_filter(call, arguments.take("filter"))?;
    let asked = arguments.texts("emailIds")?.ok_or_else(|| wrong("emailIds is missing"))?;
    if asked.len() > call.limits.objects_in_get_max {
        return Err(too_many(call.limits.objects_in_get_max));
    }
    let meant = |id: &String| call.meant(id).unwrap_or(id).to_owned();
    let asked: Vec<String> = asked.iter().map(meant).collect();
    let ids: Vec<EmailId> = asked.iter().filter_map(|id| id.parse().ok()).collect();
    let emails = call.world.messages.emails(call.address(), &ids).await.map_err(unavailable)?;
    let there: Vec<EmailId> = emails.iter().map(|email| email.id).collect();
    let records = call.world.messages.digests(call.address(), &there).await.map_err(unavailable)?;
    let mut found: BTreeMap<String, Snippet> = BTreeMap::new();
    for (email, record) in emails.iter().zip(records) {
        let content = call.world.messages.content(call.address(), email.id).await.map_err(unavailable)?;
        let Some(content) = content else { continue };
        let record = record.filter(|record| Digest::is_current(record));
        let record = record.unwrap_or_else(|| digest(&content).into());
        let digest = Digest::read(&record).within(content.len() as u64);
        found.insert(email.id.to_string(), snippet(&filter, &content, &digest));
    }
    let mut list = Vec::new();
    let mut missing = Vec::new();
    for id in asked {
        match found.remove(&id) {
            Some(Snippet { subject, preview }) => {
                list.push(json!({ "emailId": id, "subject": subject, "preview": preview }));
            }
            None => missing.push(id),
        }
    }
    let mut answer = Map::new();
    answer.insert("list".to_owned(), list.into());
    answer.insert("notFound".to_owned(), if missing.is_empty() { Value::Null } else { json!(missing) });
    Ok(answer)
}
