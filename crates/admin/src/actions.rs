//! `x:Action/set`: what is done once, at a word: read again, forget, pause.

use mta::world::Forget;
use serde_json::{Map, Value, json};

use crate::access::permissions;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::queue;
use crate::set_error::{SetError, SetErrorKind};
use crate::settings::{Refusal, Remark};

/// Actions in one call.
const ACTIONS_MAX: usize = 50;

/// Answers a call about actions. They are not kept: there is nothing to get.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => {
            let ids = arguments.get("ids").and_then(Value::as_array).cloned().unwrap_or_default();
            Ok(json!({ "list": [], "notFound": ids }))
        }
        "set" => set(api, caller, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("x:Action/{verb}"))),
    }
}

async fn set(api: &Api, caller: &Caller, arguments: &Value) -> Result<Value, MethodError> {
    let create = match arguments.get("create") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(create)) => create.clone(),
        Some(_) => return Err(MethodError::invalid_arguments("create must be an object")),
    };
    if create.len() > ACTIONS_MAX {
        return Err(MethodError::new("requestTooLarge", format!("at most {ACTIONS_MAX} actions at once")));
    }
    let mut answer = Map::new();
    let mut put = |list: &str, key: &str, value: Value| {
        let members = answer.entry(list).or_insert_with(|| json!({}));
        members[key] = value;
    };
    for (key, action) in &create {
        match act(api, caller, action).await {
            Ok(id) => put("created", key, json!({ "id": id })),
            Err(error) => put("notCreated", key, error.to_value()),
        }
    }
    let gone = || SetError::new(SetErrorKind::NotFound, "actions are done and not kept").to_value();
    for id in arguments.get("update").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        put("notUpdated", id, gone());
    }
    for id in
        arguments.get("destroy").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        put("notDestroyed", id, gone());
    }
    Ok(answer.into())
}

/// Does one action; its id says what was done.
async fn act(api: &Api, caller: &Caller, action: &Value) -> Result<String, SetError> {
    let missing = || SetError::invalid_property("@type", "Missing or invalid '@type' property in object");
    let kind = action.get("@type").and_then(Value::as_str).ok_or_else(missing)?;
    permissions::action(caller, kind)
        .map_err(|refusal| SetError::new(SetErrorKind::Forbidden, refusal.description.unwrap_or_default()))?;
    if let Some(done) = queue::act(api, caller, action).await {
        return done;
    }
    match kind {
        "ReloadSettings" => {
            let current = api.settings.reload().await.map_err(|refusal| unusable(&refusal))?;
            Ok(format!("reload-{}", current.revision))
        }
        "ReloadTlsCertificates" => {
            let reloaded = api.settings.machine().reload_certificates();
            reloaded
                .map(|()| kind.to_owned())
                .map_err(|why| SetError::new(SetErrorKind::ValidationFailed, why))
        }
        "ReloadLookupStores" => {
            api.settings.machine().reload_lookup_stores();
            Ok(kind.to_owned())
        }
        "InvalidateCaches" => {
            api.settings.machine().forget(Forget::All);
            Ok(kind.to_owned())
        }
        "InvalidateNegativeCaches" => {
            api.settings.machine().forget(Forget::Negative);
            Ok(kind.to_owned())
        }
        _ => match crate::queue::act(api, caller, action).await {
            Some(done) => done,
            None => Err(SetError::invalid_property("@type", format!("there is no action {kind}"))),
        },
    }
}

/// Everything that the check found: the old configuration stays.
fn unusable(refusal: &Refusal) -> SetError {
    let error = SetError::new(SetErrorKind::ValidationFailed, refusal.to_string());
    match refusal {
        Refusal::Invalid(remarks) => {
            error.with("findings", remarks.iter().map(Remark::to_value).collect::<Vec<_>>())
        }
        _ => error,
    }
}
