//! `MtaTlsStrategy`: how much transport security a host must offer.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;

/// A named TLS strategy.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaTlsStrategy {
    /// What the TLS expression yields; unique.
    #[serde(deserialize_with = "fields::text")]
    #[schemars(with = "shape::Name")]
    pub name: String,
    /// A note for people; nothing depends on it.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Whether the TLSA records of a host decide over its certificate (DANE, RFC 7672).
    #[serde(default)]
    pub dane: TlsLevel,
    /// Whether the policy that the recipient domain publishes counts (MTA-STS, RFC 8461).
    #[serde(default)]
    pub mta_sts: TlsLevel,
    /// Whether the connection is encrypted by STARTTLS (RFC 3207).
    #[serde(default)]
    pub start_tls: TlsLevel,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// How long STARTTLS and the handshake may take.
    #[serde(default = "tls_patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub tls_timeout: Duration,
    /// How long fetching an MTA-STS policy may take.
    #[serde(default = "mta_sts_patience", deserialize_with = "fields::millis")]
    #[serde(serialize_with = "shape::millis")]
    #[schemars(with = "shape::Millis")]
    pub mta_sts_timeout: Duration,
}

/// How much a mechanism is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsLevel {
    /// Used where offered.
    #[default]
    Optional,
    /// No delivery without it.
    Require,
    /// Not used.
    Disable,
}

impl MtaTlsStrategy {
    /// A strategy with all defaults.
    pub fn named(name: &str) -> Self {
        MtaTlsStrategy {
            name: name.to_owned(),
            description: None,
            dane: TlsLevel::Optional,
            mta_sts: TlsLevel::Optional,
            start_tls: TlsLevel::Optional,
            allow_invalid_certs: false,
            tls_timeout: tls_patience(),
            mta_sts_timeout: mta_sts_patience(),
        }
    }
}

const fn tls_patience() -> Duration {
    Duration::from_secs(3 * 60)
}

const fn mta_sts_patience() -> Duration {
    Duration::from_secs(5 * 60)
}
