//! Asks for a session until there is an answer.
//!
//! To ask again is harmless, as each answer is a session of its own. But a session whose answer was lost exists, and nothing
//! revokes it. So the SDK gets one attempt at a time, and the caller notes each on the operation's trail.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{AwsFailure, Fate, PlatformSettings, change::BACKOFF, failure::THROTTLED, pace::Pace};

/// The longest wait before an attempt. With the most attempts that the configuration allows, the waits stay well below
/// what an operation may take.
const BACKOFF_MAX: Duration = Duration::from_secs(4);

/// How often, how fast and how long a session is asked for.
#[derive(Debug)]
pub(super) struct Attempts {
    pace: Pace,
    most: u32,
    /// No attempt begins later than so long after the first.
    within: Duration,
}

impl Attempts {
    pub(super) fn new(settings: &PlatformSettings) -> Self {
        let pace = Pace::new(settings.assume_root_per_second_max);
        Self { pace, most: settings.attempts_max, within: settings.operation_timeout }
    }

    /// Waits for a turn, which the first attempt needs; each further one waits for its own.
    pub(super) async fn turn(&self) {
        self.pace.turn().await;
    }

    /// Sends a call until AWS took or refused it. For it, the call must ask the SDK for one attempt only.
    pub(super) async fn until_clear<T, F>(&self, call: impl Fn() -> F) -> Result<T, AwsFailure>
    where
        F: Future<Output = Result<T, AwsFailure>>,
    {
        let first = Instant::now();
        let mut wait = BACKOFF;
        for _ in 1..self.most {
            match call().await {
                Err(failure) if is_worth_another(&failure) && first.elapsed() + wait < self.within => sleep(wait).await,
                answer => return answer,
            }
            wait = BACKOFF_MAX.min(wait * 2);
            self.turn().await;
        }
        call().await
    }
}

fn is_worth_another(failure: &AwsFailure) -> bool {
    failure.fate == Fate::Unknown || failure.is(&THROTTLED)
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZeroU32,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn attempts(most: u32, within: Duration) -> Attempts {
        Attempts { pace: Pace::new(NonZeroU32::new(1).unwrap()), most, within }
    }

    /// How often a call is made that always ends like this, and how long that takes.
    async fn made(attempts: &Attempts, code: Option<&str>, fate: Fate) -> (u32, Duration) {
        let (count, start) = (AtomicU32::new(0), Instant::now());
        let answer = attempts.until_clear(|| async {
            count.fetch_add(1, Ordering::SeqCst);
            let mut failure = AwsFailure::nonsense("sts", "AssumeRoot", "words");
            (failure.code, failure.fate) = (code.map(ToOwned::to_owned), fate);
            Err::<(), _>(failure)
        });
        assert!(answer.await.is_err());
        (count.into_inner(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_not_asked_again_and_the_rest_only_so_often() {
        let three = attempts(3, Duration::from_secs(60));
        assert_eq!(made(&three, None, Fate::Unknown).await.0, 3);
        assert_eq!(made(&three, Some("Throttling"), Fate::Refused).await.0, 3);
        assert_eq!(made(&three, Some("AccessDenied"), Fate::Refused).await.0, 1);
        assert_eq!(made(&three, None, Fate::NotSent).await.0, 1);
        assert_eq!(made(&attempts(1, Duration::from_secs(60)), None, Fate::Unknown).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn each_further_attempt_takes_a_turn() {
        let (count, took) = made(&attempts(4, Duration::from_secs(60)), None, Fate::Unknown).await;
        assert_eq!(count, 4);
        assert!(took >= Duration::from_secs(2), "one a second, the first of them at once: {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_begins_after_the_time_is_over() {
        let (count, took) = made(&attempts(10, Duration::from_secs(2)), None, Fate::Unknown).await;
        assert!((2..10).contains(&count) && took <= Duration::from_secs(4), "{count} {took:?}");
    }
}
