//! What does an update make of a document? Properties and JSON pointers (RFC 6901) into nested values.

use serde_json::{Map, Value};

use super::schema::{Kind, Shape, TypeSchema};
use super::{Document, SetError, SetErrorKind, TYPE};
use crate::expr::suggest::did_you_mean;

/// Steps of a path at most.
const STEPS_MAX: usize = 16;

/// The document with the patch applied, not yet normalised.
pub(super) fn apply(schema: &TypeSchema, old: &Document, patch: &Document) -> Result<Document, SetError> {
    let mut steps = Vec::with_capacity(patch.len());
    for (path, value) in patch {
        steps.push((path.as_str(), split(path)?, value));
    }
    refuse_overlaps(&steps)?;
    // Which variant it is decides what else there is.
    steps.sort_by_key(|(_, steps, _)| steps.last().is_none_or(|last| last != TYPE));
    let mut document = old.clone();
    for (path, steps, value) in steps {
        let patcher = Patcher { path };
        patcher.whole(schema, old, &mut document, &steps, value)?;
    }
    Ok(document)
}

fn split(path: &str) -> Result<Vec<String>, SetError> {
    let plain = path.strip_prefix('/').unwrap_or(path);
    let steps: Vec<String> =
        plain.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    if steps.len() > STEPS_MAX {
        let message = format!("the path has more than {STEPS_MAX} steps");
        return Err(SetError::about(SetErrorKind::InvalidPatch, path, message));
    }
    Ok(steps)
}

/// No path may lead into what another one replaces (RFC 8620 section 5.3).
fn refuse_overlaps(steps: &[(&str, Vec<String>, &Value)]) -> Result<(), SetError> {
    let mut sorted: Vec<&(&str, Vec<String>, &Value)> = steps.iter().collect();
    sorted.sort_by(|left, right| left.1.cmp(&right.1));
    for pair in sorted.windows(2) {
        if pair[1].1.starts_with(&pair[0].1) {
            let message = format!("the path {} leads into what {} replaces", pair[1].0, pair[0].0);
            return Err(SetError::about(SetErrorKind::InvalidPatch, pair[1].0, message));
        }
    }
    Ok(())
}

struct Patcher<'p> {
    path: &'p str,
}

