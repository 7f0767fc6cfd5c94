//! What is different between two registries? In sentences that people understand.

mod branches;
mod words;

use serde_json::Value;

use super::normal::expression::expression;
use super::objects::{label, masked};
use super::schema::{Kind, Property, Shape, schema};
use super::{Difference, Document, Id, Registry, TYPE};
use crate::settings::ObjectType;

/// Differences that are named; what is left is counted.
const DIFFERENCES_MAX: usize = 1000;

impl Registry {
    /// What is different in `later`, in sentences. Secrets are not in them.
    pub fn diff(&self, later: &Registry) -> Vec<Difference> {
        let changes = self.changes(later);
        let mut all = Vec::new();
        for change in &changes {
            let speaker = Speaker { before: self, after: later, kind: change.kind, id: change.id };
            match (&change.before, &change.after) {
                (None, Some(after)) => all.push(speaker.whole(after, "created")),
                (Some(before), None) => all.push(speaker.whole(before, "destroyed")),
                (Some(before), Some(after)) => all.extend(speaker.changed(before, after)),
                (None, None) => {}
            }
            if all.len() > DIFFERENCES_MAX {
                let message = format!("and more in {} objects altogether", changes.len());
                all.truncate(DIFFERENCES_MAX);
                all.push(speaker.difference("", "", &message));
                return all;
            }
        }
        all
    }
}

struct Speaker<'r> {
    before: &'r Registry,
    after: &'r Registry,
    kind: ObjectType,
    id: Id,
}

/// The two sides of a property.
struct Sides<'v> {
    kind: &'v Kind,
    before: &'v Value,
    after: &'v Value,
}

impl Speaker<'_> {
    fn difference(&self, name: &str, property: &str, message: &str) -> Difference {
        let object = format!("{} {name}", self.kind);
        let object = object.trim_end();
        let sentence = match property.is_empty() {
            true => format!("{object}: {message}"),
            false => format!("{object}: {}: {message}", property.replace('/', ".")),
        };
        Difference {
            object: self.kind.name().to_owned(),
            id: self.id.to_string(),
            name: name.to_owned(),
            property: property.to_owned(),
            sentence,
        }
    }

    fn name(&self, document: &Document) -> String {
        match self.id {
            Id::Singleton => String::new(),
            Id::Number(_) => label(schema(self.kind), document).unwrap_or_else(|| self.id.to_string()),
        }
    }

    fn whole(&self, document: &Document, what: &str) -> Difference {
        let said = inline(&schema(self.kind).shape, document);
        let message =
            if said.is_empty() { what.to_owned() } else { format!("{what}: {}", words::cut(&said)) };
        self.difference(&self.name(document), "", &message)
    }

    fn changed(&self, before: &Document, after: &Document) -> Vec<Difference> {
        let mut found = Vec::new();
        self.shape(&schema(self.kind).shape, (before, after), "", &mut found);
        let name = self.name(after);
        found.into_iter().map(|(path, message)| self.difference(&name, &path, &message)).collect()
    }

    fn shape(
        &self,
        shape: &Shape,
        (before, after): (&Document, &Document),
        path: &str,
        found: &mut Vec<(String, String)>,
    ) {
        let variants = (shape.variant(before), shape.variant(after));
        if variants.0 != variants.1 || variants.1.is_none() {
            let name =
                |document: &Document| document.get(TYPE).and_then(Value::as_str).unwrap_or("?").to_owned();
            let (was, is) = (name(before), name(after));
            let message = match was == is {
                true => "changed".to_owned(),
                false => format!("{was} → {is}{}", details(shape, after)),
            };
            found.push((path.to_owned(), message));
            return;
        }
        let properties = variants.1.map_or(&[][..], |variant| &variant.properties);
        for property in properties {
            let side = |document: &'_ Document| document.get(&property.name).cloned().unwrap_or(Value::Null);
            let (was, is) = (side(before), side(after));
            if was != is {
                self.property(property, (&was, &is), &join(path, &property.name), found);
            }
        }
    }

    fn property(
        &self,
        property: &Property,
        (before, after): (&Value, &Value),
        path: &str,
        found: &mut Vec<(String, String)>,
    ) {
        if property.attributes.masked {
            let what = match (before.is_null(), after.is_null()) {
                (true, _) => "set",
                (_, true) => "taken away",
                _ => "changed",
            };
            found.push((path.to_owned(), what.to_owned()));
            return;
        }
        self.value(&Sides { kind: &property.kind, before, after }, path, found);
    }

    fn value(&self, sides: &Sides<'_>, path: &str, found: &mut Vec<(String, String)>) {
        let Sides { kind, before, after } = sides;
        match (kind, before, after) {
            (Kind::Object(shape), Value::Object(before), Value::Object(after)) => {
                self.shape(shape, (before, after), path, found);
            }
            (Kind::Set(_), _, _) => found.push((path.to_owned(), words::set(before, after))),
            (Kind::List(item), Value::Object(before), Value::Object(after)) => {
                self.list(item, (before, after), path, found);
            }
            (Kind::Expression(_), _, _) => {
                let all = branches::sentences(&expression(before), &expression(after));
                found.extend(all.into_iter().map(|sentence| (path.to_owned(), sentence)));
            }
            (Kind::Reference(to), _, _) => {
                let name = |registry: &Registry, value: &Value| {
                    let id = value.as_str().and_then(|id| id.parse().ok());
                    id.map_or_else(|| "none".to_owned(), |id| registry.name_of(*to, id))
                };
                let (was, is) = (name(self.before, before), name(self.after, after));
                found.push((path.to_owned(), format!("{was} → {is}")));
            }
            _ => {
                let message = format!("{} → {}", words::value(kind, before), words::value(kind, after));
                found.push((path.to_owned(), message));
            }
        }
    }

    /// Elements that are there on both sides are compared by their place.
    fn list(
        &self,
        item: &Kind,
        (before, after): (&Document, &Document),
        path: &str,
        found: &mut Vec<(String, String)>,
    ) {
        for place in 0..before.len().max(after.len()) {
            let key = place.to_string();
            let number = place + 1;
            match (before.get(&key), after.get(&key)) {
                (Some(was), Some(is)) if was != is => {
                    self.value(&Sides { kind: item, before: was, after: is }, &join(path, &key), found);
                }
                (None, Some(is)) => {
                    found.push((path.to_owned(), format!("{number} added: {}", words::value(item, is))));
                }
                (Some(was), None) => {
                    found.push((path.to_owned(), format!("{number} removed: {}", words::value(item, was))));
                }
                _ => {}
            }
        }
    }
}

/// The values of a variant that is new, in brackets.
fn details(shape: &Shape, document: &Document) -> String {
    let Some(variant) = shape.variant(document) else { return String::new() };
    let told = variant.properties.iter().filter(|one| !one.attributes.masked && !one.attributes.key);
    let told = told.filter_map(|property| {
        let value = document.get(&property.name)?;
        (*value != property.default)
            .then(|| format!("{} {}", property.name, words::value(&property.kind, value)))
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { told } else { format!(" ({told})") }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// An object without its secrets, in one line.
pub(super) fn inline(shape: &Shape, document: &Document) -> String {
    let variant = document.get(TYPE).and_then(Value::as_str).unwrap_or_default();
    format!("{variant}{}", details(shape, &masked_within(shape, document))).trim().to_owned()
}

fn masked_within(shape: &Shape, document: &Document) -> Document {
    masked(
        &super::schema::TypeSchema {
            kind: ObjectType::System,
            help: String::new(),
            label: None,
            shape: shape.clone(),
        },
        document,
    )
}

#[cfg(test)]
mod tests;
