//! `waypost apply`: makes the settings what a file says, as one revision or not at all.

mod compile;
pub(crate) mod export;
mod matching;
mod operation;
mod send;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::args::{Change, bounded, bounded_reader};
use crate::desk::{Desk, warn};
use crate::failure::Failure;
use crate::objects;
use crate::paint::shown;
use crate::verbs::change::{Outcome, arguments};
use compile::{Plan, Present, compile};
use operation::{Operation, operations};

/// Bytes of a file at most.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is applied.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Files; `-` is standard input. Several are taken as one.
    ///
    /// A file is either a declarative one, an operation a line (upsert, reconcile, create, update, destroy; see
    /// docs/cli.md), or a whole settings file (JSON), which replaces all settings.
    #[arg(value_name = "FILE", required_unless_present_any = ["file", "stdin"])]
    files: Vec<PathBuf>,
    /// The same as naming it.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Read standard input.
    #[arg(long)]
    stdin: bool,
    /// Do each operation by itself, a revision each, and go on after one that fails.
    #[arg(long)]
    continue_on_error: bool,
    /// Say only what has failed.
    #[arg(long, short)]
    quiet: bool,
    /// Show how far it is.
    #[arg(long)]
    progress: bool,
    #[command(flatten)]
    change: Change,
}

/// Applies it.
pub(crate) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let text = read(args)?;
    if is_document(&text) {
        return import(desk, args, &text).await;
    }
    let schema = desk.schema().await?;
    let operations = operations(&text, schema).map_err(|wrong| several("the file makes no sense", wrong))?;
    let present = present(desk, &operations).await?;
    let plan = compile(&operations, &present).map_err(Failure::failed)?;
    if !args.quiet {
        plan.warnings.iter().for_each(|warning| warn(warning));
    }
    send::all(desk, args, plan).await
}

fn several(text: &str, wrong: Vec<String>) -> Failure {
    match <[String; 1]>::try_from(wrong) {
        Ok([one]) => Failure::failed(one),
        Err(details) => Failure { details, ..Failure::failed(text) },
    }
}

fn read(args: &Args) -> Result<String, Failure> {
    let mut text = String::new();
    let from_stdin = || {
        bounded_reader(std::io::stdin().lock(), FILE_BYTES_MAX)
            .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))
    };
    for file in args.files.iter().chain(&args.file) {
        let part = match file.as_os_str() == "-" {
            true => from_stdin()?,
            false => bounded(file, FILE_BYTES_MAX)
                .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?,
        };
        text.push_str(&part);
        text.push('\n');
    }
    if args.stdin {
        text.push_str(&from_stdin()?);
    }
    Ok(text)
}

/// Whether it is one settings file rather than an operation a line.
fn is_document(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let is_operation = |line: &str| {
        serde_json::from_str::<Value>(line).is_ok_and(|value| {
            // An operation, even a wrong one, has one of these; a settings file has types of objects.
            ["@type", "object", "value", "matchOn", "scope"].iter().any(|key| value.get(key).is_some())
        })
    };
    !is_operation(first) && serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object())
}

async fn import(desk: &Desk<'_>, args: &Args, text: &str) -> Result<(), Failure> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| Failure::failed(format!("this is no JSON: {error}")))?;
    let own = json!({ "document": document });
    let answer = desk.client.ask("Settings", "import", arguments(&args.change, own)).await?;
    if let Some(failure) = crate::client::refusals(&answer, &|id| id.to_owned()) {
        return Err(failure);
    }
    let outcome = Outcome::of(desk, &args.change, &answer).await?;
    if !args.quiet || desk.json {
        desk.show(&outcome.json(), |look| outcome.text(look));
    }
    Ok(())
}

/// All objects of the types that the operations look at.
async fn present(desk: &Desk<'_>, operations: &[Operation]) -> Result<Present, Failure> {
    let mut present = Present::new();
    let mut seen = BTreeSet::new();
    for operation in operations.iter().filter(|operation| !operation.kind.singleton) {
        let kind = &operation.kind;
        if seen.insert(kind.name.clone()) {
            present.insert(kind.name.clone(), objects::all(desk, kind, json!({})).await?);
        }
    }
    Ok(present)
}

/// What an operation is about, for messages.
fn named(step: &compile::Step, id: &str) -> String {
    let name = step.names.get(id).map_or(id, String::as_str);
    shown(&format!("line {}: {} {name}", step.line, step.object))
}

impl Plan {
    /// How many objects it is about.
    fn objects(&self) -> usize {
        self.steps.iter().map(compile::Step::objects).sum()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settings_file_is_told_from_operations() {
        for (text, expected) in [
            ("{\"MtaRoute\": []}", true),
            ("\n{\n  \"MtaRoute\": []\n}\n", true),
            ("{\"@type\":\"destroy\",\"object\":\"MtaRoute\"}", false),
            ("{\"object\":\"MtaRoute\"}", false),
            ("{\"@type\":\"destroy\",\"object\":\"A\"}\n{\"@type\":\"destroy\",\"object\":\"B\"}", false),
            ("", false),
            ("[]", false),
            ("{", false),
        ] {
            assert_eq!(is_document(text), expected, "{text}");
        }
    }
}
