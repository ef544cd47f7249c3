//! Connections: how they are made, what is set on them, and how long an answer may take.

use std::{io, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use super::{ServerProblem, opening};
use crate::store::{Host, Instance, Location, OpenError, PostgresLocation, StoreError};

/// How long a statement waits for a lock: several commits of other gateways on a slow disk.
const LOCK_TIMEOUT: &str = "5s";
/// Every statement touches a page of rows at most.
const STATEMENT_TIMEOUT: &str = "8s";
/// A gateway that stands still within a transaction holds up the others: the server ends it.
const WRITER_IDLE_TIMEOUT: &str = "8s";
/// A reader may have to wait for a person who pages, and holds up nobody but the cleaning of old rows.
const READER_IDLE_TIMEOUT: &str = "10min";
/// The server notices a gateway whose machine is gone after 10 + 3 x 5 seconds, and frees what it held. It also keeps the
/// connection alive in the tables of firewalls.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "25000"),
];
/// Longer than the server lets anything take, so that only a server or a network that is gone comes to this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(12);
/// The oldest version that PostgreSQL's own people support.
const VERSION_MIN: i32 = 140_000;
/// A password is a line.
const PASSWORD_BYTES_MAX: u64 = 1024;
/// Permission bits of everybody but owner and group. The group is left alone, since volume managers set it.
const MODE_OTHERS: u32 = 0o007;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Writing,
    Reading,
}

/// A connection that writes.
pub(super) struct Session {
    connection: PgConnection,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// A transaction was begun, and not ended in order.
    InTransaction,
    /// What the server says next would be the answer to something else.
    Broken,
}

impl Session {
    /// Connects for this instance, and refuses a server that could lose what it commits.
    pub(super) async fn connect(
        place: &PostgresLocation,
        location: &Location,
        instance: &Instance,
    ) -> Result<Self, OpenError> {
        let options = with_password(place, Use::Writing).await?;
        let connected = bounded(options.connect()).await;
        let connection = connected.map_err(|error| opening(unreachable(error), location))?;
        let mut session = Self { connection, state: State::Idle };
        session.check(instance).await.map_err(|error| opening(error, location))?;
        Ok(session)
    }

    pub(super) const fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Waits for its answer, and remembers what that says of the connection.
    pub(super) fn judge<T>(&mut self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if answer.as_ref().is_err_and(StoreError::is_lost) {
            self.state = State::Broken;
        }
        answer
    }

    /// Ends what is left of a transaction before.
    pub(super) async fn make_idle(&mut self) -> Result<(), StoreError> {
        match self.state {
            State::Idle => Ok(()),
            State::InTransaction => self.end("ROLLBACK").await,
            State::Broken => Err(StoreError::server(ServerProblem::Lost, "the connection is broken")),
        }
    }

    /// From here on there is a transaction to end.
    pub(super) const fn begins(&mut self) {
        self.state = State::InTransaction;
    }

    /// Commits. PostgreSQL answers the COMMIT of a transaction in which a statement has failed with a rollback and without an
    /// error, so the statement before it has to work too.
    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.end("SELECT 1; COMMIT").await
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), StoreError> {
        let ended = bounded(sqlx::raw_sql(statement).execute(&mut self.connection)).await;
        self.judge(ended)?;
        self.state = State::Idle;
        Ok(())
    }

    pub(super) async fn close(self) -> Result<(), StoreError> {
        // A broken one is just dropped: nobody listens.
        if self.state == State::Broken { Ok(()) } else { bounded(self.connection.close()).await }
    }

    async fn check(&mut self, instance: &Instance) -> Result<(), StoreError> {
        // `on` waits for the synchronous standbys' disks; `remote_apply`, which the server may ask for, for more.
        // `rootgate.instance` is read where transactions begin.
        const CHECK: &str = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), \
             current_setting('fsync') || ' ' || current_setting('full_page_writes'), \
             set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
                WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false), \
             set_config('rootgate.instance', $1, false)";
        let row = bounded(sqlx::query(CHECK).bind(instance.as_str()).fetch_one(&mut self.connection)).await?;
        let (version, encoding, durable): (i32, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if version < VERSION_MIN {
            return Err(StoreError::server(ServerProblem::TooOld, format!("server_version_num is {version}")));
        }
        if encoding != "UTF8" {
            return Err(StoreError::server(ServerProblem::NotUtf8, format!("server_encoding is {encoding}")));
        }
        durable_or(&durable)
    }
}

/// `fsync` and `full_page_writes`, as the server has them now.
pub(super) fn durable_or(settings: &str) -> Result<(), StoreError> {
    if settings == "on on" {
        return Ok(());
    }
    Err(StoreError::server(ServerProblem::NotDurable, format!("fsync and full_page_writes are: {settings}")))
}

/// An answer, or the end of patience. The connection is of no use then.
pub(super) async fn bounded<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::server(ServerProblem::Lost, format!("no answer within {ANSWER_TIMEOUT:?}"))),
    }
}

/// A connection that never was cannot break.
pub(super) fn unreachable(error: StoreError) -> StoreError {
    if error.is_lost() { StoreError::server(ServerProblem::Unreachable, error.message) } else { error }
}

/// Everything but the password. Nothing of it comes from the environment: sqlx reads `PGPASSWORD` and its like first, and
/// is overruled.
pub(super) fn options(place: &PostgresLocation, to: Use) -> PgConnectOptions {
    let options = PgConnectOptions::new_without_pgpass().username(&place.user).password("").database(&place.database);
    let options = match &place.host {
        Host::Socket(folder) => options.socket(folder),
        Host::Tcp(host) => options.host(host),
    };
    let options = match &place.root_certificates {
        Some(authorities) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(authorities),
        None => options.ssl_mode(PgSslMode::Disable),
    };
    let idle = match to {
        Use::Writing => WRITER_IDLE_TIMEOUT,
        Use::Reading => READER_IDLE_TIMEOUT,
    };
    options
        .port(place.port)
        .application_name(concat!("rootgate/", env!("CARGO_PKG_VERSION")))
        .options([
            ("lock_timeout", LOCK_TIMEOUT),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", idle),
            // Whoever may make objects in another schema must not put one in the way.
            ("search_path", "pg_catalog"),
        ])
        .options(KEEPALIVE)
        .disable_statement_logging()
}

/// The same, with the password as it is now.
pub(super) async fn with_password(place: &PostgresLocation, to: Use) -> Result<PgConnectOptions, OpenError> {
    let options = options(place, to);
    let Some(path) = &place.password_file else { return Ok(options) };
    let failed = |why: String| OpenError::Password { path: path.clone(), why };
    let text = read_password(path).await.map_err(failed)?;
    Ok(options.password(&text))
}

async fn read_password(path: &Path) -> Result<String, String> {
    let inaccessible = |error: io::Error| format!("{error}; let the gateway's user read it");
    let metadata = tokio::fs::metadata(path).await.map_err(inaccessible)?;
    if !metadata.is_file() || metadata.len() > PASSWORD_BYTES_MAX {
        return Err(format!("it is no file of at most {PASSWORD_BYTES_MAX} bytes; put the password there, alone"));
    }
    if metadata.mode() & MODE_OTHERS != 0 {
        return Err(format!("it is open to every user of this machine; run `chmod o= {}`", path.display()));
    }
    let text = String::from_utf8(tokio::fs::read(path).await.map_err(inaccessible)?);
    let text = text.map_err(|_| "it is not UTF-8".to_owned())?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.chars().any(char::is_control) {
        return Err("it is not one line; put the password there, alone".to_owned());
    }
    Ok(password.to_owned())
}
