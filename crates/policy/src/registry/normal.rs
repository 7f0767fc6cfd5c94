//! What does a written value come to in the form of documents? Everything that is wrong with it otherwise.

pub(super) mod expression;
pub(super) mod text;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::schema::{Attributes, Bounds, Choice, Kind, Property, Shape, TextKind, TypeSchema, Variant};
use super::{Document, Id, MASK, SetError, SetErrorKind, TYPE, ValidationError, ValidationKind};
use crate::expr::suggest::did_you_mean;
use crate::settings::ObjectType;

/// Things wrong with one object that are named.
const FAULTS_MAX: usize = 20;
/// The longest time: what it comes to in nanoseconds must be counted too.
const DURATION_MILLIS_MAX: u64 = 100 * 366 * 24 * 3600 * 1000;

/// How strictly a document is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// Of a request: what is unknown is refused.
    Strict,
    /// Of an older program: what is unknown is left out.
    Stored,
}

/// Finds the object that a reference names.
pub(super) type Resolve<'r> = &'r dyn Fn(ObjectType, &str) -> Option<Id>;

/// Reads one object.
pub(super) struct Normal<'n> {
    reading: Reading,
    resolve: Resolve<'n>,
    path: Vec<String>,
    /// Of the wrong kind, by path.
    wrong: Vec<(String, String)>,
    /// Breaks a rule.
    broken: Vec<ValidationError>,
    /// Names what does not exist.
    dangling: Vec<(String, ObjectType, String)>,
}

/// The normal form of a whole object. `old` is what the mask stands for.
pub(super) fn document(
    schema: &TypeSchema,
    written: &Document,
    old: Option<&Document>,
    reading: Reading,
    resolve: Resolve<'_>,
) -> Result<Document, SetError> {
    let mut normal = Normal::new(reading, resolve);
    let document = normal.shape(&schema.shape, written, old);
    normal.finish()?;
    Ok(document.unwrap_or_default())
}

/// The normal form of an expression property by itself.
pub(super) fn value_of_expression(written: &Value) -> Result<Value, SetError> {
    let nothing = |_: ObjectType, _: &str| None;
    let mut normal = Normal::new(Reading::Strict, &nothing);
    let value = normal.expression(written);
    normal.finish().map(|()| value)
}

impl<'n> Normal<'n> {
    fn new(reading: Reading, resolve: Resolve<'n>) -> Self {
        let (wrong, broken, dangling) = (Vec::new(), Vec::new(), Vec::new());
        Normal { reading, resolve, path: Vec::new(), wrong, broken, dangling }
    }
}

