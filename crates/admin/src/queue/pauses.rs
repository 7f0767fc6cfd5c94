//! What is paused, and the actions that pause and resume.

use super::Office;
use mta::desk::Pause;
use serde_json::{Map, Value, json};

use super::got;
use super::surroundings::words;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::set_error::{SetError, SetErrorKind};

/// Characters of a name in a pause.
const NAME_CHARS_MAX: usize = 300;

fn all(api: &Office) -> Vec<(String, Value)> {
    let paused = api.world.desk.paused();
    let document = |(pause, by): (&Pause, &mta::desk::PausedBy)| {
        let (scope, name, next_hop) = match pause {
            Pause::All => ("all", None, None),
            Pause::VirtualQueue(name) => ("virtualQueue", Some(name), None),
            Pause::NextHop(name) => ("nextHop", None, Some(name)),
        };
        let id = pause.to_string();
        let value = json!({
            "id": id,
            "scope": scope,
            "name": name,
            "nextHop": next_hop,
            "what": words(pause),
            "by": by.by,
            "at": by.at.rfc3339(),
        });
        (id, value)
    };
    paused.iter().map(document).collect()
}

/// `x:Pause/get`.
pub(super) fn get(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    got(all(api), arguments)
}

/// `x:Pause/query`.
pub(super) fn query(api: &Office) -> Result<Value, MethodError> {
    let ids: Vec<_> = all(api).into_iter().map(|(id, _)| id).collect();
    Ok(
        json!({ "queryState": "0", "canCalculateChanges": false, "position": 0, "total": ids.len(), "ids": ids }),
    )
}

/// Pauses or resumes as an action of `x:Action/set` says; none if it is another kind of action.
pub(crate) async fn act(api: &Office, caller: &Caller, action: &Value) -> Option<Result<String, SetError>> {
    let kind = action.get("@type").and_then(Value::as_str)?;
    let (pauses, pause) = match kind {
        "PauseMtaQueue" => (true, Ok(Pause::All)),
        "ResumeMtaQueue" => (false, Ok(Pause::All)),
        "PauseVirtualQueue" => (true, named(action, "name").map(Pause::VirtualQueue)),
        "ResumeVirtualQueue" => (false, named(action, "name").map(Pause::VirtualQueue)),
        "PauseNextHop" => (true, named(action, "nextHop").map(Pause::NextHop)),
        "ResumeNextHop" => (false, named(action, "nextHop").map(Pause::NextHop)),
        _ => return None,
    };
    let pause = match pause {
        Ok(pause) => pause,
        Err(error) => return Some(Err(error)),
    };
    Some(change(api, caller, pauses, pause).await)
}

async fn change(api: &Office, caller: &Caller, pauses: bool, pause: Pause) -> Result<String, SetError> {
    let (desk, world) = (&api.world.desk, &api.world);
    if let (true, Pause::VirtualQueue(name)) = (pauses, &pause)
        && !api.configuration.borrow().virtual_queues.contains_key(name)
    {
        let why = format!("there is no virtual queue '{name}'");
        return Err(SetError::invalid_property("name", why));
    }
    let id = pause.to_string();
    let changed = if pauses {
        desk.pause(world, pause.clone(), &caller.name).await.map(|()| true)
    } else {
        desk.resume(world, &pause).await
    };
    changed.map_err(|why| SetError::new(SetErrorKind::ServerFail, why.to_string()))?;
    let done = if pauses { "paused" } else { "resumed" };
    tracing::warn!(target: "queue", by = caller.name, what = words(&pause), done, "an operator has changed what is paused");
    Ok(id)
}

fn named(action: &Value, property: &str) -> Result<String, SetError> {
    let name = action.get(property).and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(SetError::invalid_property(property, "it must be named"));
    }
    Ok(name.to_owned())
}
