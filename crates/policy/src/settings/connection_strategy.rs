//! `MtaConnectionStrategy`: from which address, under which name, with how much patience.

use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;

/// A named connection strategy.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaConnectionStrategy {
    /// What the connection expression yields; unique.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// The name given in EHLO; the server's host name unless said.
    #[serde(default, deserialize_with = "fields::optional_host")]
    #[schemars(with = "Option<shape::Host>")]
    pub ehlo_hostname: Option<String>,
    /// Addresses that connections come from; the system chooses if there is none.
    #[serde(default)]
    pub source_ips: Vec<SourceIp>,
    /// How one of several source addresses is chosen.
    #[serde(default)]
    pub source_selection: SourceSelection,
    /// How long a connection may take to be made.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub connect_timeout: Duration,
    /// How long the host may take to greet us.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub greeting_timeout: Duration,
    /// How long the answer to EHLO may take.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub ehlo_timeout: Duration,
    /// How long the answer to MAIL FROM may take.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub mail_from_timeout: Duration,
    /// How long the answer to each RCPT TO may take.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub rcpt_to_timeout: Duration,
    /// How long the content may take, and the reply to the final dot (RFC 5321 section 4.5.3.2.6).
    #[serde(default = "long_patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub data_timeout: Duration,
}

/// How one of several source addresses is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceSelection {
    /// By chance for each message; its first attempts all come from the same one.
    #[default]
    Random,
    /// The same one for all mail of a sender.
    StickySender,
    /// In turn, one for each transaction.
    RoundRobin,
}

/// One source address.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceIp {
    /// The address to bind; it must be one of this machine.
    #[serde(deserialize_with = "fields::ip")]
    #[schemars(with = "shape::Ip")]
    pub source_ip: IpAddr,
    /// The EHLO name that goes with it, which should be the name that its PTR record has.
    #[serde(default, deserialize_with = "fields::optional_host")]
    #[schemars(with = "Option<shape::Host>")]
    pub ehlo_hostname: Option<String>,
}

impl MtaConnectionStrategy {
    /// A strategy with all defaults.
    pub fn named(name: &str) -> Self {
        MtaConnectionStrategy {
            name: name.to_owned(),
            description: None,
            ehlo_hostname: None,
            source_ips: Vec::new(),
            source_selection: SourceSelection::default(),
            connect_timeout: patience(),
            greeting_timeout: patience(),
            ehlo_timeout: patience(),
            mail_from_timeout: patience(),
            rcpt_to_timeout: patience(),
            data_timeout: long_patience(),
        }
    }
}

/// RFC 5321 section 4.5.3.2.
const fn patience() -> Duration {
    Duration::from_secs(5 * 60)
}

/// RFC 5321 section 4.5.3.2.6.
const fn long_patience() -> Duration {
    Duration::from_secs(10 * 60)
}
