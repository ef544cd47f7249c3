//! The policy of a bucket, for acts that change it.

use super::{
    PlannedCall,
    policy_change::{ManagedPolicy, Step},
};
use crate::{
    aws::{AwsFailure, BucketPolicies, BucketRegion, RootSession},
    error::{Error, ErrorReason},
    types::{AccountId, BucketName, Region},
};

/// A bucket of an account, in an opened session.
pub(super) struct Bucket<'a> {
    policies: BucketPolicies,
    account: AccountId,
    name: &'a BucketName,
    region: Region,
    arn: String,
}

impl<'a> Bucket<'a> {
    pub(super) fn new(
        session: &RootSession,
        account: AccountId,
        name: &'a BucketName,
        region: Region,
    ) -> Result<Self, Error> {
        let policies = session.bucket_policies(&region)?;
        Ok(Self { policies, account, name, arn: name.arn(), region })
    }
}

impl ManagedPolicy for Bucket<'_> {
    async fn read(&self) -> Result<Option<String>, AwsFailure> {
        self.policies.get(self.name).await
    }

    async fn install(&self, policy: &str) -> Result<(), AwsFailure> {
        self.policies.put(self.name, policy).await
    }

    async fn remove(&self) -> Result<(), AwsFailure> {
        self.policies.delete(self.name).await
    }

    fn call(&self, step: Step) -> PlannedCall {
        let operation = match step {
            Step::Read => "GetBucketPolicy",
            Step::Install => "PutBucketPolicy",
            Step::Remove => "DeleteBucketPolicy",
        };
        let parameters = vec![
            ("Bucket", self.name.to_string()),
            ("ExpectedBucketOwner", self.account.to_string()),
            ("Region", self.region.to_string()),
        ];
        PlannedCall { service: "s3", operation, resource: self.arn.clone(), parameters }
    }

    fn resource(&self) -> &str {
        &self.arn
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

/// Finds the bucket's region, which proves at the same time that the account owns it.
pub(super) async fn find_region(session: &RootSession, bucket: &BucketName) -> Result<Region, Error> {
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

/// The call that finds the region, for plans.
pub(super) fn finding(bucket: &BucketName, home: &Region) -> PlannedCall {
    let parameters = vec![("Prefix", bucket.to_string()), ("Region", home.to_string())];
    PlannedCall { service: "s3", operation: "ListBuckets", resource: "*".to_owned(), parameters }
}
