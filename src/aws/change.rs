//! Calls that change something are sent once.
//!
//! A retry by the SDK would hide what became of the first attempt: after a lost success it reports the second attempt's
//! refusal. So these calls get one attempt, and only what AWS surely refused, throttling, is tried again here. What got no
//! answer is settled by reading, in the operation.
//!
//! Before each attempt the journal is asked whether the act may go on: its gateway may have stood still for so long that
//! another one has closed the intent.

use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use tokio::time::sleep;

use super::{AwsFailure, Fate, Trail, failure::THROTTLED};

/// Attempts at a call that is throttled.
const ATTEMPTS_MAX: u32 = 4;
/// Wait before the second attempt; doubled before each further one.
pub(super) const BACKOFF: Duration = Duration::from_millis(250);

/// The SDK's part: one attempt.
pub(super) fn one_attempt() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(1)
}

/// Sends a change, again only if AWS surely did not do it. For a plan nothing is sent.
pub(super) async fn send<T, F>(
    trail: &Trail,
    service: &'static str,
    operation: &'static str,
    call: impl Fn() -> F,
) -> Result<T, AwsFailure>
where
    F: Future<Output = Result<T, AwsFailure>>,
{
    if trail.is_plan() {
        return Err(AwsFailure::of_a_plan(service, operation));
    }
    let attempt = || async {
        trail.confirm(service, operation).await?;
        trail.begins_change();
        call().await
    };
    let mut wait = BACKOFF;
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Err(failure) if failure.fate == Fate::Refused && failure.is(&THROTTLED) => sleep(wait).await,
            answer => return answer,
        }
        wait *= 2;
    }
    attempt().await
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;
    use crate::{aws::testing::Confirming, error::ErrorReason};

    fn failure(code: &str, fate: Fate) -> AwsFailure {
        let mut failure = AwsFailure::nonsense("s3", "DeleteBucketPolicy", "words");
        failure.code = Some(code.to_owned());
        failure.fate = fate;
        failure
    }

    /// How often a call is made that always ends like this.
    async fn attempts(code: &str, fate: Fate) -> u32 {
        let count = AtomicU32::new(0);
        let trail = Trail::default();
        let answer = send(&trail, "s3", "DeleteBucketPolicy", || async {
            count.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(failure(code, fate))
        });
        assert!(answer.await.is_err());
        assert!(trail.change_begun());
        count.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_surely_not_done_is_sent_again() {
        assert_eq!(attempts("Throttling", Fate::Refused).await, ATTEMPTS_MAX);
        assert_eq!(attempts("Throttling", Fate::Unknown).await, 1);
        assert_eq!(attempts("InternalError", Fate::Unknown).await, 1);
        assert_eq!(attempts("AccessDenied", Fate::Refused).await, 1);
    }

    #[tokio::test]
    async fn a_plan_can_change_nothing() {
        let trail = Trail::default().planning();
        let count = AtomicU32::new(0);
        let answer = send(&trail, "s3", "PutBucketPolicy", || async {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let failure = answer.await.unwrap_err();
        assert_eq!((failure.fate, count.into_inner()), (Fate::NotSent, 0));
        assert!(!trail.change_begun() && trail.calls().is_empty());
        let error = failure.into_error();
        assert_eq!(error.reason(), ErrorReason::Internal);
        assert!(
            error.private().contains("a plan tried to change something: s3:PutBucketPolicy"),
            "{}",
            error.private()
        );
        assert!(!error.to_string().contains("plan"), "the defect is for the operators");
    }

    /// How often a throttled call is sent that the journal lets through so often, how it ends, and what the trail says then.
    async fn sent(confirmed: u32) -> (u32, AwsFailure, bool) {
        let count = AtomicU32::new(0);
        let trail = Trail::with_journal(Arc::new(Confirming::times(confirmed)));
        let answer = send(&trail, "s3", "DeleteBucketPolicy", || async {
            count.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(failure("Throttling", Fate::Refused))
        });
        let failure = answer.await.unwrap_err();
        (count.into_inner(), failure, trail.change_begun())
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_is_sent_once_the_journal_does_not_confirm_the_act() {
        let (count, failure, begun) = sent(0).await;
        assert_eq!((count, failure.fate, begun), (0, Fate::NotSent, false));
        let error = failure.into_error();
        assert_eq!(error.reason(), ErrorReason::JournalUnavailable);
        assert_eq!(error.to_string(), "s3:DeleteBucketPolicy was not sent: its intent is closed");
        let (count, failure, begun) = sent(2).await;
        assert_eq!((count, failure.fate, begun), (2, Fate::NotSent, true));
        let (count, failure, _) = sent(99).await;
        assert_eq!((count, failure.fate), (ATTEMPTS_MAX, Fate::Refused));
    }

    #[tokio::test]
    async fn a_plan_stays_one_in_every_hand() {
        assert!(Trail::default().planning().clone().is_plan());
        assert!(!Trail::default().is_plan());
    }
}
