//! Reads the schema as the server sends it.

use serde_json::Value;

use super::{Bounds, Kind, Property, Schema, Type, Variant};
use crate::failure::Failure;

/// Objects within objects at most.
const DEPTH_MAX: usize = 16;

impl Schema {
    /// Reads the document.
    pub(crate) fn of(document: &Value) -> Result<Self, Failure> {
        let list = match document {
            Value::Array(list) => list.iter().collect(),
            Value::Object(members) => match members.get("types").or_else(|| members.get("objects")) {
                Some(Value::Array(list)) => list.iter().collect(),
                Some(Value::Object(map)) => map.values().collect(),
                _ => members.values().collect(),
            },
            _ => Vec::new(),
        };
        let types: Vec<Type> = list.into_iter().filter_map(object_type).collect();
        if types.is_empty() { Err(Failure::strange("the schema has no types")) } else { Ok(Schema { types }) }
    }
}

fn object_type(value: &Value) -> Option<Type> {
    Some(Type {
        name: value.get("object")?.as_str()?.trim_start_matches("x:").to_owned(),
        help: text(value, "help"),
        singleton: flag(value, "singleton"),
        label: value.get("label").and_then(Value::as_str).map(str::to_owned),
        variants: variants(value, DEPTH_MAX),
        described: true,
    })
}

fn variants(value: &Value, depth: usize) -> Vec<Variant> {
    let list = value.get("variants").and_then(Value::as_array).filter(|_| depth > 0);
    list.into_iter().flatten().map(|value| variant(value, depth - 1)).collect()
}

fn variant(value: &Value, depth: usize) -> Variant {
    let properties = value.get("properties").and_then(Value::as_array);
    Variant {
        name: value.get("name").and_then(Value::as_str).map(str::to_owned),
        help: text(value, "help"),
        properties: properties.into_iter().flatten().filter_map(|value| property(value, depth)).collect(),
    }
}

fn property(value: &Value, depth: usize) -> Option<Property> {
    Some(Property {
        name: value.get("name")?.as_str()?.to_owned(),
        help: text(value, "help"),
        kind: kind(value, depth),
        required: flag(value, "required"),
        nullable: flag(value, "nullable"),
        default: value.get("default").cloned().unwrap_or_default(),
        read_only: flag(value, "readOnly"),
        server_set: flag(value, "serverSet"),
        indexed: flag(value, "indexed"),
        secret: flag(value, "secret"),
    })
}

fn kind(value: &Value, depth: usize) -> Kind {
    let bounds = || Bounds {
        min: value.get("min").and_then(Value::as_u64),
        max: value.get("max").and_then(Value::as_u64),
    };
    let item = || {
        let item = value.get("item").filter(|_| depth > 0);
        Box::new(item.map_or(Kind::Other, |item| kind(item, depth - 1)))
    };
    match value.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "boolean" => Kind::Boolean,
        "integer" => Kind::Integer(bounds()),
        "duration" => Kind::Duration,
        "size" => Kind::Size(bounds()),
        "choice" => Kind::Choice(choice(value)),
        "reference" => Kind::Reference(text(value, "to")),
        "list" => Kind::List(item()),
        "set" => Kind::Set(item()),
        "object" => Kind::Object(variants(value, depth)),
        "expression" => Kind::Expression {
            context: text(value, "context"),
            yields: value.get("yields").and_then(Value::as_str).map(str::to_owned),
        },
        "" => Kind::Other,
        other => Kind::Text(other.to_owned()),
    }
}

fn choice(value: &Value) -> Vec<(String, String)> {
    let members = value.get("members").and_then(Value::as_array);
    members.into_iter().flatten().map(|member| (text(member, "name"), text(member, "help"))).collect()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}
