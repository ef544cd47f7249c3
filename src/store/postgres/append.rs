//! Transactions that write. As few statements as possible: each is a trip to the server and back while others wait.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row as _, postgres::PgRow};

use super::{
    ServerProblem, body_bytes_max, policy_bytes_max, row_id,
    session::{Session, bounded, durable_or},
    stored_intent, stored_request, writing,
};
use crate::{
    clock::Timestamp,
    store::{
        Additions, Append, Connection, Instance, IntentKey, Location, RecordHash, Records, RequestKey, StoreError,
        StoredIntent, StoredRecord, StoredRequest, WriteFailure,
    },
};

/// A connection that writes.
pub(super) struct PostgresWriter {
    session: Session,
    location: Location,
}

/// A transaction that has the lock.
struct PostgresAppend<'c> {
    session: &'c mut Session,
    location: &'c Location,
    found: Found,
}

/// What a transaction finds when it has the lock.
struct Found {
    /// The last record of those before.
    head: Option<(i64, Option<RecordHash>)>,
    /// What is left of the own lease.
    lease_left: Duration,
}

impl PostgresWriter {
    pub(super) const fn new(session: Session, location: Location) -> Self {
        Self { session, location }
    }

    /// One trip: begins, takes the lock, and only then looks at what is there. In READ COMMITTED each statement sees what
    /// was committed before it began, so the last one sees what the holder before has written.
    async fn begin(&mut self) -> Result<Found, StoreError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
             SELECT 1 FROM rootgate.journal WHERE id = 1 FOR UPDATE; \
             SELECT current_setting('fsync') || ' ' || current_setting('full_page_writes'), last.idx, last.hash, \
                (extract(epoch FROM me.lives_until - clock_timestamp()) * 1000)::int8 \
             FROM (SELECT) AS once LEFT JOIN \
             LATERAL (SELECT idx, hash FROM rootgate.records ORDER BY idx DESC LIMIT 1) AS last ON true \
             LEFT JOIN rootgate.instances AS me ON me.instance = current_setting('rootgate.instance')";
        self.session.make_idle().await?;
        self.session.begins();
        let rows = bounded(sqlx::raw_sql(BEGIN).fetch_all(self.session.connection())).await;
        let rows = self.session.judge(rows)?;
        let [_lock, facts] = rows.as_slice() else {
            return Err(StoreError::server(ServerProblem::Incomplete, "rootgate.journal has no row"));
        };
        durable_or(facts.try_get(0)?)?;
        let (index, hash): (Option<i64>, Option<Vec<u8>>) = (facts.try_get(1)?, facts.try_get(2)?);
        let head = index.map(|index| (index, hash.as_deref().and_then(RecordHash::from_bytes)));
        let millis: Option<i64> = facts.try_get(3)?;
        let lease_left = Duration::from_millis(millis.and_then(|left| u64::try_from(left).ok()).unwrap_or(0));
        Ok(Found { head, lease_left })
    }
}

#[async_trait]
impl Connection for PostgresWriter {
    async fn append(&mut self) -> Result<Box<dyn Append + '_>, WriteFailure> {
        let found = self.begin().await.map_err(|error| writing(error, &self.location))?;
        Ok(Box::new(PostgresAppend { session: &mut self.session, location: &self.location, found }))
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.session.close().await
    }

    #[cfg(test)]
    async fn execute(&mut self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(self.session.connection()).await.unwrap();
    }
}

#[async_trait]
impl Records for PostgresAppend<'_> {
    async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        let records = super::last(self.session.connection(), limit).await;
        self.session.judge(records)
    }

    async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        let records = super::records(self.session.connection(), from, limit).await;
        self.session.judge(records)
    }
}

