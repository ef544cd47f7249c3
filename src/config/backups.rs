//! `[backups]`: how long policies are kept that acts have changed.

use std::time::Duration;

use super::{error::Reported, table::Table, value::Bounded};

/// How long policies are kept that acts have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupsConfig {
    /// Older ones are deleted. Their records, with hash, caller and reason, stay in the journal.
    pub retention: Duration,
}

/// Longer than the year that an audit looks back on, so that none of it is gone when somebody asks. A day is the least in
/// which somebody notices that an unlocked bucket lacks its policy.
const RETENTION_DAYS: Bounded<u32> = Bounded { default: 400, min: 1, max: 3650 };

impl BackupsConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        Ok(Self { retention: table.days("retention", &RETENTION_DAYS)? })
    }
}
