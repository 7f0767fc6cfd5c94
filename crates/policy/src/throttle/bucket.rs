//! Has a bucket room now, and if not, when? What a rate remembers.
//!
//! Each that passed counts until a point in time. With a sliding window that is the period after it passed, rounded up
//! to a 64th of the period where more than 64 may pass: so that the memory is bounded, a place becomes free never early
//! and at most a 64th of the period late. With an aligned window it is the end of the period.
//!
//! The law: in no stretch of time of the period's length (aligned: in none that begins at a multiple of it) do more than
//! the count pass. What is released has never passed.

use std::collections::VecDeque;
use std::time::Duration;

use mail::Timestamp;

use crate::limits::{POSTPONED_MAX, PROMISE_KEPT_FOR};
use crate::settings::{Rate, Window};

/// Points in time that a bucket tells apart.
const ENTRIES_MAX: u32 = 64;

/// A rate's memory.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    window: Window,
    /// In the order in which they end.
    passed: VecDeque<Passed>,
    used: u32,
    last_passed: Timestamp,
    /// Times promised to those that were held up once, and to those that were held up again.
    first: Line,
    again: Line,
}

#[derive(Clone, Copy, Debug)]
struct Passed {
    until: Timestamp,
    count: u32,
}

/// What passed, to be released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp(Timestamp);

/// Whether one that wants to pass was held up before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// No: whom a time was promised goes first.
    First,
    /// Yes: it comes at the time that it was told.
    Again,
}

/// Times handed out one after the other, at the pace of the rate.
#[derive(Clone, Copy, Debug)]
struct Line {
    from: Timestamp,
    given: u64,
    /// How many did not find a time.
    beyond: u64,
}

impl Line {
    const EMPTY: Line = Line { from: Timestamp::EPOCH, given: 0, beyond: 0 };

    fn slot(&self, nth: u64, rate: Rate) -> Timestamp {
        let nanos = rate.period.as_nanos().saturating_mul(nth.into()) / u128::from(rate.count.max(1));
        let millis = u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        self.from.plus(Duration::from_millis(millis))
    }

    /// The last time that was promised.
    fn last(&self, rate: Rate) -> Timestamp {
        self.given.checked_sub(1).map_or(Timestamp::EPOCH, |nth| self.slot(nth, rate))
    }

    /// The next time that is free, but not before `earliest`; if it is far off, one at which to ask again.
    fn take(&mut self, earliest: Timestamp, rate: Rate, now: Timestamp) -> Timestamp {
        let mut slot = self.slot(self.given, rate);
        if self.given == 0 || slot < earliest {
            *self = Line { from: earliest, ..Line::EMPTY };
            slot = earliest;
        }
        let far = POSTPONED_MAX.max(rate.period.saturating_mul(2));
        if slot > now.plus(far) {
            self.beyond = self.beyond.wrapping_add(1);
            return now.plus(far / 2).plus(fraction(far / 2, self.beyond));
        }
        self.given += 1;
        slot
    }
}

/// Another part of a time for each number, evenly spread over all of it.
fn fraction(time: Duration, nth: u64) -> Duration {
    let part = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    time.saturating_mul(u32::try_from(part).unwrap_or(0)) / (1 << 24)
}

impl Bucket {
    /// Nothing has passed yet.
    pub fn new(rate: Rate, window: Window) -> Self {
        let (first, again) = (Line::EMPTY, Line::EMPTY);
        let (passed, last_passed) = (VecDeque::new(), Timestamp::EPOCH);
        Bucket { rate, window, passed, used: 0, last_passed, first, again }
    }

    /// Whether one more may pass now.
    pub fn has_room(&mut self, turn: Turn, now: Timestamp) -> bool {
        self.forget(now);
        if self.used >= self.rate.count {
            return false;
        }
        turn == Turn::Again || !self.is_promised(now)
    }

    /// Lets one pass, for which there is room.
    pub fn pass(&mut self, now: Timestamp) -> Stamp {
        self.forget(now);
        let mut until = self.until(now);
        if let Some(last) = self.passed.back_mut() {
            until = until.max(last.until);
            if last.until == until {
                last.count += 1;
            }
        }
        if self.passed.back().is_none_or(|last| last.until != until) {
            self.passed.push_back(Passed { until, count: 1 });
        }
        self.used += 1;
        self.last_passed = now;
        Stamp(until)
    }

    /// Takes back that one passed.
    pub fn release(&mut self, stamp: Stamp) {
        let place = self.passed.binary_search_by_key(&stamp.0, |passed| passed.until);
        let Ok(place) = place else { return };
        self.used = self.used.saturating_sub(1);
        self.passed[place].count -= 1;
        if self.passed[place].count == 0 {
            self.passed.remove(place);
        }
    }

