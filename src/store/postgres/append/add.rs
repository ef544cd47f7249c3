//! Everything that a transaction adds, in one statement.

use super::{Query, row_id};
use crate::store::{Additions, PolicyBackup, StoreError, postgres::ServerProblem};

/// All parts of a statement see the tables as they were before it, which is enough: no addition needs another.
const ADD: &str = "WITH \
     new_records AS (INSERT INTO rootgate.records (idx, hash, body) \
         SELECT * FROM unnest($1::int8[], $2::bytea[], $3::text[])), \
     new_intents AS (INSERT INTO rootgate.open_intents (idx, operation_id, target, instance) \
         SELECT * FROM unnest($4::int8[], $5::text[], $6::text[], $7::text[])), \
     new_backups AS (INSERT INTO rootgate.policy_backups (id, journal_index, created_at, account_id, resource, region, \
         operation, caller, reason, ticket, policy_sha256, policy) \
         SELECT * FROM unnest($8::text[], $9::int8[], $10::int8[], $11::text[], $12::text[], $13::text[], $14::text[], \
         $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])) \
     INSERT INTO rootgate.requests (caller, request_id, digest, operation_id, intent_index, created_at) \
         SELECT * FROM unnest($20::text[], $21::text[], $22::text[], $23::text[], $24::int8[], $25::int8[])";

/// After the one before, so that it may speak of requests that came with it. Settled requests are not released.
const SETTLE: &str = "WITH settled AS (UPDATE rootgate.requests AS r \
     SET outcome_index = s.outcome_index, reply = s.reply \
     FROM unnest($1::int8[], $2::int8[], $3::bytea[]) AS s (intent_index, outcome_index, reply) \
     WHERE r.intent_index = s.intent_index) \
     DELETE FROM rootgate.requests WHERE intent_index = ANY ($4::int8[])";

/// Whether there is nothing for [`query`].
pub(super) fn is_empty(additions: &Additions) -> bool {
    let Additions { records, intents, backups, requests, settled: _, released: _ } = additions;
    records.is_empty() && intents.is_empty() && backups.is_empty() && requests.is_empty()
}

/// Adds records, intents, backups and requests.
pub(super) fn query(additions: &Additions) -> Result<Query<'_>, StoreError> {
    let Additions { records, intents, backups, requests, settled: _, released: _ } = additions;
    let query = sqlx::query(ADD)
        .bind(indexes(records.iter().map(|record| record.index))?)
        .bind(records.iter().map(|record| record.hash.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.body.as_str()).collect::<Vec<_>>())
        .bind(indexes(intents.iter().map(|intent| intent.index))?)
        .bind(intents.iter().map(|intent| intent.operation_id.as_str()).collect::<Vec<_>>())
        .bind(intents.iter().map(|intent| intent.target.as_deref()).collect::<Vec<_>>())
        .bind(intents.iter().map(|intent| intent.instance.as_str()).collect::<Vec<_>>());
    let texts = |text: fn(&PolicyBackup) -> &str| backups.iter().map(text).collect::<Vec<_>>();
    let query = query
        .bind(texts(|backup| &backup.id))
        .bind(indexes(backups.iter().map(|backup| backup.journal_index))?)
        .bind(backups.iter().map(|backup| backup.created_at.unix_micros()).collect::<Vec<_>>())
        .bind(texts(|backup| &backup.account_id))
        .bind(texts(|backup| &backup.resource))
        .bind(texts(|backup| &backup.region))
        .bind(texts(|backup| &backup.operation))
        .bind(texts(|backup| &backup.caller))
        .bind(texts(|backup| &backup.reason))
        .bind(backups.iter().map(|backup| backup.ticket.as_deref()).collect::<Vec<_>>())
        .bind(texts(|backup| &backup.policy_sha256))
        .bind(texts(|backup| &backup.policy));
    let query = query
        .bind(requests.iter().map(|request| request.key.caller.as_str()).collect::<Vec<_>>())
        .bind(requests.iter().map(|request| request.key.request_id.as_str()).collect::<Vec<_>>())
        .bind(requests.iter().map(|request| request.digest.as_str()).collect::<Vec<_>>())
        .bind(requests.iter().map(|request| request.operation_id.as_str()).collect::<Vec<_>>())
        .bind(indexes(requests.iter().map(|request| request.intent_index))?)
        .bind(requests.iter().map(|request| request.created_at.unix_micros()).collect::<Vec<_>>());
    Ok(query)
}

/// Says how requests ended, and forgets those that can be made again.
pub(super) fn settle(additions: &Additions) -> Result<Query<'_>, StoreError> {
    let Additions { records: _, intents: _, backups: _, requests: _, settled, released } = additions;
    Ok(sqlx::query(SETTLE)
        .bind(indexes(settled.iter().map(|settled| settled.intent_index))?)
        .bind(indexes(settled.iter().map(|settled| settled.outcome_index))?)
        .bind(settled.iter().map(|settled| settled.reply.as_deref()).collect::<Vec<Option<&[u8]>>>())
        .bind(indexes(released.iter().copied())?))
}

/// PostgreSQL's texts cannot hold NUL. Found before the server is asked, so that the transaction goes on.
pub(super) fn refuse_unstorable(additions: &Additions) -> Result<(), StoreError> {
    let Additions { records, intents, backups, requests, settled: _, released: _ } = additions;
    let of_intents = intents.iter().flat_map(|intent| [Some(intent.operation_id.as_str()), intent.target.as_deref()]);
    let of_backups = backups.iter().flat_map(|backup| {
        let PolicyBackup { id, account_id, resource, region, operation, caller, reason, ticket, policy, .. } = backup;
        let texts = [id, account_id, resource, region, operation, caller, reason, policy];
        texts.map(|text| Some(text.as_str())).into_iter().chain([ticket.as_deref()])
    });
    let of_requests = requests.iter().flat_map(|request| {
        [&request.key.caller, &request.key.request_id, &request.digest, &request.operation_id]
            .map(|text| Some(text.as_str()))
    });
    let of_records = records.iter().map(|record| Some(record.body.as_str()));
    let mut texts = of_records.chain(of_intents).chain(of_backups).chain(of_requests).flatten();
    if texts.any(|text| text.contains('\0')) {
        return Err(StoreError::server(ServerProblem::Unstorable, "a text holds NUL"));
    }
    Ok(())
}

fn indexes(indexes: impl Iterator<Item = u64>) -> Result<Vec<i64>, StoreError> {
    indexes.map(row_id).collect()
}