#[async_trait]
impl Append for PostgresAppend<'_> {
    async fn head(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError> {
        Ok(self.found.head)
    }

    fn lease_left(&self) -> Duration {
        self.found.lease_left
    }

    async fn close_intents(&mut self, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError> {
        const CLOSE: &str = "DELETE FROM rootgate.open_intents AS o \
             USING unnest($1::int8[], $2::text[]) AS k (idx, operation_id) \
             WHERE o.idx = k.idx AND o.operation_id = k.operation_id RETURNING o.idx, o.operation_id";
        let (indexes, ids) = columns(intents);
        let rows = self.rows(intents.is_empty(), sqlx::query(CLOSE).bind(indexes).bind(ids)).await?;
        let mut closed = rows.iter().map(stored_intent).collect::<Result<Vec<StoredIntent>, _>>()?;
        // Each was on the list once, so of two that name the same only the first closes it.
        let mut was_open = |key: &IntentKey| {
            let is = |c: &StoredIntent| u64::try_from(c.index) == Ok(key.index) && c.operation_id == key.operation_id;
            closed.iter().position(is).map(|at| closed.swap_remove(at)).is_some()
        };
        Ok(intents.iter().map(&mut was_open).collect())
    }

    async fn held(&mut self, me: &Instance, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError> {
        const HELD: &str = "SELECT EXISTS (SELECT FROM rootgate.open_intents AS o \
             WHERE o.idx = k.idx AND o.operation_id = k.operation_id AND o.instance = $3) \
             FROM unnest($1::int8[], $2::text[]) WITH ORDINALITY AS k (idx, operation_id, place) ORDER BY k.place";
        let (indexes, ids) = columns(intents);
        let query = sqlx::query(HELD).bind(indexes).bind(ids).bind(me.as_str());
        self.rows(intents.is_empty(), query).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn holders(&mut self, targets: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        const HOLDERS: &str = "SELECT target, operation_id FROM rootgate.open_intents WHERE target = ANY ($1::text[])";
        let rows = self.rows(targets.is_empty(), sqlx::query(HOLDERS).bind(targets)).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    async fn requests(&mut self, keys: &[RequestKey]) -> Result<Vec<StoredRequest>, StoreError> {
        const REQUESTS: &str = "SELECT r.caller, r.request_id, r.digest, r.operation_id, r.intent_index, r.outcome_index, r.reply \
             FROM rootgate.requests AS r WHERE (r.caller, r.request_id) IN \
             (SELECT * FROM unnest($1::text[], $2::text[]))";
        let callers: Vec<&str> = keys.iter().map(|key| key.caller.as_str()).collect();
        let ids: Vec<&str> = keys.iter().map(|key| key.request_id.as_str()).collect();
        let rows = self.rows(keys.is_empty(), sqlx::query(REQUESTS).bind(callers).bind(ids)).await?;
        rows.iter().map(stored_request).collect()
    }

    async fn backed_up(&mut self, operation_ids: &[String]) -> Result<Vec<String>, StoreError> {
        const BACKED_UP: &str = "SELECT id FROM rootgate.policy_backups WHERE id = ANY ($1::text[])";
        let rows = self.rows(operation_ids.is_empty(), sqlx::query(BACKED_UP).bind(operation_ids)).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn add(&mut self, additions: &Additions) -> Result<(), StoreError> {
        add::refuse_unstorable(additions)?;
        if !add::is_empty(additions) {
            self.run(add::query(additions)?).await?;
        }
        if !additions.settled.is_empty() || !additions.released.is_empty() {
            self.run(add::settle(additions)?).await?;
        }
        Ok(())
    }

    async fn expire_backups(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const EXPIRE: &str = "DELETE FROM rootgate.policy_backups WHERE id IN \
             (SELECT id FROM rootgate.policy_backups WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        self.run(sqlx::query(EXPIRE).bind(older_than.unix_micros()).bind(i64::from(limit))).await
    }

    async fn expire_requests(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const EXPIRE: &str = "DELETE FROM rootgate.requests WHERE (caller, request_id) IN \
             (SELECT caller, request_id FROM rootgate.requests WHERE created_at < $1 AND outcome_index IS NOT NULL \
             ORDER BY created_at LIMIT $2)";
        self.run(sqlx::query(EXPIRE).bind(older_than.unix_micros()).bind(i64::from(limit))).await
    }

    async fn renew(&mut self, instance: &Instance, lease: Duration) -> Result<(), StoreError> {
        const RENEW: &str = "INSERT INTO rootgate.instances (instance, lives_until) \
             VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond') \
             ON CONFLICT (instance) DO UPDATE SET lives_until = excluded.lives_until";
        // Those that died long ago go with it, so that the list stays short.
        const END: &str = "DELETE FROM rootgate.instances WHERE \
             (instance = $1 AND NOT EXISTS (SELECT FROM rootgate.open_intents AS o WHERE o.instance = $1)) \
             OR lives_until < clock_timestamp() - $2 * interval '1 microsecond' - interval '1 day'";
        let micros = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        let statement = if lease.is_zero() { END } else { RENEW };
        self.run(sqlx::query(statement).bind(instance.as_str()).bind(micros)).await?;
        Ok(())
    }

    async fn orphaned(&mut self, me: &Instance, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError> {
        const ORPHANED: &str = "SELECT o.idx, o.operation_id FROM rootgate.open_intents AS o \
             WHERE o.idx >= $1 AND o.instance <> $2 AND NOT EXISTS (SELECT FROM rootgate.instances AS i \
             WHERE i.instance = o.instance AND i.lives_until > clock_timestamp()) ORDER BY o.idx LIMIT $3";
        let query = sqlx::query(ORPHANED).bind(from).bind(me.as_str()).bind(i64::from(limit));
        self.rows(false, query).await?.iter().map(stored_intent).collect()
    }

    async fn archive(&mut self, last: u64, hash: RecordHash) -> Result<(), StoreError> {
        const ARCHIVE: &str = "INSERT INTO rootgate.archived (id, last_index, hash) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET last_index = excluded.last_index, hash = excluded.hash";
        self.run(sqlx::query(ARCHIVE).bind(row_id(last)?).bind(hash.as_bytes().to_vec())).await?;
        Ok(())
    }

    async fn prune(&mut self, limit: u32) -> Result<u64, StoreError> {
        const PRUNE: &str = "DELETE FROM rootgate.records WHERE idx IN (SELECT idx FROM rootgate.records \
             WHERE idx <= (SELECT last_index FROM rootgate.archived) ORDER BY idx LIMIT $1)";
        self.run(sqlx::query(PRUNE).bind(i64::from(limit))).await
    }

    async fn probe(&mut self) -> Result<(), StoreError> {
        const TAKE: &str = "INSERT INTO rootgate.probe (id, room) VALUES (1, decode(repeat('00', $1), 'hex'))";
        let room = body_bytes_max().saturating_add(policy_bytes_max());
        self.run(sqlx::query(TAKE).bind(room)).await?;
        self.run(sqlx::query("DELETE FROM rootgate.probe")).await?;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), WriteFailure> {
        self.session.commit().await.map_err(|error| writing(error, self.location))
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.session.make_idle().await
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

impl PostgresAppend<'_> {
    /// The rows; none without a trip, if nothing is asked.
    async fn rows(&mut self, nothing: bool, query: Query<'_>) -> Result<Vec<PgRow>, StoreError> {
        if nothing {
            return Ok(Vec::new());
        }
        let rows = bounded(query.fetch_all(self.session.connection())).await;
        self.session.judge(rows)
    }

    async fn run(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = bounded(query.execute(self.session.connection())).await;
        Ok(self.session.judge(done)?.rows_affected())
    }
}

/// Indexes and operations.
fn columns(intents: &[IntentKey]) -> (Vec<i64>, Vec<&str>) {
    // No row has index -1.
    intents.iter().map(|key| (i64::try_from(key.index).unwrap_or(-1), key.operation_id.as_str())).unzip()
}

mod add;
