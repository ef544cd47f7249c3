//! The proof that an act was allowed.

use crate::authn::Caller;

use super::Ask;

/// An allowed operation. Only [`super::Engine::authorize`] makes one, and everything that acts on AWS takes one: no
/// permit, no compile. It cannot be cloned, and the gate runs its act once.
///
/// ```compile_fail
/// // The constructor is private to `authz`.
/// rootgate::authz::Permit::<rootgate::ops::AuditRootCredentials>::new(todo!(), todo!(), vec![]);
/// ```
#[derive(Debug)]
pub struct Permit<O> {
    operation: O,
    caller: Caller,
    policies: Vec<String>,
}

impl<O: Ask> Permit<O> {
    pub(super) fn new(operation: O, caller: Caller, policies: Vec<String>) -> Self {
        Self { operation, caller, policies }
    }

    /// What was allowed.
    pub const fn operation(&self) -> &O {
        &self.operation
    }

    /// Who was allowed.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Ids of the policies that decided.
    pub fn policies(&self) -> &[String] {
        &self.policies
    }
}
