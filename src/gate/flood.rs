//! Keeps a flood of refusals from filling the journal: they are sampled, and the next one recorded says how many were not.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many unauthenticated refusals are recorded in a window: enough for every honest misconfiguration.
const UNAUTHENTICATED_PER_WINDOW_MAX: u64 = 30;
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Flood {
    recorded_per_window_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Instant>,
    recorded: u64,
    unrecorded: u64,
}

impl Default for Flood {
    /// For calls without a proven identity, all together.
    fn default() -> Self {
        Self::new(UNAUTHENTICATED_PER_WINDOW_MAX)
    }
}

impl Flood {
    /// Records so many in a minute.
    pub(super) fn new(recorded_per_window_max: u64) -> Self {
        Self { recorded_per_window_max, state: Mutex::default() }
    }

    /// How many were not recorded since the last one that was.
    pub(super) fn unrecorded(&self) -> u64 {
        self.lock().unrecorded
    }

    /// Counts refusals of another tally that nobody will ask again.
    pub(super) fn take_over(&self, unrecorded: u64) {
        let mut state = self.lock();
        state.unrecorded = state.unrecorded.saturating_add(unrecorded);
    }

    /// Whether something was recorded within the last window.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let state = self.lock();
        state.window.is_some_and(|start| now.duration_since(start) < WINDOW)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to record this one; if so, how many before it were not.
    pub(super) fn sample(&self) -> Option<u64> {
        let mut state = self.lock();
        let now = Instant::now();
        if state.window.is_none_or(|start| now.duration_since(start) >= WINDOW) {
            state.window = Some(now);
            state.recorded = 0;
        }
        if state.recorded >= self.recorded_per_window_max {
            state.unrecorded = state.unrecorded.saturating_add(1);
            return None;
        }
        state.recorded += 1;
        Some(std::mem::take(&mut state.unrecorded))
    }

    /// Counts a tally again whose record could not be written, and that record itself.
    pub(super) fn put_back(&self, unrecorded: u64) {
        let mut state = self.lock();
        state.unrecorded = state.unrecorded.saturating_add(unrecorded).saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_sampled_and_counted() {
        let flood = Flood::default();
        let recorded = (0..1000).filter(|_| flood.sample().is_some()).count();
        assert_eq!(recorded as u64, UNAUTHENTICATED_PER_WINDOW_MAX);
        tokio::time::advance(WINDOW).await;
        assert_eq!(flood.sample(), Some(1000 - UNAUTHENTICATED_PER_WINDOW_MAX));
        assert_eq!(flood.sample(), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_recorded_is_counted_by_the_next() {
        let flood = Flood::default();
        let tally = flood.sample().unwrap();
        flood.put_back(tally);
        assert_eq!(flood.sample(), Some(1));
    }
}
