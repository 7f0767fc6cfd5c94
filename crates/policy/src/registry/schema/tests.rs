//! Does the schema say enough, and the same as the pages?

use super::*;

/// All properties of a shape, those within included, each with its path.
fn properties(shape: &Shape, path: &str) -> Vec<(String, Property)> {
    let mut all = Vec::new();
    for variant in &shape.variants {
        let name = variant.name.as_deref().map_or(String::new(), |name| format!("({name})"));
        for property in &variant.properties {
            let path = format!("{path}{name}.{}", property.name);
            all.push((path.clone(), property.clone()));
            let inner = match &property.kind {
                Kind::List(item) | Kind::Set(item) => item,
                kind => kind,
            };
            if let Kind::Object(shape) = inner {
                all.extend(properties(shape, &path));
            }
        }
    }
    all
}

#[test]
fn every_property_has_help_and_a_default_or_is_required() {
    let mut poor = Vec::new();
    for kind in ObjectType::all() {
        let schema = schema(kind);
        assert!(schema.help.ends_with('.'), "{kind}");
        for (path, property) in properties(&schema.shape, kind.name()) {
            let settled = property.required || property.nullable || !property.default.is_null();
            if property.help.len() < 10 || !settled {
                poor.push(format!("{path}: help {:?}, default {}", property.help, property.default));
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}
