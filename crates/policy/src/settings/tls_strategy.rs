//! `MtaTlsStrategy`: how much transport security a host must offer.

use std::time::Duration;

use serde::Deserialize;

use super::json::fields;

/// A named TLS strategy.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MtaTlsStrategy {
    /// Unique; what TLS expressions return.
    #[serde(deserialize_with = "fields::text")]
    pub name: String,
    /// For people.
    #[serde(default, deserialize_with = "fields::optional_text")]
    pub description: Option<String>,
    /// DANE (RFC 7672).
    #[serde(default)]
    pub dane: TlsLevel,
    /// MTA-STS (RFC 8461).
    #[serde(default)]
    pub mta_sts: TlsLevel,
    /// STARTTLS (RFC 3207).
    #[serde(default)]
    pub start_tls: TlsLevel,
    /// Whether a certificate that does not verify is good enough.
    #[serde(default)]
    pub allow_invalid_certs: bool,
    /// For STARTTLS and the handshake; 3 minutes unless said.
    #[serde(default = "tls_patience", deserialize_with = "fields::millis")]
    pub tls_timeout: Duration,
    /// For fetching an MTA-STS policy; 5 minutes unless said.
    #[serde(default = "mta_sts_patience", deserialize_with = "fields::millis")]
    pub mta_sts_timeout: Duration,
}

/// How much a mechanism is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
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
