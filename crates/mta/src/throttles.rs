//! The buckets of all throttles: the one place that knows what has passed.
//!
//! One lock over all buckets of a direction, so that the demands of one step are met together or not at all. It is held
//! for well under a microsecond, and never taken where no throttle applies.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::Timestamp;
use policy::limits::BUCKETS_MAX;
use policy::throttle::Demand;
use policy::throttle::bucket::{Bucket, Stamp, Turn};
use policy::{AttemptOutcome, Scope, Trouble, TroubleKind};
use tracing::{info, warn};

/// Buckets after which empty ones are looked for the first time.
const SWEEP_MIN: usize = 1024;
/// How often empty ones are looked for at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// How often a throttle that holds mail up is spoken of.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// All buckets of one direction.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<String, Bucket>,
    /// How many there are when empty ones are looked for again, and when that was last done.
    sweep_at: usize,
    swept_at: Timestamp,
    /// When each throttle was last spoken of.
    told: BTreeMap<String, Timestamp>,
}

/// Who wants to pass, and what becomes of it if it may not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// A client, which is told to come later.
    Client,
    /// A delivery, which is told a time of its own.
    Delivery(Turn),
}

/// One that may not pass now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// When it may come again.
    pub(crate) until: Timestamp,
    /// Which throttle holds it up.
    pub(crate) by: String,
}

impl Held {
    /// What this is for a recipient. No attempt: nothing is counted, and nothing was tried.
    pub(crate) fn trouble(&self) -> Trouble {
        let text = format!("held up by the rate limit '{}'", self.by);
        Trouble::new(Scope::Message, TroubleKind::Rate, (4, 4, 5), text)
    }

    /// The same as an outcome.
    pub(crate) fn outcome(&self) -> AttemptOutcome {
        AttemptOutcome::Postponed { until: self.until, trouble: self.trouble() }
    }
}

/// Places in buckets. They are free again when this is dropped, unless they were used.
#[derive(Debug)]
pub(crate) struct Reservation {
    owner: Arc<Throttles>,
    taken: Vec<(String, Stamp)>,
    used: AtomicBool,
}

impl Reservation {
    /// Something has passed.
    pub(crate) fn keep(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if *self.used.get_mut() || self.taken.is_empty() {
            return;
        }
        let mut state = self.owner.state();
        for (name, stamp) in self.taken.drain(..) {
            if let Some(bucket) = state.buckets.get_mut(&name) {
                bucket.release(stamp);
            }
        }
    }
}

