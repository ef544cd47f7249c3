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

use tokio::sync::{Mutex, watch};

use super::{Expectation, Journal, ReadError};
use crate::{store::Location, types::NoteName};
use head::{End, Found, read_end};

/// Signs what the journal is now. It never signs what contradicts a checkpoint that it signed or was shown before.
pub struct Checkpointer {
    key: CheckpointKey,
    origin: NoteName,
    known: Mutex<Known>,
    /// Whether all that has to be known before anything is signed was shown.
    may_sign: watch::Sender<bool>,
}

/// Records that checkpoints speak of, and that the journal must hold.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The last one that was signed here.
    signed: Option<Expectation>,
    /// The latest one that was shown.
    shown: Option<Expectation>,
}

impl Checkpointer {
    /// Signs with this key for the journal of this name.
    #[must_use]
    pub fn new(key: CheckpointKey, origin: NoteName) -> Self {
        Self { key, origin, known: Mutex::default(), may_sign: watch::Sender::new(true) }
    }

    /// The same, but nothing is signed before [`may_sign`](Self::may_sign): what was signed by processes before this one is
    /// still to be shown.
    #[must_use]
    pub fn waiting(key: CheckpointKey, origin: NoteName) -> Self {
        Self { may_sign: watch::Sender::new(false), ..Self::new(key, origin) }
    }

    /// Says that whatever was signed before was shown.
    pub fn may_sign(&self) {
        self.may_sign.send_replace(true);
    }

    /// Waits until it may sign.
    pub async fn until_it_may_sign(&self) {
        // Its sender is in `self`, so it ends by this alone.
        let _ = self.may_sign.subscribe().wait_for(|may| *may).await;
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

    /// Takes over what was signed before, such as by a process that has ended: a journal that does not continue it is not
    /// signed. Of several the latest counts.
    ///
    /// # Errors
    /// The note is not signed by this key, or is a checkpoint of another journal. It is not taken over then.
    pub async fn continue_from(&self, note: &SignedNote) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint::verified(note, &[self.verifier()])?;
        checkpoint.of(&self.origin)?;
        let mut known = self.known.lock().await;
        let index = |of: Option<Expectation>| of.map_or(0, |of| of.index);
        if index(checkpoint.expectation()) > index(known.shown) {
            known.shown = checkpoint.expectation();
        }
        Ok(())
    }

    /// Signs the journal's last record.
    ///
    /// # Errors
    /// The journal cannot be read, its last record is damaged, or it does not continue what was signed before: records
    /// were cut off, another journal is in its place, or only an archive can show that it is the same. Or what was signed
    /// before is still to be shown.
    pub async fn sign_head(&self, journal: &Journal) -> Result<SignedNote, SignError> {
        self.sign_end(async |known| journal.end(known).await).await
    }

    /// The same offline, or beside the process that writes the journal.
    pub(super) async fn sign_at(&self, location: &Location) -> Result<SignedNote, SignError> {
        self.sign_end(async |known| read_end(location, known).await).await
    }

    async fn sign_end(
        &self,
        read: impl AsyncFnOnce(&[Expectation]) -> Result<End, ReadError>,
    ) -> Result<SignedNote, SignError> {
        if !*self.may_sign.borrow() {
            return Err(SignError::NotRead);
        }
        // Held over the reading, so that of two callers the later one signs the later head.
        let mut known = self.known.lock().await;
        let before: Vec<Expectation> = known.signed.into_iter().chain(known.shown).collect();
        let end = read(&before).await?;
        check_continues(&before, &end)?;
        let checkpoint = Checkpoint::of_head(self.origin.clone(), end.head);
        let note = self.key.sign(checkpoint.text()).ok_or(SignError::Key)?;
        known.signed = checkpoint.expectation();
        Ok(note)
    }
}

fn check_continues(before: &[Expectation], end: &End) -> Result<(), SignError> {
    let found = end.head.map_or(0, |head| head.index);
    for (Expectation { index: signed, hash }, stored) in before.iter().copied().zip(&end.found) {
        if found < signed {
            return Err(SignError::Cut { signed, found });
        }
        match *stored {
            Found::Hash(stored) if stored == hash => {}
            Found::Archived(archived) => return Err(SignError::Archived { signed, archived }),
            Found::Hash(_) | Found::Nothing => return Err(SignError::Replaced { signed }),
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
