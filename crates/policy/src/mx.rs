//! Which hosts, in which order, at which addresses? RFC 5321 section 5.1, RFC 7505.

use std::net::IpAddr;

use mail::Domain;

use crate::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::settings::IpLookupStrategy;

/// What holds for the hosts of every Mx route, as the operator set it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MxRules {
    /// The port; 25 but in tests and demonstrations.
    pub port: u16,
    /// Whether a host may have a loopback address; only for tests and demonstrations.
    pub allow_loopback: bool,
    /// This server's own names: hosts with one of them, and all of equal or worse preference, are left out.
    pub own_names: Vec<String>,
    /// The addresses, never loopback ones, on which this server takes mail at `port`, also those before a NAT.
    pub own_addresses: Vec<IpAddr>,
}

impl Default for MxRules {
    fn default() -> Self {
        MxRules { port: 25, allow_loopback: false, own_names: Vec::new(), own_addresses: Vec::new() }
    }
}

/// A host that may take mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// Its name, in lower case, without the trailing dot; for an address literal, the address.
    pub name: String,
    /// What it is to the next hop.
    pub role: HostRole,
    /// How far it is proven that the next hop means this host; a name that is configured needs no proof.
    pub proven: Security,
}

/// What a host is to the next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostRole {
    /// Named by an MX record.
    Mx {
        /// Lower is better.
        preference: u16,
    },
    /// The domain itself, which has no MX record.
    Implicit,
    /// An address literal.
    Literal(IpAddr),
    /// A host of a configured relay.
    Relay {
        /// Its port.
        port: u16,
    },
    /// The Unix socket of a configured relay; the host's name is its path.
    Socket,
}

impl Host {
    /// A host by its name.
    pub fn new(name: String, role: HostRole, proven: Security) -> Self {
        Host { name, role, proven }
    }
}

/// The hosts of a domain in the order in which they are tried, `hosts_max` at most. Equals are shuffled by `seed`.
///
/// Whether a domain without MX records exists at all, its addresses decide.
pub fn mx_hosts(
    domain: &Domain,
    answer: Result<Answer<MxRecord>, DnsError>,
    seed: u64,
    rules: &MxRules,
    hosts_max: usize,
) -> Result<Vec<Host>, Trouble> {
    if let Some(ip) = domain.literal() {
        return Ok(vec![Host::new(ip.to_string(), HostRole::Literal(ip), Security::Unchecked)]);
    }
    let (records, proven) = match answer {
        Ok(answer) => (answer.records, answer.security),
        Err(DnsError::NoSuchName(proven) | DnsError::NoData(proven)) => (Vec::new(), proven),
        Err(DnsError::Bogus(why)) => {
            let text = format!("Bogus MX records were found for {domain}: {why}");
            return Err(Trouble::new(Scope::Destination, TroubleKind::Dane, (4, 7, 5), text));
        }
        Err(DnsError::Failed(why)) => {
            return Err(dns_trouble((4, 4, 3), format!("cannot look up the MX of {domain}: {why}")));
        }
    };
    if records.is_empty() {
        if is_own_name(domain.as_str(), rules) {
            return Err(loops(domain));
        }
        return Ok(vec![Host::new(domain.as_str().to_owned(), HostRole::Implicit, proven)]);
    }
    if records.iter().all(|record| record.exchange == ".") {
        return Err(dns_trouble((5, 1, 10), format!("{domain} accepts no mail (null MX)")));
    }
    let hosts = without_ourselves(usable(records, seed, proven), domain, rules)?;
    Ok(hosts.into_iter().take(hosts_max.max(1)).collect())
}

/// The records that name a host, best first, equals shuffled, each host once. A dot among others is ignored, and so
/// is an IP address, which is not allowed there.
fn usable(mut records: Vec<MxRecord>, seed: u64, proven: Security) -> Vec<Host> {
    for record in &mut records {
        record.exchange = record.exchange.trim_end_matches('.').to_ascii_lowercase();
    }
    records.retain(|record| !record.exchange.is_empty() && record.exchange.parse::<IpAddr>().is_err());
    records.sort_by_cached_key(|record| {
        (record.preference, mixed(seed, record.exchange.as_bytes()), record.exchange.clone())
    });
    let mut seen = std::collections::BTreeSet::new();
    records.retain(|record| seen.insert(record.exchange.clone()));
    let host =
        |record: MxRecord| Host::new(record.exchange, HostRole::Mx { preference: record.preference }, proven);
    records.into_iter().map(host).collect()
}

