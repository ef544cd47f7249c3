//! Single values: from TOML to what they mean.

use std::{borrow::Cow, fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use toml::de::DeValue;

use super::error::Fault;
use crate::types::{AccountId, DnsName, Region, SpiffeId, TrustDomain, UriName};

/// What a value may be, and what it is when nothing is written.
pub(super) struct Bounded<T> {
    pub(super) default: T,
    pub(super) min: T,
    pub(super) max: T,
}

/// Names are written in policies and keys; what is longer is a mistake.
const NAME_LENGTH_MAX: usize = 64;
/// Longer durations are mistakes; every key has its own, lower maximum. 2^32 ms are seven weeks.
const DURATION_MAX: Duration = Duration::from_millis(u32::MAX as u64);

pub(super) fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Fault> {
    value.as_str().ok_or_else(|| wrong_type("a string", value, "write it in double quotes"))
}

/// A parser of strings as a parser of values.
pub(super) fn text_rule<T>(rule: impl Fn(&str) -> Result<T, Fault>) -> impl Fn(&DeValue<'_>) -> Result<T, Fault> {
    move |value| rule(text(value)?)
}

pub(super) fn boolean(value: &DeValue<'_>) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| wrong_type("a boolean", value, "write true or false, without quotes"))
}

pub(super) fn integer(value: &DeValue<'_>, bounds: &Bounded<u32>) -> Result<u32, Fault> {
    integer_within(value, bounds.min..=bounds.max)?.ok_or_else(|| bounds.fault(|number| *number))
}

/// An integer; none if it is not within the range.
pub(super) fn integer_within(value: &DeValue<'_>, range: RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
    let digits = value.as_integer().ok_or_else(|| wrong_type("an integer", value, "write a number without quotes"))?;
    let number = u32::from_str_radix(digits.as_str(), digits.radix());
    Ok(number.ok().filter(|number| range.contains(number)))
}

pub(super) fn duration(value: &DeValue<'_>, bounds: &Bounded<Duration>) -> Result<Duration, Fault> {
    const FIX: &str = r#"write a whole number and ms, s, m or h in quotes, such as "30s""#;
    let text = value.as_str().ok_or_else(|| wrong_type("a duration in a string", value, FIX))?;
    let duration = parse_duration(text).ok_or_else(|| Fault::new("must be a duration", FIX))?;
    if (bounds.min..=bounds.max).contains(&duration) {
        return Ok(duration);
    }
    Err(bounds.fault(|duration| DurationText(*duration)))
}

/// A path as it is written, before it is made relative to the configuration's folder.
/// Whole days, for what is kept so long that hours do not matter.
pub(super) fn days(value: &DeValue<'_>, bounds: &Bounded<u32>) -> Result<u32, Fault> {
    const FIX: &str = r#"write a whole number of days and d in quotes, such as "30d""#;
    let text = value.as_str().ok_or_else(|| wrong_type("a number of days in a string", value, FIX))?;
    let digits = text.strip_suffix('d').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let digits = digits.filter(|digits| !digits.is_empty()).ok_or_else(|| Fault::new("must be days", FIX))?;
    let days = digits.parse().ok().filter(|days| (bounds.min..=bounds.max).contains(days));
    days.ok_or_else(|| bounds.fault(|days| format!("{days}d")))
}

pub(super) fn path(value: &DeValue<'_>) -> Result<PathBuf, Fault> {
    let text = text(value)?;
    // A line break means that the file's content was pasted, which may be a key.
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Fault::new("must be a path", "write the path of a file, not its content"));
    }
    Ok(PathBuf::from(text))
}

/// A name that we give: to a group, a listener, an issuer. Holds nothing that separates the parts of a subject.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if text.is_empty() || text.len() > NAME_LENGTH_MAX || !text.bytes().all(allowed) {
        return Err(Fault::new("must be a name of 1 to 64 characters of A-Z a-z 0-9 . - _", "rename it"));
    }
    Ok(text.to_owned())
}

