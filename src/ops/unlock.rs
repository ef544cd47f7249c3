//! What unlocking a bucket and a queue have in common: read the policy, remove it, read again.
//!
//! Later modes (surgical removal, replacement) belong here, between the first read and the change.

use serde_json::{Value, json};

use super::Verification;
use crate::{
    aws::{AwsFailure, Fate, Trail},
    error::{Error, ErrorReason},
    types::Region,
};

/// A policy that can be read and removed.
pub(super) trait RemovablePolicy: Sync {
    fn region(&self) -> &Region;
    fn read(&self) -> impl Future<Output = Result<Option<String>, AwsFailure>> + Send;
    fn remove(&self) -> impl Future<Output = Result<(), AwsFailure>> + Send;
}

/// The policy before the act: the only undo there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviousPolicy {
    /// There was none.
    None,
    /// As AWS returned it.
    Text(String),
    /// It could not be read; the AWS error code says why.
    Unreadable(String),
}

/// What unlocking did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    /// The policy before.
    pub previous: PreviousPolicy,
    /// What a second read showed.
    pub verification: Verification,
}

impl Unlocked {
    /// Whether there was anything to remove; not known where it could not be read, for AWS answers a removal the same
    /// whether there was a policy or not.
    #[must_use]
    pub fn changed(&self) -> Option<bool> {
        match self.previous {
            PreviousPolicy::None => Some(false),
            PreviousPolicy::Text(_) => Some(true),
            PreviousPolicy::Unreadable(_) => None,
        }
    }

    pub(super) fn detail(&self) -> Value {
        // The text itself is in the backup record.
        let unreadable = match &self.previous {
            PreviousPolicy::None | PreviousPolicy::Text(_) => None,
            PreviousPolicy::Unreadable(code) => Some(code),
        };
        json!({ "previous_policy_unreadable": unreadable, "verification": self.verification.name() })
    }
}

/// Deletes the whole policy.
pub(super) async fn delete_policy(policy: &impl RemovablePolicy, trail: &Trail) -> Result<Unlocked, Error> {
    let previous = match policy.read().await {
        Ok(None) => {
            return Ok(Unlocked { previous: PreviousPolicy::None, verification: Verification::NothingChanged });
        }
        Ok(Some(text)) => {
            trail.back_up(&text, policy.region()).await?;
            PreviousPolicy::Text(text)
        }
        Err(failure) => PreviousPolicy::Unreadable(unreadable(failure)?),
    };
    match policy.remove().await {
        Ok(()) => {
            let verification = match policy.read().await {
                Ok(None) => Verification::Verified,
                Ok(Some(_)) => Verification::PendingPropagation,
                Err(_) => Verification::Unreadable,
            };
            Ok(Unlocked { previous, verification })
        }
        Err(failure) if failure.fate == Fate::Unknown => settle(policy, previous, failure).await,
        Err(failure) => Err(failure.into_error()),
    }
}

/// A policy that AWS refuses to show does not stop an explicit deletion. Everything else does: a bucket that is not
/// there, and a failure that may be gone in a moment, for then a backup is still to be had.
fn unreadable(failure: AwsFailure) -> Result<String, Error> {
    let code = failure.code_or_fate().to_owned();
    let error = failure.into_error();
    match error.reason() {
        ErrorReason::AwsAccessDenied | ErrorReason::ScpDeny | ErrorReason::RcpDeny => Ok(code),
        _ => Err(error),
    }
}

