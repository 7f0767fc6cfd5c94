//! What is known of hosts and relays that do not answer, by all deliveries together; and where it is written down.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mail::Timestamp;
use mail::dsn::one_line;
use policy::destination::Down;
use policy::expr::Asking;
use policy::health::{HostChange, HostDown, HostHealth};
use policy::limits::{FAILURES_FORGOTTEN_AFTER, HOSTS_REMEMBERED_MAX, TRIAL_DELAY_MIN};
use policy::plan::Endpoint;
use policy::{NextHop, Trouble};
use store::KeyChange;
use tracing::{info, warn};

use crate::world::World;

/// The space of the store in which it is written down who is down.
pub const DOWN_SPACE: &str = "down";
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 300;
/// How long the same alarm about one next hop is not raised again.
const ALARM_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Next hops about which an alarm is raised in that time.
const ALARMS_MAX: usize = 100;
/// Rows read or removed at a time.
const PAGE: usize = 500;

/// Who is down. Nothing is in it as long as everybody answers, and then it costs nothing to ask.
#[derive(Debug, Default)]
pub struct Health {
    known: Mutex<Known>,
    hosts: AtomicUsize,
    next_hops: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    hosts: BTreeMap<Endpoint, HostHealth>,
    /// Next hops that are down, by name, with their trial.
    next_hops: BTreeMap<String, HostDown>,
    /// When it was said last that a next hop has something against us.
    alarms: BTreeMap<String, Timestamp>,
}

/// One row of what is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// A next hop, or a host with one of its addresses.
    pub what: String,
    /// Since when it is down.
    pub since: Timestamp,
    /// When it is tried next.
    pub trial: Timestamp,
    /// What the last delivery to it ran into.
    pub why: String,
}

/// Something changed that is to be written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    what: String,
    down: Option<Row>,
    first: bool,
}

impl Known {
    /// Forgets those that nobody has tried for long, if there is no room else.
    fn has_room_for_a_next_hop(&mut self, now: Timestamp) -> bool {
        if self.next_hops.len() >= HOSTS_REMEMBERED_MAX {
            self.next_hops.retain(|_, down| now.since(down.trial) < FAILURES_FORGOTTEN_AFTER);
        }
        self.next_hops.len() < HOSTS_REMEMBERED_MAX
    }
}

impl Health {
    /// Whether a delivery that has other hosts may try this one now.
    pub(crate) fn admits(&self, endpoint: &Endpoint, now: Timestamp, seed: u64) -> bool {
        self.nothing_known() || {
            let mut known = self.lock();
            known.hosts.get_mut(endpoint).is_none_or(|health| health.admits(now, seed))
        }
    }

    /// When a host that is down is tried next.
    pub(crate) fn trial(&self, endpoint: &Endpoint) -> Option<Timestamp> {
        Some(self.lock().hosts.get(endpoint)?.down()?.trial)
    }

    /// It could not be reached.
    pub(crate) fn failed(
        &self,
        endpoint: &Endpoint,
        host: &str,
        trouble: &Trouble,
        now: Timestamp,
    ) -> Option<Change> {
        let mut known = self.lock();
        if known.hosts.len() >= HOSTS_REMEMBERED_MAX && !known.hosts.contains_key(endpoint) {
            known.hosts.retain(|_, health| !health.forgettable(now));
            if known.hosts.len() >= HOSTS_REMEMBERED_MAX {
                return None;
            }
        }
        let health = known.hosts.entry(endpoint.clone()).or_insert_with(|| HostHealth::new(now));
        let before = health.down();
        let change = health.failed(now);
        self.hosts.store(known.hosts.len(), Ordering::Relaxed);
        match change {
            HostChange::Down(down) => Some(Change::down(title(endpoint, host), down, before, trouble)),
            HostChange::None | HostChange::Up => None,
        }
    }

    /// A new connection to it could be made.
    pub(crate) fn answered(&self, endpoint: &Endpoint, host: &str, now: Timestamp) -> Option<Change> {
        if self.nothing_known() {
            return None;
        }
        let mut known = self.lock();
        let health = known.hosts.get_mut(endpoint)?;
        let change = health.answered(now);
        if health.forgettable(now) {
            known.hosts.remove(endpoint);
        }
        self.hosts.store(known.hosts.len(), Ordering::Relaxed);
        (change == HostChange::Up).then(|| Change::up(title(endpoint, host)))
    }

