//! `MtaTlsStrategy`: how much transport security a host must offer.

use std::time::Duration;

/// A named TLS strategy.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaTlsStrategy {
    /// Unique; what TLS expressions return.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// DANE (RFC 7672).
    pub dane: TlsLevel,
    /// MTA-STS (RFC 8461).
    pub mta_sts: TlsLevel,
    /// STARTTLS (RFC 3207).
    pub start_tls: TlsLevel,
    /// Whether a certificate that does not verify is good enough.
    pub allow_invalid_certs: bool,
    /// For STARTTLS and the handshake; 3 minutes unless said.
    pub tls_timeout: Duration,
    /// For fetching an MTA-STS policy; 5 minutes unless said.
    pub mta_sts_timeout: Duration,
}

/// How much a mechanism is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsLevel {
    /// Used where offered.
    #[default]
    Optional,
    /// No delivery without it.
    Require,
    /// Not used.
    Disable,
}
