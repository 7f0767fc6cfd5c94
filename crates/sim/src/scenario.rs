//! One seed, one world: which peers, names, routes, letters, faults and crashes it has.

mod client;
mod letters;
mod places;
mod run;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mail::{Domain, Timestamp};
use policy::expr::Expression;
use policy::limits::CLAIM_INTERVAL_MAX;
use policy::settings::Settings;

pub use client::Entrance;
pub use letters::{Letter, admit};
pub use run::{Honest, Outcome, Twist, play, play_twisted};

use crate::chance::Chance;
use crate::clock::{BEGINNING, Leap};
use crate::dns::{Resolving, Zone};
use crate::faulty_store::Upsets;
use crate::history::WorldFacts;
use crate::network::Weather;
use crate::peer::{Manners, Offers, Tongue};

/// Letters come within this long of the beginning.
const LETTERS_WITHIN: Duration = Duration::from_secs(4 * 3_600);
/// The node dies within this long of the beginning only.
const CRASHES_WITHIN: Duration = Duration::from_secs(8 * 3_600);

/// Everything that the seed says about a world, before it runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hosts that take mail.
    pub peers: Vec<PeerPlan>,
    /// Domains.
    pub zones: BTreeMap<Domain, Zone>,
    /// Addresses of hosts.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Our settings.
    pub settings: Settings,
    /// What clients send.
    pub letters: Vec<Letter>,
    /// How the node is stopped, in order.
    pub stops: Vec<Stop>,
    /// Another route expression, in force from that time on.
    pub reroute: Option<(Timestamp, Expression)>,
    /// The network's failures.
    pub weather: Weather,
    /// The resolver's failures.
    pub resolving: Resolving,
    /// The store's failures.
    pub upsets: Upsets,
    /// What the judges must know.
    pub facts: WorldFacts,
    /// By when the queue must be empty.
    pub horizon: Timestamp,
    /// When the wall clock is set wrong, and how, if it is.
    pub leap: Option<(Timestamp, Leap)>,
}

/// A host that takes mail, before it runs.
#[derive(Clone, Debug)]
pub struct PeerPlan {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub tongue: Tongue,
    /// What it offers.
    pub offers: Offers,
    /// How it misbehaves.
    pub manners: Manners,
    /// Where it listens.
    pub sockets: Vec<SocketAddr>,
}

/// The node is stopped, and started again some time later.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// When.
    pub at: Moment,
    /// Whether it may put its things in order first.
    pub clean: bool,
    /// How long it is down.
    pub down: Duration,
}

/// A moment in a history.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// At this time.
    At(Timestamp),
    /// So long after so many messages were taken by peers: between final dot and settle, or about then.
    AfterTaking(u64, Duration),
}

/// How much of each kind of trouble a world has. Worlds with little of it can be judged most strictly.
#[derive(Clone, Copy, Debug)]
struct Dials {
    peers: bool,
    network: bool,
    dns: bool,
    store: bool,
    crashes: bool,
    bugs: bool,
}

impl Plan {
    /// The world of this seed.
    pub fn draw(seed: u64) -> Plan {
        let mut chance = Chance::new(seed);
        let dials = Dials {
            peers: chance.per_mille(850),
            network: chance.per_mille(500),
            dns: chance.per_mille(450),
            store: chance.per_mille(400),
            crashes: chance.per_mille(600),
            bugs: chance.per_mille(60),
        };
        let fair_from = chance.per_mille(500).then(|| within(&mut chance, Duration::from_secs(6 * 3_600)));
        let places = places::draw(&mut chance.fork("places"), dials, fair_from);
        let letters = letters::draw(&mut chance.fork("letters"), &places);
        let stops = if dials.crashes { stops(&mut chance.fork("stops")) } else { Vec::new() };
        let reroute = chance.per_mille(300).then(|| {
            let moved = places.domains.iter().filter(|_| chance.per_mille(500));
            let routing = places::routing(moved.collect::<Vec<_>>().into_iter());
            (within(&mut chance, LETTERS_WITHIN), routing)
        });
        let leap = leap(&mut chance.fork("leap"));
        let last_down: Duration = stops.iter().map(|stop| stop.down).sum();
        // A message may live as long as its schedule says, its notification again as long, and the last lease
        // may have to end before the last word is written.
        let lives = places.expiry_max * 2 + policy::limits::LEASE * 4;
        Plan {
            weather: weather(&mut chance.fork("weather"), dials, fair_from),
            resolving: resolving(&mut chance.fork("resolving"), dials, fair_from),
            upsets: upsets(&mut chance.fork("upsets"), dials, fair_from),
            horizon: BEGINNING.plus(LETTERS_WITHIN + CRASHES_WITHIN + last_down + lives + LEAP_BACK_MAX),
            leap,
            peers: places.peers,
            zones: places.zones,
            addresses: places.addresses,
            settings: places.settings,
            facts: WorldFacts { claimed_within: places.facts.claimed_within + faster(leap), ..places.facts },
            letters,
            stops,
            reroute,
        }
    }

