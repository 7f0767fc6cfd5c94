//! `waypost create` and `waypost set`: makes and changes an object.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::change::{Outcome, arguments};
use crate::args::{Change, bounded, bounded_reader};
use crate::client::refusals;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::objects;
use crate::schema::Type;
use crate::values::{Assignment, assignment, patch, whole};

/// Bytes of an object given as a file at most.
const OBJECT_BYTES_MAX: usize = 1024 * 1024;

/// The creation id; nobody sees it.
const NEW: &str = "new";

/// What the object is to be.
#[derive(clap::Args, Debug)]
pub(crate) struct Given {
    /// The properties as one JSON object.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["file", "stdin"])]
    object: Option<String>,
    /// A file with them.
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    file: Option<PathBuf>,
    /// Read them from standard input; the way for secrets.
    #[arg(long)]
    stdin: bool,
}

/// A new object.
#[derive(clap::Args, Debug)]
pub struct CreateArgs {
    /// The type, and its variant if it has any: `MtaVirtualQueue`, `MtaRoute/Relay`.
    #[arg(value_name = "TYPE[/VARIANT]")]
    kind: String,
    /// `key=value`; the key may be a path such as `retry/intervals/0/duration`, `key:=JSON` takes JSON.
    #[arg(value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    change: Change,
}

/// A change of an object.
#[derive(clap::Args, Debug)]
pub struct SetArgs {
    /// The type, such as `MtaRoute` or just `route`.
    #[arg(value_name = "TYPE")]
    kind: String,
    /// The object's name or id (none if there is always exactly one), then `key=value` for each property; the key may
    /// be a path such as `retry/intervals/0/duration`, `key:=JSON` takes JSON, `null` sets back.
    #[arg(value_name = "[NAME] KEY=VALUE", required = true)]
    words: Vec<String>,
    /// Make the object if there is none of this name.
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    change: Change,
}

/// Makes it.
pub(crate) async fn create(desk: &Desk<'_>, args: &CreateArgs) -> Result<(), Failure> {
    let (kind_name, variant) =
        args.kind.split_once('/').map_or((args.kind.as_str(), None), |(kind, variant)| (kind, Some(variant)));
    let kind = desk.schema().await?.find(kind_name)?;
    let mut object = given(&args.given)?.unwrap_or_default();
    object.extend(whole(&assignments(desk, &kind, &args.assignments).await?)?);
    if let Some(variant) = variant {
        let found = kind.variant(variant).and_then(|variant| variant.name.clone());
        let name = found.ok_or_else(|| unknown_variant(&kind, variant))?;
        object.insert("@type".to_owned(), name.into());
    }
    if kind.has_variants() && !object.contains_key("@type") {
        let failure = Failure::usage(format!("{} has variants: say which", kind.name));
        return Err(failure.hint(format!("`waypost create {}/{} …`", kind.name, variants(&kind).join("|"))));
    }
    make(desk, &kind, object, &args.change).await
}

async fn make(
    desk: &Desk<'_>,
    kind: &Type,
    object: Map<String, Value>,
    change: &Change,
) -> Result<(), Failure> {
    let label = kind.label.as_deref().and_then(|label| object.get(label)).and_then(Value::as_str);
    let name = label.unwrap_or_default().to_owned();
    let own = json!({ "create": { NEW: object } });
    let answer = desk.client.ask(&kind.name, "set", arguments(change, own)).await?;
    told(desk, kind, &name, "made", &answer, change).await
}

