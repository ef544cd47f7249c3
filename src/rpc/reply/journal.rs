//! Records as messages.

use super::{super::convert, receipt, timestamp};
use crate::{
    gate::Done,
    ops::{JournalRecord, RecordList, SignedCheckpoint},
    pb,
};

pub(in super::super) fn list_records(done: Done<RecordList>) -> pb::ListRecordsResponse {
    let RecordList { records, next, through, filter } = done.output;
    let next_page_token = next.map(|next| convert::records_page_token(next, &filter));
    pb::ListRecordsResponse {
        records: records.into_iter().map(record).collect(),
        next_page_token: next_page_token.unwrap_or_default(),
        receipt: Some(receipt(done.receipt)),
        through_index: number(through),
    }
}

pub(in super::super) fn get_checkpoint(done: Done<SignedCheckpoint>) -> pb::GetCheckpointResponse {
    let SignedCheckpoint { note, index, hash } = done.output;
    pb::GetCheckpointResponse { signed_note: note, receipt: Some(receipt(done.receipt)), index: number(index), hash }
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