    /// The hosts by socket, as the network wants them.
    fn hosts<T>(&self, mut make: impl FnMut(&PeerPlan) -> Arc<T>) -> BTreeMap<SocketAddr, Arc<T>> {
        let mut hosts = BTreeMap::new();
        for plan in &self.peers {
            let peer = make(plan);
            hosts.extend(plan.sockets.iter().map(|socket| (*socket, Arc::clone(&peer))));
        }
        hosts
    }
}

/// The clock goes as much slower until it has met the wall clock again.
const LEAP_BACK_MAX: Duration = Duration::from_secs(6 * 3_600);

/// How much longer the longest wait without a look into the queue is by a clock that goes a tenth faster.
fn faster(leap: Option<(Timestamp, Leap)>) -> Duration {
    match leap {
        Some((_, Leap::Forward(_))) => CLAIM_INTERVAL_MAX / 10,
        Some((_, Leap::Back(_))) | None => Duration::ZERO,
    }
}

/// In some worlds the wall clock is set wrong once.
fn leap(chance: &mut Chance) -> Option<(Timestamp, Leap)> {
    if !chance.per_mille(200) {
        return None;
    }
    let at = within(chance, LETTERS_WITHIN);
    let by = if chance.per_mille(500) {
        Leap::Forward(Duration::from_secs(86_400 * chance.between(2, 400)))
    } else {
        Leap::Back(Duration::from_secs(chance.between(60, LEAP_BACK_MAX.as_secs())))
    };
    Some((at, by))
}

/// Some time within so long of the beginning.
fn within(chance: &mut Chance, span: Duration) -> Timestamp {
    BEGINNING.plus(chance.duration(Duration::ZERO, span))
}

/// Some stretches of time, each so long at most.
fn stretches(chance: &mut Chance, most: usize, long: Duration) -> Vec<(Timestamp, Timestamp)> {
    let count = chance.count(0, most);
    let stretch = |_| {
        let from = within(chance, LETTERS_WITHIN);
        (from, from.plus(chance.duration(Duration::from_secs(30), long)))
    };
    (0..count).map(stretch).collect()
}

fn stops(chance: &mut Chance) -> Vec<Stop> {
    let count = chance.count(1, 7);
    let mut stops: Vec<Stop> = (0..count)
        .map(|_| {
            let at = if chance.per_mille(600) {
                Moment::AfterTaking(
                    chance.between(1, 60),
                    chance.duration(Duration::ZERO, Duration::from_millis(30)),
                )
            } else {
                Moment::At(within(chance, CRASHES_WITHIN))
            };
            let down = chance.duration(Duration::from_millis(100), Duration::from_secs(600));
            Stop { at, clean: chance.per_mille(250), down }
        })
        .collect();
    stops.sort_by_key(|stop| match stop.at {
        Moment::At(at) => (1, at.as_millis()),
        Moment::AfterTaking(count, _) => (0, count),
    });
    stops
}

fn weather(chance: &mut Chance, dials: Dials, fair_from: Option<Timestamp>) -> Weather {
    if !dials.network {
        return Weather { dribble: 200, ..Weather::default() };
    }
    let outages = stretches(chance, 2, Duration::from_secs(2 * 3_600));
    Weather {
        refused: *chance.pick(&[0, 30, 150]),
        black_hole: *chance.pick(&[0, 20, 100]),
        reset: *chance.pick(&[0, 50, 250]),
        dribble: *chance.pick(&[0, 200, 1000]),
        outages,
        fair_from,
    }
}

fn resolving(chance: &mut Chance, dials: Dials, fair_from: Option<Timestamp>) -> Resolving {
    let panic = if dials.bugs { 20 } else { 0 };
    if !dials.dns {
        return Resolving { panic, fair_from, ..Resolving::default() };
    }
    Resolving {
        failed: *chance.pick(&[0, 50, 200]),
        slow: *chance.pick(&[0, 100]),
        panic,
        outages: stretches(chance, 2, Duration::from_secs(3_600)),
        fair_from,
    }
}

fn upsets(chance: &mut Chance, dials: Dials, fair_from: Option<Timestamp>) -> Upsets {
    if !dials.store {
        return Upsets::default();
    }
    Upsets {
        before: *chance.pick(&[0, 20, 100]),
        after: *chance.pick(&[0, 20, 60]),
        slow: *chance.pick(&[0, 50]),
        unreadable: *chance.pick(&[0, 50]),
        full: stretches(chance, 2, Duration::from_secs(1_800)),
        stops_at: chance.per_mille(250).then(|| within(chance, LETTERS_WITHIN)),
        fair_from,
    }
}
