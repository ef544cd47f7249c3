//! Single values: from TOML to what they mean.

use std::{borrow::Cow, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use toml::de::DeValue;

use super::error::Fault;

/// What a value may be, and what it is when nothing is written.
pub(super) struct Bounded<T> {
    pub(super) default: T,
    pub(super) min: T,
    pub(super) max: T,
}

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
    let digits = value.as_integer().ok_or_else(|| wrong_type("an integer", value, "write a number without quotes"))?;
    let number = u32::from_str_radix(digits.as_str(), digits.radix());
    number
        .ok()
        .filter(|number| (bounds.min..=bounds.max).contains(number))
        .ok_or_else(|| bounds.fault(|number| *number))
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

pub(super) fn socket_address(value: &DeValue<'_>) -> Result<SocketAddr, Fault> {
    text(value)?.parse().map_err(|_| {
        Fault::new(
            "must be an IP address and a port",
            r#"write "127.0.0.1:8443" or "[::1]:8443"; names are not looked up"#,
        )
    })
}

/// A path as it is written, before it is made relative to the configuration's folder.
pub(super) fn path(value: &DeValue<'_>) -> Result<PathBuf, Fault> {
    let text = text(value)?;
    // A line break means that the file's content was pasted, which may be a key.
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Fault::new("must be a path", "write the path of a file, not its content"));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn wrong_type(expected: &str, value: &DeValue<'_>, fix: impl Into<Cow<'static, str>>) -> Fault {
    let article = if matches!(value, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" };
    Fault::new(format!("must be {expected}, not {article} {}", value.type_str()), fix)
}

fn parse_duration(text: &str) -> Option<Duration> {
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
