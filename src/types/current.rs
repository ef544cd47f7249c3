//! A value that is replaced whole while others use it.

use std::sync::{Arc, PoisonError, RwLock};

/// Holds the one that is in force: certificates, policies, the organization's tree. Whoever took it before a replacement
/// keeps what it took.
#[derive(Debug)]
pub struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    /// Starts with `value`.
    #[must_use]
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(RwLock::new(value.into()))
    }

    /// The one in force now.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        // An `Arc` is swapped whole, so a panic elsewhere cannot leave half of one behind.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `value` in force.
    pub fn replace(&self, value: impl Into<Arc<T>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_leaves_what_was_taken_alone() {
        let current = Current::new(1);
        let taken = current.get();
        current.replace(2);
        assert_eq!((*taken, *current.get()), (1, 2));
    }
}
