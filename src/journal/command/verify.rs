//! `journal verify`: of a journal, or of exports.

use std::{io::Write, path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    super::{
        Expectation, ExportError, ExportSource, Verified, VerifyError,
        verify::{Evidence, read_archives, verify_behind, verify_exports, verify_watched},
    },
    Against, CheckpointArguments, CommandError,
    progress::Progress,
    render::{self, Bad},
};

use crate::store::Location;

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL", required_unless_present = "export")]
    pub journal: Option<Location>,
    /// An export as JSONL, - for standard input; may be given several times, for segments in their order. With --journal:
    /// its archives, which the journal must go on behind
    #[arg(long, value_name = "FILE")]
    pub export: Vec<PathBuf>,
    /// Receipt of the record before the first of the exports, where they do not begin with record 1
    #[arg(long, value_name = "INDEX:HASH", requires = "export")]
    pub after: Option<Expectation>,
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

pub(super) async fn run_verify(arguments: &VerifyArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let (checkpoints, signed) = arguments.checkpoints.expectations()?;
    let against = Against { receipts: arguments.expect.len(), checkpoints };
    let evidence = Evidence { receipts: &arguments.expect, checkpoints: &signed };
    let mut progress = Progress::on_terminal("verifying");
    let mut watch = |records| progress.tell(records);
    let result = verified(arguments, evidence, &mut watch).await;
    progress.clear();
    match result {
        Ok(verified) => good(&verified, against, arguments.json, out),
        Err(CommandError::Journal(VerifyError::Tampered { index, fault })) => {
            bad(&Bad { place: None, index, fault: &fault }, arguments, out)
        }
        Err(CommandError::Export(ExportError::Tampered { place, index, fault })) => {
            bad(&Bad { place: place.as_ref(), index, fault: &fault }, arguments, out)
        }
        Err(error) => Err(error),
    }
}

async fn verified(
    arguments: &VerifyArguments,
    evidence: Evidence<'_>,
    watch: &mut (dyn FnMut(u64) + Send),
) -> Result<Verified, CommandError> {
    let (files, after) = (sources(arguments), arguments.after);
    match &arguments.journal {
        Some(journal) if files.is_empty() => Ok(verify_watched(journal, evidence, watch).await?),
        Some(journal) => {
            let archives = read_archives(&files, after, evidence, watch)?;
            Ok(verify_behind(archives, journal, watch).await?)
        }
        None => Ok(verify_exports(&files, after, &evidence.all(), watch)?),
    }
}

fn sources(arguments: &VerifyArguments) -> Vec<ExportSource> {
    let source = |path: &PathBuf| match path.to_str() {
        Some("-") => ExportSource::StandardInput,
        _ => ExportSource::File(path.clone()),
    };
    arguments.export.iter().map(source).collect()
}

fn good(verified: &Verified, against: Against, json: bool, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    if json {
        render::verified_json(out, verified, against)?;
    } else {
        render::verified(out, verified, against)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn bad(bad: &Bad<'_>, arguments: &VerifyArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    if arguments.json {
        render::tampered_json(out, bad)?;
    } else {
        render::tampered(out, bad)?;
    }
    Ok(ExitCode::FAILURE)
}
