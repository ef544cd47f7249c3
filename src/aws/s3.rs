//! Bucket policies, as the root user of the account that owns the bucket.

use std::sync::Arc;

use aws_sdk_s3::{Config, config::Builder};
use aws_types::SdkConfig;

use super::{AwsFailure, change, lease::Lease};
use crate::types::BucketName;

/// Reads, replaces and deletes bucket policies in one region. Every call says whose bucket it must be: names are global, and a
/// typo must not reach somebody else's.
pub struct BucketPolicies {
    client: aws_sdk_s3::Client,
    session: Arc<Lease>,
}

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketRegion {
    /// In this region, as AWS spells it.
    In(String),
    /// The account owns no bucket of that name.
    NotOwned,
}

impl BucketPolicies {
    pub(super) fn new(config: &SdkConfig, session: Arc<Lease>) -> Self {
        Self { client: aws_sdk_s3::Client::new(config), session }
    }

    /// The bucket's policy, byte for byte; none if there is none.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn get(&self, bucket: &BucketName) -> Result<Option<String>, AwsFailure> {
        let call = self.client.get_bucket_policy().bucket(bucket.as_str());
        let call = call.expected_bucket_owner(self.session.account().as_str());
        match self.session.read("s3", "GetBucketPolicy", || call.clone().send()).await {
            Ok(output) => Ok(output.policy),
            Err(failure) if failure.is(&["NoSuchBucketPolicy"]) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Sets the bucket's policy. A policy that takes the caller's own access away is refused by AWS, for what would confirm
    /// that (`ConfirmRemoveSelfBucketAccess`) is never sent.
    ///
    /// # Errors
    /// AWS's refusal, or no answer.
    pub async fn put(&self, bucket: &BucketName, policy: &str) -> Result<(), AwsFailure> {
        let call = self.client.put_bucket_policy().bucket(bucket.as_str()).policy(policy);
        let call = call.expected_bucket_owner(self.session.account().as_str());
        let send = || call.clone().customize().config_override(one_attempt()).send();
        self.session.change("s3", "PutBucketPolicy", send).await.map(drop)
    }

    /// Deletes the bucket's policy. AWS answers the same if there was none.
    ///
    /// # Errors
    /// AWS's refusal, or no answer.
    pub async fn delete(&self, bucket: &BucketName) -> Result<(), AwsFailure> {
        let call = self.client.delete_bucket_policy().bucket(bucket.as_str());
        let call = call.expected_bucket_owner(self.session.account().as_str());
        let send = || call.clone().customize().config_override(one_attempt()).send();
        self.session.change("s3", "DeleteBucketPolicy", send).await.map(drop)
    }

    /// Finds the bucket's region with `s3:ListAllMyBuckets`, the only way that the task policy permits, which proves at
    /// the same time that the account owns the bucket.
    ///
    /// # Errors
    /// AWS's refusal of a page. A failed listing is not an empty list.
    pub async fn find(&self, bucket: &BucketName) -> Result<BucketRegion, AwsFailure> {
        let mut continuation = None;
        // A prefix can match many names; the exact one sorts first of them, so that the first page nearly always has it.
        for _ in 0..LIST_PAGES_MAX {
            let call = self.client.list_buckets().prefix(bucket.as_str()).max_buckets(LIST_PAGE_SIZE);
            let call = call.set_continuation_token(continuation);
            let page = self.session.read("s3", "ListBuckets", || call.clone().send()).await?;
            let exact = page.buckets().iter().find(|found| found.name() == Some(bucket.as_str()));
            if let Some(found) = exact {
                let region = found.bucket_region().unwrap_or_default().to_owned();
                return Ok(BucketRegion::In(region));
            }
            continuation = page.continuation_token.filter(|token| !token.is_empty());
            if continuation.is_none() {
                return Ok(BucketRegion::NotOwned);
            }
        }
        Err(AwsFailure::nonsense("s3", "ListBuckets", "more pages than an account can have buckets"))
    }
}

/// S3's own maximum is 10,000; a smaller page answers faster, and the exact name sorts first.
const LIST_PAGE_SIZE: i32 = 1000;
/// An account has at most 1,000,000 buckets (S3 User Guide, "Bucket quotas").
const LIST_PAGES_MAX: usize = 1000;

fn one_attempt() -> Builder {
    Config::builder().retry_config(change::one_attempt())
}