/// Changes it.
pub(crate) async fn set(desk: &Desk<'_>, args: &SetArgs) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(&args.kind)?;
    let (name, texts) = match args.words.split_first() {
        Some((first, rest)) if !kind.singleton || first == objects::SINGLETON => (Some(first), rest),
        _ => (None, args.words.as_slice()),
    };
    let assignments = assignments(desk, &kind, texts).await?;
    let given = given(&args.given)?;
    if given.is_none() && assignments.is_empty() {
        return Err(Failure::usage("say what is to change: key=value"));
    }
    let wanted = name.map_or(objects::SINGLETON, String::as_str);
    let found = objects::find(desk, &kind, wanted).await;
    if let (Err(failure), true) = (&found, args.create && failed_to_find(&found)) {
        let mut object = given.unwrap_or_default();
        object.extend(whole(&assignments)?);
        let label = kind.label.clone().ok_or_else(|| failure.clone())?;
        object.entry(label).or_insert_with(|| wanted.into());
        return make(desk, &kind, object, &args.change).await;
    }
    let found = found?;
    let mut update = given.unwrap_or_default();
    update.extend(patch(&assignments));
    let own = json!({ "update": { objects::id(&found)?: update } });
    let answer = desk.client.ask(&kind.name, "set", arguments(&args.change, own)).await?;
    told(desk, &kind, &kind.name_of(&found), "changed", &answer, &args.change).await
}

fn failed_to_find(found: &Result<Value, Failure>) -> bool {
    found.as_ref().is_err_and(|failure| failure.text.starts_with("there is no "))
}

/// Says what came of it.
pub(crate) async fn told(
    desk: &Desk<'_>,
    kind: &Type,
    name: &str,
    done: &str,
    answer: &Value,
    change: &Change,
) -> Result<(), Failure> {
    let what = format!("{} {name}", kind.name).trim_end_matches(" singleton").trim_end().to_owned();
    if let Some(failure) = refusals(answer, &|_| what.clone()) {
        return Err(failure);
    }
    let created = answer.get("created").and_then(|created| created.get(NEW)).cloned();
    let outcome = Outcome::of(desk, change, answer).await?;
    let mut as_json = outcome.json();
    as_json["object"] = kind.name.as_str().into();
    as_json["name"] = name.into();
    as_json["created"] = created.unwrap_or_default();
    desk.show(&as_json, |look| {
        let done = if change.dry_run { "" } else { done };
        format!("{} {done}\n{}", look.paint.bold(&crate::paint::shown(&what)), outcome.text(look))
    });
    Ok(())
}

async fn assignments(desk: &Desk<'_>, kind: &Type, texts: &[String]) -> Result<Vec<Assignment>, Failure> {
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        let mut one = assignment(text, kind)?;
        if let (Some(to), Some(name)) = (&one.names, one.value.as_str().map(str::to_owned)) {
            let to = desk.schema().await?.find(to)?;
            let found = objects::find(desk, &to, &name).await?;
            one.value = objects::id(&found)?.into();
        }
        all.push(one);
    }
    Ok(all)
}

fn given(given: &Given) -> Result<Option<Map<String, Value>>, Failure> {
    let (text, place) = match (&given.object, &given.file, given.stdin) {
        (Some(text), ..) => (text.clone(), "--object".to_owned()),
        (None, Some(file), _) => {
            let text = bounded(file, OBJECT_BYTES_MAX)
                .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
            (text, file.display().to_string())
        }
        (None, None, true) => {
            let text = bounded_reader(std::io::stdin().lock(), OBJECT_BYTES_MAX)
                .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?;
            (text, "standard input".to_owned())
        }
        (None, None, false) => return Ok(None),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        Ok(_) => Err(Failure::usage(format!("{place} is no JSON object"))),
        Err(error) => Err(Failure::usage(format!("{place} is no JSON: {error}"))),
    }
}

fn variants(kind: &Type) -> Vec<String> {
    kind.variants.iter().filter_map(|variant| variant.name.clone()).collect()
}

fn unknown_variant(kind: &Type, variant: &str) -> Failure {
    let names = variants(kind);
    match names.is_empty() {
        true => Failure::usage(format!("{} has no variants", kind.name)),
        false => {
            Failure::usage(format!("{} has no variant `{variant}`: it has {}", kind.name, names.join(", ")))
        }
    }
}
