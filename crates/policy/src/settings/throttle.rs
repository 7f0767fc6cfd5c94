//! `MtaInboundThrottle` and `MtaOutboundThrottle`: how many of something may pass in a time.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;
use crate::expr::Expression;

/// How fast clients may come and send. Beyond it they hear 4yz.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaInboundThrottle {
    /// What the object is listed under; else its description.
    #[serde(skip)]
    pub id: String,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enable: bool,
    /// For people; stands in the log.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub description: String,
    /// For each combination of these values the rate counts by itself; one count for all if empty.
    #[serde(default)]
    pub key: BTreeSet<InboundKey>,
    /// When it applies; always, if empty.
    #[serde(default, rename = "match")]
    #[schemars(extend("x-context" = "rcptTo"))]
    pub applies: Expression,
    /// How many, in which time.
    pub rate: Rate,
    /// How the time is measured.
    #[serde(default)]
    pub window: Window,
}

/// How fast mail is delivered. Beyond it deliveries wait; nothing is refused.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaOutboundThrottle {
    /// What the object is listed under; else its description.
    #[serde(skip)]
    pub id: String,
    /// Whether it is in force.
    #[serde(default = "yes")]
    pub enable: bool,
    /// For people; stands in the log and in the recipient's status.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Text")]
    pub description: String,
    /// For each combination of these values the rate counts by itself; one count for all if empty.
    #[serde(default)]
    pub key: BTreeSet<OutboundKey>,
    /// When it applies; always, if empty.
    #[serde(default, rename = "match")]
    #[schemars(extend("x-context" = "throttle"))]
    pub applies: Expression,
    /// How many, in which time.
    pub rate: Rate,
    /// How the time is measured.
    #[serde(default)]
    pub window: Window,
    /// Whether deliveries to the local store count and wait too.
    #[serde(default)]
    pub count_local: bool,
}

/// So many in such a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// How many, 1 to 1,000,000.
    #[serde(deserialize_with = "fields::rate_count")]
    #[schemars(with = "shape::Count", extend("maximum" = 1_000_000))]
    pub count: u32,
    /// In which time; counted in whole seconds.
    #[serde(deserialize_with = "fields::millis")]
    #[schemars(with = "shape::Millis")]
    pub period: Duration,
}

/// How the time of a rate is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Window {
    /// In no stretch of time of the period's length do more pass. Two aligned windows that meet let twice as many pass
    /// within moments, which is what the peers of an operator who set a rate would count; so this is the default.
    #[default]
    Sliding,
    /// The count starts anew with each period, counted from the epoch: on the hour, at midnight UTC.
    Aligned,
}

/// What an inbound rate may be counted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum InboundKey {
    /// The listener's name.
    Listener,
    /// The client's address; for IPv6 its /64.
    RemoteIp,
    /// The address that it came to.
    LocalIp,
    /// The account that authenticated.
    AuthenticatedAs,
    /// The name given in EHLO.
    HeloDomain,
    /// The reverse-path.
    Sender,
    /// Its domain.
    SenderDomain,
    /// The forward-path.
    Rcpt,
    /// Its domain.
    RcptDomain,
}

/// What an outbound rate may be counted by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OutboundKey {
    /// The host's name.
    Mx,
    /// The host's address.
    RemoteIp,
    /// The source address.
    LocalIp,
    /// The reverse-path.
    Sender,
    /// Its domain.
    SenderDomain,
    /// The forward-path.
    Rcpt,
    /// Its domain.
    RcptDomain,
    /// The account that sent it.
    AuthenticatedAs,
    /// The route's name.
    Route,
    /// Its kind: `Local`, `Mx` or `Relay`.
    RouteType,
}

const fn yes() -> bool {
    true
}
