//! Puts a queue's policy of before back.

use super::{
    Conclusion, Means, Operation, QueuePolicyChange, Restoration, plan::opening, policy_change::change_policy,
    policy_document::target_of, queue::Queue, restore::PutBack,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AwsFailure, Trail},
    error::Error,
    types::{AccountId, Kind, QueueRef, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct RestoreQueuePolicy {
    /// The queue.
    pub queue: QueueRef,
    /// What is put back.
    pub restoration: Restoration,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

impl Ask for RestoreQueuePolicy {
    const KIND: Kind = Kind::RestoreQueuePolicy;

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
        self.restoration.arguments()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        self.restoration.particulars()
    }
}

impl RootTask for RestoreQueuePolicy {
    fn account(&self) -> AccountId {
        self.queue.account
    }

    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::SqsUnlockQueuePolicy
    }
}

impl Operation for RestoreQueuePolicy {
    type Output = QueuePolicyChange;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, backups, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<QueuePolicyChange, Error> {
        let Self { queue, restoration, terms, .. } = permit.operation();
        let target = permit.operation().target();
        let found = restoration.find(backups, &target).await?;
        let put_back = PutBack { document: &found.document, target: target_of(&target)? };
        restoration.guard(&found.document).check(&put_back.target, aws).await?;
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let policy = Queue::open(&session, queue).await?;
        let mut calls = opening(permit, aws, permit.operation().task_policy());
        calls.push(policy.finding());
        let change = change_policy(&policy, &put_back, terms, calls, trail).await?;
        Ok(QueuePolicyChange { change, url: policy.into_url() })
    }

    fn conclude(output: &QueuePolicyChange) -> Conclusion {
        output.conclude()
    }
}
