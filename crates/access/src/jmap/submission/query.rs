//! Which submissions are there, and which are new among them? (RFC 8621 sections 7.3 and 7.4)

use std::cmp::Ordering;

use mail::{ModSeq, Timestamp};
use serde_json::{Map, Value, json};
use store::messages::{EmailId, Kind, ThreadId};
use wire::jmap::MethodError;

use super::super::arguments::{Arguments, wrong};
use super::super::call::{Answer, Call, parse_state, state_text, unavailable};
use super::super::changes::cannot_calculate;
use super::super::identity;
use super::super::records::Kept;
use super::record::{Sent, all, id};

/// Changes that are looked at for a `/queryChanges`.
const CHANGES_MAX: usize = 5_000;
/// How deep conditions may lie within each other.
const DEPTH_MAX: usize = 32;

/// Answers `/query`.
pub(super) async fn query(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let mut arguments = Arguments::new(arguments);
    let (filter, sort) = (arguments.take("filter"), arguments.take("sort"));
    let position = arguments.integer("position")?.unwrap_or(0);
    let (anchor, offset) = (arguments.text("anchor")?, arguments.integer("anchorOffset")?.unwrap_or(0));
    let limit = arguments.unsigned("limit")?;
    let total_wanted = arguments.flag("calculateTotal", false)?;
    let found = found(call, filter.as_ref(), sort.as_ref()).await?;
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let begin = match anchor {
        Some(anchor) => {
            let place = found.iter().position(|one| *one == anchor);
            let place = place.ok_or_else(|| MethodError::new("anchorNotFound", "the anchor is not there"))?;
            i64::try_from(place).unwrap_or(i64::MAX).saturating_add(offset)
        }
        None if position < 0 => total.saturating_add(position),
        None => position,
    };
    let begin = usize::try_from(begin.max(0)).unwrap_or(usize::MAX);
    let most = call.limits.objects_in_get_max as u64;
    let most = usize::try_from(limit.unwrap_or(most).min(most)).unwrap_or(usize::MAX);
    let ids: Vec<&String> = found.iter().skip(begin).take(most).collect();
    let mut answer = Map::new();
    answer.insert("queryState".to_owned(), state_text(call.state().await?).into());
    answer.insert("canCalculateChanges".to_owned(), true.into());
    answer.insert("position".to_owned(), begin.min(found.len()).into());
    answer.insert("ids".to_owned(), json!(ids));
    if total_wanted {
        answer.insert("total".to_owned(), found.len().into());
    }
    if limit.is_some_and(|limit| limit > most as u64) {
        answer.insert("limit".to_owned(), most.into());
    }
    Ok(answer)
}

/// Answers `/queryChanges`.
pub(super) async fn changes(call: &Call<'_>, arguments: Map<String, Value>) -> Answer {
    let mut arguments = Arguments::new(arguments);
    let (filter, sort) = (arguments.take("filter"), arguments.take("sort"));
    let since = arguments.needed_text("sinceQueryState")?;
    let most = arguments.unsigned("maxChanges")?;
    let total_wanted = arguments.flag("calculateTotal", false)?;
    let found = found(call, filter.as_ref(), sort.as_ref()).await?;
    let state: ModSeq = parse_state(&since).ok_or_else(|| cannot_calculate(&since))?;
    let store = &call.world.messages;
    let changed = store.changes(call.address(), Kind::Submission, state, CHANGES_MAX).await;
    let changed = changed.map_err(unavailable)?.filter(|changed| !changed.more);
    let changed = changed.ok_or_else(|| cannot_calculate(&since))?;
    let touched: Vec<String> =
        changed.created.iter().chain(&changed.updated).map(|number| id(*number)).collect();
    let removed: Vec<String> =
        changed.updated.iter().chain(&changed.destroyed).map(|number| id(*number)).collect();
    let places = found.iter().enumerate().filter(|(_, id)| touched.contains(id));
    let added: Vec<Value> = places.map(|(index, id)| json!({ "index": index, "id": id })).collect();
    if most.is_some_and(|most| (added.len() + removed.len()) as u64 > most) {
        return Err(MethodError::new("tooManyChanges", "there are more changes than that"));
    }
    let mut answer = Map::new();
    answer.insert("oldQueryState".to_owned(), since.into());
    answer.insert("newQueryState".to_owned(), state_text(call.state().await?).into());
    answer.insert("removed".to_owned(), json!(removed));
    answer.insert("added".to_owned(), added.into());
    if total_wanted {
        answer.insert("total".to_owned(), found.len().into());
    }
    Ok(answer)
}

