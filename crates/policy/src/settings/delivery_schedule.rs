//! `MtaDeliverySchedule`: when a recipient is tried again, when the sender is told, when we give up.

use std::time::Duration;

/// A named schedule.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaDeliverySchedule {
    /// Unique among schedules; what schedule expressions return.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The name or id of the `MtaVirtualQueue` that holds the recipient.
    pub queue_id: String,
    /// Waits between attempts; the last repeats. Never empty, each at least one second.
    pub retry: Vec<Duration>,
    /// Waits before delay notices, each counted from acceptance. Empty: never.
    pub notify: Vec<Duration>,
    /// When we give up.
    pub expiry: DeliveryExpiration,
}

/// When we give up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryExpiration {
    /// This long after acceptance; 3 days unless said.
    Ttl(Duration),
    /// After this many attempts; 5 unless said.
    Attempts(u32),
}
