//! Checkpoints as their users see them. What the tests share is here.

mod anchor;
mod keys;
mod notes;
mod signing;

use std::path::Path;

use sqlx::Connection as _;

use super::{
    super::{
        Position, RecordHash,
        tests::{run, stranger},
    },
    *,
};
use crate::clock::Timestamp;

pub(super) const ORIGIN: &str = "rootgate.example.com/journal";

/// The keys and the note of the documentation of Go's `golang.org/x/mod/sumdb/note`.
pub(super) const GO_PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
pub(super) const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
pub(super) const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

pub(super) fn origin() -> NoteName {
    ORIGIN.parse().unwrap()
}

pub(super) fn key(name: &str) -> CheckpointKey {
    CheckpointKey::generate(name.parse().unwrap()).unwrap()
}

pub(super) fn position(index: u64) -> Position {
    let hash = RecordHash::of(index, RecordHash::ZERO, "{}");
    Position { index, hash, recorded_at: Timestamp::from_unix(1_795_286_154, 7_000) }
}

/// Changes the records as somebody who can write the file does.
pub(in super::super) async fn forge(path: &Path, statement: &'static str) {
    let mut stranger = stranger(path).await;
    for trigger in ["DROP TRIGGER IF EXISTS records_no_update", "DROP TRIGGER IF EXISTS records_no_delete"] {
        run(&mut stranger, trigger).await;
    }
    run(&mut stranger, statement).await;
    stranger.close().await.unwrap();
}

pub(super) fn signed(key: &CheckpointKey, index: u64) -> SignedNote {
    key.sign(Checkpoint::of_head(origin(), Some(position(index))).text()).unwrap()
}
