//! `waypost queue`: which recipients have not ended yet, and why not?

use std::process::ExitCode;

use clap::Subcommand;
use mail::{Clock, MessageId, Timestamp};
use policy::Expiry;
use serde::Serialize;
use store::{Claim, QueuedRecipient, RecipientState};

use super::mailbox::Place;
use crate::clock::SystemClock;
use cli::paint::{Paint, Table, shown};

/// Messages read from the store at a time.
const PAGE: usize = 1000;

/// Reads the queue, also while the server runs.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Every recipient that has not ended.
    List {
        #[command(flatten)]
        place: Place,
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Lists.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Action::List { place, json } = &args.action;
    let rows = rows(place)?;
    if *json {
        for row in &rows {
            super::print(&(serde_json::to_string(row)? + "\n"));
        }
    } else {
        super::print(&text(&rows, SystemClock.now()));
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    message: String,
    reverse_path: String,
    recipient: String,
    accepted_at: String,
    size: u64,
    state: &'static str,
    attempts: u32,
    next_attempt: String,
    expires: String,
    virtual_queue: String,
    last_error: Option<String>,
    #[serde(skip)]
    due: Timestamp,
}

fn rows(place: &Place) -> anyhow::Result<Vec<Row>> {
    let store = place.open()?;
    let mut rows = Vec::new();
    let mut after: Option<MessageId> = None;
    loop {
        let page = store.pending(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.envelope.message);
        rows.extend(page.iter().flat_map(|claim| claim.recipients.iter().map(|queued| row(claim, queued))));
    }
}

fn row(claim: &Claim, queued: &QueuedRecipient) -> Row {
    let progress = &queued.progress;
    Row {
        message: claim.envelope.message.to_string(),
        reverse_path: claim.envelope.reverse_path.to_string(),
        recipient: queued.recipient.forward_path.to_string(),
        accepted_at: claim.envelope.accepted_at.rfc3339(),
        size: claim.envelope.size,
        state: match queued.state {
            RecipientState::Pending => "pending",
            RecipientState::DeliveredUntold(_) => "delivered, sender to be told",
            RecipientState::FailedUntold(_) => "failed, sender to be told",
        },
        attempts: progress.retry_num,
        next_attempt: progress.due.rfc3339(),
        expires: match progress.expiry {
            Expiry::At(at) => at.rfc3339(),
            Expiry::Attempts(attempts) => format!("after {attempts} attempts"),
        },
        virtual_queue: progress.virtual_queue.clone(),
        last_error: progress.last.as_ref().map(|trouble| trouble.text.clone()),
        due: progress.due,
    }
}

fn text(rows: &[Row], now: Timestamp) -> String {
    if rows.is_empty() {
        return "the queue is empty\n".to_owned();
    }
    let mut table = Table::new(&["MESSAGE", "FROM", "TO", "STATE", "TRIES", "NEXT", "LAST ERROR"]);
    for row in rows {
        table.row(vec![
            row.message.clone(),
            format!("<{}>", row.reverse_path),
            row.recipient.clone(),
            row.state.to_owned(),
            row.attempts.to_string(),
            from_now(row.due, now),
            row.last_error.as_deref().map_or_else(String::new, shown),
        ]);
    }
    table.print(Paint::for_stdout())
}

fn from_now(due: Timestamp, now: Timestamp) -> String {
    let seconds = due.since(now).as_secs();
    match seconds {
        0 => "now".to_owned(),
        1..120 => format!("in {seconds} s"),
        120..7200 => format!("in {} min", seconds / 60),
        _ => format!("in {} h", seconds / 3600),
    }
}
