//! Makes a bucket's policy manageable again.

use serde_json::json;

use super::{
    Conclusion, Means, Operation,
    unlock::{RemovablePolicy, Unlocked, delete_policy},
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Why},
    aws::{AwsFailure, BucketPolicies, BucketRegion, RootSession, Trail},
    error::{Error, ErrorReason},
    types::{AccountId, BucketName, Kind, Region, TaskPolicy},
};

/// Deletes the bucket's policy, the one mode that is served today.
#[derive(Debug)]
pub struct UnlockBucketPolicy {
    /// Who owns the bucket.
    pub account: AccountId,
    /// The bucket.
    pub bucket: BucketName,
    /// Its region; found if not said.
    pub region: Option<Region>,
    /// Why.
    pub why: Why,
}

/// What unlocking did.
#[derive(Debug)]
pub struct BucketUnlocked {
    /// The policy before, and the verification.
    pub unlocked: Unlocked,
    /// Where the bucket is.
    pub region: Region,
}

impl Ask for UnlockBucketPolicy {
    const KIND: Kind = Kind::UnlockBucketPolicy;

    fn target(&self) -> Target {
        Target::Bucket(self.account, self.bucket.clone())
    }

    fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("mode", Argument::Text("DELETE_POLICY".to_owned()))]
    }
}

impl RootTask for UnlockBucketPolicy {
    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::S3UnlockBucketPolicy
    }
}

impl Operation for UnlockBucketPolicy {
    type Output = BucketUnlocked;

    async fn act(permit: &Permit<Self>, Means { aws, .. }: Means<'_>, trail: &Trail) -> Result<BucketUnlocked, Error> {
        let operation = permit.operation();
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let region = match &operation.region {
            Some(region) => region.clone(),
            None => find_region(&session, &operation.bucket).await?,
        };
        let policies = session.bucket_policies(&region)?;
        let policy = PolicyOf { policies: &policies, bucket: &operation.bucket, region: &region };
        let unlocked = delete_policy(&policy, trail).await?;
        Ok(BucketUnlocked { unlocked, region })
    }

    fn conclude(output: &BucketUnlocked) -> Conclusion {
        let mut detail = output.unlocked.detail();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("region".to_owned(), json!(output.region.as_str()));
        }
        Conclusion { changed: output.unlocked.changed(), detail, shortfall: None }
    }
}

async fn find_region(session: &RootSession, bucket: &BucketName) -> Result<Region, Error> {
    let home = session.bucket_policies(session.home_region())?;
    match home.find(bucket).await.map_err(AwsFailure::into_error)? {
        BucketRegion::In(text) => {
            text.parse().map_err(|_| Error::internal("ListBuckets answered a bucket without a proper BucketRegion"))
        }
        BucketRegion::NotOwned => {
            Err(Error::new(ErrorReason::BucketNotFound, "the account owns no bucket of this name"))
        }
    }
}

struct PolicyOf<'a> {
    policies: &'a BucketPolicies,
    bucket: &'a BucketName,
    region: &'a Region,
}

impl RemovablePolicy for PolicyOf<'_> {
    fn region(&self) -> &Region {
        self.region
    }

    async fn read(&self) -> Result<Option<String>, AwsFailure> {
        self.policies.get(self.bucket).await
    }

    async fn remove(&self) -> Result<(), AwsFailure> {
        self.policies.delete(self.bucket).await
    }
}
