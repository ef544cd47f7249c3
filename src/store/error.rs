//! What can go wrong with a store, and the fix for each.

use std::{io, path::PathBuf, sync::Arc};

use sqlx::postgres::PgDatabaseError;

use super::{Location, ServerFault, ServerProblem, postgres, sqlite};

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such directory.
    #[error("the journal's directory {} does not exist: create it, writable for the gateway's user", .0.display())]
    DirectoryMissing(PathBuf),
    /// There is no such file; only for those who read.
    #[error("there is no journal at {}: check the path", .0.display())]
    Missing(PathBuf),
    /// The path leads to something else than a file.
    #[error("{} is not a regular file: name a file for the journal", .0.display())]
    NotAFile(PathBuf),
    /// People outside owner and group may read or write it.
    #[error("the journal {} is open to every user of this machine (mode {mode:03o}): run `chmod o= {}`", .path.display(), .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process writes it.
    #[error("the journal {} is being written by another process{holder}: one gateway writes one journal; stop that process, or give this one its own file", .path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// Which process, as far as known: empty, or ` (process 123)`.
        holder: String,
    },
    /// The file cannot be read or created.
    #[error("the journal {} cannot be opened ({source}): let the gateway's user read and write it and its directory", .path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Only reading is allowed.
    #[error("the journal {} is read-only: let the gateway's user write it and its directory, or mount the volume writable", .0.display())]
    ReadOnly(PathBuf),
    /// Its volume is full.
    #[error("the volume of the journal {} is full: free space on it", .0.display())]
    DiskFull(PathBuf),
    /// The file is no SQLite database.
    #[error("{} is not a journal (not an SQLite database): name another file, or restore the journal from its backup", .0.display())]
    NotADatabase(PathBuf),
    /// The file is a database of somebody else.
    #[error("{} is an SQLite database, but not a rootgate journal (application id {application_id:#010x}): name another file", .path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// Whose database it says to be.
        application_id: i64,
    },
    /// A later release wrote it.
    #[error("the journal {} has schema version {found}, this release knows up to {known}: run the newer release", .path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// The highest version that this release reads.
        known: i64,
    },
    /// A pre-release wrote it.
    #[error("the journal {} has schema version {found}, which no release wrote: keep the file as evidence, and start a new one", .path.display())]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
    },
    /// The file does not belong together.
    #[error(
        "the journal {place} is damaged at record {index}: {what}; run `rootgate journal verify`, keep it as evidence, and restore the backup or start a new one"
    )]
    Damaged {
        /// Where it is.
        place: Location,
        /// Index of the record.
        index: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The volume cannot keep SQLite's promises.
    #[error("the volume of the journal {} does not support SQLite's {what}: put the journal on a local file system", .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which ability is missing.
        what: &'static str,
    },
    /// The database server says no.
    #[error("{0}")]
    Server(ServerFault),
    /// The database holds something else.
    #[error("the database {place} is not a rootgate journal ({what}): give the journal a database of its own")]
    Foreign {
        /// Where it is.
        place: Location,
        /// What is there.
        what: &'static str,
    },
    /// The database holds nothing.
    #[error("the database {0} holds no journal: check the URL; a gateway makes the journal when it starts")]
    Empty(Location),
    /// A later release made the tables.
    #[error("the journal {place} has schema version {found}, this release knows up to {known}: run the newer release")]
    NewerDatabase {
        /// Where it is.
        place: Location,
        /// Version of the tables.
        found: i64,
        /// The highest version that this release knows.
        known: i64,
    },
    /// The password cannot be had.
    #[error("the password of the journal's database cannot be read from {}: {why}", .path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why not, and the fix.
        why: String,
    },
    /// The file opened but cannot be written.
    #[error(transparent)]
    Unwritable(Arc<WriteFailure>),
    /// Anything else that the database said.
    #[error("the journal {} cannot be opened ({message}): check its volume", .path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
}

