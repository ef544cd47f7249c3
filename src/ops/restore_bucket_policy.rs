//! Puts a bucket's policy of before back.

use super::{
    BucketPolicyChange, Conclusion, Means, Operation, Restoration,
    bucket::{Bucket, find_region, finding},
    plan::opening,
    policy_change::change_policy,
    policy_document::target_of,
    restore::PutBack,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AwsFailure, Trail},
    error::Error,
    types::{AccountId, BucketName, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct RestoreBucketPolicy {
    /// Who owns the bucket.
    pub account: AccountId,
    /// The bucket.
    pub bucket: BucketName,
    /// Its region; the one of the backup if not said.
    pub region: Option<Region>,
    /// What is put back.
    pub restoration: Restoration,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

impl Ask for RestoreBucketPolicy {
    const KIND: Kind = Kind::RestoreBucketPolicy;

    fn target(&self) -> Target {
        Target::Bucket(self.account, self.bucket.clone())
    }

    fn region(&self) -> Option<&Region> {
        self.region.as_ref()
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

impl RootTask for RestoreBucketPolicy {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::S3UnlockBucketPolicy
    }
}

impl Operation for RestoreBucketPolicy {
    type Output = BucketPolicyChange;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, backups, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<BucketPolicyChange, Error> {
        let Self { account, bucket, region, restoration, terms, .. } = permit.operation();
        let target = permit.operation().target();
        let found = restoration.find(backups, &target).await?;
        let put_back = PutBack { document: &found.document, target: target_of(&target)? };
        restoration.guard(&found.document).check(&put_back.target, aws).await?;
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let mut calls = opening(permit, aws, permit.operation().task_policy());
        let region = match region.clone().or(found.region) {
            Some(region) => region,
            None => {
                calls.push(finding(bucket, session.home_region()));
                find_region(&session, bucket).await?
            }
        };
        let policy = Bucket::new(&session, *account, bucket, region.clone())?;
        let change = change_policy(&policy, &put_back, terms, calls, trail).await?;
        Ok(BucketPolicyChange { change, region })
    }

    fn conclude(output: &BucketPolicyChange) -> Conclusion {
        output.conclude()
    }
}
