//! What can be wrong with checkpoints, keys and anchors, and the fix for each.

use std::{io, path::PathBuf};

use super::super::ReadError;

/// A text that is not what it should be; says the rule, and never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// Why a checkpoint proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is no checkpoint at all.
    #[error("it is not a checkpoint: {0}")]
    Malformed(#[from] Malformed),
    /// None of the public keys given has signed it.
    #[error(
        "it is signed by {signers}, and not by the public key given ({given}): give the key of who signs this journal's checkpoints"
    )]
    UnknownSigner {
        /// Names and ids of the keys that signed.
        signers: String,
        /// Names and ids of the keys given.
        given: String,
    },
    /// A known key's signature does not fit the text.
    #[error("the signature of {0} does not fit its text: it was changed after it was signed, or is forged")]
    BadSignature(String),
    /// It speaks of another journal.
    #[error("it is of the journal {found}, not of {expected}: give a checkpoint of this journal")]
    OtherOrigin {
        /// The journal that it names.
        found: String,
        /// The journal that was meant.
        expected: String,
    },
}

/// Why a checkpoint is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The journal cannot be read, or its last record is damaged.
    #[error(transparent)]
    Journal(#[from] ReadError),
    /// Records are gone that a checkpoint speaks of.
    #[error(
        "the journal ends at record {found}, but record {signed} was signed: its tail was cut off, or an older copy is in its place; keep it as evidence, and run `rootgate journal verify --checkpoint`"
    )]
    Cut {
        /// The record that was signed.
        signed: u64,
        /// The last one that is there.
        found: u64,
    },
    /// A record is another one than a checkpoint says.
    #[error(
        "record {signed} of the journal is not the one that was signed: another journal is in its place; keep it as evidence, and run `rootgate journal verify --checkpoint`"
    )]
    Replaced {
        /// The record that was signed.
        signed: u64,
    },
    /// A record that a checkpoint speaks of was archived, with records behind it.
    #[error(
        "record {signed} was signed, but the journal is archived up to record {archived}, so that only the archive can show that it was this record: run `rootgate journal verify --journal JOURNAL --export ARCHIVE --checkpoint FILE --public-key KEY` with every archive, and if that is well name a new file for checkpoints"
    )]
    Archived {
        /// The record that was signed.
        signed: u64,
        /// The last one that was archived.
        archived: u64,
    },
    /// What was signed before is not known yet.
    #[error(
        "the file of checkpoints was not read since the start, so that it is not known what was signed before; the log says what keeps it from being read"
    )]
    NotRead,
    /// The key cannot sign.
    #[error("the key cannot sign: make another one with `rootgate journal key generate`")]
    Key,
}

impl SignError {
    /// Whether the journal is not the one that was signed, or cannot show it, which no retry mends.
    #[must_use]
    pub const fn is_rollback(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Replaced { .. } | Self::Archived { .. })
    }
}

/// Why a file of a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or made.
    #[error("{}: {source}", .path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is there already.
    #[error("{} exists: a key is never overwritten, name another file", .0.display())]
    Exists(PathBuf),
    /// Others than its owner and group may read or write it.
    #[error("the key {} is open to every user of this machine (mode {mode:03o}): run `chmod o= {}`, and make a new key if anybody can have read it", .path.display(), .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("{}: {source}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The rule that it breaks.
        source: Malformed,
    },
    /// What was given in place of a file is no key.
    #[error("the public key {0}")]
    Argument(Malformed),
    /// No key could be made.
    #[error("no key could be made: this machine gives no random numbers")]
    NoRandomness,
}

/// Why a checkpoint is not in a file of checkpoints, or the newest of them cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AnchorFileError {
    /// It cannot be read or written.
    #[error("the checkpoints in {} cannot be {doing} ({source}): let the gateway's user read and write the file, and look for room on its volume", .path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// Read, or written.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than its owner and group may write it.
    #[error("the checkpoints in {} are open to every user of this machine (mode {mode:03o}): run `chmod o= {}`", .path.display(), .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold checkpoints, or not as they were written.
    #[error("{} is not a whole file of checkpoints ({why}): name another file, and keep this one as evidence if it was one of checkpoints", .path.display())]
    NotCheckpoints {
        /// The file.
        path: PathBuf,
        /// The rule that it breaks.
        why: Malformed,
    },
}
