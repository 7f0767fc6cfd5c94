//! A schema as programs read it: what drives `describe`, the forms of the UI, and `/api/schema`.

use serde_json::{Map, Value, json};

use super::{Kind, Property, Shape, TextKind, TypeSchema, Variant};

impl TypeSchema {
    /// The whole type.
    pub fn json(&self) -> Value {
        json!({
            "object": self.kind.name(),
            "singleton": self.kind.is_singleton(),
            "help": self.help,
            "label": self.label,
            "variants": variants(&self.shape),
        })
    }
}

fn variants(shape: &Shape) -> Vec<Value> {
    shape.variants.iter().map(variant).collect()
}

fn variant(variant: &Variant) -> Value {
    json!({
        "name": variant.name,
        "help": variant.help,
        "properties": variant.properties.iter().map(property).collect::<Vec<_>>(),
    })
}

/// The kind's members stand beside the property's own.
fn property(property: &Property) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("name", property.name.as_str().into());
    put("help", property.help.as_str().into());
    put("required", property.required.into());
    put("nullable", property.nullable.into());
    put("default", property.default.clone());
    let attributes = property.attributes;
    put("readOnly", attributes.immutable.into());
    put("serverSet", attributes.server_set.into());
    put("key", attributes.key.into());
    put("indexed", attributes.indexed.into());
    put("secret", attributes.masked.into());
    members.extend(kind(&property.kind));
    Value::Object(members)
}

fn kind(kind: &Kind) -> Map<String, Value> {
    let members = match kind {
        Kind::Text(text) => json!({ "kind": text_kind(*text), "maxLength": length(*text) }),
        Kind::Boolean => json!({ "kind": "boolean" }),
        Kind::Integer(bounds) => json!({ "kind": "integer", "min": bounds.min, "max": bounds.max }),
        Kind::Duration => json!({ "kind": "duration", "unit": "ms", "min": 1 }),
        Kind::Size(bounds) => {
            json!({ "kind": "size", "unit": "bytes", "min": bounds.min, "max": bounds.max })
        }
        Kind::Choice(words) => {
            let words = words.iter().map(|word| json!({ "name": word.name, "help": word.help }));
            json!({ "kind": "choice", "members": words.collect::<Vec<_>>() })
        }
        Kind::Reference(kind) => json!({ "kind": "reference", "to": kind.name() }),
        Kind::List(item) => json!({ "kind": "list", "item": self::kind(item) }),
        Kind::Set(item) => json!({ "kind": "set", "item": self::kind(item) }),
        Kind::Object(shape) => json!({ "kind": "object", "variants": variants(shape) }),
        Kind::Expression(expression) => json!({
            "kind": "expression",
            "context": expression.context.word(),
            "yields": expression.yields.map(|kind| kind.name()),
        }),
    };
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn text_kind(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Plain(_) => "text",
        TextKind::Lines => "lines",
        TextKind::Host => "host",
        TextKind::Place => "place",
        TextKind::Ip => "ip",
        TextKind::Domain => "domain",
        TextKind::Address => "address",
        TextKind::Path => "path",
        TextKind::Url => "url",
    }
}

fn length(kind: TextKind) -> Option<usize> {
    match kind {
        TextKind::Plain(length) => length,
        _ => None,
    }
}