impl Normal<'_> {
    fn finish(self) -> Result<(), SetError> {
        if !self.wrong.is_empty() {
            let sentence = |(path, message): &(String, String)| match path.is_empty() {
                true => message.clone(),
                false => format!("{path}: {message}"),
            };
            let description = self.wrong.iter().map(sentence).collect::<Vec<_>>().join("; ");
            let properties = self.wrong.into_iter().map(|(path, _)| path).filter(|path| !path.is_empty());
            return Err(SetError {
                properties: properties.collect(),
                ..SetError::new(SetErrorKind::InvalidProperties, description)
            });
        }
        if !self.broken.is_empty() {
            return Err(SetError::invalid(self.broken));
        }
        let Some((path, kind, name)) = self.dangling.into_iter().next() else { return Ok(()) };
        let error =
            SetError::about(SetErrorKind::InvalidForeignKey, path, format!("there is no {kind} '{name}'"));
        let object = name.parse().ok().map(|id| super::ObjectReference { kind, id });
        Err(SetError { object, ..error })
    }

    fn here(&self) -> String {
        self.path.join("/")
    }

    fn is_full(&self) -> bool {
        self.wrong.len() + self.broken.len() >= FAULTS_MAX
    }

    /// Says that a value is of the wrong kind.
    fn wrong(&mut self, message: impl Into<String>) {
        if !self.is_full() {
            self.wrong.push((self.here(), message.into()));
        }
    }

    /// Says that a value breaks a rule.
    fn broken(&mut self, kind: ValidationKind, about: Option<Value>, message: impl Into<String>) {
        if !self.is_full() {
            let error = ValidationError::new(kind, self.here(), message);
            self.broken.push(ValidationError { value: about, ..error });
        }
    }

    fn within<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let value = read(self);
        self.path.pop();
        value
    }

    fn shape(&mut self, shape: &Shape, written: &Document, old: Option<&Document>) -> Option<Document> {
        let Some(variant) = shape.variant(written) else {
            let names: Vec<&str> = shape.variants.iter().filter_map(|one| one.name.as_deref()).collect();
            let names = names.join(", ");
            self.wrong(format!("Missing or invalid '{TYPE}' property in object; it is one of {names}"));
            return None;
        };
        let old = old.filter(|old| shape.variant(old) == Some(variant));
        let mut document = Document::new();
        if let Some(name) = &variant.name {
            document.insert(TYPE.to_owned(), name.as_str().into());
        }
        self.refuse_unknown(variant, written);
        for property in &variant.properties {
            let value = self.within(&property.name, |normal| {
                let old = old.and_then(|old| old.get(&property.name));
                normal.property(property, written.get(&property.name).unwrap_or(&Value::Null), old)
            });
            document.insert(property.name.clone(), value);
        }
        Some(document)
    }

    fn refuse_unknown(&mut self, variant: &Variant, written: &Document) {
        if self.reading == Reading::Stored {
            return;
        }
        for name in written.keys() {
            let is_type = name == TYPE && variant.name.is_some();
            if !is_type && variant.property(name).is_none() {
                let of = variant.name.as_deref().map_or(String::new(), |of| format!(" in {of}"));
                let names = variant.properties.iter().map(|property| property.name.as_str());
                let hint = did_you_mean(name, names).map_or(String::new(), |hint| format!(" ({hint})"));
                self.within(name, |normal| {
                    normal.wrong(format!("Invalid property: there is no {name}{of}{hint}"));
                });
            }
        }
    }

    fn property(&mut self, property: &Property, written: &Value, old: Option<&Value>) -> Value {
        if written.is_null() {
            if property.required {
                self.broken(ValidationKind::Required, None, "it must be given");
            }
            return match &property.kind {
                _ if property.nullable => Value::Null,
                Kind::Object(shape) if property.default.is_object() => {
                    self.whole_default(shape, &property.default)
                }
                _ => property.default.clone(),
            };
        }
        if property.attributes.masked && written.as_str() == Some(MASK) {
            return self.unmasked(old);
        }
        self.value(&property.kind, property.attributes, written, old)
    }

    /// A default that names its variant and little else.
    fn whole_default(&mut self, shape: &Shape, default: &Value) -> Value {
        let written = default.as_object().cloned().unwrap_or_default();
        self.shape(shape, &written, None).map_or(Value::Null, Value::Object)
    }

    /// What the mask stands for.
    fn unmasked(&mut self, old: Option<&Value>) -> Value {
        match old {
            Some(secret) if !secret.is_null() => secret.clone(),
            _ => {
                let message = format!("{MASK} stands for the secret that is set, and none is");
                self.broken(ValidationKind::Invalid, Some(MASK.into()), message);
                Value::Null
            }
        }
    }

    fn value(&mut self, kind: &Kind, attributes: Attributes, written: &Value, old: Option<&Value>) -> Value {
        match (kind, written) {
            (Kind::Text(text), Value::String(written)) => self.text(*text, attributes.masked, written),
            (Kind::Boolean, Value::Bool(_)) => written.clone(),
            (Kind::Integer(bounds) | Kind::Size(bounds), Value::Number(number)) => {
                self.number(*bounds, number)
            }
            (Kind::Duration, Value::Number(number)) => {
                self.number(Bounds { min: 1, max: Some(DURATION_MILLIS_MAX) }, number)
            }
            (Kind::Choice(words), Value::String(word)) => self.choice(words, word),
            (Kind::Reference(to), Value::String(name)) => self.reference(*to, name),
            (Kind::List(item), Value::Array(_) | Value::Object(_)) => self.list(item, written, old),
            (Kind::Set(item), Value::Array(_) | Value::Object(_)) => self.set(item, written),
            (Kind::Object(shape), Value::Object(members)) => {
                let old = old.and_then(Value::as_object);
                self.shape(shape, members, old).map_or(Value::Null, Value::Object)
            }
            // A variant without properties may be written as its name.
            (Kind::Object(shape), Value::String(name)) if shape.has_bare(name) => {
                let members = [(TYPE.to_owned(), Value::from(name.as_str()))].into_iter().collect();
                self.shape(shape, &members, None).map_or(Value::Null, Value::Object)
            }
            (Kind::Expression(_), _) => self.expression(written),
            _ => {
                let found =
                    if is_secret(kind, attributes) { kind_of(written).to_owned() } else { shown(written) };
                self.wrong(format!("it must be {}, not {found}", kind.words()));
                Value::Null
            }
        }
    }

    fn text(&mut self, kind: TextKind, masked: bool, written: &str) -> Value {
        let plain = if masked { written } else { written.trim() };
        if plain.is_empty() {
            let message = "Invalid value for property: it must not be empty; null says that there is none";
            self.broken(ValidationKind::Invalid, Some(written.into()), message);
            return Value::Null;
        }
        match text::normal(kind, plain) {
            Ok(text) => text.into(),
            Err(text::Fault::TooLong(max)) => {
                let message = format!("it has {} bytes; {max} are allowed", plain.len());
                self.broken(ValidationKind::MaxLength, Some(max.into()), message);
                Value::Null
            }
            Err(text::Fault::NotA(what)) => {
                let (named, about) = match masked {
                    true => ("it".to_owned(), None),
                    false => (format!("'{plain}'"), Some(written.into())),
                };
                let message = format!("Invalid value for property: {named} is not {what}");
                self.broken(ValidationKind::Invalid, about, message);
                Value::Null
            }
        }
    }

    fn number(&mut self, bounds: Bounds, number: &serde_json::Number) -> Value {
        let Some(found) = number.as_u64() else {
            if number.as_i64().is_some() {
                let message = format!("{number} is less than {}", bounds.min);
                self.broken(ValidationKind::MinValue, Some(bounds.min.into()), message);
            } else {
                self.wrong(format!("it must be a whole number, not {number}"));
            }
            return Value::Null;
        };
        match bounds.max {
            Some(max) if found > max => {
                self.broken(
                    ValidationKind::MaxValue,
                    Some(max.into()),
                    format!("{found} is more than {max}"),
                );
            }
            _ if found < bounds.min => {
                let message = format!("{found} is less than {}", bounds.min);
                self.broken(ValidationKind::MinValue, Some(bounds.min.into()), message);
            }
            _ => {}
        }
        found.into()
    }

    fn choice(&mut self, words: &[Choice], word: &str) -> Value {
        let plain = |word: &str| word.replace(['-', '_'], "").to_lowercase();
        let exact = words.iter().find(|known| known.name == word);
        // The registered names of mechanisms, such as SCRAM-SHA-256, are in capitals.
        let capital = word.chars().all(|c| !c.is_lowercase());
        let found = exact.or_else(|| words.iter().find(|known| capital && plain(&known.name) == plain(word)));
        if let Some(found) = found {
            return found.name.as_str().into();
        }
        let names: Vec<&str> = words.iter().map(|word| word.name.as_str()).collect();
        let hint = did_you_mean(word, names.iter().copied()).unwrap_or_else(|| names.join(", "));
        let message = format!("Invalid value for property: there is no '{word}' ({hint})");
        self.broken(ValidationKind::Invalid, Some(word.into()), message);
        Value::Null
    }

    fn reference(&mut self, to: ObjectType, name: &str) -> Value {
        match (self.resolve)(to, name.trim()) {
            Some(id) => id.to_string().into(),
            None => {
                self.dangling.push((self.here(), to, name.to_owned()));
                Value::Null
            }
        }
    }

    /// An array, or an object with numbers for keys, which count anew.
    fn list(&mut self, item: &Kind, written: &Value, old: Option<&Value>) -> Value {
        let Some(items) = self.items(written) else { return Value::Null };
        let mut list = Map::new();
        for (place, (key, value)) in items.iter().enumerate() {
            let old = old.and_then(|old| old.get(key));
            let value = self.within(key, |normal| normal.item(item, value, old));
            list.insert(place.to_string(), value);
        }
        Value::Object(list)
    }

    fn item(&mut self, kind: &Kind, written: &Value, old: Option<&Value>) -> Value {
        self.value(kind, Attributes::default(), written, old)
    }

    /// The items of a list in their order, each with its key.
    fn items(&mut self, written: &Value) -> Option<Vec<(String, Value)>> {
        let members = match written {
            Value::Array(items) => {
                return Some(
                    items.iter().enumerate().map(|(at, item)| (at.to_string(), item.clone())).collect(),
                );
            }
            Value::Object(members) => members,
            _ => {
                self.wrong(format!("it must be a list, not {}", shown(written)));
                return None;
            }
        };
        let mut numbered = BTreeMap::new();
        for (key, value) in members {
            match key.parse::<u64>() {
                Ok(number) => numbered.insert(number, (key.clone(), value.clone())),
                Err(_) => {
                    self.wrong(format!(
                        "the keys of a list are 0, 1, …, not {}",
                        shown(&key.as_str().into())
                    ));
                    return None;
                }
            };
        }
        Some(numbered.into_values().collect())
    }

    /// An array, or an object of `member → true`; members that are false or null are not in it.
    fn set(&mut self, item: &Kind, written: &Value) -> Value {
        let mut names: Vec<Value> = Vec::new();
        match written {
            Value::Array(items) => names.extend(items.iter().cloned()),
            Value::Object(members) => {
                for (name, is_in) in members {
                    match is_in {
                        Value::Bool(true) => names.push(name.as_str().into()),
                        Value::Bool(false) | Value::Null => {}
                        other => {
                            let message = format!("a member of a set is true or false, not {}", shown(other));
                            self.within(name, |normal| normal.wrong(message));
                        }
                    }
                }
            }
            other => self.wrong(format!("it must be a set, not {}", shown(other))),
        }
        let mut members = Map::new();
        for name in names {
            let key = name.as_str().unwrap_or_default().to_owned();
            let value = self.within(&key, |normal| normal.item(item, &name, None));
            if let Value::String(member) = value {
                members.insert(member, true.into());
            }
        }
        let mut sorted: Vec<_> = members.into_iter().collect();
        match item {
            Kind::Choice(words) => {
                sorted.sort_by_key(|(name, _)| words.iter().position(|word| word.name == *name));
            }
            _ => sorted.sort_by(|(left, _), (right, _)| left.cmp(right)),
        }
        Value::Object(sorted.into_iter().collect())
    }
}

impl Shape {
    fn has_bare(&self, name: &str) -> bool {
        let known =
            |variant: &Variant| variant.name.as_deref() == Some(name) && variant.properties.is_empty();
        self.variants.iter().any(known)
    }
}

impl Kind {
    fn words(&self) -> &'static str {
        match self {
            Kind::Text(_) | Kind::Reference(_) => "a text",
            Kind::Boolean => "true or false",
            Kind::Integer(_) => "a whole number",
            Kind::Duration => "a whole number of milliseconds",
            Kind::Size(_) => "a whole number of bytes",
            Kind::Choice(_) => "one of its words",
            Kind::List(_) => "a list",
            Kind::Set(_) => "a set",
            Kind::Object(_) => "an object",
            Kind::Expression(_) => "an expression",
        }
    }
}

/// A value that is wrong, cut to what an error message bears.
/// Whether what was written here may be a secret in the wrong place: it is not repeated.
fn is_secret(kind: &Kind, attributes: Attributes) -> bool {
    let holds_one = |variant: &Variant| variant.properties.iter().any(|property| property.attributes.masked);
    attributes.masked || matches!(kind, Kind::Object(shape) if shape.variants.iter().any(holds_one))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 60;
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(CHARS_MAX) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}
