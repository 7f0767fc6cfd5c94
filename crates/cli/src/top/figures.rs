//! What is asked for one frame?

use serde_json::{Value, json};

use crate::client::call;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::objects;
use crate::time::Instant;

/// Causes and failures that are asked for.
const ROWS: usize = 30;

/// How far back the rates go.
const SPAN_MILLIS: i64 = 60 * 60 * 1000;

/// Milliseconds of a point of a series.
const STEP_MILLIS: i64 = 60 * 1000;

/// What the server says about itself at one time. What it could not say is null or empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) at: Instant,
    pub(super) statistics: Value,
    pub(super) causes: Vec<Value>,
    pub(super) next_hops: Vec<Value>,
    pub(super) failures: Vec<Value>,
    pub(super) pauses: Vec<Value>,
    /// What could not be asked, in words.
    pub(super) missing: Vec<String>,
}

impl Figures {
    /// Asks for all of it at once. Only a server that does not answer at all is a failure.
    pub(super) async fn ask(desk: &Desk<'_>) -> Result<Self, Failure> {
        let now = Instant::now();
        let since = Instant(now.0 - SPAN_MILLIS).rfc3339();
        let ids = |of: usize, object: &str| json!({ "resultOf": format!("c{of}"), "name": format!("x:{object}/query"), "path": "/ids" });
        let calls = [
            call("Statistics", "get", json!({ "since": since, "step": STEP_MILLIS })),
            call("QueueCause", "query", json!({ "limit": ROWS })),
            call("QueueCause", "get", json!({ "#ids": ids(1, "QueueCause") })),
            call("NextHop", "get", json!({ "ids": null })),
            call("MessageHistory", "query", json!({ "filter": { "outcome": "failed" }, "limit": ROWS })),
            call("MessageHistory", "get", json!({ "#ids": ids(4, "MessageHistory") })),
            call("Pause", "get", json!({ "ids": null })),
        ];
        let mut figures = Figures { at: now, ..Figures::default() };
        let mut answers = desk.client.batch(&calls).await?.into_iter();
        let mut next = |missing: &mut Vec<String>| match answers.next() {
            Some(Ok(answer)) => answer,
            Some(Err(failure)) => {
                missing.push(failure.text);
                Value::Null
            }
            None => Value::Null,
        };
        let missing = &mut figures.missing;
        figures.statistics = next(missing);
        let list = |answer: &Value| objects::list(answer).cloned().unwrap_or_default();
        let found = next(missing);
        // If the query has failed, its get fails for the same reason.
        let mut silent = Vec::new();
        figures.causes = list(&next(if found.is_null() { &mut silent } else { missing }));
        figures.next_hops = list(&next(missing));
        let found = next(missing);
        figures.failures = list(&next(if found.is_null() { &mut silent } else { missing }));
        figures.pauses = list(&next(missing));
        figures
            .causes
            .sort_by_key(|cause| std::cmp::Reverse(cause.get("recipients").and_then(Value::as_u64)));
        Ok(figures)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "at": self.at.rfc3339(), "statistics": self.statistics, "causes": self.causes,
            "nextHops": self.next_hops, "failures": self.failures, "pauses": self.pauses, "missing": self.missing,
        })
    }
}
