//! `journal export`.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, value_parser};

use super::{
    super::{
        ExportFailure, FileError, Format,
        export::{Exported, NewFile, Range, export},
    },
    CommandError,
};

use crate::store::Location;

/// Written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Arguments of `export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub format: Format,
    /// Index of the first record; the first that is not archived unless given
    #[arg(long, value_name = "INDEX", value_parser = value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// Index of the last record; the last of the journal unless given
    #[arg(long, value_name = "INDEX", value_parser = value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// File to write, readable for its owner only; standard output unless given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, requires = "output")]
    pub force: bool,
}

pub(super) async fn run_export(
    arguments: &ExportArguments,
    out: &mut dyn Write,
    interrupted: impl Future<Output = ()>,
) -> Result<ExitCode, CommandError> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && to < from
    {
        return Err(CommandError::Range { from, to });
    }
    match &arguments.output {
        None => {
            to_writer(arguments, &mut BufWriter::with_capacity(BUFFER_BYTES, out)).await?;
        }
        Some(path) => {
            let exported = tokio::select! {
                exported = to_file(arguments, path) => exported?,
                () = interrupted => return Err(CommandError::Interrupted),
            };
            writeln!(out, "exported: {} records to {}", exported.records, path.display())?;
            writeln!(out, "last record: {}", exported.last)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn to_file(arguments: &ExportArguments, path: &Path) -> Result<Exported, CommandError> {
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, NewFile::create(path, arguments.force)?);
    let exported = to_writer(arguments, &mut file).await.map_err(|error| match error {
        CommandError::Output(cause) => FileError::Output { path: path.to_owned(), cause }.into(),
        error => error,
    })?;
    let file = file.into_inner().map_err(|error| FileError::Output { path: path.to_owned(), cause: error.into() })?;
    file.finish()?;
    Ok(exported)
}

async fn to_writer(arguments: &ExportArguments, out: &mut dyn Write) -> Result<Exported, CommandError> {
    let range = Range { from: arguments.from, to: arguments.to };
    export(&arguments.journal, arguments.format, range, out).await.map_err(|error| match error {
        ExportFailure::Output(error) => CommandError::Output(error),
        ExportFailure::Journal(error) => CommandError::Journal(error),
        error @ (ExportFailure::Nothing { .. } | ExportFailure::Archived { .. }) => CommandError::NoExport(error),
    })
}
