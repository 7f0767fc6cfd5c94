//! `MtaConnectionStrategy`: from which address, under which name, with how much patience.

use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use super::json::fields;

/// A named connection strategy.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaConnectionStrategy {
    /// Unique; what connection expressions return.
    #[serde(deserialize_with = "fields::text")]
    pub name: String,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// The name given in EHLO; the server's host name unless said.
    #[serde(default, deserialize_with = "fields::optional_host")]
    pub ehlo_hostname: Option<String>,
    /// Source addresses to choose from.
    #[serde(default)]
    pub source_ips: Vec<SourceIp>,
    /// How one of several is chosen; by chance unless said.
    #[serde(default)]
    pub source_selection: SourceSelection,
    /// 5 minutes unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub connect_timeout: Duration,
    /// 5 minutes unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub greeting_timeout: Duration,
    /// 5 minutes unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub ehlo_timeout: Duration,
    /// 5 minutes unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub mail_from_timeout: Duration,
    /// 5 minutes unless said.
    #[serde(default = "patience", deserialize_with = "fields::millis")]
    pub rcpt_to_timeout: Duration,
    /// 10 minutes unless said; also the wait for the reply to the final dot (RFC 5321 section 4.5.3.2.6).
    #[serde(default = "long_patience", deserialize_with = "fields::millis")]
    pub data_timeout: Duration,
}

/// How one of several source addresses is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
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
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceIp {
    /// The address to bind.
    #[serde(deserialize_with = "fields::ip")]
    pub source_ip: IpAddr,
    /// The EHLO name that goes with it.
    #[serde(default, deserialize_with = "fields::optional_host")]
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
