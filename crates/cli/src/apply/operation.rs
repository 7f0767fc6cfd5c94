//! What does a line of a declarative file ask for? Every line is read before anything is done.

use serde_json::{Map, Value};

use crate::schema::{Schema, Type};

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verb {
    /// Makes objects, or changes those that are there.
    Upsert,
    /// The same, and takes away what is there and not named.
    Reconcile,
    /// Makes objects.
    Create,
    /// Changes one object.
    Update,
    /// Takes objects away.
    Destroy,
}

/// Which properties make an object the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum MatchOn {
    /// These.
    Properties(Vec<String>),
    /// All that are no secrets.
    Everything,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Where it stands, from 1.
    pub(crate) line: usize,
    pub(crate) verb: Verb,
    pub(crate) kind: Type,
    /// Bodies by label; for an update the patch, for a destruction the filter.
    pub(crate) value: Map<String, Value>,
    /// The object of an update.
    pub(crate) id: Option<String>,
    pub(crate) match_on: Option<MatchOn>,
    /// Which slice of the type this operation owns.
    pub(crate) scope: Map<String, Value>,
}

/// Reads all lines; or says what is wrong with each that is.
pub(crate) fn operations(text: &str, schema: &Schema) -> Result<Vec<Operation>, Vec<String>> {
    let (mut operations, mut wrong) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match operation(line, i + 1, schema) {
            Ok(operation) => operations.push(operation),
            Err(why) => wrong.push(format!("line {}: {why}", i + 1)),
        }
    }
    if operations.is_empty() && wrong.is_empty() {
        wrong.push("there is no operation in it".to_owned());
    }
    if wrong.is_empty() { Ok(operations) } else { Err(wrong) }
}

fn operation(line: &str, number: usize, schema: &Schema) -> Result<Operation, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("this is no JSON: {error}"))?;
    let Value::Object(members) = value else { return Err("it is no JSON object".to_owned()) };
    let word = members.get("@type").and_then(Value::as_str).ok_or("it has no `@type`, such as \"upsert\"")?;
    let (verb, keys): (Verb, &[&str]) = match word {
        "upsert" => (Verb::Upsert, &["value", "matchOn", "scope"]),
        "reconcile" => (Verb::Reconcile, &["value", "matchOn", "scope"]),
        "create" => (Verb::Create, &["value"]),
        "update" => (Verb::Update, &["value", "id"]),
        "destroy" => (Verb::Destroy, &["value"]),
        other => {
            return Err(format!("`{other}` is no operation: upsert, reconcile, create, update or destroy"));
        }
    };
    // A misspelt `scope` must not widen what is taken away.
    if let Some(other) = members
        .keys()
        .find(|key| !["@type", "object"].contains(&key.as_str()) && !keys.contains(&key.as_str()))
    {
        return Err(format!("unknown key `{other}`; {word} takes object, {}", keys.join(", ")));
    }
    let object = members.get("object").and_then(Value::as_str).ok_or("it does not say `object`, the type")?;
    let kind = schema
        .exact(object)
        .cloned()
        .ok_or_else(|| format!("there is no type of settings named `{object}`"))?;
    let operation = Operation {
        line: number,
        verb,
        value: value_of(verb, members.get("value"))?,
        id: id_of(verb, members.get("id"), &kind)?,
        match_on: members.get("matchOn").map(|value| match_on(value, &kind)).transpose()?,
        scope: members.get("scope").map(|value| scope(value, &kind)).transpose()?.unwrap_or_default(),
        kind,
    };
    checked(operation)
}

fn value_of(verb: Verb, value: Option<&Value>) -> Result<Map<String, Value>, String> {
    let members = match value {
        Some(Value::Object(members)) => members.clone(),
        None | Some(Value::Null) if verb == Verb::Destroy => return Ok(Map::new()),
        None => return Err("it has no `value`".to_owned()),
        Some(_) => return Err("its `value` is no object".to_owned()),
    };
    if matches!(verb, Verb::Upsert | Verb::Create | Verb::Reconcile) {
        if let Some((label, _)) = members.iter().find(|(_, body)| !body.is_object()) {
            return Err(format!("`{label}` in its `value` is no object: it maps labels to objects"));
        }
        if members.is_empty() && verb != Verb::Reconcile {
            return Err("its `value` is empty".to_owned());
        }
    }
    Ok(members)
}

