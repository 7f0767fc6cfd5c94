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
use super::{OBJECTS_MAX, got, unavailable};
use crate::error::MethodError;

/// Groups that are told apart; what is beyond them counts to the last one of its kind.
const CAUSES_MAX: usize = 1_000;
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
    let groups = groups(api, &around).await.map_err(|why| unavailable(&why))?;
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
    let groups = groups(api, &around).await.map_err(|why| unavailable(&why))?;
    let documents = groups.iter().map(|(id, group)| (id.clone(), document(id, group, &around))).collect();
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

/// All groups, those with the most recipients first.
pub(super) type Groups = Arc<Vec<(String, Group)>>;

/// The groups as they were a moment ago, or are now: one look serves all who ask at once.
async fn groups(api: &Office, around: &Arc<Surroundings>) -> Result<Groups, StoreError> {
    if let Some(groups) = api.jobs.groups_since(around.now) {
        return Ok(groups);
    }
    let groups = Arc::new(look(api, around).await?);
    api.jobs.remember(around.now, &groups);
    Ok(groups)
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

async fn look(api: &Office, around: &Arc<Surroundings>) -> Result<Vec<(String, Group)>, StoreError> {
    let found: Arc<Mutex<BTreeMap<String, Group>>> = Arc::default();
    let (seen, of) = (Arc::clone(&found), Arc::clone(around));
    let mut before: Option<Before> = None;
    let see = move |sight: Sight| {
        let Some((progress, state)) = &sight.progress else { return ControlFlow::Continue(()) };
        let mut groups = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = *state == RecipientState::Pending;
        if let Some(before) = before.as_ref().filter(|before| is_open && before.is_like(progress))
            && let Some(group) = groups.get_mut(&before.id)
        {
            group.take(&sight, progress.due);
            return ControlFlow::Continue(());
        }
        let mut cause = of.cause(progress, state.standing());
        let mut id = cause.id();
        if groups.len() >= CAUSES_MAX && !groups.contains_key(&id) {
            (cause.about, cause.words) = (String::new(), "various".to_owned());
            cause.next_hop = None;
            id = cause.id();
        }
        if is_open && progress.orders.is_none() {
            let Progress { last, last_hop, virtual_queue, .. } = progress.clone();
            before = Some(Before { last, last_hop, virtual_queue, id: id.clone() });
        }
        groups.entry(id).or_insert_with(|| Group::new(cause)).take(&sight, progress.due);
        ControlFlow::Continue(())
    };
    api.world.store.look(Look::all(Detail::Progress), Box::new(see)).await?;
    let groups = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.recipients));
    Ok(groups)
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
        // An id begins with the time of acceptance.
        let accepted_at = Timestamp::from_millis(sight.message.0 >> 20);
        self.oldest = self.oldest.min(accepted_at);
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
