//! A bound on log lines that strangers can cause.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long one window lasts.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines in one window: enough to see what is going on, too few to fill a disk.
const LINES_PER_WINDOW: u32 = 20;

/// Grants a number of log lines per window, and counts what it does not grant.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    window: Mutex<Option<Window>>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogBudget {
    /// Asks for one line. The first line of a window says how many were withheld in the one before it.
    pub(crate) fn take(&self) -> Option<u64> {
        let now = Instant::now();
        // The state is two counters: whatever a panicking thread left behind is as good.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match window.as_mut() {
            Some(open) if now.duration_since(open.began) < WINDOW => {
                if open.lines < LINES_PER_WINDOW {
                    open.lines += 1;
                    return Some(0);
                }
                open.suppressed = open.suppressed.saturating_add(1);
                None
            }
            over => {
                let suppressed = over.map_or(0, |over| over.suppressed);
                *window = Some(Window { began: now, lines: 1, suppressed: 0 });
                Some(suppressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn grants_a_number_per_window_and_counts_the_rest() {
        let budget = LogBudget::default();
        for _ in 0..LINES_PER_WINDOW {
            assert_eq!(budget.take(), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(budget.take(), None);
        }
        tokio::time::advance(WINDOW - Duration::from_millis(1)).await;
        assert_eq!(budget.take(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(budget.take(), Some(8));
        assert_eq!(budget.take(), Some(0));
    }
}