    /// What the queue manager knows of a next hop after a delivery to it.
    pub(crate) fn next_hop(&self, next_hop: &NextHop, down: Option<&Down>, now: Timestamp) -> Option<Change> {
        if down.is_none() && self.next_hops.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let what = next_hop.to_string();
        let mut known = self.lock();
        let before = known.next_hops.get(&what).copied();
        match (down, before) {
            (None, None) => None,
            (None, Some(_)) => {
                known.next_hops.remove(&what);
                self.next_hops.store(known.next_hops.len(), Ordering::Relaxed);
                Some(Change::up(what))
            }
            (Some(down), before) => {
                let since = before.map_or(now, |before| before.since);
                let state = HostDown { since, trial: down.trial };
                if before.is_some_and(|before| before.trial >= down.trial)
                    || (before.is_none() && !known.has_room_for_a_next_hop(now))
                {
                    return None;
                }
                known.next_hops.insert(what.clone(), state);
                self.next_hops.store(known.next_hops.len(), Ordering::Relaxed);
                Some(Change::down(what, state, before, &down.trouble))
            }
        }
    }

    /// Whether mail to a relay is likely to be taken. When it is down and a trial is due, one asker that would try it
    /// hears that it is up.
    pub fn relay_is_up(&self, route: &str, asking: Asking, now: Timestamp) -> bool {
        let what = NextHop::Relay { route: route.to_owned() }.to_string();
        let mut known = self.lock();
        match known.next_hops.get_mut(&what) {
            None => true,
            Some(down) if now < down.trial || asking == Asking::ToKnow => false,
            Some(down) => {
                down.trial = now.plus(TRIAL_DELAY_MIN);
                true
            }
        }
    }

    /// Whether it was not said in the last hour that this next hop has something against us.
    pub(crate) fn is_first_alarm(&self, next_hop: &NextHop, now: Timestamp) -> bool {
        let mut known = self.lock();
        known.alarms.retain(|_, at| now.since(*at) < ALARM_INTERVAL);
        let what = next_hop.to_string();
        if known.alarms.len() >= ALARMS_MAX || known.alarms.contains_key(&what) {
            return false;
        }
        known.alarms.insert(what, now);
        true
    }

    fn nothing_known(&self) -> bool {
        self.hosts.load(Ordering::Relaxed) == 0
    }

    /// Nothing under this lock can panic half-way, so that a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn title(endpoint: &Endpoint, host: &str) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("host {host} ({address})"),
        Endpoint::Unix(path) => format!("socket {}", path.display()),
    }
}

impl Change {
    fn up(what: String) -> Self {
        Change { what, down: None, first: false }
    }

    fn down(what: String, down: HostDown, before: Option<HostDown>, trouble: &Trouble) -> Self {
        let why = one_line(&trouble.text, REASON_CHARS_MAX);
        let row = Row { what: what.clone(), since: down.since, trial: down.trial, why };
        Change { what, down: Some(row), first: before.is_none() }
    }
}

/// Says in the log what has changed, and writes it down. That it cannot be written harms no mail.
pub(crate) async fn record(world: &World, change: Change) {
    let now = world.clock.now();
    let written = match &change.down {
        Some(row) => {
            if change.first {
                warn!(what = change.what, why = row.why, trial = %row.trial, "down: what else could go there is put off, or goes to the next host");
            } else {
                info!(what = change.what, why = row.why, trial = %row.trial, "still down");
            }
            let expires = row.trial.plus(FAILURES_FORGOTTEN_AFTER);
            world.store.put(DOWN_SPACE, change.what.as_bytes(), row.to_bytes(), Some(expires), now).await
        }
        None => {
            info!(what = change.what, "up again");
            world.store.remove(DOWN_SPACE, change.what.as_bytes(), now).await
        }
    };
    if let Err(why) = written {
        warn!(%why, what = change.what, "cannot write down who is down");
    }
}

/// Forgets what an earlier run has written down: this one knows nothing yet.
pub(crate) async fn forget(world: &World) {
    let now = world.clock.now();
    loop {
        let rows = match world.store.scan(DOWN_SPACE, None, PAGE, now).await {
            Ok(rows) if !rows.is_empty() => rows,
            Ok(_) | Err(_) => return,
        };
        let changes = rows.iter().map(|(key, _)| KeyChange::remove(DOWN_SPACE, key)).collect();
        if let Err(why) = world.store.change(changes, now).await {
            return warn!(%why, "cannot forget who was down before the start");
        }
    }
}

/// All that is written down, from a store that is open.
pub async fn rows(store: &dyn store::Store, now: Timestamp) -> Result<Vec<Row>, store::StoreError> {
    let mut rows = Vec::new();
    let mut after: Option<Bytes> = None;
    loop {
        let page = store.scan(DOWN_SPACE, after.as_deref(), PAGE, now).await?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = Some(last.clone());
        rows.extend(page.iter().filter_map(|(key, value)| Row::from_bytes(key, value)));
    }
}

impl Row {
    fn to_bytes(&self) -> Bytes {
        format!("{}\t{}\t{}", self.since.as_millis(), self.trial.as_millis(), self.why).into()
    }

