//! One operation at a time per target.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    authz::Target,
    error::{Error, ErrorReason},
};

/// The targets that are being worked on. Bounded by the slots: every lock is held by an operation that has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(Arc<Mutex<HashSet<Target>>>);

/// Exclusive work on a target, given back when dropped.
pub(super) struct Lock {
    locks: Locks,
    target: Target,
}

impl Locks {
    /// Takes the target, or refuses at once: what the waiting caller wanted to change is about to be changed.
    pub(super) fn take(&self, target: &Target) -> Result<Lock, Error> {
        if self.held().insert(target.clone()) {
            return Ok(Lock { locks: self.clone(), target: target.clone() });
        }
        let words = "another operation works on the same target; look at its result before you try again";
        Err(Error::new(ErrorReason::ResourceBusy, words).with_metadata("resource", target.arn()))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashSet<Target>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.held().remove(&self.target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_held_by_one_and_freed_on_drop() {
        let locks = Locks::default();
        let (one, other) = (account("333333333333"), account("444444444444"));
        let lock = locks.take(&one).unwrap_or_else(|_| panic!("free"));
        assert_eq!(locks.take(&one).err().map(|error| error.reason()), Some(ErrorReason::ResourceBusy));
        assert!(locks.take(&other).is_ok());
        drop(lock);
        assert!(locks.take(&one).is_ok());
    }

    fn account(id: &str) -> Target {
        Target::Account(id.parse().unwrap())
    }
}
