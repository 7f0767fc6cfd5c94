//! Dates as IMAP writes them: `24-Nov-2026`, and with a time of day and a zone (RFC 9051 section 9).

use mail::Timestamp;

/// The names of the months.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Milliseconds of a day.
pub const DAY_MILLIS: u64 = 86_400_000;

/// The day that a `date-text` such as `1-Feb-1994` names: days since 1970.
pub fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if day.is_empty() || day.len() > 2 || year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let day: u32 = day.bytes().all(|b| b.is_ascii_digit()).then(|| day.parse().ok()).flatten()?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let month = u32::try_from(month).ok()?.saturating_add(1);
    let year: i64 = year.parse().ok()?;
    (1..=days_of(year, month)).contains(&day).then(|| days_from_civil(year, month, day))
}

/// The moment that a `date-time` such as `17-Jul-1996 02:44:25 -0700` names; the epoch if it lies before.
pub fn parse_date_time(text: &str) -> Option<Timestamp> {
    let text = text.strip_prefix(' ').unwrap_or(text);
    let mut parts = text.split(' ');
    let (day, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || time.len() != 8 || zone.len() != 5 || !text.is_ascii() {
        return None;
    }
    let number = |text: &str, max: i64| -> Option<i64> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|n| *n <= max)
    };
    let (hour, minute, second) = (number(&time[..2], 23)?, number(&time[3..5], 59)?, number(&time[6..], 60)?);
    if &time[2..3] != ":" || &time[5..6] != ":" {
        return None;
    }
    let east = match &zone[..1] {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let offset = east * (number(&zone[1..3], 23)? * 3600 + number(&zone[3..], 59)? * 60);
    let seconds = parse_day(day)? * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp::EPOCH.plus_seconds(seconds.max(0)))
}

/// A moment as INTERNALDATE and SAVEDATE have it, in UTC: `24-Nov-2026 08:45:10 +0000`.
pub fn print_date_time(out: &mut Vec<u8>, moment: Timestamp) {
    let seconds = moment.as_secs().min(253_402_300_799);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(i64::try_from(days).unwrap_or(0));
    let name = MONTHS[(month.clamp(1, 12) - 1) as usize];
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let text = format!("{day:02}-{name}-{year:04} {hour:02}:{minute:02}:{second:02} +0000");
    out.extend_from_slice(text.as_bytes());
}

fn days_of(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970 of a day of the Gregorian calendar. Years are counted from March, so that the leap day is the last.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since 1970.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        let table = [
            ("1-Jan-1970", Some(0)),
            ("01-Feb-1994", Some(8797)),
            ("29-Feb-2000", Some(11_016)),
            ("24-NOV-2026", Some(20_781)),
            ("31-Dec-1969", Some(-1)),
            ("29-Feb-1900", None),
            ("31-Apr-2026", None),
            ("0-Jan-2026", None),
            ("1-Foo-2026", None),
            ("1-Jan-26", None),
            ("+1-Jan-2026", None),
            ("1-Jan-2026-", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_day(text), expected, "{text}");
        }
    }

    #[test]
    fn a_date_with_time_is_a_moment() {
        let at = |text| parse_date_time(text).map(Timestamp::as_secs);
        assert_eq!(at("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(at(" 1-Jan-1970 01:00:00 +0100"), Some(0));
        assert_eq!(at("1-Jan-1960 01:00:00 +0100"), Some(0));
        for bad in
            ["17-Jul-1996", "17-Jul-1996 02:44:25", "17-Jul-1996 2:44:25 -0700", "17-Jul-1996 02:44:25 GMT"]
        {
            assert_eq!(at(bad), None, "{bad}");
        }
        assert_eq!(at("17-Jul-1996 02:44:25 -07é"), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(seconds in 0_u64..253_402_300_799) {
            let moment = Timestamp::from_millis(seconds * 1000);
            let mut out = Vec::new();
            print_date_time(&mut out, moment);
            prop_assert_eq!(parse_date_time(std::str::from_utf8(&out).unwrap()), Some(moment));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = (parse_day(&text), parse_date_time(&text));
        }
    }
}
