//! `[journal]`: where the journal is, and who vouches for it.

mod checkpoint;

pub use checkpoint::{AnchorBucketConfig, CheckpointConfig, ObjectLockMode};

use std::path::PathBuf;

use super::{error::Reported, table::Table};

/// Where the journal is, and who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// The database file; made if it does not exist. Its folder must exist.
    pub path: PathBuf,
    /// Signed checkpoints; none if nobody asked for them.
    pub checkpoint: Option<CheckpointConfig>,
}

impl JournalConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let path = table.required_path("path", r#"write `path = "journal.db"`"#);
        let checkpoint = table.optional_section("checkpoint", CheckpointConfig::read);
        Ok(Self { path: path?, checkpoint: checkpoint? })
    }
}
