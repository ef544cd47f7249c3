//! `rootgate journal`: for the people who read and check the record.

mod archive;
mod backups;
mod checkpoint;
mod error;
mod export;
mod prepare;
mod progress;
mod reconcile;
mod render;
mod tail;
mod verify;

pub use archive::ArchiveArguments;
pub use backups::{BackupArguments, BackupsArguments};
pub use checkpoint::{
    CheckpointArguments, GenerateArguments, KeyCommand, PublicArguments, SignArguments, UnprovenCheckpoint,
};
pub use error::CommandError;
pub use export::ExportArguments;
pub use prepare::PrepareArguments;
pub use reconcile::ReconcileArguments;
pub use tail::TailArguments;
pub use verify::VerifyArguments;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use crate::store::Location;

use super::{LIST_RECORDS_MAX, list};

/// What to do with a journal.
#[derive(Clone, Debug, Subcommand)]
pub enum JournalCommand {
    /// Check that no record was edited, reordered or removed
    ///
    /// Reads a whole journal, also while a gateway writes it, or exports of it as JSONL, for which nothing else is needed,
    /// and never changes them. Exits with 0 only if all is well, with 1 if a record is bad. That nothing was cut off at the
    /// end can only be known from what was kept elsewhere: receipts, given with
    /// --expect, or signed checkpoints, given with --checkpoint.
    #[command(after_long_help = "\
Examples:
  Check the chain:
    rootgate journal verify --journal journal.db
  Check too that the record of a kept receipt is still there:
    rootgate journal verify --journal journal.db --expect 42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  Check it against the signed checkpoints of an anchor:
    rootgate journal verify --journal journal.db --checkpoint checkpoints.txt --public-key checkpoint.pub
  Check an export, on any machine:
    rootgate journal verify --export journal.jsonl
  One that was made in parts:
    rootgate journal verify --export 2026-10.jsonl --export 2026-11.jsonl
  The later part alone, with the receipt of the last record of the part before it:
    rootgate journal verify --export 2026-11.jsonl --after 41:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
  A compressed one:
    gzip -dc journal.jsonl.gz | rootgate journal verify --export -
  A journal together with all its archives, as one chain:
    rootgate journal verify --journal journal.db --export journal-1.jsonl --export journal-2.jsonl
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
    /// Show the last records, and with --follow new ones as they are recorded
    ///
    /// Shows what is stored, without checking the chain: see `verify`. Ends with Ctrl-C, or when its reader goes away.
    #[command(after_long_help = "\
Examples:
  The last ten records:
    rootgate journal tail --journal journal.db
  Watch a gateway:
    rootgate journal tail --journal journal.db --follow
  All that is refused from now on, one JSON object a line:
    rootgate journal tail --journal journal.db --follow --lines 0 --json | jq --unbuffered 'select(.record.event == \"Refusal\")'")]
    Tail(TailArguments),
    /// Write records for other tools: JSONL, CSV, OCSF or CloudEvents
    ///
    /// Writes the records as they are at the moment when it begins, also while a gateway writes the journal, and checks on
    /// the way that each follows from the one before it. A file has its name only when it is whole and on the disk. Exits
    /// with 1 if a record is bad or the output cannot be written; there is no file then.
    #[command(after_long_help = "\
Examples:
  Everything, in the form that `verify --export` checks:
    rootgate journal export --journal journal.db --output journal.jsonl
  What came behind record 5000, compressed:
    rootgate journal export --journal journal.db --from 5001 | gzip > journal-5001.jsonl.gz
  For a spreadsheet:
    rootgate journal export --journal journal.db --format csv --output journal.csv
  For a SIEM:
    rootgate journal export --journal journal.db --format ocsf --output journal.ocsf.jsonl")]
    Export(ExportArguments),
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
    #[command(after_long_help = "\
Examples:
  Make one, and keep its public key elsewhere:
    rootgate journal key generate --name rootgate.example.com/journal --output checkpoint.key > checkpoint.pub")]
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
    /// Move old records into a file of their own, without breaking the chain
    ///
    /// The gateway of a journal in a file must be stopped. What is still needed stays: open intents, kept policies, known
    /// requests, and whatever was recorded within the last 24 hours. The file is an export as JSONL; a record in the journal says its SHA-256 and its last record. Exits with 1
    /// if there is nothing to move.
    #[command(after_long_help = archive::EXAMPLES)]
    Archive(ArchiveArguments),
    /// Make the tables of a journal in PostgreSQL, or bring them up to date
    ///
    /// As the role that is to own them, so that gateways can do with a role that cannot change records
    /// (deploy/postgresql/grants.sql). A gateway whose role may does this by itself.
    #[command(after_long_help = prepare::EXAMPLES)]
    Prepare(PrepareArguments),
    /// Hold the journal against CloudTrail log files
    ///
    /// Lists root sessions that did not pass through the gateway, acts of the gateway that CloudTrail does not know, and what
    /// else was done in the sessions of the gateway. Exits with 0 only if everything was read and agrees, with 1 if there is
    /// a finding.
    #[command(after_long_help = reconcile::EXAMPLES)]
    Reconcile(ReconcileArguments),
}

