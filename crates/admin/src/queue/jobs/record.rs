//! How far a job is, as it is written down: it is there after a restart.

use super::super::Office;
use std::time::Duration;

use mail::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Addition, StoreError};

/// Where jobs are written down.
const SPACE: &str = "queue-job";
/// Where their numbers come from.
const NUMBERS: &str = "queue-job-number";
/// How long a job is remembered.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Jobs that are remembered, the latest.
const JOBS_MAX: usize = 500;
/// How long what a job did can be taken back.
pub(super) const UNDO_WITHIN: Duration = Duration::from_secs(15 * 60);

/// One job.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) action: String,
    pub(super) by: String,
    pub(super) state: State,
    /// Recipients that are as they were to be.
    pub(super) done: u64,
    /// Recipients that are meant, counted at the beginning.
    pub(super) total: u64,
    /// Recipients that could not be changed.
    pub(super) failed: u64,
    pub(super) started_at: u64,
    pub(super) ended_at: Option<u64>,
    /// Until when it can be taken back.
    pub(super) undo_until: Option<u64>,
    pub(super) error: Option<String>,
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum State {
    Running,
    Done,
    /// The store could not.
    Failed,
    /// Somebody stopped it, or the server did: what was done is done.
    Interrupted,
    Undone,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Interrupted => "interrupted",
            State::Undone => "undone",
        }
    }
}

impl Job {
    /// A new one that runs.
    pub(super) async fn new(api: &Office, action: &str, by: &str) -> Result<Self, StoreError> {
        let now = api.world.clock.now();
        let addition = Addition { space: NUMBERS.to_owned(), key: b"last".to_vec(), by: 1, expires: None };
        let number = api.world.store.add(addition, now).await?;
        Ok(Job {
            id: format!("job{number}"),
            action: action.to_owned(),
            by: by.to_owned(),
            state: State::Running,
            done: 0,
            total: 0,
            failed: 0,
            started_at: now.as_millis(),
            ended_at: None,
            undo_until: None,
            error: None,
        })
    }

    /// It has ended.
    pub(super) fn end(&mut self, now: Timestamp, ended: Result<State, StoreError>) {
        self.ended_at = Some(now.as_millis());
        match ended {
            Ok(state) => self.state = state,
            Err(why) => (self.state, self.error) = (State::Failed, Some(why.to_string())),
        }
        if self.undo_until.is_some() {
            self.undo_until = Some(now.plus(UNDO_WITHIN).as_millis());
        }
    }

    /// As answers have it.
    pub(super) fn document(&self, now: Timestamp) -> Value {
        let time = |millis: u64| Timestamp::from_millis(millis).rfc3339();
        let undo = self.undo_until.filter(|until| *until > now.as_millis() && self.state != State::Running);
        json!({
            "id": self.id,
            "action": self.action,
            "by": self.by,
            "state": self.state.name(),
            "done": self.done,
            "total": self.total.max(self.done.saturating_add(self.failed)),
            "failed": self.failed,
            "startedAt": time(self.started_at),
            "endedAt": self.ended_at.map(time),
            "undoUntil": undo.map(time),
            "error": self.error,
        })
    }
}

fn key(id: &str) -> Vec<u8> {
    let number = id.strip_prefix("job").and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
    // The latest come first.
    (u64::MAX - number).to_be_bytes().to_vec()
}

/// Writes it down.
pub(super) async fn write(api: &Office, job: &Job) -> Result<(), StoreError> {
    let now = api.world.clock.now();
    let value = serde_json::to_vec(job).expect("texts and numbers are JSON");
    api.world.store.put(SPACE, &key(&job.id), value.into(), Some(now.plus(KEPT_FOR)), now).await
}

/// All of them, the latest first. What was running when the server stopped runs no more.
pub(super) async fn all(api: &Office) -> Result<Vec<Job>, StoreError> {
    let rows = api.world.store.scan(SPACE, None, JOBS_MAX, api.world.clock.now()).await?;
    let read = |(_, value): &(bytes::Bytes, bytes::Bytes)| serde_json::from_slice::<Job>(value).ok();
    let mut jobs: Vec<_> = rows.iter().filter_map(read).collect();
    for job in &mut jobs {
        if job.state == State::Running && !api.jobs.runs(&job.id) {
            job.state = State::Interrupted;
            job.error = Some("the server stopped while it ran; what was done is done".to_owned());
            write(api, job).await?;
        }
    }
    Ok(jobs)
}

/// One of them.
pub(super) async fn find(api: &Office, id: &str) -> Result<Option<Job>, StoreError> {
    Ok(all(api).await?.into_iter().find(|job| job.id == id))
}
