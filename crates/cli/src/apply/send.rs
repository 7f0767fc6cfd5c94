//! Sends a plan to the server: whole as one change, or operation by operation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compile::{Plan, Step, substituted};
use super::{Args, named};
use crate::client::{OBJECTS_PER_CALL_MAX, refusals};
use crate::desk::{Desk, warn};
use crate::failure::Failure;
use crate::paint::{Paint, shown};
use crate::progress::Progress;
use crate::render::counted;
use crate::verbs::change::{Outcome, arguments};

/// What has been done so far.
#[derive(Default)]
struct Sum {
    created: Vec<Value>,
    updated: Vec<Value>,
    destroyed: Vec<Value>,
    failures: Vec<Failure>,
    outcome: Option<Outcome>,
    /// Ids by label.
    ids: BTreeMap<String, String>,
}

/// Sends it all.
pub(super) async fn all(desk: &Desk<'_>, args: &Args, plan: Plan) -> Result<(), Failure> {
    let objects = plan.objects();
    let batches = batches(plan.steps, args.continue_on_error);
    if batches.len() > 1 && !args.continue_on_error && !args.quiet {
        warn(&format!(
            "{}: more than one change may hold, so this is {}",
            counted(objects as u64, "object"),
            counted(batches.len() as u64, "revision")
        ));
    }
    let progress = Progress::new(args.progress && !args.quiet, objects as u64);
    let mut sum = Sum::default();
    for batch in batches {
        match send(desk, args, &batch, &mut sum).await {
            Ok(()) => {}
            Err(failure) if args.continue_on_error && failure.kind != crate::Kind::Unreachable => {
                sum.failures.push(failure);
            }
            Err(failure) => {
                progress.end();
                // What was done before it, in batches before it, holds.
                if !sum.is_empty() && !args.dry_run() {
                    sum.tell(desk, args);
                }
                return Err(failure);
            }
        }
        progress.add(batch.iter().map(Step::objects).sum::<usize>() as u64);
    }
    progress.end();
    sum.tell(desk, args);
    sum.end()
}

impl Args {
    fn dry_run(&self) -> bool {
        self.change.dry_run
    }
}

/// As few changes as the server's limit permits; or each operation by itself.
fn batches(steps: Vec<Step>, each: bool) -> Vec<Vec<Step>> {
    let mut batches: Vec<Vec<Step>> = Vec::new();
    let mut room = 0;
    for step in steps.into_iter().flat_map(parts) {
        match batches.last_mut() {
            Some(batch) if !each && step.objects() <= room => {
                room -= step.objects();
                batch.push(step);
            }
            _ => {
                room = OBJECTS_PER_CALL_MAX.saturating_sub(step.objects());
                batches.push(vec![step]);
            }
        }
    }
    batches
}

/// A step that is over the limit by itself, in parts: only a destruction can be.
fn parts(step: Step) -> Vec<Step> {
    if step.destroy.len() <= OBJECTS_PER_CALL_MAX {
        return vec![step];
    }
    let chunks = step.destroy.chunks(OBJECTS_PER_CALL_MAX);
    chunks.map(|chunk| Step { destroy: chunk.to_vec(), ..step.clone() }).collect()
}

async fn send(desk: &Desk<'_>, args: &Args, batch: &[Step], sum: &mut Sum) -> Result<(), Failure> {
    let changes: Vec<Value> = batch.iter().map(|step| change(step, &sum.ids)).collect();
    let own = json!({ "changes": changes });
    let answer = desk.client.ask("Settings", "apply", arguments(&args.change, own)).await?;
    let outcomes: Vec<&Value> = outcomes(&answer);
    let refused: Vec<Failure> = batch
        .iter()
        .zip(&outcomes)
        .filter_map(|(step, outcome)| refusals(outcome, &|id| named(step, id)))
        .collect();
    if !refused.is_empty() {
        return Err(joined(refused));
    }
    for (step, outcome) in batch.iter().zip(&outcomes) {
        sum.take(step, outcome);
    }
    let outcome = Outcome::of(desk, &args.change, &answer).await?;
    match &mut sum.outcome {
        None => sum.outcome = Some(outcome),
        Some(all) => {
            all.revision = outcome.revision.or(all.revision);
            all.differences.extend(outcome.differences);
            all.warnings.extend(outcome.warnings);
            all.confirm_by = outcome.confirm_by.or(all.confirm_by.take());
        }
    }
    Ok(())
}

