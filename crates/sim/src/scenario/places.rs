//! Which hosts, domains and routes does a world have?

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mail::{Address, Domain, Timestamp};
use policy::dns::MxRecord;
use policy::expr::{Branch, Expression};
use policy::limits::{JITTER_PERCENT_MAX, MX_DELIVERIES_MAX, RELAY_DELIVERIES_MAX};
use policy::settings::{
    Account, DeliveryExpiration, IpLookupStrategy, MtaDeliverySchedule, MtaRoute, MtaVirtualQueue, MxRoute,
    RelayProtocol, RelayRoute, RouteKind, Settings, SystemSettings,
};

use super::{Dials, PeerPlan, within};
use crate::chance::Chance;
use crate::dns::{MxScript, Zone};
use crate::fault::Fault;
use crate::history::WorldFacts;
use crate::peer::{Manners, Offers, Tongue};

/// Our own name.
pub(super) const HOSTNAME: &str = "waypost.example";
/// The domain whose mail we keep.
pub(super) const HOME: &str = "home.example";
/// The domain that goes over LMTP.
pub(super) const LISTS: &str = "lists.example";
/// Domains that go through one relay.
pub(super) const BRANCHES: [&str; 2] = ["branch.example", "office.example"];

/// The places of one world.
pub(super) struct Places {
    pub(super) peers: Vec<PeerPlan>,
    pub(super) zones: BTreeMap<Domain, Zone>,
    pub(super) addresses: BTreeMap<String, Vec<IpAddr>>,
    pub(super) settings: Settings,
    pub(super) facts: WorldFacts,
    pub(super) expiry_max: Duration,
    /// Domains that mail goes to.
    pub(super) domains: Vec<String>,
    /// Accounts of ours.
    pub(super) accounts: Vec<Address>,
    /// Whether every host takes 8-bit content.
    pub(super) eight_bit: bool,
}

struct Sketch<'a> {
    chance: &'a mut Chance,
    peers: Vec<PeerPlan>,
    zones: BTreeMap<Domain, Zone>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    hopeless: Vec<Domain>,
    /// For each peer, how many next hops lead to it.
    mx_hops: BTreeMap<usize, usize>,
}

/// Draws the places of a world.
pub(super) fn draw(chance: &mut Chance, dials: Dials, fair_from: Option<Timestamp>) -> Places {
    let settings_chance = &mut chance.fork("settings");
    let mut sketch = Sketch {
        chance,
        peers: Vec::new(),
        zones: BTreeMap::new(),
        addresses: BTreeMap::new(),
        hopeless: Vec::new(),
        mx_hops: BTreeMap::new(),
    };
    let relays = sketch.relays(dials, fair_from);
    let hosts = sketch.hosts(dials, fair_from);
    let mut domains: Vec<String> = (0..sketch.chance.count(2, 8)).map(|n| format!("d{n}.example")).collect();
    for domain in &domains {
        sketch.domain(domain, &hosts);
    }
    let falling_back: Vec<String> =
        domains.iter().filter(|_| settings_chance.per_mille(300)).cloned().collect();
    let schedules = schedules(settings_chance);
    let queues = queues(settings_chance);
    let facts = sketch.facts(dials, &schedules, &queues, &relays);
    let accounts: Vec<Address> = (0..4).map(|n| address(&format!("user{n}@{HOME}"))).collect();
    let expiry_max = schedules.iter().map(life).max().expect("there are schedules");
    let settings = settings(settings_chance, &falling_back, schedules, queues, &accounts);
    domains.extend([HOME, LISTS].map(str::to_owned));
    domains.extend(BRANCHES.map(str::to_owned));
    let eight_bit = sketch.peers.iter().all(|peer| peer.offers.eight_bit);
    let Sketch { peers, zones, addresses, .. } = sketch;
    Places { peers, zones, addresses, settings, facts, expiry_max, domains, accounts, eight_bit }
}

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).expect("written here, so an address")
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("written here, so a domain")
}

