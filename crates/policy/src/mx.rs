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