/// RFC 5321 section 5.1: where we are listed ourselves, only better hosts may be tried.
fn without_ourselves(hosts: Vec<Host>, domain: &Domain, rules: &MxRules) -> Result<Vec<Host>, Trouble> {
    if hosts.is_empty() {
        return Err(dns_trouble((5, 4, 4), format!("no MX record of {domain} names a host")));
    }
    let ours = hosts.iter().find(|host| is_own_name(&host.name, rules)).map(|host| host.role);
    let Some(HostRole::Mx { preference: ours }) = ours else { return Ok(hosts) };
    let better: Vec<Host> = hosts.into_iter().filter(|host| is_better(host.role, ours)).collect();
    if better.is_empty() { Err(loops(domain)) } else { Ok(better) }
}

/// Whether an operator named the host, and not DNS or a sender.
pub fn is_configured(role: HostRole) -> bool {
    match role {
        HostRole::Relay { .. } | HostRole::Socket => true,
        HostRole::Mx { .. } | HostRole::Implicit | HostRole::Literal(_) => false,
    }
}

/// Whether a host has a better preference than `than`.
pub fn is_better(role: HostRole, than: u16) -> bool {
    matches!(role, HostRole::Mx { preference } if preference < than)
}

fn is_own_name(name: &str, rules: &MxRules) -> bool {
    rules.own_names.iter().any(|own| own.trim_end_matches('.').eq_ignore_ascii_case(name))
}

/// Mail for the domain would come back to us.
pub fn loops(domain: &Domain) -> Trouble {
    dns_trouble((5, 4, 6), format!("mail for {domain} loops back to this server"))
}

/// FNV-1a over seed and name, stirred: even enough for a shuffle, and the same on every machine.
fn mixed(seed: u64, name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().iter().chain(name) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ (hash >> 29)
}

/// Which families are to be asked for, in order.
pub fn families(strategy: IpLookupStrategy) -> &'static [Family] {
    match strategy {
        IpLookupStrategy::V4ThenV6 => &[Family::V4, Family::V6],
        IpLookupStrategy::V6ThenV4 => &[Family::V6, Family::V4],
        IpLookupStrategy::V4Only => &[Family::V4],
        IpLookupStrategy::V6Only => &[Family::V6],
    }
}

/// How far the addresses of a host are proven, and the name that they are really of if its own is an alias.
pub fn provenance(answers: &[Addresses]) -> (Security, Option<String>) {
    let found = || answers.iter().flatten();
    let proven = found().map(|answer| answer.security).min().unwrap_or_default();
    (proven, found().find_map(|answer| answer.canonical.clone()))
}

/// The addresses of a host in the order in which they are tried, `addresses_max` at most.
///
/// `answers` are those of [`families`], in order. That nothing is known of one family beats that the other has
/// nothing.
pub fn addresses(
    host: &Host,
    answers: Vec<Addresses>,
    rules: &MxRules,
    addresses_max: usize,
) -> Result<Vec<IpAddr>, Trouble> {
    let mut found = Vec::new();
    let mut failed = None;
    let mut exists = false;
    for answer in answers {
        match answer {
            Ok(answer) => {
                exists = true;
                found.extend(answer.records);
            }
            Err(DnsError::NoData(_)) => exists = true,
            Err(DnsError::NoSuchName(_)) => {}
            Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => failed = failed.or(Some(why)),
        }
    }
    if found.is_empty() {
        return Err(no_address(host, failed, exists));
    }
    if !is_configured(host.role) {
        found.retain(|ip| is_allowed(*ip, rules));
        if found.is_empty() {
            let text =
                format!("{} resolves to loopback or other addresses that no mail is sent to", host.name);
            return Err(host_trouble((5, 4, 4), text, host));
        }
    }
    Ok(cut(found, addresses_max.max(1)))
}

