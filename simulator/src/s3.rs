//! Amazon S3: buckets, their policies, and enough of objects to see whether a policy lets one in.
//!
//! Source: S3 API Reference; AWS-validated captures for codes and messages.

mod address;
mod bucket;
mod list_buckets;
mod object;
mod object_lock;
mod policy;

pub(crate) use address::{Address, is_bucket_name};

use crate::authz::Access;
use crate::error::ApiError;
use crate::policy::CallerKind;
use crate::protocol::Reply;
use crate::turn::Turn;

/// Answers one call.
pub(crate) fn handle(turn: &mut Turn<'_>, action: &str, address: &Address) -> Result<Reply, ApiError> {
    turn.target.clone_from(&address.bucket);
    let Some(name) = address.bucket.as_deref() else {
        return if action == "ListBuckets" { list_buckets::list_buckets(turn) } else { Err(not_simulated(action)) };
    };
    check_name(name)?;
    if action == "CreateBucket" {
        return bucket::create(turn, name);
    }
    let found = find(turn, name)?;
    let region = found.region.clone();
    dispatch(turn, action, &found, address).map_err(|mut error| {
        // Whoever may not do a thing still learns where the bucket is.
        if !error.extra.headers.iter().any(|(name, _)| *name == "x-amz-bucket-region") {
            error = error.header("x-amz-bucket-region", region);
        }
        error
    })
}

fn dispatch(turn: &mut Turn<'_>, action: &str, bucket: &Found, address: &Address) -> Result<Reply, ApiError> {
    expected_owner(turn, bucket)?;
    let key = address.key.as_deref().unwrap_or_default();
    match action {
        "GetBucketPolicy" => policy::get(turn, bucket),
        "PutBucketPolicy" => policy::put(turn, bucket),
        "DeleteBucketPolicy" => policy::delete(turn, bucket),
        "HeadBucket" => bucket::head(turn, bucket),
        "GetBucketLocation" => bucket::location(turn, bucket),
        "ListObjectsV2" => object::list(turn, bucket),
        "GetObject" | "HeadObject" => object::get(turn, bucket, key, action == "HeadObject"),
        "PutObject" => object::put(turn, bucket, key),
        "DeleteObject" => object::delete(turn, bucket, key),
        _ => Err(not_simulated(action)),
    }
}

/// A bucket that the request is about, as far as it matters before the bucket itself is touched.
struct Found {
    name: String,
    owner: String,
    region: String,
    policy: Option<String>,
}

impl Found {
    fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }
}

/// Names that S3 routes to other services, or that no bucket can have.
fn check_name(name: &str) -> Result<(), ApiError> {
    if is_bucket_name(name) {
        return Ok(());
    }
    Err(ApiError::new(400, "InvalidBucketName", "The specified bucket is not valid.").detail("BucketName", name))
}

fn find(turn: &Turn<'_>, name: &str) -> Result<Found, ApiError> {
    let (owner, bucket) = turn.world.bucket(name).ok_or_else(|| {
        ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist").detail("BucketName", name)
    })?;
    if bucket.region == turn.region {
        let (name, region, policy) = (bucket.name.clone(), bucket.region.clone(), bucket.policy.clone());
        return Ok(Found { name, owner: owner.id.clone(), region, policy });
    }
    let text = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
    Err(ApiError::new(301, "PermanentRedirect", text)
        .detail("Endpoint", format!("{name}.s3.{}.amazonaws.com", bucket.region))
        .detail("Bucket", name)
        .header("x-amz-bucket-region", bucket.region.clone()))
}

fn expected_owner(turn: &Turn<'_>, bucket: &Found) -> Result<(), ApiError> {
    match turn.message.header("x-amz-expected-bucket-owner") {
        None => Ok(()),
        Some(id) if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) => Err(ApiError::new(
            400,
            "InvalidBucketOwnerAWSAccountID",
            "The value of the expected bucket owner parameter must be an AWS account ID.",
        )
        .detail("Value", id)),
        Some(id) if id == bucket.owner => Ok(()),
        Some(_) => Err(ApiError::new(403, "AccessDenied", "Access Denied")),
    }
}

/// S3 puts the resource in quotes.
fn authorize(turn: &Turn<'_>, action: &str, resource: &str, bucket: &Found, exempt: bool) -> Result<(), ApiError> {
    let policy = if exempt { None } else { bucket.policy.as_deref() };
    let access = Access { policy, rcps: true, ..Access::new(action, resource, &bucket.owner) };
    turn.require(&access, |text| denied(&text, resource))
}

fn denied(text: &str, resource: &str) -> ApiError {
    ApiError::new(403, "AccessDenied", text.replacen(resource, &format!("\"{resource}\""), 1))
}

/// Whether the caller is the root principal of the bucket's account.
fn is_owning_root(turn: &Turn<'_>, bucket: &Found) -> bool {
    let root = matches!(turn.caller.caller.kind, CallerKind::RootUser | CallerKind::RootSession);
    root && turn.account() == bucket.owner
}

fn not_simulated(action: &str) -> ApiError {
    ApiError::not_simulated("s3", action)
}

/// The id by which S3 knows an account as an owner.
fn canonical_id(account: &str) -> String {
    crate::crypto::sha256_hex(format!("canonical user {account}").as_bytes())
}
