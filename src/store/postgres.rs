//! The store in a PostgreSQL database, which several gateways write.
//!
//! One chain of several writers: who appends takes the lock of the one row of `rootgate.journal`, and only then reads the
//! last record. The server hands that lock on in the order of asking, and takes it from a gateway that died or stands
//! still.

mod append;
mod fault;
mod schema;
mod session;
mod snapshot;

pub use fault::{ServerFault, ServerProblem};
pub(super) use fault::{opening, problem, writing};

use std::{fmt, time::Duration};

use async_trait::async_trait;
use sqlx::{PgConnection, PgPool, Row as _, postgres::PgPoolOptions, postgres::PgRow};

use super::{
    BODY_BYTES_MAX, Connection, Instance, Location, OpenError, POLICY_BYTES_MAX, PostgresLocation, RecordHash,
    RequestKey, Snapshot, Store, StoreError, StoredIntent, StoredRecord, StoredRequest, WhenEmpty,
};
use append::PostgresWriter;
use session::{Session, Use, bounded};

/// Connections that read beside the one that writes. The journal bounds its readers before they come here.
const READERS_MAX: u32 = 4;
/// How long a reader waits for one of them.
const READER_WAIT: Duration = Duration::from_secs(5);
/// A connection that no reader needs is given back to the server.
const READER_IDLE: Duration = Duration::from_secs(60);

/// A database that several gateways may write.
pub(super) struct PostgresStore {
    place: PostgresLocation,
    location: Location,
    instance: Instance,
    readers: PgPool,
}

impl PostgresStore {
    /// Connects to nothing yet.
    pub(super) fn new(place: &PostgresLocation) -> Self {
        let pool = PgPoolOptions::new().max_connections(READERS_MAX).acquire_timeout(READER_WAIT);
        // The password comes with each snapshot: it may be another by then.
        let readers = pool.idle_timeout(READER_IDLE).connect_lazy_with(session::options(place, Use::Reading));
        let location = Location::Postgres(Box::new(place.clone()));
        Self { place: place.clone(), location, instance: Instance::generate(), readers }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn location(&self) -> &Location {
        &self.location
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn instance(&self) -> &Instance {
        &self.instance
    }

    async fn connect(&self, when_empty: WhenEmpty) -> Result<Box<dyn Connection>, OpenError> {
        let mut session = Session::connect(&self.place, &self.location, &self.instance).await?;
        schema::bring_up_to_date(session.connection(), when_empty, &self.location).await?;
        Ok(Box::new(PostgresWriter::new(session, self.location.clone())))
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, OpenError> {
        self.readers.set_connect_options(session::with_password(&self.place, Use::Reading).await?);
        snapshot::open(&self.readers, &self.location).await
    }
}

/// Without the options of its connections, which hold the password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("location", &self.location).finish_non_exhaustive()
    }
}

/// The last records, newest first.
async fn last(connection: &mut PgConnection, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
    const LAST: &str = "SELECT idx, CASE WHEN octet_length(hash) = 32 THEN hash END, \
         CASE WHEN octet_length(body) <= $1 THEN body END FROM rootgate.records ORDER BY idx DESC LIMIT $2";
    let query = sqlx::query(LAST).bind(body_bytes_max()).bind(i64::from(limit));
    bounded(query.fetch_all(connection)).await?.iter().map(stored_record).collect()
}

/// The records from this index on, in order.
async fn records(connection: &mut PgConnection, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
    const RECORDS: &str = "SELECT idx, CASE WHEN octet_length(hash) = 32 THEN hash END, \
         CASE WHEN octet_length(body) <= $1 THEN body END FROM rootgate.records WHERE idx >= $2 ORDER BY idx LIMIT $3";
    let query = sqlx::query(RECORDS).bind(body_bytes_max()).bind(from).bind(i64::from(limit));
    bounded(query.fetch_all(connection)).await?.iter().map(stored_record).collect()
}

fn stored_record(row: &PgRow) -> Result<StoredRecord, StoreError> {
    let hash: Option<Vec<u8>> = row.try_get(1)?;
    let hash = hash.as_deref().and_then(RecordHash::from_bytes);
    Ok(StoredRecord { index: row.try_get(0)?, hash, body: row.try_get(2)? })
}

fn stored_intent(row: &PgRow) -> Result<StoredIntent, StoreError> {
    Ok(StoredIntent { index: row.try_get(0)?, operation_id: row.try_get(1)? })
}

fn stored_request(row: &PgRow) -> Result<StoredRequest, StoreError> {
    Ok(StoredRequest {
        key: RequestKey { caller: row.try_get(0)?, request_id: row.try_get(1)? },
        digest: row.try_get(2)?,
        operation_id: row.try_get(3)?,
        intent_index: row.try_get(4)?,
        outcome_index: row.try_get(5)?,
        reply: row.try_get(6)?,
    })
}

fn body_bytes_max() -> i32 {
    i32::try_from(BODY_BYTES_MAX).unwrap_or(i32::MAX)
}

fn policy_bytes_max() -> i32 {
    i32::try_from(POLICY_BYTES_MAX).unwrap_or(i32::MAX)
}

/// PostgreSQL counts rows with a sign. No journal comes near the end, so what is beyond it is not there.
fn row_id(index: u64) -> Result<i64, StoreError> {
    i64::try_from(index).map_err(|_| StoreError::new(format!("no record can have index {index}")))
}

#[cfg(test)]
mod tests;
