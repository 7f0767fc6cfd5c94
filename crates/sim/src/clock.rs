//! What time is it in the world? Tokio's paused clock, counted from a base, as far as the wall clock is believed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::{Clock, Timestamp};
use policy::clock::SteadyTime;
use tokio::time::Instant;

/// 2026-01-05 00:00:00 UTC, a Monday: when every world begins.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// How the wall clock is set wrong once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leap {
    /// Forward by more than is believed.
    Forward(Duration),
    /// Back.
    Back(Duration),
}

/// The clock of one world: the node's own, which does not follow every leap. It moves only when every task waits.
#[derive(Clone, Debug)]
pub struct SimClock {
    begun: Instant,
    leap: Option<(Duration, Leap)>,
    time: Arc<Mutex<SteadyTime>>,
}

impl SimClock {
    /// A clock that shows [`BEGINNING`] now. Called inside the runtime of the world.
    pub fn start() -> Self {
        Self::leaping(None)
    }

    /// The same, and its wall clock is set wrong at this time.
    pub fn leaping(leap: Option<(Timestamp, Leap)>) -> Self {
        SimClock {
            begun: Instant::now(),
            leap: leap.map(|(at, leap)| (at.since(BEGINNING), leap)),
            time: Arc::new(Mutex::new(SteadyTime::new(BEGINNING, Duration::ZERO))),
        }
    }

    /// Waits until so much time has passed in the world as lies between its beginning and this time.
    pub async fn until(&self, at: Timestamp) {
        tokio::time::sleep_until(self.begun + at.since(BEGINNING)).await;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = self.begun.elapsed();
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.advance(self.wall(), passed)
    }

    fn wall(&self) -> Timestamp {
        let passed = self.begun.elapsed();
        match self.leap {
            Some((at, Leap::Forward(by))) if passed >= at => BEGINNING.plus(passed).plus(by),
            Some((at, Leap::Back(by))) if passed >= at => BEGINNING.plus(passed.saturating_sub(by)),
            Some(_) | None => BEGINNING.plus(passed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[tokio::test(start_paused = true)]
    async fn moves_with_tokio_and_only_so() {
        let clock = SimClock::start();
        assert_eq!(clock.now(), BEGINNING);
        let later = BEGINNING.plus(DAY);
        clock.until(later).await;
        assert_eq!(clock.now(), later);
    }

    #[tokio::test(start_paused = true)]
    async fn a_leap_is_on_the_wall_and_not_in_the_queue() {
        for leap in [Leap::Forward(365 * DAY), Leap::Back(DAY / 24)] {
            let clock = SimClock::leaping(Some((BEGINNING.plus(DAY), leap)));
            clock.until(BEGINNING.plus(DAY)).await;
            let before = clock.now();
            clock.until(BEGINNING.plus(DAY * 2)).await;
            let passed = clock.now().since(before);
            assert!((DAY - DAY / 24..=DAY + DAY / 9).contains(&passed), "{leap:?}: {passed:?}");
            assert!(
                clock.wall().as_millis().abs_diff(clock.now().as_millis()) > 0
                    || leap == Leap::Back(DAY / 24)
            );
        }
    }
}