impl Throttles {
    /// Meets all demands, or none: then says when to come again. Those that name one bucket twice want one place.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        mut demands: Vec<Demand>,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Reservation, Held> {
        demands.sort_unstable_by(|one, other| one.bucket.cmp(&other.bucket));
        demands.dedup_by(|one, other| one.bucket == other.bucket);
        let mut state = self.state();
        let turn = match asker {
            Asker::Client => Turn::Again,
            Asker::Delivery(turn) => turn,
        };
        if let Some((until, by)) = state.full(&demands, asker, turn, now) {
            state.tell(&by, until, now);
            return Err(Held { until, by });
        }
        let mut taken = Vec::with_capacity(demands.len());
        for demand in demands {
            if let Some(bucket) = state.bucket(&demand, now) {
                let stamp = bucket.pass(now);
                taken.push((demand.bucket, stamp));
            }
        }
        Ok(Reservation { owner: Arc::clone(self), taken, used: AtomicBool::new(false) })
    }

    /// Nothing under this lock can panic half-way, so that a poisoned one is as good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The bucket that has no room for the longest time: when to come again, and its throttle.
    fn full(
        &mut self,
        demands: &[Demand],
        asker: Asker,
        turn: Turn,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let mut worst: Option<(Timestamp, &Demand)> = None;
        for demand in demands {
            let Some(bucket) = self.buckets.get_mut(&demand.bucket) else { continue };
            if !bucket.has_room(turn, now) {
                let next = bucket.next(now);
                if worst.is_none_or(|(latest, _)| next > latest) {
                    worst = Some((next, demand));
                }
            }
        }
        let (next, demand) = worst?;
        let until = match (asker, self.buckets.get_mut(&demand.bucket)) {
            (Asker::Delivery(turn), Some(bucket)) => bucket.promise(turn, now),
            (Asker::Delivery(_) | Asker::Client, _) => next,
        };
        Some((until, demand.description.clone()))
    }

    /// The bucket of a demand; none if there is no room for another bucket. It is not counted then: whoever makes so
    /// many names at once is not slowed down by counting each of them.
    fn bucket(&mut self, demand: &Demand, now: Timestamp) -> Option<&mut Bucket> {
        if !self.buckets.contains_key(&demand.bucket) {
            if self.buckets.len() >= self.sweep_at.max(SWEEP_MIN) {
                self.sweep(now);
            }
            if self.buckets.len() >= BUCKETS_MAX {
                return None;
            }
            self.buckets.insert(demand.bucket.clone(), Bucket::new(demand.rate, demand.window));
        }
        self.buckets.get_mut(&demand.bucket)
    }

    /// Forgets buckets that hold nothing.
    fn sweep(&mut self, now: Timestamp) {
        if self.swept_at.plus(SWEEP_INTERVAL) > now && self.swept_at <= now {
            return;
        }
        self.buckets.retain(|_, bucket| !bucket.is_empty(now));
        self.swept_at = now;
        self.sweep_at = self.buckets.len().saturating_mul(2).min(BUCKETS_MAX);
        if self.buckets.len() >= BUCKETS_MAX {
            warn!(buckets = self.buckets.len(), "there are more rates than can be counted; new ones are not");
        }
    }

    /// Says that a throttle holds mail up, but not each time.
    fn tell(&mut self, by: &str, until: Timestamp, now: Timestamp) {
        if self.told.get(by).is_some_and(|at| at.plus(TELL_INTERVAL) > now && *at <= now) {
            return;
        }
        self.told.insert(by.to_owned(), now);
        info!(throttle = by, %until, "a rate limit is met; this is said once a minute at most");
    }
}

#[cfg(test)]
mod tests {
    use policy::settings::{Rate, Window};

    use super::*;

    fn demand(bucket: &str, count: u32) -> Demand {
        Demand {
            bucket: bucket.to_owned(),
            description: bucket.to_owned(),
            rate: Rate { count, period: Duration::from_secs(1) },
            window: Window::Sliding,
        }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    // proves: K14
    #[test]
    fn more_names_than_there_is_room_for_push_out_none_that_counts() {
        let throttles = Arc::new(Throttles::default());
        for number in 0..BUCKETS_MAX + 1000 {
            let reserved = throttles.reserve(vec![demand(&number.to_string(), 1)], Asker::Client, at(0));
            reserved.unwrap().keep();
        }
        assert_eq!(throttles.state().buckets.len(), BUCKETS_MAX);
        throttles.reserve(vec![demand("0", 1)], Asker::Client, at(1)).unwrap_err();
        let late = at(10_000);
        throttles.reserve(vec![demand("new", 1)], Asker::Client, late).unwrap().keep();
        assert_eq!(throttles.state().buckets.len(), 1, "the others were empty by then");
    }

    #[test]
    fn all_demands_are_met_or_none_and_what_is_not_used_is_free_again() {
        let throttles = Arc::new(Throttles::default());
        let both = || vec![demand("narrow", 1), demand("wide", 2), demand("wide", 2)];
        let first = throttles.reserve(both(), Asker::Client, at(0)).unwrap();
        throttles.reserve(both(), Asker::Client, at(0)).unwrap_err();
        let wide = throttles.reserve(vec![demand("wide", 2)], Asker::Client, at(0)).unwrap();
        let held = throttles.reserve(vec![demand("wide", 2)], Asker::Client, at(0)).unwrap_err();
        assert_eq!((held.until, held.by.as_str()), (at(1000), "wide"));
        drop((first, wide));
        throttles.reserve(both(), Asker::Client, at(1)).unwrap();
    }

    #[test]
    fn threads_at_once_get_exactly_what_there_is() {
        let throttles = Arc::new(Throttles::default());
        let got: usize = std::thread::scope(|scope| {
            let take = || {
                let one = || throttles.reserve(vec![demand("one", 500)], Asker::Client, at(0));
                (0..200).filter_map(|_| one().ok()).map(|reserved| reserved.keep()).count()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(got, 500);
    }
}