/// The ids of those that match, in order.
async fn found(
    call: &Call<'_>,
    filter: Option<&Value>,
    sort: Option<&Value>,
) -> Result<Vec<String>, MethodError> {
    let mut kept = Vec::new();
    for sent in all(call).await? {
        if filter.map_or(Ok(true), |filter| matches(&sent, filter, 0))? {
            kept.push(sent);
        }
    }
    let keys = keys(sort)?;
    kept.sort_by(|one, other| {
        let by = |(key, ascending): &(Key, bool)| {
            let order = key.compare(&one.value, &other.value);
            if *ascending { order } else { order.reverse() }
        };
        let order = keys.iter().map(by).find(|order| order.is_ne());
        order.unwrap_or_else(|| one.id.cmp(&other.id))
    });
    Ok(kept.iter().map(|sent| id(sent.id)).collect())
}

fn matches(sent: &Kept<Sent>, filter: &Value, depth: usize) -> Result<bool, MethodError> {
    let unsupported = |why: &str| MethodError::new("unsupportedFilter", why);
    let members = filter.as_object().ok_or_else(|| wrong("filter must be an object"))?;
    if depth > DEPTH_MAX {
        return Err(unsupported("the conditions lie too deep"));
    }
    if let Some(operator) = members.get("operator").and_then(Value::as_str) {
        let conditions = members.get("conditions").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| wrong("conditions must be an array"))?;
        let all: Vec<bool> =
            conditions.iter().map(|one| matches(sent, one, depth + 1)).collect::<Result<_, _>>()?;
        return match operator {
            "AND" => Ok(all.iter().all(|one| *one)),
            "OR" => Ok(all.iter().any(|one| *one)),
            "NOT" => Ok(!all.iter().any(|one| *one)),
            _ => Err(unsupported("there is no such operator")),
        };
    }
    let value = &sent.value;
    for (name, wanted) in members {
        let holds = match name.as_str() {
            "identityIds" => named(name, wanted, &identity::id(value.identity))?,
            "emailIds" => named(name, wanted, &EmailId(value.email).to_string())?,
            "threadIds" => named(name, wanted, &ThreadId(value.thread).to_string())?,
            "undoStatus" => wanted == value.undo.name(),
            "before" => value.send_at() < moment(wanted)?,
            "after" => value.send_at() >= moment(wanted)?,
            _ => return Err(unsupported("there is no such condition")),
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn named(name: &str, wanted: &Value, id: &str) -> Result<bool, MethodError> {
    let ids = wanted.as_array().ok_or_else(|| wrong(format!("{name} must be an array")))?;
    Ok(ids.iter().any(|one| one == id))
}

fn moment(text: &Value) -> Result<Timestamp, MethodError> {
    let moment = text.as_str().and_then(Timestamp::parse_rfc3339);
    moment.ok_or_else(|| wrong("a date must be a UTC date"))
}

#[derive(Clone, Copy)]
enum Key {
    Email,
    Thread,
    SentAt,
}

impl Key {
    fn compare(self, one: &Sent, other: &Sent) -> Ordering {
        match self {
            Key::Email => one.email.cmp(&other.email),
            Key::Thread => one.thread.cmp(&other.thread),
            Key::SentAt => one.send_at().cmp(&other.send_at()),
        }
    }
}

fn keys(sort: Option<&Value>) -> Result<Vec<(Key, bool)>, MethodError> {
    let Some(sort) = sort else { return Ok(vec![(Key::SentAt, false)]) };
    let comparators = sort.as_array().ok_or_else(|| wrong("sort must be an array"))?;
    let key = |comparator: &Value| {
        let key = match comparator["property"].as_str() {
            Some("emailId") => Key::Email,
            Some("threadId") => Key::Thread,
            Some("sentAt" | "sendAt") => Key::SentAt,
            _ => return Err(MethodError::new("unsupportedSort", "there is no such property to sort by")),
        };
        Ok((key, comparator["isAscending"].as_bool().unwrap_or(true)))
    };
    comparators.iter().map(key).collect()
}
