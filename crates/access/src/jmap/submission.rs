//! What was sent, and what became of it? `EmailSubmission` (RFC 8621 section 7).
//!
//! A submission is written down before the message is handed to the queue, under an envelope id of its own, and completed
//! after it. Where a crash lies in between, the queue is asked for the envelope id when the account is next looked at:
//! the message is there, and the submission is completed, or it is not, as it never came there or has ended since: then
//! the submission stays and says that this is not known. So nothing is sent twice by us, and nothing that is sent lacks
//! its submission.

mod create;
mod envelope;
mod held;
mod query;
mod record;
mod status;

use mail::{Address, Timestamp};
use serde_json::{Map, Value, json};
use store::StoreError;
use store::messages::{EmailId, Kind, ThreadId};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use self::create::create;
use self::held::Turn;
use self::record::{Sent, Undo, all, id};
use super::arguments::Arguments;
use super::call::{Answer, Call};
use super::changes;
use super::get::Get;
use super::identity;
use super::records::{self, Kept, failed};
use super::set::{Set, SetAnswer, not_found};
use crate::World;

const PROPERTIES: &[&str] = &[
    "id",
    "identityId",
    "emailId",
    "threadId",
    "envelope",
    "sendAt",
    "undoStatus",
    "deliveryStatus",
    "dsnBlobIds",
    "mdnBlobIds",
];

/// Makes those final whose time has come; when the next one's comes.
pub(super) async fn ripen(world: &World, account: &Address) -> Result<Option<Timestamp>, StoreError> {
    record::ripen(world, account).await
}

/// Answers a call about submissions.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    match verb {
        "get" => get(call, arguments).await,
        "changes" => {
            all(call).await?;
            changes::changes(call, Kind::Submission, arguments, id).await
        }
        "query" => query::query(call, arguments).await,
        "queryChanges" => query::changes(call, arguments).await,
        "set" => set(call, arguments).await,
        _ => Err(MethodError::unknown_method(&format!("EmailSubmission/{verb}"))),
    }
}

async fn get(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let get = Get::read(call, &mut Arguments::new(arguments))?;
    get.check_properties(PROPERTIES)?;
    let kept = all(call).await?;
    let most = call.limits.objects_in_get_max;
    if get.ids.is_none() && kept.len() > most {
        return Err(super::get::too_many(most));
    }
    let mut objects = Vec::new();
    for sent in kept {
        if get.ids.as_ref().is_some_and(|ids| !ids.contains(&id(sent.id))) {
            continue;
        }
        let status =
            if get.wants("deliveryStatus") { status::status(call, &sent).await? } else { Value::Null };
        objects.push(shown(&sent, status));
    }
    Ok(get.answer(call.state().await?, objects))
}

fn shown(sent: &Kept<Sent>, status: Value) -> Value {
    let value = &sent.value;
    json!({
        "id": id(sent.id),
        "identityId": identity::id(value.identity),
        "emailId": EmailId(value.email).to_string(),
        "threadId": ThreadId(value.thread).to_string(),
        "envelope": value.envelope,
        "sendAt": value.send_at().rfc3339(),
        "undoStatus": value.undo.name(),
        "deliveryStatus": status,
        "dsnBlobIds": [],
        "mdnBlobIds": [],
    })
}

async fn set(call: &mut Call<'_>, arguments: Map<String, Value>) -> Answer {
    let mut arguments = Arguments::new(arguments);
    let on_update = arguments.object("onSuccessUpdateEmail")?;
    let on_destroy = arguments.texts("onSuccessDestroyEmail")?.unwrap_or_default();
    let set = Set::read(call, &mut arguments)?;
    all(call).await?;
    call.check_state(Kind::Submission, set.if_in_state.as_deref()).await?;
    let (old, mut answer) = (call.state().await?, SetAnswer::default());
    // The messages of those that came about, by creation id or id.
    let mut done: Vec<(String, EmailId)> = Vec::new();
    for (creation, object) in set.create {
        let made = create(call, &creation, object).await;
        if let Ok(sent) = &made {
            done.push((format!("#{creation}"), EmailId(sent.value.email)));
            done.push((id(sent.id), EmailId(sent.value.email)));
        }
        answer.create(call, creation, made.map(|sent| created(&sent)));
    }
    for (name, patch) in set.update {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let changed = update(call, &name, &patch).await;
        if let Ok(sent) = &changed {
            done.push((name.clone(), EmailId(sent.value.email)));
        }
        answer.update(name, changed.map(|_| Value::Null));
    }
    for name in set.destroy {
        let name = call.meant(&name).unwrap_or(&name).to_owned();
        let gone = destroy(call, &name).await;
        if let Ok(sent) = &gone {
            done.push((name.clone(), EmailId(sent.value.email)));
        }
        answer.destroy(name, gone.map(|_| ()));
    }
    let answer = answer.into_answer(old, call.state().await?);
    follow_up(call, &done, on_update, on_destroy).await;
    Ok(answer)
}

