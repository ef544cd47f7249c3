//! `rootgate journal`: for the people who read and check the record.

mod backups;
mod checkpoint;
mod reconcile;
mod render;

pub use backups::{BackupArguments, BackupsArguments};
pub use checkpoint::{
    CheckpointArguments, GenerateArguments, KeyCommand, PublicArguments, SignArguments, UnprovenCheckpoint,
};
pub use reconcile::ReconcileArguments;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    AnchorFileError, CheckpointError, Expectation, KeyFileError, LIST_RECORDS_MAX, ReadError, ReconcileError,
    SignError, VerifyError, list, verify,
};

/// What to do with a journal.
#[derive(Clone, Debug, Subcommand)]
pub enum JournalCommand {
    /// Check that no record was edited, reordered or removed
    ///
    /// Reads the whole file, also while a gateway writes it, and never changes it. Exits with 0 only if all is well, with
    /// 1 if a record is bad. That nothing was cut off at the end can only be known from what was kept elsewhere: receipts,
    /// given with --expect, or signed checkpoints, given with --checkpoint.
    #[command(after_long_help = "\
Examples:
  Check the chain:
    rootgate journal verify --journal journal.db
  Check too that the record of a kept receipt is still there:
    rootgate journal verify --journal journal.db --expect 42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  Check it against the signed checkpoints of an anchor:
    rootgate journal verify --journal journal.db --checkpoint checkpoints.txt --public-key checkpoint.pub
  For a script:
    rootgate journal verify --journal journal.db --json")]
    Verify(VerifyArguments),
    /// Show records
    ///
    /// Shows what is stored, without checking the chain: see `verify`.
    #[command(after_long_help = "\
Examples:
  The first fifty records:
    rootgate journal list --journal journal.db
  A hundred records from number 1000 on:
    rootgate journal list --journal journal.db --from 1000 --limit 100
  All refusals, one JSON object a line:
    rootgate journal list --journal journal.db --limit 1000000 --json | jq 'select(.record.event == \"Refusal\")'")]
    List(ListArguments),
    /// List the policies that were kept before acts changed them, newest first
    ///
    /// Also while a gateway writes the journal. Fails if one of them is not what its record says.
    #[command(after_long_help = "\
Examples:
  Of one bucket:
    rootgate journal backups --journal journal.db --account 333333333333 --resource arn:aws:s3:::payments
  For a script:
    rootgate journal backups --journal journal.db --json")]
    Backups(BackupsArguments),
    /// Print a policy that was kept, byte for byte
    ///
    /// For restoring it by hand when the gateway is down. Fails if it is not what its record says.
    #[command(after_long_help = "\
Examples:
  Into a file for `aws s3api put-bucket-policy --bucket payments --policy file://policy.json`:
    rootgate journal backup --journal journal.db 0198c5a4-6f0e-7cc3-9b5e-2f1d6a1c7e42 > policy.json")]
    Backup(BackupArguments),
    /// Make the key that signs checkpoints, and print its public key
    Key {
        /// What to do with it
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Sign where the journal ends now
    ///
    /// Also while a gateway writes the journal. Keep the checkpoint where whoever can write the journal cannot change it:
    /// `verify --checkpoint` then finds a journal that was cut off or written anew.
    #[command(after_long_help = "\
Examples:
  Print one:
    rootgate journal checkpoint --journal journal.db --key checkpoint.key
  Append it to a file of checkpoints, unless the journal contradicts the last of them:
    rootgate journal checkpoint --journal journal.db --key checkpoint.key --output checkpoints.txt")]
    Checkpoint(SignArguments),
    /// Hold the journal against CloudTrail log files
    ///
    /// Lists root sessions that did not pass through the gateway, acts of the gateway that CloudTrail does not know, and what
    /// else was done in the sessions of the gateway. Exits with 0 only if everything was read and agrees, with 1 if there is
    /// a finding.
    #[command(after_long_help = reconcile::EXAMPLES)]
    Reconcile(ReconcileArguments),
}

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// The journal's file
    #[arg(long, value_name = "FILE")]
    pub journal: PathBuf,
    /// Receipt of a record that must be there; may be given several times
    #[arg(long, value_name = "INDEX:HASH")]
    pub expect: Vec<Expectation>,
    /// Signed checkpoints
    #[command(flatten)]
    pub checkpoints: CheckpointArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `list`.
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// The journal's file
    #[arg(long, value_name = "FILE")]
    pub journal: PathBuf,
    /// Index of the first record to show
    #[arg(long, value_name = "INDEX", default_value_t = 1)]
    pub from: u64,
    /// Most records to show
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: u64,
    /// Print one JSON object a line: {"hash":…,"record":…}, the record as it is stored to the byte
    #[arg(long)]
    pub json: bool,
}

/// Why a command came to no answer.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] VerifyError),
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
    /// The journal cannot be held against CloudTrail.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    /// Whether it is a finding about a journal or its evidence, and not about how the command was called.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match self {
            Self::NoBackup | Self::Backup(ReadError::Tampered { .. }) => true,
            Self::Unproven(unproven) => matches!(unproven.source, CheckpointError::BadSignature(_)),
            Self::Unsigned(error) => error.is_rollback(),
            Self::Journal(_)
            | Self::Backup(_)
            | Self::Key(_)
            | Self::Checkpoints(_)
            | Self::Reconcile(_)
            | Self::Output(_) => false,
        }
    }
}

/// Runs a command. A bad record is an answer, not an error: the exit code then is 1.
///
/// # Errors
/// When there is no answer.
pub async fn run(command: JournalCommand, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    match command {
        JournalCommand::Verify(arguments) => run_verify(&arguments, out).await,
        JournalCommand::List(arguments) => run_list(&arguments, out).await,
        JournalCommand::Backups(arguments) => backups::run_backups(&arguments, out).await,
        JournalCommand::Backup(arguments) => backups::run_backup(&arguments, out).await,
        JournalCommand::Key { command } => checkpoint::run_key(&command, out),
        JournalCommand::Checkpoint(arguments) => checkpoint::run_sign(&arguments, out).await,
        JournalCommand::Reconcile(arguments) => reconcile::run_reconcile(arguments, out).await,
    }
}

/// What a journal was held against: how many of each.
#[derive(Clone, Copy, Debug)]
struct Against {
    receipts: usize,
    checkpoints: usize,
}

async fn run_verify(arguments: &VerifyArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let (checkpoints, signed) = arguments.checkpoints.expectations()?;
    let against = Against { receipts: arguments.expect.len(), checkpoints };
    match verify(&arguments.journal, &[&arguments.expect[..], &signed].concat()).await {
        Ok(verified) => {
            if arguments.json {
                render::verified_json(out, &verified, against)?;
            } else {
                render::verified(out, &verified, against)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(VerifyError::Tampered { index, fault }) => {
            if arguments.json {
                render::tampered_json(out, index, &fault)?;
            } else {
                render::tampered(out, index, &fault)?;
            }
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

async fn run_list(arguments: &ListArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let mut from = arguments.from;
    let mut left = arguments.limit;
    while left > 0 {
        let limit = u32::try_from(left).unwrap_or(LIST_RECORDS_MAX).min(LIST_RECORDS_MAX);
        let page = list(&arguments.journal, from, limit).await?;
        for record in &page {
            if arguments.json {
                render::record_json(out, record)?;
            } else {
                render::record(out, record)?;
            }
        }
        let Some(last) = page.last() else { break };
        from = last.index.saturating_add(1);
        left -= page.len() as u64;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