/// A text of printable ASCII without spaces.
pub(super) fn word(text: &str, length_max: usize) -> Result<String, Fault> {
    if text.is_empty() || text.len() > length_max || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let rule = format!("must have 1 to {length_max} characters of printable ASCII, without spaces");
        return Err(Fault::new(rule, "write it just as the other side spells it"));
    }
    Ok(text.to_owned())
}

/// A text in one line.
pub(super) fn line(text: &str, length_max: usize) -> Result<String, Fault> {
    if text.is_empty() || text.len() > length_max || text.chars().any(char::is_control) {
        let rule = format!("must have 1 to {length_max} bytes, in one line");
        return Err(Fault::new(rule, "write it just as the other side spells it"));
    }
    Ok(text.to_owned())
}

pub(super) fn trust_domain(text: &str) -> Result<TrustDomain, Fault> {
    text.parse().map_err(|rule| Fault::of_rule(rule, "write `example.org`, without `spiffe://` and path"))
}

pub(super) fn spiffe_id(text: &str) -> Result<SpiffeId, Fault> {
    text.parse().map_err(|rule| Fault::of_rule(rule, "write a SPIFFE ID such as `spiffe://example.org/ops/alice`"))
}

pub(super) fn dns_name(text: &str) -> Result<DnsName, Fault> {
    let fix = if text.contains('*') {
        "list each name, or recognise callers by spiffe_trust_domains"
    } else {
        "write `deployer.ops.example.org`"
    };
    text.parse().map_err(|rule| Fault::of_rule(rule, fix))
}

pub(super) fn uri_name(text: &str) -> Result<UriName, Fault> {
    let fix = if text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:")) {
        "name its trust domain in spiffe_trust_domains, and say in policy what each ID may"
    } else {
        "write `urn:example:deployer`, just as the certificate spells it"
    };
    text.parse().map_err(|rule| Fault::of_rule(rule, fix))
}

pub(super) fn region(text: &str) -> Result<Region, Fault> {
    if text == "aws-global" {
        return Err(Fault::new(
            "must not be aws-global: the global STS endpoint does not know AssumeRoot",
            "name a region such as us-east-1",
        ));
    }
    text.parse().map_err(|rule| Fault::of_rule(rule, "look it up in the AWS General Reference, \"Regional endpoints\""))
}

pub(super) fn account(text: &str) -> Result<AccountId, Fault> {
    text.parse().map_err(|rule| Fault::of_rule(rule, "write it in quotes, with its leading zeros"))
}

pub(super) fn wrong_type(expected: &str, value: &DeValue<'_>, fix: impl Into<Cow<'static, str>>) -> Fault {
    let article = if matches!(value, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" };
    Fault::new(format!("must be {expected}, not {article} {}", value.type_str()), fix)
}

/// A whole number and `ms`, `s`, `m` or `h`, up to seven weeks.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(millis_per_unit)?;
    Some(Duration::from_millis(millis)).filter(|duration| *duration <= DURATION_MAX)
}

impl<T> Bounded<T> {
    fn fault<D: fmt::Display>(&self, show: impl Fn(&T) -> D) -> Fault {
        let Self { default, min, max } = self;
        let rule = format!("must be from {} to {}", show(min), show(max));
        Fault::new(rule, format!("leave it out for {}", show(default)))
    }
}

/// A duration as the configuration spells it.
struct DurationText(Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
        let fits = units.into_iter().find(|(size, _)| millis >= *size && millis.is_multiple_of(*size));
        let (size, unit) = fits.unwrap_or((1, "ms"));
        write!(f, "{}{unit}", millis / size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0), ("007s", 7000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "5 m",
            " 5m",
            "5m ",
            "-5s",
            "+5s",
            "1.5s",
            "5M",
            "5min",
            "1h30m",
            "5d",
            "٣s",
            "99999999999999999999s",
            "18446744073709551615h",
            "2000h",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_duration_parses_to_itself(millis in 0..=u32::MAX) {
            let duration = Duration::from_millis(millis.into());
            prop_assert_eq!(parse_duration(&DurationText(duration).to_string()), Some(duration));
        }
    }
}
