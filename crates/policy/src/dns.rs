//! What DNS answers, and how far the answer can be trusted: its words, shared by all who ask.

use std::net::IpAddr;

use thiserror::Error;

/// Records, and what DNSSEC says of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer<T> {
    /// The records, never none, in the order of the answer.
    pub records: Vec<T>,
    /// The weakest link of the way to them, aliases included.
    pub security: Security,
    /// Where the records really are, if the name is an alias (CNAME): in lower case, without the trailing dot.
    pub canonical: Option<String>,
}

/// How far an answer was proven (RFC 4035 section 4.3). A proof that fails is no answer, but [`DnsError::Bogus`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Security {
    /// Nobody has looked: the resolver does not validate.
    #[default]
    Unchecked,
    /// Proven to be in a zone that is not signed.
    Insecure,
    /// Signed, and the signatures hold.
    Secure,
}

/// Why there are no records.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DnsError {
    /// The name does not exist (NXDOMAIN), and how well that is proven.
    #[error("there is no such name")]
    NoSuchName(Security),
    /// The name exists, but has no records of this type, and how well that is proven.
    #[error("there are no records of this type")]
    NoData(Security),
    /// Somebody has tampered with the answer, or the zone's signatures are broken: as good as no answer.
    #[error("DNSSEC validation failed: {0}")]
    Bogus(String),
    /// SERVFAIL, REFUSED, a time-out, a malformed answer: nothing is known.
    #[error("{0}")]
    Failed(String),
}

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// A records.
    V4,
    /// AAAA records.
    V6,
}

/// One MX record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MxRecord {
    /// Lower is better.
    pub preference: u16,
    /// The exchange as the record says, without the trailing dot; `.` alone for a null MX (RFC 7505).
    pub exchange: String,
}

/// One TLSA record (RFC 6698 section 2.1), its numbers as they came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TlsaRecord {
    /// The certificate usage.
    pub usage: u8,
    /// The selector: what of a certificate is compared.
    pub selector: u8,
    /// The matching type: how it is compared.
    pub matching: u8,
    /// What it is compared with.
    pub data: Vec<u8>,
}

/// One SRV record (RFC 2782).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SrvRecord {
    /// Lower is better.
    pub priority: u16,
    /// The share among equals.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, without the trailing dot; `.` alone says that there is no such service.
    pub target: String,
}

impl<T> Answer<T> {
    /// Records of which nothing is proven.
    pub fn unchecked(records: Vec<T>) -> Self {
        Answer { records, security: Security::Unchecked, canonical: None }
    }

    /// Records that are proven.
    pub fn secure(records: Vec<T>) -> Self {
        Answer { records, security: Security::Secure, canonical: None }
    }

    /// The same with other records.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Answer<U> {
        Answer {
            records: self.records.into_iter().map(change).collect(),
            security: self.security,
            canonical: self.canonical,
        }
    }
}

impl DnsError {
    /// Whether it is known that there is nothing. Otherwise nothing is known.
    pub fn is_absence(&self) -> bool {
        match self {
            DnsError::NoSuchName(_) | DnsError::NoData(_) => true,
            DnsError::Bogus(_) | DnsError::Failed(_) => false,
        }
    }
}

/// The addresses of a host in one family.
pub type Addresses = Result<Answer<IpAddr>, DnsError>;
