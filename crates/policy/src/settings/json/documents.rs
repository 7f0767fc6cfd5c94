//! The objects of a settings file as plain values, for whoever keeps them as documents.

use std::collections::BTreeSet;

use serde_json::Value;

use super::entries::{Entry, entries};
use super::tree::{Json, Node};
use crate::settings::{ObjectType, Settings, SettingsError};

/// What a settings file says.
pub(crate) struct Written {
    /// Its objects, in its order.
    pub(crate) objects: Vec<WrittenObject>,
    /// The types that it speaks of.
    pub(crate) mentioned: BTreeSet<ObjectType>,
    /// Whether the fresh objects are not there unless it lists them.
    pub(crate) is_whole: bool,
}

/// One object of a settings file.
pub(crate) struct WrittenObject {
    /// Its type.
    pub(crate) kind: ObjectType,
    /// What it is listed under.
    pub(crate) id: Option<String>,
    /// As written.
    pub(crate) value: Value,
}

/// The objects of a text that can be loaded; what is wrong with it otherwise.
pub(crate) fn documents(text: &str) -> Result<Written, Vec<SettingsError>> {
    Settings::from_json(text)?;
    let Ok(json) = Json::parse(text) else { return Err(Vec::new()) };
    let entries = entries(&json);
    let object = |entry: &Entry<'_>| WrittenObject {
        kind: entry.kind,
        id: entry.id.map(str::to_owned),
        value: value(entry.json),
    };
    Ok(Written {
        objects: entries.found.iter().map(object).collect(),
        mentioned: entries.mentioned,
        is_whole: entries.is_whole,
    })
}

fn value(json: &Json) -> Value {
    match &json.node {
        Node::Null => Value::Null,
        Node::Bool(truth) => (*truth).into(),
        Node::Number(number) => number.clone().into(),
        Node::Text(text) => text.as_str().into(),
        Node::List(items) => items.iter().map(value).collect(),
        Node::Object(members) => {
            members.iter().map(|member| (member.key.clone(), value(&member.value))).collect()
        }
    }
}
