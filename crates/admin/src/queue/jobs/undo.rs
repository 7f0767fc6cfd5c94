//! Takes back what a job did, as far as nobody has edited it since.

use super::super::Office;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::{RecipientId, Timestamp};
use policy::revise::{Before, Hold, RouteOrder};
use policy::{Edit, Expiry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{QueuedMessage, RevisionOutcome, StoreError};

use super::super::revise::{Wanted, revise};
use super::super::unavailable;
use super::record::{Job, State, UNDO_WITHIN, find, write};
use super::{Created, Ended, Work};
use crate::caller::Caller;
use crate::set_error::SetError;

/// Recipients in one written piece.
const PIECE: usize = 50;
/// What was done longer ago than a job runs and may be undone is forgotten.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What one recipient was before.
#[derive(Serialize, Deserialize)]
struct Kept {
    message: u64,
    recipient: u64,
    edits: u32,
    due: u64,
    expires_at: Option<u64>,
    expires_after: Option<u32>,
    held: Option<(String, u64, String, bool)>,
    time_held: u64,
    route: Option<(String, String, u64)>,
}

impl Kept {
    fn of(message: mail::MessageId, recipient: RecipientId, before: &Before) -> Self {
        let (expires_at, expires_after) = match before.expiry {
            Expiry::At(at) => (Some(at.as_millis()), None),
            Expiry::Attempts(attempts) => (None, Some(attempts)),
        };
        let held = before.held.as_ref();
        Kept {
            message: message.0,
            recipient: recipient.0,
            edits: before.edits,
            due: before.due.as_millis(),
            expires_at,
            expires_after,
            held: held.map(|hold| (hold.by.clone(), hold.at.as_millis(), hold.reason.clone(), hold.counts)),
            time_held: u64::try_from(before.time_held.as_millis()).unwrap_or(u64::MAX),
            route: before.route.clone().map(|order| (order.route, order.by, order.at.as_millis())),
        }
    }

    fn before(self) -> Before {
        let at = Timestamp::from_millis;
        let held = self.held.map(|(by, since, reason, counts)| Hold { by, at: at(since), reason, counts });
        Before {
            edits: self.edits,
            due: at(self.due),
            expiry: match (self.expires_at, self.expires_after) {
                (_, Some(attempts)) => Expiry::Attempts(attempts),
                (millis, None) => Expiry::At(millis.map_or(Timestamp::NEVER, at)),
            },
            held,
            time_held: Duration::from_millis(self.time_held),
            route: self.route.map(|(route, by, since)| RouteOrder { route, by, at: at(since) }),
        }
    }
}

fn space(job: &str) -> String {
    format!("queue-undo-{job}")
}

/// Writes down what some recipients were before.
pub(super) async fn keep(
    api: &Office,
    job: &str,
    chunk: u64,
    befores: &[(mail::MessageId, RecipientId, Before)],
) -> Result<(), StoreError> {
    let now = api.world.clock.now();
    for (piece, some) in befores.chunks(PIECE).enumerate() {
        let kept: Vec<_> = some.iter().map(|(message, id, before)| Kept::of(*message, *id, before)).collect();
        let value = serde_json::to_vec(&kept).expect("texts and numbers are JSON");
        let key = [chunk.to_be_bytes(), (piece as u64).to_be_bytes()].concat();
        api.world.store.put(&space(job), &key, Bytes::from(value), Some(now.plus(KEPT_FOR)), now).await?;
    }
    Ok(())
}

/// Begins the job that takes another one back.
pub(super) async fn begin(api: &Office, caller: &Caller, wanted: &Map<String, Value>) -> Created {
    let id = wanted.get("job").and_then(Value::as_str).unwrap_or_default();
    let Some(undone) = find(api, id).await.map_err(|why| unavailable(&why))? else {
        return Ok(Err(SetError::invalid_property("job", "there is no such job")));
    };
    let now = api.world.clock.now();
    let why = match (undone.state, undone.undo_until) {
        (State::Running, _) => Some("it still runs".to_owned()),
        (State::Undone, _) => Some("it has been undone".to_owned()),
        (_, None) => Some(format!("what {} did cannot be taken back", undone.action)),
        (_, Some(until)) if until <= now.as_millis() => {
            Some(format!("it ended more than {} minutes ago", UNDO_WITHIN.as_secs() / 60))
        }
        (_, Some(_)) => None,
    };
    if let Some(why) = why {
        return Ok(Err(SetError::invalid_property("job", why)));
    }
    let job = Job::new(api, "undo", &caller.name).await.map_err(|why| unavailable(&why))?;
    super::begin(api, job, Work::Undo(Box::new(undone))).await
}

/// Takes it back.
pub(super) async fn run(api: &Office, job: &mut Job, mut undone: Job) -> Ended {
    job.total = undone.done;
    let mut after: Option<Bytes> = None;
    loop {
        if api.jobs.is_stopped(&job.id) || api.tasks.is_closed() {
            return Ok(State::Interrupted);
        }
        let now = api.world.clock.now();
        let rows = api.world.store.scan(&space(&undone.id), after.as_deref(), 1, now).await?;
        let Some((key, value)) = rows.into_iter().next() else { break };
        after = Some(key);
        let kept: Vec<Kept> = serde_json::from_slice(&value).unwrap_or_default();
        take_back(api, job, kept).await?;
        write(api, job).await?;
    }
    (undone.state, undone.undo_until) = (State::Undone, None);
    write(api, &undone).await?;
    Ok(State::Done)
}

async fn take_back(api: &Office, job: &mut Job, kept: Vec<Kept>) -> Result<(), StoreError> {
    let mut ids: Vec<_> = kept.iter().map(|one| mail::MessageId(one.message)).collect();
    ids.dedup();
    let messages = api.world.store.messages(&ids).await?;
    let count = kept.len();
    let wanted: Vec<_> = kept.into_iter().filter_map(|one| undo_one(&messages, one)).collect();
    job.failed += (count - wanted.len()) as u64;
    for outcome in revise(api, &job.by, wanted).await? {
        match outcome {
            RevisionOutcome::Changed(_) | RevisionOutcome::Unchanged => job.done += 1,
            RevisionOutcome::Missing | RevisionOutcome::Refused(_) => job.failed += 1,
        }
    }
    Ok(())
}

fn undo_one(messages: &[QueuedMessage], kept: Kept) -> Option<Wanted> {
    let message = messages.iter().find(|message| message.envelope.message.0 == kept.message)?;
    let queued = message.pending.iter().find(|queued| queued.recipient.id.0 == kept.recipient)?;
    Some(Wanted {
        envelope: Arc::clone(&message.envelope),
        recipient: queued.recipient.id,
        forward_path: queued.recipient.forward_path.clone(),
        edits: vec![Edit::Undo(Box::new(kept.before()))],
    })
}
