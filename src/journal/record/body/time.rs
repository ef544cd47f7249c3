//! Moments as `Timestamp` prints them, and no others.

use crate::clock::Timestamp;

/// `0000-00-00T00:00:00.000000Z`
const LENGTH: usize = 27;

/// The inverse of `Timestamp`'s `Display`. Other spellings of a moment (another offset, fewer digits, a leap second) are
/// none that the gateway writes.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    match text.strip_suffix("us") {
        Some(micros) => {
            let at = Timestamp::from_unix_micros(micros.parse().ok()?);
            // Rare, so that printing it again costs nothing: only what has no other text is written like this.
            (at.to_string() == text).then_some(at)
        }
        None => rfc3339(text.as_bytes().try_into().ok()?),
    }
}

fn rfc3339(text: &[u8; LENGTH]) -> Option<Timestamp> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        f3,
        f4,
        f5,
        b'Z',
    ] = text
    else {
        return None;
    };
    let (year, month, day) = (number(&[*y0, *y1, *y2, *y3])?, number(&[*m0, *m1])?, number(&[*d0, *d1])?);
    let (hour, minute, second) = (number(&[*h0, *h1])?, number(&[*i0, *i1])?, number(&[*s0, *s1])?);
    let micros = number(&[*f0, *f1, *f2, *f3, *f4, *f5])?;
    if day == 0 || day > days_of(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_unix_micros(seconds * 1_000_000 + micros))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn days_of(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days from 1970-01-01 to this day of the Gregorian calendar. The year is counted from March, so that the leap day is its
/// last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // Lengths from March on repeat 31 30 31 30 31: 153 days in five months.
    let before_month = (153 * month + 2) / 5;
    year * 365 + leap_days + before_month + (day - 1) - EPOCH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_of_a_moment_are_refused() {
        for text in [
            "",
            "Z",
            "2026-11-21T18:35:54Z",
            "2026-11-21T18:35:54.00000Z",
            "2026-11-21T18:35:54.0000000Z",
            "2026-11-21T18:35:54.000000z",
            "2026-11-21t18:35:54.000000Z",
            "2026-11-21 18:35:54.000000Z",
            "2026-11-21T18:35:54.000000+",
            "2026-11-21T18:35:60.000000Z",
            "2026-11-21T24:00:00.000000Z",
            "2026-11-21T18:60:00.000000Z",
            "2026-02-29T00:00:00.000000Z",
            "1900-02-29T00:00:00.000000Z",
            "2026-04-31T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-01-00T00:00:00.000000Z",
            "+026-01-01T00:00:00.000000Z",
            "2026-1/-01T00:00:00.000000Z",
            "us",
            "5us",
            "+9223372036854775807us",
            "09223372036854775807us",
            "9223372036854775808us",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn leap_days_and_the_ends_of_the_calendar_are_read() {
        for text in [
            "0000-01-01T00:00:00.000000Z",
            "0000-02-29T23:59:59.999999Z",
            "1969-12-31T23:59:59.999999Z",
            "2000-02-29T00:00:00.000000Z",
            "2024-02-29T12:00:00.000001Z",
            "9999-12-31T23:59:59.999999Z",
            "9223372036854775807us",
            "-9223372036854775808us",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_prints_as_it_was(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{6}Z|-?[0-9]{1,19}us") {
            if let Some(at) = parse(&text) {
                prop_assert_eq!(at.to_string(), text);
            }
        }

        #[test]
        fn what_is_printed_is_read(micros in prop_oneof![any::<i64>(), -62_200_000_000_000_000..253_500_000_000_000_000_i64]) {
            let at = Timestamp::from_unix_micros(micros);
            prop_assert_eq!(parse(&at.to_string()), Some(at));
        }
    }
}
