//! The policy of a queue, for acts that change it.

use super::{
    PlannedCall,
    policy_change::{ManagedPolicy, Step},
};
use crate::{
    aws::{AwsFailure, QueuePolicies, RootSession},
    error::Error,
    types::{QueueRef, Region},
};

/// A queue, in an opened session.
pub(super) struct Queue<'a> {
    policies: QueuePolicies,
    queue: &'a QueueRef,
    url: String,
    arn: String,
}

impl<'a> Queue<'a> {
    /// Asks for the queue's URL, which every other call needs.
    pub(super) async fn open(session: &RootSession, queue: &'a QueueRef) -> Result<Self, Error> {
        let policies = session.queue_policies(&queue.region)?;
        let url = policies.url(&queue.name).await.map_err(AwsFailure::into_error)?;
        Ok(Self { policies, queue, url, arn: queue.arn() })
    }

    /// The queue's URL, as AWS knows it.
    pub(super) fn into_url(self) -> String {
        self.url
    }

    /// The call that asked for the URL, for plans.
    pub(super) fn finding(&self) -> PlannedCall {
        let parameters = vec![
            ("QueueName", self.queue.name.as_str().to_owned()),
            ("QueueOwnerAWSAccountId", self.queue.account.to_string()),
            ("Region", self.queue.region.to_string()),
        ];
        PlannedCall { service: "sqs", operation: "GetQueueUrl", resource: self.arn.clone(), parameters }
    }
}

impl ManagedPolicy for Queue<'_> {
    async fn read(&self) -> Result<Option<String>, AwsFailure> {
        self.policies.get(&self.url).await
    }

    async fn install(&self, policy: &str) -> Result<(), AwsFailure> {
        self.policies.put(&self.url, policy).await
    }

    async fn remove(&self) -> Result<(), AwsFailure> {
        self.policies.clear(&self.url).await
    }

    fn call(&self, step: Step) -> PlannedCall {
        let (operation, attribute) = match step {
            Step::Read => ("GetQueueAttributes", ("AttributeNames", "Policy".to_owned())),
            Step::Install => ("SetQueueAttributes", ("Attributes", "Policy".to_owned())),
            Step::Remove => ("SetQueueAttributes", ("Attributes", "Policy=\"\"".to_owned())),
        };
        let parameters = vec![("QueueUrl", self.url.clone()), attribute, ("Region", self.queue.region.to_string())];
        PlannedCall { service: "sqs", operation, resource: self.arn.clone(), parameters }
    }

    fn resource(&self) -> &str {
        &self.arn
    }

    fn region(&self) -> &Region {
        &self.queue.region
    }
}
