//! What of a call is written into the audit log? Names and properties, never values: a value may be a secret.

use serde_json::{Map, Value};

use crate::error::MethodError;

/// Verbs that change nothing.
const READING: &[&str] =
    &["get", "query", "check", "complete", "diff", "export", "describe", "echo", "changes"];
/// Properties whose values say what was meant and are no secrets.
const TELLING: &[&str] =
    &["comment", "description", "reason", "action", "@type", "name", "nextHop", "number", "role", "route"];
/// Bytes of one value at most.
const VALUE_BYTES_MAX: usize = 80;

/// Whether a call of this verb changes anything, so that it belongs into the log.
pub(crate) fn changes(verb: &str, arguments: &Value) -> bool {
    !READING.contains(&verb) && arguments.get("dryRun") != Some(&Value::Bool(true))
}

/// The objects that a call is about: by id, or by the name under which they were made.
pub(crate) fn objects(object: &str, arguments: &Value, answer: Option<&Value>) -> Vec<String> {
    let mut found = Vec::new();
    set_objects(object, arguments, answer, &mut found);
    for change in arguments.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let named = change.get("object").and_then(Value::as_str).unwrap_or(object);
        set_objects(named, change, None, &mut found);
    }
    found
}

fn set_objects(object: &str, arguments: &Value, answer: Option<&Value>, found: &mut Vec<String>) {
    for creation in members(arguments, "create").keys() {
        let made = answer.and_then(|answer| answer.get("created")?.get(creation)?.get("id")?.as_str());
        found.push(format!("{object}/{}", made.map_or_else(|| format!("#{creation}"), str::to_owned)));
    }
    found.extend(members(arguments, "update").keys().map(|id| format!("{object}/{id}")));
    let gone = arguments.get("destroy").and_then(Value::as_array).into_iter().flatten();
    found.extend(gone.filter_map(Value::as_str).map(|id| format!("{object}/{id}")));
}

/// What was asked, in one line.
pub(crate) fn summary(arguments: &Value, answer: &Result<Value, MethodError>) -> String {
    let mut parts = Vec::new();
    told(arguments, &mut parts);
    for (id, created) in members(arguments, "create") {
        parts.push(format!("create {id}{}", properties(&created)));
    }
    for (id, updated) in members(arguments, "update") {
        parts.push(format!("update {id}{}", properties(&updated)));
    }
    let gone: Vec<&str> = arguments
        .get("destroy")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !gone.is_empty() {
        parts.push(format!("destroy {}", gone.join(" ")));
    }
    for change in arguments.get("changes").and_then(Value::as_array).into_iter().flatten() {
        let object = change.get("object").and_then(Value::as_str).unwrap_or("?");
        parts.push(format!("{object}: {}", summary(change, &Ok(Value::Null))));
    }
    match answer {
        Err(error) => parts.push(format!("{}: {}", error.kind, error.description.as_deref().unwrap_or(""))),
        Ok(answer) => refused(answer, &mut parts),
    }
    parts.join("; ")
}

/// `done`, `refused`, `failed` or `partly`.
pub(crate) fn outcome(answer: &Result<Value, MethodError>) -> &'static str {
    match answer {
        Err(error) if matches!(error.kind, "serverFail" | "serverUnavailable" | "serverPartialFail") => {
            "failed"
        }
        Err(_) => "refused",
        Ok(answer) => {
            let none = |kind: &str| members(answer, kind).is_empty();
            let refused = !["notCreated", "notUpdated", "notDestroyed"].into_iter().all(none);
            let gone = answer.get("destroyed").and_then(Value::as_array).is_some_and(|gone| !gone.is_empty());
            let done = !none("created") || !none("updated") || gone;
            match (refused, done) {
                (true, true) => "partly",
                (true, false) => "refused",
                (false, _) => "done",
            }
        }
    }
}

fn refused(answer: &Value, parts: &mut Vec<String>) {
    for kind in ["notCreated", "notUpdated", "notDestroyed"] {
        for (id, error) in members(answer, kind) {
            let named = error.get("type").and_then(Value::as_str).unwrap_or("error");
            parts.push(format!("not {id}: {named}"));
        }
    }
    for member in ["created", "updated"] {
        for (_, made) in members(answer, member) {
            if let Some(number) = made.get("revision").and_then(Value::as_u64) {
                parts.push(format!("revision {number}"));
            }
        }
    }
}

fn members(value: &Value, member: &str) -> Map<String, Value> {
    value.get(member).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn told(value: &Value, parts: &mut Vec<String>) {
    for name in TELLING {
        if let Some(text) = value.get(*name).and_then(plain) {
            parts.push(format!("{name} {text}"));
        }
    }
}

/// The properties that are set, with the values of those that tell what is meant.
fn properties(of: &Value) -> String {
    let Some(members) = of.as_object() else { return String::new() };
    let shown = members.iter().take(20).map(|(name, value)| match plain(value) {
        Some(text) if TELLING.contains(&name.as_str()) => format!("{name}={text}"),
        Some(_) | None => name.clone(),
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    format!(" ({})", shown.join(", "))
}

fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.chars().take(VALUE_BYTES_MAX).collect(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reading_and_trying_leave_no_trace() {
        assert!(!changes("get", &json!({})));
        assert!(!changes("set", &json!({ "dryRun": true })));
        assert!(changes("set", &json!({ "dryRun": false })));
        assert!(changes("novelty", &json!({})));
    }

    // proves: L6
    #[test]
    fn a_value_is_never_written_unless_it_says_what_is_meant() {
        let arguments = json!({
            "create": { "r": { "@type": "Relay", "name": "smarthost", "authSecret": { "secret": "hush" } } },
            "update": { "b": { "authSecret/secret": "hush", "port": 25 } },
            "destroy": ["c"],
            "comment": "new relay",
        });
        let answer =
            json!({ "created": { "r": { "id": "e" } }, "notUpdated": { "b": { "type": "forbidden" } } });
        assert_eq!(
            objects("MtaRoute", &arguments, Some(&answer)),
            ["MtaRoute/e", "MtaRoute/b", "MtaRoute/c"]
        );
        let line = summary(&arguments, &Ok(answer.clone()));
        assert_eq!(
            line,
            "comment new relay; create r (@type=Relay, authSecret, name=smarthost); \
             update b (authSecret/secret, port); destroy c; not b: forbidden"
        );
        assert_eq!(outcome(&Ok(answer)), "partly");
        assert_eq!(outcome(&Err(MethodError::forbidden("no"))), "refused");
        assert_eq!(outcome(&Ok(json!({ "list": [] }))), "done");
    }

    #[test]
    fn a_change_of_several_objects_names_them_all() {
        let arguments = json!({ "changes": [
            { "object": "MtaRoute", "update": { "b": { "port": 587 } } },
            { "object": "MtaVirtualQueue", "create": { "q": { "name": "slow" } } },
        ]});
        assert_eq!(objects("Settings", &arguments, None), ["MtaRoute/b", "MtaVirtualQueue/#q"]);
        let line = summary(&arguments, &Ok(json!({})));
        assert_eq!(line, "MtaRoute: update b (port); MtaVirtualQueue: create q (name=slow)");
    }
}
