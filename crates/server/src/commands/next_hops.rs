//! What is down? As it is written down, for `waypost next-hops` without a server.

use mail::Clock;
use mta::health::{DOWN_SPACE, Row};
use serde::Serialize;
use serde_json::Value;

use super::mailbox::Place;
use crate::clock::SystemClock;

/// Rows read from the store at a time.
const PAGE: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a str,
    name: &'a str,
    state: &'static str,
    since: String,
    next_trial: String,
    why: &'a str,
}

/// A row for each, of the shape that a running server's answer has.
pub(super) fn rows(place: &Place) -> anyhow::Result<Vec<Value>> {
    let (store, now) = (place.open()?, SystemClock.now());
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan(DOWN_SPACE, after.as_deref(), PAGE, now)?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = Some(last.clone());
        for row in page.iter().filter_map(|(key, value)| Row::from_bytes(key, value)) {
            rows.push(serde_json::to_value(Line {
                id: &row.what,
                name: &row.what,
                state: "down",
                since: row.since.rfc3339(),
                next_trial: row.trial.rfc3339(),
                why: &row.why,
            })?);
        }
    }
}
