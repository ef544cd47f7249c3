//! What SQLite says when it fails, and what that means for a journal.

use std::path::Path;

use super::super::{OpenError, WriteFailure};

/// What the database said when it failed.
#[derive(Debug)]
pub(in super::super) struct StoreError {
    kind: StoreErrorKind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoreErrorKind {
    Full,
    ReadOnly,
    Busy,
    NotADatabase,
    CannotOpen,
    Corrupt,
    Other,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
        // The low byte is the primary result code (SQLite, "Result and Error Codes", section 2).
        let kind = match code.map(|code| code & 0xff) {
            Some(5 | 6) => StoreErrorKind::Busy,
            Some(3 | 8) => StoreErrorKind::ReadOnly,
            Some(11) => StoreErrorKind::Corrupt,
            Some(13) => StoreErrorKind::Full,
            Some(14) => StoreErrorKind::CannotOpen,
            Some(26) => StoreErrorKind::NotADatabase,
            _ => StoreErrorKind::Other,
        };
        Self { kind, message: error.to_string() }
    }
}

impl StoreError {
    pub(in super::super) const fn new(message: String) -> Self {
        Self { kind: StoreErrorKind::Other, message }
    }

    /// What it means while a journal is opened.
    pub(in super::super) fn opening(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self.kind {
            StoreErrorKind::Full => OpenError::DiskFull(path),
            StoreErrorKind::ReadOnly => OpenError::ReadOnly(path),
            StoreErrorKind::NotADatabase => OpenError::NotADatabase(path),
            StoreErrorKind::Busy => OpenError::Locked { path, holder: String::new() },
            StoreErrorKind::CannotOpen => OpenError::Inaccessible { path, source: std::io::Error::other(self.message) },
            StoreErrorKind::Corrupt | StoreErrorKind::Other => OpenError::Storage { path, message: self.message },
        }
    }

    /// What it means while a journal is written.
    pub(in super::super) fn writing(self, path: &Path) -> WriteFailure {
        let path = path.to_owned();
        match self.kind {
            StoreErrorKind::Full => WriteFailure::DiskFull(path),
            StoreErrorKind::ReadOnly => WriteFailure::ReadOnly(path),
            StoreErrorKind::Busy => WriteFailure::Locked(path),
            StoreErrorKind::NotADatabase
            | StoreErrorKind::CannotOpen
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Other => WriteFailure::Storage { path, message: self.message },
        }
    }

    /// Whether the file itself is at fault.
    pub(in super::super) fn is_corrupt(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Corrupt | StoreErrorKind::NotADatabase)
    }

    pub(super) fn wants_to_write(&self) -> bool {
        matches!(self.kind, StoreErrorKind::ReadOnly | StoreErrorKind::CannotOpen)
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
