//! What time is it in the world? Tokio's paused clock, counted from a base.

use mail::{Clock, Timestamp};
use tokio::time::Instant;

/// 2026-01-05 00:00:00 UTC, a Monday: when every world begins.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// The clock of one world. It moves only when every task waits.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    begun: Instant,
}

impl SimClock {
    /// A clock that shows [`BEGINNING`] now. Called inside the runtime of the world.
    pub fn start() -> Self {
        SimClock { begun: Instant::now() }
    }

    /// Waits until the clock shows this time.
    pub async fn until(&self, at: Timestamp) {
        tokio::time::sleep_until(self.begun + at.since(BEGINNING)).await;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        BEGINNING.plus(self.begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn moves_with_tokio_and_only_so() {
        let clock = SimClock::start();
        assert_eq!(clock.now(), BEGINNING);
        let later = BEGINNING.plus(Duration::from_secs(86_400));
        clock.until(later).await;
        assert_eq!(clock.now(), later);
    }
}
