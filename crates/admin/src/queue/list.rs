//! Which messages of the queue match, in which order, and which page of them?

use super::Office;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{MessageId, Timestamp};
use serde_json::{Map, Value, json};
use store::{Detail, Look, Order, Sight, StoreError};

use super::filter::Filter;
use super::surroundings::Surroundings;
use super::{OBJECTS_MAX, unavailable};
use crate::error::MethodError;

/// In which order messages come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sorted {
    by_due: bool,
    backwards: bool,
}

/// Which part of them is wanted.
struct Page {
    position: i64,
    limit: usize,
    anchor: Option<MessageId>,
    anchor_offset: i64,
    total: bool,
}

/// `x:QueuedMessage/query`.
pub(super) async fn query(api: &Office, arguments: &Map<String, Value>) -> Result<Value, MethodError> {
    let filter = Filter::read(arguments.get("filter"))?;
    let sorted = sorted(arguments.get("sort"))?;
    let page = page(arguments)?;
    let around = Surroundings::of(api).await;
    // Only a page from the beginning can do without the rest.
    let enough = (page.anchor.is_none() && page.position >= 0 && !page.total)
        .then(|| usize::try_from(page.position).unwrap_or(usize::MAX).saturating_add(page.limit));
    let messages = matching(api, filter, &around, sorted, enough).await.map_err(|why| unavailable(&why))?;
    let first = page.first(&messages)?;
    let ids: Vec<_> =
        messages.iter().skip(first).take(page.limit).map(|id| Value::from(id.to_string())).collect();
    let mut answer = json!({
        "queryState": around.now.as_millis().to_string(),
        "canCalculateChanges": false,
        "position": first,
        "ids": ids,
    });
    if page.total {
        answer["total"] = messages.len().into();
    }
    Ok(answer)
}

impl Page {
    fn first(&self, messages: &[MessageId]) -> Result<usize, MethodError> {
        let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
        let first = match self.anchor {
            None if self.position < 0 => count.saturating_add(self.position),
            None => self.position,
            Some(anchor) => {
                let at = messages.iter().position(|message| *message == anchor);
                let missing = || MethodError::new("anchorNotFound", "the anchor is not among the results");
                i64::try_from(at.ok_or_else(missing)?).unwrap_or(i64::MAX).saturating_add(self.anchor_offset)
            }
        };
        Ok(usize::try_from(first.max(0)).unwrap_or(usize::MAX))
    }
}

fn page(arguments: &Map<String, Value>) -> Result<Page, MethodError> {
    let number = |name: &str, default: i64| match arguments.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value
            .as_i64()
            .ok_or_else(|| MethodError::invalid_arguments(format!("{name} must be a whole number"))),
    };
    let limit = number("limit", i64::try_from(OBJECTS_MAX).unwrap_or(i64::MAX))?;
    let limit =
        usize::try_from(limit).map_err(|_| MethodError::invalid_arguments("limit must not be negative"))?;
    let anchor = match arguments.get("anchor") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let missing = || MethodError::new("anchorNotFound", "there is no such message");
            Some(value.as_str().and_then(message_id).ok_or_else(missing)?)
        }
    };
    Ok(Page {
        position: number("position", 0)?,
        limit: limit.min(OBJECTS_MAX),
        anchor,
        anchor_offset: number("anchorOffset", 0)?,
        total: arguments.get("calculateTotal").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn sorted(sort: Option<&Value>) -> Result<Sorted, MethodError> {
    let Some(by) = sort.and_then(Value::as_array).and_then(|sort| sort.first()) else {
        return Ok(Sorted { by_due: false, backwards: true });
    };
    let ascending = by.get("isAscending").and_then(Value::as_bool).unwrap_or(true);
    match by.get("property").and_then(Value::as_str) {
        Some("due") => Ok(Sorted { by_due: true, backwards: !ascending }),
        _ => {
            let only = "Only sorting by 'due' is supported for queued messages";
            Err(MethodError::new("unsupportedSort", only))
        }
    }
}

/// A message's id as it is written everywhere.
pub(super) fn message_id(text: &str) -> Option<MessageId> {
    let plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    plain.then(|| u64::from_str_radix(text, 16).ok().map(MessageId)).flatten()
}

/// All messages of which a recipient is meant, in order, each once; `enough` of them are enough.
async fn matching(
    api: &Office,
    filter: Filter,
    around: &Arc<Surroundings>,
    sorted: Sorted,
    enough: Option<usize>,
) -> Result<Vec<MessageId>, StoreError> {
    // A walk along the times reads here and there; for all of it, reading on and sorting is faster.
    let along_times = sorted.by_due && enough.is_some();
    let textual = filter.detail() == Detail::Whole;
    let look = Look {
        order: if along_times && !textual { Order::Due } else { Order::Message },
        backwards: sorted.backwards && (along_times || !sorted.by_due),
        after: None,
        detail: filter.detail(),
        contains: filter.contains(),
    };
    let sort_after = sorted.by_due && look.order == Order::Message;
    let enough = if sort_after { None } else { enough };
    let found = Arc::new(Mutex::new((Vec::new(), HashSet::new())));
    let (seen, around) = (Arc::clone(&found), Arc::clone(around));
    let see = move |sight: Sight| {
        let mut found = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, known) = &mut *found;
        if filter.means(&sight, &around) {
            let is_new = known.insert(sight.message);
            if is_new || sort_after {
                rows.push((due(&sight, textual), sight.message));
            }
        }
        if enough.is_some_and(|enough| rows.len() >= enough) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    api.world.store.look(look, Box::new(see)).await?;
    let (mut rows, mut known) = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    if sort_after {
        rows.sort_unstable();
        if sorted.backwards {
            rows.reverse();
        }
        known.clear();
        rows.retain(|(_, message)| known.insert(*message));
    }
    Ok(rows.into_iter().map(|(_, message)| message).collect())
}

/// When it is due: the next attempt where a text was to be found, else the next event.
fn due(sight: &Sight, textual: bool) -> Timestamp {
    match &sight.progress {
        Some((progress, _)) if textual => progress.due,
        Some(_) | None => sight.next_event,
    }
}
