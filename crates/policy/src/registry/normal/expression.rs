//! An expression as it may be written, as documents have it, and as the language takes it.

use serde_json::{Map, Value, json};

use super::{Normal, shown};
use crate::expr::{Branch, Expression};
use crate::registry::ValidationKind;

impl Normal<'_> {
    /// An object with `match` and `else`, the older array, a text, a number or a truth value.
    pub(super) fn expression(&mut self, written: &Value) -> Value {
        let (branches, otherwise) = match written {
            Value::Object(members) => self.object_form(members),
            Value::Array(items) => self.array_form(items),
            plain => (Vec::new(), self.formula(plain)),
        };
        if branches.iter().any(|(condition, then)| condition.is_empty() || then.is_empty()) {
            let message = "All 'if' and 'then' blocks must be non-empty";
            self.broken(ValidationKind::Invalid, None, message);
        }
        if branches.is_empty() && otherwise.is_none() {
            return Value::Null;
        }
        if otherwise.is_none() {
            self.broken(ValidationKind::Invalid, None, "Missing 'else' block in 'if' expression");
        }
        let branches = branches.into_iter().enumerate();
        let branches: Map<_, _> = branches
            .map(|(at, (condition, then))| (at.to_string(), json!({ "if": condition, "then": then })))
            .collect();
        json!({ "match": branches, "else": otherwise })
    }

    fn object_form(&mut self, members: &Map<String, Value>) -> (Vec<(String, String)>, Option<String>) {
        for name in members.keys().filter(|name| !matches!(name.as_str(), "match" | "else")) {
            self.within(name, |normal| normal.wrong("Invalid property: an expression has match and else"));
        }
        let otherwise =
            members.get("else").and_then(|text| self.within("else", |normal| normal.formula(text)));
        let branches = match members.get("match") {
            None | Some(Value::Null) => Vec::new(),
            Some(list) => self.within("match", |normal| {
                let items = normal.items(list).unwrap_or_default();
                items.iter().map(|(key, item)| normal.within(key, |normal| normal.branch(item))).collect()
            }),
        };
        (branches, otherwise)
    }

    /// The last element may be an `else`.
    fn array_form(&mut self, items: &[Value]) -> (Vec<(String, String)>, Option<String>) {
        let mut branches = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match item.get("else") {
                Some(text) if at + 1 == items.len() && item.as_object().is_some_and(|it| it.len() == 1) => {
                    return (branches, self.formula(text));
                }
                _ => branches.push(self.within(&at.to_string(), |normal| normal.branch(item))),
            }
        }
        (branches, None)
    }

    fn branch(&mut self, item: &Value) -> (String, String) {
        let Some(members) = item.as_object() else {
            self.wrong(format!("a branch is an object with if and then, not {}", shown(item)));
            return (String::new(), String::new());
        };
        for name in members.keys().filter(|name| !matches!(name.as_str(), "if" | "then")) {
            self.within(name, |normal| normal.wrong("Invalid property: a branch has if and then"));
        }
        let mut part = |name: &str| {
            let text = members.get(name).unwrap_or(&Value::Null);
            self.within(name, |normal| normal.formula(text)).unwrap_or_default()
        };
        (part("if"), part("then"))
    }

    fn formula(&mut self, written: &Value) -> Option<String> {
        match written {
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(written.to_string()),
            Value::Null => None,
            Value::Array(_) | Value::Object(_) => {
                self.wrong(format!("it must be an expression in a text, not {}", shown(written)));
                None
            }
        }
    }
}

/// An expression of a normalised document.
pub(in crate::registry) fn expression(value: &Value) -> Expression {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let branches = value.get("match").and_then(Value::as_object);
    let mut branches: Vec<(u64, &Value)> = branches
        .into_iter()
        .flatten()
        .map(|(key, branch)| (key.parse().unwrap_or(u64::MAX), branch))
        .collect();
    branches.sort_by_key(|(number, _)| *number);
    let branch =
        |(_, branch): (u64, &Value)| Branch { condition: text(&branch["if"]), then: text(&branch["then"]) };
    Expression {
        matches: branches.into_iter().map(branch).collect(),
        otherwise: value.get("else").and_then(Value::as_str).map(str::to_owned),
    }
}
