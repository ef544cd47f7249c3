//! What became of root credentials that were to be deleted.

use crate::{
    aws::{AwsFailure, CredentialItem},
    error::{Error, ErrorReason},
    ops::{Plan, Verification},
};

/// What became of one credential.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Which; without id where a whole kind could not be listed.
    pub item: CredentialItem,
    /// What became of it.
    pub status: DeletionStatus,
    /// What AWS answered, if it was no success.
    pub failure: Option<AwsFailure>,
    /// AWS request id of the deciding call.
    pub request_id: Option<String>,
    /// Why it was not deleted, where AWS was not asked.
    pub note: &'static str,
}

/// What became of one credential. There is no default: each status is something that AWS said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionStatus {
    /// It existed, and AWS acknowledged its deletion or a second listing showed that it is gone.
    Deleted,
    /// It was gone when it was to be deleted.
    AlreadyAbsent,
    /// It still exists, or could not be listed.
    Failed,
    /// No answer, and no second listing.
    Unknown,
}

impl DeletionStatus {
    /// Name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "DELETED",
            Self::AlreadyAbsent => "ALREADY_ABSENT",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What became of all of them.
#[derive(Clone, Debug)]
pub struct RootCredentialsDeletion {
    /// Each credential that was found, and each kind that could not be listed.
    pub items: Vec<Deletion>,
    /// What the second listing showed.
    pub verification: Verification,
    /// Filled if only a plan was asked for.
    pub plan: Option<Plan>,
}

impl RootCredentialsDeletion {
    /// Whether anything was deleted; none if nobody can know.
    #[must_use]
    pub fn changed(&self) -> Option<bool> {
        let any = |status| self.items.iter().any(|item| item.status == status);
        if any(DeletionStatus::Deleted) {
            return Some(true);
        }
        if any(DeletionStatus::Unknown) { None } else { Some(false) }
    }

    /// Why it is not complete, if it is not.
    #[must_use]
    pub fn shortfall(&self) -> Option<Error> {
        let with = |status| self.items.iter().filter(move |item| item.status == status);
        if let Some(unknown) = with(DeletionStatus::Unknown).next() {
            return Some(unknown.failure.clone().map_or_else(not_known, AwsFailure::into_unknown));
        }
        let failed = with(DeletionStatus::Failed).next()?;
        let count = with(DeletionStatus::Failed).count();
        // Nothing done at all: the cause itself is the most useful answer.
        let cause = failed.failure.clone().filter(|_| self.changed() == Some(false)).map(AwsFailure::into_error);
        let words = format!("{count} of {} root credentials could not be deleted; see the items", self.items.len());
        Some(cause.unwrap_or_else(|| Error::new(ErrorReason::Incomplete, words)))
    }
}

fn not_known() -> Error {
    Error::new(
        ErrorReason::OutcomeUnknown,
        "it is not known whether a root credential was deleted; audit before you try again",
    )
}
