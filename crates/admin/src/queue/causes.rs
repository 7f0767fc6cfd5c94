//! `x:QueueCause`: all that waits, grouped by what it waits for.

use super::Office;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{MessageId, Timestamp};
use policy::cause::{Cause, CauseKind};
use serde_json::{Map, Value, json};
use store::{Detail, Look, Sight, StoreError};

use super::surroundings::Surroundings;
use super::{OBJECTS_MAX, got, unavailable};
use crate::error::MethodError;

/// Groups that are told apart; what is beyond them counts to the last one of its kind.
const CAUSES_MAX: usize = 1_000;
/// Messages that stand for a group.
const SAMPLES_MAX: usize = 5;

/// Those that wait for the same.
struct Group {
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
    let documents =
        groups.into_iter().map(|(id, group)| (id.clone(), document(&id, &group, &around))).collect();
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

/// The groups, those with the most recipients first.
async fn groups(api: &Office, around: &Arc<Surroundings>) -> Result<Vec<(String, Group)>, StoreError> {
    let found: Arc<Mutex<BTreeMap<String, Group>>> = Arc::default();
    let (seen, of) = (Arc::clone(&found), Arc::clone(around));
    // What waits for its first attempt is most of a busy queue, and all alike.
    let see = move |sight: Sight| {
        let Some((progress, state)) = &sight.progress else { return ControlFlow::Continue(()) };
        let mut cause = of.cause(progress, state.standing());
        let mut groups = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut id = cause.id();
        if groups.len() >= CAUSES_MAX && !groups.contains_key(&id) {
            (cause.about, cause.words) = (String::new(), "various".to_owned());
            cause.next_hop = None;
            id = cause.id();
        }
        let group = groups.entry(id).or_insert_with(|| Group::new(cause));
        group.take(
            &sight,
            if group.cause.kind == CauseKind::Paused { Timestamp::NEVER } else { progress.due },
        );
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
        if sight.next_event != Timestamp::NEVER {
            self.next = self.next.min(due);
        }
    }
}
