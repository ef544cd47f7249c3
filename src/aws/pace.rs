//! Paces `sts:AssumeRoot`, which AWS throttles hard and shares between everybody in the account.

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::clock::{Rate, Used};

/// A token bucket that makes callers wait their turn, in the order in which they came. How many wait at most is bounded
/// by the gate's slots, how long by the operation's time limit.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    used: Mutex<Used>,
}

impl Pace {
    /// At most `per_second` turns a second on average, and as many at once.
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let rate = Rate::new(Duration::from_secs(1) / per_second.get(), per_second.get());
        Self { rate, used: Mutex::new(Used::nothing(Instant::now())) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let due = self.rate.reserve(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner), now);
        // Even a sleep that is over waits for the timer's next millisecond.
        if due > now {
            sleep_until(due).await;
        }
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
