//! `waypost describe`: which types are there, and which properties has one?

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::render;
use crate::schema::{Bounds, Kind, Property, Schema, Type, Variant};

/// Of what.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A type, or one of its variants: `MtaRoute`, `MtaRoute/Relay`; all types if it is left out.
    #[arg(value_name = "TYPE[/VARIANT]")]
    kind: Option<String>,
}

/// Describes it.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let schema = desk.schema().await?;
    let Some(wanted) = &args.kind else {
        let as_json: Vec<Value> = schema.types.iter().map(type_json).collect();
        desk.show(&Value::Array(as_json), |look| overview(look, schema));
        return Ok(());
    };
    let (name, variant) =
        wanted.split_once('/').map_or((wanted.as_str(), None), |(name, variant)| (name, Some(variant)));
    let mut kind = schema.find(name)?;
    if let Some(variant) = variant {
        let found = kind.variant(variant).cloned().ok_or_else(|| {
            Failure::usage(format!("{} has no variant `{variant}`", kind.name))
                .hint(format!("`waypost describe {}` lists them", kind.name))
        })?;
        kind.variants = vec![found];
    }
    if !kind.described {
        return Err(Failure::failed(format!(
            "{} is no settings object: the server does not describe it",
            kind.name
        ))
        .hint(format!("`waypost query {}` shows what there is", kind.name)));
    }
    desk.show(&type_json(&kind), |look| type_text(look, &kind));
    Ok(())
}

fn overview(look: &Look, schema: &Schema) -> String {
    let mut table = Table::new(&["TYPE", "WHAT IT IS FOR"]);
    for kind in &schema.types {
        table.row(vec![look.paint.cyan(&shown(&kind.name)), shown(&kind.help)]);
    }
    look.table(&table) + "\nMore of one: waypost describe TYPE\n"
}

fn type_text(look: &Look, kind: &Type) -> String {
    let paint = look.paint;
    let mut out = format!("{}  {}\n", paint.bold(&kind.name), shown(&kind.help));
    if kind.singleton {
        out.push_str("There is always exactly one; it has no name.\n");
    }
    for variant in &kind.variants {
        if let Some(name) = &variant.name {
            let _ = write!(
                out,
                "\n{}  {}",
                paint.bold(&format!("{}/{}", kind.name, shown(name))),
                shown(&variant.help)
            );
            out.push('\n');
        }
        properties(look, &mut out, variant, 2);
    }
    out
}

/// A line a property, its help below; the properties of objects within, indented.
fn properties(look: &Look, out: &mut String, variant: &Variant, by: usize) {
    let pad = " ".repeat(by);
    for property in &variant.properties {
        let name = look.paint.cyan(&shown(&property.name));
        let _ = writeln!(out, "{pad}{name}  {}", look.paint.dim(&facts(property)));
        let room = look.columns.unwrap_or(100).saturating_sub(by + 6).max(30);
        for line in wrapped(&shown(&property.help), room) {
            let _ = writeln!(out, "{pad}    {line}");
        }
        for (name, help) in words(&property.kind) {
            if !help.is_empty() {
                let _ = writeln!(out, "{pad}    {}: {}", shown(name), shown(help));
            }
        }
        for inner in inner(&property.kind).iter().filter(|_| by < 10) {
            if let Some(name) = &inner.name {
                let _ = writeln!(out, "{pad}    {}  {}", look.paint.bold(&shown(name)), shown(&inner.help));
            }
            properties(look, out, inner, by + 6);
        }
    }
}

fn words(kind: &Kind) -> &[(String, String)] {
    match kind {
        Kind::Choice(words) => words,
        Kind::Set(item) | Kind::List(item) => words(item),
        _ => &[],
    }
}

fn inner(kind: &Kind) -> &[Variant] {
    match kind {
        Kind::Object(variants) => variants,
        Kind::Set(item) | Kind::List(item) => inner(item),
        _ => &[],
    }
}