/// Why a write did not become durable.
#[derive(Debug, thiserror::Error)]
pub enum WriteFailure {
    /// The volume is full.
    #[error("the volume of the journal {} is full: free space on it; the gateway goes on by itself", .0.display())]
    DiskFull(PathBuf),
    /// Writing is not allowed any more.
    #[error("the journal {} became read-only: make the file and its volume writable; the gateway goes on by itself", .0.display())]
    ReadOnly(PathBuf),
    /// The file is gone.
    #[error("the journal file {} was removed while the gateway was writing it: put that file back; the gateway goes on by itself", .0.display())]
    Removed(PathBuf),
    /// Another file is in its place.
    #[error("the journal file {} was replaced by another file while the gateway was writing it: put the first one back; the gateway goes on by itself", .0.display())]
    Replaced(PathBuf),
    /// The file's last record is not the one that this process wrote last.
    #[error(
        "the journal {place} does not end with record {index} that this gateway wrote last: another chain is in its place, or records were removed; put the right one back, or restart the gateway on a new one"
    )]
    AnotherChain {
        /// Where it is.
        place: Location,
        /// Index of the record that this process wrote last; 0 before the first.
        index: u64,
    },
    /// Somebody else holds SQLite's lock.
    #[error("another process keeps the journal {} locked: find it with `fuser` and end it; the gateway goes on by itself", .0.display())]
    Locked(PathBuf),
    /// The disk does not answer.
    #[error(
        "a write to the journal {0} does not come to its end: check the volume and its storage; the gateway goes on by itself"
    )]
    Stalled(Location),
    /// The database server says no.
    #[error("{0}; the gateway goes on by itself")]
    Server(ServerFault),
    /// The file could not be opened again.
    #[error(transparent)]
    Reopen(Box<OpenError>),
    /// Anything else that the database said.
    #[error("the journal {} cannot be written ({message}): check its volume; the gateway goes on by itself", .path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
}

/// What a failure to open it again means for a write.
impl From<OpenError> for WriteFailure {
    fn from(error: OpenError) -> Self {
        let again = |failure| Self::Reopen(Box::new(OpenError::Unwritable(failure)));
        match error {
            OpenError::Unwritable(failure) => Arc::try_unwrap(failure).unwrap_or_else(again),
            error => Self::Reopen(Box::new(error)),
        }
    }
}

/// What the database said when it failed.
#[derive(Debug)]
pub struct StoreError {
    pub(super) kind: StoreErrorKind,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreErrorKind {
    Full,
    ReadOnly,
    Busy,
    NotADatabase,
    CannotOpen,
    Corrupt,
    /// What is stored does not belong together, at this record.
    Damaged(u64),
    /// Of PostgreSQL.
    Server(ServerProblem),
    Other,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::Database(said) => match said.try_downcast_ref::<PgDatabaseError>() {
                Some(said) => StoreErrorKind::Server(postgres::problem(said)),
                None => sqlite::kind(said.as_ref()),
            },
            // What the handshake found comes as an error of its transport.
            sqlx::Error::Io(error) if error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()) => {
                StoreErrorKind::Server(ServerProblem::Untrusted)
            }
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => StoreErrorKind::Server(ServerProblem::Lost),
            sqlx::Error::Tls(_) => StoreErrorKind::Server(ServerProblem::Untrusted),
            sqlx::Error::PoolTimedOut => StoreErrorKind::Server(ServerProblem::Slow),
            _ => StoreErrorKind::Other,
        };
        Self { kind, message: error.to_string() }
    }
}

impl StoreError {
    /// Something that no database says.
    #[must_use]
    pub const fn new(message: String) -> Self {
        Self { kind: StoreErrorKind::Other, message }
    }

    /// What is stored does not belong together.
    #[must_use]
    pub fn damaged(index: i64, what: &str) -> Self {
        Self { kind: StoreErrorKind::Damaged(u64::try_from(index).unwrap_or_default()), message: what.to_owned() }
    }

    /// What it means while a journal is opened.
    #[must_use]
    pub fn opening(self, place: &Location) -> OpenError {
        if let StoreErrorKind::Damaged(index) = self.kind {
            return OpenError::Damaged { place: place.clone(), index, what: self.message };
        }
        match place {
            Location::File(path) => sqlite::opening(self, path),
            Location::Postgres(_) => postgres::opening(self, place),
        }
    }

    /// What it means while a journal is written.
    #[must_use]
    pub fn writing(self, place: &Location) -> WriteFailure {
        if let StoreErrorKind::Damaged(_) = self.kind {
            return WriteFailure::Reopen(Box::new(self.opening(place)));
        }
        match place {
            Location::File(path) => sqlite::writing(self, path),
            Location::Postgres(_) => postgres::writing(self, place),
        }
    }

    /// Whether the file itself is at fault.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Corrupt | StoreErrorKind::NotADatabase | StoreErrorKind::Server(ServerProblem::Corrupt)
        )
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
