//! What a service has at hand while it answers one request.

use crate::authz::{self, Access};
use crate::error::ApiError;
use crate::identity::Identity;
use crate::message::Message;
use crate::policy::{Decision, DeniedBy};
use crate::world::World;

/// One authenticated request and the world that it acts on.
pub(crate) struct Turn<'a> {
    /// The world, locked for this request.
    pub(crate) world: &'a mut World,
    /// Who calls.
    pub(crate) caller: &'a Identity,
    /// The request.
    pub(crate) message: &'a Message,
    /// The regional endpoint that was addressed.
    pub(crate) region: &'a str,
    /// The present.
    pub(crate) now: i64,
    /// What the request is about, for the call log: an account, bucket or queue.
    pub(crate) target: Option<String>,
    /// How many reads of a queue's attributes show nothing yet of a change that this request makes.
    pub(crate) slow_to_show: u64,
}

impl Turn<'_> {
    /// The caller's account.
    pub(crate) fn account(&self) -> &str {
        &self.caller.caller.account
    }

    /// Whether all policies let the call through.
    ///
    /// # Errors
    ///
    /// The kind of policy that refuses; or the simulator's own error, when a policy that was put into the world is none.
    pub(crate) fn decide(&self, access: &Access<'_>) -> Result<Result<(), DeniedBy>, ApiError> {
        match authz::decide(self, access)? {
            Decision::Allowed => Ok(Ok(())),
            Decision::Denied(by) => Ok(Err(by)),
        }
    }

    /// As [`Self::decide`], with a refusal told by `refuse` from AWS's sentence about it.
    pub(crate) fn require(&self, access: &Access<'_>, refuse: impl FnOnce(String) -> ApiError) -> Result<(), ApiError> {
        match self.decide(access)? {
            Ok(()) => Ok(()),
            Err(by) => Err(refuse(authz::sentence(&self.caller.caller.arn, access.action, access.resource, by))),
        }
    }
}
