//! Which host of a relay, in which order? Priorities and weights as in RFC 2782.

use std::collections::BTreeSet;
use std::net::IpAddr;

use mail::Domain;

use crate::dns::{Answer, DnsError, MxRecord, Security, SrvRecord};
use crate::limits::RELAY_HOSTS_MAX;
use crate::mx::{self, Host, HostRole, MxRules};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::settings::{RelayHost, RelayLookup, RelayProtocol, RelayRoute};

/// What must be asked of DNS for one place of a relay before its hosts are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Nothing: this is the host.
    Nothing(Host),
    /// The SRV records of this name.
    Srv(String),
    /// The MX records of this domain, for hosts at this port.
    Mx(Domain, u16),
}

/// The places of a relay in the order in which one attempt tries them: lower priority first; within one priority
/// each is first as often as its weight says.
///
/// `seed` differs from message to message and from attempt to attempt: a message is not bound to a host, so that its
/// next attempt may have more luck. An IP address needs no DNS.
pub fn questions(relay: &RelayRoute, seed: u64) -> Vec<Question> {
    if let Some(path) = &relay.socket {
        return vec![Question::Nothing(Host::new(
            path.display().to_string(),
            HostRole::Socket,
            Security::Secure,
        ))];
    }
    let shares = relay.hosts().into_iter().map(|host| (host.priority, host.weight, host)).collect();
    ordered(shares, seed).into_iter().map(|host| question(relay, host)).take(RELAY_HOSTS_MAX).collect()
}

fn question(relay: &RelayRoute, host: RelayHost) -> Question {
    let name = host.address.trim_end_matches('.').to_ascii_lowercase();
    let plain = || {
        let role = HostRole::Relay { port: host.port };
        Question::Nothing(Host::new(name.clone(), role, Security::Secure))
    };
    if name.parse::<IpAddr>().is_ok() {
        return plain();
    }
    match relay.lookup {
        RelayLookup::None => plain(),
        RelayLookup::Srv if name.starts_with('_') => Question::Srv(name),
        RelayLookup::Srv => Question::Srv(format!("{}.{name}", service(relay))),
        RelayLookup::Mx => match Domain::parse(&name) {
            Ok(domain) => Question::Mx(domain, host.port),
            Err(_) => plain(),
        },
    }
}

/// The service that a relay is, where its name does not say so: RFC 6186, RFC 8314 section 5.1.
fn service(relay: &RelayRoute) -> &'static str {
    match (relay.protocol, relay.implicit_tls) {
        (RelayProtocol::Lmtp, _) => "_lmtp._tcp",
        (RelayProtocol::Smtp, true) => "_submissions._tcp",
        (RelayProtocol::Smtp, false) => "_submission._tcp",
    }
}

/// The hosts that SRV records name, in order. A relay is meant to exist: that DNS has none only defers.
pub fn srv_hosts(
    name: &str,
    answer: Result<Answer<SrvRecord>, DnsError>,
    seed: u64,
) -> Result<Vec<Host>, Trouble> {
    let (records, proven) = match answer {
        Ok(answer) => (answer.records, answer.security),
        Err(DnsError::NoSuchName(proven) | DnsError::NoData(proven)) => (Vec::new(), proven),
        Err(why @ (DnsError::Bogus(_) | DnsError::Failed(_))) => {
            return Err(dns_trouble(format!("cannot look up the SRV records of {name}: {why}")));
        }
    };
    let named = |record: SrvRecord| {
        let target = record.target.trim_end_matches('.').to_ascii_lowercase();
        let host = Host::new(target, HostRole::Relay { port: record.port }, proven);
        (record.priority, record.weight, host)
    };
    let mut hosts = ordered(records.into_iter().map(named).collect(), seed);
    hosts.retain(|host| !host.name.is_empty() && host.name.parse::<IpAddr>().is_err());
    hosts.truncate(RELAY_HOSTS_MAX);
    if hosts.is_empty() {
        return Err(dns_trouble(format!("no SRV record of {name} names a host")));
    }
    Ok(hosts)
}

/// The hosts that the MX records of a relay's name say, in order; each at the relay's own port.
pub fn mx_hosts(
    domain: &Domain,
    answer: Result<Answer<MxRecord>, DnsError>,
    seed: u64,
    rules: &MxRules,
    port: u16,
) -> Result<Vec<Host>, Trouble> {
    let hosts = mx::mx_hosts(domain, answer, seed, rules, RELAY_HOSTS_MAX).map_err(Trouble::deferring)?;
    Ok(hosts.into_iter().map(|host| Host { role: HostRole::Relay { port }, ..host }).collect())
}

