//! Makes a queue's policy manageable again.

use serde_json::json;

use super::{
    Conclusion, Means, Operation, PolicyChange, UnlockMode, plan::opening, policy_change::change_policy,
    policy_document::target_of, queue::Queue, unlock::Unlock,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AwsFailure, Trail},
    error::Error,
    types::{AccountId, Exposure, Kind, QueueRef, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct UnlockQueuePolicy {
    /// The queue.
    pub queue: QueueRef,
    /// How.
    pub mode: UnlockMode,
    /// What the policy that is left or installed may grant at most.
    pub accept_exposure: Exposure,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

/// What became of a queue's policy.
#[derive(Debug)]
pub struct QueuePolicyChange {
    /// What was done.
    pub change: PolicyChange,
    /// The queue's URL, as AWS knows it.
    pub url: String,
}

impl QueuePolicyChange {
    pub(super) fn conclude(&self) -> Conclusion {
        let mut detail = self.change.detail();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("queue_url".to_owned(), json!(self.url));
        }
        Conclusion { changed: self.change.changed(), detail, shortfall: None }
    }
}

impl Ask for UnlockQueuePolicy {
    const KIND: Kind = Kind::UnlockQueuePolicy;

    fn target(&self) -> Target {
        Target::Queue(self.queue.clone())
    }

    fn region(&self) -> Option<&Region> {
        Some(&self.queue.region)
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.mode.arguments(self.accept_exposure)
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        self.mode.particulars()
    }
}

impl RootTask for UnlockQueuePolicy {
    fn account(&self) -> AccountId {
        self.queue.account
    }

    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::SqsUnlockQueuePolicy
    }
}

impl Operation for UnlockQueuePolicy {
    type Output = QueuePolicyChange;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<QueuePolicyChange, Error> {
        let Self { queue, mode, accept_exposure, terms, .. } = permit.operation();
        let target = target_of(&permit.operation().target())?;
        let unlock = Unlock { mode, target, accept_exposure: *accept_exposure, members: aws };
        if let Some(guarded) = mode.installs(*accept_exposure) {
            guarded.check(&unlock.target, aws).await?;
        }
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let policy = Queue::open(&session, queue).await?;
        let mut calls = opening(permit, aws, permit.operation().task_policy());
        calls.push(policy.finding());
        let change = change_policy(&policy, &unlock, terms, calls, trail).await?;
        Ok(QueuePolicyChange { change, url: policy.into_url() })
    }

    fn conclude(output: &QueuePolicyChange) -> Conclusion {
        output.conclude()
    }
}
