//! `kill -9` at any moment under load: whatever was acknowledged arrives, and only what was in flight comes twice.
//!
//! `WAYPOST_KILLS` says how often; `WAYPOST_SEED` repeats the moments of an earlier run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use e2e::ledger::{Load, Sink, number};
use e2e::settings::ANN;
use e2e::{Settings, Setup, Waypost, free_port, process};

/// Kills of a run in CI.
const KILLS: u64 = 15;
/// The longest time between two kills.
const LIFE_MAX: Duration = Duration::from_millis(700);
/// Deliveries at once: at each kill so many at most can be between the final dot and the settlement.
const THREADS: u32 = 8;
/// Clients that send.
const CLIENTS: usize = 6;

/// How far the acknowledged may be ahead of those that arrived; a queue that only grows would try accepting alone.
const AHEAD_MAX: u64 = 1_000;

/// One in ten goes into a mailbox, the others through the relay.
fn recipient(number: u64) -> &'static str {
    if number.is_multiple_of(10) { ANN } else { "b@there.test" }
}

// proves: A3, A4, A5, A7, A8
#[test]
fn nothing_acknowledged_is_lost() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = variable("WAYPOST_KILLS").unwrap_or(KILLS);
    let seed = variable("WAYPOST_SEED").unwrap_or_else(clock);
    println!("WAYPOST_KILLS={kills} WAYPOST_SEED={seed}");
    let port = free_port();
    let sink = Sink::start(port);
    let settings = Settings::default().relay("sink", "there.test", port).threads(THREADS);
    let mut waypost = Setup::with(settings.json()).start();
    let arrived = sink.clone();
    let hold = move |acknowledged| acknowledged > arrived.different() * 10 / 9 + AHEAD_MAX;
    let load = Load::start(waypost.port, CLIENTS, recipient, |_| {}, hold);
    let mut chance = seed;
    for kill in 0..kills {
        let before = load.count();
        live(next(&mut chance, LIFE_MAX));
        waypost.kill();
        // One in four is killed again while it recovers.
        if next(&mut chance, Duration::from_millis(4)).as_millis() == 0 {
            let mut early = waypost.launch();
            live(next(&mut chance, Duration::from_millis(60)));
            early.end();
        }
        waypost.run();
        if kill % 50 == 49 {
            println!("{} kills, {} acknowledged", kill + 1, load.count().max(before));
        }
    }
    live(Duration::from_millis(200));
    let acknowledged = load.stop();
    let (relayed, local): (Vec<u64>, Vec<u64>) = acknowledged.iter().partition(|n| !n.is_multiple_of(10));
    wait_until_settled(&waypost, &sink, &relayed);
    let mailbox = mailbox(&waypost);
    let counts = sink.counts();
    let lost: Vec<_> = relayed.iter().filter(|n| !counts.contains_key(n)).collect();
    let lost_local: Vec<_> = local.iter().filter(|n| !mailbox.contains_key(n)).collect();
    let twice: u64 = counts.values().map(|count| u64::from(count - 1)).sum();
    let twice_local = mailbox.values().filter(|count| **count > 1).count();
    println!(
        "kills {kills} acknowledged {} (local {}) lost {} duplicates {twice} at most {}",
        acknowledged.len(),
        local.len(),
        lost.len() + lost_local.len(),
        kills * 2 * u64::from(THREADS)
    );
    assert!(acknowledged.len() as u64 >= kills, "there was load");
    assert!(lost.is_empty() && lost_local.is_empty(), "acknowledged and lost: {lost:?} {lost_local:?}");
    assert_eq!(twice_local, 0, "a mailbox never has a message twice");
    assert!(twice <= kills * 2 * u64::from(THREADS), "{twice} came twice");
}

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A duration below `max`, the next of the seed's.
fn next(chance: &mut u64, max: Duration) -> Duration {
    *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let micros = u64::try_from(max.as_micros()).unwrap();
    Duration::from_micros((*chance >> 33) % micros)
}

fn live(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        process::pause();
    }
}

/// Waits until the queue is empty.
fn wait_until_settled(waypost: &Waypost, sink: &Sink, relayed: &[u64]) {
    process::within(
        Duration::from_secs(120),
        "every acknowledged message has come and the queue is empty",
        || {
            let counts = sink.counts();
            (relayed.iter().all(|n| counts.contains_key(n)) && waypost.queue().is_empty()).then_some(())
        },
    );
}

/// The numbers in the mailbox, and how often each is there.
fn mailbox(waypost: &Waypost) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    for number in waypost.inbox(ANN).lines().filter_map(number) {
        *found.entry(number).or_default() += 1;
    }
    found
}
