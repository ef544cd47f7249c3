//! So many places in all, and so many for one key, so that nobody takes them all.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Places that are held by keys.
pub(super) struct Quota<K: Eq + Hash> {
    all: usize,
    held: Mutex<Held<K>>,
}

/// Never has more keys than there are places.
struct Held<K> {
    all: usize,
    by_key: HashMap<K, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// This key has as many as it may.
    Key,
}

impl<K: Clone + Eq + Hash> Quota<K> {
    pub(super) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self { all, held: Mutex::new(Held { all: 0, by_key: HashMap::new() }) })
    }

    /// A place for `key`, if it holds fewer than `key_max`.
    pub(super) fn take(self: &Arc<Self>, key: K, key_max: usize) -> Result<Taken<K>, Full> {
        let mut held = self.held();
        if held.all >= self.all {
            return Err(Full::All);
        }
        let by_key = held.by_key.get(&key).copied().unwrap_or_default();
        if by_key >= key_max {
            return Err(Full::Key);
        }
        held.all += 1;
        held.by_key.insert(key.clone(), by_key + 1);
        drop(held);
        Ok(Taken { quota: Arc::clone(self), key })
    }
}

impl<K: Eq + Hash> Quota<K> {
    fn held(&self) -> MutexGuard<'_, Held<K>> {
        // Nothing in here panics between two changes.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place. Free again when it is dropped.
pub(super) struct Taken<K: Eq + Hash> {
    quota: Arc<Quota<K>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Taken<K> {
    fn drop(&mut self) {
        let mut held = self.quota.held();
        held.all = held.all.saturating_sub(1);
        if let Some(by_key) = held.by_key.get_mut(&self.key) {
            *by_key = by_key.saturating_sub(1);
            if *by_key == 0 {
                held.by_key.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_and_the_share_of_a_key_are_exact() {
        let quota = Quota::new(3);
        let first = quota.take("a", 2);
        let second = quota.take("a", 2).unwrap();
        assert_eq!(quota.take("a", 2).err(), Some(Full::Key));
        let _third = quota.take("b", 2).unwrap();
        assert_eq!(quota.take("b", 2).err(), Some(Full::All));
        drop(second);
        assert_eq!(quota.take("b", 1).err(), Some(Full::Key));
        assert!(quota.take("a", 2).is_ok() && quota.take("c", 1).is_ok());
        assert_eq!(quota.take("d", 0).err(), Some(Full::Key));
        drop(first);
    }

    proptest! {
        #[test]
        fn whatever_is_taken_and_given_back_the_bounds_hold(steps in proptest::collection::vec((0_u8..4, any::<bool>()), 0..200)) {
            let quota = Quota::new(7);
            let mut taken: Vec<(u8, Taken<u8>)> = Vec::new();
            for (key, takes) in steps {
                if takes {
                    let held = taken.iter().filter(|(holder, _)| *holder == key).count();
                    match quota.take(key, 3) {
                        Ok(place) => {
                            prop_assert!(taken.len() < 7 && held < 3);
                            taken.push((key, place));
                        }
                        Err(Full::All) => prop_assert_eq!(taken.len(), 7),
                        Err(Full::Key) => prop_assert_eq!(held, 3),
                    }
                } else if let Some(at) = taken.iter().position(|(holder, _)| *holder == key) {
                    drop(taken.swap_remove(at));
                }
            }
            drop(taken);
            let held = quota.held();
            prop_assert_eq!((held.all, held.by_key.len()), (0, 0));
        }
    }
}
