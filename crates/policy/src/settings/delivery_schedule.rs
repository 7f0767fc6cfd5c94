//! `MtaDeliverySchedule`: when a recipient is tried again, when the sender is told, when we give up.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::json::fields;
use crate::limits::RETRY_DELAY_MIN;

/// A named schedule.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaDeliverySchedule {
    /// Unique among schedules; what schedule expressions return.
    #[serde(deserialize_with = "fields::text")]
    pub name: String,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// The name or id of the `MtaVirtualQueue` that holds the recipient.
    #[serde(deserialize_with = "fields::text")]
    pub queue_id: String,
    /// Waits between attempts; the last repeats. Never empty, each at least one second.
    #[serde(default = "default_retry", deserialize_with = "retry")]
    pub retry: Vec<Duration>,
    /// Waits before delay notices. Empty: never.
    #[serde(default = "default_notify", deserialize_with = "notify")]
    pub notify: Vec<Duration>,
    /// From when the waits before delay notices count; from acceptance unless said.
    #[serde(default)]
    pub notify_from: NotifyFrom,
    /// When we give up.
    #[serde(default, deserialize_with = "expiry")]
    pub expiry: DeliveryExpiration,
}

/// From when the waits before delay notices count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotifyFrom {
    /// All from the acceptance of the message.
    #[default]
    Acceptance,
    /// The first from there, each further one from the notice before it.
    Previous,
}

/// When we give up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryExpiration {
    /// This long after acceptance; 3 days unless said.
    Ttl(Duration),
    /// After this many attempts; 5 unless said.
    Attempts(u32),
}

impl MtaDeliverySchedule {
    /// A schedule with all defaults, in this virtual queue.
    pub fn named(name: &str, queue_id: &str) -> Self {
        MtaDeliverySchedule {
            name: name.to_owned(),
            description: None,
            queue_id: queue_id.to_owned(),
            retry: default_retry(),
            notify: default_notify(),
            notify_from: NotifyFrom::default(),
            expiry: DeliveryExpiration::default(),
        }
    }
}

impl Default for DeliveryExpiration {
    fn default() -> Self {
        DeliveryExpiration::Ttl(default_ttl())
    }
}

const fn default_ttl() -> Duration {
    hours(3 * 24)
}

const fn default_attempts() -> u64 {
    5
}

const fn default_interval() -> Duration {
    hours(1)
}

fn default_retry() -> Vec<Duration> {
    const RETRY: [Duration; 9] = [
        minutes(2),
        minutes(5),
        minutes(10),
        minutes(15),
        minutes(30),
        hours(1),
        hours(2),
        hours(24),
        hours(72),
    ];
    RETRY.to_vec()
}

fn default_notify() -> Vec<Duration> {
    vec![hours(24), hours(72)]
}

pub(super) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub(super) const fn hours(hours: u64) -> Duration {
    minutes(hours * 60)
}

/// Intervals as JSON has them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum Intervals {
    Default,
    Custom {
        #[serde(default)]
        intervals: Vec<Interval>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    #[serde(default = "default_interval", deserialize_with = "fields::millis")]
    duration: Duration,
}

/// Durations count in whole seconds; a wait of none would be a hot loop.
fn seconds(interval: &Interval) -> Duration {
    Duration::from_secs(interval.duration.as_secs()).max(RETRY_DELAY_MIN)
}

fn retry<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<Duration>, D::Error> {
    match Intervals::deserialize(json)? {
        Intervals::Default => Ok(default_retry()),
        Intervals::Custom { intervals } if intervals.is_empty() => {
            Err(serde::de::Error::custom("there must be at least one interval"))
        }
        Intervals::Custom { intervals } => Ok(intervals.iter().map(seconds).collect()),
    }
}

/// No interval: no notices.
fn notify<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<Duration>, D::Error> {
    match Intervals::deserialize(json)? {
        Intervals::Default => Ok(default_notify()),
        Intervals::Custom { intervals } => Ok(intervals.iter().map(seconds).collect()),
    }
}

/// The end as JSON has it.
#[derive(Deserialize)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
enum End {
    Ttl {
        #[serde(default = "default_ttl", deserialize_with = "fields::millis")]
        expire: Duration,
    },
    Attempts {
        #[serde(default = "default_attempts")]
        max_attempts: u64,
    },
}

fn expiry<'de, D: Deserializer<'de>>(json: D) -> Result<DeliveryExpiration, D::Error> {
    match End::deserialize(json)? {
        End::Ttl { expire } => Ok(DeliveryExpiration::Ttl(Duration::from_secs(expire.as_secs().max(1)))),
        End::Attempts { max_attempts: 0 } => Err(serde::de::Error::custom("maxAttempts must be at least 1")),
        End::Attempts { max_attempts } => {
            Ok(DeliveryExpiration::Attempts(u32::try_from(max_attempts).unwrap_or(u32::MAX)))
        }
    }
}
