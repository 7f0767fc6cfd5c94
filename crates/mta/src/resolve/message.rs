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
    // What denies was only held against the name that was asked for: the alias's target is asked for itself.
    let unproven = judge == Judge::Ourselves || (exists && soa.is_none());
    if unproven && owner != *name {
        return Said::Alias(owner, aliases, seconds(ttl));
    }
    let proven = match judge {
        Judge::Server(security) => security,
        Judge::Ourselves => match denial(message, &owner) {
            Some(proven) => proven,
            None => {
                let why = format!("what denies {owner} is of another zone");
                return Said::Nothing(DnsError::Bogus(why), Duration::ZERO);
            }
        },
    };
    let security = aliases.min(proven);
    let error = if exists { DnsError::NoData(security) } else { DnsError::NoSuchName(security) };
    Said::Nothing(error, seconds(ttl.min(soa.unwrap_or(0))))
}

/// How well it is proven that there is nothing: by the records that say so, all of them.
///
/// None if they cannot say so: at and above a secure name nothing is insecure, so whoever forges a denial without
/// signatures has to take the records of another zone.
fn denial(message: &Message, owner: &Name) -> Option<Security> {
    let says_so = |record: &&Record| {
        matches!(record.record_type(), RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
    };
    let proofs =
        message.authorities.iter().filter(says_so).map(|record| security_of(record, Judge::Ourselves));
    if proofs.min() == Some(Security::Secure) {
        return Some(Security::Secure);
    }
    // Where nothing was said, the validator has looked for itself whether the name is insecure.
    let is_insecure =
        message.authorities.is_empty() || message.authorities.iter().any(|record| record.name.zone_of(owner));
    is_insecure.then_some(Security::Insecure)
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

#[cfg(test)]
mod tests {
    use hickory_proto::op::{OpCode, Query};
    use hickory_proto::rr::rdata::{CNAME, SOA};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("valid")
    }

    fn record(owner: &str, data: RData, proof: Proof) -> Record {
        let mut record = Record::from_rdata(name(owner), 60, data);
        record.proof = proof;
        record
    }

    fn denied_by(soa: &[(&str, Proof)]) -> Message {
        let mut message = Message::response(1, OpCode::Query);
        message.add_query(Query::query(name("mx.signed.example."), RecordType::TLSA));
        for (owner, proof) in soa {
            let data = RData::SOA(SOA::new(name("ns.example."), name("h.example."), 1, 1, 1, 1, 60));
            message.add_authority(record(owner, data, *proof));
        }
        message
    }

    // proves: C13
    #[test]
    fn a_denial_out_of_another_unsigned_zone_is_bogus() {
        let asked = name("mx.signed.example.");
        let ask =
            |soa: &[(&str, Proof)]| match said(&denied_by(soa), &asked, RecordType::TLSA, Judge::Ourselves) {
                Said::Nothing(DnsError::NoData(security), _) => Some(security),
                Said::Nothing(DnsError::Bogus(_), _) => None,
                other => panic!("{other:?}"),
            };
        for (soa, expected) in [
            (&[("signed.example.", Proof::Secure)][..], Some(Security::Secure)),
            (&[("unsigned.example.", Proof::Insecure)], None),
            (&[("below.mx.signed.example.", Proof::Insecure)], None),
            (&[("signed.example.", Proof::Insecure)], Some(Security::Insecure)),
            (&[], Some(Security::Insecure)),
        ] {
            assert_eq!(ask(soa), expected, "{soa:?}");
        }
    }

    #[test]
    fn the_target_of_an_alias_is_not_denied_along_with_it() {
        let (asked, target) = (name("mx.signed.example."), name("other.example."));
        for code in [ResponseCode::NoError, ResponseCode::NXDomain] {
            let mut message = denied_by(&[("other.example.", Proof::Insecure)]);
            message.metadata.response_code = code;
            let alias = RData::CNAME(CNAME(target.clone()));
            message.add_answer(record("mx.signed.example.", alias, Proof::Secure));
            let got = said(&message, &asked, RecordType::TLSA, Judge::Ourselves);
            assert_eq!(got, Said::Alias(target.clone(), Security::Secure, seconds(60)), "{code}");
        }
    }
}