    /// Reads what is written down in [`DOWN_SPACE`].
    pub fn from_bytes(key: &[u8], value: &[u8]) -> Option<Row> {
        let (what, value) = (std::str::from_utf8(key).ok()?, std::str::from_utf8(value).ok()?);
        let [since, trial, why] = value.splitn(3, '\t').collect::<Vec<_>>()[..] else { return None };
        let time = |text: &str| Some(Timestamp::from_millis(text.parse().ok()?));
        Some(Row { what: what.to_owned(), since: time(since)?, trial: time(trial)?, why: why.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use policy::{Scope, TroubleKind};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    fn endpoint(number: usize) -> Endpoint {
        let octets = u32::try_from(number).unwrap().to_be_bytes();
        Endpoint::Tcp((octets, 25).into())
    }

    fn refused() -> Trouble {
        Trouble::new(Scope::Host, TroubleKind::Connection, (4, 4, 1), "connection\trefused")
    }

    fn relay(down: Option<u64>, health: &Health) -> Option<Change> {
        let next_hop = NextHop::Relay { route: "primary".to_owned() };
        let down = down.map(|trial| Down { trial: at(trial), failed_at: at(0), trouble: refused() });
        health.next_hop(&next_hop, down.as_ref(), at(0))
    }

    #[test]
    fn what_one_delivery_finds_out_holds_for_all() {
        let health = Health::default();
        let host = endpoint(1);
        assert!(health.failed(&host, "a", &refused(), at(0)).is_none());
        let change = health.failed(&host, "a", &refused(), at(0)).expect("down");
        assert!(change.first && change.what == "host a (0.0.0.1:25)");
        assert!(!health.admits(&host, at(1), 0) && health.admits(&endpoint(2), at(1), 0));
        assert_eq!(health.trial(&host), Some(at(30)));
        assert!(health.admits(&host, at(30), 0));
        assert!(health.answered(&host, "a", at(31)).is_some_and(|change| change.down.is_none()));
        assert!(health.answered(&host, "a", at(200)).is_none());
        assert!(health.nothing_known());
    }

    #[test]
    fn only_so_many_hosts_are_remembered() {
        let health = Health::default();
        for number in 0..HOSTS_REMEMBERED_MAX + 100 {
            health.failed(&endpoint(number), "a", &refused(), at(0));
        }
        assert_eq!(health.lock().hosts.len(), HOSTS_REMEMBERED_MAX);
        health.failed(&endpoint(0x00ff_ffff), "a", &refused(), at(700));
        assert_eq!(health.lock().hosts.len(), 1);
    }

    #[test]
    fn where_too_many_next_hops_are_down_those_known_are_kept_up_to_date_and_old_ones_forgotten() {
        let health = Health::default();
        let fails = |number: usize, second, trial| {
            let next_hop = NextHop::Relay { route: number.to_string() };
            let down = Down { trial: at(trial), failed_at: at(second), trouble: refused() };
            health.next_hop(&next_hop, Some(&down), at(second)).is_some()
        };
        assert!((0..HOSTS_REMEMBERED_MAX).all(|number| fails(number, 0, 30)));
        assert!(!fails(HOSTS_REMEMBERED_MAX, 30, 60), "there is no room");
        assert!(fails(0, 30, 90), "it is known");
        assert!(fails(HOSTS_REMEMBERED_MAX, 630, 660), "the others are long ago");
        assert_eq!(health.lock().next_hops.len(), 2);
    }

    #[test]
    fn a_relay_that_is_down_is_up_for_one_asker_when_a_trial_is_due() {
        let health = Health::default();
        let is_up = |route: &str, now| health.relay_is_up(route, Asking::ToTry, now);
        assert!(is_up("primary", at(0)));
        assert!(relay(Some(30), &health).is_some_and(|change| change.first));
        assert!(relay(Some(30), &health).is_none());
        assert!(!is_up("primary", at(29)) && is_up("secondary", at(29)));
        assert!(!health.relay_is_up("primary", Asking::ToKnow, at(30)), "it would not try it");
        assert!(is_up("primary", at(30)));
        assert!(!is_up("primary", at(31)));
        assert!(relay(Some(90), &health).is_some_and(|change| !change.first));
        assert!(!is_up("primary", at(89)));
        assert!(relay(None, &health).is_some());
        assert!(is_up("primary", at(89)));
    }

    // proves: E20
    #[test]
    fn one_alarm_an_hour_for_each_next_hop() {
        let health = Health::default();
        let relay = |route: &str| NextHop::Relay { route: route.to_owned() };
        let raised = |route: &str, second| health.is_first_alarm(&relay(route), at(second));
        assert!(
            raised("a", 0) && !raised("a", 1) && raised("b", 1) && !raised("a", 3599) && raised("a", 3600)
        );
        assert_eq!((0..200).filter(|number| raised(&number.to_string(), 4000)).count(), ALARMS_MAX - 1);
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let why = "connection refused".to_owned();
        let row = Row { what: "relay via primary".to_owned(), since: at(1), trial: at(2), why };
        assert_eq!(Row::from_bytes(row.what.as_bytes(), &row.to_bytes()), Some(row));
        assert_eq!(Row::from_bytes(b"x", b"nonsense"), None);
    }
}
