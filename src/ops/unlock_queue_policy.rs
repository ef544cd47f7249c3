//! Makes a queue's policy manageable again.

use serde_json::json;

use super::{
    Conclusion, Means, Operation,
    unlock::{RemovablePolicy, Unlocked, delete_policy},
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Why},
    aws::{AwsFailure, QueuePolicies, Trail},
    error::Error,
    types::{Kind, QueueRef, Region, TaskPolicy},
};

/// Clears the queue's policy, the one mode that is served today.
#[derive(Debug)]
pub struct UnlockQueuePolicy {
    /// The queue.
    pub queue: QueueRef,
    /// Why.
    pub why: Why,
}

/// What unlocking did.
#[derive(Debug)]
pub struct QueueUnlocked {
    /// The policy before, and the verification.
    pub unlocked: Unlocked,
    /// The queue's URL, as AWS knows it.
    pub url: String,
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

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("mode", Argument::Text("DELETE_POLICY".to_owned()))]
    }
}

impl RootTask for UnlockQueuePolicy {
    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::SqsUnlockQueuePolicy
    }
}

impl Operation for UnlockQueuePolicy {
    type Output = QueueUnlocked;

    async fn act(permit: &Permit<Self>, Means { aws, .. }: Means<'_>, trail: &Trail) -> Result<QueueUnlocked, Error> {
        let queue = &permit.operation().queue;
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let policies = session.queue_policies(&queue.region)?;
        let url = policies.url(&queue.name).await.map_err(AwsFailure::into_error)?;
        let unlocked =
            delete_policy(&PolicyOf { policies: &policies, url: &url, region: &queue.region }, trail).await?;
        Ok(QueueUnlocked { unlocked, url })
    }

    fn conclude(output: &QueueUnlocked) -> Conclusion {
        let mut detail = output.unlocked.detail();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("queue_url".to_owned(), json!(output.url));
        }
        Conclusion { changed: output.unlocked.changed(), detail, shortfall: None }
    }
}

struct PolicyOf<'a> {
    policies: &'a QueuePolicies,
    url: &'a str,
    region: &'a Region,
}

impl RemovablePolicy for PolicyOf<'_> {
    fn region(&self) -> &Region {
        self.region
    }

    async fn read(&self) -> Result<Option<String>, AwsFailure> {
        self.policies.get(self.url).await
    }

    async fn remove(&self) -> Result<(), AwsFailure> {
        self.policies.clear(self.url).await
    }
}
