//! The only reader of the system's time, and the two ways in which AWS writes it.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// `2026-11-21T18:40:00Z`: timestamps in XML replies.
const ISO_8601: &[FormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
/// `20261121T184000Z`: `x-amz-date`.
const BASIC: &[FormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// The present, in whole seconds since the epoch.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}

/// The time as AWS writes it in XML.
pub(crate) fn iso(seconds: i64) -> String {
    instant(seconds).format(ISO_8601).unwrap_or_default()
}

/// The time as `x-amz-date` has it.
pub(crate) fn basic(seconds: i64) -> String {
    instant(seconds).format(BASIC).unwrap_or_default()
}

/// The time as S3 writes it in headers of Object Lock.
pub(crate) fn iso_millis(seconds: i64) -> String {
    iso(seconds).replace('Z', ".000Z")
}

/// Reads an `x-amz-date`.
pub(crate) fn parse_basic(text: &str) -> Option<i64> {
    time::PrimitiveDateTime::parse(text, BASIC).ok().map(|time| time.assume_utc().unix_timestamp())
}

/// Reads an RFC 3339 time, as scenarios have it.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

fn instant(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_aws_does() {
        assert_eq!(iso(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(basic(1_700_000_000), "20231114T221320Z");
        assert_eq!(parse_basic("20231114T221320Z"), Some(1_700_000_000));
        assert_eq!(parse_basic("20231114"), None);
        assert_eq!(parse_rfc3339("2023-11-14T22:13:20Z"), Some(1_700_000_000));
    }
}
