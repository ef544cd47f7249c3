//! Queue policies, as the root user of the account that owns the queue.

use std::sync::Arc;

use aws_sdk_sqs::{Config, types::QueueAttributeName};
use aws_types::SdkConfig;

use super::{AwsFailure, change, lease::Lease};
use crate::types::QueueName;

/// Reads, replaces and clears queue policies in one region. `sqs:SetQueueAttributes` could set any attribute, and the task policy
/// permits that; this type sets `Policy` and nothing else.
pub struct QueuePolicies {
    client: aws_sdk_sqs::Client,
    session: Arc<Lease>,
}

impl QueuePolicies {
    pub(super) fn new(config: &SdkConfig, session: Arc<Lease>) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), session }
    }

    /// The queue's URL, as AWS knows it.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn url(&self, queue: &QueueName) -> Result<String, AwsFailure> {
        let call = self.client.get_queue_url().queue_name(queue.as_str());
        let call = call.queue_owner_aws_account_id(self.session.account().as_str());
        let output = self.session.read("sqs", "GetQueueUrl", || call.clone().send()).await?;
        output.queue_url.ok_or_else(|| AwsFailure::nonsense("sqs", "GetQueueUrl", "AWS answered success without a URL"))
    }

    /// The queue's policy, byte for byte; none if there is none.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn get(&self, url: &str) -> Result<Option<String>, AwsFailure> {
        let call = self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::Policy);
        let mut output = self.session.read("sqs", "GetQueueAttributes", || call.clone().send()).await?;
        let policy = output.attributes.as_mut().and_then(|attributes| attributes.remove(&QueueAttributeName::Policy));
        Ok(policy.filter(|policy| !policy.is_empty()))
    }

    /// Sets the queue's policy.
    ///
    /// # Errors
    /// AWS's refusal, or no answer. An empty text, which would remove the policy, is not sent: that is [`Self::clear`].
    pub async fn put(&self, url: &str, policy: &str) -> Result<(), AwsFailure> {
        if policy.is_empty() {
            return Err(AwsFailure::not_sent("sqs", "SetQueueAttributes", "an empty policy would remove the queue's"));
        }
        self.set(url, policy).await
    }

    /// Clears the queue's policy: SQS removes it when it is set to the empty text.
    ///
    /// # Errors
    /// AWS's refusal, or no answer.
    pub async fn clear(&self, url: &str) -> Result<(), AwsFailure> {
        self.set(url, "").await
    }

    async fn set(&self, url: &str, policy: &str) -> Result<(), AwsFailure> {
        let call = self.client.set_queue_attributes().queue_url(url).attributes(QueueAttributeName::Policy, policy);
        let once = || Config::builder().retry_config(change::one_attempt());
        let send = || call.clone().customize().config_override(once()).send();
        self.session.change("sqs", "SetQueueAttributes", send).await.map(drop)
    }
}
