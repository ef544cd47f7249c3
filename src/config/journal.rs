//! `[journal]`: where the journal is, who vouches for it, and how long it knows requests again.

mod checkpoint;

pub use checkpoint::{AnchorBucketConfig, CheckpointConfig, ObjectLockMode};

use std::{path::PathBuf, time::Duration};

use super::{error::Reported, table::Table, value::Bounded};

/// Where the journal is, who vouches for it, and how long it knows requests again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// The database file; made if it does not exist. Its folder must exist.
    pub path: PathBuf,
    /// Signed checkpoints; none if nobody asked for them.
    pub checkpoint: Option<CheckpointConfig>,
    /// A repetition of a request that is older than this is a new request.
    pub request_ids_kept: Duration,
}

/// Longer than the weekend over which somebody's job stands still. A day is more than any client retries by itself; what is
/// kept longer than a year only grows.
const REQUEST_IDS_KEPT_DAYS: Bounded<u32> = Bounded { default: 7, min: 1, max: 400 };

impl JournalConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let path = table.required_path("path", r#"write `path = "journal.db"`"#);
        let checkpoint = table.optional_section("checkpoint", CheckpointConfig::read);
        let request_ids_kept = table.days("request_ids_kept", &REQUEST_IDS_KEPT_DAYS);
        Ok(Self { path: path?, checkpoint: checkpoint?, request_ids_kept: request_ids_kept? })
    }
}
