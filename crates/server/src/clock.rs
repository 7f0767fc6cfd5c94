//! The machine's clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mail::{Clock, Timestamp};
use policy::clock::SteadyTime;
use tracing::error;

/// Reads the system's time, for commands that look once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Reads the system's time and does not follow it into great leaps, for a server that runs.
#[derive(Debug)]
pub(crate) struct SteadyClock {
    begun: Instant,
    time: Mutex<SteadyTime>,
}

impl SteadyClock {
    /// Begins with the system's time, or with `last` if that is later: the queue's time never goes back, and a machine
    /// that starts in 1970 does not lose its retries.
    pub(crate) fn after(last: Option<Timestamp>) -> Self {
        let (begun, wall) = (Instant::now(), SystemClock.now());
        let start = last.map_or(wall, |last| last.max(wall));
        if start > wall {
            error!(%wall, last = %start, "the system's clock shows less than when the queue was last in use");
        }
        SteadyClock { begun, time: Mutex::new(SteadyTime::new(start, begun.elapsed())) }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, was_astray) = (SystemClock.now(), time.is_astray());
        let now = time.advance(wall, self.begun.elapsed());
        if time.is_astray() && !was_astray {
            error!(%wall, %now, "the system's clock has leapt; the queue follows it slowly, and nothing expires early");
        }
        now
    }

    fn wall(&self) -> Timestamp {
        SystemClock.now()
    }
}
