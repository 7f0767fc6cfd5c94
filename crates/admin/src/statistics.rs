//! `x:Statistics/get`: how much mail, and how did it fare?

mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) use self::tally::{DAY_MINUTES, DURATIONS, Minute, SERIES, Tally};
use crate::api::Api;
use crate::error::MethodError;
use crate::observer::json::millis;

/// Points of one series at most.
const POINTS_MAX: u64 = 20_000;
/// Milliseconds of a minute.
const MINUTE_MILLIS: u64 = 60_000;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Arguments {
    since: Option<String>,
    step: Option<u64>,
}

/// Answers `get`.
pub(crate) async fn call(api: &Api, verb: &str, arguments: Value) -> Result<Value, MethodError> {
    if verb != "get" {
        return Err(MethodError::unknown_method(&format!("x:Statistics/{verb}")));
    }
    let Arguments { since, step } = serde_json::from_value(arguments)
        .map_err(|error| MethodError::invalid_arguments(error.to_string()))?;
    let now = api.world.clock.now();
    let (now_minute, step) = (now.as_secs() / 60, (step.unwrap_or(MINUTE_MILLIS) / MINUTE_MILLIS).max(1));
    let since = match since {
        Some(text) => Timestamp::parse_rfc3339(&text).ok_or_else(|| {
            MethodError::invalid_arguments(format!("'{text}' is no point in time (RFC 3339)"))
        })?,
        None => now.plus_seconds(-3600),
    };
    let first = (since.as_secs() / 60 / step).saturating_mul(step).max(now_minute.saturating_sub(POINTS_MAX));
    let minutes = minutes(api, first, now_minute + 1).await?;
    let (series, totals) = series(&minutes, step);
    let day = shares(&api.observer.tally(), now_minute);
    Ok(json!({
        "since": Timestamp::from_millis(first * MINUTE_MILLIS).rfc3339(),
        "step": step * MINUTE_MILLIS,
        "series": series,
        "totals": totals,
        "routes": day.routes,
        "branches": day.branches,
        "queue": waits(api).await?,
        "health": health(api),
    }))
}

/// The minutes from one up to another: those of the last day from memory, older ones as they were written down.
async fn minutes(api: &Api, from: u64, until: u64) -> Result<BTreeMap<u64, Minute>, MethodError> {
    let mut all = BTreeMap::new();
    if from + DAY_MINUTES < until
        && let Some(history) = api.observer.history.clone()
    {
        let limit = usize::try_from(POINTS_MAX).unwrap_or(usize::MAX);
        let read = tokio::task::spawn_blocking(move || history.minutes(from, limit)).await;
        let written = read.map_err(|error| MethodError::new("serverFail", error.to_string()))?;
        for (at, minute) in written.unwrap_or_default() {
            if let Ok(minute) = serde_json::from_slice(&minute) {
                all.insert(at, minute);
            }
        }
    }
    let observer = Arc::clone(&api.observer);
    let caught_up = tokio::task::spawn_blocking(move || observer.bus.catch_up());
    let _ = caught_up.await;
    let tally = api.observer.tally();
    all.extend(tally.minutes(from, until).map(|(at, minute)| (*at, minute.clone())));
    Ok(all)
}

/// Points of each series (milliseconds, count), and the sum of each.
fn series(minutes: &BTreeMap<u64, Minute>, step: u64) -> (Value, Value) {
    let mut points: BTreeMap<u64, [u64; 4]> = BTreeMap::new();
    let mut totals = [0; 4];
    for (at, minute) in minutes {
        let point = points.entry(at / step * step).or_default();
        for (index, count) in minute.series.iter().enumerate() {
            point[index] += count;
            totals[index] += count;
        }
    }
    let (mut series, mut sums) = (json!({}), json!({}));
    for (index, name) in SERIES.into_iter().enumerate() {
        let line: Vec<_> = points.iter().map(|(at, counts)| (at * MINUTE_MILLIS, counts[index])).collect();
        series[name] = json!(line);
        sums[name] = json!(totals[index]);
    }
    (series, sums)
}

/// What the routes and branches of the last day had.
fn shares(tally: &Tally, now: u64) -> Minute {
    let mut day = Minute::default();
    for (_, minute) in tally.minutes(now.saturating_sub(DAY_MINUTES), now + 1) {
        for (name, count) in &minute.routes {
            *day.routes.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &minute.branches {
            *day.branches.entry(name.clone()).or_default() += count;
        }
    }
    day
}

/// What waits.
async fn waits(api: &Api) -> Result<Value, MethodError> {
    let waiting = crate::queue::waiting(api).await;
    let waiting = waiting.map_err(|error| MethodError::new("serverFail", error.to_string()))?;
    Ok(json!({
        "recipients": waiting.recipients,
        "messages": waiting.messages,
        "oldest": waiting.oldest.map(millis),
        "held": waiting.held,
    }))
}

/// Whether those who listen keep up.
fn health(api: &Api) -> Value {
    let history = api.observer.history.as_ref().map(|history| history.state());
    json!({
        "eventsDropped": api.observer.bus.dropped(),
        "history": history.map(|state| json!({
            "entries": state.entries, "bytes": state.bytes, "lost": state.lost, "well": state.well,
        })),
    })
}
