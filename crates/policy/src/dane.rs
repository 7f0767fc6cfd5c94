//! What do the TLSA records of a host demand? RFC 7672, RFC 7671, RFC 6698.

use std::fmt;
use std::sync::Arc;

use crate::dns::{Answer, DnsError, Security, TlsaRecord};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::settings::TlsLevel;

/// TLSA records of one host that are looked at.
pub const TLSA_RECORDS_MAX: usize = 64;

/// What is known of the TLSA records of a host before it is connected to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DaneFinding {
    /// Nobody asked: the strategy disables it, or the host has no name.
    #[default]
    NotAsked,
    /// The way to the host is not proven, so that its records would prove nothing: how far it is.
    Unproven(Security),
    /// There are no records, or none that are proven.
    NoRecords,
    /// They are proven, and none of them can be used.
    Unusable,
    /// They are proven, and bind the host.
    Bound(Arc<Binding>),
    /// Somebody has tampered with them, or their signatures are broken.
    Bogus(String),
    /// They cannot be looked up.
    Failed(String),
}

/// What binds a host: its certificate must match one of the records.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Binding {
    /// The name that the records are of, without port and protocol; what is sent as SNI.
    pub base: String,
    /// The records that can be used, at least one.
    pub records: Vec<TlsaRecord>,
    /// The names of which a certificate below a trust anchor must bear one.
    pub names: Vec<String>,
}

/// What follows for the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DaneDemand {
    /// Nothing.
    Nothing,
    /// TLS, whoever the host is.
    AnyTls,
    /// TLS with a certificate that matches.
    Match(Arc<Binding>),
}

impl fmt::Display for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TlsaRecord {
    /// Usage, selector and matching type, such as `3 1 1`.
    pub fn parameters(&self) -> String {
        format!("{} {} {}", self.usage, self.selector, self.matching)
    }
}

/// The certificate itself is named: DANE-EE.
pub const END_ENTITY: u8 = 3;
/// An authority above it is named: DANE-TA.
pub const TRUST_ANCHOR: u8 = 2;
/// The whole certificate is compared.
pub const WHOLE: u8 = 0;
/// Its public key is compared.
pub const KEY: u8 = 1;
/// Compared as it is.
pub const EXACT: u8 = 0;
/// Compared by its SHA-256.
pub const SHA_256: u8 = 1;
/// Compared by its SHA-512.
pub const SHA_512: u8 = 2;

/// The name under which the TLSA records of a host are kept (RFC 6698 section 3).
pub fn tlsa_name(base: &str, port: u16) -> String {
    format!("_{port}._tcp.{base}")
}

/// The records that can be used: usages 0 and 1 do not exist in SMTP (RFC 7672 section 3.1.3), and of several digests
/// of the same thing only the strongest counts (RFC 7671 section 9).
pub fn usable(records: &[TlsaRecord]) -> Vec<TlsaRecord> {
    let known: Vec<&TlsaRecord> =
        records.iter().take(TLSA_RECORDS_MAX).filter(|record| is_known(record)).collect();
    let strongest = |usage, selector| {
        let same = |record: &&&TlsaRecord| record.usage == usage && record.selector == selector;
        known.iter().filter(same).map(|record| record.matching).max()
    };
    let counts = |record: &&&TlsaRecord| {
        record.matching == EXACT || Some(record.matching) == strongest(record.usage, record.selector)
    };
    known.iter().filter(counts).map(|record| (*record).clone()).collect()
}

fn is_known(record: &TlsaRecord) -> bool {
    let length_fits = match record.matching {
        EXACT => !record.data.is_empty(),
        SHA_256 => record.data.len() == 32,
        SHA_512 => record.data.len() == 64,
        _ => false,
    };
    length_fits && matches!(record.usage, TRUST_ANCHOR | END_ENTITY) && matches!(record.selector, WHOLE | KEY)
}

