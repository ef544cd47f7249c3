//! `[backups]`: how long policies are kept that acts have changed.

use std::time::Duration;

use toml::de::DeValue;

use super::{
    error::{Fault, Reported},
    table::Table,
    value::{Bounded, wrong_type},
};

/// How long policies are kept that acts have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupsConfig {
    /// Older ones are deleted. Their records, with hash, caller and reason, stay in the journal.
    pub retention: Duration,
}

/// Longer than the year that an audit looks back on, so that none of it is gone when somebody asks. A day is the least in
/// which somebody notices that an unlocked bucket lacks its policy.
const RETENTION_DAYS: Bounded<u32> = Bounded { default: 400, min: 1, max: 3650 };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl BackupsConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let days = table.optional("retention", days)?.unwrap_or(RETENTION_DAYS.default);
        Ok(Self { retention: DAY * days })
    }
}

fn days(value: &DeValue<'_>) -> Result<u32, Fault> {
    const FIX: &str = r#"write a whole number of days and d in quotes, such as "400d""#;
    let text = value.as_str().ok_or_else(|| wrong_type("a number of days in a string", value, FIX))?;
    let digits = text.strip_suffix('d').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let digits = digits.filter(|digits| !digits.is_empty()).ok_or_else(|| Fault::new("must be days", FIX))?;
    let Bounded { default, min, max } = RETENTION_DAYS;
    let days = digits.parse().ok().filter(|days| (min..=max).contains(days));
    days.ok_or_else(|| Fault::new(format!("must be from {min}d to {max}d"), format!("leave it out for {default}d")))
}
