//! The time as policies see it: to the second, in UTC.

use cedar_policy::RestrictedExpression;

use crate::{clock::Timestamp, types::Current};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Makes the time a value for Cedar. It keeps the last one: making it costs as much as to evaluate two policies, and a busy
/// gateway is asked many times in a second.
#[derive(Debug)]
pub(super) struct Moments(Current<(i64, RestrictedExpression)>);

impl Moments {
    pub(super) fn new() -> Self {
        Self(Current::new((0, datetime(0))))
    }

    /// The second that this moment is in. Cedar refuses to evaluate what is outside the years 0 to 9999.
    pub(super) fn at(&self, now: Timestamp) -> RestrictedExpression {
        let second = now.unix_micros().div_euclid(MICROS_PER_SECOND);
        let last = self.0.get();
        if last.0 == second {
            return last.1.clone();
        }
        let value = datetime(second);
        self.0.replace((second, value.clone()));
        value
    }
}

fn datetime(second: i64) -> RestrictedExpression {
    let text = Timestamp::from_unix(second, 0).to_string();
    // Cedar takes no fraction or one of three digits.
    RestrictedExpression::new_datetime(text.replace(".000000Z", "Z"))
}

/// 1 is Monday, 7 is Sunday (ISO 8601), in UTC.
pub(super) fn weekday(now: Timestamp) -> i64 {
    // 1970-01-01 was a Thursday.
    (now.unix_micros().div_euclid(MICROS_PER_SECOND * SECONDS_PER_DAY) + 3).rem_euclid(7) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_those_of_utc() {
        let on = |day: i64, second: i64| weekday(Timestamp::from_unix(day * SECONDS_PER_DAY + second, 999_999_999));
        assert_eq!(on(0, 0), 4, "1970-01-01 was a Thursday");
        assert_eq!(on(-1, 0), 3);
        assert_eq!(weekday(Timestamp::from_unix_micros(-1)), 3);
        let saturday = 20_778;
        assert_eq!((on(saturday, 0), on(saturday, SECONDS_PER_DAY - 1), on(saturday, SECONDS_PER_DAY)), (6, 6, 7));
        assert_eq!(on(saturday + 2, 0), 1);
    }

    #[test]
    fn every_second_is_said_as_itself() {
        let moments = Moments::new();
        let text = |micros: i64| format!("{:?}", moments.at(Timestamp::from_unix_micros(micros)));
        for (micros, second) in [
            (0, "1970-01-01T00:00:00Z"),
            (999_999, "1970-01-01T00:00:00Z"),
            (1_000_000, "1970-01-01T00:00:01Z"),
            (1_795_286_154_999_999, "2026-11-21T18:35:54Z"),
            (1_000_000, "1970-01-01T00:00:01Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert!(text(micros).contains(second), "{micros}: {}", text(micros));
        }
    }
}
