//! How far is the wall clock to be believed?
//!
//! Deadlines are points in wall time, so a clock that is set wrong could let everything expire at once, or let
//! retries stand still. The time that the queue works by never goes back, and takes no leap of more than a day.

use std::time::Duration;

use mail::Timestamp;

use crate::limits::{CLOCK_LEAP_MAX, RELEASED};

/// The time that we work by: the wall clock where it is believable, else what has passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SteadyTime {
    now: Timestamp,
    passed: Duration,
    astray: bool,
}

impl SteadyTime {
    /// Begins with the wall clock as it is. `passed` is any clock that only ever goes forward, at its pace.
    pub fn new(wall: Timestamp, passed: Duration) -> Self {
        SteadyTime { now: wall, passed, astray: false }
    }

    /// The time now. After a leap too great it follows a tenth faster than time passes; where the wall clock was set
    /// back it goes half as fast until they meet.
    pub fn advance(&mut self, wall: Timestamp, passed: Duration) -> Timestamp {
        let step = passed.saturating_sub(self.passed);
        let expected = self.now.plus(step);
        self.passed = self.passed.max(passed);
        let leap = wall.since(expected);
        self.astray = leap > CLOCK_LEAP_MAX;
        self.now = if self.astray {
            expected.plus(step / 10)
        } else if wall >= expected {
            wall
        } else {
            wall.max(self.now.plus(step / 2))
        };
        self.now
    }

    /// Whether the wall clock is so far ahead that it is not believed.
    pub fn is_astray(&self) -> bool {
        self.astray
    }
}

/// Whether the clock says a time at which this program was not yet written. It is wrong then, and nothing that
/// depends on the date, a certificate or a policy, can be judged.
pub fn is_before_release(now: Timestamp) -> bool {
    now < RELEASED
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    #[test]
    fn follows_the_wall_clock() {
        let mut time = SteadyTime::new(START, HOUR);
        assert_eq!(time.advance(START.plus(HOUR), 2 * HOUR), START.plus(HOUR));
        assert_eq!(time.advance(START.plus(4 * HOUR), 3 * HOUR), START.plus(4 * HOUR), "a leap of two hours");
    }

    // proves: B2
    #[test]
    fn takes_no_leap_of_a_year() {
        let mut time = SteadyTime::new(START, Duration::ZERO);
        let now = time.advance(START.plus(YEAR), 10 * HOUR);
        assert_eq!(now, START.plus(11 * HOUR));
        assert!(time.is_astray());
        assert_eq!(time.advance(START.plus(12 * HOUR), 11 * HOUR), START.plus(12 * HOUR));
        assert!(!time.is_astray());
    }

    // proves: B1
    #[test]
    fn goes_on_where_the_wall_clock_was_set_back() {
        let mut time = SteadyTime::new(START.plus(HOUR), Duration::ZERO);
        assert_eq!(time.advance(START.plus(HOUR), HOUR), START.plus(HOUR + HOUR / 2));
        assert_eq!(time.advance(START.plus(2 * HOUR), 2 * HOUR), START.plus(2 * HOUR), "they have met");
    }

    proptest! {
        // proves: B1
        #[test]
        fn never_goes_back(steps in proptest::collection::vec((any::<u32>(), any::<u32>()), 1..50)) {
            let mut time = SteadyTime::new(START, Duration::ZERO);
            let (mut before, mut passed) = (START, Duration::ZERO);
            for (wall, step) in steps {
                passed += Duration::from_millis(step.into());
                let now = time.advance(Timestamp::from_millis(u64::from(wall) * 1000), passed);
                prop_assert!(now >= before);
                before = now;
            }
        }
    }
}
