//! A rate with a burst, as arithmetic on moments: the generic cell rate algorithm (ITU-T I.371, annex A).

use std::time::Duration;

use tokio::time::Instant;

/// So many turns a minute on average, and so many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

/// What has been used of a rate: the moment when all of the burst would be there again.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    full_at: Instant,
}

impl Rate {
    /// One turn every `interval` on average, `burst` of them at once. Zero of either is taken for the least there is.
    #[must_use]
    pub fn new(interval: Duration, burst: u32) -> Self {
        Self { interval: interval.max(Duration::from_nanos(1)), burst: burst.max(1) }
    }

    /// So many turns a minute.
    #[must_use]
    pub fn per_minute(turns: u32, burst: u32) -> Self {
        Self::new(Duration::from_secs(60) / turns.max(1), burst)
    }

    /// Takes the next turn, and says when it is due: `now`, or later.
    pub fn reserve(&self, used: &mut Used, now: Instant) -> Instant {
        used.full_at = used.full_at.max(now) + self.interval;
        used.full_at.checked_sub(self.interval * self.burst).map_or(now, |due| due.max(now))
    }

    /// Takes a turn if one is due.
    ///
    /// # Errors
    /// How long until one is; none was taken.
    pub fn take(&self, used: &mut Used, now: Instant) -> Result<(), Duration> {
        let before = *used;
        let due = self.reserve(used, now);
        if due <= now {
            return Ok(());
        }
        *used = before;
        Err(due - now)
    }
}

impl Used {
    /// Nothing has been used.
    #[must_use]
    pub const fn nothing(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether there is nothing to remember: all of the burst is there.
    #[must_use]
    pub fn is_nothing(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let now = Instant::now();
        let (rate, mut used) = (Rate::per_minute(60, 3), Used::nothing(now));
        for _ in 0..3 {
            rate.take(&mut used, now).unwrap();
        }
        assert_eq!(rate.take(&mut used, now), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        rate.take(&mut used, later).unwrap();
        assert!(rate.take(&mut used, later).is_err());
        assert!(!used.is_nothing(later) && used.is_nothing(later + Duration::from_secs(3)));
    }

    #[test]
    fn a_refusal_costs_nothing() {
        let now = Instant::now();
        let (rate, mut used) = (Rate::per_minute(1, 1), Used::nothing(now));
        rate.take(&mut used, now).unwrap();
        for _ in 0..100 {
            assert_eq!(rate.take(&mut used, now), Err(Duration::from_secs(60)));
        }
    }

    proptest! {
        #[test]
        fn no_pattern_of_calls_gets_more_than_burst_and_rate(
            per_minute in 1u32..600, burst in 1u32..50, pauses in proptest::collection::vec(0u64..5_000, 1..300),
        ) {
            let start = Instant::now();
            let (rate, mut used, mut now, mut taken) = (Rate::per_minute(per_minute, burst), Used::nothing(start), start, 0_u64);
            for pause in pauses {
                now += Duration::from_millis(pause);
                taken += u64::from(rate.take(&mut used, now).is_ok());
            }
            let earned = (now - start).as_secs_f64() * f64::from(per_minute) / 60.0;
            prop_assert!(taken as f64 <= earned + f64::from(burst) + 1e-3, "{taken} of {earned} + {burst}");
        }
    }
}