/// Arguments of `list`.
#[derive(Clone, Debug, Args)]
pub struct ListArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
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

/// What a command prints on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printing {
    /// Some lines for people; whether anybody reads them changes nothing.
    Answer,
    /// As long as somebody reads: text for people.
    Text,
    /// As long as somebody reads: bytes for machines, of which none may be changed.
    Bytes,
}

impl JournalCommand {
    /// What the writer that [`run`] gets has to be for.
    #[must_use]
    pub fn printing(&self) -> Printing {
        match self {
            Self::List(ListArguments { json, .. }) | Self::Tail(TailArguments { json, .. }) => {
                if *json {
                    Printing::Bytes
                } else {
                    Printing::Text
                }
            }
            Self::Export(_) => Printing::Bytes,
            Self::Verify(_)
            | Self::Backups(_)
            | Self::Backup(_)
            | Self::Key { .. }
            | Self::Checkpoint(_)
            | Self::Archive(_)
            | Self::Prepare(_)
            | Self::Reconcile(_) => Printing::Answer,
        }
    }
}

/// Runs a command. A bad record is an answer, not an error: the exit code then is 1.
///
/// # Errors
/// When there is no answer.
pub async fn run(command: JournalCommand, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    match command {
        JournalCommand::Verify(arguments) => verify::run_verify(&arguments, out).await,
        JournalCommand::List(arguments) => while_read(run_list(&arguments, out).await),
        JournalCommand::Tail(arguments) => while_read(tail::run_tail(&arguments, out, interrupted()).await),
        JournalCommand::Export(arguments) => export::run_export(&arguments, out, interrupted()).await,
        JournalCommand::Backups(arguments) => backups::run_backups(&arguments, out).await,
        JournalCommand::Backup(arguments) => backups::run_backup(&arguments, out).await,
        JournalCommand::Key { command } => checkpoint::run_key(&command, out),
        JournalCommand::Checkpoint(arguments) => checkpoint::run_sign(&arguments, out).await,
        JournalCommand::Archive(arguments) => archive::run_archive(&arguments, out).await,
        JournalCommand::Prepare(arguments) => prepare::run_prepare(&arguments, out).await,
        JournalCommand::Reconcile(arguments) => reconcile::run_reconcile(arguments, out).await,
    }
}

/// What a journal was held against: how many of each.
#[derive(Clone, Copy, Debug)]
struct Against {
    receipts: usize,
    checkpoints: usize,
}

/// Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process as ever.
        std::future::pending().await
    }
}

/// Whoever reads may go away (`… | head`): nothing is left to be done then.
fn while_read(result: Result<ExitCode, CommandError>) -> Result<ExitCode, CommandError> {
    match result {
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => result,
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
