//! `x:Revision/get`, `query`, `diff`, `restore`, `confirm`: what was, what is different, and how to go back.

use std::collections::BTreeSet;

use policy::registry::Registry;
use serde_json::{Value, json};

use super::arguments::{answer, number, proposal, wrong};
use super::draft::Draft;
use super::handle::Refusal;
use super::objects::strings;
use super::revision::Revision;
use crate::access::permissions;
use crate::api::Api;
use crate::caller::Caller;
use crate::error::MethodError;

/// Revisions in one answer.
const LIMIT_MAX: usize = 500;

/// Answers a call about revisions.
pub(crate) async fn call(
    api: &Api,
    caller: &Caller,
    verb: &str,
    arguments: Value,
) -> Result<Value, MethodError> {
    match verb {
        "get" => get(api, &arguments).await,
        "query" => query(api, &arguments).await,
        "diff" => diff(api, &arguments).await,
        "restore" => restore(api, caller, &arguments).await,
        "confirm" => {
            let number = needed(&arguments, "number")?;
            let current = api.settings.confirm(number).await?;
            Ok(json!({ "state": current.state(), "confirmed": number }))
        }
        _ => Err(MethodError::unknown_method(&format!("x:Revision/{verb}"))),
    }
}

async fn get(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let ids = strings(arguments, "ids")?;
    let current = api.settings.current();
    let waiting = current.waiting.as_ref();
    let revisions = api.settings.revisions().await?;
    let shown = |revision: &Revision| revision.to_value(waiting);
    let (list, not_found): (Vec<Value>, Vec<String>) = match ids {
        None => (revisions.iter().rev().take(LIMIT_MAX).map(shown).collect(), Vec::new()),
        Some(ids) => {
            let wanted: BTreeSet<_> = ids.iter().map(String::as_str).collect();
            let is_wanted = |revision: &&Revision| wanted.contains(revision.number.to_string().as_str());
            let found: Vec<_> = revisions.iter().filter(is_wanted).collect();
            let known: BTreeSet<_> = found.iter().map(|revision| revision.number.to_string()).collect();
            let missing = ids.iter().filter(|id| !known.contains(*id)).cloned().collect();
            (found.into_iter().map(shown).collect(), missing)
        }
    };
    Ok(json!({ "state": current.state(), "list": list, "notFound": not_found }))
}

/// The youngest first.
async fn query(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let whole = |name: &str, default: i64| match arguments.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_i64().ok_or_else(|| wrong(format!("{name} must be a whole number"))),
    };
    let (position, limit) = (whole("position", 0)?, whole("limit", LIMIT_MAX as i64)?);
    let limit = usize::try_from(limit).map_err(|_| wrong("limit must not be negative"))?.min(LIMIT_MAX);
    let author = arguments.get("filter").and_then(|filter| filter.get("author")).and_then(Value::as_str);
    let current = api.settings.current();
    let revisions = api.settings.revisions().await?;
    let matching: Vec<_> = revisions
        .iter()
        .rev()
        .filter(|revision| author.is_none_or(|author| revision.author == author))
        .collect();
    let from = match usize::try_from(position) {
        Ok(position) => position.min(matching.len()),
        Err(_) => {
            matching.len().saturating_sub(usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    let ids: Vec<_> =
        matching[from..].iter().take(limit).map(|revision| revision.number.to_string()).collect();
    Ok(json!({
        "queryState": current.state(), "canCalculateChanges": false,
        "position": from, "ids": ids, "total": matching.len(),
    }))
}

/// What is different between two revisions; `to` is the present unless said, `from` the one before.
async fn diff(api: &Api, arguments: &Value) -> Result<Value, MethodError> {
    let current = api.settings.current();
    let to = number(arguments, "to")?.unwrap_or(current.revision);
    let from = number(arguments, "from")?.unwrap_or(to.saturating_sub(1));
    let (before, after) = (api.settings.registry_at(from).await?, api.settings.registry_at(to).await?);
    Ok(json!({ "from": from, "to": to, "differences": before.diff(&after) }))
}

async fn restore(api: &Api, caller: &Caller, arguments: &Value) -> Result<Value, MethodError> {
    let number = needed(arguments, "number")?;
    let current = api.settings.current();
    let registry = api.settings.registry_at(number).await?;
    may_become(caller, &current.registry, &registry)?;
    let mut proposal = proposal(caller, arguments, Draft::Registry(Box::new(registry)))?;
    // What was asked about is what is changed: otherwise somebody else's change would be taken back unasked.
    let expected = proposal.if_in_state.get_or_insert_with(|| current.state());
    if *expected != current.state() {
        return Err(Refusal::StateMismatch { expected: expected.clone(), now: current.state() }.into());
    }
    proposal.restores = Some(number);
    let dry_run = proposal.dry_run;
    let outcome = api.settings.propose(proposal).await?;
    let mut members = answer(&outcome, dry_run);
    members.insert("restored".to_owned(), number.into());
    Ok(members.into())
}

/// Asks for every object that is changed; the differences that are shown may be cut short.
fn may_become(caller: &Caller, before: &Registry, after: &Registry) -> Result<(), MethodError> {
    before.changes(after).iter().try_for_each(|change| permissions::set_of(caller, change.kind.name()))
}

fn needed(arguments: &Value, name: &str) -> Result<u64, MethodError> {
    number(arguments, name)?.ok_or_else(|| wrong(format!("{name} must be the number of a revision")))
}

#[cfg(test)]
mod tests {
    use policy::registry::{CreationIds, SetRequest};
    use policy::settings::ObjectType;

    use super::*;
    use crate::caller::Role;

    fn with(registry: &Registry, kind: ObjectType, arguments: &Value) -> Registry {
        let request = SetRequest::from_arguments(arguments).unwrap();
        let hash = |password: &str| format!("$argon2id${}", password.len());
        registry.clone().apply(&[(kind, &request)], &mut CreationIds::new(), &hash).0
    }

    // proves: L9
    #[test]
    fn a_restore_asks_for_objects_that_the_shown_differences_leave_out() {
        let router = Caller::new("alice", Role::Router);
        let before = Registry::fresh();
        let domains: serde_json::Map<_, _> =
            (0..2000).map(|n| (format!("d{n}"), json!({ "name": format!("d{n}.example") }))).collect();
        let after = with(&before, ObjectType::Domain, &json!({ "create": domains }));
        assert!(may_become(&router, &before, &after).is_ok());
        let account = json!({ "create": { "a": { "name": "ann@d0.example" } } });
        let after = with(&after, ObjectType::Account, &account);
        assert_eq!(before.changes(&after).len(), 2001);
        assert!(before.diff(&after).iter().all(|difference| difference.object != "Account"));
        assert!(may_become(&router, &before, &after).is_err());
        assert!(may_become(&Caller::new("root", Role::Admin), &before, &after).is_ok());
    }
}