/// What the answer to a TLSA lookup comes to. `names` are those the certificate may bear, `base` first.
pub fn found(base: &str, names: &[&str], answer: Result<Answer<TlsaRecord>, DnsError>) -> DaneFinding {
    let answer = match answer {
        Ok(answer) => answer,
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => return DaneFinding::NoRecords,
        Err(DnsError::Bogus(why)) => return DaneFinding::Bogus(why),
        Err(DnsError::Failed(why)) => return DaneFinding::Failed(why),
    };
    if answer.security != Security::Secure {
        return DaneFinding::Unproven(answer.security);
    }
    let mut records = usable(&answer.records);
    // Name servers turn the order round, and connections are shared by what they are bound to.
    records.sort();
    if records.is_empty() {
        return DaneFinding::Unusable;
    }
    let mut all = vec![base.to_owned()];
    for name in names {
        if !all.iter().any(|known| known == name) {
            all.push((*name).to_owned());
        }
    }
    DaneFinding::Bound(Arc::new(Binding { base: base.to_owned(), records, names: all }))
}

/// What is demanded of a host; trouble if it may not be tried.
///
/// Records that none of can be used still demand TLS (RFC 7672 section 2.2). What cannot be looked up defers: otherwise
/// whoever can suppress an answer could switch DANE off (RFC 7672 section 2.1.2).
pub fn demand(finding: &DaneFinding, level: TlsLevel, host: &str) -> Result<DaneDemand, Trouble> {
    let required = level == TlsLevel::Require;
    let missing = |class, text: String| Err(dane_trouble((class, 7, 5), text, host));
    match finding {
        _ if level == TlsLevel::Disable => Ok(DaneDemand::Nothing),
        DaneFinding::Bound(binding) => Ok(DaneDemand::Match(Arc::clone(binding))),
        DaneFinding::Bogus(why) => missing(4, format!("Bogus TLSA records were found for {host}: {why}")),
        DaneFinding::Failed(why) => {
            let text = format!("cannot look up the TLSA records of {host}: {why}");
            Err(Trouble::new(Scope::Host, TroubleKind::Dns, (4, 7, 5), text).at(host))
        }
        DaneFinding::Unusable if !required => Ok(DaneDemand::AnyTls),
        DaneFinding::NotAsked | DaneFinding::Unproven(_) | DaneFinding::NoRecords if !required => {
            Ok(DaneDemand::Nothing)
        }
        DaneFinding::Unusable => missing(5, format!("No valid TLSA records were found for {host}")),
        // It is not the host's fault that we cannot see its signatures.
        DaneFinding::Unproven(Security::Unchecked) => {
            missing(4, format!("DANE is required for {host}, and the name server does not validate"))
        }
        DaneFinding::NotAsked | DaneFinding::Unproven(_) => {
            missing(5, format!("No TLSA DNSSEC records found for {host}"))
        }
        DaneFinding::NoRecords => missing(5, format!("No TLSA records found for {host}")),
    }
}

