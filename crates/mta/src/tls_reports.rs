//! Counts how TLS fared at the hosts of each domain, and sends the reports that are due. RFC 8460.

mod sending;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::{Domain, Timestamp};
use policy::tls_outcome::TlsOutcome;
use policy::tls_report::{
    Frequency, Period, Tally, choose_frequency, destinations, due, period, record_name,
};
use policy::{Configuration, limits};
use serde_json::Value;
use store::{KeyChange, StoreError};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::connections::Connections;
use crate::gather::decide;
use crate::world::World;

/// Where tallies are kept in the store.
const SPACE: &str = "tls-report";
/// Tallies that are read or written at once.
const PAGE: usize = 100;
/// How often what was counted is written down.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long the last look may take.
const LAST_LOOK_MAX: Duration = Duration::from_secs(3);
/// How long a domain without a record is not counted for.
const SKIPPED_FOR: Duration = Duration::from_secs(60 * 60);
/// How long after its period a report is tried to be sent (RFC 8460 section 3).
const TRIED_FOR: Duration = Duration::from_secs(2 * 24 * 60 * 60);
/// The wait after a report could not be sent.
const RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
/// Lookups of records at once.
const LOOKUPS_MAX: usize = 32;
/// Reports that are sent at one look.
const SENT_MAX: usize = 100;

/// What deliveries have counted since somebody looked.
#[derive(Debug, Default)]
pub struct TlsTallies(Mutex<Counting>);

#[derive(Debug, Default)]
struct Counting {
    counted: BTreeMap<Domain, Counted>,
    /// Domains that want no reports, and until when that is taken for granted.
    skipped: BTreeMap<Domain, Timestamp>,
}

#[derive(Debug)]
struct Counted {
    since: Timestamp,
    tally: Tally,
}

impl TlsTallies {
    /// Counts one try at a host of a domain. Nothing is written and nobody is asked.
    pub fn note(&self, domain: &Domain, outcome: &TlsOutcome, now: Timestamp) {
        let mut counting = self.counting();
        match counting.skipped.get(domain) {
            Some(until) if now < *until => return,
            Some(_) => drop(counting.skipped.remove(domain)),
            None => {}
        }
        if let Some(counted) = counting.counted.get_mut(domain) {
            counted.tally.note(outcome);
        } else if counting.counted.len() < limits::TLS_REPORT_DOMAINS_MAX {
            let mut tally = Tally::default();
            tally.note(outcome);
            counting.counted.insert(domain.clone(), Counted { since: now, tally });
        }
    }

    /// What is counted for a domain and not yet written down.
    pub fn counted(&self, domain: &Domain) -> Option<Tally> {
        self.counting().counted.get(domain).map(|counted| counted.tally.clone())
    }

    fn counting(&self) -> MutexGuard<'_, Counting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> BTreeMap<Domain, Counted> {
        std::mem::take(&mut self.counting().counted)
    }

    fn skip(&self, domain: Domain, until: Timestamp, now: Timestamp) {
        let mut counting = self.counting();
        if counting.skipped.len() >= limits::TLS_REPORT_DOMAINS_MAX {
            counting.skipped.retain(|_, until| now < *until);
        }
        if counting.skipped.len() < limits::TLS_REPORT_DOMAINS_MAX {
            counting.skipped.insert(domain, until);
        }
    }
}

/// Writes down what is counted and sends what is due, until `stop`.
pub async fn run(
    world: World,
    configuration: watch::Receiver<Arc<Configuration>>,
    connections: Arc<Connections>,
    stop: CancellationToken,
) {
    let mut reporter = Reporter { world, buckets: BTreeMap::new(), loaded: false };
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let stopped = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            _ = ticks.tick() => false,
        };
        let configuration = Arc::clone(&configuration.borrow());
        let look = reporter.look(&configuration, connections.tls_tallies());
        if stopped {
            // What cannot be written down by then is not counted.
            let _ = timeout(LAST_LOOK_MAX, look).await;
            return;
        }
        look.await;
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = reporter.send_due(&configuration) => {}
        }
    }
}

/// What is counted for one domain in one period.
struct Bucket {
    tally: Tally,
    /// Whether the store does not have it as it is.
    changed: bool,
    next_try: Timestamp,
}

type Place = (Domain, Period);

/// The owner of all tallies.
struct Reporter {
    world: World,
    buckets: BTreeMap<Place, Bucket>,
    /// Whether what the store has is in memory.
    loaded: bool,
}

