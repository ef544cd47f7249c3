//! How many operations run at a time, how long each kind may take, and which exclude each other.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::failures::shutting_down;
use crate::{
    error::{Error, ErrorReason},
    types::Kind,
};

/// How long it may take to learn what the target account is. Asked before the act, so its own time.
pub(super) const TARGET_CHECK_LIMIT: Duration = Duration::from_secs(15);

/// After so long an overloaded gateway may be asked again: about one operation's time.
const OVERLOADED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long an operation may take, all AWS calls and retries counted in. Below the life of its root session (300 s), so
/// that no session runs out half-way.
pub(super) const fn time_limit(kind: Kind) -> Duration {
    let seconds = match kind {
        Kind::AssumeRoot => 30,
        Kind::UnlockBucketPolicy | Kind::UnlockQueuePolicy | Kind::RestoreBucketPolicy | Kind::RestoreQueuePolicy => 90,
        Kind::DeleteRootCredentials => 120,
        Kind::AllowPasswordRecovery | Kind::AuditRootCredentials => 60,
        // They ask nobody outside.
        Kind::ListPolicyBackups | Kind::ExplainAccess | Kind::GetCheckpoint => 5,
        // A page reads up to 20,000 records, and may wait for its turn among readers.
        Kind::ListRecords => 20,
    };
    Duration::from_secs(seconds)
}

/// Whether only one operation at a time may work on the same target.
pub(super) const fn exclusive(kind: Kind) -> bool {
    match kind {
        Kind::UnlockBucketPolicy
        | Kind::UnlockQueuePolicy
        | Kind::RestoreBucketPolicy
        | Kind::RestoreQueuePolicy
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery => true,
        // Two sessions or two audits do not disturb each other.
        Kind::AssumeRoot
        | Kind::AuditRootCredentials
        | Kind::ListPolicyBackups
        | Kind::ExplainAccess
        | Kind::ListRecords
        | Kind::GetCheckpoint => false,
    }
}

/// Whether the act reaches the account that it is about, so that the account must be one that may be reached.
pub(super) const fn reaches_account(kind: Kind) -> bool {
    match kind {
        Kind::AssumeRoot
        | Kind::UnlockBucketPolicy
        | Kind::UnlockQueuePolicy
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery
        | Kind::AuditRootCredentials
        | Kind::RestoreBucketPolicy
        | Kind::RestoreQueuePolicy => true,
        Kind::ListPolicyBackups | Kind::ExplainAccess | Kind::ListRecords | Kind::GetCheckpoint => false,
    }
}

/// Room for operations. tonic's own limit counts per connection and is released when the caller goes away; a slot is
/// held until the outcome is recorded.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Semaphore>);

/// A place, given back when dropped.
pub(super) struct Slot(#[allow(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Slots {
    /// Room for so many.
    #[must_use]
    pub fn new(slots_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(slots_max.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes a place, or refuses at once: a queue would only hide the overload.
    pub(super) fn take(&self) -> Result<Slot, Error> {
        Arc::clone(&self.0).try_acquire_owned().map(Slot).map_err(|error| match error {
            TryAcquireError::NoPermits => Error::new(ErrorReason::Overloaded, "too many operations are in flight")
                .with_retry_after(OVERLOADED_RETRY_AFTER),
            TryAcquireError::Closed => shutting_down(),
        })
    }

    /// Whether everybody is refused by now.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Refuses everybody from now on.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gate_refuses_at_once_and_a_freed_slot_is_taken_again() {
        let slots = Slots::new(1);
        let slot = slots.take().unwrap_or_else(|_| panic!("the first slot is free"));
        assert_eq!(slots.take().err().map(|error| error.reason()), Some(ErrorReason::Overloaded));
        drop(slot);
        assert!(slots.take().is_ok());
        slots.close();
        assert_eq!(slots.take().err().map(|error| error.reason()), Some(ErrorReason::ShuttingDown));
    }

    #[test]
    fn no_operation_outlives_its_root_session() {
        let session = Duration::from_secs(crate::aws::ROOT_SESSION_SECONDS.into());
        for kind in Kind::ALL {
            assert!(time_limit(kind) < session, "{kind}");
        }
    }
}