/// What a client that has made a submission does not know of it.
fn created(sent: &Kept<Sent>) -> Value {
    let all = shown(sent, status::queued(&sent.value));
    let Value::Object(members) = all else { return Value::Null };
    let said = ["identityId", "emailId"];
    members.into_iter().filter(|(name, _)| !said.contains(&name.as_str())).collect::<Map<_, _>>().into()
}

/// Takes a submission back, the only change that there is.
async fn update(call: &Call<'_>, name: &str, patch: &Value) -> Result<Kept<Sent>, SetError> {
    let _turn = Turn::take(call.address()).await;
    let mut sent = find(call, name).await?;
    for (property, given) in patch.as_object().into_iter().flatten() {
        let is_same = shown(&sent, Value::Null).get(property) == Some(given);
        match property.as_str() {
            "undoStatus" if given == "canceled" => {}
            _ if is_same => {}
            _ => return Err(SetError::invalid_property(property, "it cannot be changed")),
        }
    }
    if patch.get("undoStatus").and_then(Value::as_str) != Some("canceled")
        || sent.value.undo == Undo::Canceled
    {
        return Ok(sent);
    }
    let message = sent.value.message.filter(|_| sent.value.undo == Undo::Pending).map(mail::MessageId);
    let taken = match message {
        Some(message) => call.world.outbox.take_back(call.account, message).await,
        None => Ok(false),
    };
    if !taken.map_err(|error| failed(error.to_string()))? {
        return Err(SetError::new(SetErrorKind::CannotUnsend, "it is on its way already"));
    }
    sent.value.undo = Undo::Canceled;
    records::put(call, Kind::Submission, Some(sent.id), &sent.value).await?;
    Ok(sent)
}

/// Forgets a submission. What it sent goes on.
async fn destroy(call: &Call<'_>, name: &str) -> Result<Kept<Sent>, SetError> {
    let sent = find(call, name).await?;
    records::remove(call, Kind::Submission, sent.id).await?;
    Ok(sent)
}

async fn find(call: &Call<'_>, name: &str) -> Result<Kept<Sent>, SetError> {
    let number = store::messages::ids::numbered(name, 's').ok_or_else(not_found)?;
    let kept = all(call).await.map_err(|error| failed(error.description.unwrap_or_default()))?;
    kept.into_iter().find(|sent| sent.id == number).ok_or_else(not_found)
}

/// Changes and removes the messages of submissions that came about, by an `Email/set` of its own (section 7.5).
async fn follow_up(
    call: &mut Call<'_>,
    done: &[(String, EmailId)],
    on_update: Map<String, Value>,
    on_destroy: Vec<String>,
) {
    let email = |name: &str| done.iter().find(|(known, _)| known == name).map(|(_, email)| email.to_string());
    let update: Map<String, Value> =
        on_update.into_iter().filter_map(|(name, patch)| Some((email(&name)?, patch))).collect();
    let destroy: Vec<String> = on_destroy.iter().filter_map(|name| email(name)).collect();
    if update.is_empty() && destroy.is_empty() {
        return;
    }
    let mut arguments = Map::new();
    arguments.insert("update".to_owned(), update.into());
    arguments.insert("destroy".to_owned(), destroy.into());
    let answer = Box::pin(super::methods::call(call, "Email/set", arguments)).await;
    let account_id = call.account_id;
    let answer = answer.map(|mut members| {
        members.insert("accountId".to_owned(), account_id.into());
        members
    });
    call.further.push(("Email/set", answer));
}
