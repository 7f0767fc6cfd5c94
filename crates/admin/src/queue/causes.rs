//! `x:QueueCause`: all that waits, grouped by what it waits for.

use super::Office;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{MessageId, Timestamp};
use policy::cause::{Cause, CauseKind};
use policy::{NextHop, Progress, Trouble};
use serde_json::{Map, Value, json};
use store::{Detail, Look, RecipientState, Sight, StoreError};

use super::surroundings::Surroundings;
use super::waiting::Waiting;
use super::{OBJECTS_MAX, got, unavailable};
use crate::error::MethodError;

/// Groups that are told apart; what is beyond them counts to the last one of its kind.
const CAUSES_MAX: usize = 1_000;
/// Bits of a message's id below its millisecond (`store/ids.rs`).
const ID_BITS: u32 = 20;
/// Messages that stand for a group.
const SAMPLES_MAX: usize = 5;

/// Those that wait for the same.
#[derive(Debug)]
pub(super) struct Group {
    cause: Cause,
    recipients: u64,
    messages: u64,
    last_message: Option<MessageId>,
    oldest: Timestamp,
    next: Timestamp,
    samples: Vec<MessageId>,
}

/// `x:QueueCause/query`: the ids, those with the most recipients first.
pub(super) async fn query(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    let around = Surroundings::of(api).await;
    let grouped = grouped(api, &around).await.map_err(|why| unavailable(&why))?;
    let groups = &grouped.groups;
    let total = groups.len();
    let limit = arguments.get("limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(OBJECTS_MAX).min(OBJECTS_MAX);
    let position = arguments.get("position").and_then(Value::as_u64).unwrap_or(0);
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    let ids: Vec<_> = groups.iter().skip(position).take(limit).map(|(id, _)| id.clone()).collect();
    Ok(json!({
        "queryState": around.now.as_millis().to_string(),
        "canCalculateChanges": false,
        "position": position,
        "ids": ids,
        "total": total,
    }))
}

/// `x:QueueCause/get`.
pub(super) async fn get(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    let around = Surroundings::of(api).await;
    let grouped = grouped(api, &around).await.map_err(|why| unavailable(&why))?;
    let documents =
        grouped.groups.iter().map(|(id, group)| (id.clone(), document(id, group, &around))).collect();
    got(documents, arguments)
}

fn document(id: &str, group: &Group, around: &Surroundings) -> Value {
    let cause = &group.cause;
    let oldest = (group.oldest != Timestamp::NEVER).then(|| group.oldest.rfc3339());
    let next = (group.next != Timestamp::NEVER).then_some(group.next);
    json!({
        "id": id,
        "sentence": cause.sentence(group.recipients, next, around.now),
        "kind": cause.kind.name(),
        "route": cause.next_hop.as_ref().map(policy::NextHop::route),
        "nextHop": cause.next_hop.as_ref().map(ToString::to_string),
        "recipients": group.recipients,
        "messages": group.messages,
        "since": cause.since.map(Timestamp::rfc3339),
        "nextTrial": cause.trial.or(next).map(Timestamp::rfc3339),
        "oldest": oldest,
        "samples": group.samples.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// How much waits.
pub(super) async fn waiting(api: &Office) -> Result<Waiting, StoreError> {
    let around = Surroundings::of(api).await;
    Ok(grouped(api, &around).await?.waiting)
}

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    /// Those with the most recipients first.
    groups: Vec<(String, Group)>,
    waiting: Waiting,
}

/// What waits as it was a moment ago, or is now: one look serves all who ask at once.
async fn grouped(api: &Office, around: &Arc<Surroundings>) -> Result<Arc<Grouped>, StoreError> {
    let looked = api.jobs.looked(around.now);
    let grouped = looked.get_or_try_init(|| async { look(api, around).await.map(Arc::new) }).await?;
    Ok(Arc::clone(grouped))
}

/// What the recipient before waited for, so that its likes need not be described again.
struct Before {
    last: Option<Trouble>,
    last_hop: Option<NextHop>,
    virtual_queue: String,
    id: String,
}

impl Before {
    fn is_like(&self, progress: &Progress) -> bool {
        progress.orders.is_none()
            && self.last == progress.last
            && self.last_hop == progress.last_hop
            && self.virtual_queue == progress.virtual_queue
    }
}

/// What is seen in a look.
#[derive(Default)]
struct Seen {
    groups: BTreeMap<String, Group>,
    before: Option<Before>,
    waiting: Waiting,
}

async fn look(api: &Office, around: &Arc<Surroundings>) -> Result<Grouped, StoreError> {
    let all: Arc<Mutex<Seen>> = Arc::default();
    let (seen, of) = (Arc::clone(&all), Arc::clone(around));
    let see = move |sight: Sight| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).take(&sight, &of);
        ControlFlow::Continue(())
    };
    api.world.store.look(Look::all(Detail::Progress), Box::new(see)).await?;
    let Seen { groups, waiting, .. } =
        std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.recipients));
    Ok(Grouped { groups, waiting })
}

impl Seen {
    fn take(&mut self, sight: &Sight, around: &Surroundings) {
        let Some((progress, state)) = &sight.progress else { return };
        let is_open = *state == RecipientState::Pending;
        let is_held = is_open && progress.held().is_some();
        self.waiting.count(sight.message, accepted_at(sight.message), is_held);
        if let Some(before) = self.before.as_ref().filter(|before| is_open && before.is_like(progress))
            && let Some(group) = self.groups.get_mut(&before.id)
        {
            return group.take(sight, progress.due);
        }
        let mut cause = around.cause(progress, state.standing());
        let mut id = cause.id();
        if self.groups.len() >= CAUSES_MAX && !self.groups.contains_key(&id) {
            (cause.about, cause.words) = (String::new(), "various".to_owned());
            cause.next_hop = None;
            id = cause.id();
        }
        if is_open && progress.orders.is_none() {
            let Progress { last, last_hop, virtual_queue, .. } = progress.clone();
            self.before = Some(Before { last, last_hop, virtual_queue, id: id.clone() });
        }
        self.groups.entry(id).or_insert_with(|| Group::new(cause)).take(sight, progress.due);
    }
}

/// An id begins with the time of acceptance.
fn accepted_at(message: MessageId) -> Timestamp {
    Timestamp::from_millis(message.0 >> ID_BITS)
}

impl Group {
    fn new(cause: Cause) -> Self {
        Group {
            cause,
            recipients: 0,
            messages: 0,
            last_message: None,
            oldest: Timestamp::NEVER,
            next: Timestamp::NEVER,
            samples: Vec::new(),
        }
    }

    fn take(&mut self, sight: &Sight, due: Timestamp) {
        self.recipients += 1;
        self.oldest = self.oldest.min(accepted_at(sight.message));
        if self.last_message != Some(sight.message) {
            self.last_message = Some(sight.message);
            self.messages += 1;
            if self.samples.len() < SAMPLES_MAX {
                self.samples.push(sight.message);
            }
        }
        if sight.next_event != Timestamp::NEVER && self.cause.kind != CauseKind::Paused {
            self.next = self.next.min(due);
        }
    }
}
