//! What one caller may use up: so many operations a minute, so many at a time, so many records of refusals.
//!
//! Without it one stolen or mistaken identity could take every slot, the whole AssumeRoot budget and the journal's disk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::flood::Flood;
use crate::{
    authn::Caller,
    clock::{Rate, Used},
    error::{Error, ErrorReason},
};

/// Callers that are remembered at a time. When there are more, those are forgotten of whom nothing is in flight, whose
/// burst is there again and who were not refused of late; so this many must be active within a minute or so before a new
/// one is refused.
const CALLERS_MAX: usize = 10_000;

/// A caller that has too much in flight may come again after about one operation's time.
const IN_FLIGHT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What each caller may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerLimits {
    /// How often it may ask.
    pub rate: Rate,
    /// How much it may have in flight.
    pub in_flight_max: usize,
    /// Refusals of it for want of a turn that are recorded one by one each minute; the next record counts the others. Its
    /// other refusals are each recorded: they take turns, so the rate bounds them.
    pub refusals_recorded_per_minute: u64,
}

/// What the callers have used. Cloning shares it.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    limits: CallerLimits,
    known: Arc<Mutex<HashMap<String, Account>>>,
    /// Takes over the tallies of callers that are forgotten.
    flood: Arc<Flood>,
}

/// The account of one caller.
#[derive(Debug)]
struct Account {
    used: Used,
    in_flight: usize,
    refusals: Arc<Flood>,
}

/// A place of one caller, given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    callers: Callers,
    subject: String,
}

impl Callers {
    pub(super) fn new(limits: CallerLimits, flood: Arc<Flood>) -> Self {
        Self { limits, known: Arc::default(), flood }
    }

    /// How many refusals of all callers no record counts yet.
    pub(super) fn unrecorded(&self) -> u64 {
        self.lock().values().map(|account| account.refusals.unrecorded()).sum()
    }

    /// Takes a turn of this caller, or refuses at once.
    pub(super) fn take(&self, caller: &Caller) -> Result<Turn, Error> {
        self.take_turn(caller.subject())
    }

    fn take_turn(&self, subject: &str) -> Result<Turn, Error> {
        let now = Instant::now();
        let mut known = self.lock();
        let account = self.account(&mut known, subject, now)?;
        if account.in_flight >= self.limits.in_flight_max {
            let words = "this caller has too many operations in flight; wait for one to end";
            return Err(limited(words, IN_FLIGHT_RETRY_AFTER));
        }
        self.limits.rate.take(&mut account.used, now).map_err(|wait| {
            limited("this caller asks more often than it may; the gateway's configuration says how often", wait)
        })?;
        account.in_flight += 1;
        Ok(Turn { callers: self.clone(), subject: subject.to_owned() })
    }

    /// Samples the refusals of this caller; none if there is no room to remember it, which is a refusal of its own.
    pub(super) fn refusals(&self, subject: &str) -> Option<Arc<Flood>> {
        let mut known = self.lock();
        self.account(&mut known, subject, Instant::now()).ok().map(|account| Arc::clone(&account.refusals))
    }

    /// The account of a caller, made anew if there is none.
    fn account<'k>(
        &self,
        known: &'k mut HashMap<String, Account>,
        subject: &str,
        now: Instant,
    ) -> Result<&'k mut Account, Error> {
        if known.len() >= CALLERS_MAX && !known.contains_key(subject) {
            known.retain(|_, account| {
                let stays = account.in_flight > 0 || !account.used.is_nothing(now) || account.refusals.is_open(now);
                if !stays {
                    self.flood.take_over(account.refusals.unrecorded());
                }
                stays
            });
            if known.len() >= CALLERS_MAX {
                return Err(limited("too many callers at a time", IN_FLIGHT_RETRY_AFTER));
            }
        }
        let new = || Account {
            used: Used::nothing(now),
            in_flight: 0,
            refusals: Arc::new(Flood::new(self.limits.refusals_recorded_per_minute)),
        };
        Ok(known.entry(subject.to_owned()).or_insert_with(new))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Account>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal for want of a turn.
pub(super) fn limited(words: &str, wait: Duration) -> Error {
    Error::new(ErrorReason::RateLimited, words).with_retry_after(wait)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(account) = self.callers.lock().get_mut(&self.subject) {
            account.in_flight = account.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(per_minute: u32, burst: u32, in_flight_max: usize) -> Callers {
        let rate = Rate::per_minute(per_minute, burst);
        Callers::new(CallerLimits { rate, in_flight_max, refusals_recorded_per_minute: 3 }, Arc::default())
    }

    fn refused(result: Result<Turn, Error>) -> Duration {
        let error = result.unwrap_err();
        assert_eq!(error.reason(), ErrorReason::RateLimited);
        error.retry_after().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_asks_no_oftener_than_its_rate_and_does_not_use_up_that_of_others() {
        let callers = callers(6, 2, 100);
        let turns: Vec<Turn> = (0..2).map(|_| callers.take_turn("alice").unwrap()).collect();
        drop(turns);
        assert_eq!(refused(callers.take_turn("alice")), Duration::from_secs(10));
        callers.take_turn("bob").unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        callers.take_turn("alice").unwrap();
        refused(callers.take_turn("alice"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_when_its_turn_ends() {
        let callers = callers(600, 100, 2);
        let (first, _second) = (callers.take_turn("alice").unwrap(), callers.take_turn("alice").unwrap());
        refused(callers.take_turn("alice"));
        callers.take_turn("bob").unwrap();
        drop(first);
        callers.take_turn("alice").unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_active_is_forgotten_and_who_is_keeps_its_account() {
        let callers = callers(60, 1, 2);
        let _held = callers.take_turn("holds").unwrap();
        for name in 1..CALLERS_MAX {
            callers.take_turn(&format!("caller-{name}")).unwrap();
        }
        refused(callers.take_turn("one too many"));
        tokio::time::advance(Duration::from_secs(2)).await;
        callers.take_turn("one more").unwrap();
        assert_eq!(callers.lock().len(), 2);
        assert_eq!(callers.lock()["holds"].in_flight, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_of_one_caller_are_sampled_for_itself() {
        let callers = callers(60, 1, 2);
        let recorded = |who| callers.refusals(who).is_some_and(|flood| flood.sample().is_some());
        assert_eq!((0..10).filter(|_| recorded("alice")).count(), 3);
        assert!(recorded("bob"));
    }
}