impl Sketch<'_> {
    /// The relay, the fallback and the LMTP server, which are reached by name or address and not by MX.
    fn relays(&mut self, dials: Dials, fair_from: Option<Timestamp>) -> [usize; 3] {
        let relay = self.peer("relay.example", Tongue::Smtp, 25, dials, fair_from);
        let fallback = self.peer("fallback.example", Tongue::Smtp, 587, dials, fair_from);
        let lmtp = self.peer("localhost", Tongue::Lmtp, 24, dials, fair_from);
        self.peers[lmtp].sockets = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 24))];
        self.addresses.insert("localhost".to_owned(), vec![Ipv4Addr::LOCALHOST.into()]);
        [relay, fallback, lmtp]
    }

    fn hosts(&mut self, dials: Dials, fair_from: Option<Timestamp>) -> Vec<usize> {
        let count = self.chance.count(2, 9);
        (0..count).map(|n| self.peer(&format!("mx{n}.example"), Tongue::Smtp, 25, dials, fair_from)).collect()
    }

    fn peer(
        &mut self,
        name: &str,
        tongue: Tongue,
        port: u16,
        dials: Dials,
        fair_from: Option<Timestamp>,
    ) -> usize {
        let n = u8::try_from(self.peers.len() + 1).expect("a dozen peers at most");
        let v4: IpAddr = Ipv4Addr::new(198, 51, 100, n).into();
        let v6: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into();
        let mut ips = vec![v4];
        match self.chance.between(0, 9) {
            0 => ips = vec![v6],
            1..=3 => ips.push(v6),
            _ => {}
        }
        let sockets = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        self.addresses.insert(name.to_owned(), ips);
        let (offers, manners) = (self.offers(), self.manners(tongue, dials, fair_from));
        self.peers.push(PeerPlan { name: name.to_owned(), tongue, offers, manners, sockets });
        self.peers.len() - 1
    }

    fn offers(&mut self) -> Offers {
        let chance = &mut self.chance;
        match chance.between(0, 9) {
            0 => Offers::NONE,
            1 => Offers { pipelining: false, chunking: false, size: None, ..Offers::ALL },
            _ => Offers {
                pipelining: chance.per_mille(900),
                size: *chance.pick(&[None, Some(0), Some(0), Some(6_000)]),
                eight_bit: chance.per_mille(950),
                dsn: chance.per_mille(500),
                chunking: chance.per_mille(500),
                enhanced: chance.per_mille(900),
            },
        }
    }

    fn manners(&mut self, tongue: Tongue, dials: Dials, fair_from: Option<Timestamp>) -> Manners {
        if !dials.peers || (self.chance.per_mille(300) && tongue == Tongue::Smtp) {
            return Manners::default();
        }
        let chance = &mut self.chance;
        let rare = [0, 0, 20, 80];
        let mut manners = Manners {
            transient: *chance.pick(&[0, 30, 150, 400]),
            permanent: *chance.pick(&[0, 0, 20, 100]),
            closing: *chance.pick(&rare),
            hang_up: *chance.pick(&rare),
            slow: *chance.pick(&[0, 0, 50, 200]),
            silent: *chance.pick(&[0, 0, 0, 30]),
            malformed: *chance.pick(&[0, 0, 20, 50]),
            drop_after_dot: *chance.pick(&[0, 0, 50, 200]),
            credulous: *chance.pick(&[0, 300]),
            fewer_replies: if tongue == Tongue::Lmtp { *chance.pick(&[0, 50, 200]) } else { 0 },
            idle_close: *chance.pick(&[0, 300, 1000]),
            size_max: None,
            recipients_max: None,
            greylist: None,
            well_from: fair_from,
        };
        if chance.per_mille(200) {
            manners.recipients_max = Some((chance.count(1, 3), chance.per_mille(500)));
        }
        if chance.per_mille(200) {
            manners.greylist = Some(chance.duration(Duration::from_secs(60), Duration::from_secs(900)));
        }
        if chance.per_mille(100) {
            manners.size_max = Some(chance.between(500, 8_000));
        }
        if chance.per_mille(80) {
            manners.transient = 1000;
        }
        manners
    }

    fn domain(&mut self, name: &str, hosts: &[usize]) {
        let (mx, faults, reached, hope) = self.script(name, hosts);
        for peer in reached {
            *self.mx_hops.entry(peer).or_default() += 1;
        }
        if !hope {
            self.hopeless.push(domain(name));
        }
        self.zones.insert(domain(name), Zone { mx, faults });
    }

    /// A domain's records, the faults they are, the peers they lead to, and whether they lead anywhere.
    fn script(&mut self, name: &str, hosts: &[usize]) -> (MxScript, Vec<Fault>, BTreeSet<usize>, bool) {
        let (first, second) = (*self.chance.pick(hosts), *self.chance.pick(hosts));
        let record = |preference, exchange: &str| MxRecord { preference, exchange: exchange.to_owned() };
        let [a, b] = [first, second].map(|peer| self.peers[peer].name.clone());
        let both = BTreeSet::from([first, second]);
        let one = BTreeSet::from([first]);
        let none = BTreeSet::new();
        let records = |records: Vec<MxRecord>| MxScript::Records(records);
        match self.chance.between(0, 19) {
            0 => (MxScript::NoSuchName, vec![Fault::NoSuchDomain], none, false),
            1 => (records(vec![record(0, ".")]), vec![Fault::NullMx], none, false),
            2 => {
                let mixed = vec![record(0, "."), record(10, &a)];
                (records(mixed), vec![Fault::NullMxAmongOthers], one, true)
            }
            3 => (records(vec![record(10, "198.51.100.77")]), vec![Fault::MxIsLiteral], none, false),
            4 => {
                let loops = vec![record(10, HOSTNAME), record(20, &a)];
                (records(loops), vec![Fault::MxIsUs], none, false)
            }
            5 => {
                let backup = vec![record(10, &a), record(20, HOSTNAME), record(30, &b)];
                (records(backup), vec![Fault::MxIsUs], one, true)
            }
            6 => {
                self.addresses.insert("loop.example".to_owned(), vec![Ipv4Addr::LOCALHOST.into()]);
                (records(vec![record(10, "loop.example")]), vec![Fault::MxIsLoopback], none, false)
            }
            7 | 8 => {
                let ips = self.addresses[&a].clone();
                self.addresses.insert(name.to_owned(), ips);
                (MxScript::NoData, vec![Fault::ImplicitMx], one, true)
            }
            9 => {
                let at = within(self.chance, Duration::from_secs(3 * 3_600));
                let moves = MxScript::Moves(at, vec![record(10, &a)], vec![record(10, &b)]);
                (moves, vec![Fault::MxMoves], both, true)
            }
            10 => {
                let mut many: Vec<MxRecord> = (0..40).map(|n| record(20 + n, &b)).collect();
                many.push(record(10, &a));
                (records(many), vec![Fault::ManyMx], both, true)
            }
            11..=14 => (records(vec![record(10, &a), record(10, &b)]), Vec::new(), both, true),
            15..=17 => (records(vec![record(20, &b), record(10, &a)]), Vec::new(), both, true),
            _ => (records(vec![record(10, &a)]), Vec::new(), one, true),
        }
    }

    fn facts(
        &self,
        dials: Dials,
        schedules: &[MtaDeliverySchedule],
        queues: &[MtaVirtualQueue],
        relays: &[usize],
    ) -> WorldFacts {
        let waits = || schedules.iter().flat_map(|schedule| &schedule.retry).copied();
        let longest = waits().max().expect("there are waits");
        let transactions = |(n, peer): (usize, &PeerPlan)| {
            let hops = self.mx_hops.get(&n).copied().unwrap_or(0) * MX_DELIVERIES_MAX;
            let max = if relays.contains(&n) { hops + RELAY_DELIVERIES_MAX } else { hops };
            (peer.name.clone(), max)
        };
        WorldFacts {
            threads: queues.iter().map(|queue| (queue.name.clone(), queue.threads_per_node)).collect(),
            transactions_max: self.peers.iter().enumerate().map(transactions).collect(),
            hopeless: self.hopeless.clone(),
            size_max: self
                .peers
                .iter()
                .filter_map(|peer| peer.offers.size)
                .filter(|max| *max > 0)
                .min()
                .unwrap_or(u64::MAX),
            notices_max: schedules.iter().map(|schedule| schedule.notify.len()).max().unwrap_or(0),
            claimed_within: if dials.store { Duration::from_secs(600) } else { Duration::from_secs(5) },
            retry: (waits().min().expect("there are waits"), longest + longest * JITTER_PERCENT_MAX / 100),
        }
    }
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// How long a recipient may live under this schedule.
fn life(schedule: &MtaDeliverySchedule) -> Duration {
    match schedule.expiry {
        DeliveryExpiration::Ttl(ttl) => ttl,
        DeliveryExpiration::Attempts(attempts) => {
            let longest = schedule.retry.iter().max().copied().unwrap_or_default();
            // Each attempt may itself take its time, and so may a lease that nobody settles.
            (longest + longest / 5 + policy::limits::LEASE) * attempts
        }
    }
}

