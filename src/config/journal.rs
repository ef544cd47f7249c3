//! `[journal]`: where the journal is.

use std::path::PathBuf;

use super::{error::Reported, table::Table};

/// Where the journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// The database file; made if it does not exist. Its folder must exist.
    pub path: PathBuf,
}

impl JournalConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let path = table.required_path("path", r#"write `path = "journal.db"`"#)?;
        Ok(Self { path })
    }
}
