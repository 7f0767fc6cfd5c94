//! The settings objects as JSON Schema (2020-12).

use policy::registry::schema::{Kind, Property, Shape, TextKind, TypeSchema, Variant};
use serde_json::{Map, Value, json};

/// The schema of a type of objects.
pub(super) fn of_type(schema: &TypeSchema) -> Value {
    let mut whole = of_shape(&schema.shape);
    whole["description"] = schema.help.as_str().into();
    whole
}

fn of_shape(shape: &Shape) -> Value {
    match shape.variants.as_slice() {
        [only] => of_variant(only),
        several => json!({ "type": "object", "oneOf": several.iter().map(of_variant).collect::<Vec<_>>() }),
    }
}

fn of_variant(variant: &Variant) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    if let Some(name) = &variant.name {
        properties.insert("@type".to_owned(), json!({ "const": name }));
        required.push("@type");
    }
    for property in &variant.properties {
        properties.insert(property.name.clone(), of_property(property));
        if property.required {
            required.push(&property.name);
        }
    }
    json!({
        "type": "object", "description": variant.help, "properties": properties,
        "required": required, "additionalProperties": false,
    })
}

fn of_property(property: &Property) -> Value {
    let attributes = property.attributes;
    let mut schema = of_kind(&property.kind);
    if property.nullable {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    schema["description"] = property.help.as_str().into();
    if !property.default.is_null() {
        schema["default"] = property.default.clone();
    }
    if attributes.server_set {
        schema["readOnly"] = true.into();
    }
    if attributes.masked {
        schema["writeOnly"] = true.into();
    }
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text(text) => of_text(*text),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer(bounds) | Kind::Size(bounds) => {
            let mut schema = json!({ "type": "integer", "minimum": bounds.min });
            if let Some(max) = bounds.max {
                schema["maximum"] = max.into();
            }
            schema
        }
        Kind::Duration => json!({ "type": "integer", "minimum": 1, "x-unit": "ms" }),
        Kind::Choice(words) => json!({ "enum": words.iter().map(|word| &word.name).collect::<Vec<_>>() }),
        Kind::Reference(kind) => json!({ "type": "string", "x-reference": kind.name() }),
        Kind::List(item) => json!({
            "type": "object", "description": "a list: the keys are 0, 1, …",
            "patternProperties": { "^(0|[1-9][0-9]*)$": of_kind(item) }, "additionalProperties": false,
        }),
        Kind::Set(item) => json!({
            "type": "object", "description": "a set: each member is a key",
            "propertyNames": of_kind(item), "additionalProperties": { "type": "boolean" },
        }),
        Kind::Object(shape) => of_shape(shape),
        Kind::Expression(_) => json!({ "$ref": "#/components/schemas/Expression" }),
    }
}

fn of_text(text: TextKind) -> Value {
    let format = match text {
        TextKind::Plain(bytes) => {
            let mut schema = json!({ "type": "string", "minLength": 1 });
            if let Some(bytes) = bytes {
                schema["maxLength"] = bytes.into();
            }
            return schema;
        }
        TextKind::Lines | TextKind::Path | TextKind::Place => {
            return json!({ "type": "string", "minLength": 1 });
        }
        TextKind::Host | TextKind::Domain => "hostname",
        TextKind::Ip => {
            return json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }], "type": "string" });
        }
        TextKind::Address => "email",
        TextKind::Url => "uri",
    };
    json!({ "type": "string", "format": format })
}