fn change(step: &Step, ids: &BTreeMap<String, String>) -> Value {
    let mut change = Map::new();
    change.insert("object".to_owned(), step.object.as_str().into());
    for (name, members) in [("create", &step.create), ("update", &step.update)] {
        if !members.is_empty() {
            change.insert(name.to_owned(), substituted(&Value::Object(members.clone()), ids));
        }
    }
    if !step.destroy.is_empty() {
        change.insert("destroy".to_owned(), json!(step.destroy));
    }
    Value::Object(change)
}

/// What came of each change.
fn outcomes(answer: &Value) -> Vec<&Value> {
    let list = ["changes", "results", "outcomes"].iter().find_map(|name| answer.get(name)?.as_array());
    list.map_or_else(|| vec![answer], |list| list.iter().collect())
}

fn joined(refused: Vec<Failure>) -> Failure {
    let several = refused.len() > 1;
    let mut refused = refused.into_iter();
    let Some(first) = refused.next() else { return Failure::refused("nothing was done") };
    if !several {
        return Failure { hint: first.hint.or(Some("nothing was done".to_owned())), ..first };
    }
    let mut sum = Failure::refused("some operations were refused; nothing was done");
    for one in std::iter::once(first).chain(refused) {
        sum.details.push(one.text);
        sum.details.extend(one.details.into_iter().map(|detail| format!("  {detail}")));
    }
    sum
}

impl Sum {
    fn take(&mut self, step: &Step, outcome: &Value) {
        let named = |id: &str| step.names.get(id).cloned().unwrap_or_else(|| id.to_owned());
        for label in step.create.keys() {
            let made = outcome.get("created").and_then(|created| created.get(label));
            let id = made.and_then(|made| made.get("id")).and_then(Value::as_str);
            if let Some(id) = id {
                self.ids.insert(label.clone(), id.to_owned());
            }
            self.created
                .push(json!({ "object": step.object, "label": label, "name": named(label), "id": id }));
        }
        for id in step.update.keys() {
            self.updated.push(json!({ "object": step.object, "name": named(id), "id": id }));
        }
        for id in &step.destroy {
            self.destroyed.push(json!({ "object": step.object, "name": named(id), "id": id }));
        }
    }

    fn is_empty(&self) -> bool {
        self.created.is_empty() && self.updated.is_empty() && self.destroyed.is_empty()
    }

    fn tell(&self, desk: &Desk<'_>, args: &Args) {
        let none = Outcome { dry_run: args.dry_run(), ..Outcome::nothing() };
        let outcome = self.outcome.as_ref().unwrap_or(&none);
        let mut as_json = outcome.json();
        as_json["created"] = json!(self.created);
        as_json["updated"] = json!(self.updated);
        as_json["destroyed"] = json!(self.destroyed);
        as_json["failures"] = self.failures.iter().map(|failure| failure.json()["error"].clone()).collect();
        if args.quiet && !desk.json {
            return;
        }
        desk.show(&as_json, |look| {
            let counts =
                [(&self.created, "created"), (&self.updated, "updated"), (&self.destroyed, "destroyed")];
            let counts: Vec<String> = counts
                .iter()
                .filter(|(list, _)| !list.is_empty())
                .map(|(list, what)| format!("{} {what}", list.len()))
                .collect();
            let counts = if counts.is_empty() { "no object to change".to_owned() } else { counts.join(", ") };
            format!("{counts}\n{}", outcome.text(look))
        });
    }

    fn end(self) -> Result<(), Failure> {
        let failed = self.failures.len() as u64;
        if failed == 0 {
            return Ok(());
        }
        let paint = Paint::for_stderr();
        for failure in &self.failures {
            eprint!("{}", failure.words(paint));
        }
        Err(Failure::refused(shown(&format!("{} failed, the others hold", counted(failed, "operation")))))
    }
}