/// The removal got no clear answer: a read tells whether it was done.
async fn settle(
    policy: &impl RemovablePolicy,
    previous: PreviousPolicy,
    failure: AwsFailure,
) -> Result<Unlocked, Error> {
    match policy.read().await {
        Ok(None) => Ok(Unlocked { previous, verification: Verification::Verified }),
        // Still there: either it was not done, or the change is on its way. Removing is idempotent, but that is the
        // caller's decision.
        Ok(Some(_)) | Err(_) => Err(failure.into_unknown()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::aws::Backups;

    /// Answers from a script, and keeps what was asked.
    struct Scripted {
        reads: Mutex<Vec<Result<Option<String>, AwsFailure>>>,
        removal: Result<(), AwsFailure>,
        asked: Mutex<Vec<&'static str>>,
        region: Region,
    }

    impl Scripted {
        fn new(reads: Vec<Result<Option<String>, AwsFailure>>, removal: Result<(), AwsFailure>) -> Self {
            let region = "eu-west-1".parse().unwrap();
            Self { reads: Mutex::new(reads), removal, asked: Mutex::default(), region }
        }

        fn asked(&self) -> Vec<&'static str> {
            self.asked.lock().unwrap().clone()
        }
    }

    impl RemovablePolicy for Scripted {
        fn region(&self) -> &Region {
            &self.region
        }

        async fn read(&self) -> Result<Option<String>, AwsFailure> {
            self.asked.lock().unwrap().push("read");
            self.reads.lock().unwrap().remove(0)
        }

        async fn remove(&self) -> Result<(), AwsFailure> {
            self.asked.lock().unwrap().push("remove");
            self.removal.clone()
        }
    }

    /// Keeps backups in memory.
    #[derive(Default)]
    struct Shelf(Mutex<Vec<String>>);

    impl Backups for Shelf {
        fn keep(
            &self,
            previous_policy: String,
            region: String,
        ) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
            assert_eq!(region, "eu-west-1");
            self.0.lock().unwrap().push(previous_policy);
            Box::pin(async { Ok(7) })
        }
    }

    /// A trail and where its backups go.
    fn kept() -> (Trail, Arc<Shelf>) {
        let shelf = Arc::new(Shelf::default());
        (Trail::with_backups(Arc::clone(&shelf) as Arc<dyn Backups>), shelf)
    }

    #[tokio::test]
    async fn no_backup_no_change() {
        let policy = Scripted::new(vec![some("{}")], Ok(()));
        assert!(delete_policy(&policy, &Trail::default()).await.is_err(), "this trail has no place for backups");
        assert_eq!(policy.asked(), ["read"]);
    }

    fn failure(code: &str, fate: Fate) -> AwsFailure {
        AwsFailure {
            service: "s3",
            operation: "DeleteBucketPolicy",
            status: Some(403),
            code: Some(code.to_owned()),
            message: "words".into(),
            request_id: Some("R1".to_owned()),
            bucket_region: None,
            fate,
        }
    }

    fn some(text: &str) -> Result<Option<String>, AwsFailure> {
        Ok(Some(text.to_owned()))
    }

    #[tokio::test]
    async fn nothing_to_do_is_its_own_answer_and_touches_nothing() {
        let policy = Scripted::new(vec![Ok(None)], Ok(()));
        let unlocked = delete_policy(&policy, &kept().0).await.unwrap();
        assert_eq!(unlocked.changed(), Some(false));
        assert_eq!(policy.asked(), ["read"]);
    }

    #[tokio::test]
    async fn the_policy_is_kept_and_the_removal_is_read_back() {
        let policy = Scripted::new(vec![some("{}"), Ok(None)], Ok(()));
        let unlocked = delete_policy(&policy, &kept().0).await.unwrap();
        assert_eq!(
            unlocked,
            Unlocked { previous: PreviousPolicy::Text("{}".to_owned()), verification: Verification::Verified }
        );
        assert_eq!(policy.asked(), ["read", "remove", "read"]);
    }

    #[tokio::test]
    async fn an_old_state_after_the_act_is_not_called_verified() {
        let policy = Scripted::new(vec![some("{}"), some("{}")], Ok(()));
        assert_eq!(delete_policy(&policy, &kept().0).await.unwrap().verification, Verification::PendingPropagation);
        let policy = Scripted::new(vec![some("{}"), Err(failure("AccessDenied", Fate::Refused))], Ok(()));
        assert_eq!(delete_policy(&policy, &kept().0).await.unwrap().verification, Verification::Unreadable);
    }

    #[tokio::test]
    async fn a_policy_that_may_not_be_read_is_deleted_all_the_same() {
        let denied = failure("AccessDenied", Fate::Refused);
        let policy = Scripted::new(vec![Err(denied), Ok(None)], Ok(()));
        let unlocked = delete_policy(&policy, &kept().0).await.unwrap();
        assert_eq!(unlocked.previous, PreviousPolicy::Unreadable("AccessDenied".to_owned()));
        assert_eq!(unlocked.changed(), None, "nobody knows");
    }

    #[tokio::test]
    async fn a_passing_failure_to_read_stops_the_act() {
        for (code, fate) in
            [("Throttling", Fate::Refused), ("NoSuchBucket", Fate::Refused), ("InternalError", Fate::Unknown)]
        {
            let policy = Scripted::new(vec![Err(failure(code, fate))], Ok(()));
            assert!(delete_policy(&policy, &kept().0).await.is_err(), "{code}");
            assert_eq!(policy.asked(), ["read"], "{code}");
        }
    }

    #[tokio::test]
    async fn a_lost_answer_ends_as_the_truth_where_a_read_can_tell() {
        let lost = || Err(failure("", Fate::Unknown));
        let policy = Scripted::new(vec![some("{}"), Ok(None)], lost());
        assert_eq!(delete_policy(&policy, &kept().0).await.unwrap().verification, Verification::Verified);
        let policy = Scripted::new(vec![some("{}"), some("{}")], lost());
        assert_eq!(delete_policy(&policy, &kept().0).await.unwrap_err().reason(), ErrorReason::OutcomeUnknown);
        let policy = Scripted::new(vec![some("{}"), Err(failure("", Fate::Unknown))], lost());
        let (trail, shelf) = kept();
        assert_eq!(delete_policy(&policy, &trail).await.unwrap_err().reason(), ErrorReason::OutcomeUnknown);
        assert_eq!(*shelf.0.lock().unwrap(), ["{}"], "the undo is kept however it ends");
    }

    #[tokio::test]
    async fn a_refused_removal_is_an_error() {
        let policy = Scripted::new(vec![some("{}")], Err(failure("AccessDenied", Fate::Refused)));
        assert_eq!(delete_policy(&policy, &kept().0).await.unwrap_err().reason(), ErrorReason::AwsAccessDenied);
    }
}
