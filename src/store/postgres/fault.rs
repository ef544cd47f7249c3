//! What PostgreSQL says when it fails, what that means for a journal, and the fix.

use std::fmt;

use sqlx::postgres::PgDatabaseError;

use crate::store::{Location, OpenError, StoreError, WriteFailure, error::StoreErrorKind};

/// Longest text of the server that is repeated.
const MESSAGE_CHARS_MAX: usize = 300;

/// What is wrong with a database server, as far as the fix differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerProblem {
    /// Nobody answers there.
    Unreachable,
    /// The connection broke. Whether a commit that was under way is durable is not known.
    Lost,
    /// TLS failed: the server did not prove who it is.
    Untrusted,
    /// The role or its password is wrong, or the server takes no such logins.
    NotAuthenticated,
    /// There is no such database.
    NoDatabase,
    /// The role lacks a privilege.
    NotAllowed,
    /// The server takes no more connections.
    TooManyConnections,
    /// The server's volume is full.
    DiskFull,
    /// The server, or the database, takes no writes.
    ReadOnly,
    /// Somebody else holds the journal.
    Held,
    /// The server does not answer in time.
    Slow,
    /// The server has no memory.
    OutOfMemory,
    /// What the server commits can be lost when its machine fails.
    NotDurable,
    /// The database cannot hold the journal's texts.
    NotUtf8,
    /// The server is older than what is tested.
    TooOld,
    /// The database lost tables or rows of the journal.
    Incomplete,
    /// The server found its own files damaged.
    Corrupt,
    /// A text holds what PostgreSQL cannot store.
    Unstorable,
    /// Anything else.
    Other,
}

impl ServerProblem {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreachable => ("does not answer", "check that the server runs, and its host and port"),
            Self::Lost => ("broke the connection", "check the server and the network between"),
            Self::Untrusted => (
                "did not prove who it is",
                "check that sslrootcert holds the authority that signed the server's certificate, and that the certificate \
                 has the host of the URL",
            ),
            Self::NotAuthenticated => (
                "does not let the role in",
                "check the role and the file with its password, and the server's pg_hba.conf",
            ),
            Self::NoDatabase => {
                ("has no such database", "create it, with encoding UTF8, or correct its name in the URL")
            }
            Self::NotAllowed => (
                "does not let the role do this",
                "grant what docs/OPERATIONS.md lists, or run `rootgate journal prepare` as the owner of the tables",
            ),
            Self::TooManyConnections => {
                ("takes no more connections", "raise max_connections or the role's limit; a gateway needs up to 6")
            }
            Self::DiskFull => ("has a full volume", "free space on it"),
            Self::ReadOnly => ("takes no writes", "let the URL lead to the primary, and end its read-only mode"),
            Self::Held => (
                "does not let the journal go: another session holds it",
                "look for it in pg_stat_activity, and end it if it is nobody's",
            ),
            Self::Slow => ("does not answer in time", "check the server's load, its disk and its synchronous standbys"),
            Self::OutOfMemory => ("has no memory left", "give it more, or let others use less"),
            Self::NotDurable => (
                "can lose what it has committed",
                "set fsync = on and full_page_writes = on, and restart it: what is recorded must survive a power failure",
            ),
            Self::NotUtf8 => ("has another encoding than UTF8", "create the database anew, with encoding UTF8"),
            Self::TooOld => ("is too old", "run PostgreSQL 14 or newer"),
            Self::Incomplete => ("misses a part of the journal", "restore the database from its backup"),
            Self::Corrupt => ("found its own files damaged", "restore it from its backup, and keep it as evidence"),
            Self::Unstorable => ("cannot store a text", "this is a defect of the gateway: report it"),
            Self::Other => ("failed", "look into the server's log"),
        }
    }
}

/// A problem at a place, as one sentence with its fix.
#[derive(Clone, Debug)]
pub struct ServerFault {
    pub(in crate::store) place: Location,
    pub(in crate::store) problem: ServerProblem,
    pub(in crate::store) message: String,
}

impl ServerFault {
    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> ServerProblem {
        self.problem
    }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, fix) = self.problem.words();
        write!(f, "the journal's database {} {what} (", self.place)?;
        self.message.chars().take(MESSAGE_CHARS_MAX).filter(|c| !c.is_control()).try_for_each(|c| write!(f, "{c}"))?;
        write!(f, "): {fix}")
    }
}

impl StoreError {
    pub(super) fn server(problem: ServerProblem, message: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Server(problem), message: message.into() }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_server(ServerProblem::Lost)
    }

    pub(super) fn is_server(&self, problem: ServerProblem) -> bool {
        self.kind == StoreErrorKind::Server(problem)
    }

    fn fault(self, place: &Location) -> ServerFault {
        let problem = match self.kind {
            StoreErrorKind::Server(problem) => problem,
            StoreErrorKind::Full
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::Busy
            | StoreErrorKind::NotADatabase
            | StoreErrorKind::CannotOpen
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Damaged(_)
            | StoreErrorKind::Other => ServerProblem::Other,
        };
        ServerFault { place: place.clone(), problem, message: self.message }
    }
}

/// What kind of failure it is, by its SQLSTATE (PostgreSQL, "Appendix A. PostgreSQL Error Codes").
pub(in crate::store) fn problem(error: &PgDatabaseError) -> ServerProblem {
    match error.code() {
        "53100" => ServerProblem::DiskFull,
        "53200" => ServerProblem::OutOfMemory,
        "53300" | "53400" => ServerProblem::TooManyConnections,
        "25006" => ServerProblem::ReadOnly,
        // Lock timeout, serialisation failure, deadlock.
        "55P03" | "40001" | "40P01" => ServerProblem::Held,
        "57014" => ServerProblem::Slow,
        "28000" | "28P01" => ServerProblem::NotAuthenticated,
        "3D000" => ServerProblem::NoDatabase,
        "42501" => ServerProblem::NotAllowed,
        // Undefined table, column and schema.
        "42P01" | "42703" | "3F000" => ServerProblem::Incomplete,
        "XX001" | "XX002" => ServerProblem::Corrupt,
        "22021" | "22P05" => ServerProblem::Unstorable,
        // Shutting down, crashed, starting up; idle too long; and the class of connections.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => ServerProblem::Lost,
        code if code.starts_with("08") => ServerProblem::Lost,
        _ => ServerProblem::Other,
    }
}

/// What it means while a database is opened.
pub(in crate::store) fn opening(error: StoreError, place: &Location) -> OpenError {
    OpenError::Server(error.fault(place))
}

/// What it means while a database is written.
pub(in crate::store) fn writing(error: StoreError, place: &Location) -> WriteFailure {
    WriteFailure::Server(error.fault(place))
}
