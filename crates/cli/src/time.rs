//! Points in time and durations, as people write and read them.

use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A point in time: milliseconds since 1970, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Instant(pub(crate) i64);

impl Instant {
    /// Now.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339, such as `2026-11-24T14:05:00Z`, with any offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let mark = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|b| marks.contains(b));
        if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":")) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (millis, rest) = fraction(text.get(19..)?)?;
        let local = days_from_civil(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second * SECOND;
        Some(Instant(local + millis - offset(rest)?))
    }

    /// RFC 3339 in UTC, to the second.
    pub(crate) fn rfc3339(self) -> String {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let of_day = self.0.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / HOUR, of_day % HOUR / MINUTE, of_day % MINUTE / SECOND);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// The time of day in UTC, such as `14:05:00`.
    pub(crate) fn clock(self) -> String {
        self.rfc3339().get(11..19).unwrap_or_default().to_owned()
    }

    /// As people read it next to others: `now`, `in 5 min`, `3 h ago`.
    pub(crate) fn from(self, now: Instant) -> String {
        match self.0.saturating_sub(now.0) {
            -999..1000 => "now".to_owned(),
            ahead @ 1000.. => format!("in {}", span(ahead)),
            behind => format!("{} ago", span(behind.saturating_neg())),
        }
    }
}

fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut millis = 0;
    for i in 0..3 {
        millis =
            millis * 10 + rest.as_bytes().get(i).filter(|_| i < digits).map_or(0, |b| i64::from(b - b'0'));
    }
    (digits > 0).then(|| (millis, &rest[digits..]))
}

fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then(|| sign * (hours * HOUR + minutes * MINUTE))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

/// A duration in the largest unit that says enough, rounded: `850 ms`, `90 s`, `15 min`, `3 h`, `5 d`.
pub(crate) fn span(millis: i64) -> String {
    let of = |unit: i64| millis.saturating_add(unit / 2) / unit;
    match millis {
        ..1000 => format!("{millis} ms"),
        1000..120_000 => format!("{} s", of(SECOND)),
        120_000..7_200_000 => format!("{} min", of(MINUTE)),
        7_200_000..172_800_000 => format!("{} h", of(HOUR)),
        _ => format!("{} d", of(DAY)),
    }
}

/// A duration to the last millisecond, as [`duration`] reads it: `2h30m`.
pub(crate) fn exact(mut millis: i64) -> String {
    let mut out = String::new();
    for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms")] {
        if millis >= unit {
            out.push_str(&format!("{}{name}", millis / unit));
            millis %= unit;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Reads `90s`, `10m`, `2h30m`, `3d`, `500ms`: milliseconds, more than 0.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a duration: write it as 30s, 10m, 2h30m or 3d");
    let mut rest = text.trim();
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "ms" => 1,
            "s" | "sec" => SECOND,
            "m" | "min" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => return Err(wrong()),
        };
        sum = number.checked_mul(unit).and_then(|part| sum.checked_add(part)).ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
    }
    if sum > 0 { Ok(sum) } else { Err(wrong()) }
}

/// Reads a point in time: RFC 3339, or a duration from now (`10m`, `+2h`), or `now`.
pub(crate) fn point(text: &str, now: Instant) -> Result<Instant, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(at) = Instant::parse(text) {
        return Ok(at);
    }
    let span = duration(text.trim_start_matches('+'));
    let span = span.map_err(|_| {
        format!("`{text}` is not a time: write 2026-11-24T14:30:00Z, or 10m for in ten minutes")
    })?;
    Ok(Instant(now.0.saturating_add(span)))
}

/// Reads a point in the past: RFC 3339, or a duration back from now (`10m`, `2h`).
pub(crate) fn past(text: &str, now: Instant) -> Result<Instant, String> {
    match Instant::parse(text) {
        Some(at) => Ok(at),
        None => point(text.trim_start_matches('-'), now).map(|at| Instant(now.0 - (at.0 - now.0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let check = |text: &str, millis: i64, written: &str| {
            assert_eq!(Instant::parse(text), Some(Instant(millis)), "{text}");
            assert_eq!(Instant(millis).rfc3339(), written);
        };
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
        check("2026-11-24T14:05:00Z", 1_795_529_100_000, "2026-11-24T14:05:00Z");
        check("2026-11-24T15:05:00.250+01:00", 1_795_529_100_250, "2026-11-24T14:05:00Z");
        check("2024-02-29T23:59:59Z", 1_709_251_199_000, "2024-02-29T23:59:59Z");
        check("1969-12-31T23:59:59Z", -1000, "1969-12-31T23:59:59Z");
        for wrong in
            ["", "2026-11-24", "2026-13-24T00:00:00Z", "2026-11-24T14:05:00", "2026-11-24T14:05:00é", "x"]
        {
            assert_eq!(Instant::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis) in
            [("90s", 90_000), ("10m", 600_000), ("2h30m", 9_000_000), ("3d", 259_200_000), ("500ms", 500)]
        {
            assert_eq!(duration(text), Ok(millis));
            assert_eq!(duration(&exact(millis)), Ok(millis));
        }
        for wrong in ["", "10", "m", "-5m", "0s", "5 years", "99999999999999999999d", "9999999999999d", "1é"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            (span(850), span(90_000), span(900_000), span(259_200_000)),
            ("850 ms".into(), "90 s".into(), "15 min".into(), "3 d".into())
        );
    }

    #[test]
    fn times_may_be_said_from_now() {
        let now = Instant(1_795_529_100_000);
        assert_eq!(point("+10m", now).unwrap().from(now), "in 10 min");
        assert_eq!(past("2h", now).unwrap().from(now), "2 h ago");
        assert_eq!(point("now", now), Ok(now));
        assert!(point("soon", now).is_err());
    }
}
