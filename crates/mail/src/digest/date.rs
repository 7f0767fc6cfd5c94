//! When was a message written? RFC 5322 section 3.3 with the obsolete forms of section 4.3.

/// A Date field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentAt {
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// What is added to UTC where it was written.
    pub zone_minutes: i16,
}

impl SentAt {
    /// Its day where it was written: days since 1970 (RFC 9051 section 6.4.4, SENTON).
    pub fn day(&self) -> i64 {
        self.seconds.saturating_add(i64::from(self.zone_minutes) * 60).div_euclid(86_400)
    }

    /// As JMAP wants it (RFC 8620 section 1.4): `2026-11-24T08:45:10+01:00`.
    pub fn rfc3339(&self) -> String {
        let local = self.seconds.saturating_add(i64::from(self.zone_minutes) * 60);
        let (year, month, day) = civil(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let zone = match self.zone_minutes {
            0 => "Z".to_owned(),
            zone => {
                let sign = if zone < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", zone.unsigned_abs() / 60, zone.unsigned_abs() % 60)
            }
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}")
    }
}

/// Bytes of a date that are read.
const DATE_BYTES_MAX: usize = 256;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date; none before the year 1 or after 9999.
pub fn parse(value: &[u8]) -> Option<SentAt> {
    let text = without_comments(&value[..value.len().min(DATE_BYTES_MAX)]);
    let mut words = text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|word| !word.is_empty());
    let mut first = words.next()?;
    if first.starts_with(|c: char| c.is_ascii_alphabetic()) {
        first = words.next()?;
    }
    // `24-Nov-2026` is not of the standard.
    let mut date: Vec<&str> = first.split('-').filter(|word| !word.is_empty()).collect();
    while date.len() < 3 {
        date.push(words.next()?);
    }
    let day: i64 = date[0].parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = date[1].get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year = year(date[2])?;
    let mut time = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next().unwrap_or(Some(0))?);
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    let zone_minutes = words.next().map_or(0, zone);
    let local = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(SentAt { seconds: local - i64::from(zone_minutes) * 60, zone_minutes })
}

fn without_comments(value: &[u8]) -> String {
    let (mut out, mut depth) = (String::new(), 0u32);
    for &byte in value {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            _ => out.push(' '),
        }
    }
    out
}

/// Two digits and three are of the last century, or of this one (RFC 5322 section 4.3).
fn year(text: &str) -> Option<i64> {
    let year: i64 = text.parse().ok().filter(|year| (0..=9999).contains(year))?;
    Some(match (text.len(), year) {
        (2, 0..50) => year + 2000,
        (2 | 3, _) => year + 1900,
        _ => year,
    })
    .filter(|year| *year >= 1)
}

fn zone(text: &str) -> i16 {
    let minutes = |digits: &str| -> Option<i16> {
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: i16 = digits.parse().ok()?;
        (number / 100 < 24 && number % 100 < 60).then_some(number / 100 * 60 + number % 100)
    };
    let named = |hours: i16| hours * 60;
    match text.to_ascii_uppercase().as_str() {
        "EDT" => named(-4),
        "EST" | "CDT" => named(-5),
        "CST" | "MDT" => named(-6),
        "MST" | "PDT" => named(-7),
        "PST" => named(-8),
        text => match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(digits), _) => minutes(&digits.replace(':', "")).unwrap_or(0),
            (_, Some(digits)) => -minutes(&digits.replace(':', "")).unwrap_or(0),
            (None, None) => 0,
        },
    }
}

/// Days since 1970 of a date in the Gregorian calendar. A day after the end of its month is one of the next.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + days.div_euclid(146_097) * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_as_they_are_written() {
        for (value, expected) in [
            ("Fri, 21 Nov 1997 09:55:06 -0600", Some("1997-11-21T09:55:06-06:00")),
            ("Tue, 24 Nov 2026 08:45:10 +0000", Some("2026-11-24T08:45:10Z")),
            ("21 Nov 97 09:55:06 GMT", Some("1997-11-21T09:55:06Z")),
            (
                "Thu,\r\n 13\r\n  Feb\r\n  1969\r\n 23:32\r\n -0330 (Newfoundland Time)",
                Some("1969-02-13T23:32:00-03:30"),
            ),
            ("Fri, 1 Jan 2100 00:00:00 EST", Some("2100-01-01T00:00:00-05:00")),
            ("29 Feb 2024 23:59:60 +0530", Some("2024-03-01T00:00:00+05:30")),
            ("24-Nov-2026 08:45:10 +0100", Some("2026-11-24T08:45:10+01:00")),
            ("24 November 2026 08:45", Some("2026-11-24T08:45:00Z")),
            ("24 Nov 2026", None),
            ("yesterday", None),
            ("99 Nov 2026 08:45:10", None),
            ("24 Nov 2026 25:00:00", None),
            ("", None),
        ] {
            assert_eq!(parse(value.as_bytes()).map(|at| at.rfc3339()).as_deref(), expected, "{value}");
        }
        assert_eq!(parse(b"1 Jan 1970 23:30:00 -0100").map(|at| (at.seconds, at.day())), Some((88_200, 0)));
    }

    proptest! {
        #[test]
        fn days_are_counted_both_ways(day in -700_000i64..3_000_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(days(year, month, of_month), day);
        }

        #[test]
        fn any_bytes_are_taken(value in any::<Vec<u8>>()) {
            let _ = parse(&value);
        }
    }
}
