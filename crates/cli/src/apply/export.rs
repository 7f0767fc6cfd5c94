//! `waypost export` and `waypost snapshot`: the settings as a file that `apply` takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::desk::{Desk, json_text, print};
use crate::failure::Failure;
use crate::objects;
use crate::schema::{Kind, Property, Type};

/// Where it goes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write into this file instead of to standard output; it must not exist yet.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Which types, and where it goes.
#[derive(clap::Args, Debug)]
pub struct SnapshotArgs {
    /// Only objects of these types.
    #[arg(value_name = "TYPE")]
    types: Vec<String>,
    #[command(flatten)]
    args: Args,
}

/// Writes the settings file.
pub(crate) async fn export(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let answer = desk.client.ask("Settings", "export", json!({})).await?;
    let document = answer.get("document").ok_or_else(|| Failure::strange("an export without `document`"))?;
    // The document may come as JSON or as its text.
    let document = match document.as_str() {
        Some(text) => serde_json::from_str(text).map_err(|_| Failure::strange("the document is no JSON"))?,
        None => document.clone(),
    };
    write(&json_text(&document), args.output.as_deref())
}

/// Writes a line of operations for each type.
pub(crate) async fn snapshot(desk: &Desk<'_>, args: &SnapshotArgs) -> Result<(), Failure> {
    let schema = desk.schema().await?;
    let wanted: Result<Vec<Type>, Failure> = args.types.iter().map(|name| schema.find(name)).collect();
    let wanted = wanted?;
    let mut types: Vec<&Type> = schema.types.iter().collect();
    if !wanted.is_empty() {
        types.retain(|kind| wanted.iter().any(|wanted| wanted.name == kind.name));
    }
    types.sort_by_key(|kind| rank(kind, &schema.types, 0));
    let mut present: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for kind in &types {
        present.insert(kind.name.clone(), objects::all(desk, kind, json!({})).await?);
    }
    let lines: Vec<Value> = types.iter().flat_map(|kind| lines(kind, &present)).collect();
    if desk.json {
        return write(&json_text(&Value::Array(lines)), args.args.output.as_deref());
    }
    let text: String = lines.iter().map(|line| one_line(line) + "\n").collect();
    write(&text, args.args.output.as_deref())
}

