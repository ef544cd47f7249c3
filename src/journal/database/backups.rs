//! The table of policies that were kept. Nothing that it says is believed before it was compared with the records.

use sqlx::Row as _;

use super::{StoreError, Transaction, Version, body_bytes_max, policy_bytes_max, row_id};
use crate::{clock::Timestamp, journal::PolicyBackup};

/// Which backups to look for.
#[derive(Clone, Copy, Debug)]
pub(in crate::journal) struct BackupFilter<'a> {
    pub account: Option<&'a str>,
    pub resource: Option<&'a str>,
    /// Only those with a lower index.
    pub before: Option<u64>,
    pub limit: u32,
}

impl Transaction<'_> {
    /// Keeps a policy.
    pub(in crate::journal) async fn insert_backup(&mut self, backup: &PolicyBackup) -> Result<(), StoreError> {
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

    /// Where the backup with this id is recorded.
    pub(in crate::journal) async fn backup_index(&mut self, id: &str) -> Result<Option<i64>, StoreError> {
        let query = sqlx::query("SELECT journal_index FROM policy_backups WHERE id = ?1").bind(id.to_owned());
        let row = query.fetch_optional(&mut *self.inner).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Where backups are recorded, newest first.
    pub(in crate::journal) async fn backup_indexes(
        &mut self,
        filter: BackupFilter<'_>,
    ) -> Result<Vec<i64>, StoreError> {
        // Two texts, so that SQLite takes the index on the account.
        const OF_ACCOUNT: &str = "SELECT journal_index FROM policy_backups WHERE account_id = ?1 \
             AND (?2 IS NULL OR resource = ?2) AND journal_index < ?3 ORDER BY journal_index DESC LIMIT ?4";
        const OF_ALL: &str = "SELECT journal_index FROM policy_backups WHERE ?1 IS NULL \
             AND (?2 IS NULL OR resource = ?2) AND journal_index < ?3 ORDER BY journal_index DESC LIMIT ?4";
        let BackupFilter { account, resource, before, limit } = filter;
        let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
        let query = sqlx::query(if account.is_some() { OF_ACCOUNT } else { OF_ALL });
        let query = query.bind(account.map(str::to_owned)).bind(resource.map(str::to_owned)).bind(before).bind(limit);
        let rows = query.fetch_all(&mut *self.inner).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Where policies are said to be recorded, from this index on, in order. An old file has none.
    pub(in crate::journal) async fn backup_rows(&mut self, from: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        const ROWS: &str =
            "SELECT journal_index FROM policy_backups WHERE journal_index >= ?1 ORDER BY journal_index LIMIT ?2";
        if self.version != Version::Two {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(ROWS).bind(from).bind(limit).fetch_all(&mut *self.inner).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The policy that is stored with just these facts; none when any of them differs.
    pub(in crate::journal) async fn backup_text(&mut self, facts: &PolicyBackup) -> Result<Option<String>, StoreError> {
        const TEXT: &str = "SELECT iif(octet_length(policy) <= ?1, policy, NULL) FROM policy_backups WHERE id = ?2 \
             AND journal_index = ?3 AND created_at = ?4 AND account_id = ?5 AND resource = ?6 AND region = ?7 \
             AND operation = ?8 AND caller = ?9 AND reason = ?10 AND ticket IS ?11 AND policy_sha256 = ?12";
        // An old record could hold a policy of the size of a body, which is no more.
        let query = sqlx::query(TEXT).bind(policy_bytes_max()).bind(&facts.id).bind(row_id(facts.journal_index)?);
        let query = query.bind(facts.created_at.unix_micros()).bind(&facts.account_id).bind(&facts.resource);
        let query = query.bind(&facts.region).bind(&facts.operation).bind(&facts.caller).bind(&facts.reason);
        let query = query.bind(&facts.ticket).bind(&facts.policy_sha256);
        let row = query.fetch_optional(&mut *self.inner).await?;
        Ok(row.and_then(|row| row.try_get(0).ok().flatten()))
    }

    /// Records from this index on that may be backups of the old form, in order.
    pub(super) async fn old_backup_indexes(&mut self, from: i64, limit: u32) -> Result<Vec<i64>, StoreError> {
        // The text first, which is fast; a caller's attribute can look the same, so then the member itself.
        const OLD: &str = "SELECT idx FROM records WHERE idx >= ?1 AND octet_length(body) <= ?2 \
             AND instr(body, ',\"event\":\"Backup\",') > 0 \
             AND iif(json_valid(body), json_extract(body, '$.event') = 'Backup', 1) ORDER BY idx LIMIT ?3";
        let rows = sqlx::query(OLD).bind(from).bind(body_bytes_max()).bind(limit).fetch_all(&mut *self.inner).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Deletes the oldest backups that were recorded before this moment; how many.
    pub(in crate::journal) async fn expire_backups(
        &mut self,
        older_than: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const EXPIRE: &str = "DELETE FROM policy_backups WHERE id IN \
             (SELECT id FROM policy_backups WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";
        let query = sqlx::query(EXPIRE).bind(older_than.unix_micros()).bind(limit);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }
}