fn id_of(verb: Verb, value: Option<&Value>, kind: &Type) -> Result<Option<String>, String> {
    match (verb, value.and_then(Value::as_str)) {
        (Verb::Update, Some(id)) => Ok(Some(id.to_owned())),
        (Verb::Update, None) if kind.singleton && value.is_none() => {
            Ok(Some(crate::objects::SINGLETON.to_owned()))
        }
        (Verb::Update, None) => Err("an update says the `id` of its object".to_owned()),
        _ => Ok(None),
    }
}

fn match_on(value: &Value, kind: &Type) -> Result<MatchOn, String> {
    if value.as_str() == Some("*") {
        return Ok(MatchOn::Everything);
    }
    let names: Option<Vec<String>> =
        value.as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let names = names
        .filter(|names| !names.is_empty() && value.as_array().is_some_and(|list| list.len() == names.len()));
    let names = names.ok_or("`matchOn` is a list of properties, or \"*\"")?;
    for name in &names {
        match kind.property(name) {
            None => return Err(format!("`matchOn`: {} has no property `{name}`", kind.name)),
            Some(property) if property.secret => return Err(format!("`matchOn`: `{name}` is a secret")),
            Some(_) => {}
        }
    }
    Ok(MatchOn::Properties(names))
}

fn scope(value: &Value, kind: &Type) -> Result<Map<String, Value>, String> {
    let Value::Object(members) = value else {
        return Err("`scope` is an object of property and value".to_owned());
    };
    for (name, value) in members {
        if value.is_null() {
            return Err(format!("`scope`: `{name}` is null"));
        }
        if value.is_object() || value.is_array() {
            return Err(format!("`scope`: `{name}` is not flat"));
        }
        if name == "@type" {
            let known = value.as_str().is_some_and(|name| kind.variant(name).is_some());
            if !known {
                return Err(format!("`scope`: {} has no variant {value}", kind.name));
            }
            continue;
        }
        match kind.property(name) {
            None => return Err(format!("`scope`: {} has no property `{name}`", kind.name)),
            Some(property) if property.server_set => {
                return Err(format!("`scope`: the server sets `{name}`"));
            }
            Some(property) if property.secret => return Err(format!("`scope`: `{name}` is a secret")),
            Some(_) => {}
        }
    }
    Ok(members.clone())
}

