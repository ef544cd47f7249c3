//! Records as messages.

use super::{super::convert, receipt, timestamp};
use crate::{
    gate::Evidence,
    ops::{JournalRecord, RecordList, SignedCheckpoint},
    pb,
};

pub(super) fn list_records(output: RecordList, evidence: Evidence) -> pb::ListRecordsResponse {
    let RecordList { records, next, through, filter } = output;
    let next_page_token = next.map(|next| convert::records_page_token(next, &filter));
    pb::ListRecordsResponse {
        records: records.into_iter().map(record).collect(),
        next_page_token: next_page_token.unwrap_or_default(),
        receipt: Some(receipt(evidence)),
        through_index: number(through),
    }
}

pub(super) fn get_checkpoint(output: SignedCheckpoint, evidence: Evidence) -> pb::GetCheckpointResponse {
    let SignedCheckpoint { note, index, hash } = output;
    pb::GetCheckpointResponse { signed_note: note, receipt: Some(receipt(evidence)), index: number(index), hash }
}

fn record(record: JournalRecord) -> pb::JournalRecord {
    pb::JournalRecord {
        index: number(record.index),
        hash: record.hash,
        body_json: record.body,
        recorded_at: Some(timestamp(record.recorded_at)),
        previous_hash: record.previous_hash,
    }
}

/// SQLite counts records with a sign, so an index always fits.
fn number(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
