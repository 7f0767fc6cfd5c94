//! `x:QueuedMessage/set`: what a patch of a message makes of its recipients.

use super::Office;
use std::sync::Arc;

use mail::{MessageId, Timestamp};
use policy::revise::Standing;
use policy::{Edit, Expiry};
use serde_json::{Map, Value, json};
use store::{QueuedMessage, QueuedRecipient, RevisionOutcome};

use super::document::is_there;
use super::list::message_id;
use super::revise::{Wanted, revise};
use super::{OBJECTS_MAX, unavailable};
use crate::caller::Caller;
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};

/// Properties of a message that nobody can change.
const OF_MESSAGE: &[&str] = &[
    "id",
    "createdAt",
    "nextNotify",
    "returnPath",
    "receivedFromIp",
    "receivedViaPort",
    "flags",
    "size",
    "blobId",
    "envId",
    "priority",
    "authenticatedAs",
    "listener",
];
/// Properties of a recipient that nobody can change.
const OF_RECIPIENT: &[&str] =
    &["queueName", "flags", "orcpt", "nextHop", "route", "reason", "inDoubt", "cause", "why", "held"];

/// `x:QueuedMessage/set`. Our own argument `notify` says whether senders are told of what is cancelled or destroyed.
pub(super) async fn set(
    api: &Office,
    caller: &Caller,
    arguments: &Map<String, Value>,
) -> Result<Value, MethodError> {
    let notify = match arguments.get("notify") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(notify)) => *notify,
        Some(_) => return Err(MethodError::invalid_arguments("notify must be true or false")),
    };
    let members = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(MethodError::invalid_arguments(format!("{name} must be an object"))),
    };
    let (create, update) = (members("create")?, members("update")?);
    let destroy = destroyed(arguments)?;
    if create.len() + update.len() + destroy.len() > OBJECTS_MAX {
        let why = format!("{OBJECTS_MAX} messages at most; use QueueJob for more");
        return Err(MethodError::new("requestTooLarge", why));
    }
    let mut answer = Answer::default();
    for key in create.keys() {
        let error = SetError::new(SetErrorKind::Forbidden, "Queued messages cannot be created");
        answer.not_created.insert(key.clone(), error.to_value());
    }
    for (id, patch) in &update {
        if destroy.contains(id) {
            answer.not_updated.insert(id.clone(), SetError::bare(SetErrorKind::WillDestroy).to_value());
            continue;
        }
        match update_one(api, caller, id, patch, notify).await? {
            Ok(()) => drop(answer.updated.insert(id.clone(), Value::Null)),
            Err(error) => drop(answer.not_updated.insert(id.clone(), error.to_value())),
        }
    }
    for id in destroy {
        match destroy_one(api, caller, &id, notify).await? {
            Ok(()) => answer.destroyed.push(id.into()),
            Err(error) => drop(answer.not_destroyed.insert(id, error.to_value())),
        }
    }
    Ok(answer.into_value())
}

fn destroyed(arguments: &Map<String, Value>) -> Result<Vec<String>, MethodError> {
    match arguments.get("destroy") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) => {
            let texts: Option<Vec<_>> = ids.iter().map(|id| id.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| MethodError::invalid_arguments("an id must be a text"))
        }
        Some(_) => Err(MethodError::invalid_arguments("destroy must be a list")),
    }
}

#[derive(Default)]
struct Answer {
    updated: Map<String, Value>,
    destroyed: Vec<Value>,
    not_created: Map<String, Value>,
    not_updated: Map<String, Value>,
    not_destroyed: Map<String, Value>,
}

impl Answer {
    /// Empty members are left out.
    fn into_value(self) -> Value {
        let mut answer = Map::new();
        let objects = [
            ("updated", self.updated),
            ("notCreated", self.not_created),
            ("notUpdated", self.not_updated),
            ("notDestroyed", self.not_destroyed),
        ];
        for (name, members) in objects.into_iter().filter(|(_, members)| !members.is_empty()) {
            answer.insert(name.to_owned(), members.into());
        }
        if !self.destroyed.is_empty() {
            answer.insert("destroyed".to_owned(), json!(self.destroyed));
        }
        answer.into()
    }
}

type Done = Result<Result<(), SetError>, MethodError>;

async fn find(api: &Office, id: &str) -> Result<Option<QueuedMessage>, MethodError> {
    let Some(number) = message_id(id) else { return Ok(None) };
    let ids: [MessageId; 1] = [number];
    let found = api.world.store.messages(&ids).await.map_err(|why| unavailable(&why))?;
    Ok(found.into_iter().find(is_there))
}