/// The first so many; where there is room for two, the other family keeps the last place, since one family may be a
/// black hole as a whole (C20).
fn cut(mut found: Vec<IpAddr>, addresses_max: usize) -> Vec<IpAddr> {
    let (kept, rest) = found.split_at(addresses_max.min(found.len()));
    let other = |first: &IpAddr| rest.iter().copied().find(|ip| ip.is_ipv4() != first.is_ipv4());
    let alike = kept.windows(2).all(|pair| pair[0].is_ipv4() == pair[1].is_ipv4());
    let other = kept.first().filter(|_| alike && addresses_max > 1).and_then(other);
    found.truncate(addresses_max);
    if let (Some(other), Some(last)) = (other, found.last_mut()) {
        *last = other;
    }
    found
}

fn no_address(host: &Host, failed: Option<DnsError>, exists: bool) -> Trouble {
    let name = &host.name;
    match (failed, host.role) {
        (Some(why), _) => {
            host_trouble((4, 4, 3), format!("cannot look up the addresses of {name}: {why}"), host)
        }
        // One mistake in DNS must not return all mail: a relay's name is configured, so it is meant to exist.
        (None, HostRole::Relay { .. } | HostRole::Socket) => {
            host_trouble((4, 4, 3), format!("the relay {name} has no address"), host)
        }
        (None, HostRole::Implicit) if exists => {
            dns_trouble((5, 4, 4), format!("{name} has neither an MX record nor an address"))
        }
        (None, HostRole::Implicit) => dns_trouble((5, 1, 2), format!("the domain {name} does not exist")),
        (None, HostRole::Mx { .. } | HostRole::Literal(_)) => {
            host_trouble((5, 4, 4), format!("the MX host {name} has no address"), host)
        }
    }
}