impl Patcher<'_> {
    fn refuse(&self, message: impl Into<String>) -> SetError {
        SetError::about(SetErrorKind::InvalidPatch, self.path, message)
    }

    /// A step into the object itself.
    fn whole(
        &self,
        schema: &TypeSchema,
        old: &Document,
        document: &mut Document,
        steps: &[String],
        value: &Value,
    ) -> Result<(), SetError> {
        let [first, rest @ ..] = steps else { return Err(self.refuse("the path is empty")) };
        if first == TYPE && rest.is_empty() {
            return self.change_variant(&schema.shape, document, value, || {
                let keys = schema.key().map(|property| property.name.clone());
                keys.filter_map(|name| Some((name.clone(), old.get(&name)?.clone()))).collect()
            });
        }
        self.member(&schema.shape, document, steps, value)
    }

    /// Another variant begins with its own defaults; the same one changes nothing.
    fn change_variant(
        &self,
        shape: &Shape,
        document: &mut Document,
        value: &Value,
        kept: impl FnOnce() -> Document,
    ) -> Result<(), SetError> {
        let found = shape
            .variants
            .iter()
            .find(|variant| variant.name.is_some() && variant.name.as_deref() == value.as_str());
        let Some(variant) = found else {
            let names: Vec<&str> =
                shape.variants.iter().filter_map(|variant| variant.name.as_deref()).collect();
            let message = match names.is_empty() {
                true => format!("Invalid property: it has no {TYPE}"),
                false => format!(
                    "Missing or invalid '{TYPE}' property in object; it is one of {}",
                    names.join(", ")
                ),
            };
            return Err(SetError::about(SetErrorKind::InvalidProperties, self.path, message));
        };
        if document.get(TYPE).and_then(Value::as_str) != variant.name.as_deref() {
            let mut fresh = kept();
            fresh.insert(TYPE.to_owned(), value.clone());
            *document = fresh;
        }
        Ok(())
    }

    /// A step to a property.
    fn member(
        &self,
        shape: &Shape,
        document: &mut Document,
        steps: &[String],
        value: &Value,
    ) -> Result<(), SetError> {
        let [first, rest @ ..] = steps else { return Err(self.refuse("the path is empty")) };
        if first == TYPE && rest.is_empty() {
            return self.change_variant(shape, document, value, Document::new);
        }
        let variant =
            shape.variant(document).ok_or_else(|| self.refuse(format!("the object has no {TYPE}")))?;
        let Some(property) = variant.property(first) else {
            let names = variant.properties.iter().map(|property| property.name.as_str());
            let hint = did_you_mean(first, names).map_or(String::new(), |hint| format!(" ({hint})"));
            let of = variant.name.as_deref().map_or(String::new(), |of| format!(" in {of}"));
            let message = format!("Invalid property: there is no {first}{of}{hint}");
            return Err(SetError::about(SetErrorKind::InvalidProperties, self.path, message));
        };
        if rest.is_empty() {
            document.insert(first.clone(), value.clone());
            return Ok(());
        }
        let inner = document.entry(first.clone()).or_insert(Value::Null);
        self.within(&property.kind, inner, rest, value)
    }

    /// A step into a value.
    fn within(
        &self,
        kind: &Kind,
        inner: &mut Value,
        steps: &[String],
        value: &Value,
    ) -> Result<(), SetError> {
        match kind {
            Kind::Object(shape) => {
                let Some(members) = inner.as_object_mut() else {
                    return Err(self.refuse("the path leads into what is not set"));
                };
                self.member(shape, members, steps, value)
            }
            Kind::List(item) => {
                self.element(inner, steps, value, |element, rest| self.within(item, element, rest, value))
            }
            Kind::Set(_) => self.set_member(inner, steps, value),
            Kind::Expression(_) => self.expression(inner, steps, value),
            Kind::Text(_)
            | Kind::Boolean
            | Kind::Integer(_)
            | Kind::Duration
            | Kind::Size(_)
            | Kind::Choice(_)
            | Kind::Reference(_) => Err(self.refuse("the path leads into a value that has no parts")),
        }
    }

    /// A step to the element of a list: null takes it away, the number after the last adds one.
    fn element(
        &self,
        list: &mut Value,
        steps: &[String],
        value: &Value,
        deeper: impl FnOnce(&mut Value, &[String]) -> Result<(), SetError>,
    ) -> Result<(), SetError> {
        let [key, rest @ ..] = steps else { return Err(self.refuse("the path is empty")) };
        if list.is_null() {
            *list = Value::Object(Map::new());
        }
        let Some(elements) = list.as_object_mut() else { return Err(self.refuse("it is no list")) };
        let next = elements.keys().filter_map(|key| key.parse::<u64>().ok()).max().map_or(0, |last| last + 1);
        let number = if key == "-" { Some(next) } else { key.parse().ok() };
        let Some(number) = number.filter(|number| *number <= next) else {
            return Err(self.refuse(format!("there is no element {key}; the next one would be {next}")));
        };
        let key = number.to_string();
        match (rest.is_empty(), value) {
            (true, Value::Null) => {
                elements.shift_remove(&key);
                Ok(())
            }
            (true, value) => {
                elements.insert(key, value.clone());
                Ok(())
            }
            (false, value) => {
                let known = elements.contains_key(&key);
                let element = elements.entry(key).or_insert_with(|| Value::Object(Map::new()));
                if !known && value.is_null() {
                    return Ok(());
                }
                deeper(element, rest)
            }
        }
    }

    fn set_member(&self, set: &mut Value, steps: &[String], value: &Value) -> Result<(), SetError> {
        let [member] = steps else { return Err(self.refuse("the member of a set has no parts")) };
        if set.is_null() {
            *set = Value::Object(Map::new());
        }
        let Some(members) = set.as_object_mut() else { return Err(self.refuse("it is no set")) };
        match value {
            Value::Bool(true) => drop(members.insert(member.clone(), true.into())),
            Value::Bool(false) | Value::Null => drop(members.shift_remove(member)),
            _ => return Err(self.refuse("a member of a set is true, or else false or null to take it away")),
        }
        Ok(())
    }

    /// `match/0/if`, `match/0`, `match`, `else`.
    fn expression(&self, inner: &mut Value, steps: &[String], value: &Value) -> Result<(), SetError> {
        if inner.is_null() {
            *inner = Value::Object(Map::new());
        }
        let Some(members) = inner.as_object_mut() else { return Err(self.refuse("it is no expression")) };
        match steps {
            [part] if matches!(part.as_str(), "match" | "else") => {
                members.insert(part.clone(), value.clone());
                Ok(())
            }
            [part, rest @ ..] if part == "match" => {
                let list = members.entry("match").or_insert_with(|| Value::Object(Map::new()));
                self.element(list, rest, value, |branch, rest| match (branch.as_object_mut(), rest) {
                    (Some(branch), [part]) if matches!(part.as_str(), "if" | "then") => {
                        branch.insert(part.clone(), value.clone());
                        Ok(())
                    }
                    _ => Err(self.refuse("a branch has if and then")),
                })
            }
            _ => Err(self.refuse("an expression has match and else")),
        }
    }
}