async fn update_one(api: &Office, caller: &Caller, id: &str, patch: &Value, notify: bool) -> Done {
    let Some(message) = find(api, id).await? else { return Ok(Err(SetError::bare(SetErrorKind::NotFound))) };
    let Some(patch) = patch.as_object() else {
        return Ok(Err(SetError::new(SetErrorKind::InvalidPatch, "a patch is an object")));
    };
    let wanted = match edits(&message, patch, notify, api.world.clock.now()) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(route) = unknown_route(api, &wanted) {
        let why = format!("There is no route '{route}'");
        return Ok(Err(SetError::invalid_property("override", why)));
    }
    apply(api, caller, wanted).await
}

fn unknown_route(api: &Office, wanted: &[Wanted]) -> Option<String> {
    let configuration = Arc::clone(&api.configuration.borrow());
    let routes = wanted.iter().flat_map(|one| &one.edits).filter_map(|edit| match edit {
        Edit::Reroute(route) => Some(route),
        _ => None,
    });
    let mut unknown = routes.filter(|route| !configuration.routes.contains_key(*route));
    unknown.next().cloned()
}

async fn destroy_one(api: &Office, caller: &Caller, id: &str, notify: bool) -> Done {
    let Some(message) = find(api, id).await? else { return Ok(Err(SetError::bare(SetErrorKind::NotFound))) };
    let cancel = |queued: &QueuedRecipient| wanted(&message, queued, vec![Edit::Cancel { notify }]);
    apply(api, caller, message.pending.iter().map(cancel).collect()).await
}

async fn apply(api: &Office, caller: &Caller, wanted: Vec<Wanted>) -> Done {
    let mut refused = None;
    let mut rest = wanted;
    while !rest.is_empty() {
        let some: Vec<_> = rest.drain(..rest.len().min(policy::limits::REVISIONS_MAX)).collect();
        let names: Vec<_> = some.iter().map(|one| one.forward_path.to_string()).collect();
        let outcomes = revise(api, &caller.name, some).await.map_err(|why| unavailable(&why))?;
        for (outcome, name) in outcomes.iter().zip(names) {
            if let RevisionOutcome::Refused(why) = outcome {
                let property = format!("recipients/{}", escaped(&name));
                refused.get_or_insert_with(|| SetError::invalid_property(&property, *why));
            }
        }
    }
    Ok(refused.map_or(Ok(()), Err))
}

fn wanted(message: &QueuedMessage, queued: &QueuedRecipient, edits: Vec<Edit>) -> Wanted {
    Wanted {
        envelope: Arc::clone(&message.envelope),
        recipient: queued.recipient.id,
        forward_path: queued.recipient.forward_path.clone(),
        edits,
    }
}

/// What a patch wants of which recipient.
fn edits(
    message: &QueuedMessage,
    patch: &Map<String, Value>,
    notify: bool,
    now: Timestamp,
) -> Result<Vec<Wanted>, SetError> {
    let all = || message.pending.iter().chain(&message.ended);
    let mut edits: Vec<(&QueuedRecipient, Vec<Edit>)> = all().map(|queued| (queued, Vec::new())).collect();
    for (path, value) in patch {
        let parts: Vec<String> = path.split('/').map(unescaped).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["nextRetry"] => {
                let due = time(path, value)?;
                let open = |queued: &QueuedRecipient| queued.state.standing() == Standing::Pending;
                let open = edits.iter_mut().filter(|(queued, _)| open(queued));
                open.for_each(|(_, edits)| edits.push(Edit::Due(due)));
            }
            ["recipients", address, rest @ ..] => {
                let known = edits.iter_mut().find(|(queued, _)| is_called(queued, address));
                let Some((queued, edits)) = known else {
                    let why = format!("Recipient '{address}' does not exist");
                    return Err(SetError::invalid_property(path, why));
                };
                edits.extend(of_recipient(queued, path, rest, value, notify, now)?);
            }
            ["recipients"] => {
                let why = "Patch recipients one by one: recipients/<address>/<property>";
                return Err(SetError::new(SetErrorKind::InvalidPatch, why).at(path));
            }
            [name, ..] if OF_MESSAGE.contains(name) => {
                return Err(SetError::invalid_property(path, "Cannot modify read-only property"));
            }
            _ => return Err(SetError::invalid_property(path, "Invalid property")),
        }
    }
    let some = edits.into_iter().filter(|(_, edits)| !edits.is_empty());
    Ok(some.map(|(queued, edits)| wanted(message, queued, in_order(edits))).collect())
}

