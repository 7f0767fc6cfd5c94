//! From which of our addresses do we connect, and by which name do we greet?

use std::net::IpAddr;

use mail::Envelope;

use crate::dns::DnsError;
use crate::limits::SOURCE_KEPT_ATTEMPTS;
use crate::retry::mix;
use crate::settings::connection_strategy::{MtaConnectionStrategy, SourceIp, SourceSelection};

/// The source address for a message to `to`, among those of its family; none leaves it to the system.
///
/// By chance means by the message: its first attempts all come from one address, since a host that greylists knows a
/// client by its address. After so many failures the address may be what is not liked, and another has its turn.
/// `turn` counts the connections, for those that take turns.
pub fn source<'s>(
    strategy: &'s MtaConnectionStrategy,
    to: IpAddr,
    envelope: &Envelope,
    retry_num: u32,
    turn: impl FnOnce() -> u64,
) -> Option<&'s SourceIp> {
    if strategy.source_ips.is_empty() {
        return None;
    }
    let fits = |source: &&SourceIp| source.source_ip.is_ipv4() == to.is_ipv4();
    let count = strategy.source_ips.iter().filter(fits).count() as u64;
    let number = match strategy.source_selection {
        _ if count < 2 => 0,
        SourceSelection::Random => {
            let failures = u64::from(retry_num / SOURCE_KEPT_ATTEMPTS);
            mix(envelope.message.0 ^ failures.rotate_left(32))
        }
        SourceSelection::StickySender => mix(sender_hash(envelope)),
        SourceSelection::RoundRobin => turn(),
    };
    let place = usize::try_from(number.checked_rem(count)?).unwrap_or(0);
    strategy.source_ips.iter().filter(fits).nth(place)
}

/// The name given in EHLO: that of the source address, else of the strategy, else this server's.
pub fn ehlo_name<'s>(
    strategy: &'s MtaConnectionStrategy,
    source: Option<&'s SourceIp>,
    hostname: &'s str,
) -> &'s str {
    let of_source = source.and_then(|source| source.ehlo_hostname.as_deref());
    of_source.or(strategy.ehlo_hostname.as_deref()).unwrap_or(hostname)
}

/// What other servers may not like about a source address and the name that goes with it: each should lead to the
/// other. Nothing is said where DNS gave no answer.
pub fn name_troubles(
    ip: IpAddr,
    name: &str,
    names: Result<Vec<String>, DnsError>,
    addresses: Result<Vec<IpAddr>, DnsError>,
) -> Vec<String> {
    let mut troubles = Vec::new();
    let same = |other: &String| other.trim_end_matches('.').eq_ignore_ascii_case(name);
    match names {
        Ok(names) if names.iter().any(same) => {}
        Ok(names) => troubles.push(format!("{ip} is called {} in DNS, not {name}", names.join(", "))),
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => {
            troubles
                .push(format!("{ip} has no name in DNS (PTR): many servers refuse mail from such addresses"));
        }
        Err(DnsError::Bogus(_) | DnsError::Failed(_)) => {}
    }
    match addresses {
        Ok(addresses) if addresses.contains(&ip) => {}
        Ok(_) => troubles.push(format!("{name} has other addresses in DNS than {ip}")),
        Err(DnsError::NoSuchName(_) | DnsError::NoData(_)) => {
            troubles.push(format!("{name} has no address in DNS"));
        }
        Err(DnsError::Bogus(_) | DnsError::Failed(_)) => {}
    }
    troubles
}

