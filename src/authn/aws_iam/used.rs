//! Which tokens were used: each is good for one call.
//!
//! The memory belongs to this process. A token that is so old that it may have been used and forgotten is refused: one
//! from before the process, and, if the clock was ever set back, one from before the newest forgotten one. What another
//! replica has seen is not known here (docs/AWS_IAM.md).

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::token::Signature;
use crate::{clock::Timestamp, types::Rule};

/// 54 calls a second for as long as a signature is remembered; some 8 MiB when full.
const REMEMBERED_MAX: usize = 1 << 16;
/// So that one role of a listed account cannot use up the memory for all: 3 calls a second, which is more than the usual
/// limit of a caller.
const REMEMBERED_OF_ONE_MAX: usize = REMEMBERED_MAX / 16;
/// From the date of a token. STS takes a signature for 15 minutes; the rest is for clocks that are set back.
const REMEMBERED_FOR: Duration = Duration::from_secs(20 * 60);

/// The signatures of tokens that proved somebody, or that AWS is being asked about.
pub(super) struct UsedTokens {
    state: Mutex<State>,
    max: usize,
    of_one_max: usize,
}

struct State {
    /// Of every token that was signed from here on it is known whether it was used. In whole seconds, as dates are.
    since: Timestamp,
    /// Used ones and reserved ones.
    known: HashSet<Signature>,
    /// Used ones by their date, with the unique id that they proved.
    used: BTreeMap<(Timestamp, Signature), Arc<str>>,
    /// How many of the used ones each has.
    counts: HashMap<Arc<str>, usize>,
}

impl UsedTokens {
    /// A memory that begins at `started`.
    pub(super) fn since(started: Timestamp) -> Self {
        Self::with_room_for(REMEMBERED_MAX, REMEMBERED_OF_ONE_MAX, started)
    }

    fn with_room_for(max: usize, of_one_max: usize, started: Timestamp) -> Self {
        let since = Timestamp::from_unix(started.unix_micros().div_euclid(1_000_000), 0);
        let state = State { since, known: HashSet::new(), used: BTreeMap::new(), counts: HashMap::new() };
        Self { state: Mutex::new(state), max, of_one_max }
    }

