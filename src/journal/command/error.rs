//! Why a command came to no answer, and whose fault that is.

use std::io;

use super::{
    super::{
        AnchorFileError, ArchiveError, CheckpointError, ExportError, ExportFailure, FileError, KeyFileError, OpenError,
        ReadError, ReconcileError, SignError, VerifyError,
    },
    UnprovenCheckpoint,
};

/// Why a command came to no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] VerifyError),
    /// An export cannot be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An export cannot be made.
    #[error("nothing is exported: {0}")]
    NoExport(#[source] ExportFailure),
    /// The range of an export is none.
    #[error("--to {to} comes before --from {from}: both are indexes of records, and belong to what is exported")]
    Range {
        /// The first record.
        from: u64,
        /// The last record.
        to: u64,
    },
    /// An export was ended by its user. Nothing of it is left.
    #[error("the export was interrupted: nothing is left of it")]
    Interrupted,
    /// The file of an export cannot be written.
    #[error(transparent)]
    NotWritten(#[from] FileError),
    /// A backup cannot be read.
    #[error(transparent)]
    Backup(#[from] ReadError),
    /// No such backup.
    #[error("there is no backup with this id, or it has expired: see `rootgate journal backups`")]
    NoBackup,
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A file of checkpoints cannot be used.
    #[error(transparent)]
    Checkpoints(#[from] AnchorFileError),
    /// A checkpoint proves nothing.
    #[error(transparent)]
    Unproven(#[from] UnprovenCheckpoint),
    /// Nothing was signed.
    #[error(transparent)]
    Unsigned(#[from] SignError),
    /// Nothing was archived.
    #[error(transparent)]
    Unarchived(#[from] ArchiveError),
    /// The journal cannot be held against CloudTrail.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// The tables cannot be made.
    #[error(transparent)]
    Unprepared(#[from] OpenError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0} (is the disk full?)")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// Whether it is a finding, or a failure of what the command does; else it is about what the command was given.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match self {
            Self::NoBackup
            | Self::Backup(ReadError::Tampered { .. })
            | Self::Journal(VerifyError::Tampered { .. })
            | Self::Export(ExportError::Tampered { .. })
            | Self::Unarchived(
                ArchiveError::Nothing { .. }
                | ArchiveError::File(_)
                | ArchiveError::Append(_)
                | ArchiveError::Read(ReadError::Tampered { .. }),
            )
            | Self::NotWritten(_)
            | Self::Interrupted
            | Self::Output(_) => true,
            Self::Unproven(unproven) => matches!(unproven.source, CheckpointError::BadSignature(_)),
            Self::Unsigned(error) => {
                error.is_rollback() || matches!(error, SignError::Journal(ReadError::Tampered { .. }))
            }
            Self::Backup(_)
            | Self::Journal(_)
            | Self::Export(_)
            | Self::NoExport(_)
            | Self::Range { .. }
            | Self::Key(_)
            | Self::Checkpoints(_)
            | Self::Unarchived(_)
            | Self::Unprepared(_)
            | Self::Reconcile(_) => false,
        }
    }
}
