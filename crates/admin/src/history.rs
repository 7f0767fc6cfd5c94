//! `x:MessageHistory`: what became of a message, queued or ended?

mod message;
pub(crate) mod record;

use std::sync::Arc;

use mail::{MessageId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::history::{History, KeyFilter, KeyKind, LIMIT_MAX, Search};

use self::message::Message;
use self::record::mark;
use crate::api::Api;
use crate::error::MethodError;
use crate::observer::Observer;

/// Messages of one answer at most.
const GET_MAX: usize = 500;
/// Messages that a query gives unless it says how many.
const LIMIT_DEFAULT: usize = 100;
/// The outcome of those that have none yet.
const QUEUED: &str = "queued";
/// Messages that are looked at for those that are queued.
const QUEUED_SEARCHED_MAX: usize = 20_000;
/// Bits of a message's id below its millisecond (`store/ids.rs`).
const ID_BITS: u32 = 20;

/// Answers `get` and `query`.
pub(crate) async fn call(api: &Api, verb: &str, arguments: Value) -> Result<Value, MethodError> {
    match verb {
        "get" => get(api, arguments).await,
        "query" => query(api, arguments).await,
        _ => Err(MethodError::unknown_method(&format!("x:MessageHistory/{verb}"))),
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct QueryArguments {
    filter: Option<Filter>,
    limit: Option<usize>,
    anchor: Option<String>,
    anchor_offset: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Filter {
    text: Option<String>,
    from: Option<String>,
    to: Option<String>,
    domain: Option<String>,
    outcome: Option<String>,
    route: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

async fn query(api: &Api, arguments: Value) -> Result<Value, MethodError> {
    let arguments: QueryArguments = serde_json::from_value(arguments)
        .map_err(|error| MethodError::invalid_arguments(error.to_string()))?;
    let filter = arguments.filter.unwrap_or_default();
    let limit = arguments.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let anchor = arguments.anchor.as_deref().map(id).transpose()?;
    // What comes after the anchor; the anchor itself only if its place is asked for.
    let anchor = anchor.map(|id| {
        MessageId(id.0.saturating_add(u64::from(arguments.anchor_offset.is_some_and(|offset| offset <= 0))))
    });
    let first = anchor.is_none();
    let mut search = search(&filter, limit)?;
    search.before = [search.before, anchor].into_iter().flatten().min();
    let named = filter.text.as_deref().filter(|_| first).and_then(|text| id(text.trim()).ok());
    let history = history(api)?;
    if filter.outcome.as_deref() == Some(QUEUED) {
        return queued(api, search, history).await;
    }
    let page = work(
        api,
        move |observer_history| {
            let mut page = observer_history.search(&search)?;
            // A text may also be the id of a message.
            if let Some(id) = named
                && !page.messages.contains(&id)
                && !observer_history.entries(&[id])?.is_empty()
            {
                page.messages.insert(0, id);
            }
            Ok(page)
        },
        history,
    )
    .await?;
    let ids: Vec<String> = page.messages.iter().map(ToString::to_string).collect();
    let total = (first && !page.more && !page.cut).then_some(ids.len());
    let mut answer = json!({
        "queryState": "0", "canCalculateChanges": false, "position": 0, "ids": ids, "limit": limit,
        "more": page.more, "incomplete": page.cut,
    });
    if let Some(total) = total {
        answer["total"] = json!(total);
    }
    Ok(answer)
}

/// Messages that match and are still in the queue.
async fn queued(api: &Api, search: Search, history: Arc<History>) -> Result<Value, MethodError> {
    let (limit, mut search) = (search.limit, Search { limit: LIMIT_MAX, ..search });
    let (mut ids, mut searched, mut more) = (Vec::new(), 0, true);
    while more && ids.len() <= limit && searched < QUEUED_SEARCHED_MAX {
        let asked = search.clone();
        let page = work(api, move |history| history.search(&asked), Arc::clone(&history)).await?;
        let found = api.world.store.messages(&page.messages).await;
        let found = found.map_err(|error| MethodError::new("serverFail", error.to_string()))?;
        let waits = |id: &&MessageId| found.iter().any(|queued| queued.envelope.message == **id);
        ids.extend(page.messages.iter().filter(waits).copied());
        searched += page.messages.len();
        (more, search.before) = (page.more, page.messages.last().copied());
    }
    let more = ids.len() > limit || more;
    ids.truncate(limit);
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    Ok(json!({
        "queryState": "0", "canCalculateChanges": false, "position": 0, "ids": ids, "limit": limit, "more": more,
        "incomplete": searched >= QUEUED_SEARCHED_MAX,
    }))
}

fn search(filter: &Filter, limit: usize) -> Result<Search, MethodError> {
    const ANY: &[KeyKind] = &[KeyKind::From, KeyKind::To];
    let mut search = Search { limit, ..Search::default() };
    let mut key = |kinds: &'static [KeyKind], text: &Option<String>, before: &str, whole: bool| {
        if let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let text = format!("{before}{}", text.to_lowercase());
            search.keys.push(KeyFilter { kinds, text, whole });
        }
    };
    key(ANY, &filter.text, "", false);
    key(&[KeyKind::From], &filter.from, "", false);
    key(&[KeyKind::To], &filter.to, "", false);
    key(ANY, &filter.domain, "@", false);
    key(&[KeyKind::Route], &filter.route, "", true);
    if let Some(outcome) = filter.outcome.as_deref().filter(|outcome| *outcome != QUEUED) {
        search.marks = mark(outcome).ok_or_else(|| unsupported(outcome))?;
    }
    search.not_before = filter.since.as_deref().map(|at| moment(at).map(first_of)).transpose()?;
    search.before = filter.until.as_deref().map(|at| moment(at).map(first_of)).transpose()?;
    Ok(search)
}

fn unsupported(outcome: &str) -> MethodError {
    MethodError::new("unsupportedFilter", format!("there is no outcome '{outcome}'"))
}

/// The first id that a message which came at this time may have.
fn first_of(at: Timestamp) -> MessageId {
    MessageId(at.as_millis().saturating_mul(1 << ID_BITS))
}

fn moment(text: &str) -> Result<Timestamp, MethodError> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| MethodError::invalid_arguments(format!("'{text}' is no point in time (RFC 3339)")))
}

/// The id that stands for a message.
fn id(text: &str) -> Result<MessageId, MethodError> {
    let parsed = u64::from_str_radix(text, 16).ok().filter(|_| text.len() <= 16 && !text.starts_with('+'));
    parsed
        .map(MessageId)
        .ok_or_else(|| MethodError::invalid_arguments(format!("'{text}' is no id of a message")))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct GetArguments {
    ids: Option<Vec<String>>,
    properties: Option<Vec<String>>,
}

async fn get(api: &Api, arguments: Value) -> Result<Value, MethodError> {
    let GetArguments { ids, properties } = serde_json::from_value(arguments)
        .map_err(|error| MethodError::invalid_arguments(error.to_string()))?;
    let ids = ids.ok_or_else(|| MethodError::invalid_arguments("say which ids: all would be too many"))?;
    if ids.len() > GET_MAX {
        return Err(MethodError::new("requestTooLarge", format!("{GET_MAX} messages at once")));
    }
    let wanted: Vec<MessageId> = ids.iter().filter_map(|text| id(text).ok()).collect();
    let history = history(api)?;
    let asked = wanted.clone();
    let entries = work(api, move |history| history.entries(&asked), history).await?;
    let (mut list, mut not_found) = (Vec::new(), Vec::new());
    for text in &ids {
        let own = id(text).ok();
        let mut message = Message::default();
        let of_it = entries.iter().filter(|entry| Some(entry.message) == own);
        of_it.for_each(|entry| message.add(&entry.payload));
        if let Some(own) = own {
            message.add_queued(api, own).await;
        }
        match message.value(text, properties.as_deref()) {
            Some(value) => list.push(value),
            None => not_found.push(text.clone()),
        }
    }
    Ok(json!({"state": "0", "list": list, "notFound": not_found}))
}

/// What is remembered of a recipient's end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// Its forward-path.
    pub address: String,
    /// `delivered`, `failed`, `cancelled`, or `queued` if its end is not known.
    pub state: &'static str,
    /// Whether the last attempt was to put it into a mailbox here.
    pub is_local: bool,
    /// The last word about it: a peer's, or ours.
    pub reply: Option<String>,
}

/// What became of the recipients of a message that has left the queue; nobody if that is not remembered.
pub async fn endings(observer: &Arc<Observer>, message: MessageId) -> Vec<Ending> {
    let (Some(history), observer) = (observer.history.clone(), Arc::clone(observer)) else {
        return Vec::new();
    };
    let read = tokio::task::spawn_blocking(move || {
        observer.catch_up();
        history.entries(&[message])
    });
    let Ok(Ok(entries)) = read.await else { return Vec::new() };
    let mut told = Message::default();
    entries.iter().for_each(|entry| told.add(&entry.payload));
    told.endings()
}

fn history(api: &Api) -> Result<Arc<History>, MethodError> {
    let history = api.observer.history.clone();
    history.ok_or_else(|| MethodError::new("serverUnavailable", "no history is kept"))
}

/// Does what may block, after all that has happened so far is written.
async fn work<T: Send + 'static>(
    api: &Api,
    act: impl FnOnce(&History) -> Result<T, store::StoreError> + Send + 'static,
    history: Arc<History>,
) -> Result<T, MethodError> {
    let observer = Arc::clone(&api.observer);
    let done = tokio::task::spawn_blocking(move || {
        observer.catch_up();
        act(&history)
    });
    let answer = done.await.map_err(|error| MethodError::new("serverFail", error.to_string()))?;
    answer.map_err(|error| MethodError::new("serverFail", error.to_string()))
}
