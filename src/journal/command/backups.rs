//! `journal backups` and `journal backup`: for restoring by hand when the gateway is down.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use super::{
    super::{
        BACKUPS_MAX,
        backups::{read_backup, read_backups},
    },
    CommandError, render,
};
use crate::{
    store::{BackupFilter, Location},
    types::AccountId,
};

/// Arguments of `backups`.
#[derive(Clone, Debug, Args)]
pub struct BackupsArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// Of resources in this account only
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// Of this resource only
    #[arg(long, value_name = "ARN")]
    pub resource: Option<String>,
    /// Print one JSON object a line, without the policies
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArguments {
    /// The journal's file, or the postgresql:// URL of its database
    #[arg(long, value_name = "FILE|URL")]
    pub journal: Location,
    /// Id of the backup, as `backups` shows it
    #[arg(value_name = "ID")]
    pub id: String,
}

pub(super) async fn run_backups(arguments: &BackupsArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let account = arguments.account.map(|account| account.to_string());
    let mut before = None;
    loop {
        let (account, resource) = (account.clone(), arguments.resource.clone());
        let filter = BackupFilter { account, resource, before, limit: BACKUPS_MAX };
        let page = read_backups(&arguments.journal, &filter).await?;
        for backup in &page {
            if arguments.json {
                render::backup_json(out, backup)?;
            } else {
                render::backup(out, backup)?;
            }
        }
        match page.last() {
            Some(last) => before = Some(last.journal_index),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

pub(super) async fn run_backup(arguments: &BackupArguments, out: &mut dyn Write) -> Result<ExitCode, CommandError> {
    let backup = read_backup(&arguments.journal, &arguments.id).await?;
    let policy = backup.ok_or(CommandError::NoBackup)?.policy;
    // Standard output takes escape sequences away where it is no terminal. A policy that AWS accepted has none.
    if policy.contains('\u{1b}') {
        return Err(
            io::Error::other("the policy holds control characters: read the table policy_backups by SQL").into()
        );
    }
    out.write_all(policy.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
