//! `waypost query`: which objects are there? A table.

use serde_json::{Map, Value, json};

use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::schema::{Kind, Property, Type};
use crate::{objects, render, values};

/// Columns of a table that nobody has chosen.
const COLUMNS_MAX: usize = 6;

/// Which objects.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The type, such as `MtaRoute` or just `route`; `waypost describe` lists them.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// Only objects that are so: `name=mx`, `port>=500`; may be given several times, and then all must hold.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// These properties as columns, with commas between.
    #[arg(long, value_name = "PROPERTIES", value_delimiter = ',')]
    fields: Vec<String>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Lists them.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(&args.kind)?;
    let conditions: Result<Vec<Condition>, Failure> =
        args.conditions.iter().map(|text| Condition::parse(text, &kind)).collect();
    let conditions = conditions?;
    let filter = filter(&conditions, &kind);
    let mut found = objects::all(desk, &kind, Value::Object(filter)).await?;
    found.retain(|object| conditions.iter().all(|condition| condition.holds(object)));
    found.truncate(args.limit.unwrap_or(usize::MAX));
    let columns = columns(&kind, args, &found);
    let picked: Vec<Value> = found
        .iter()
        .map(|object| {
            Value::Object(columns.iter().map(|name| (name.clone(), at(object, name).clone())).collect())
        })
        .collect();
    let as_json = if args.fields.is_empty() { Value::Array(found.clone()) } else { Value::Array(picked) };
    if !desk.json {
        found = objects::readable(desk, &kind, found).await?;
    }
    desk.show(&as_json, |look| text(look, &kind, &columns, &found));
    Ok(())
}

fn text(look: &Look, kind: &Type, columns: &[String], found: &[Value]) -> String {
    if found.is_empty() {
        return format!("there is no such {}\n", kind.name);
    }
    let heads: Vec<String> = columns.iter().map(|name| heading(name)).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    for object in found {
        let cell = |name: &String| {
            let path: Vec<&str> = name.split('/').collect();
            render::cell(Some(at(object, name)), &kind.kind_at(&path))
        };
        table.row(columns.iter().map(cell).collect());
    }
    look.table(&table)
}

/// The label first, then what is short and differs.
fn columns(kind: &Type, args: &Args, found: &[Value]) -> Vec<String> {
    if !args.fields.is_empty() {
        return args.fields.clone();
    }
    let mut columns = vec!["id".to_owned()];
    columns.extend(kind.label.clone());
    if kind.has_variants() {
        columns.push("@type".to_owned());
    }
    let properties = kind.variants.iter().flat_map(|variant| &variant.properties);
    let mut described: Vec<&Property> = properties
        .filter(|property| {
            !property.secret && !matches!(property.kind, Kind::Object(_) | Kind::Expression { .. })
        })
        .collect();
    // What must be said, says most.
    described.sort_by_key(|property| !property.required);
    let tells = |name: &str, default: &Value| {
        let values = found.iter().filter_map(|object| object.get(name));
        values.into_iter().any(|value| !value.is_null() && *value != json!({}) && value != default)
    };
    let described = described.into_iter().map(|property| (property.name.clone(), property.default.clone()));
    let met = found.iter().filter_map(Value::as_object).flat_map(Map::keys);
    let met = met.filter(|_| !kind.described).map(|name| (name.clone(), Value::Null));
    for (name, default) in described.chain(met) {
        if columns.len() < COLUMNS_MAX && !columns.contains(&name) && tells(&name, &default) {
            columns.push(name);
        }
    }
    columns
}

/// `ipLookupStrategy` as `IP LOOKUP STRATEGY`.
fn heading(name: &str) -> String {
    let mut out = String::new();
    for c in shown(name).trim_start_matches('@').chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_uppercase());
    }
    out
}

fn at<'a>(object: &'a Value, name: &str) -> &'a Value {
    let parts = values::path(name).unwrap_or_default();
    parts.iter().fold(object, |value, part| value.get(part).unwrap_or(&Value::Null))
}

