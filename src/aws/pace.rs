//! Paces `sts:AssumeRoot`, which AWS throttles hard and shares between everybody in the account.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// A token bucket that makes callers wait their turn, in the order in which they came. How many wait at most is bounded
/// by the gate's slots, how long by the operation's time limit.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: u32,
    /// When the bucket would be full again; each turn moves it on by one interval.
    full_at: Mutex<Instant>,
}

impl Pace {
    /// At most `per_second` turns a second on average, and as many at once.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.get(),
            burst: per_second.get(),
            full_at: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let due = self.reserve(now);
        // Even a sleep that is over waits for the timer's next millisecond.
        if due > now {
            sleep_until(due).await;
        }
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = (*full_at).max(now) + self.interval;
        full_at.checked_sub(self.interval * self.burst).map_or(now, |due| due.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_waits_its_turn() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let pace = Pace::new(NonZeroU32::new(4).unwrap());
        let start = Instant::now();
        for _ in 0..4 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        pace.turn().await;
        pace.turn().await;
        assert!((490..=510).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_time_is_not_saved_up_beyond_the_burst() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let pace = Pace::new(NonZeroU32::new(2).unwrap());
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..4 {
            pace.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    }
}