fn dane_trouble(status: (u8, u16, u16), text: String, host: &str) -> Trouble {
    Trouble::new(Scope::Host, TroubleKind::Dane, status, text).at(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(usage: u8, selector: u8, matching: u8) -> TlsaRecord {
        let bytes = match matching {
            SHA_256 => 32,
            SHA_512 => 64,
            _ => 10,
        };
        TlsaRecord { usage, selector, matching, data: vec![usage; bytes] }
    }

    #[track_caller]
    fn check(given: &[(u8, u8, u8)], expected: &[&str]) {
        let given: Vec<TlsaRecord> = given.iter().map(|(u, s, m)| record(*u, *s, *m)).collect();
        let got: Vec<String> = usable(&given).iter().map(TlsaRecord::parameters).collect();
        assert_eq!(got, expected, "{given:?}");
    }

    // proves: F7
    #[test]
    fn only_what_smtp_knows_is_used() {
        check(&[(0, 1, 1), (1, 0, 1)], &[]);
        check(&[(0, 1, 1), (3, 1, 1)], &["3 1 1"]);
        check(&[(2, 0, 1), (3, 1, 1), (3, 0, 0)], &["2 0 1", "3 1 1", "3 0 0"]);
        check(&[(4, 1, 1), (3, 2, 1), (3, 1, 3), (255, 0, 1)], &[]);
        let short = TlsaRecord { data: vec![1; 31], ..record(3, 1, 1) };
        let empty = TlsaRecord { data: Vec::new(), ..record(3, 1, 0) };
        assert_eq!(usable(&[short, empty]), []);
        assert_eq!(usable(&vec![record(3, 1, 1); 1000]).len(), TLSA_RECORDS_MAX);
    }

    // proves: F7
    #[test]
    fn of_several_digests_the_strongest_counts() {
        check(&[(3, 1, 1), (3, 1, 2)], &["3 1 2"]);
        check(&[(3, 1, 1), (3, 1, 2), (3, 0, 1), (2, 1, 1)], &["3 1 2", "3 0 1", "2 1 1"]);
        check(&[(3, 1, 0), (3, 1, 1), (3, 1, 2)], &["3 1 0", "3 1 2"]);
        // A digest that cannot be right does not push out one that can.
        let broken = TlsaRecord { data: vec![1; 3], ..record(3, 1, 2) };
        assert_eq!(usable(&[broken, record(3, 1, 1)]), [record(3, 1, 1)]);
    }

    fn answer(security: Security, records: Vec<TlsaRecord>) -> DaneFinding {
        found("mx", &["mx", "example.org"], Ok(Answer { records, security, canonical: None }))
    }

    // proves: F7, C14, 5.8.1, 5.8.4, 5.8.5, 5.8.6
    #[test]
    fn each_finding_under_each_level() {
        let secure = |records| answer(Security::Secure, records);
        let absent = |security| found("mx", &[], Err(DnsError::NoData(security)));
        let failed = found("mx", &[], Err(DnsError::Failed("SERVFAIL".to_owned())));
        let bogus = found("mx", &[], Err(DnsError::Bogus("x".to_owned())));
        for (finding, optional, required) in [
            (secure(vec![record(3, 1, 1)]), "match", "match"),
            (secure(vec![record(3, 1, 1), record(0, 0, 1)]), "match", "match"),
            (secure(vec![record(1, 1, 1)]), "any TLS", "5.7.5 dane"),
            (answer(Security::Insecure, vec![record(3, 1, 1)]), "nothing", "5.7.5 dane"),
            (answer(Security::Unchecked, vec![record(3, 1, 1)]), "nothing", "4.7.5 dane"),
            (absent(Security::Secure), "nothing", "5.7.5 dane"),
            (absent(Security::Insecure), "nothing", "5.7.5 dane"),
            (DaneFinding::Unproven(Security::Insecure), "nothing", "5.7.5 dane"),
            (DaneFinding::Unproven(Security::Unchecked), "nothing", "4.7.5 dane"),
            (failed, "4.7.5 dns", "4.7.5 dns"),
            (bogus, "4.7.5 dane", "4.7.5 dane"),
        ] {
            for (level, expected) in [
                (TlsLevel::Optional, optional),
                (TlsLevel::Require, required),
                (TlsLevel::Disable, "nothing"),
            ] {
                let got = match demand(&finding, level, "mx") {
                    Ok(DaneDemand::Nothing) => "nothing".to_owned(),
                    Ok(DaneDemand::AnyTls) => "any TLS".to_owned(),
                    Ok(DaneDemand::Match(_)) => "match".to_owned(),
                    Err(trouble) => format!("{} {}", trouble.status, trouble.kind.name()),
                };
                assert_eq!(got, expected, "{finding:?} {level:?}");
            }
        }
    }

    #[test]
    fn the_order_of_an_answer_does_not_matter() {
        let (one, two) = (record(2, 0, 1), record(3, 1, 1));
        let there = answer(Security::Secure, vec![one.clone(), two.clone()]);
        assert_eq!(there, answer(Security::Secure, vec![two, one]));
    }

    #[test]
    fn the_names_are_the_base_first_and_each_once() {
        let DaneFinding::Bound(binding) = answer(Security::Secure, vec![record(2, 0, 1)]) else {
            panic!("not bound");
        };
        assert_eq!(binding.names, ["mx", "example.org"]);
        assert_eq!(tlsa_name("mx.example.org", 25), "_25._tcp.mx.example.org");
        assert_eq!(record(3, 1, 0).to_string(), "3 1 0 03030303030303030303");
    }
}
