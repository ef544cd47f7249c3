//! Signed checkpoints: what the journal was at a moment, for keeping where its holder cannot reach.
//!
//! A checkpoint is a signed note (C2SP, signed-note) over a text in the shape of C2SP's tlog-checkpoint: the journal's
//! name, the number of its records, and the hash of the last of them, which binds all before it:
//!
//! ```text
//! rootgate.example.com/journal
//! 42
//! n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=
//! recorded-at 2026-11-21T18:35:54.000000Z
//!
//! — rootgate.example.com/journal Az3grlgtzPICa5OS8n…
//! ```
//!
//! The chain is linear and no Merkle tree: the third line is the hash of the last record, so consistency of two
//! checkpoints is proven by the journal between them and by nothing shorter. Who holds a checkpoint and the public key
//! can tell a journal that was written anew, or whose tail was cut off, from the one that was signed.
//!
//! `key` and `note` are the signed note, `body` is its text, `series` reads many notes of one file, `file` is
//! that file, `key_file` those of keys, `head` is where the journal ends.

mod body;
mod error;
mod file;
mod head;
mod key;
mod key_file;
mod note;
mod series;

pub use body::Checkpoint;
pub use error::{AnchorFileError, CheckpointError, KeyFileError, Malformed, SignError};
pub use file::AnchorFile;
pub use key::{CheckpointKey, CheckpointVerifier};
pub use note::{NOTE_BYTES_MAX, SignedNote};
pub use series::{ANCHOR_BYTES_MAX, read_checkpoints};

use std::path::Path;

use tokio::sync::Mutex;

use super::{Expectation, Journal, ReadError};
use crate::types::NoteName;
use head::{End, read_end};

/// Signs what the journal is now. It never signs what contradicts a checkpoint that it signed or was shown before.
pub struct Checkpointer {
    key: CheckpointKey,
    origin: NoteName,
    /// The newest record that any checkpoint spoke of.
    signed: Mutex<Option<Expectation>>,
}

impl Checkpointer {
    /// Signs with this key for the journal of this name.
    #[must_use]
    pub fn new(key: CheckpointKey, origin: NoteName) -> Self {
        Self { key, origin, signed: Mutex::new(None) }
    }

    /// The journal's name.
    #[must_use]
    pub const fn origin(&self) -> &NoteName {
        &self.origin
    }

    /// What its signatures are verified with.
    #[must_use]
    pub fn verifier(&self) -> CheckpointVerifier {
        self.key.verifier()
    }

    /// Takes over what was signed by a process before: a journal that does not continue it is not signed.
    ///
    /// # Errors
    /// The note is not signed by this key, or is a checkpoint of another journal.
    pub async fn continue_from(&self, note: &SignedNote) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint::verified(note, &[self.verifier()])?;
        checkpoint.of(&self.origin)?;
        let mut signed = self.signed.lock().await;
        if let Some(newer) =
            checkpoint.expectation().filter(|found| signed.is_none_or(|known| known.index < found.index))
        {
            *signed = Some(newer);
        }
        Ok(())
    }

    /// Signs the journal's last record.
    ///
    /// # Errors
    /// The journal cannot be read, its last record is damaged, or it does not continue what was signed before: records
    /// were cut off, or another journal is in its place.
    pub async fn sign_head(&self, journal: &Journal) -> Result<SignedNote, SignError> {
        self.sign_end(async |signed| journal.end(signed).await).await
    }

    /// The same offline, or beside the process that writes the journal.
    pub(super) async fn sign_file(&self, path: &Path) -> Result<SignedNote, SignError> {
        self.sign_end(async |signed| read_end(path, signed).await).await
    }

    async fn sign_end(
        &self,
        read: impl AsyncFnOnce(Option<Expectation>) -> Result<End, ReadError>,
    ) -> Result<SignedNote, SignError> {
        // Held over the reading, so that of two callers the later one signs the later head.
        let mut signed = self.signed.lock().await;
        let end = read(*signed).await?;
        if let Some(before) = *signed {
            check_continues(before, &end)?;
        }
        let checkpoint = Checkpoint::of_head(self.origin.clone(), end.head);
        let note = self.key.sign(checkpoint.text()).ok_or(SignError::Key)?;
        *signed = checkpoint.expectation().or(*signed);
        Ok(note)
    }
}

fn check_continues(before: Expectation, end: &End) -> Result<(), SignError> {
    let found = end.head.map_or(0, |head| head.index);
    if found < before.index {
        return Err(SignError::Cut { signed: before.index, found });
    }
    if end.signed != Some(before.hash) {
        return Err(SignError::Replaced { signed: before.index });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
