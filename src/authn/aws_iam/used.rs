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
use crate::{
    clock::Timestamp,
    types::{AccountId, Rule},
};

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
    room: Room,
}

/// How many tokens are remembered at most.
#[derive(Clone, Copy)]
struct Room {
    all: usize,
    /// Of each account: whoever makes roles in one can make any number of them.
    account: usize,
    /// Of each role or user.
    one: usize,
}

impl Room {
    /// Equal shares for the configured accounts, but none that one role could not use. So one account cannot fill the memory
    /// for the others; of more than 16, it takes 16 together.
    fn shared_by(accounts: usize) -> Self {
        let account = (REMEMBERED_MAX / accounts.max(1)).max(REMEMBERED_OF_ONE_MAX);
        Self { all: REMEMBERED_MAX, account, one: REMEMBERED_OF_ONE_MAX }
    }
}

struct State {
    /// Of every token that was signed from here on it is known whether it was used. In whole seconds, as dates are.
    since: Timestamp,
    /// Used ones and reserved ones.
    known: HashSet<Signature>,
    /// Used ones by their date, with whom they proved.
    used: BTreeMap<(Timestamp, Signature), Owner>,
    /// How many of the used ones each has, by unique id.
    counts: HashMap<Arc<str>, usize>,
    /// The same of each account.
    account_counts: HashMap<AccountId, usize>,
}

struct Owner {
    unique_id: Arc<str>,
    account: AccountId,
}

impl UsedTokens {
    /// A memory that begins at `started`, for the identities of this number of accounts.
    pub(super) fn since(started: Timestamp, accounts: usize) -> Self {
        Self::with_room(Room::shared_by(accounts), started)
    }

    fn with_room(room: Room, started: Timestamp) -> Self {
        let since = Timestamp::from_unix(started.unix_micros().div_euclid(1_000_000), 0);
        let (known, used) = (HashSet::new(), BTreeMap::new());
        let state = State { since, known, used, counts: HashMap::new(), account_counts: HashMap::new() };
        Self { state: Mutex::new(state), room }
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
        if state.known.len() >= self.room.all {
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
            let ((date, signature), owner) = oldest.remove_entry();
            self.known.remove(&signature);
            self.since = self.since.max(date.plus(Duration::from_secs(1)));
            count_down(self.counts.entry(owner.unique_id));
            count_down(self.account_counts.entry(owner.account));
        }
    }
}

fn count_down<K>(entry: Entry<'_, K, usize>) {
    if let Entry::Occupied(mut count) = entry {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
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
    /// The token has proven who has this unique id, in this account.
    ///
    /// # Errors
    ///
    /// They, or all of the account together, have used too many.
    pub(super) fn confirm(mut self, unique_id: &str, account: AccountId) -> Result<(), Rule> {
        let unique_id: Arc<str> = unique_id.into();
        let mut state = self.memory.state();
        if state.counts.get(&unique_id).is_some_and(|count| *count >= self.memory.room.one) {
            return Err(Rule::new("this role or user used too many tokens in the last minutes"));
        }
        if state.account_counts.get(&account).is_some_and(|count| *count >= self.memory.room.account) {
            return Err(Rule::new("the roles and users of this account used too many tokens in the last minutes"));
        }
        *state.counts.entry(Arc::clone(&unique_id)).or_default() += 1;
        *state.account_counts.entry(account).or_default() += 1;
        state.used.insert((self.date, self.signature), Owner { unique_id, account });
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
        let room = Room { all: max, account: max, one: max };
        UsedTokens::with_room(room, Timestamp::from_unix(1_795_286_154 - 1200, 0))
    }

    fn account(digits: &str) -> AccountId {
        digits.repeat(12).parse().unwrap()
    }

    fn is_taken(memory: &UsedTokens, number: u32, now: Timestamp) -> bool {
        memory.reserve(Signature::numbered(number), NOW, now).is_err()
    }

    fn use_up(memory: &UsedTokens, number: u32, now: Timestamp) {
        memory.reserve(Signature::numbered(number), now, now).ok().unwrap().confirm("AROA", account("1")).unwrap();
    }

    #[test]
    fn what_is_confirmed_stays_taken() {
        let memory = memory(3);
        use_up(&memory, 1, NOW);
        for seconds in [0, 900, 1200, 1201, 100_000] {
            assert!(is_taken(&memory, 1, later(seconds)), "{seconds}");
        }
        assert!(memory.state().counts.is_empty());
        assert!(memory.state().account_counts.is_empty());
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
        let memory = UsedTokens::with_room(Room { all: 4, account: 4, one: 2 }, NOW);
        let confirm = |number, whose| {
            let reservation = memory.reserve(Signature::numbered(number), NOW, NOW).ok().unwrap();
            reservation.confirm(whose, account("1"))
        };
        assert!(confirm(1, "AROA").is_ok() && confirm(2, "AROA").is_ok());
        assert!(confirm(3, "AROA").unwrap_err().to_string().contains("too many tokens"));
        assert!(confirm(3, "AIDA").is_ok());
        assert_eq!(memory.state().known.len(), 3);
    }

    #[test]
    fn the_roles_of_one_account_cannot_use_up_the_memory_for_all() {
        let memory = UsedTokens::with_room(Room { all: 6, account: 3, one: 2 }, NOW);
        let confirm = |number: u32, of: &str, at| {
            let reservation = memory.reserve(Signature::numbered(number), at, at).ok().unwrap();
            reservation.confirm(&format!("AROA{number}"), account(of))
        };
        assert!((0..3).all(|number| confirm(number, "1", NOW).is_ok()));
        for number in 3..100 {
            let why = confirm(number, "1", NOW).unwrap_err().to_string();
            assert!(why.starts_with("the roles and users of this account used too many tokens"), "{why}");
        }
        assert_eq!(memory.state().known.len(), 3, "what is refused leaves nothing");
        assert_eq!(memory.state().counts.len(), 3);
        assert!((3..6).all(|number| confirm(number, "2", NOW).is_ok()));
        // What is forgotten counts no more.
        assert!((6..9).all(|number| confirm(number, "1", later(2400)).is_ok()));
    }

    #[test]
    fn accounts_have_equal_shares_and_none_less_than_one_role() {
        for (accounts, share) in [(1, REMEMBERED_MAX), (2, REMEMBERED_MAX / 2), (16, 4096), (5000, 4096), (0, 65_536)] {
            let room = Room::shared_by(accounts);
            assert_eq!((room.all, room.account, room.one), (REMEMBERED_MAX, share, REMEMBERED_OF_ONE_MAX));
        }
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
                        reservation.confirm(if number < 2 { "AROA" } else { "AIDA" }, account("1")).unwrap();
                        confirmed.push(number);
                    }
                }
                let state = memory.state();
                prop_assert!(state.known.len() <= 4);
                prop_assert_eq!(state.known.len(), state.used.len());
                prop_assert_eq!(state.used.len(), state.counts.values().sum::<usize>());
                prop_assert_eq!(state.used.len(), state.account_counts.values().sum::<usize>());
            }
        }
    }
}
