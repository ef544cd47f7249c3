//! Makes a bucket's policy manageable again.

use serde_json::json;

use super::{
    Conclusion, Means, Operation, PolicyChange, UnlockMode,
    bucket::{Bucket, find_region, finding},
    plan::opening,
    policy_change::change_policy,
    policy_document::target_of,
    unlock::Unlock,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AwsFailure, Trail},
    error::Error,
    types::{AccountId, BucketName, Exposure, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct UnlockBucketPolicy {
    /// Who owns the bucket.
    pub account: AccountId,
    /// The bucket.
    pub bucket: BucketName,
    /// Its region; found if not said.
    pub region: Option<Region>,
    /// How.
    pub mode: UnlockMode,
    /// What the policy that is left or installed may grant at most.
    pub accept_exposure: Exposure,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

/// What became of a bucket's policy.
#[derive(Debug)]
pub struct BucketPolicyChange {
    /// What was done.
    pub change: PolicyChange,
    /// Where the bucket is.
    pub region: Region,
}

impl BucketPolicyChange {
    pub(super) fn conclude(&self) -> Conclusion {
        let mut detail = self.change.detail();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("region".to_owned(), json!(self.region.as_str()));
        }
        Conclusion { changed: self.change.changed(), detail, shortfall: None }
    }
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

impl RootTask for UnlockBucketPolicy {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::S3UnlockBucketPolicy
    }
}

impl Operation for UnlockBucketPolicy {
    type Output = BucketPolicyChange;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<BucketPolicyChange, Error> {
        let Self { account, bucket, region, mode, accept_exposure, terms, .. } = permit.operation();
        let target = target_of(&permit.operation().target())?;
        let unlock = Unlock { mode, target, accept_exposure: *accept_exposure, members: aws };
        if let Some(guarded) = mode.installs(*accept_exposure) {
            guarded.check(&unlock.target, aws).await?;
        }
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let mut calls = opening(permit, aws, permit.operation().task_policy());
        let region = match region {
            Some(region) => region.clone(),
            None => {
                calls.push(finding(bucket, session.home_region()));
                find_region(&session, bucket).await?
            }
        };
        let policy = Bucket::new(&session, *account, bucket, region.clone())?;
        let change = change_policy(&policy, &unlock, terms, calls, trail).await?;
        Ok(BucketPolicyChange { change, region })
    }

    fn conclude(output: &BucketPolicyChange) -> Conclusion {
        output.conclude()
    }
}
