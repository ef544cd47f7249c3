//! Reading a file, whether or not somebody writes it.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    Version, append::stored_request, connect, fault::wants_to_write, opening, policy_bytes_max, row_id, schema,
};
use super::{body_bytes_max, file::suffixed, stored_record};
use crate::store::{
    BackupFilter, FoundRecord, OpenError, PolicyBackup, RecordFilter, RecordHash, Records, RequestKey, Snapshot,
    StoreError, StoredIntent, StoredRecord, StoredRequest,
};

/// A connection that reads the file as it was at one moment.
struct SqliteSnapshot {
    connection: SqliteConnection,
    version: Version,
}

/// Opens the existing file.
pub(super) async fn open(path: &Path, busy_timeout: Duration) -> Result<Box<dyn Snapshot>, OpenError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(busy_timeout);
    let mut connection = match connect(options.clone()).await {
        // A copy on a read-only volume: SQLite cannot make the shared memory file that it wants beside it. Only
        // without a log is the file alone the whole truth.
        Err(error) if wants_to_write(&error) && !has_log(path) => {
            let immutable = options.immutable(true);
            connect(immutable).await.map_err(|error| opening(error, path))?
        }
        connected => connected.map_err(|error| opening(error, path))?,
    };
    // Ended by closing the connection, which owns it.
    let begun = sqlx::query("BEGIN").execute(&mut connection).await;
    begun.map_err(|error| opening(error.into(), path))?;
    // The first look fixes the moment (SQLite, "Isolation In SQLite").
    let version = schema::find_version(&mut connection, path).await?;
    if version == Version::Empty {
        return Err(OpenError::NotAJournal { path: path.to_owned(), application_id: 0 });
    }
    Ok(Box::new(SqliteSnapshot { connection, version }))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(suffixed(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

#[async_trait]
impl Records for SqliteSnapshot {
    async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::last(&mut self.connection, limit).await
    }

    async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::records(&mut self.connection, from, limit).await
    }
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn find(&mut self, filter: &RecordFilter, from: i64, limit: u32) -> Result<Vec<FoundRecord>, StoreError> {
        const OF_OPERATION: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
             iif(octet_length(body) <= ?5, body, NULL), \
             (SELECT iif(octet_length(hash) = 32, hash, NULL) FROM records before WHERE before.idx = found.idx - 1) \
             FROM records found WHERE iif(json_valid(body), body ->> '$.operation_id', NULL) = ?1 AND idx >= ?3 \
             AND (?2 IS NULL OR iif(json_valid(body), body ->> '$.account_id', NULL) = ?2) ORDER BY idx LIMIT ?4";
        const OF_ACCOUNT: &str = "SELECT idx, iif(octet_length(hash) = 32, hash, NULL), \
             iif(octet_length(body) <= ?5, body, NULL), \
             (SELECT iif(octet_length(hash) = 32, hash, NULL) FROM records before WHERE before.idx = found.idx - 1) \
             FROM records found WHERE iif(json_valid(body), body ->> '$.account_id', NULL) = ?2 AND idx >= ?3 \
             AND ?1 IS NULL ORDER BY idx LIMIT ?4";
        let statement = match (&filter.operation_id, &filter.account_id) {
            (Some(_), _) => OF_OPERATION,
            (None, Some(_)) => OF_ACCOUNT,
            (None, None) => {
                return Err(StoreError::new("records are looked for by an operation or an account".to_owned()));
            }
        };
        let query = sqlx::query(statement).bind(filter.operation_id.clone()).bind(filter.account_id.clone());
        let rows = query.bind(from).bind(limit).bind(body_bytes_max()).fetch_all(&mut self.connection).await?;
        rows.iter().map(found_record).collect()
    }

    async fn open_intents(&mut self, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError> {
        const INTENTS: &str = "SELECT idx, operation_id FROM open_intents WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
        let rows = sqlx::query(INTENTS).bind(from).bind(limit).fetch_all(&mut self.connection).await?;
        rows.iter().map(stored_intent).collect()
    }

    async fn backup_index(&mut self, id: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT journal_index FROM policy_backups WHERE id = ?1").bind(id.to_owned());
        let row = query.fetch_optional(&mut self.connection).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    async fn backup_indexes(&mut self, filter: &BackupFilter) -> Result<Vec<i64>, StoreError> {
        // Two texts, so that SQLite takes the index on the account.
        const OF_ACCOUNT: &str = "SELECT journal_index FROM policy_backups WHERE account_id = ?1 \
             AND (?2 IS NULL OR resource = ?2) AND journal_index < ?3 ORDER BY journal_index DESC LIMIT ?4";
        const OF_ALL: &str = "SELECT journal_index FROM policy_backups WHERE ?1 IS NULL \
             AND (?2 IS NULL OR resource = ?2) AND journal_index < ?3 ORDER BY journal_index DESC LIMIT ?4";
        let BackupFilter { account, resource, before, limit } = filter;
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let query = sqlx::query(if account.is_some() { OF_ACCOUNT } else { OF_ALL });
        let query = query.bind(account.clone()).bind(resource.clone()).bind(before).bind(limit);
        let rows = query.fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn backup_rows(&mut self, from: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        const ROWS: &str =
            "SELECT journal_index FROM policy_backups WHERE journal_index >= ?1 ORDER BY journal_index LIMIT ?2";
        let rows = sqlx::query(ROWS).bind(from).bind(limit).fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn backup_text(&mut self, facts: &PolicyBackup) -> Result<Option<String>, StoreError> {
        const TEXT: &str = "SELECT iif(octet_length(policy) <= ?1, policy, NULL) FROM policy_backups WHERE id = ?2 \
             AND journal_index = ?3 AND created_at = ?4 AND account_id = ?5 AND resource = ?6 AND region = ?7 \
             AND operation = ?8 AND caller = ?9 AND reason = ?10 AND ticket IS ?11 AND policy_sha256 = ?12";
        let query = sqlx::query(TEXT).bind(policy_bytes_max()).bind(&facts.id).bind(row_id(facts.journal_index)?);
        let query = query.bind(facts.created_at.unix_micros()).bind(&facts.account_id).bind(&facts.resource);
        let query = query.bind(&facts.region).bind(&facts.operation).bind(&facts.caller).bind(&facts.reason);
        let query = query.bind(&facts.ticket).bind(&facts.policy_sha256);
        let row = query.fetch_optional(&mut self.connection).await?;
        Ok(row.and_then(|row| row.try_get(0).ok().flatten()))
    }

    async fn archived(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError> {
        if self.version != Version::Three {
            return Ok(None);
        }
        let query = sqlx::query("SELECT last_index, hash FROM archived").fetch_optional(&mut self.connection);
        let stored = |row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1).ok().and_then(RecordHash::from_bytes)));
        query.await?.map(stored).transpose()
    }

    async fn pinned(&mut self) -> Result<Option<i64>, StoreError> {
        const PINNED: &str = "SELECT min(idx) FROM (SELECT min(idx) AS idx FROM open_intents \
             UNION ALL SELECT min(journal_index) FROM policy_backups UNION ALL SELECT min(intent_index) FROM requests)";
        Ok(sqlx::query(PINNED).fetch_one(&mut self.connection).await?.try_get(0)?)
    }

    async fn request(&mut self, key: &RequestKey) -> Result<Option<StoredRequest>, StoreError> {
        const REQUEST: &str = "SELECT caller, request_id, digest, operation_id, intent_index, outcome_index, reply \
             FROM requests WHERE caller = ?1 AND request_id = ?2";
        if self.version != Version::Three {
            return Ok(None);
        }
        let query = sqlx::query(REQUEST).bind(key.caller.clone()).bind(key.request_id.clone());
        query.fetch_optional(&mut self.connection).await?.as_ref().map(stored_request).transpose()
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

pub(super) fn stored_intent(row: &SqliteRow) -> Result<StoredIntent, StoreError> {
    Ok(StoredIntent { index: row.try_get(0)?, operation_id: row.try_get(1)? })
}

fn found_record(row: &SqliteRow) -> Result<FoundRecord, StoreError> {
    let previous = row.try_get(3).ok().flatten().and_then(RecordHash::from_bytes);
    Ok(FoundRecord { record: stored_record(row)?, previous })
}
