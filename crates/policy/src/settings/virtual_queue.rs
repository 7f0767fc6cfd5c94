//! `MtaVirtualQueue`: a share of the delivery capacity.

use serde::Deserialize;

use super::json::fields;

/// A named virtual queue.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaVirtualQueue {
    /// Unique, 1 to 8 bytes.
    #[serde(deserialize_with = "fields::short_name")]
    pub name: String,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// Deliveries at once on each node; 25 unless said, at least 1.
    #[serde(default = "threads", deserialize_with = "fields::at_least_one")]
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