/// What all places together come to: hosts, each once; or why there are none.
pub fn hosts(found: impl IntoIterator<Item = Result<Vec<Host>, Trouble>>) -> Result<Vec<Host>, Trouble> {
    let mut hosts: Vec<Host> = Vec::new();
    let mut trouble: Option<Trouble> = None;
    for found in found {
        match found {
            Ok(more) => hosts.extend(more),
            Err(later) => {
                trouble = Some(match trouble {
                    Some(earlier) => earlier.or_later(later),
                    None => later,
                });
            }
        }
    }
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert((host.name.clone(), port(host.role))));
    hosts.truncate(RELAY_HOSTS_MAX);
    match trouble {
        _ if !hosts.is_empty() => Ok(hosts),
        Some(trouble) => Err(trouble),
        None => Err(Trouble::ours("the relay names no host")),
    }
}

/// A relay that is this server itself would have all mail back again.
pub fn is_ourselves(host: &Host, addresses: &[IpAddr], rules: &MxRules) -> Option<Trouble> {
    let same = port(host.role) == Some(rules.port) && mx::is_ourselves(addresses, rules);
    let text = || format!("the relay {} is this server itself", host.name);
    same.then(|| Trouble::new(Scope::Host, TroubleKind::Connection, (4, 4, 6), text()).at(&host.name))
}

fn port(role: HostRole) -> Option<u16> {
    match role {
        HostRole::Relay { port } => Some(port),
        HostRole::Mx { .. } | HostRole::Implicit | HostRole::Literal(_) | HostRole::Socket => None,
    }
}

fn dns_trouble(text: String) -> Trouble {
    Trouble::new(Scope::Destination, TroubleKind::Dns, (4, 4, 3), text)
}

/// Priorities ascending; within one, drawn by weight without putting back, as RFC 2782 says.
fn ordered<T>(mut items: Vec<(u16, u16, T)>, seed: u64) -> Vec<T> {
    // Those of weight 0 come first, which gives them a small chance.
    items.sort_by_key(|(priority, weight, _)| (*priority, *weight > 0));
    let mut drawn = Vec::with_capacity(items.len());
    let mut state = seed;
    while !items.is_empty() {
        let first = items[0].0;
        let equals = items.iter().take_while(|(priority, ..)| *priority == first);
        let total: u64 = equals.map(|(_, weight, _)| u64::from(*weight)).sum();
        state = stirred(state);
        let mut left = state % (total + 1);
        let picked = items.iter().position(|(_, weight, _)| {
            let is_it = u64::from(*weight) >= left;
            left = left.saturating_sub(u64::from(*weight));
            is_it
        });
        drawn.push(items.remove(picked.unwrap_or(0)).2);
    }
    drawn
}

