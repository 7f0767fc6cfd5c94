//! Is an object that is there the one that a body means? Is it in a scope?

use std::cmp::Ordering;

use serde_json::Value;

use super::operation::MatchOn;
use crate::schema::{Kind, Type};

/// Whether `body` and `object` are the same thing.
pub(super) fn same(kind: &Type, match_on: Option<&MatchOn>, body: &Value, object: &Value) -> bool {
    if kind.has_variants() && body.get("@type") != object.get("@type") {
        return false;
    }
    let equal = |name: &str| own(kind, body, name, Value::Null) == own(kind, object, name, Value::Null);
    match (match_on, &kind.label) {
        (Some(MatchOn::Properties(names)), _) => names.iter().all(|name| equal(name)),
        (None, Some(label)) => equal(label),
        (Some(MatchOn::Everything), _) | (None, None) => {
            let variant = kind.variant_of(object);
            let properties = variant.map(|variant| variant.properties.as_slice()).unwrap_or_default();
            let mut scalars =
                properties.iter().filter(|property| !property.secret && is_scalar(&property.kind));
            scalars.all(|property| {
                let default = property.default.clone();
                own(kind, body, &property.name, default.clone()) == own(kind, object, &property.name, default)
            })
        }
    }
}

/// A property of an object; null and absent are the same.
fn own(kind: &Type, object: &Value, name: &str, absent: Value) -> Value {
    match object.get(name) {
        None | Some(Value::Null) => absent,
        // The server keeps host names and the like in lower case.
        Some(Value::String(text)) if is_folded(kind, name) => text.trim().to_lowercase().into(),
        Some(value) => value.clone(),
    }
}

fn is_folded(kind: &Type, name: &str) -> bool {
    kind.property(name).is_some_and(|property| {
        matches!(&property.kind, Kind::Text(what) if matches!(what.as_str(), "host" | "place" | "domain" | "address"))
    })
}

fn is_scalar(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Text(_)
            | Kind::Boolean
            | Kind::Integer(_)
            | Kind::Duration
            | Kind::Size(_)
            | Kind::Choice(_)
            | Kind::Reference(_)
    )
}

/// Whether an object has all that a scope says.
pub(super) fn in_scope(object: &Value, scope: &Value) -> bool {
    scope.as_object().into_iter().flatten().all(|(name, wanted)| object.get(name) == Some(wanted))
}

type Holds = fn(Ordering) -> bool;

/// The comparisons of filters, by the end of their names; the longest first.
const COMPARISONS: [(&str, Holds); 4] = [
    ("IsGreaterThanOrEqual", Ordering::is_ge),
    ("IsLessThanOrEqual", Ordering::is_le),
    ("IsGreaterThan", Ordering::is_gt),
    ("IsLessThan", Ordering::is_lt),
];

/// Whether objects of a type can be filtered by this name.
pub(super) fn is_filter(kind: &Type, name: &str) -> bool {
    let known = |name: &str| name == "@type" || name == "id" || kind.property(name).is_some();
    known(name) || COMPARISONS.iter().any(|(end, _)| name.strip_suffix(end).is_some_and(known))
}

/// Whether an object passes one condition of a filter.
pub(super) fn passes(object: &Value, name: &str, wanted: &Value) -> bool {
    let null = Value::Null;
    let comparison = COMPARISONS.iter().find_map(|(end, holds)| Some((name.strip_suffix(end)?, holds)));
    let Some((property, holds)) = comparison.filter(|_| object.get(name).is_none()) else {
        return object.get(name).unwrap_or(&null) == wanted;
    };
    let ordering = match (object.get(property).unwrap_or(&null), wanted) {
        (Value::Number(own), Value::Number(wanted)) => own.as_f64().partial_cmp(&wanted.as_f64()),
        (Value::String(own), Value::String(wanted)) => Some(own.cmp(wanted)),
        _ => None,
    };
    ordering.is_some_and(holds)
}
