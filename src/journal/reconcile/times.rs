//! Moments and spans of time as people and CloudTrail write them.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{clock::Timestamp, types::Rule};

/// Reads an RFC 3339 time.
pub(in super::super) fn moment(text: &str) -> Result<Timestamp, Rule> {
    const RULE: Rule = Rule::new("must be an RFC 3339 time such as 2026-11-21T18:00:00Z");
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| RULE)?;
    let micros = i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).map_err(|_| RULE)?;
    Ok(Timestamp::from_unix_micros(micros))
}

/// Reads a span of time: a number and a unit.
pub(in super::super) fn grace(text: &str) -> Result<Duration, Rule> {
    const RULE: Rule = Rule::new("must be a number and a unit, s, m, h or d, such as 30m");
    let unit = text.char_indices().next_back().ok_or(RULE)?;
    let seconds = match unit.1 {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(RULE),
    };
    let number = text.get(..unit.0).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u32 = number.and_then(|digits| digits.parse().ok()).ok_or(RULE)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

/// The whole second that a moment lies in: events carry no more.
pub(super) const fn second_of(at: Timestamp) -> Timestamp {
    Timestamp::from_unix(at.unix_micros().div_euclid(1_000_000), 0)
}

/// That much earlier.
pub(super) fn before(at: Timestamp, span: Duration) -> Timestamp {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(at.unix_micros().saturating_sub(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(moment("1970-01-01T01:00:00.5+01:00").unwrap(), Timestamp::from_unix_micros(500_000));
        for bad in ["", "2026-11-21", "2026-11-21T18:00:00", "yesterday", "1"] {
            assert!(moment(bad).unwrap_err().to_string().contains("RFC 3339"), "{bad}");
        }
        assert_eq!(second_of(Timestamp::from_unix_micros(-1)), Timestamp::from_unix(-1, 0));
    }

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        assert_eq!(grace("30m").unwrap(), Duration::from_secs(1800));
        assert_eq!(grace("0s").unwrap(), Duration::ZERO);
        assert_eq!((grace("2h").unwrap(), grace("1d").unwrap()), (grace("120m").unwrap(), grace("24h").unwrap()));
        for bad in ["", "m", "30", "-1m", "1.5h", "30 m", "99999999999s", "1é"] {
            assert!(grace(bad).is_err(), "{bad}");
        }
    }
}