/// Whoever is revived is so before its time is set.
fn in_order(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| !matches!(edit, Edit::Revive));
    edits
}

fn is_called(queued: &QueuedRecipient, address: &str) -> bool {
    queued.recipient.forward_path.to_string().eq_ignore_ascii_case(address)
}

fn of_recipient(
    queued: &QueuedRecipient,
    path: &str,
    rest: &[&str],
    value: &Value,
    notify: bool,
    now: Timestamp,
) -> Result<Vec<Edit>, SetError> {
    match (rest, value) {
        ([], Value::Null) => Ok(vec![Edit::Cancel { notify }]),
        ([], Value::Object(members)) => {
            let each = members.iter().map(|(name, value)| property(queued, path, name, value, now));
            each.filter_map(Result::transpose).collect()
        }
        ([], _) => {
            Err(SetError::new(SetErrorKind::InvalidPatch, "a recipient is an object or null").at(path))
        }
        ([name], value) => Ok(property(queued, path, name, value, now)?.into_iter().collect()),
        (["expires", member], value) => {
            let mut expires = match queued.progress.expiry {
                Expiry::At(at) => json!({ "@type": "Ttl", "expiresAt": at.rfc3339() }),
                Expiry::Attempts(attempts) => json!({ "@type": "Attempts", "expiresAttempts": attempts }),
            };
            expires[*member] = value.clone();
            Ok(vec![Edit::Expiry(expiry(path, &expires)?)])
        }
        _ => Err(SetError::invalid_property(path, "Invalid property")),
    }
}

fn property(
    queued: &QueuedRecipient,
    path: &str,
    name: &str,
    value: &Value,
    now: Timestamp,
) -> Result<Option<Edit>, SetError> {
    let wrong = || SetError::invalid_property(path, "Invalid value for property.");
    let number = || value.as_u64().and_then(|number| u32::try_from(number).ok()).ok_or_else(wrong);
    Ok(Some(match name {
        "retryDue" => Edit::Due(time(path, value)?),
        "retryCount" => Edit::RetryCount(number()?),
        "notifyCount" => Edit::NoticeCount(number()?),
        "notifyDue" if value.is_null() => Edit::NoticeDue(None),
        "notifyDue" => Edit::NoticeDue(Some(time(path, value)?)),
        "expires" => Edit::Expiry(expiry(path, value)?),
        "override" if value.is_null() => Edit::ClearRoute,
        "override" => Edit::Reroute(value.as_str().ok_or_else(wrong)?.to_owned()),
        "status" => {
            let kind = value.get("@type").and_then(Value::as_str).ok_or_else(wrong)?;
            // Only `Scheduled` is heard; it makes what has failed tried again, and the rest tried now.
            match (kind, queued.state.standing()) {
                ("Scheduled", Standing::Failed) => Edit::Revive,
                ("Scheduled", Standing::Pending) => Edit::Due(now),
                _ => return Ok(None),
            }
        }
        name if OF_RECIPIENT.contains(&name) => {
            return Err(SetError::invalid_property(path, "Cannot modify read-only property"));
        }
        _ => return Err(SetError::invalid_property(path, "Invalid property")),
    }))
}

fn time(path: &str, value: &Value) -> Result<Timestamp, SetError> {
    let time = value.as_str().and_then(Timestamp::parse_rfc3339);
    time.ok_or_else(|| {
        SetError::invalid_property(path, "It must be a date and time such as 2026-11-24T08:45:10Z")
    })
}

fn expiry(path: &str, value: &Value) -> Result<Expiry, SetError> {
    let wrong = || SetError::invalid_property(path, "Invalid value for property.");
    match value.get("@type").and_then(Value::as_str) {
        Some("Ttl") => Ok(Expiry::At(time(path, value.get("expiresAt").unwrap_or(&Value::Null))?)),
        Some("Attempts") => {
            let attempts = value.get("expiresAttempts").and_then(Value::as_u64);
            let attempts =
                attempts.and_then(|attempts| u32::try_from(attempts).ok()).filter(|count| *count > 0);
            attempts.map(Expiry::Attempts).ok_or_else(wrong)
        }
        _ => Err(SetError::invalid_property(path, "Missing or invalid '@type' property in object")),
    }
}

/// RFC 6901 section 4.
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}