fn schedules(chance: &mut Chance) -> Vec<MtaDeliverySchedule> {
    let mut schedule = |name: &str, queue: &str| {
        let retry = match chance.between(0, 2) {
            0 => vec![minutes(2), minutes(5), minutes(10), minutes(30)],
            1 => vec![minutes(1), minutes(20)],
            _ => vec![minutes(5), minutes(15), minutes(60)],
        };
        let notify = match chance.between(0, 2) {
            0 => Vec::new(),
            1 => vec![minutes(60)],
            _ => vec![minutes(30), minutes(150)],
        };
        let expiry = if chance.per_mille(700) {
            DeliveryExpiration::Ttl(chance.duration(minutes(40), minutes(8 * 60)))
        } else {
            let attempts = chance.between(2, 6);
            DeliveryExpiration::Attempts(u32::try_from(attempts).expect("at most six"))
        };
        MtaDeliverySchedule { retry, notify, expiry, ..MtaDeliverySchedule::named(name, queue) }
    };
    vec![schedule("local", "local"), schedule("remote", "remote"), schedule("dsn", "dsn")]
}

fn queues(chance: &mut Chance) -> Vec<MtaVirtualQueue> {
    let mut queue = |name: &str| MtaVirtualQueue {
        name: name.to_owned(),
        description: None,
        threads_per_node: *chance.pick(&[1, 2, 4, 25]),
    };
    vec![queue("local"), queue("remote"), queue("dsn")]
}