    /// When the next may pass, if no other does before.
    pub fn next(&mut self, now: Timestamp) -> Timestamp {
        self.forget(now);
        match self.passed.front() {
            Some(first) if self.used >= self.rate.count => first.until,
            Some(_) | None => now,
        }
    }

    /// When one for which there is no room shall come again. Many that are held up are told times one after the other,
    /// so that they do not all come at once.
    pub fn promise(&mut self, turn: Turn, now: Timestamp) -> Timestamp {
        let earliest = self.next(now);
        let line = match turn {
            Turn::First => &mut self.first,
            Turn::Again => &mut self.again,
        };
        line.take(earliest, self.rate, now)
    }

    /// Whether it holds nothing that matters any more.
    pub fn is_empty(&mut self, now: Timestamp) -> bool {
        self.forget(now);
        self.used == 0 && self.first.last(self.rate) <= now && self.again.last(self.rate) <= now
    }

    /// Until when one that passes now counts.
    fn until(&self, now: Timestamp) -> Timestamp {
        let period = self.period_millis();
        let step = match self.window {
            Window::Aligned => period,
            Window::Sliding if self.rate.count <= ENTRIES_MAX => 1,
            Window::Sliding => period.div_ceil(ENTRIES_MAX.into()),
        };
        let counted_at = match self.window {
            Window::Aligned => now.as_millis() / step * step,
            Window::Sliding => now.as_millis().div_ceil(step).saturating_mul(step),
        };
        Timestamp::from_millis(counted_at.saturating_add(period))
    }

