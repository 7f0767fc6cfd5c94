//! Points in time as data, and the one seam through which a clock is read.

use std::fmt;
use std::time::Duration;

/// A point in time: milliseconds since the Unix epoch, UTC.
///
/// Pure code never asks what time it is; it is given a `Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Timestamp = Timestamp(0);
    /// Later than anything that is ever due.
    pub const NEVER: Timestamp = Timestamp(i64::MAX as u64);

    /// A point in time from milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This much later; stops at [`Timestamp::NEVER`].
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(millis).min(Self::NEVER.0))
    }

    /// This many seconds later, or earlier if negative; stops at [`Timestamp::NEVER`] and at the epoch.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            Timestamp(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
        } else {
            self.plus(span)
        }
    }

    /// Whole seconds from `now` to here; negative if it has passed.
    pub fn seconds_from(self, now: Timestamp) -> i64 {
        let span = |later: Timestamp, earlier: Timestamp| {
            i64::try_from(later.since(earlier).as_secs()).unwrap_or(i64::MAX)
        };
        if self >= now { span(self, now) } else { -span(now, self) }
    }

    /// The time from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// As a `Date:` field wants it (RFC 5322 section 3.3): `Tue, 24 Nov 2026 08:45:10 +0000`.
    pub fn rfc5322(self) -> String {
        self.utc().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }

    /// As logs and JSON want it (RFC 3339): `2026-11-24T08:45:10Z`.
    pub fn rfc3339(self) -> String {
        self.utc().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Reads a date and time with its offset, such as `2026-11-24T08:45:10Z` (RFC 3339); none before the epoch.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let shape_ok = text.is_ascii() && (20..=40).contains(&text.len()) && text.as_bytes()[10] == b'T';
        let parsed: jiff::Timestamp = shape_ok.then(|| text.parse().ok()).flatten()?;
        u64::try_from(parsed.as_millisecond()).ok().map(Timestamp)
    }

    fn utc(self) -> jiff::Timestamp {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX).min(jiff::Timestamp::MAX.as_millisecond());
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.as_secs(), self.0 % 1000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// The seam to the clock. Read only above `store`: in `mta`, `access`, `admin`.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// What the wall clock shows, right or wrong: for the eyes of people, in `Date` and `Received`.
    fn wall(&self) -> Timestamp {
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_both_forms() {
        let t = Timestamp::from_millis(1_795_509_910_000);
        assert_eq!(t.rfc5322(), "Tue, 24 Nov 2026 08:45:10 +0000");
        assert_eq!(t.rfc3339(), "2026-11-24T08:45:10Z");
    }

    #[test]
    fn reads_what_it_prints() {
        let t = Timestamp::from_millis(1_795_509_910_000);
        assert_eq!(Timestamp::parse_rfc3339(&t.rfc3339()), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("2026-11-24T09:45:10+01:00"), Some(t));
        for bad in ["", "2026-11-24", "2026-11-24 08:45:10Z", "1960-01-01T00:00:00Z", "2026-13-24T08:45:10Z"]
        {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_does_not_wrap() {
        assert_eq!(Timestamp::NEVER.plus(Duration::MAX), Timestamp::NEVER);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::NEVER), Duration::ZERO);
    }
}
