//! `MtaVirtualQueue`: a share of the delivery capacity.

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::shape;

/// A named virtual queue.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaVirtualQueue {
    /// What schedules name it by; unique, 1 to 8 bytes.
    #[serde(deserialize_with = "fields::short_name")]
    #[schemars(with = "shape::ShortName")]
    pub name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Deliveries at once on each node, at least 1.
    #[serde(default = "threads", deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Count")]
    pub threads_per_node: usize,
}

impl MtaVirtualQueue {
    /// A queue with so many deliveries at once.
    pub fn named(name: &str, threads_per_node: usize) -> Self {
        MtaVirtualQueue { name: name.to_owned(), description: None, threads_per_node }
    }
}

const fn threads() -> usize {
    25
}