impl Reporter {
    /// Takes over what was counted, and writes it down.
    async fn look(&mut self, configuration: &Configuration, tallies: &TlsTallies) {
        if !self.loaded {
            match self.load().await {
                Ok(()) => self.loaded = true,
                Err(error) => return tracing::warn!(%error, "cannot read what was counted for TLS reports"),
            }
        }
        let counted: Vec<_> = tallies.take().into_iter().collect();
        let mut counted = counted.into_iter();
        loop {
            let some: Vec<_> = counted.by_ref().take(LOOKUPS_MAX).collect();
            if some.is_empty() {
                break;
            }
            let asked = some.iter().map(|(domain, counted)| self.place(configuration, domain, counted.since));
            let places = futures_util::future::join_all(asked).await;
            for ((domain, counted), period) in some.into_iter().zip(places) {
                match period {
                    Some(period) => self.add((domain, period), counted.tally),
                    None => {
                        let now = self.world.clock.now();
                        tallies.skip(domain, now.plus(SKIPPED_FOR), now);
                    }
                }
            }
        }
        if let Err(error) = self.write_down().await {
            tracing::warn!(%error, "cannot write down what was counted for TLS reports");
        }
    }

    /// The period that a time belongs to for a domain; none if the domain gets no reports.
    async fn place(
        &self,
        configuration: &Configuration,
        domain: &Domain,
        since: Timestamp,
    ) -> Option<Period> {
        let frequency = decide(&self.world, |answers| choose_frequency(configuration, domain, answers)).await;
        let period = period(frequency.unwrap_or(Frequency::Daily), since)?;
        if self.buckets.contains_key(&(domain.clone(), period)) {
            return Some(period);
        }
        // What cannot be looked up now is looked up again when the report is due.
        let wants = match self.world.resolver.txt(&record_name(domain)).await {
            Ok(answer) => !destinations(&answer.records).is_empty(),
            Err(why) => !why.is_absence(),
        };
        wants.then_some(period)
    }

    fn add(&mut self, place: Place, tally: Tally) {
        if self.buckets.len() >= limits::TLS_REPORT_DOMAINS_MAX && !self.buckets.contains_key(&place) {
            return;
        }
        let next_try = due(&place.0, place.1);
        let new = || Bucket { tally: Tally::default(), changed: true, next_try };
        let bucket = self.buckets.entry(place).or_insert_with(new);
        bucket.tally.merge(tally);
        bucket.changed = true;
    }

    async fn write_down(&mut self) -> Result<(), StoreError> {
        loop {
            let changed = self.buckets.iter().filter(|(_, bucket)| bucket.changed).take(PAGE);
            let places: Vec<Place> = changed.map(|(place, _)| place.clone()).collect();
            if places.is_empty() {
                return Ok(());
            }
            let change = |place: &Place| {
                let value = self.buckets[place].tally.to_json(&place.0).to_string();
                KeyChange::put(SPACE, &key(place), value, Some(place.1.end.plus(2 * TRIED_FOR)))
            };
            let changes = places.iter().map(change).collect();
            self.world.store.change(changes, self.world.clock.now()).await?;
            for place in &places {
                if let Some(bucket) = self.buckets.get_mut(place) {
                    bucket.changed = false;
                }
            }
        }
    }

    async fn load(&mut self) -> Result<(), StoreError> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let now = self.world.clock.now();
            let page = self.world.store.scan(SPACE, after.as_deref(), PAGE, now).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, value) in &page {
                let tally = serde_json::from_slice::<Value>(value).ok();
                let tally = tally.as_ref().and_then(Tally::from_json);
                match (place(key), tally) {
                    (Some(place), Some(tally)) => {
                        let next_try = due(&place.0, place.1);
                        self.buckets.insert(place, Bucket { tally, changed: false, next_try });
                    }
                    _ => tracing::error!(key = %String::from_utf8_lossy(key), "a tally cannot be read"),
                }
            }
        }
    }

    /// Sends the reports that are due, some at a time.
    async fn send_due(&mut self, configuration: &Configuration) {
        let now = self.world.clock.now();
        let due = self.buckets.iter().filter(|(_, bucket)| bucket.next_try <= now).take(SENT_MAX);
        let places: Vec<Place> = due.map(|(place, _)| place.clone()).collect();
        for place in places {
            let tally = &self.buckets[&place].tally;
            let is_over = sending::send(&self.world, configuration, &place.0, place.1, tally).await;
            if is_over || now >= place.1.end.plus(TRIED_FOR) {
                self.buckets.remove(&place);
                if let Err(error) = self.world.store.remove(SPACE, &key(&place), now).await {
                    tracing::warn!(domain = %place.0, %error, "cannot remove what was reported");
                }
            } else if let Some(bucket) = self.buckets.get_mut(&place) {
                bucket.next_try = now.plus(RETRY_AFTER);
            }
        }
    }
}

/// Under which key a tally is kept: domain and period.
fn key((domain, period): &Place) -> Vec<u8> {
    format!("{domain} {} {}", period.start.as_millis(), period.end.as_millis()).into_bytes()
}

fn place(key: &[u8]) -> Option<Place> {
    let mut words = std::str::from_utf8(key).ok()?.split(' ');
    let domain = Domain::parse(words.next()?).ok()?;
    let mut time = || words.next()?.parse().ok().map(Timestamp::from_millis);
    Some((domain, Period { start: time()?, end: time()? }))
}
