//! `MtaDeliverySchedule`: when a recipient is tried again, when the sender is told, when we give up.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::json::fields;
use super::shape;
use crate::limits::RETRY_DELAY_MIN;

/// A named schedule.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaDeliverySchedule {
    /// What the schedule expression yields; unique.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// The virtual queue that holds the recipient.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Reference", extend("x-to" = "MtaVirtualQueue"))]
    pub queue_id: String,
    /// Waits between attempts; the last one repeats. `Default`: 2, 5, 10, 15, 30 minutes, 1, 2, 24, 72 hours.
    #[serde(default = "default_retry", deserialize_with = "retry")]
    #[serde(serialize_with = "shape::as_default")]
    #[schemars(with = "Intervals")]
    pub retry: Vec<Duration>,
    /// Waits before the sender is told of a delay. `Default`: 24 and 72 hours; an empty list: never.
    #[serde(default = "default_notify", deserialize_with = "notify")]
    #[serde(serialize_with = "shape::as_default")]
    #[schemars(with = "Intervals")]
    pub notify: Vec<Duration>,
    /// From when the waits before delay notices count.
    #[serde(default)]
    pub notify_from: NotifyFrom,
    /// When we give up, and return the mail.
    #[serde(default, deserialize_with = "expiry")]
    #[schemars(with = "End")]
    pub expiry: DeliveryExpiration,
}

/// From when the waits before delay notices count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(tag = "@type", extend("default" = {"@type": "Default"}))]
enum Intervals {
    /// The waits that the program knows.
    Default,
    /// Waits of one's own.
    Custom {
        /// The waits, in order.
        #[serde(default)]
        intervals: Vec<Interval>,
    },
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Interval {
    /// How long to wait, in whole seconds, at least one.
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
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
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
#[schemars(tag = "@type", extend("default" = {"@type": "Ttl", "expire": 259_200_000}))]
enum End {
    /// So long after acceptance.
    Ttl {
        /// How long after acceptance, in whole seconds.
        #[serde(serialize_with = "shape::millis")]
        #[schemars(with = "shape::Millis")]
        #[serde(default = "default_ttl", deserialize_with = "fields::millis")]
        expire: Duration,
    },
    /// After so many attempts.
    Attempts {
        /// How many attempts, at least one.
        #[schemars(with = "shape::Count")]
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
