//! `x:Type/get`, `/set` and `/query` of every settings type.

use policy::registry::{Query, SetRequest};
use policy::settings::ObjectType;
use serde_json::{Map, Value, json};
use wire::jmap::Limits;

use super::arguments::{answer, proposal, wrong};
use super::draft::Draft;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::methods::Created;

/// Answers a call about a settings object.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    kind: ObjectType,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => get(api, kind, &arguments),
        "query" if !kind.is_singleton() => query(api, kind, &arguments),
        "set" => set(api, caller, created, kind, &arguments).await,
        _ => Err(MethodError::unknown_method(&format!("x:{kind}/{verb}"))),
    }
}

fn get(api: &Api, kind: ObjectType, arguments: &Value) -> Result<Value, MethodError> {
    let current = api.settings.current();
    let most = Limits::default().objects_in_get_max;
    let ids = match strings(arguments, "ids")? {
        Some(ids) if ids.len() > most => {
            return Err(MethodError::new("requestTooLarge", format!("a get gives {most} objects at most")));
        }
        Some(ids) => ids,
        None => current.registry.ids(kind).iter().take(most).map(ToString::to_string).collect(),
    };
    let properties = strings(arguments, "properties")?;
    let (mut list, mut not_found, mut seen) = (Vec::new(), Vec::new(), std::collections::BTreeSet::new());
    for id in ids {
        // RFC 8620 section 5.1: each object once.
        if !seen.insert(id.clone()) {
            continue;
        }
        match current.registry.get(kind, &id, properties.as_deref()) {
            Some(document) => list.push(Value::from(document)),
            None => not_found.push(id),
        }
    }
    Ok(json!({ "state": current.state(), "list": list, "notFound": not_found }))
}

fn query(api: &Api, kind: ObjectType, arguments: &Value) -> Result<Value, MethodError> {
    let current = api.settings.current();
    let unanswerable =
        |error: policy::registry::Unanswerable| MethodError::new(error.kind, error.description);
    let query = Query::from_arguments(arguments).map_err(unanswerable)?;
    let found = current.registry.query(kind, &query).map_err(unanswerable)?;
    let ids: Vec<_> = found.ids.iter().map(ToString::to_string).collect();
    let mut answer = json!({
        "queryState": current.state(), "canCalculateChanges": false, "position": found.position, "ids": ids,
    });
    if let Some(total) = found.total {
        answer["total"] = total.into();
    }
    Ok(answer)
}

async fn set(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    kind: ObjectType,
    arguments: &Value,
) -> Result<Value, MethodError> {
    let request = request(arguments)?;
    let draft = Draft::Parts { parts: vec![(kind, request)], created: created.clone(), whole: false };
    let proposal = proposal(caller, arguments, draft)?;
    let dry_run = proposal.dry_run;
    let outcome = api.settings.propose(proposal).await?;
    let mut members: Map<String, Value> = answer(&outcome, dry_run);
    if let Some(part) = outcome.outcomes.first() {
        members.extend(part.answer());
    }
    Ok(members.into())
}

/// The arguments of a set, if it is no larger than it may be.
pub(super) fn request(arguments: &Value) -> Result<SetRequest, MethodError> {
    let request = SetRequest::from_arguments(arguments)
        .map_err(|error| MethodError::new(error.kind, error.description))?;
    let most = Limits::default().objects_in_set_max;
    if request.create.len() + request.update.len() + request.destroy.len() > most {
        return Err(MethodError::new("requestTooLarge", format!("a set changes {most} objects at most")));
    }
    Ok(request)
}

pub(super) fn strings(arguments: &Value, name: &str) -> Result<Option<Vec<String>>, MethodError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(text).collect::<Option<Vec<_>>>();
            texts.map(Some).ok_or_else(|| wrong(format!("{name} must be an array of strings")))
        }
        Some(_) => Err(wrong(format!("{name} must be an array of strings"))),
    }
}