fn route(name: &str, kind: RouteKind) -> (String, MtaRoute) {
    (name.to_owned(), MtaRoute { name: name.to_owned(), description: None, kind })
}

fn relay(address: &str, port: u16, protocol: RelayProtocol) -> RouteKind {
    RouteKind::Relay(RelayRoute { port, protocol, ..RelayRoute::to(address) })
}

fn settings(
    chance: &mut Chance,
    falling_back: &[String],
    schedules: Vec<MtaDeliverySchedule>,
    queues: Vec<MtaVirtualQueue>,
    accounts: &[Address],
) -> Settings {
    let strategies = [IpLookupStrategy::V4ThenV6, IpLookupStrategy::V4ThenV6, IpLookupStrategy::V6ThenV4];
    let mx = MxRoute {
        ip_lookup_strategy: *chance.pick(&strategies),
        max_mx_hosts: chance.count(1, 5),
        max_multihomed: chance.count(1, 3),
    };
    let mut settings = Settings::fresh();
    // Clients of a world send as fast as they like; what rates do is told elsewhere.
    settings.inbound_throttles.clear();
    settings.system = SystemSettings {
        default_hostname: Some(domain(HOSTNAME)),
        default_domain: Some(domain(HOME)),
        ..SystemSettings::default()
    };
    settings.routes.extend([
        route("local", RouteKind::Local),
        route("mx", RouteKind::Mx(mx)),
        route("relay", relay("relay.example", 25, RelayProtocol::Smtp)),
        route("fallback", relay("fallback.example", 587, RelayProtocol::Smtp)),
        route("lmtp", relay("localhost", 24, RelayProtocol::Lmtp)),
    ]);
    settings.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), schedule)));
    settings.virtual_queues.extend(queues.into_iter().map(|queue| (queue.name.clone(), queue)));
    settings.domains.insert(
        domain(HOME),
        policy::settings::Domain {
            name: domain(HOME),
            description: None,
            aliases: Vec::new(),
            catch_all_address: None,
            allow_relaying: false,
            directory: None,
        },
    );
    let account = |name: &Address| Account {
        name: name.clone(),
        description: None,
        aliases: Vec::new(),
        secret: None,
        quota: None,
        detail_to_mailbox: false,
    };
    settings.accounts.extend(accounts.iter().map(|name| (name.clone(), account(name))));
    settings.outbound.route = routing(falling_back.iter());
    settings.outbound.schedule = Expression {
        matches: vec![
            branch("source == 'dsn'", "'dsn'"),
            branch(&format!("rcpt_domain == '{HOME}'"), "'local'"),
        ],
        otherwise: Some("'remote'".to_owned()),
    };
    settings
}

fn branch(condition: &str, then: &str) -> Branch {
    Branch { condition: condition.to_owned(), then: then.to_owned() }
}

/// The route expression; these domains move to the fallback at the third attempt.
pub(super) fn routing<'a>(falling_back: impl Iterator<Item = &'a String>) -> Expression {
    let is = |name: &str| format!("rcpt_domain == '{name}'");
    let mut matches = vec![
        branch("is_local_domain(rcpt_domain)", "'local'"),
        branch(&is(LISTS), "'lmtp'"),
        branch(&BRANCHES.map(is).join(" || "), "'relay'"),
    ];
    let some = falling_back.map(|name| is(name)).collect::<Vec<_>>().join(" || ");
    if !some.is_empty() {
        matches.push(branch(&format!("retry_num > 1 && ({some})"), "'fallback'"));
    }
    Expression { matches, otherwise: Some("'mx'".to_owned()) }
}