    /// Aligned windows are whole seconds.
    fn period_millis(&self) -> u64 {
        let millis = u64::try_from(self.rate.period.as_millis()).unwrap_or(u64::MAX).max(1);
        match self.window {
            Window::Sliding => millis,
            Window::Aligned => millis.div_ceil(1000).saturating_mul(1000),
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while self.passed.front().is_some_and(|first| first.until <= now) {
            self.drop_entry(VecDeque::pop_front);
        }
        // What would count for longer than any that passes now was written by a clock that has gone back since.
        let latest = now.plus(Duration::from_millis(self.period_millis().saturating_mul(2)));
        while self.passed.back().is_some_and(|last| last.until > latest) {
            self.drop_entry(VecDeque::pop_back);
        }
    }

    fn drop_entry(&mut self, take: fn(&mut VecDeque<Passed>) -> Option<Passed>) {
        if let Some(gone) = take(&mut self.passed) {
            self.used = self.used.saturating_sub(gone.count);
        }
    }

    /// Whether somebody was promised a time that is still to come. Promises that nobody claims are void after a while:
    /// their mail was removed, or goes another way.
    fn is_promised(&mut self, now: Timestamp) -> bool {
        let last = self.first.last(self.rate).max(self.again.last(self.rate));
        if last <= now {
            return false;
        }
        let step = self.rate.period / self.rate.count.max(1);
        let since = self.last_passed.max(self.first.from).max(self.again.from.min(now));
        if since <= now && now.since(since) > PROMISE_KEPT_FOR.max(step.saturating_mul(2)) {
            (self.first, self.again) = (Line::EMPTY, Line::EMPTY);
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(count: u32, period: u64) -> Rate {
        Rate { count, period: Duration::from_millis(period) }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    /// The most that lie in one half-open stretch of this length.
    fn most_within(passed: &[Timestamp], period: u64) -> usize {
        let mut sorted = passed.to_vec();
        sorted.sort_unstable();
        let within = |(place, first): (usize, &Timestamp)| {
            let end = first.plus(Duration::from_millis(period));
            sorted.partition_point(|one| *one < end) - place
        };
        sorted.iter().enumerate().map(within).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn never_more_than_the_count_in_any_stretch_of_the_period(
            count in 1u32..200,
            period in 1u64..5_000,
            steps in prop::collection::vec((0u64..400, 0usize..6, 0u8..8), 1..100),
        ) {
            let mut bucket = Bucket::new(rate(count, period), Window::Sliding);
            let mut passed: Vec<Timestamp> = Vec::new();
            let mut stamps: Vec<(Timestamp, Stamp)> = Vec::new();
            let mut now = at(0);
            for (step, tries, release) in steps {
                now = now.plus(Duration::from_millis(step));
                for _ in 0..tries * 20 {
                    if bucket.has_room(Turn::Again, now) {
                        stamps.push((now, bucket.pass(now)));
                        passed.push(now);
                    }
                }
                if release == 0 && let Some((when, stamp)) = stamps.pop() {
                    bucket.release(stamp);
                    let place = passed.iter().rposition(|one| *one == when).unwrap();
                    passed.remove(place);
                }
                prop_assert!(bucket.passed.len() <= ENTRIES_MAX as usize + 2);
            }
            prop_assert!(most_within(&passed, period) <= count as usize);
        }

        #[test]
        fn never_more_than_the_count_in_an_aligned_window(
            count in 1u32..50,
            period in 1u64..5,
            steps in prop::collection::vec((0u64..900, 1usize..6), 1..100),
        ) {
            let mut bucket = Bucket::new(rate(count, period * 1000), Window::Aligned);
            let mut windows = std::collections::BTreeMap::<u64, u32>::new();
            let mut now = at(0);
            for (step, tries) in steps {
                now = now.plus(Duration::from_millis(step));
                for _ in 0..tries * 10 {
                    if bucket.has_room(Turn::Again, now) {
                        bucket.pass(now);
                        *windows.entry(now.as_millis() / (period * 1000)).or_default() += 1;
                    }
                }
            }
            prop_assert!(windows.values().all(|passed| *passed <= count));
        }

        #[test]
        fn the_rate_is_used_up_where_enough_want_to_pass(count in 1u32..300, period in 100u64..3_000) {
            let mut bucket = Bucket::new(rate(count, period), Window::Sliding);
            let (mut now, mut passed, periods) = (at(0), 0u64, 5u64);
            let end = now.plus(Duration::from_millis(period * periods));
            while now < end {
                while bucket.has_room(Turn::Again, now) {
                    bucket.pass(now);
                    passed += 1;
                }
                let next = bucket.next(now);
                prop_assert!(next > now, "there is no room now");
                now = next;
            }
            let late = if count <= ENTRIES_MAX { 0 } else { period.div_ceil(64) };
            let whole = (period * periods).div_ceil(period + late);
            prop_assert!(passed >= u64::from(count) * whole, "{passed} of {}", u64::from(count) * periods);
        }

        #[test]
        fn times_are_promised_one_after_the_other_at_the_pace_of_the_rate(
            count in 1u32..100,
            period in 100u64..100_000,
            held in 1usize..500,
        ) {
            let mut bucket = Bucket::new(rate(count, period), Window::Sliding);
            let now = at(0);
            for _ in 0..count {
                bucket.pass(now);
            }
            let far = now.plus(POSTPONED_MAX.max(Duration::from_millis(period * 2)));
            let times: Vec<Timestamp> = (0..held).map(|_| bucket.promise(Turn::First, now)).collect();
            prop_assert!(times.iter().all(|time| *time > now && *time <= far));
            prop_assert!(most_within(&times, period) <= 2 * count as usize + held / 8);
            prop_assert!(!bucket.has_room(Turn::First, now.plus(Duration::from_millis(period))) || held < 2);
        }
    }

    #[test]
    fn whom_a_time_was_promised_goes_first() {
        let mut bucket = Bucket::new(rate(1, 1000), Window::Sliding);
        bucket.pass(at(0));
        let times: Vec<Timestamp> = (0..3).map(|_| bucket.promise(Turn::First, at(0))).collect();
        assert_eq!(times, [at(1000), at(2000), at(3000)]);
        assert!(!bucket.has_room(Turn::First, at(1500)), "two others wait for their time");
        assert!(bucket.has_room(Turn::Again, at(1500)));
    }

    #[test]
    fn promises_that_nobody_claims_are_void() {
        let mut bucket = Bucket::new(rate(1, 1000), Window::Sliding);
        bucket.pass(at(0));
        for _ in 0..1000 {
            bucket.promise(Turn::First, at(0));
        }
        assert!(!bucket.has_room(Turn::First, at(20_000)));
        assert!(bucket.has_room(Turn::First, at(40_000)), "nobody came for half a minute");
    }

    #[test]
    fn an_aligned_window_ends_at_a_multiple_of_the_period() {
        let mut bucket = Bucket::new(rate(2, 60_000), Window::Aligned);
        let now = Timestamp::from_millis(59_000);
        bucket.pass(now);
        bucket.pass(now);
        assert_eq!(bucket.next(now), Timestamp::from_millis(60_000));
        assert!(bucket.has_room(Turn::First, Timestamp::from_millis(60_000)));
    }

    #[test]
    fn a_clock_that_goes_back_closes_nothing_for_long() {
        let mut bucket = Bucket::new(rate(1, 1000), Window::Sliding);
        bucket.pass(at(86_400_000));
        assert!(bucket.has_room(Turn::Again, at(0)));
    }
}
