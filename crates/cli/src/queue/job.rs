//! Jobs on the queue: started, followed, listed, taken back.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::client::refusals;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::objects;
use crate::paint::{Paint, Table, shown};
use crate::progress::Progress;
use crate::render::counted;

/// How often a job is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// The creation id; nobody sees it.
const NEW: &str = "job";

/// Jobs listed.
const JOBS: usize = 20;

/// Which job.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Follow this one until it is done.
    #[arg(value_name = "JOB")]
    id: Option<String>,
}

/// Which job.
#[derive(clap::Args, Debug)]
pub(super) struct UndoArgs {
    /// The job, as `waypost queue jobs` shows it.
    #[arg(value_name = "JOB")]
    id: String,
}

/// What the server says to a new job.
pub(super) async fn create(desk: &Desk<'_>, members: Map<String, Value>) -> Result<Value, Failure> {
    let answer = desk.client.ask("QueueJob", "set", json!({ "create": { NEW: members } })).await?;
    if let Some(failure) = refusals(&answer, &|_| "the queue".to_owned()) {
        return Err(failure);
    }
    let created = answer.get("created").and_then(|created| created.get(NEW));
    created.cloned().ok_or_else(|| Failure::strange("the job is neither made nor refused"))
}

/// Starts a job, and gives its id.
pub(super) async fn start(desk: &Desk<'_>, members: Map<String, Value>) -> Result<String, Failure> {
    let created = create(desk, members).await?;
    objects::id(&created).map(str::to_owned)
}

/// Waits until a job is done, with a bar; Ctrl-C leaves it running.
pub(super) async fn follow(desk: &Desk<'_>, id: &str) -> Result<(), Failure> {
    let progress = Progress::new(!desk.json, 0);
    let stopped = tokio::signal::ctrl_c();
    tokio::pin!(stopped);
    loop {
        let job = one(desk, id).await?;
        let number = |name: &str| job.get(name).and_then(Value::as_u64).unwrap_or_default();
        progress.set(number("done"), number("total"), "recipients");
        if !is_running(&job) {
            progress.end();
            desk.show(&job, |look| ended(look, &job));
            let failed = number("failed");
            let state = state(&job);
            return match (failed, state) {
                (0, "failed") => Err(Failure::failed(format!("job {id} failed: {}", why(&job)))),
                (0, _) => Ok(()),
                (failed, _) => {
                    Err(Failure::failed(format!("{} could not be changed", counted(failed, "recipient"))))
                }
            };
        }
        tokio::select! {
            biased;
            _ = &mut stopped => {
                progress.end();
                let words = format!("job {} goes on by itself; see `waypost queue jobs {}`", shown(id), shown(id));
                eprintln!("{}", Paint::for_stderr().yellow(&words));
                return Ok(());
            }
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}

async fn one(desk: &Desk<'_>, id: &str) -> Result<Value, Failure> {
    let answer = desk.client.ask("QueueJob", "get", json!({ "ids": [id] })).await?;
    let job = objects::list(&answer)?.first().cloned();
    job.ok_or_else(|| {
        Failure::failed(format!("there is no job {id}")).hint("`waypost queue jobs` lists them")
    })
}

fn state(job: &Value) -> &str {
    job.get("state").and_then(Value::as_str).unwrap_or("unknown")
}

fn is_running(job: &Value) -> bool {
    matches!(state(job), "running" | "waiting" | "queued" | "pending" | "started" | "undoing")
}

fn why(job: &Value) -> String {
    let said = ["error", "why", "description"].iter().find_map(|name| job.get(*name)?.as_str());
    said.unwrap_or("the server says no more").to_owned()
}

fn ended(look: &Look, job: &Value) -> String {
    let number = |name: &str| job.get(name).and_then(Value::as_u64).unwrap_or_default();
    let mut out = format!("{}: {} changed", shown(state(job)), counted(number("done"), "recipient"));
    if number("failed") > 0 {
        out.push_str(&look.paint.red(&format!(", {} could not be", counted(number("failed"), "recipient"))));
    }
    out.push('\n');
    if let (Some(until), Some(id)) =
        (job.get("undoUntil").filter(|until| !until.is_null()), job.get("id").and_then(Value::as_str))
    {
        let words = format!(
            "it can be taken back until {}: waypost queue undo {}",
            look.when(Some(until)),
            shown(id)
        );
        out.push_str(&look.paint.dim(&words.replace("until in ", "for another ")));
        out.push('\n');
    }
    out
}

/// Lists jobs, or follows one.
pub(super) async fn list(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    if let Some(id) = &args.id {
        return follow(desk, id).await;
    }
    let answer = desk.client.ask("QueueJob", "get", json!({ "ids": null })).await?;
    let jobs = objects::list(&answer)?;
    desk.show(&json!(jobs), |look| jobs_text(look, jobs));
    Ok(())
}

fn jobs_text(look: &Look, jobs: &[Value]) -> String {
    if jobs.is_empty() {
        return "no jobs\n".to_owned();
    }
    let mut table = Table::new(&["JOB", "WHAT", "STATE", "DONE", "OF", "FAILED", "STARTED", "BY"]);
    for job in jobs.iter().take(JOBS) {
        let text = |name: &str| job.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let number = |name: &str| job.get(name).and_then(Value::as_u64).unwrap_or_default().to_string();
        table.row(vec![
            text("id"),
            text("action"),
            text("state"),
            number("done"),
            number("total"),
            number("failed"),
            look.when(job.get("startedAt")),
            text("by"),
        ]);
    }
    look.table(&table)
}

/// Takes back what a job has done.
pub(super) async fn undo(desk: &Desk<'_>, args: &UndoArgs) -> Result<(), Failure> {
    let id = start(
        desk,
        Map::from_iter([("action".to_owned(), "undo".into()), ("job".to_owned(), args.id.as_str().into())]),
    )
    .await?;
    follow(desk, &id).await
}