    /// Takes a token, signed at `date`, for one call, before AWS is asked: of two calls with the same one, only the first
    /// gets it. Only a confirmed token stays taken, so that nobody whom AWS does not know can fill the memory.
    ///
    /// # Errors
    ///
    /// It is taken, or may have been, or there is no room: then nothing is forgotten to make some.
    pub(super) fn reserve(
        &self,
        signature: Signature,
        date: Timestamp,
        now: Timestamp,
    ) -> Result<Reservation<'_>, Rule> {
        let mut state = self.state();
        state.forget_old(now);
        if date < state.since {
            return Err(Rule::new(
                "the token is older than the memory of used tokens: it was made before this process \
                 started, or our clock was set back; make a new one for each call",
            ));
        }
        if state.known.contains(&signature) {
            return Err(Rule::new(
                "the token was used before, or is in use by another call: each is good for one call",
            ));
        }
        if state.known.len() >= self.max {
            return Err(Rule::new("too many tokens were used in the last minutes to tell whether this one was"));
        }
        state.known.insert(signature);
        Ok(Reservation { memory: self, signature, date, confirmed: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_old(&mut self, now: Timestamp) {
        while let Some(oldest) = self.used.first_entry()
            && oldest.key().0.plus(REMEMBERED_FOR) < now
        {
            let ((date, signature), whose) = oldest.remove_entry();
            self.known.remove(&signature);
            self.since = self.since.max(date.plus(Duration::from_secs(1)));
            if let Entry::Occupied(mut count) = self.counts.entry(whose) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }
}

/// A token that is taken, and free again when this is dropped unconfirmed: also when the caller hangs up meanwhile.
pub(super) struct Reservation<'m> {
    memory: &'m UsedTokens,
    signature: Signature,
    date: Timestamp,
    confirmed: bool,
}

impl Reservation<'_> {
    /// The token has proven who has this unique id.
    ///
    /// # Errors
    ///
    /// They have used too many.
    pub(super) fn confirm(mut self, unique_id: &str) -> Result<(), Rule> {
        let whose: Arc<str> = unique_id.into();
        let mut state = self.memory.state();
        let count = state.counts.entry(Arc::clone(&whose)).or_default();
        if *count >= self.memory.of_one_max {
            return Err(Rule::new("this role or user used too many tokens in the last minutes"));
        }
        *count += 1;
        state.used.insert((self.date, self.signature), whose);
        self.confirmed = true;
        Ok(())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.confirmed {
            self.memory.state().known.remove(&self.signature);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

    fn later(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    /// A memory of this size from 20 minutes before.
    fn memory(max: usize) -> UsedTokens {
        UsedTokens::with_room_for(max, max, Timestamp::from_unix(1_795_286_154 - 1200, 0))
    }

    fn is_taken(memory: &UsedTokens, number: u32, now: Timestamp) -> bool {
        memory.reserve(Signature::numbered(number), NOW, now).is_err()
    }

    fn use_up(memory: &UsedTokens, number: u32, now: Timestamp) {
        memory.reserve(Signature::numbered(number), now, now).ok().unwrap().confirm("AROA").unwrap();
    }

    #[test]
    fn what_is_confirmed_stays_taken() {
        let memory = memory(3);
        use_up(&memory, 1, NOW);
        for seconds in [0, 900, 1200, 1201, 100_000] {
            assert!(is_taken(&memory, 1, later(seconds)), "{seconds}");
        }
        assert!(memory.state().counts.is_empty());
        assert_eq!(memory.state().known.len(), 0, "what nobody would take any more is forgotten");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_used_token_good_again() {
        let memory = memory(3);
        use_up(&memory, 1, NOW);
        use_up(&memory, 2, later(5000));
        assert!(is_taken(&memory, 1, NOW));
        // Nor one that would have been forgotten by now.
        assert!(memory.reserve(Signature::numbered(3), NOW, NOW).is_err());
        assert!(memory.reserve(Signature::numbered(3), later(1), later(1)).is_ok());
    }

    #[test]
    fn what_is_in_use_is_taken_and_what_was_refused_is_free_again() {
        let memory = memory(3);
        let reservation = memory.reserve(Signature::numbered(1), NOW, NOW).ok().unwrap();
        assert!(is_taken(&memory, 1, NOW));
        assert!(is_taken(&memory, 1, later(100_000)));
        drop(reservation);
        assert!(!is_taken(&memory, 1, NOW));
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nothing() {
        let memory = memory(3);
        (0..3).for_each(|number| use_up(&memory, number, NOW));
        let full = memory.reserve(Signature::numbered(9), NOW, NOW).err().unwrap();
        assert!(full.to_string().starts_with("too many tokens"), "{full}");
        assert!((0..3).all(|number| is_taken(&memory, number, NOW)));
        use_up(&memory, 9, later(2400));
        assert_eq!(memory.state().known.len(), 1);
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let memory = memory(3);
        for number in 0..1000 {
            drop(memory.reserve(Signature::numbered(number), NOW, NOW).ok().unwrap());
        }
        assert_eq!(memory.state().known.len(), 0);
    }

    #[test]
    fn one_role_cannot_use_up_the_memory_for_all() {
        let memory = UsedTokens::with_room_for(4, 2, NOW);
        let confirm =
            |number, whose| memory.reserve(Signature::numbered(number), NOW, NOW).ok().unwrap().confirm(whose);
        assert!(confirm(1, "AROA").is_ok() && confirm(2, "AROA").is_ok());
        assert!(confirm(3, "AROA").unwrap_err().to_string().contains("too many tokens"));
        assert!(confirm(3, "AIDA").is_ok());
        assert_eq!(memory.state().known.len(), 3);
    }

    proptest! {
        /// Each step is a call with one of few tokens, confirmed or not, while the clock goes forth and back.
        #[test]
        fn no_token_is_confirmed_twice_whatever_the_clock_does(
            steps in proptest::collection::vec((0_u32..5, any::<bool>(), 0_u64..5000), 0..60),
        ) {
            let memory = memory(4);
            let mut confirmed = Vec::new();
            for (number, good, at) in steps {
                let date = later(u64::from(number) * 700);
                if let Ok(reservation) = memory.reserve(Signature::numbered(number), date, later(at)) {
                    prop_assert!(!confirmed.contains(&number));
                    if good {
                        reservation.confirm(if number < 2 { "AROA" } else { "AIDA" }).unwrap();
                        confirmed.push(number);
                    }
                }
                let state = memory.state();
                prop_assert!(state.known.len() <= 4);
                prop_assert_eq!(state.known.len(), state.used.len());
                prop_assert_eq!(state.used.len(), state.counts.values().sum::<usize>());
            }
        }
    }
}
