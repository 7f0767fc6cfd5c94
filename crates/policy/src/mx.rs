//! Which hosts, in which order?

use thiserror::Error;

/// One MX record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MxRecord {
    /// Lower is better.
    pub preference: u16,
    /// The exchange as the record says, without the trailing dot; `.` alone for a null MX (RFC 7505).
    pub exchange: String,
}

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// Why there is no answer from DNS.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DnsError {
    /// The name does not exist (NXDOMAIN).
    #[error("there is no such name")]
    NoSuchName,
    /// The name exists, but has no records of this type.
    #[error("there are no records of this type")]
    NoData,
    /// SERVFAIL, REFUSED, a time-out, a malformed answer: nothing is known.
    #[error("{0}")]
    Failed(String),
}

/// What holds for the hosts of every Mx route, as the operator set it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MxRules {
    /// The port; 25 but in tests and demonstrations.
    pub port: u16,
    /// Whether a host may have a loopback address; only for tests and demonstrations.
    pub allow_loopback: bool,
    /// This server's own names: hosts with one of them, and all of worse preference, are left out.
    pub own_names: Vec<String>,
    /// The addresses, never loopback ones, on which this server takes mail at `port`, also those before a NAT.
    pub own_addresses: Vec<std::net::IpAddr>,
}

impl Default for MxRules {
    fn default() -> Self {
        MxRules { port: 25, allow_loopback: false, own_names: Vec::new(), own_addresses: Vec::new() }
    }
}
