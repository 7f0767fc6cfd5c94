//! `MtaQueueQuota`: how much may wait in the queue.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;
use crate::expr::Expression;

/// How much of some mail the queue holds at most. Beyond it clients hear 452.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaQueueQuota {
    /// What the object is listed under; else its description or its place in the list.
    #[serde(skip)]
    pub id: String,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enable: bool,
    /// A note for people, which stands in the log.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>", extend("x-attributes" = "RO"))]
    pub description: Option<String>,
    /// For each combination of these values the quota counts by itself; one count for all if empty.
    #[serde(default)]
    pub key: BTreeSet<QuotaKey>,
    /// When it applies; always, if empty.
    #[serde(default, rename = "match")]
    #[schemars(extend("x-context" = "quota"))]
    pub applies: Expression,
    /// Messages at most.
    #[serde(default, deserialize_with = "fields::optional_count")]
    #[schemars(with = "Option<shape::Count>")]
    pub messages: Option<u64>,
    /// Bytes at most.
    #[serde(default, deserialize_with = "fields::optional_count")]
    #[schemars(with = "Option<shape::Bytes>")]
    pub size: Option<u64>,
}

/// What a quota may be counted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum QuotaKey {
    /// The reverse-path.
    Sender,
    /// Its domain.
    SenderDomain,
    /// The forward-path.
    Rcpt,
    /// Its domain.
    RcptDomain,
}

const fn yes() -> bool {
    true
}
