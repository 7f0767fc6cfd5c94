//! `HistorySettings`: how long is it remembered what became of messages, and how much of it?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;
use crate::limits::{HISTORY_BYTES, HISTORY_DAYS};

/// The singleton.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HistorySettings {
    /// Whether history is kept at all.
    pub enable: bool,
    /// Days after which it is forgotten.
    #[serde(deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Count")]
    pub days: usize,
    /// Bytes that it takes on disk at most; the oldest goes first.
    #[serde(deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Bytes")]
    pub bytes: usize,
    /// Of which attempts the SMTP dialogue is kept: `all`, `failures` or `none`.
    pub dialogues: Dialogues,
}

impl Default for HistorySettings {
    fn default() -> Self {
        HistorySettings {
            enable: true,
            days: HISTORY_DAYS,
            bytes: HISTORY_BYTES,
            dialogues: Dialogues::default(),
        }
    }
}

/// Of which attempts the dialogue is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Dialogues {
    /// Of none.
    None,
    /// Of those that did not deliver to everyone.
    #[default]
    Failures,
    /// Of all.
    All,
}
