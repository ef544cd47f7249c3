//! `journal archive`.

use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, value_parser};

use super::{super::archive, CommandError};
use crate::{clock::SystemClock, store::Location, types::hex};

pub(super) const EXAMPLES: &str = "\
Examples:
  Move the first million records into a file:
    rootgate journal archive --journal journal.db --until 1000000 --output journal-1.jsonl
  Check the file and what is left as one journal, before the file goes to where it is kept:
    rootgate journal verify --journal journal.db --export journal-1.jsonl
  After a second archive, with all of them in their order:
    rootgate journal verify --journal journal.db --export journal-1.jsonl --export journal-2.jsonl";

/// Arguments of `archive`.
#[derive(Clone, Debug, Args)]
pub struct ArchiveArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// Index of the last record to move
    #[arg(long, value_name = "INDEX", value_parser = value_parser!(u64).range(1..))]
    pub until: u64,
    /// File to write, as JSONL, readable for its owner only; it must not exist
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

pub(super) async fn run_archive(arguments: &ArchiveArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let ArchiveArguments { journal, until, output } = arguments;
    let archived = archive(&journal.into(), Arc::new(SystemClock), *until, output).await?;
    writeln!(out, "archived: records {} to {} in {}", archived.first, archived.last.index, output.display())?;
    writeln!(out, "last record: {}", archived.last)?;
    writeln!(out, "SHA-256 of the file: {}", hex(&archived.file_sha256))?;
    Ok(ExitCode::SUCCESS)
}
