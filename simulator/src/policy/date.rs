//! Moments in time: what the Date operators compare.
//!
//! Source: IAM User Guide, "IAM JSON policy elements: Condition operators", date condition operators: "one of the W3C
//! implementations of the ISO 8601 date formats or in epoch (UNIX) time".

/// A moment, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i128);

const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl Moment {
    /// Reads seconds since 1970 (`1760000000`), or a date of the W3C profile: `2026`, `2026-09`, `2026-09-01`,
    /// `2026-09-01T12:30Z`, `2026-09-01T12:30:15.250+02:00`. Four digits alone are a year.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let epoch = text.len() != 4 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if epoch {
            return Some(Self(i128::from(text.parse::<i64>().ok()?) * NANOS_PER_SECOND));
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let (days, complete) = days_of_date(date)?;
        let nanos = match time {
            Some(time) if complete => nanos_of_time(time)?,
            Some(_) => return None,
            None => 0,
        };
        Some(Self(i128::from(days) * 86_400 * NANOS_PER_SECOND + nanos))
    }
}

/// Days since 1970-01-01, and whether the date goes down to the day, as a time of day needs.
fn days_of_date(text: &str) -> Option<(i64, bool)> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 2))?;
    let day = parts.next();
    let day_of_month = day.map_or(Some(1), |day| number(day, 2))?;
    let valid = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day_of_month);
    (valid && parts.next().is_none()).then(|| (days_since_epoch(year, month, day_of_month), day.is_some()))
}

/// Nanoseconds since midnight UTC of a time of day with its zone; negative or beyond a day when the zone carries it
/// there.
fn nanos_of_time(text: &str) -> Option<i128> {
    let (clock, zone_seconds) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let (clock, zone) = text.split_at_checked(text.rfind(['+', '-'])?)?;
            let ahead = hours_and_minutes(zone.get(1..)?)?;
            (clock, if zone.starts_with('-') { -ahead } else { ahead })
        }
    };
    let (minutes, seconds) = clock.split_at_checked(5)?;
    let mut nanos = i128::from(hours_and_minutes(minutes)? - zone_seconds) * NANOS_PER_SECOND;
    if !seconds.is_empty() {
        nanos += seconds_and_fraction(seconds.strip_prefix(':')?)?;
    }
    Some(nanos)
}

/// `hh:mm` in seconds.
fn hours_and_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

/// `ss` or `ss.fraction` in nanoseconds; digits beyond the ninth are dropped.
fn seconds_and_fraction(text: &str) -> Option<i128> {
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) if !fraction.is_empty() => (seconds, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: i128 = fraction.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()?;
    let seconds = number(seconds, 2)?;
    (seconds <= 60).then_some(i128::from(seconds) * NANOS_PER_SECOND + nanos)
}

/// Exactly `width` digits.
fn number(text: &str, width: usize) -> Option<i64> {
    let digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let leap_days_before =
        |year: i64| (year - 1).div_euclid(4) - (year - 1).div_euclid(100) + (year - 1).div_euclid(400);
    let years = (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970);
    let months: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
    years + months + day - 1
}
