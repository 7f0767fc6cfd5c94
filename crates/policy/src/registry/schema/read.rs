//! From the JSON Schema that the structs declare to our own model.

use serde_json::{Map, Value};

use super::{Attributes, Bounds, Choice, ExpressionKind, Kind, Property, Shape, TextKind, Variant};
use crate::expr::Context;
use crate::registry::TYPE;
use crate::settings::ObjectType;

/// One struct, or one variant of an enum.
pub(super) fn variant(name: Option<&str>, schema: &Value) -> Variant {
    let required: Vec<&str> = array(schema, "required").iter().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties = properties.filter(|(name, _)| *name != TYPE);
    Variant {
        name: name.map(str::to_owned),
        help: help(schema),
        properties: properties
            .map(|(name, schema)| property(name, schema, required.contains(&name.as_str())))
            .collect(),
    }
}

fn property(name: &str, schema: &Value, required: bool) -> Property {
    let (inner, nullable) = without_null(schema);
    let kind = kind(&inner, schema);
    let default = match schema.get("default").or_else(|| inner.get("default")) {
        _ if required => Value::Null,
        Some(Value::Array(_)) | None if matches!(kind, Kind::List(_) | Kind::Set(_)) => default_items(schema),
        Some(default) => default.clone(),
        None => Value::Null,
    };
    let nullable = nullable || matches!(kind, Kind::Expression(_)) && default.is_null();
    Property {
        name: name.to_owned(),
        help: help(schema),
        kind,
        nullable,
        required,
        default,
        attributes: attributes(schema, &inner),
    }
}

/// An array, in the form of documents.
fn default_items(schema: &Value) -> Value {
    let items = array(schema, "default").iter().enumerate();
    let numbered: Map<_, _> = items.map(|(place, item)| (place.to_string(), item.clone())).collect();
    Value::Object(numbered)
}

/// The schema without null, and whether null was in it.
fn without_null(schema: &Value) -> (Value, bool) {
    if let Some(types) = schema["type"].as_array() {
        let rest: Vec<&Value> = types.iter().filter(|name| *name != "null").collect();
        let mut inner = schema.clone();
        if let [only] = rest.as_slice() {
            inner["type"] = (*only).clone();
        }
        return (inner, rest.len() < types.len());
    }
    let any = array(schema, "anyOf");
    let (nulls, rest): (Vec<_>, Vec<_>) = any.iter().partition(|part| part["type"] == "null");
    match (nulls.is_empty(), rest.as_slice()) {
        (false, [only]) => ((*only).clone(), true),
        _ => (schema.clone(), false),
    }
}

fn kind(schema: &Value, outer: &Value) -> Kind {
    let minimum = schema["minimum"].as_u64().unwrap_or(0);
    let bounds = Bounds { min: minimum, max: schema["maximum"].as_u64() };
    match text(schema, "x-kind") {
        Some("expression") => return Kind::Expression(expression(outer)),
        Some("duration") => return Kind::Duration,
        Some("size") => return Kind::Size(bounds),
        Some("reference") => {
            let to = text(outer, "x-to").and_then(ObjectType::named);
            return Kind::Reference(to.expect("a reference names its type"));
        }
        Some(other) => return Kind::Text(text_kind(other, schema)),
        None => {}
    }
    let one_of = array(schema, "oneOf");
    if !one_of.is_empty() {
        let is_word = |part: &Value| part["type"] == "string";
        return match one_of.iter().all(is_word) {
            true => Kind::Choice(one_of.iter().flat_map(words).collect()),
            false => Kind::Object(Shape { variants: one_of.iter().map(nested).collect() }),
        };
    }
    match schema["type"].as_str() {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer(bounds),
        Some("array") if schema["uniqueItems"] == true => Kind::Set(Box::new(item(schema))),
        Some("array") => Kind::List(Box::new(item(schema))),
        Some("object") => Kind::Object(Shape { variants: vec![variant(None, schema)] }),
        _ => Kind::Text(TextKind::Plain(schema["maxLength"].as_u64().and_then(|max| max.try_into().ok()))),
    }
}

fn item(schema: &Value) -> Kind {
    let item = schema.get("items").unwrap_or(&Value::Null);
    kind(item, item)
}

/// A word with its help; words without help stand in one list.
fn words(schema: &Value) -> Vec<Choice> {
    let word =
        |word: &Value| Choice { name: word.as_str().unwrap_or_default().to_owned(), help: help(schema) };
    match schema.get("const") {
        Some(constant) => vec![word(constant)],
        None => array(schema, "enum").iter().map(word).collect(),
    }
}

fn nested(schema: &Value) -> Variant {
    variant(schema["properties"][TYPE]["const"].as_str(), schema)
}

fn expression(schema: &Value) -> ExpressionKind {
    let context = text(schema, "x-context").and_then(Context::named);
    ExpressionKind {
        context: context.expect("an expression says where it is evaluated"),
        yields: text(schema, "x-yields").and_then(ObjectType::named),
    }
}

fn text_kind(name: &str, schema: &Value) -> TextKind {
    match name {
        "lines" => TextKind::Lines,
        "host" => TextKind::Host,
        "place" => TextKind::Place,
        "ip" => TextKind::Ip,
        "domain" => TextKind::Domain,
        "address" => TextKind::Address,
        "path" => TextKind::Path,
        "url" => TextKind::Url,
        _ => TextKind::Plain(schema["maxLength"].as_u64().and_then(|max| max.try_into().ok())),
    }
}

fn attributes(outer: &Value, inner: &Value) -> Attributes {
    let all = text(outer, "x-attributes").or_else(|| text(inner, "x-attributes")).unwrap_or_default();
    let has = |letters: &str| all.split(' ').any(|word| word == letters);
    Attributes {
        immutable: has("RO"),
        server_set: has("SS"),
        key: has("K"),
        indexed: has("I"),
        masked: has("M"),
        hashed: has("hashed"),
    }
}

fn help(schema: &Value) -> String {
    text(schema, "description").unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text<'v>(schema: &'v Value, name: &str) -> Option<&'v str> {
    schema.get(name)?.as_str()
}

fn array<'v>(schema: &'v Value, name: &str) -> &'v [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