/// Whether mail may be sent to this address because of an MX record. Otherwise anybody could make the queue talk to
/// this machine's own services.
pub fn is_allowed(ip: IpAddr, rules: &MxRules) -> bool {
    match ip.to_canonical() {
        ip if ip.is_loopback() => rules.allow_loopback,
        ip if ip.is_unspecified() || ip.is_multicast() => false,
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}

/// Whether one of the addresses is ours, so that the host is this server.
pub fn is_ourselves(addresses: &[IpAddr], rules: &MxRules) -> bool {
    addresses.iter().any(|ip| rules.own_addresses.iter().any(|own| own.to_canonical() == ip.to_canonical()))
}

fn dns_trouble(status: (u8, u16, u16), text: String) -> Trouble {
    Trouble::new(Scope::Destination, TroubleKind::Dns, status, text)
}

fn host_trouble(status: (u8, u16, u16), text: String, host: &Host) -> Trouble {
    Trouble::new(Scope::Host, TroubleKind::Connection, status, text).at(&host.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain() -> Domain {
        Domain::parse("example.org").expect("valid")
    }

    fn rules() -> MxRules {
        MxRules {
            own_names: vec!["me.example.org".to_owned()],
            own_addresses: vec![ip("192.0.2.99")],
            ..MxRules::default()
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn records(list: &[(u16, &str)]) -> Vec<MxRecord> {
        let record = |(preference, exchange): &(u16, &str)| MxRecord {
            preference: *preference,
            exchange: (*exchange).to_owned(),
        };
        list.iter().map(record).collect()
    }

    fn ask(answer: Result<Vec<MxRecord>, DnsError>, seed: u64) -> Result<Vec<String>, String> {
        mx_hosts(&domain(), answer.map(Answer::unchecked), seed, &rules(), 3)
            .map(|hosts| hosts.into_iter().map(|host| host.name).collect())
            .map_err(|trouble| trouble.status.to_string())
    }

    #[track_caller]
    fn check(list: &[(u16, &str)], expected: Result<&[&str], &str>) {
        let got = ask(Ok(records(list)), 0);
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(got, expected.map_err(str::to_owned), "{list:?}");
    }

    // proves: C11, 5.17 cuts
    #[test]
    fn best_first_and_cut() {
        check(&[(30, "c"), (10, "a"), (20, "B."), (40, "d"), (50, "e")], Ok(&["a", "b", "c"]));
        check(&[(10, "a"), (20, "a"), (30, "b")], Ok(&["a", "b"]));
    }

    // proves: C4, C5, 5.17 null MX
    #[test]
    fn null_mx_alone_is_final_and_among_others_is_ignored() {
        check(&[(0, ".")], Err("5.1.10"));
        check(&[(0, "."), (10, "a")], Ok(&["a"]));
    }

    // proves: C6
    #[test]
    fn addresses_as_exchanges_are_skipped() {
        check(&[(10, "192.0.2.1"), (20, "a")], Ok(&["a"]));
        check(&[(10, "192.0.2.1"), (20, "2001:db8::1")], Err("5.4.4"));
    }

    // proves: C9
    #[test]
    fn ourselves_and_all_that_is_not_better_are_left_out() {
        check(&[(10, "a"), (20, "ME.example.org."), (20, "b"), (30, "c")], Ok(&["a"]));
        check(&[(10, "me.example.org"), (20, "a")], Err("5.4.6"));
        let ours = Domain::parse("me.example.org").expect("valid");
        let implicit = mx_hosts(&ours, Err(DnsError::NoData(Security::Unchecked)), 0, &rules(), 5);
        assert_eq!(implicit.map_err(|trouble| trouble.status.to_string()), Err("5.4.6".to_owned()));
    }

    // proves: C1, C3, 5.17 implicit MX
    #[test]
    fn no_mx_means_the_domain_itself_but_no_answer_means_nothing() {
        for error in [DnsError::NoData(Security::Unchecked), DnsError::NoSuchName(Security::Unchecked)] {
            assert_eq!(ask(Err(error), 0), Ok(vec!["example.org".to_owned()]));
        }
        assert_eq!(ask(Err(DnsError::Failed("SERVFAIL".to_owned())), 0), Err("4.4.3".to_owned()));
    }

    #[test]
    fn a_literal_is_its_own_host() {
        let literal = Domain::parse("[192.0.2.1]").expect("valid");
        let hosts =
            mx_hosts(&literal, Err(DnsError::NoData(Security::Unchecked)), 0, &rules(), 5).expect("hosts");
        assert_eq!(hosts[0].role, HostRole::Literal(ip("192.0.2.1")));
    }

    // proves: C11, 5.17 equal preference
    #[test]
    fn equals_vary_with_the_seed_and_a_thousand_are_cut() {
        let equals: Vec<MxRecord> =
            (0..1000).map(|n| MxRecord { preference: 10, exchange: format!("mx{n}.example.org") }).collect();
        let first: std::collections::BTreeSet<String> =
            (0..50).map(|seed| ask(Ok(equals.clone()), seed).expect("hosts")[0].clone()).collect();
        assert!(first.len() > 30, "only {} different first hosts", first.len());
        assert_eq!(ask(Ok(equals.clone()), 7), ask(Ok(equals), 7));
    }

    #[track_caller]
    fn check_addresses(
        role: HostRole,
        answers: Vec<Result<Vec<&str>, DnsError>>,
        expected: Result<&[&str], (&str, TroubleKind)>,
    ) {
        let host = Host::new("mx.example.org".to_owned(), role, Security::Unchecked);
        let answers: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.map(|list| Answer::unchecked(list.into_iter().map(ip).collect())))
            .collect();
        let got = addresses(&host, answers.clone(), &rules(), 2);
        let expected: Result<Vec<IpAddr>, _> =
            expected.map(|list| list.iter().map(|text| ip(text)).collect());
        let expected = expected.map_err(|(status, kind)| (status.to_owned(), kind));
        assert_eq!(got.map_err(|t| (t.status.to_string(), t.kind)), expected, "{role:?} {answers:?}");
    }

    // proves: 5.17 cuts
    #[test]
    fn addresses_keep_their_order_and_are_cut() {
        let mx = HostRole::Mx { preference: 10 };
        check_addresses(
            mx,
            vec![Ok(vec!["192.0.2.1"]), Ok(vec!["2001:db8::1"])],
            Ok(&["192.0.2.1", "2001:db8::1"]),
        );
        check_addresses(
            mx,
            vec![Ok(vec!["192.0.2.1", "192.0.2.2", "192.0.2.3"])],
            Ok(&["192.0.2.1", "192.0.2.2"]),
        );
        check_addresses(
            mx,
            vec![Err(DnsError::NoData(Security::Unchecked)), Ok(vec!["2001:db8::1"])],
            Ok(&["2001:db8::1"]),
        );
    }

    // proves: C20
    #[test]
    fn the_other_family_has_its_turn_within_the_cut() {
        let all = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let (a, b, c, six) = ("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1");
        for (found, addresses_max, expected) in [
            (&[a, b, six][..], 2, &[a, six][..]),
            (&[a, b, c, six], 3, &[a, b, six]),
            (&[six, a, b], 2, &[six, a]),
            (&[a, b, six], 1, &[a]),
            (&[a, b, c], 2, &[a, b]),
            (&[a, six], 5, &[a, six]),
        ] {
            assert_eq!(cut(all(found), addresses_max), all(expected), "{found:?} {addresses_max}");
        }
    }

    // proves: 5.17 A error AAAA no data
    #[test]
    fn what_is_not_known_beats_what_is_not_there() {
        let failed = || Err(DnsError::Failed("SERVFAIL".to_owned()));
        let mx = HostRole::Mx { preference: 10 };
        for answers in [
            vec![failed(), Err(DnsError::NoData(Security::Unchecked))],
            vec![Err(DnsError::NoSuchName(Security::Unchecked)), failed()],
        ] {
            for role in [mx, HostRole::Implicit, HostRole::Relay { port: 25 }] {
                check_addresses(role, answers.clone(), Err(("4.4.3", TroubleKind::Connection)));
            }
        }
        check_addresses(mx, vec![failed(), Ok(vec!["2001:db8::1"])], Ok(&["2001:db8::1"]));
    }

    #[test]
    fn nothing_there_is_final_but_for_a_relay() {
        let nothing = || {
            vec![
                Err(DnsError::NoSuchName(Security::Unchecked)),
                Err(DnsError::NoSuchName(Security::Unchecked)),
            ]
        };
        let mx = HostRole::Mx { preference: 10 };
        check_addresses(mx, nothing(), Err(("5.4.4", TroubleKind::Connection)));
        check_addresses(HostRole::Implicit, nothing(), Err(("5.1.2", TroubleKind::Dns)));
        check_addresses(
            HostRole::Implicit,
            vec![Err(DnsError::NoData(Security::Unchecked)), Err(DnsError::NoData(Security::Unchecked))],
            Err(("5.4.4", TroubleKind::Dns)),
        );
        check_addresses(HostRole::Relay { port: 25 }, nothing(), Err(("4.4.3", TroubleKind::Connection)));
    }

    // proves: C10, 5.17 loopback
    #[test]
    fn loopback_is_for_relays_only() {
        let mx = HostRole::Mx { preference: 10 };
        let banned = [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "169.254.1.1",
            "fe80::1",
            "::ffff:127.0.0.1",
        ];
        for address in banned {
            check_addresses(mx, vec![Ok(vec![address])], Err(("5.4.4", TroubleKind::Connection)));
            check_addresses(HostRole::Relay { port: 25 }, vec![Ok(vec![address])], Ok(&[address]));
        }
        check_addresses(mx, vec![Ok(vec!["127.0.0.1", "192.0.2.1"])], Ok(&["192.0.2.1"]));
        let host = Host::new("mx".to_owned(), mx, Security::Unchecked);
        let permissive = MxRules { allow_loopback: true, ..rules() };
        assert_eq!(
            addresses(&host, vec![Ok(Answer::unchecked(vec![ip("127.0.0.1")]))], &permissive, 2),
            Ok(vec![ip("127.0.0.1")])
        );
    }

    #[test]
    fn knows_its_own_addresses() {
        assert!(is_ourselves(&[ip("::ffff:192.0.2.99")], &rules()));
        assert!(!is_ourselves(&[ip("192.0.2.98")], &rules()));
    }
}
