//! What is in the queue, and what may be done to it: messages, causes, jobs, pauses, next hops.

mod causes;
mod content;
mod document;
mod filter;
mod hops;
mod jobs;
mod list;
mod patch;
mod pauses;
mod revise;
mod surroundings;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::Arc;

use mta::World;
use policy::Configuration;
use serde_json::{Map, Value, json};
use store::Content;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use jobs::Jobs;
pub(crate) use waiting::Waiting;

use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::set_error::SetError;

/// Messages or jobs that one `/get` gives and one `/set` changes.
const OBJECTS_MAX: usize = 500;

/// What the methods work on.
#[derive(Clone)]
pub(crate) struct Office {
    world: World,
    configuration: watch::Receiver<Arc<Configuration>>,
    jobs: Jobs,
    tasks: TaskTracker,
}

impl Office {
    fn of(api: &Api) -> Self {
        let Api { world, configuration, jobs, tasks, .. } = api.clone();
        Office { world, configuration, jobs, tasks }
    }
}

/// Answers a method about the queue.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    object: &str,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    answer(&Office::of(api), caller, object, verb, arguments).await
}

/// The content of a queued message; none if there is no such message in the queue.
pub(crate) async fn content(api: &Api, blob: &str) -> Result<Option<Content>, MethodError> {
    content::content(&Office::of(api), blob).await
}

/// How much waits now, or did a moment ago.
pub(crate) async fn waiting(api: &Api) -> Result<Waiting, store::StoreError> {
    causes::waiting(&Office::of(api)).await
}

/// Pauses or resumes as an action of `x:Action/set` says; none if it is another kind of action.
pub(crate) async fn act(api: &Api, caller: &Caller, action: &Value) -> Option<Result<String, SetError>> {
    api.jobs.forget();
    pauses::act(&Office::of(api), caller, action).await
}

async fn answer(
    api: &Office,
    caller: &Caller,
    object: &str,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    let arguments = match arguments {
        Value::Object(arguments) => arguments,
        Value::Null => Map::new(),
        _ => return Err(MethodError::invalid_arguments("the arguments are no object")),
    };
    if verb == "set" {
        api.jobs.forget();
    }
    match (object, verb) {
        ("QueuedMessage", "get") => document::get(api, &arguments).await,
        ("QueuedMessage", "query") => list::query(api, &arguments).await,
        ("QueuedMessage", "set") => patch::set(api, caller, &arguments).await,
        ("QueueCause", "get") => causes::get(api, &arguments).await,
        ("QueueCause", "query") => causes::query(api, &arguments).await,
        ("QueueJob", "get") => jobs::get(api, &arguments).await,
        ("QueueJob", "query") => jobs::query(api).await,
        ("QueueJob", "set") => jobs::set(api, caller, &arguments).await,
        ("Pause", "get") => pauses::get(api, &arguments),
        ("Pause", "query") => pauses::query(api),
        ("NextHop", "get") => hops::get(api, &arguments).await,
        ("NextHop", "query") => hops::query(api).await,
        _ => Err(MethodError::unknown_method(&format!("{object}/{verb}"))),
    }
}

/// The store could not.
fn unavailable(why: &store::StoreError) -> MethodError {
    MethodError::new("serverUnavailable", why.to_string())
}

/// The ids that were asked for; none for all.
fn ids(arguments: &Map<String, Value>) -> Result<Option<Vec<String>>, MethodError> {
    let ids = match arguments.get("ids") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(ids)) => ids,
        Some(_) => return Err(MethodError::invalid_arguments("ids must be a list or null")),
    };
    if ids.len() > OBJECTS_MAX {
        return Err(MethodError::new("requestTooLarge", format!("{OBJECTS_MAX} ids at most")));
    }
    let text = |id: &Value| id.as_str().map(str::to_owned);
    let texts: Option<Vec<_>> = ids.iter().map(text).collect();
    texts.map(Some).ok_or_else(|| MethodError::invalid_arguments("an id must be a text"))
}

/// Leaves of an object what was asked for.
fn only(object: Value, arguments: &Map<String, Value>) -> Value {
    let (Some(wanted), Value::Object(members)) =
        (arguments.get("properties").and_then(Value::as_array), &object)
    else {
        return object;
    };
    let is_wanted = |name: &str| name == "id" || wanted.iter().any(|one| one.as_str() == Some(name));
    members
        .iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The answer of a `/get`: those that were asked for of all that are there.
fn got(all: Vec<(String, Value)>, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    let Some(ids) = ids(arguments)? else {
        let list: Vec<_> =
            all.into_iter().take(OBJECTS_MAX).map(|(_, value)| only(value, arguments)).collect();
        return Ok(json!({ "list": list, "notFound": [] }));
    };
    let (mut list, mut not_found) = (Vec::new(), Vec::new());
    for id in ids {
        match all.iter().find(|(known, _)| *known == id) {
            Some((_, value)) => list.push(only(value.clone(), arguments)),
            None => not_found.push(id),
        }
    }
    Ok(json!({ "list": list, "notFound": not_found }))
}
