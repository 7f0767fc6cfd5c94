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
