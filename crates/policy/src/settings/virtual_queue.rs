//! `MtaVirtualQueue`: a share of the delivery capacity.

/// A named virtual queue.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaVirtualQueue {
    /// Unique, 1 to 8 bytes.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Deliveries at once on each node; 25 unless said, at least 1.
    pub threads_per_node: usize,
}
