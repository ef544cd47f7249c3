//! What a caller is told, and what is recorded, where a decision or an act fails.

use super::{Refused, limits};
use crate::{
    authn::AuthnFailure,
    authz::Denial,
    aws::Trail,
    error::{Error, ErrorReason},
    journal::AppendError,
    types::Kind,
};

/// The same words whatever failed: an attacker learns nothing from them.
pub(super) fn unauthenticated(failure: &AuthnFailure) -> Refused {
    let error = Error::new(ErrorReason::Unauthenticated, AuthnFailure::PUBLIC).with_private(failure.reason());
    Refused { error, caller: None, policies: Vec::new() }
}

pub(super) fn permission_denied(kind: Kind, denial: &Denial) -> Error {
    let private = match (denial.errors.as_slice(), denial.policies.as_slice()) {
        ([], []) => "no policy permits it".to_owned(),
        ([], policies) => format!("forbidden by {}", policies.join(", ")),
        (errors, _) => format!("policy could not be evaluated: {}", errors.join("; ")),
    };
    let words = format!("policy does not allow this {kind}");
    Error::new(ErrorReason::PermissionDenied, words).with_private(private)
}

/// Nothing is done that cannot be recorded.
pub(super) fn unrecorded(error: &AppendError) -> Error {
    match error {
        // No repetition would help: the record itself is impossible.
        AppendError::TooLarge { .. }
        | AppendError::PolicyTooLarge { .. }
        | AppendError::SecondBackup(_)
        | AppendError::Unencodable(_) => Error::internal(error.to_string()),
        AppendError::TargetHeld(_) => {
            let words = "another operation works on the same target; look at its result before you try again";
            Error::new(ErrorReason::ResourceBusy, words)
        }
        AppendError::RequestKnown(_) => Error::internal(error.to_string()),
        AppendError::Busy | AppendError::NoOpenIntent(_) | AppendError::Unwritable(_) | AppendError::Closed => {
            let words = "the journal cannot be written, so nothing is done; the gateway's operators see why in its log";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
    }
}

/// Whether an act that was cut short can have changed anything.
fn may_have_changed(kind: Kind, trail: &Trail) -> bool {
    match kind {
        // The session itself is what is handed out.
        Kind::AssumeRoot => trail.session_asked(),
        Kind::UnlockBucketPolicy
        | Kind::UnlockQueuePolicy
        | Kind::RestoreBucketPolicy
        | Kind::RestoreQueuePolicy
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery => trail.change_begun(),
        Kind::AuditRootCredentials
        | Kind::ListPolicyBackups
        | Kind::ExplainAccess
        | Kind::ListRecords
        | Kind::GetCheckpoint => false,
    }
}

fn unknown(private: &str) -> Error {
    let words = "the act was cut short, and it is not known what it changed; look before you try again";
    Error::new(ErrorReason::OutcomeUnknown, words).with_private(private)
}

pub(super) fn panicked(kind: Kind, trail: &Trail) -> Error {
    let private = "the act ended in a panic";
    if may_have_changed(kind, trail) { unknown(private) } else { Error::internal(private) }
}

pub(super) fn out_of_time(kind: Kind, trail: &Trail) -> Error {
    let private = "the operation's time was over";
    if may_have_changed(kind, trail) {
        return unknown(private);
    }
    if !limits::reaches_account(kind) {
        let words = "the gateway's own store did not answer in time; try again, or ask for less";
        return Error::new(ErrorReason::JournalUnavailable, words).with_private(private);
    }
    Error::new(ErrorReason::AwsUnavailable, "AWS did not answer in time; nothing was changed").with_private(private)
}