/// What only holds for the whole line.
fn checked(mut operation: Operation) -> Result<Operation, String> {
    let kind = &operation.kind;
    match operation.verb {
        Verb::Destroy if kind.singleton => return Err(format!("there is always exactly one {}", kind.name)),
        Verb::Reconcile if kind.label.is_none() && operation.match_on.is_none() && !kind.singleton => {
            return Err(format!(
                "{} has no names: say `\"matchOn\": \"*\"` if equal values are meant",
                kind.name
            ));
        }
        Verb::Upsert | Verb::Reconcile if kind.singleton && operation.value.len() > 1 => {
            return Err(format!("there is exactly one {}, and several are given", kind.name));
        }
        Verb::Upsert | Verb::Reconcile | Verb::Create => {}
        Verb::Update | Verb::Destroy => return Ok(operation),
    }
    let scope = operation.scope.clone();
    for (label, body) in &mut operation.value {
        let Some(members) = body.as_object_mut() else { continue };
        for (name, wanted) in &scope {
            let own = members.entry(name.clone()).or_insert_with(|| wanted.clone());
            if own != wanted {
                return Err(format!("`{label}` has {name} {own}, and the scope is {name} {wanted}"));
            }
        }
        if kind.has_variants() {
            let name =
                members.get("@type").and_then(Value::as_str).ok_or(format!("`{label}` has no `@type`"))?;
            if kind.variant(name).is_none() {
                return Err(format!("`{label}`: {} has no variant `{name}`", kind.name));
            }
        }
    }
    Ok(operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::sample;

    #[track_caller]
    fn refused(line: &str, expected: &str) {
        let wrong = operations(line, &sample()).unwrap_err().join("\n");
        assert!(wrong.contains(expected), "{wrong:?} does not contain {expected:?}");
    }

    // proves: 5.17 declarative apply
    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_done() {
        for (line, expected) in [
            ("", "no operation"),
            ("\n\n{", "line 3: this is no JSON"),
            ("[]", "no JSON object"),
            (r#"{"object":"MtaRoute"}"#, "no `@type`"),
            (r#"{"@type":"insert","object":"MtaRoute"}"#, "`insert` is no operation"),
            (r#"{"@type":"destroy","object":"MtaRout"}"#, "no type of settings named `MtaRout`"),
            (r#"{"@type":"destroy"}"#, "does not say `object`"),
            (
                r#"{"@type":"reconcile","object":"MtaRoute","value":{},"scpoe":{"@type":"Relay"}}"#,
                "unknown key `scpoe`",
            ),
            (
                r#"{"@type":"create","object":"MtaRoute","value":{"a":{"@type":"Mx"}},"matchOn":["name"]}"#,
                "unknown key `matchOn`",
            ),
            (r#"{"@type":"upsert","object":"MtaRoute","value":{}}"#, "`value` is empty"),
            (r#"{"@type":"upsert","object":"MtaRoute"}"#, "no `value`"),
            (r#"{"@type":"upsert","object":"MtaRoute","value":{"a":5}}"#, "`a` in its `value`"),
            (r#"{"@type":"upsert","object":"MtaRoute","value":{"a":{"name":"a"}}}"#, "`a` has no `@type`"),
            (
                r#"{"@type":"upsert","object":"MtaRoute","value":{"a":{"@type":"Pigeon"}}}"#,
                "no variant `Pigeon`",
            ),
            (
                r#"{"@type":"upsert","object":"MtaRoute","matchOn":[],"value":{"a":{"@type":"Mx"}}}"#,
                "list of properties",
            ),
            (
                r#"{"@type":"upsert","object":"MtaRoute","matchOn":["nam"],"value":{"a":{"@type":"Mx"}}}"#,
                "no property `nam`",
            ),
            (
                r#"{"@type":"upsert","object":"MtaRoute","matchOn":["authSecret"],"value":{"a":{"@type":"Mx"}}}"#,
                "is a secret",
            ),
            (
                r#"{"@type":"reconcile","object":"MtaRoute","scope":{"address":null},"value":{}}"#,
                "`address` is null",
            ),
            (
                r#"{"@type":"reconcile","object":"MtaRoute","scope":{"addres":"x"},"value":{}}"#,
                "no property `addres`",
            ),
            (r#"{"@type":"reconcile","object":"MtaRoute","scope":{"address":{}},"value":{}}"#, "not flat"),
            (
                r#"{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Pigeon"},"value":{}}"#,
                "no variant",
            ),
            (
                r#"{"@type":"reconcile","object":"MtaRoute","scope":{"@type":"Relay"},"value":{"a":{"@type":"Mx","name":"a"}}}"#,
                "and the scope is @type",
            ),
            (r#"{"@type":"update","object":"MtaRoute","value":{"port":1}}"#, "says the `id`"),
            (r#"{"@type":"destroy","object":"MtaOutboundStrategy"}"#, "always exactly one"),
        ] {
            refused(line, expected);
        }
    }

    // proves: 5.17 declarative apply
    #[test]
    fn a_scope_fills_itself_in() {
        let line = r#"{"@type":"upsert","object":"mtaroute","scope":{"@type":"Relay"},"value":{"a":{"name":"a","address":"x"}}}"#;
        let operations = operations(&format!("\n{line}\n\n"), &sample()).unwrap();
        assert_eq!(operations[0].value["a"]["@type"], "Relay");
        assert_eq!(operations[0].line, 2);
    }

    #[test]
    fn every_wrong_line_is_named() {
        let wrong = operations("{\n[]\n5", &sample()).unwrap_err();
        assert_eq!(wrong.len(), 3);
    }
}
