//! What SQLite says when it fails, and what that means for a journal.

use std::path::Path;

use sqlx::error::DatabaseError;

use crate::store::{OpenError, StoreError, WriteFailure, error::StoreErrorKind};

/// The index of the write-ahead log cannot grow: SQLite does not ask why, and says that the volume may be full (SQLite,
/// "Result and Error Codes", SQLITE_IOERR_SHMSIZE). It meets a start on a full volume first.
const IOERR_SHMSIZE: u32 = 4874;

/// What kind of failure it is.
pub(in crate::store) fn kind(error: &dyn DatabaseError) -> StoreErrorKind {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    if code == Some(IOERR_SHMSIZE) {
        return StoreErrorKind::Full;
    }
    // The low byte is the primary result code (SQLite, "Result and Error Codes", section 2).
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => StoreErrorKind::Busy,
        Some(3 | 8) => StoreErrorKind::ReadOnly,
        Some(11) => StoreErrorKind::Corrupt,
        Some(13) => StoreErrorKind::Full,
        Some(14) => StoreErrorKind::CannotOpen,
        Some(26) => StoreErrorKind::NotADatabase,
        _ => StoreErrorKind::Other,
    }
}

/// What it means while a file is opened.
pub(in crate::store) fn opening(error: StoreError, path: &Path) -> OpenError {
    let (path, message) = (path.to_owned(), error.message);
    match error.kind {
        StoreErrorKind::Full => OpenError::DiskFull(path),
        StoreErrorKind::ReadOnly => OpenError::ReadOnly(path),
        StoreErrorKind::NotADatabase => OpenError::NotADatabase(path),
        StoreErrorKind::Busy => OpenError::Locked { path, holder: String::new() },
        StoreErrorKind::CannotOpen => OpenError::Inaccessible { path, source: std::io::Error::other(message) },
        StoreErrorKind::Corrupt | StoreErrorKind::Damaged(_) | StoreErrorKind::Server(_) | StoreErrorKind::Other => {
            OpenError::Storage { path, message }
        }
    }
}

/// What it means while a file is written.
pub(in crate::store) fn writing(error: StoreError, path: &Path) -> WriteFailure {
    let (path, message) = (path.to_owned(), error.message);
    match error.kind {
        StoreErrorKind::Full => WriteFailure::DiskFull(path),
        StoreErrorKind::ReadOnly => WriteFailure::ReadOnly(path),
        StoreErrorKind::Busy => WriteFailure::Locked(path),
        StoreErrorKind::NotADatabase
        | StoreErrorKind::CannotOpen
        | StoreErrorKind::Corrupt
        | StoreErrorKind::Damaged(_)
        | StoreErrorKind::Server(_)
        | StoreErrorKind::Other => WriteFailure::Storage { path, message },
    }
}

/// Whether it failed because it wanted to write.
pub(super) fn wants_to_write(error: &StoreError) -> bool {
    matches!(error.kind, StoreErrorKind::ReadOnly | StoreErrorKind::CannotOpen)
}
