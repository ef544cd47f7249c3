//! Reading at one moment.

use async_trait::async_trait;
use sqlx::{PgPool, Postgres, Row as _, Transaction, postgres::PgRow};

use super::session::{bounded, unreachable};
use super::{body_bytes_max, opening, policy_bytes_max, row_id, schema, stored_intent, stored_record, stored_request};
use crate::store::{
    BackupFilter, FoundRecord, Location, OpenError, PolicyBackup, RecordFilter, RecordHash, Records, RequestKey,
    Snapshot, StoreError, StoredIntent, StoredRecord, StoredRequest,
};

/// A transaction that sees the database as it was at one moment.
struct PostgresSnapshot {
    inner: Transaction<'static, Postgres>,
}

/// Begins one.
pub(super) async fn open(readers: &PgPool, location: &Location) -> Result<Box<dyn Snapshot>, OpenError> {
    let begun = bounded(readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")).await;
    let mut inner = begun.map_err(|error| opening(unreachable(error), location))?;
    // The first statement fixes the moment (PostgreSQL, "Repeatable Read Isolation Level", 13.2.2).
    schema::must_be_known(&mut inner, location).await?;
    Ok(Box::new(PostgresSnapshot { inner }))
}

#[async_trait]
impl Records for PostgresSnapshot {
    async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::last(&mut self.inner, limit).await
    }

    async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::records(&mut self.inner, from, limit).await
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    async fn find(&mut self, filter: &RecordFilter, from: i64, limit: u32) -> Result<Vec<FoundRecord>, StoreError> {
        const OF_OPERATION: &str = "SELECT idx, CASE WHEN octet_length(hash) = 32 THEN hash END, \
             CASE WHEN octet_length(body) <= $5 THEN body END, (SELECT CASE WHEN octet_length(hash) = 32 THEN hash END \
             FROM rootgate.records before WHERE before.idx = found.idx - 1) \
             FROM rootgate.records found WHERE rootgate.fact(body, 'operation_id') = $1 AND idx >= $3 \
             AND ($2::text IS NULL OR rootgate.fact(body, 'account_id') = $2) ORDER BY idx LIMIT $4";
        const OF_ACCOUNT: &str = "SELECT idx, CASE WHEN octet_length(hash) = 32 THEN hash END, \
             CASE WHEN octet_length(body) <= $5 THEN body END, (SELECT CASE WHEN octet_length(hash) = 32 THEN hash END \
             FROM rootgate.records before WHERE before.idx = found.idx - 1) \
             FROM rootgate.records found WHERE rootgate.fact(body, 'account_id') = $2 AND idx >= $3 \
             AND $1::text IS NULL ORDER BY idx LIMIT $4";
        let statement = match (&filter.operation_id, &filter.account_id) {
            (Some(_), _) => OF_OPERATION,
            (None, Some(_)) => OF_ACCOUNT,
            (None, None) => {
                return Err(StoreError::new("records are looked for by an operation or an account".to_owned()));
            }
        };
        let query = sqlx::query(statement).bind(&filter.operation_id).bind(&filter.account_id);
        let query = query.bind(from).bind(i64::from(limit)).bind(body_bytes_max());
        bounded(query.fetch_all(&mut *self.inner)).await?.iter().map(found_record).collect()
    }

    async fn open_intents(&mut self, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError> {
        const INTENTS: &str =
            "SELECT idx, operation_id FROM rootgate.open_intents WHERE idx >= $1 ORDER BY idx LIMIT $2";
        let query = sqlx::query(INTENTS).bind(from).bind(i64::from(limit));
        bounded(query.fetch_all(&mut *self.inner)).await?.iter().map(stored_intent).collect()
    }

    async fn backup_index(&mut self, id: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT journal_index FROM rootgate.policy_backups WHERE id = $1").bind(id);
        let row = bounded(query.fetch_optional(&mut *self.inner)).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    async fn backup_indexes(&mut self, filter: &BackupFilter) -> Result<Vec<i64>, StoreError> {
        const INDEXES: &str = "SELECT journal_index FROM rootgate.policy_backups \
             WHERE ($1::text IS NULL OR account_id = $1) AND ($2::text IS NULL OR resource = $2) \
             AND journal_index < $3 ORDER BY journal_index DESC LIMIT $4";
        let BackupFilter { account, resource, before, limit } = filter;
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let query = sqlx::query(INDEXES).bind(account).bind(resource).bind(before).bind(i64::from(*limit));
        let rows = bounded(query.fetch_all(&mut *self.inner)).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn backup_rows(&mut self, from: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        const ROWS: &str = "SELECT journal_index FROM rootgate.policy_backups WHERE journal_index >= $1 \
             ORDER BY journal_index LIMIT $2";
        let query = sqlx::query(ROWS).bind(from).bind(i64::from(limit));
        let rows = bounded(query.fetch_all(&mut *self.inner)).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn backup_text(&mut self, facts: &PolicyBackup) -> Result<Option<String>, StoreError> {
        const TEXT: &str = "SELECT CASE WHEN octet_length(policy) <= $1 THEN policy END FROM rootgate.policy_backups \
             WHERE id = $2 AND journal_index = $3 AND created_at = $4 AND account_id = $5 AND resource = $6 \
             AND region = $7 AND operation = $8 AND caller = $9 AND reason = $10 AND ticket IS NOT DISTINCT FROM $11 \
             AND policy_sha256 = $12";
        let query = sqlx::query(TEXT).bind(policy_bytes_max()).bind(&facts.id).bind(row_id(facts.journal_index)?);
        let query = query.bind(facts.created_at.unix_micros()).bind(&facts.account_id).bind(&facts.resource);
        let query = query.bind(&facts.region).bind(&facts.operation).bind(&facts.caller).bind(&facts.reason);
        let query = query.bind(&facts.ticket).bind(&facts.policy_sha256);
        let row = bounded(query.fetch_optional(&mut *self.inner)).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
    }

    async fn archived(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError> {
        const ARCHIVED: &str = "SELECT last_index, hash FROM rootgate.archived";
        let row = bounded(sqlx::query(ARCHIVED).fetch_optional(&mut *self.inner)).await?;
        let stored = |row: PgRow| {
            let hash: Vec<u8> = row.try_get(1)?;
            Ok((row.try_get(0)?, RecordHash::from_bytes(&hash)))
        };
        row.map(stored).transpose()
    }

    async fn pinned(&mut self) -> Result<Option<i64>, StoreError> {
        const PINNED: &str = "SELECT least((SELECT min(idx) FROM rootgate.open_intents), \
             (SELECT min(journal_index) FROM rootgate.policy_backups), \
             (SELECT min(intent_index) FROM rootgate.requests))";
        Ok(bounded(sqlx::query(PINNED).fetch_one(&mut *self.inner)).await?.try_get(0)?)
    }

    async fn request(&mut self, key: &RequestKey) -> Result<Option<StoredRequest>, StoreError> {
        const REQUEST: &str = "SELECT caller, request_id, digest, operation_id, intent_index, outcome_index, reply \
             FROM rootgate.requests WHERE caller = $1 AND request_id = $2";
        let query = sqlx::query(REQUEST).bind(&key.caller).bind(&key.request_id);
        bounded(query.fetch_optional(&mut *self.inner)).await?.as_ref().map(stored_request).transpose()
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        bounded(self.inner.rollback()).await
    }
}

fn found_record(row: &PgRow) -> Result<FoundRecord, StoreError> {
    let previous: Option<Vec<u8>> = row.try_get(3)?;
    let previous = previous.as_deref().and_then(RecordHash::from_bytes);
    Ok(FoundRecord { record: stored_record(row)?, previous })
}
