//! What a caller is told, and what is recorded, where a decision or an act fails.

use std::time::Duration;

use super::{Refused, limits};
use crate::{
    authn::AuthnFailure,
    authz::{Denial, Target},
    aws::Trail,
    error::{Error, ErrorReason, Help},
    journal::{AppendError, ReadError},
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
        // What an intent claims is settled where it is made.
        AppendError::TargetHeld(_)
        | AppendError::RequestKnown(_)
        | AppendError::TooLarge { .. }
        | AppendError::PolicyTooLarge { .. }
        | AppendError::SecondBackup(_)
        | AppendError::Unencodable(_) => Error::internal(error.to_string()),
        // Of an act that is under way: its backup, or the question whether it may go on.
        AppendError::NoOpenIntent(_) => {
            let words = "this gateway was cut off from the journal for so long that another one has closed the act's intent, so \
                         nothing more is done; look at the target before you try again";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
        AppendError::Busy | AppendError::Unwritable(_) | AppendError::Closed => {
            let words = "the journal cannot be written, so nothing is done; the gateway's operators see why in its log";
            Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
        }
    }
}

/// Nothing more is done by an act that may have ended for everybody else.
pub(super) fn unconfirmed(error: &AppendError) -> Error {
    if let AppendError::NoOpenIntent(_) = error {
        return unrecorded(error);
    }
    let words = "the journal does not answer whether the act may go on, so nothing more is done; the gateway's operators see \
                 why in its log";
    Error::new(ErrorReason::JournalUnavailable, words).with_private(error.to_string())
}

/// What the waiting caller wanted to change is about to be changed. Who does that is told to nobody.
pub(super) fn busy(target: &Target, holder: &str) -> Error {
    let words = "another operation works on the same target; look at its result before you try again";
    Error::new(ErrorReason::ResourceBusy, words)
        .with_metadata("resource", target.arn())
        .with_private(format!("operation {holder} works on the same target"))
}

/// About one operation's time.
const IN_FLIGHT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The twin is the caller's own, so it learns which one it is.
pub(super) fn in_flight(operation_id: &str) -> Error {
    let words = "the request with this request_id still runs; repeat it, unchanged, to be told how it ended";
    Error::new(ErrorReason::RequestInFlight, words)
        .with_metadata("first_operation_id", operation_id)
        .with_retry_after(IN_FLIGHT_RETRY_AFTER)
}

pub(super) fn reused(first: &str) -> Error {
    let words =
        "this request_id stands for another request of yours; a request_id is for one request and its repetitions";
    Error::new(ErrorReason::RequestIdReused, words)
        .with_metadata("first_operation_id", first)
        .with_private(format!("the request id stands for operation {first}, which asks for something else"))
}

/// A gateway ended in the middle of the act, or was taken for dead.
pub(super) fn interrupted() -> Error {
    let words = "a gateway ended in the middle of this request, or was cut off from the journal, and it is not known what it changed; \
                 look before you try again";
    let help = Help {
        words: "plan or audit the target, look for the act in the member account's CloudTrail, then ask with a new request_id",
        url: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html",
    };
    Error::new(ErrorReason::OutcomeUnknown, words).with_help(help)
}

pub(super) fn shutting_down() -> Error {
    Error::new(ErrorReason::ShuttingDown, "the gateway is stopping")
}

/// What is known of the request cannot be read, so it is not known whether it was carried out: nothing is done.
pub(super) fn unread_request(error: &ReadError) -> Error {
    match error {
        ReadError::Unreadable(_) => {
            Error::new(ErrorReason::JournalUnavailable, UNREAD_REQUEST).with_private(error.to_string())
        }
        ReadError::Tampered { .. } => Error::internal(error.to_string()),
    }
}

/// The journal does not answer.
pub(super) fn request_not_read_in_time() -> Error {
    Error::new(ErrorReason::JournalUnavailable, UNREAD_REQUEST).with_private("the journal did not answer in time")
}

const UNREAD_REQUEST: &str = "it cannot be read whether this request was made before, so nothing is done; the gateway's \
    operators see why in its log";

pub(super) fn panicked_before() -> Error {
    Error::internal("the decision ended in a panic before the act")
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
