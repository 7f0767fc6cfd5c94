//! Conversations (RFC 8621 section 3).

use serde_json::{Map, Value, json};
use store::messages::{EmailId, Kind, ThreadId};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::{Answer, Call, unavailable};
use super::changes;
use super::get::Get;

/// Answers a call about conversations.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, &mut Arguments::new(arguments)).await,
        "changes" => changes::changes(call, Kind::Thread, arguments, |id| ThreadId(id).to_string()).await,
        _ => Err(MethodError::unknown_method(&format!("Thread/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let get = Get::read(call, arguments)?;
    get.check_properties(&["id", "emailIds"])?;
    let asked = get.ids.as_ref().ok_or_else(|| wrong("ids must be given: conversations are too many"))?;
    let ids: Vec<ThreadId> = asked.iter().filter_map(|id| id.parse().ok()).collect();
    let state = call.state().await?;
    let threads = call.world.messages.threads(call.address(), &ids).await.map_err(unavailable)?;
    let shown = |(id, emails): (ThreadId, Vec<EmailId>)| {
        let emails: Vec<_> = emails.iter().map(EmailId::to_string).collect();
        json!({ "id": id.to_string(), "emailIds": emails })
    };
    // One without messages is none.
    let found = threads.into_iter().filter(|(_, emails)| !emails.is_empty());
    Ok(get.answer(state, found.map(shown).collect()))
}