/// The step of SplitMix64: even, and the same on every machine.
fn stirred(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dns::Security;
    use crate::settings::RelayAddress;

    fn more(address: &str, priority: Option<u16>, weight: u16) -> RelayAddress {
        RelayAddress { address: address.to_owned(), port: None, priority, weight }
    }

    fn names(relay: &RelayRoute, seed: u64) -> Vec<String> {
        let name = |question| match question {
            Question::Nothing(host) => host.name,
            Question::Srv(name) => format!("srv {name}"),
            Question::Mx(domain, port) => format!("mx {domain} {port}"),
        };
        questions(relay, seed).into_iter().map(name).collect()
    }

    #[test]
    fn without_priorities_hosts_are_tried_as_they_are_written() {
        let relay =
            RelayRoute { addresses: vec![more("b", None, 1), more("c", None, 1)], ..RelayRoute::to("a") };
        for seed in 0..50 {
            assert_eq!(names(&relay, seed), ["a", "b", "c"]);
        }
    }

    #[test]
    fn equals_share_by_weight_and_the_backup_comes_last() {
        let addresses = vec![more("a", Some(1), 3), more("b", Some(1), 1), more("backup", Some(9), 100)];
        let relay = RelayRoute { address: None, addresses, ..RelayRoute::to("") };
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        for seed in 0..4_000 {
            let order = names(&relay, seed);
            assert_eq!(order[2], "backup");
            *first.entry(order[0].clone()).or_default() += 1;
        }
        // RFC 2782 draws from 0 to the sum, both included: 4 of 5 here.
        assert!((3_050..3_350).contains(&first["a"]), "{first:?}");
    }

    #[test]
    fn weight_nothing_is_hardly_ever_first_but_never_left_out() {
        let addresses = vec![more("a", Some(1), 99), more("b", Some(1), 0)];
        let relay = RelayRoute { address: None, addresses, ..RelayRoute::to("") };
        let firsts = (0..2_000).filter(|seed| names(&relay, *seed)[0] == "b").count();
        assert!((1..80).contains(&firsts), "{firsts}");
        assert!((0..100).all(|seed| names(&relay, seed).len() == 2));
    }

    #[test]
    fn what_is_asked_of_dns_follows_the_route() {
        let relay = |lookup| RelayRoute { lookup, ..RelayRoute::to("Example.ORG") };
        assert_eq!(names(&relay(RelayLookup::None), 0), ["example.org"]);
        assert_eq!(names(&relay(RelayLookup::Mx), 0), ["mx example.org 25"]);
        assert_eq!(names(&relay(RelayLookup::Srv), 0), ["srv _submission._tcp.example.org"]);
        let own = RelayRoute { lookup: RelayLookup::Srv, ..RelayRoute::to("_smtp._tcp.example.org") };
        assert_eq!(names(&own, 0), ["srv _smtp._tcp.example.org"]);
        let tls = RelayRoute { implicit_tls: true, ..relay(RelayLookup::Srv) };
        assert_eq!(names(&tls, 0), ["srv _submissions._tcp.example.org"]);
        assert_eq!(names(&RelayRoute::to_socket("/run/lmtp"), 0), ["/run/lmtp"]);
    }

    // proves: G7
    #[test]
    fn an_address_needs_no_dns_whatever_the_lookup() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            for lookup in [RelayLookup::None, RelayLookup::Srv, RelayLookup::Mx] {
                let relay = RelayRoute { lookup, ..RelayRoute::to(address) };
                assert_eq!(names(&relay, 0), [address]);
            }
        }
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> SrvRecord {
        SrvRecord { priority, weight, port, target: target.to_owned() }
    }

    #[track_caller]
    fn check(records: Vec<SrvRecord>, expected: Result<&[(&str, u16)], &str>) {
        let got = srv_hosts("_smtp._tcp.example.org", Ok(Answer::unchecked(records.clone())), 1);
        let got = got.map(|hosts| {
            hosts.into_iter().map(|host| (host.name, port(host.role).unwrap_or(0))).collect::<Vec<_>>()
        });
        let expected = expected
            .map(|list| list.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect())
            .map_err(str::to_owned);
        assert_eq!(got.map_err(|trouble| trouble.status.to_string()), expected, "{records:?}");
    }

    #[test]
    fn srv_records_name_hosts_and_ports() {
        check(vec![srv(20, 0, 26, "B."), srv(10, 0, 25, "a")], Ok(&[("a", 25), ("b", 26)]));
        check(vec![srv(0, 0, 25, ".")], Err("4.4.3"));
        check(vec![srv(0, 0, 25, "192.0.2.1"), srv(1, 0, 587, "a")], Ok(&[("a", 587)]));
        check(vec![], Err("4.4.3"));
    }

    #[test]
    fn what_dns_does_not_know_of_a_relay_defers() {
        for error in [
            DnsError::NoSuchName(Security::Secure),
            DnsError::NoData(Security::Unchecked),
            DnsError::Failed("SERVFAIL".to_owned()),
        ] {
            let trouble = srv_hosts("_smtp._tcp.example.org", Err(error), 0).unwrap_err();
            assert_eq!(trouble.status.class, 4);
        }
        let null = vec![MxRecord { preference: 0, exchange: ".".to_owned() }];
        let domain = Domain::parse("example.org").unwrap();
        let trouble = mx_hosts(&domain, Ok(Answer::unchecked(null)), 0, &MxRules::default(), 25).unwrap_err();
        assert_eq!(trouble.status.class, 4);
    }

    // proves: G7
    #[test]
    fn a_relay_that_is_this_server_only_defers() {
        let rules = MxRules { own_addresses: vec!["192.0.2.9".parse().unwrap()], ..MxRules::default() };
        let host = |port| Host::new("relay".to_owned(), HostRole::Relay { port }, Security::Unchecked);
        let ourselves = is_ourselves(&host(25), &["192.0.2.9".parse().unwrap()], &rules);
        assert_eq!(ourselves.map(|trouble| trouble.status.to_string()).as_deref(), Some("4.4.6"));
        assert_eq!(is_ourselves(&host(10025), &["192.0.2.9".parse().unwrap()], &rules), None);
        assert_eq!(is_ourselves(&host(25), &["192.0.2.8".parse().unwrap()], &rules), None);
    }

    #[test]
    fn one_place_that_is_known_is_enough() {
        let host = |name: &str| Host::new(name.to_owned(), HostRole::Relay { port: 25 }, Security::Secure);
        let lost = || Err(dns_trouble("lost".to_owned()));
        assert_eq!(hosts([lost(), Ok(vec![host("a"), host("a")])]), Ok(vec![host("a")]));
        assert_eq!(hosts([lost(), lost()]).unwrap_err().text, "lost");
        assert!(hosts([]).is_err());
    }
}