/// One condition on a property.
#[derive(Clone, PartialEq, Debug)]
struct Condition {
    property: String,
    operator: Operator,
    value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Condition {
    fn parse(text: &str, kind: &Type) -> Result<Self, Failure> {
        let signs = [
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            ("=", Operator::Equal),
            (">", Operator::Greater),
            ("<", Operator::Less),
        ];
        let found = signs.iter().filter_map(|(sign, operator)| Some((text.find(sign)?, sign, *operator)));
        let (at, sign, operator) =
            found.min_by_key(|(at, sign, _)| (*at, 2 - sign.len())).ok_or_else(|| {
                Failure::usage(format!("`{text}` is no condition: write property=value, or with > < >= <="))
            })?;
        let property = text[..at].trim().to_owned();
        let path = values::path(&property).unwrap_or_default();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if path.is_empty() || (kind.described && path != ["id"] && matches!(kind.kind_at(&path), Kind::Other))
        {
            let failure = Failure::usage(format!("{} has no property `{property}`", kind.name));
            return Err(failure.hint(format!("`waypost describe {}` lists them", kind.name)));
        }
        let value = values::meant(text[at + sign.len()..].trim(), &kind.kind_at(&path))
            .map_err(|why| Failure::usage(format!("`{text}`: {why}")))?;
        Ok(Condition { property, operator, value })
    }

    /// The server's name for it.
    fn filter_name(&self) -> String {
        let suffix = match self.operator {
            Operator::Equal => "",
            Operator::Greater => "IsGreaterThan",
            Operator::GreaterOrEqual => "IsGreaterThanOrEqual",
            Operator::Less => "IsLessThan",
            Operator::LessOrEqual => "IsLessThanOrEqual",
        };
        format!("{}{suffix}", self.property)
    }

    fn holds(&self, object: &Value) -> bool {
        let own = at(object, &self.property);
        let ordering = match (own, &self.value) {
            (Value::Number(own), Value::Number(other)) => own.as_f64().partial_cmp(&other.as_f64()),
            (Value::String(own), Value::String(other)) => Some(own.cmp(other)),
            (own, other) => (own == other).then_some(std::cmp::Ordering::Equal),
        };
        ordering.is_some_and(|ordering| match self.operator {
            Operator::Equal => ordering.is_eq(),
            Operator::Greater => ordering.is_gt(),
            Operator::GreaterOrEqual => ordering.is_ge(),
            Operator::Less => ordering.is_lt(),
            Operator::LessOrEqual => ordering.is_le(),
        })
    }
}

/// What the server can filter by; the rest is looked at here.
fn filter(conditions: &[Condition], kind: &Type) -> Map<String, Value> {
    let indexed = |condition: &&Condition| {
        !kind.described && condition.property != "id"
            || kind.property(&condition.property).is_some_and(|property| property.indexed)
    };
    conditions
        .iter()
        .filter(indexed)
        .map(|condition| (condition.filter_name(), condition.value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::sample;

    #[test]
    fn conditions_are_read() {
        let schema = sample();
        let kind = schema.exact("MtaRoute").unwrap();
        let check = |text: &str, name: &str, value: Value| {
            let condition = Condition::parse(text, kind).unwrap();
            assert_eq!((condition.filter_name().as_str(), &condition.value), (name, &value));
        };
        check("name=mx", "name", json!("mx"));
        check("port >= 500", "portIsGreaterThanOrEqual", json!(500));
        check("port<500", "portIsLessThan", json!(500));
        check("name=a>b", "name", json!("a>b"));
        check("@type=Relay", "@type", json!("Relay"));
        for wrong in ["name", "=x", "prot=5", "port=x"] {
            assert!(Condition::parse(wrong, kind).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_server_cannot_filter_by_is_looked_at_here() {
        let schema = sample();
        let kind = schema.exact("MtaRoute").unwrap();
        let conditions =
            [Condition::parse("name=a", kind).unwrap(), Condition::parse("port>100", kind).unwrap()];
        assert_eq!(Value::Object(filter(&conditions, kind)), json!({"name": "a"}));
        assert!(conditions[1].holds(&json!({"port": 587})));
        assert!(!conditions[1].holds(&json!({"port": 25})) && !conditions[1].holds(&json!({})));
    }
}
