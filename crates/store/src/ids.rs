//! Which number does the next message get? Grows with time, and never goes back.

use mail::Timestamp;

/// Bits of an id below the millisecond: this many ids fit in one before it runs into the next.
const COUNTER_BITS: u32 = 20;
/// The latest millisecond that ids know (in the year 2109), so that an id stays a positive 64-bit integer.
const MILLIS_MAX: u64 = 1 << 42;

/// Gives numbers to messages, recipients and leases: all from one series, so that no two are equal.
#[derive(Debug)]
pub(crate) struct Ids {
    last: u64,
}

impl Ids {
    /// Continues after the greatest id that was ever given.
    pub(crate) fn after(last: u64) -> Self {
        Ids { last }
    }

    /// The first of `count` numbers in a row. If the clock went back, they follow those given before (B1, B4).
    pub(crate) fn take(&mut self, now: Timestamp, count: u64) -> u64 {
        let timed = now.as_millis().min(MILLIS_MAX) << COUNTER_BITS;
        let first = timed.max(self.last.saturating_add(1));
        self.last = first.saturating_add(count.saturating_sub(1));
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: B4
    #[test]
    fn ids_grow_even_if_the_clock_goes_back() {
        let mut ids = Ids::after(0);
        let mut last = 0;
        for (millis, count) in [(5, 1), (5, 3), (6, 1), (2, 2_000_000), (0, 1), (7, 1), (u64::MAX, 1), (0, 5)]
        {
            let first = ids.take(Timestamp::from_millis(millis), count);
            assert!(first > last, "{first} after {last}");
            assert!(i64::try_from(first).is_ok());
            last = first + count - 1;
        }
    }
}
