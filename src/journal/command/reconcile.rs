//! `journal reconcile`: the journal against CloudTrail.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    super::{
        ReconcileError, VerifyError,
        reconcile::{Scope, Verdict, grace, moment, reconcile, render as findings},
    },
    CommandError,
    render::{self, Bad},
};
use crate::{clock::Timestamp, store::Location, types::AccountId};

pub(super) const EXAMPLES: &str = "\
Examples:
  Everything that an organization's trail delivered in November:
    aws s3 sync s3://example-trail/AWSLogs/o-exampleorgid logs --exclude '*' --include '*/CloudTrail/*/2026/11/*'
    rootgate journal reconcile --journal journal.db --cloudtrail logs
  One account, on one day:
    rootgate journal reconcile --journal journal.db --cloudtrail logs --account 333333333333 --since 2026-11-21T00:00:00Z --until 2026-11-22T00:00:00Z
  For a script:
    rootgate journal reconcile --journal journal.db --cloudtrail logs --json | jq 'select(.finding)'

That no log file was changed or removed, `aws cloudtrail validate-logs` says.";

/// Arguments of `reconcile`.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// CloudTrail log files, or folders of them as a trail delivers them, packed or not
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub cloudtrail: Vec<PathBuf>,
    /// Only what happened from then on; the logs then are taken to begin there
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only what happened until then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Only what was done to this account
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// Account of the gateway's own credentials or broker roles, whose logs hold its calls of AssumeRoot; if logs of it are
    /// missing, these calls are not looked for. May be given several times
    #[arg(long, value_name = "ID")]
    pub gateway_account: Vec<AccountId>,
    /// How late CloudTrail may deliver: acts that are younger than the newest event less this are not missed
    #[arg(long, value_name = "SPAN", value_parser = grace, default_value = "30m")]
    pub grace: Duration,
    /// Take the journal as it is stored, without checking its chain
    #[arg(long)]
    pub no_verify: bool,
    /// Print one JSON object a line for each finding, and one for the summary
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run_reconcile(
    arguments: ReconcileArguments,
    out: &mut dyn Write,
) -> Result<ExitCode, CommandError> {
    let scope = Scope {
        cloudtrail: arguments.cloudtrail,
        since: arguments.since,
        until: arguments.until,
        account: arguments.account,
        gateway_accounts: arguments.gateway_account,
        grace: arguments.grace,
        verify: !arguments.no_verify,
    };
    let report = match reconcile(&arguments.journal, scope).await {
        Ok(report) => report,
        // What is not what was written proves nothing about AWS.
        Err(ReconcileError::Journal(VerifyError::Tampered { index, fault })) => {
            let bad = Bad { place: None, index, fault: &fault };
            if arguments.json {
                render::tampered_json(out, &bad)?;
            } else {
                render::tampered(out, &bad)?;
            }
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    if arguments.json {
        findings::report_json(out, &report)?;
    } else {
        findings::report(out, &report)?;
    }
    match report.verdict() {
        Verdict::Agrees => Ok(ExitCode::SUCCESS),
        Verdict::Differs => Ok(ExitCode::FAILURE),
        Verdict::Nothing => Err(ReconcileError::NothingCompared.into()),
    }
}