/// FNV-1a of the reverse-path; upper and lower case are one sender.
fn sender_hash(envelope: &Envelope) -> u64 {
    let sender = envelope.reverse_path.address().map_or_else(String::new, ToString::to_string);
    let add =
        |hash: u64, byte: u8| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
    sender.bytes().fold(0xcbf2_9ce4_8422_2325, add)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use mail::{Address, ContentTraits, MessageId, Origin, Parameters, ReversePath, Source, Timestamp};

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn envelope(message: u64, sender: &str) -> Envelope {
        Envelope {
            message: MessageId(message),
            reverse_path: ReversePath::Address(Address::parse(sender).unwrap()),
            accepted_at: Timestamp::EPOCH,
            origin: Origin {
                source: Source::Authenticated,
                listener: String::new(),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                local_port: 0,
                authenticated_as: None,
            },
            parameters: Parameters::default(),
            traits: ContentTraits::default(),
            size: 1,
            recipients: Vec::new(),
        }
    }

    fn strategy(selection: SourceSelection, ips: &[&str]) -> MtaConnectionStrategy {
        MtaConnectionStrategy {
            source_selection: selection,
            source_ips: ips
                .iter()
                .map(|text| SourceIp { source_ip: ip(text), ehlo_hostname: None })
                .collect(),
            ..MtaConnectionStrategy::named("s")
        }
    }

    const THREE: &[&str] = &["192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3"];

    fn chosen(strategy: &MtaConnectionStrategy, envelope: &Envelope, retry_num: u32, turn: u64) -> IpAddr {
        source(strategy, ip("198.51.100.1"), envelope, retry_num, || turn).unwrap().source_ip
    }

    // proves: 5.17 source IP
    #[test]
    fn only_addresses_of_the_family_count() {
        let (by_chance, letter) = (strategy(SourceSelection::Random, THREE), envelope(1, "a@example.org"));
        let to_v6 = source(&by_chance, ip("2001:db8::9"), &letter, 0, || 0).unwrap();
        assert_eq!(to_v6.source_ip, ip("2001:db8::1"));
        let only_v4 = strategy(SourceSelection::Random, &["192.0.2.1"]);
        assert_eq!(source(&only_v4, ip("2001:db8::9"), &letter, 0, || 0), None);
        let none = strategy(SourceSelection::Random, &[]);
        assert_eq!(source(&none, ip("192.0.2.9"), &letter, 0, || 0), None);
    }

    // proves: 5.17 source IP, E21
    #[test]
    fn chance_takes_all_evenly_but_keeps_one_for_the_first_attempts_of_a_message() {
        let by_chance = strategy(SourceSelection::Random, THREE);
        let mut counts = std::collections::BTreeMap::new();
        for message in 0..3000 {
            *counts.entry(chosen(&by_chance, &envelope(message, "a@b.example"), 0, 0)).or_insert(0) += 1;
        }
        assert!(counts.len() == 3 && counts.values().all(|count| (900..1100).contains(count)), "{counts:?}");
        for message in 0..20 {
            let letter = envelope(message, "a@b.example");
            let first: BTreeSet<_> =
                (0..SOURCE_KEPT_ATTEMPTS).map(|retry| chosen(&by_chance, &letter, retry, 0)).collect();
            assert_eq!(first.len(), 1, "greylisting");
        }
        let letter = envelope(7, "a@b.example");
        let all: BTreeSet<_> = (0..100).map(|retry| chosen(&by_chance, &letter, retry, 0)).collect();
        assert_eq!(all.len(), 3, "in the end each has its turn");
    }

    // proves: 5.17 source IP
    #[test]
    fn a_sender_sticks_to_one_address_and_turns_are_taken_in_order() {
        let sticky = strategy(SourceSelection::StickySender, THREE);
        let of_anna: BTreeSet<_> = (0..50)
            .map(|n| chosen(&sticky, &envelope(n, "Anna@Example.org"), 9, n))
            .chain([chosen(&sticky, &envelope(1, "anna@example.org"), 0, 0)])
            .collect();
        assert_eq!(of_anna.len(), 1);
        let of_all: BTreeSet<_> =
            (0..50).map(|n| chosen(&sticky, &envelope(1, &format!("a{n}@example.org")), 0, 0)).collect();
        assert_eq!(of_all.len(), 3);
        let in_turn = strategy(SourceSelection::RoundRobin, THREE);
        let turns: Vec<_> =
            (0..4).map(|turn| chosen(&in_turn, &envelope(1, "a@b.example"), 0, turn)).collect();
        assert_eq!(turns, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"].map(ip));
    }

    #[test]
    fn name_and_address_should_lead_to_each_other() {
        use crate::dns::Security::Unchecked;
        let check =
            |names, addresses| name_troubles(ip("192.0.2.1"), "out.example.org", names, addresses).join("; ");
        let text = |name: &str| Ok(vec![name.to_owned()]);
        assert_eq!(check(text("Out.example.org."), Ok(vec![ip("192.0.2.9"), ip("192.0.2.1")])), "");
        assert_eq!(
            check(text("dsl.example.net"), Ok(vec![ip("192.0.2.9")])),
            "192.0.2.1 is called dsl.example.net in DNS, not out.example.org; \
             out.example.org has other addresses in DNS than 192.0.2.1"
        );
        let nothing = check(Err(DnsError::NoSuchName(Unchecked)), Err(DnsError::NoData(Unchecked)));
        assert!(nothing.starts_with("192.0.2.1 has no name in DNS (PTR)"), "{nothing}");
        assert!(nothing.ends_with("out.example.org has no address in DNS"), "{nothing}");
        let failed = || DnsError::Failed("SERVFAIL".to_owned());
        assert_eq!(check(Err(failed()), Err(failed())), "", "doubt is no finding");
    }

    // proves: 5.17 EHLO name
    #[test]
    fn the_nearest_name_counts() {
        let mut strategy = strategy(SourceSelection::Random, &["192.0.2.1"]);
        assert_eq!(ehlo_name(&strategy, strategy.source_ips.first(), "host.example"), "host.example");
        strategy.ehlo_hostname = Some("strategy.example".to_owned());
        assert_eq!(ehlo_name(&strategy, strategy.source_ips.first(), "host.example"), "strategy.example");
        strategy.source_ips[0].ehlo_hostname = Some("source.example".to_owned());
        assert_eq!(ehlo_name(&strategy, strategy.source_ips.first(), "host.example"), "source.example");
        assert_eq!(ehlo_name(&strategy, None, "host.example"), "strategy.example");
    }
}
