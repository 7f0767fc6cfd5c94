//! What does an answer of DNS say about a name? Aliases are followed, and each link's proof counts.

use std::time::Duration;

use hickory_proto::dnssec::Proof;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use policy::dns::{DnsError, Security};

/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 1_000;
/// Aliases that are followed in all.
pub(super) const ALIASES_MAX: usize = 8;
/// The option of RFC 8914.
const EXTENDED_ERROR: u16 = 15;
/// Its codes that blame DNSSEC (RFC 8914 sections 4.7 to 4.13).
const DNSSEC_ERRORS: std::ops::RangeInclusive<u16> = 6..=12;

/// The records that were asked for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    pub(super) records: Vec<RData>,
    pub(super) security: Security,
    pub(super) canonical: Option<Name>,
}

/// What an answer comes to.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Said {
    /// These records, for so long.
    Records(Found, Duration),
    /// The name is an alias, and the answer ends there.
    Alias(Name, Security, Duration),
    /// There are none, for so long; or nothing is known.
    Nothing(DnsError, Duration),
}

/// Who says how far records are proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Judge {
    /// The server, for the whole message.
    Server(Security),
    /// We, for each record.
    Ourselves,
}

/// Reads an answer.
pub(super) fn said(message: &Message, name: &Name, kind: RecordType, judge: Judge) -> Said {
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Said::Nothing(failure(message), Duration::ZERO);
    }
    let mut owner = name.clone();
    let mut security = Security::Secure;
    let mut ttl = u32::MAX;
    for _ in 0..=ALIASES_MAX {
        let at_owner = || message.answers.iter().filter(|record| record.name == owner);
        let records: Vec<&Record> =
            at_owner().filter(|record| record.record_type() == kind).take(RECORDS_MAX).collect();
        if let Some(least) = records.iter().map(|record| record.ttl).min() {
            let proven = records.iter().map(|record| security_of(record, judge)).min();
            let found = Found {
                records: records.iter().map(|record| record.data.clone()).collect(),
                security: security.min(proven.unwrap_or_default()),
                canonical: (owner != *name).then_some(owner),
            };
            return Said::Records(found, seconds(ttl.min(least)));
        }
        let alias = at_owner().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((target.0.clone(), security_of(record, judge), record.ttl)),
            _ => None,
        });
        let Some((target, proven, lasts)) = alias else {
            return nothing(message, name, owner, security, ttl, judge);
        };
        security = security.min(proven);
        ttl = ttl.min(lasts);
        owner = target;
    }
    Said::Nothing(too_many_aliases(name), Duration::ZERO)
}

/// A chain of aliases without an end that can be trusted to come.
pub(super) fn too_many_aliases(name: &Name) -> DnsError {
    DnsError::Failed(format!("{name} is an alias of an alias, more than {ALIASES_MAX} times over"))
}

fn nothing(message: &Message, name: &Name, owner: Name, aliases: Security, ttl: u32, judge: Judge) -> Said {
    let exists = message.metadata.response_code == ResponseCode::NoError;
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    if exists && soa.is_none() && owner != *name {
        return Said::Alias(owner, aliases, seconds(ttl));
    }
    let proven = match judge {
        Judge::Server(security) => security,
        Judge::Ourselves => denial(message),
    };
    let security = aliases.min(proven);
    let error = if exists { DnsError::NoData(security) } else { DnsError::NoSuchName(security) };
    Said::Nothing(error, seconds(ttl.min(soa.unwrap_or(0))))
}

/// How well it is proven that there is nothing: by the records that say so, all of them.
fn denial(message: &Message) -> Security {
    let says_so = |record: &&Record| {
        matches!(record.record_type(), RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
    };
    let proofs =
        message.authorities.iter().filter(says_so).map(|record| security_of(record, Judge::Ourselves));
    proofs.min().unwrap_or(Security::Insecure)
}

fn security_of(record: &Record, judge: Judge) -> Security {
    match judge {
        Judge::Server(security) => security,
        Judge::Ourselves => match record.proof {
            Proof::Secure => Security::Secure,
            Proof::Insecure | Proof::Bogus | Proof::Indeterminate => Security::Insecure,
        },
    }
}

/// Whether a record that was to be proven was not, and not because its zone is unsigned.
pub(super) fn is_unproven(record: &Record) -> bool {
    matches!(record.proof, Proof::Bogus | Proof::Indeterminate)
}

/// What the server is in trouble with.
fn failure(message: &Message) -> DnsError {
    let code = message.metadata.response_code;
    match extended_error(message) {
        Some(why) if DNSSEC_ERRORS.contains(&why) => DnsError::Bogus(format!("{code} (EDE {why})")),
        Some(why) => DnsError::Failed(format!("{code} (EDE {why})")),
        None => DnsError::Failed(code.to_string()),
    }
}

fn extended_error(message: &Message) -> Option<u16> {
    match message.edns.as_ref()?.option(EdnsCode::Unknown(EXTENDED_ERROR))? {
        EdnsOption::Unknown(_, data) => Some(u16::from_be_bytes([*data.first()?, *data.get(1)?])),
        _ => None,
    }
}

fn seconds(ttl: u32) -> Duration {
    Duration::from_secs(ttl.into())
}
