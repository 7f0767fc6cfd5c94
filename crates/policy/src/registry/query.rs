//! Which objects match a filter, and in which order?

use std::cmp::Ordering;

use serde_json::Value;

use super::schema::{TypeSchema, schema};
use super::{Document, Id, Query, QueryAnswer, Registry, Unanswerable};
use crate::settings::ObjectType;

/// Whether an order is the one that is asked for.
type Holds = fn(Ordering) -> bool;

/// The comparisons that ordered properties offer, by the end of the condition's name.
const SUFFIXES: [(&str, Holds); 4] = [
    ("IsGreaterThanOrEqual", Ordering::is_ge),
    ("IsGreaterThan", Ordering::is_gt),
    ("IsLessThanOrEqual", Ordering::is_le),
    ("IsLessThan", Ordering::is_lt),
];

/// Looks into the name and the description, wherever it stands there.
const TEXT: &str = "text";

struct Condition<'q> {
    property: &'q str,
    holds: Holds,
    value: &'q Value,
}

impl Registry {
    /// Which objects match.
    pub fn query(&self, kind: ObjectType, query: &Query) -> Result<QueryAnswer, Unanswerable> {
        if kind.is_singleton() {
            return Err(Unanswerable::new("unknownMethod", format!("there is only one {kind}")));
        }
        let schema = schema(kind);
        let mut conditions = Vec::new();
        for (name, value) in &query.filter {
            conditions.push(condition(schema, name, value)?);
        }
        for (property, _) in &query.sort {
            if property != "id" && !is_indexed(schema, property) {
                let message = format!("objects cannot be sorted by {property}");
                return Err(Unanswerable::new("unsupportedSort", message));
            }
        }
        let matching = |(_, document): &(Id, &Document)| conditions.iter().all(|one| one.holds(document));
        let mut found: Vec<(Id, &Document)> = self.of(kind).filter(matching).collect();
        found.sort_by(|left, right| order(query, left, right));
        let position = position(query, &found)?;
        let ids = found.iter().skip(position).take(query.limit.unwrap_or(usize::MAX)).map(|(id, _)| *id);
        let total = query.calculate_total.then_some(found.len());
        Ok(QueryAnswer { position, ids: ids.collect(), total })
    }
}

fn is_indexed(schema: &TypeSchema, property: &str) -> bool {
    let variants = schema.shape.variants.iter();
    variants.flat_map(|variant| &variant.properties).any(|one| one.name == property && one.attributes.indexed)
}

fn condition<'q>(
    schema: &TypeSchema,
    name: &'q str,
    value: &'q Value,
) -> Result<Condition<'q>, Unanswerable> {
    let unsupported = || {
        let message = format!("{} objects cannot be filtered by {name}", schema.kind);
        Err(Unanswerable::new("unsupportedFilter", message))
    };
    if !value.is_string() {
        return unsupported();
    }
    if name == TEXT || is_indexed(schema, name) {
        return Ok(Condition { property: name, holds: Ordering::is_eq, value });
    }
    for (suffix, holds) in SUFFIXES {
        if let Some(property) = name.strip_suffix(suffix).filter(|property| is_indexed(schema, property)) {
            return Ok(Condition { property, holds, value });
        }
    }
    unsupported()
}

impl Condition<'_> {
    fn holds(&self, document: &Document) -> bool {
        let wanted = self.value.as_str().unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if self.property == TEXT {
            let wanted = wanted.to_lowercase();
            let texts = ["name", "description"].into_iter().filter_map(text);
            return texts.into_iter().any(|text| text.to_lowercase().contains(&wanted));
        }
        text(self.property).is_some_and(|text| (self.holds)(text.cmp(wanted)))
    }
}

/// The latest first, unless said.
fn order(query: &Query, left: &(Id, &Document), right: &(Id, &Document)) -> Ordering {
    let text =
        |document: &Document, name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    for (property, ascends) in &query.sort {
        let order = match property.as_str() {
            "id" => left.0.cmp(&right.0),
            name => text(left.1, name).cmp(&text(right.1, name)),
        };
        let order = if *ascends { order } else { order.reverse() };
        if order.is_ne() {
            return order;
        }
    }
    right.0.cmp(&left.0)
}

/// RFC 8620 section 5.5.
fn position(query: &Query, found: &[(Id, &Document)]) -> Result<usize, Unanswerable> {
    let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let from = match &query.anchor {
        Some((anchor, offset)) => {
            let place = found.iter().position(|(id, _)| id.to_string() == *anchor);
            let place = place.and_then(|place| i64::try_from(place).ok());
            let missing =
                || Unanswerable::new("anchorNotFound", format!("{anchor} is not among the results"));
            place.ok_or_else(missing)?.saturating_add(*offset)
        }
        None if query.position < 0 => count.saturating_add(query.position),
        None => query.position,
    };
    Ok(usize::try_from(from.max(0)).unwrap_or(usize::MAX).min(found.len()))
}
