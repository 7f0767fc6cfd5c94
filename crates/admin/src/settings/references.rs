//! Which secrets outside the settings does a change name anew, and may the API name them?
//!
//! Whoever may change a route could else have any file of the server sent to a host of theirs as a password.

use std::collections::BTreeSet;
use std::path::PathBuf;

use policy::registry::{Change, SetError, SetErrorKind};
use policy::settings::SecretReference;
use serde_json::Value;

use super::machine::Outside;

/// A reference that may not be made, and why.
#[derive(Debug)]
pub(super) struct Denied {
    /// The property that holds it, as a path.
    pub(super) property: String,
    /// Why not.
    pub(super) why: String,
}

impl Denied {
    pub(super) fn error(&self) -> SetError {
        SetError::about(SetErrorKind::Forbidden, self.property.clone(), self.why.clone())
    }
}

/// The first reference of this change that was not there before and may not be made.
pub(super) async fn denied(outside: &dyn Outside, change: &Change) -> Option<Denied> {
    let after = named(change.after.as_deref()?);
    if after.is_empty() {
        return None;
    }
    // What goes to another place is named anew.
    let before = change.before.as_deref().filter(|_| change.exposes().is_none());
    let before = before.map(named).unwrap_or_default();
    let known: BTreeSet<&SecretReference> = before.iter().map(|(_, reference)| reference).collect();
    for (property, reference) in after.iter().filter(|(_, reference)| !known.contains(reference)) {
        if let Err(why) = outside.allowed(reference).await {
            return Some(Denied { property: property.clone(), why });
        }
    }
    None
}

/// All references in a document, with the paths of the properties that hold them.
fn named(document: &policy::registry::Document) -> Vec<(String, SecretReference)> {
    let mut found = Vec::new();
    for (name, value) in document {
        collect(name, value, &mut found);
    }
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<(String, SecretReference)>) {
    match value {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            match text("@type") {
                Some("File") => {
                    let file = PathBuf::from(text("filePath").unwrap_or_default());
                    found.push((path.to_owned(), SecretReference::File(file)));
                }
                Some("EnvironmentVariable") => {
                    let name = text("variableName").unwrap_or_default().to_owned();
                    found.push((path.to_owned(), SecretReference::EnvironmentVariable(name)));
                }
                Some(_) | None => {
                    members.iter().for_each(|(name, value)| collect(&format!("{path}/{name}"), value, found));
                }
            }
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| collect(&format!("{path}/{at}"), value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_are() {
        let document = json!({
            "name": "File",
            "authSecret": { "@type": "File", "filePath": "/etc/shadow" },
            "list": { "0": { "secret": { "@type": "EnvironmentVariable", "variableName": "HOME" } } },
            "other": { "@type": "Value", "secret": "File" },
        });
        let found = named(document.as_object().unwrap());
        let paths: BTreeSet<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, BTreeSet::from(["authSecret", "list/0/secret"]));
    }
}
