//! Bucket policies.
//!
//! "The root principal in a bucket owner's AWS account can perform GetBucketPolicy, PutBucketPolicy, and DeleteBucketPolicy, even
//! if their bucket policy explicitly denies the root principal's access." (S3 API Reference). Service and resource control
//! policies still bind it.

use super::{Found, authorize, is_owning_root};
use crate::error::ApiError;
use crate::policy::{Document, Rule};
use crate::protocol::{Reply, compact};
use crate::turn::Turn;

pub(super) fn get(turn: &Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    permit(turn, "s3:GetBucketPolicy", bucket)?;
    match &bucket.policy {
        Some(policy) if turn.world.settings.compact_policies => {
            Ok(Reply::new(200, "application/json", compact(policy)))
        }
        Some(policy) => Ok(Reply::new(200, "application/json", policy.clone())),
        None => Err(ApiError::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
            .detail("BucketName", bucket.name.as_str())),
    }
}

pub(super) fn put(turn: &mut Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    permit(turn, "s3:PutBucketPolicy", bucket)?;
    let text = String::from_utf8_lossy(&turn.message.body).into_owned();
    check(&text)?;
    set(turn, bucket, Some(text));
    Ok(Reply::empty(204))
}

/// Succeeds whether or not there was a policy.
pub(super) fn delete(turn: &mut Turn<'_>, bucket: &Found) -> Result<Reply, ApiError> {
    permit(turn, "s3:DeleteBucketPolicy", bucket)?;
    set(turn, bucket, None);
    Ok(Reply::empty(204))
}

fn set(turn: &mut Turn<'_>, bucket: &Found, policy: Option<String>) {
    if let Some(bucket) = turn.world.bucket_mut(&bucket.name) {
        bucket.policy = policy;
    }
}

/// Who may, but belongs to another account, is told that the method is not for them.
fn permit(turn: &Turn<'_>, action: &str, bucket: &Found) -> Result<(), ApiError> {
    authorize(turn, action, &bucket.arn(), bucket, is_owning_root(turn, bucket))?;
    if turn.account() == bucket.owner {
        return Ok(());
    }
    Err(ApiError::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        .detail("Method", turn.message.method.as_str())
        .detail("ResourceType", "BUCKETPOLICY"))
}

fn check(text: &str) -> Result<(), ApiError> {
    let malformed = |text: &str| Err(ApiError::new(400, "MalformedPolicy", text));
    match Document::parse(text) {
        Ok(document) if document.names_principals() => Ok(()),
        Ok(_) => malformed("Missing required field Principal"),
        Err(error) => match error.rule() {
            Rule::NotJson(_) => malformed("Policies must be valid JSON and the first byte must be '{'"),
            rule => malformed(&rule.to_string()),
        },
    }
}
