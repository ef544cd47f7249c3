//! Transactions that write. As few statements as possible: each is a trip to SQLite's thread and back.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use serde::Serialize;
use sqlx::{QueryBuilder, Row as _, Sqlite, Transaction, sqlite::SqliteRow};

use super::{body_bytes_max, file::Identity, policy_bytes_max, row_id, writing};
use crate::{
    clock::Timestamp,
    store::{
        Additions, Append, Instance, IntentKey, PolicyBackup, RecordHash, Records, RequestKey, StoreError,
        StoredIntent, StoredRecord, StoredRequest, WriteFailure,
    },
};

/// Records of one statement. SQLite takes some ten thousand parameters; a transaction of the journal has no more records.
const ROWS_MAX: usize = 128;

/// A transaction, and the file that it must end in.
pub(super) struct SqliteAppend<'c> {
    pub(super) inner: Transaction<'c, Sqlite>,
    pub(super) identity: Identity,
    pub(super) path: &'c Path,
}

#[async_trait]
impl Records for SqliteAppend<'_> {
    async fn last(&mut self, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::last(&mut self.inner, limit).await
    }

    async fn records(&mut self, from: i64, limit: u32) -> Result<Vec<StoredRecord>, StoreError> {
        super::records(&mut self.inner, from, limit).await
    }
}

