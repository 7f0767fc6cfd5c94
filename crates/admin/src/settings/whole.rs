//! `x:Settings/apply`, `import`, `export`, `check`, `describe`: the settings as a whole.

use policy::registry::{Secrets, SetRequest};
use policy::settings::ObjectType;
use serde_json::{Map, Value, json};
use wire::jmap::Limits;

use super::arguments::{answer, proposal, text, wrong};
use super::current::Mode;
use super::draft::Draft;
use super::judge::Remark;
use super::objects::request;
use crate::access::permissions;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;
use crate::methods::Created;

/// Answers a call about the settings as a whole.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => Ok(about(api)),
        "apply" => apply(api, caller, created, &arguments).await,
        "import" => import(api, caller, &arguments).await,
        "export" => {
            let current = api.settings.current();
            Ok(json!({ "state": current.state(), "document": current.registry.to_document(Secrets::Masked) }))
        }
        "check" => check(api, &arguments).await,
        "describe" => describe(&arguments),
        _ => Err(MethodError::unknown_method(&format!("x:Settings/{verb}"))),
    }
}

/// Who rules, which revision is in force, what waits.
fn about(api: &Api) -> Value {
    let current = api.settings.current();
    let (mode, file, read_only) = match &current.mode {
        Mode::Store => ("store", None, None),
        Mode::File(path) => ("file", Some(path.display().to_string()), current.mode.refusal()),
        Mode::ReadOnly(why) => ("readOnly", None, Some(why.clone())),
    };
    let waiting = current.waiting.as_ref().map(|waiting| {
        json!({
            "revision": waiting.revision, "by": waiting.by.rfc3339(),
            "backTo": waiting.back_to, "author": waiting.author,
        })
    });
    let settings = json!({
        "id": "singleton", "mode": mode, "file": file, "readOnly": read_only, "revision": current.revision,
        "inForce": current.in_force, "waiting": waiting,
        "findings": current.remarks.iter().map(Remark::to_value).collect::<Vec<_>>(),
    });
    json!({ "state": current.state(), "list": [settings], "notFound": [] })
}

/// The parts of `changes`, each with its place.
pub(crate) fn parts(changes: Option<&Value>) -> Result<Vec<(ObjectType, SetRequest)>, MethodError> {
    let Some(Value::Array(changes)) = changes else { return Err(wrong("changes must be an array")) };
    let part = |(at, change): (usize, &Value)| {
        let name = change.get("object").and_then(Value::as_str);
        let name = name.ok_or_else(|| wrong(format!("changes.{at}: object must be the name of a type")))?;
        let kind = ObjectType::named(name)
            .ok_or_else(|| wrong(format!("changes.{at}: there are no settings of the type {name}")))?;
        let known = ["object", "create", "update", "destroy"];
        let unknown =
            change.as_object().and_then(|change| change.keys().find(|key| !known.contains(&key.as_str())));
        if let Some(unknown) = unknown {
            return Err(wrong(format!("changes.{at}: {unknown} means nothing here")));
        }
        Ok((kind, request(change)?))
    };
    let parts = changes.iter().enumerate().map(part).collect::<Result<Vec<_>, _>>()?;
    let size = |(_, part): &(_, SetRequest)| part.create.len() + part.update.len() + part.destroy.len();
    let most = Limits::default().objects_in_set_max;
    if parts.iter().map(size).sum::<usize>() > most {
        return Err(MethodError::new(
            "requestTooLarge",
            format!("at most {most} objects may change at once"),
        ));
    }
    Ok(parts)
}

async fn apply(
    api: &Api,
    caller: &Caller,
    created: &mut Created,
    arguments: &Value,
) -> Result<Value, MethodError> {
    let parts = parts(arguments.get("changes"))?;
    for (kind, _) in &parts {
        permissions::set_of(caller, kind.name())?;
    }
    let kinds: Vec<_> = parts.iter().map(|(kind, _)| *kind).collect();
    let draft = Draft::Parts { parts, created: created.clone(), whole: true };
    let proposal = proposal(caller, arguments, draft)?;
    let dry_run = proposal.dry_run;
    let outcome = api.settings.propose(proposal).await?;
    let refused = |part: &policy::registry::SetOutcome| {
        !(part.not_created.is_empty() && part.not_updated.is_empty() && part.not_destroyed.is_empty())
    };
    let any_refused = outcome.outcomes.iter().any(refused);
    if !any_refused && !dry_run {
        created.extend(outcome.created.clone());
    }
    let results = kinds.iter().zip(&outcome.outcomes).map(|(kind, part)| {
        let mut members: Map<String, Value> = part.answer();
        if any_refused {
            // One revision or none: what would have been done was not.
            members.retain(|name, _| name.starts_with("not"));
        }
        members.insert("object".to_owned(), kind.name().into());
        Value::from(members)
    });
    let results: Vec<_> = results.collect();
    let mut members = answer(&outcome, dry_run);
    members.insert("applied".to_owned(), (!any_refused).into());
    members.insert("results".to_owned(), results.into());
    Ok(members.into())
}

async fn import(api: &Api, caller: &Caller, arguments: &Value) -> Result<Value, MethodError> {
    let document = match arguments.get("document") {
        Some(Value::String(text)) => text.clone(),
        Some(document @ (Value::Object(_) | Value::Array(_))) => document.to_string(),
        _ => return Err(wrong("document must be a settings file: an object, an array, or its text")),
    };
    let proposal = proposal(caller, arguments, Draft::Document(document))?;
    let dry_run = proposal.dry_run;
    Ok(answer(&api.settings.propose(proposal).await?, dry_run).into())
}

/// What the check says about the settings that are there, or about a document.
async fn check(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let current = api.settings.current();
    let judged = match arguments.get("document") {
        None | Some(Value::Null) => api.settings.check(&current.registry).await,
        Some(document) => {
            let document = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
            match api.settings.try_out(Draft::Document(document)).await {
                Ok((_, judged)) => judged,
                Err(super::Refusal::Invalid(remarks)) => super::Judged { remarks, configuration: None },
                Err(refusal) => return Err(refusal.into()),
            }
        }
    };
    Ok(json!({
        "state": current.state(),
        "usable": judged.configuration.is_some(),
        "findings": judged.remarks.iter().map(Remark::to_value).collect::<Vec<_>>(),
    }))
}

fn describe(arguments: &Value) -> Result<Value, MethodError> {
    let types: Vec<_> = match text(arguments, "object")? {
        None => ObjectType::all().map(|kind| policy::registry::schema(kind).json()).collect(),
        Some(name) => {
            let kind = ObjectType::named(&name)
                .ok_or_else(|| wrong(format!("there are no settings of the type {name}")))?;
            vec![policy::registry::schema(kind).json()]
        }
    };
    Ok(json!({ "list": types }))
}
