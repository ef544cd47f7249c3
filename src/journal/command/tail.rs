//! `journal tail`.

use std::{io::Write, pin::pin, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    super::{LIST_RECORDS_MAX, VerifyError, list, records::Records},
    CommandError, render,
};

use crate::store::Location;

/// Soon enough for a person who looks on; the gateway does not notice it.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Arguments of `tail`.
#[derive(Clone, Debug, Args)]
pub struct TailArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// How many of the last records to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub lines: u64,
    /// Go on with new records, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Print one JSON object a line: {"hash":…,"record":…}, the record as it is stored to the byte
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run_tail(
    arguments: &TailArguments,
    out: &mut dyn Write,
    interrupted: impl Future<Output = ()>,
) -> Result<ExitCode, CommandError> {
    let mut interrupted = pin!(interrupted);
    let mut next = last_index(&arguments.journal).await?.saturating_sub(arguments.lines).saturating_add(1);
    loop {
        let page = list(&arguments.journal, next, LIST_RECORDS_MAX).await?;
        for record in &page {
            if arguments.json {
                render::record_json(out, record)?;
            } else {
                render::record(out, record)?;
            }
        }
        if let Some(last) = page.last() {
            next = last.index.saturating_add(1);
            continue;
        }
        out.flush()?;
        if !arguments.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = &mut interrupted => return Ok(ExitCode::SUCCESS),
        }
    }
}

async fn last_index(journal: &Location) -> Result<u64, VerifyError> {
    let mut records = Records::begin(&journal.into()).await?;
    let last = records.last_index().await?;
    records.end().await?;
    Ok(last)
}
