//! Holds the journal against CloudTrail, which knows of every root session, whoever opened it.
//!
//! `files` finds and unpacks log files, `cloudtrail` reads their records, `logs` keeps what bears on root, `acts` reads the
//! journal, `matching` compares, `render` says what was found.
//!
//! A call and an event are the same if they have the same request id, a session and its events if they have the same access
//! key id. Nothing is matched by its time alone.

mod acts;
mod cloudtrail;
mod files;
mod logs;
mod matching;
pub(super) mod render;
mod times;

pub(super) use matching::{Report, Verdict};
pub(super) use times::{grace, moment};

use std::{io, path::PathBuf, time::Duration};

use super::{VerifyError, verify};
use crate::{clock::Timestamp, store::Location, types::AccountId};

use self::{logs::Logs, matching::Matching};

/// What to compare.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Log files, or folders of them.
    pub(super) cloudtrail: Vec<PathBuf>,
    /// Only what happened from then on.
    pub(super) since: Option<Timestamp>,
    /// Only what happened until then.
    pub(super) until: Option<Timestamp>,
    /// Only what was done to this account.
    pub(super) account: Option<AccountId>,
    /// In whose logs the gateway's own calls stand; any, if none is given.
    pub(super) gateway_accounts: Vec<AccountId>,
    /// How late CloudTrail may deliver.
    pub(super) grace: Duration,
    /// Whether the chain is checked first.
    pub(super) verify: bool,
}

impl Scope {
    fn holds(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at <= until)
    }

    fn is_about(&self, account: Option<AccountId>) -> bool {
        self.account.is_none() || self.account == account
    }
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A path cannot be read at all. What is wrong inside of a log file is an answer, not an error.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to compare with.
    #[error("there are no CloudTrail log files in what --cloudtrail names: they end in .json or .json.gz")]
    NoLogs,
    /// There is nothing that both tell of.
    #[error(
        "the logs have no record of what the journal tells of: give those of the gateway's account and of the member accounts, of the same days"
    )]
    NothingCompared,
    /// One of the bounds of the comparison.
    #[error("{0}")]
    TooMuch(&'static str),
    /// The journal cannot be read, or is not what was written.
    #[error(transparent)]
    Journal(#[from] VerifyError),
}

/// Compares the whole journal with the logs.
///
/// # Errors
/// When there is nothing to compare, or a bad record of the journal.
pub(super) async fn reconcile(journal: &Location, scope: Scope) -> Result<Report, ReconcileError> {
    let verified = if scope.verify { Some(verify(journal, &[]).await?) } else { None };
    let asked = scope.clone();
    let logs = tokio::task::spawn_blocking(move || Logs::read(&asked)).await;
    let logs = logs.unwrap_or_else(|error| {
        Err(ReconcileError::Unreadable { path: PathBuf::from("--cloudtrail"), source: io::Error::other(error) })
    })?;
    let mut matching = Matching::new(logs, scope);
    acts::read(journal, verified.and_then(|verified| verified.head), &mut matching).await?;
    Ok(matching.finish())
}

#[cfg(test)]
mod tests;