fn one_line(line: &Value) -> String {
    // As in all JSON that is printed: nothing in it steers a terminal.
    let text = line.to_string();
    let escaped = |c: char| match c {
        c if c.is_control() || crate::paint::turns(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn write(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = output else {
        print(text);
        return Ok(());
    };
    let new = std::fs::File::options().write(true).create_new(true).open(path);
    new.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Types that others refer to come first.
fn rank(kind: &Type, all: &[Type], depth: usize) -> usize {
    let properties = kind.variants.iter().flat_map(|variant| &variant.properties);
    let below = properties.filter_map(|property| match &property.kind {
        Kind::Reference(to) if depth < all.len() && *to != kind.name => {
            all.iter().find(|other| other.name == *to)
        }
        _ => None,
    });
    below.map(|other| rank(other, all, depth + 1) + 1).max().unwrap_or(0)
}

fn lines(kind: &Type, present: &BTreeMap<String, Vec<Value>>) -> Vec<Value> {
    let objects = present.get(&kind.name).map(Vec::as_slice).unwrap_or_default();
    if kind.singleton {
        let patches = objects.iter().map(|object| body(kind, object, present));
        return patches
            .filter(|patch| patch.as_object().is_some_and(|patch| !patch.is_empty()))
            .map(|patch| json!({ "@type": "update", "object": kind.name, "id": objects::SINGLETON, "value": patch }))
            .collect();
    }
    let bodies: Map<String, Value> =
        objects.iter().map(|object| (label(kind, object), body(kind, object, present))).collect();
    let match_on = match &kind.label {
        Some(label) if is_unique(label, objects) => json!([label]),
        _ => json!("*"),
    };
    if bodies.is_empty() {
        return Vec::new();
    }
    vec![json!({ "@type": "upsert", "object": kind.name, "matchOn": match_on, "value": bodies })]
}

fn is_unique(label: &str, objects: &[Value]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    objects
        .iter()
        .all(|object| object.get(label).and_then(Value::as_str).is_some_and(|name| seen.insert(name)))
}

fn label(kind: &Type, object: &Value) -> String {
    format!("{}-{}", kind.name, object.get("id").and_then(Value::as_str).unwrap_or_default())
}

/// An object without secrets and what the server sets, its references as labels.
fn body(kind: &Type, object: &Value, present: &BTreeMap<String, Vec<Value>>) -> Value {
    let properties = kind.variant_of(object).map(|variant| variant.properties.as_slice()).unwrap_or_default();
    let mut body = Map::new();
    if let Some(variant) = object.get("@type") {
        body.insert("@type".to_owned(), variant.clone());
    }
    for property in properties.iter().filter(|property| !property.secret && !property.server_set) {
        if let Some(value) = object.get(&property.name).filter(|value| !value.is_null()) {
            body.extend(referring(property, value, present).map(|value| (property.name.clone(), value)));
        }
    }
    Value::Object(body)
}

fn referring(property: &Property, value: &Value, present: &BTreeMap<String, Vec<Value>>) -> Option<Value> {
    match (&property.kind, value.as_str()) {
        (Kind::Reference(to), Some(id)) if present.contains_key(to) => Some(format!("#{to}-{id}").into()),
        // Half of what has a secret could not be applied; without it, the secret that is there stays.
        _ => (!has_secret(value, &property.kind)).then(|| value.clone()),
    }
}

/// Whether there is a secret within a value.
fn has_secret(value: &Value, kind: &Kind) -> bool {
    let Value::Object(members) = value else { return false };
    match kind {
        Kind::Object(variants) => variants.iter().flat_map(|variant| &variant.properties).any(|property| {
            let value = members.get(&property.name).filter(|value| !value.is_null());
            value.is_some_and(|value| property.secret || has_secret(value, &property.kind))
        }),
        Kind::List(item) => members.values().any(|value| has_secret(value, item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::sample;

    // proves: 5.17 declarative apply
    #[test]
    fn a_snapshot_has_labels_for_ids_and_no_secrets() {
        let schema = sample();
        let mut present = BTreeMap::new();
        present.insert(
            "MtaVirtualQueue".to_owned(),
            vec![json!({"id": "b", "name": "remote", "threadsPerNode": 50})],
        );
        present.insert(
            "MtaDeliverySchedule".to_owned(),
            vec![json!({"id": "c", "name": "s", "queueId": "b", "description": null})],
        );
        present.insert(
            "MtaRoute".to_owned(),
            vec![json!({"id": "d", "@type": "Relay", "name": "r", "address": "x",
            "authSecret": {"@type": "Value", "secret": "****"}})],
        );
        present.insert(
            "MtaOutboundStrategy".to_owned(),
            vec![json!({"id": "singleton", "route": {"match": {}, "else": "'mx'"}})],
        );
        let lines = |name: &str| lines(schema.exact(name).unwrap(), &present);
        assert_eq!(
            lines("MtaDeliverySchedule"),
            [json!({"@type": "upsert", "object": "MtaDeliverySchedule", "matchOn": ["name"],
                "value": {"MtaDeliverySchedule-c": {"name": "s", "queueId": "#MtaVirtualQueue-b"}}})]
        );
        assert_eq!(
            lines("MtaRoute"),
            [json!({"@type": "upsert", "object": "MtaRoute", "matchOn": ["name"],
                "value": {"MtaRoute-d": {"@type": "Relay", "name": "r", "address": "x"}}})]
        );
        assert_eq!(
            lines("MtaOutboundStrategy"),
            [json!({"@type": "update", "object": "MtaOutboundStrategy", "id": "singleton",
                "value": {"route": {"match": {}, "else": "'mx'"}}})]
        );
        assert_eq!(lines("MtaOutboundThrottle"), Vec::<Value>::new());
        let rank = |name: &str| rank(schema.exact(name).unwrap(), &schema.types, 0);
        assert!(rank("MtaVirtualQueue") < rank("MtaDeliverySchedule"));
    }
}