/// What can be said of a property in few words: its kind, bounds, default, attributes.
fn facts(property: &Property) -> String {
    let mut facts = vec![kind_words(&property.kind)];
    if property.required {
        facts.push("required".to_owned());
    } else if !property.default.is_null() {
        let default = render::cell(Some(&property.default), &property.kind);
        if default != "-" {
            facts.push(format!("default {default}"));
        }
    } else if property.nullable {
        facts.push("optional".to_owned());
    }
    let marks = [
        (property.read_only, "cannot be changed later"),
        (property.server_set, "set by the server"),
        (property.secret, "never shown"),
        (property.indexed, "filter"),
    ];
    facts.extend(marks.into_iter().filter(|(holds, _)| *holds).map(|(_, words)| words.to_owned()));
    facts.join(", ")
}

fn kind_words(kind: &Kind) -> String {
    match kind {
        Kind::Text(what) => shown(what),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer(bounds) => format!("number{}", between(*bounds)),
        Kind::Duration => "duration (5m, or milliseconds)".to_owned(),
        Kind::Size(bounds) => format!("size (10MB, or bytes){}", between(*bounds)),
        Kind::Choice(words) => words.iter().map(|(name, _)| shown(name)).collect::<Vec<_>>().join(" | "),
        Kind::Reference(to) => format!("name or id of a {}", shown(to)),
        Kind::List(item) => format!("list of {}", kind_words(item)),
        Kind::Set(item) => format!("set of {}", kind_words(item)),
        Kind::Object(variants) => {
            let names: Vec<&str> = variants.iter().filter_map(|variant| variant.name.as_deref()).collect();
            if names.is_empty() { "object".to_owned() } else { shown(&names.join(" | ")) }
        }
        Kind::Expression { context, yields } => {
            let about =
                if context.is_empty() { String::new() } else { format!(" about a {}", shown(context)) };
            let yields = yields.as_ref().map(|to| format!(" that yields the name of a {}", shown(to)));
            format!("expression{about}{}", yields.unwrap_or_default())
        }
        Kind::Other => "value".to_owned(),
    }
}

fn between(bounds: Bounds) -> String {
    match (bounds.min.filter(|min| *min > 0), bounds.max) {
        (Some(min), Some(max)) => format!(" {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) => String::new(),
    }
}

fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if crate::paint::width(line) + 1 + crate::paint::width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn type_json(kind: &Type) -> Value {
    json!({
        "object": kind.name, "help": kind.help, "singleton": kind.singleton, "label": kind.label,
        "variants": kind.variants.iter().map(|variant| json!({
            "name": variant.name, "help": variant.help,
            "properties": variant.properties.iter().map(|property| json!({
                "name": property.name, "help": property.help, "kind": kind_words(&property.kind),
                "required": property.required, "default": property.default, "readOnly": property.read_only,
                "serverSet": property.server_set, "secret": property.secret, "indexed": property.indexed,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::sample;

    #[test]
    fn a_description_says_kind_default_and_help() {
        let schema = sample();
        let mut kind = schema.find("route").unwrap();
        kind.variants.retain(|variant| variant.name.as_deref() == Some("Relay"));
        assert_eq!(
            type_text(&Look::plain(Some(80)), &kind),
            "MtaRoute  Where mail goes next.\n\nMtaRoute/Relay  A fixed host.\n  \
             name  text, required, cannot be changed later, filter\n      What expressions return.\n  \
             address  place, required\n      Where.\n  port  number 1 to 65535, default 25\n      The port.\n  \
             authSecret  None | Value, default None, never shown\n      The password.\n      None  None.\n      \
             Value  As it is.\n        secret  text, required, never shown\n            It.\n"
        );
        let all = overview(&Look::plain(Some(60)), &schema);
        assert!(
            all.starts_with("TYPE") && all.contains("MtaRoute             Where mail goes next."),
            "{all}"
        );
    }
}