#[async_trait]
impl Append for SqliteAppend<'_> {
    async fn head(&mut self) -> Result<Option<(i64, Option<RecordHash>)>, StoreError> {
        const HEAD: &str = "SELECT idx, hash FROM records ORDER BY idx DESC LIMIT 1";
        let row = sqlx::query(HEAD).fetch_optional(&mut *self.inner).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1).ok().and_then(RecordHash::from_bytes)))).transpose()
    }

    async fn close_intents(&mut self, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError> {
        const CLOSE: &str = "DELETE FROM open_intents WHERE (idx, operation_id) IN \
             (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) RETURNING idx, operation_id";
        let keys: Vec<_> = intents.iter().map(|key| (key.index, &key.operation_id)).collect();
        let mut closed = self.rows(CLOSE, &keys).await?.iter().map(pair).collect::<Result<Vec<(i64, String)>, _>>()?;
        // Each was on the list once, so of two that name the same only the first closes it.
        let mut was_open = |key: &IntentKey| {
            let is = |(index, id): &(i64, String)| u64::try_from(*index) == Ok(key.index) && *id == key.operation_id;
            closed.iter().position(is).map(|at| closed.swap_remove(at)).is_some()
        };
        Ok(intents.iter().map(&mut was_open).collect())
    }

    fn lease_left(&self) -> Duration {
        // The lock of the file says who lives.
        Duration::MAX
    }

    async fn held(&mut self, me: &Instance, intents: &[IntentKey]) -> Result<Vec<bool>, StoreError> {
        const HELD: &str = "SELECT EXISTS (SELECT 1 FROM open_intents AS o \
             WHERE o.idx = k.value ->> 0 AND o.operation_id = k.value ->> 1 AND o.instance = k.value ->> 2) \
             FROM json_each(?1) AS k ORDER BY k.key";
        let keys: Vec<_> = intents.iter().map(|key| (key.index, &key.operation_id, me.as_str())).collect();
        self.rows(HELD, &keys).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn holders(&mut self, targets: &[String]) -> Result<Vec<(String, String)>, StoreError> {
        const HOLDERS: &str = "SELECT target, operation_id FROM open_intents \
             WHERE target IN (SELECT value FROM json_each(?1))";
        self.rows(HOLDERS, targets).await?.iter().map(pair).collect()
    }

    async fn requests(&mut self, keys: &[RequestKey]) -> Result<Vec<StoredRequest>, StoreError> {
        const REQUESTS: &str = "SELECT caller, request_id, digest, operation_id, intent_index, outcome_index, reply \
             FROM requests WHERE (caller, request_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))";
        let keys: Vec<_> = keys.iter().map(|key| (&key.caller, &key.request_id)).collect();
        self.rows(REQUESTS, &keys).await?.iter().map(stored_request).collect()
    }

    async fn backed_up(&mut self, operation_ids: &[String]) -> Result<Vec<String>, StoreError> {
        const BACKED_UP: &str = "SELECT id FROM policy_backups WHERE id IN (SELECT value FROM json_each(?1))";
        self.rows(BACKED_UP, operation_ids).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn add(&mut self, additions: &Additions) -> Result<(), StoreError> {
        self.add_records(additions).await?;
        self.add_intents(additions).await?;
        for backup in &additions.backups {
            self.add_backup(backup).await?;
        }
        self.add_requests(additions).await?;
        self.settle_requests(additions).await
    }

    async fn expire_backups(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const EXPIRE: &str = "DELETE FROM policy_backups WHERE id IN \
             (SELECT id FROM policy_backups WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
        let query = sqlx::query(EXPIRE).bind(older_than.unix_micros()).bind(limit);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    async fn expire_requests(&mut self, older_than: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const EXPIRE: &str = "DELETE FROM requests WHERE (caller, request_id) IN \
             (SELECT caller, request_id FROM requests WHERE created_at < ?1 AND outcome_index IS NOT NULL \
             ORDER BY created_at LIMIT ?2)";
        let query = sqlx::query(EXPIRE).bind(older_than.unix_micros()).bind(limit);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    async fn renew(&mut self, _instance: &Instance, _lease: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn orphaned(&mut self, me: &Instance, from: i64, limit: u32) -> Result<Vec<StoredIntent>, StoreError> {
        const ORPHANED: &str =
            "SELECT idx, operation_id FROM open_intents WHERE idx >= ?1 AND instance <> ?2 ORDER BY idx LIMIT ?3";
        let query = sqlx::query(ORPHANED).bind(from).bind(me.as_str().to_owned()).bind(limit);
        query.fetch_all(&mut *self.inner).await?.iter().map(super::snapshot::stored_intent).collect()
    }

    async fn archive(&mut self, last: u64, hash: RecordHash) -> Result<(), StoreError> {
        const ARCHIVE: &str = "INSERT INTO archived (id, last_index, hash) VALUES (1, ?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET last_index = excluded.last_index, hash = excluded.hash";
        let query = sqlx::query(ARCHIVE).bind(row_id(last)?).bind(hash.as_bytes().to_vec());
        query.execute(&mut *self.inner).await?;
        Ok(())
    }

    async fn prune(&mut self, limit: u32) -> Result<u64, StoreError> {
        const PRUNE: &str = "DELETE FROM records WHERE idx IN (SELECT idx FROM records \
             WHERE idx <= (SELECT last_index FROM archived) ORDER BY idx LIMIT ?1)";
        Ok(sqlx::query(PRUNE).bind(limit).execute(&mut *self.inner).await?.rows_affected())
    }

    async fn probe(&mut self) -> Result<(), StoreError> {
        const TAKE: &str = "INSERT OR REPLACE INTO probe (id, room) VALUES (1, zeroblob(?1))";
        let room = body_bytes_max().saturating_add(policy_bytes_max());
        sqlx::query(TAKE).bind(room).execute(&mut *self.inner).await?;
        sqlx::query("DELETE FROM probe").execute(&mut *self.inner).await?;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), WriteFailure> {
        let Self { inner, identity, path } = *self;
        inner.commit().await.map_err(|error| writing(error.into(), path))?;
        identity.check(path).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.inner.rollback().await?)
    }
}

impl SqliteAppend<'_> {
    /// Rows of a statement whose one parameter is a list, as JSON.
    async fn rows<T: Serialize + ?Sized>(
        &mut self,
        statement: &'static str,
        list: &T,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        Ok(sqlx::query(statement).bind(json(list)?).fetch_all(&mut *self.inner).await?)
    }

    async fn run<T: Serialize + ?Sized>(&mut self, statement: &'static str, list: &T) -> Result<(), StoreError> {
        sqlx::query(statement).bind(json(list)?).execute(&mut *self.inner).await?;
        Ok(())
    }

    async fn add_records(&mut self, additions: &Additions) -> Result<(), StoreError> {
        // Rows of parameters: bodies as a list in JSON would be escaped, and read three times.
        for records in additions.records.chunks(ROWS_MAX) {
            let rows = records.iter().map(|record| Ok((row_id(record.index)?, record)));
            let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
            let mut insert = QueryBuilder::new("INSERT INTO records (idx, hash, body) ");
            insert.push_values(rows, |mut row, (id, record)| {
                row.push_bind(id).push_bind(record.hash.as_bytes().to_vec()).push_bind(record.body.clone());
            });
            insert.build().execute(&mut *self.inner).await?;
        }
        Ok(())
    }

    async fn add_intents(&mut self, additions: &Additions) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO open_intents (idx, operation_id, target, instance) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)";
        if additions.intents.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> =
            additions.intents.iter().map(|i| (i.index, &i.operation_id, &i.target, i.instance.as_str())).collect();
        self.run(INSERT, &rows).await
    }

    async fn add_backup(&mut self, backup: &PolicyBackup) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO policy_backups (id, journal_index, created_at, account_id, resource, region, \
             operation, caller, reason, ticket, policy_sha256, policy) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let query = sqlx::query(INSERT).bind(&backup.id).bind(row_id(backup.journal_index)?);
        let query = query.bind(backup.created_at.unix_micros()).bind(&backup.account_id).bind(&backup.resource);
        let query = query.bind(&backup.region).bind(&backup.operation).bind(&backup.caller).bind(&backup.reason);
        let query = query.bind(&backup.ticket).bind(&backup.policy_sha256).bind(&backup.policy);
        query.execute(&mut *self.inner).await?;
        Ok(())
    }

    async fn add_requests(&mut self, additions: &Additions) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO requests (caller, request_id, digest, operation_id, intent_index, created_at) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1)";
        if additions.requests.is_empty() {
            return Ok(());
        }
        let row = |request: &crate::store::NewRequest| {
            let (key, created_at) = (request.key.clone(), request.created_at.unix_micros());
            let (digest, operation_id) = (request.digest.clone(), request.operation_id.clone());
            (key.caller, key.request_id, digest, operation_id, request.intent_index, created_at)
        };
        let rows: Vec<_> = additions.requests.iter().map(row).collect();
        self.run(INSERT, &rows).await
    }

    async fn settle_requests(&mut self, additions: &Additions) -> Result<(), StoreError> {
        const SETTLE: &str = "UPDATE requests SET outcome_index = ?2, reply = ?3 WHERE intent_index = ?1";
        const RELEASE: &str = "DELETE FROM requests WHERE intent_index IN (SELECT value FROM json_each(?1))";
        for settled in &additions.settled {
            let query = sqlx::query(SETTLE).bind(row_id(settled.intent_index)?).bind(row_id(settled.outcome_index)?);
            query.bind(settled.reply.clone()).execute(&mut *self.inner).await?;
        }
        if additions.released.is_empty() { Ok(()) } else { self.run(RELEASE, &additions.released).await }
    }
}

fn json<T: Serialize + ?Sized>(list: &T) -> Result<String, StoreError> {
    serde_json::to_string(list).map_err(|error| StoreError::new(error.to_string()))
}

fn pair<'r, A, B>(row: &'r SqliteRow) -> Result<(A, B), StoreError>
where
    A: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    B: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    Ok((row.try_get(0)?, row.try_get(1)?))
}

pub(super) fn stored_request(row: &SqliteRow) -> Result<StoredRequest, StoreError> {
    Ok(StoredRequest {
        key: RequestKey { caller: row.try_get(0)?, request_id: row.try_get(1)? },
        digest: row.try_get(2)?,
        operation_id: row.try_get(3)?,
        intent_index: row.try_get(4)?,
        outcome_index: row.try_get(5)?,
        reply: row.try_get(6)?,
    })
}
