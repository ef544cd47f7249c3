//! Object Lock: versions that nobody can delete before their time, and writes that overwrite nothing.
//!
//! Source: S3 API Reference, PutObject and DeleteObject; S3 User Guide, "Locking objects with Object Lock" and "Adding
//! preconditions to S3 operations with conditional requests".

use super::object::object_arn;
use super::{Found, authorize};
use crate::clock::{iso_millis, parse_rfc3339};
use crate::crypto::{md5, request_id, sha256};
use crate::error::ApiError;
use crate::policy::decode_base64;
use crate::protocol::Reply;
use crate::turn::Turn;
use crate::world::{Bucket, Object, ObjectLock};

const MODE: &str = "x-amz-object-lock-mode";
const RETAIN_UNTIL: &str = "x-amz-object-lock-retain-until-date";
/// What can stand for a digest of the body.
const DIGESTS: [&str; 7] = [
    "content-md5",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    // The digest follows behind the body.
    "x-amz-trailer",
];

/// The version that a request names.
pub(super) fn version_id(turn: &Turn<'_>) -> Option<String> {
    turn.message.query_param("versionId")
}

pub(super) fn no_such_version(key: &str, version: &str) -> ApiError {
    ApiError::new(404, "NoSuchVersion", "The specified version does not exist.")
        .detail("Key", key)
        .detail("VersionId", version)
}

/// Whether the body is the one whose digest the request says; of those that the simulator can compute.
pub(super) fn check_digest(turn: &Turn<'_>, body: &[u8]) -> Result<(), ApiError> {
    let says = |name: &str, actual: fn(&[u8]) -> Vec<u8>| {
        turn.message.header(name).is_none_or(|said| decode_base64(said) == Some(actual(body)))
    };
    if !says("content-md5", md5) {
        let text = "The Content-MD5 you specified did not match what we received.";
        return Err(ApiError::new(400, "BadDigest", text));
    }
    if !says("x-amz-checksum-sha256", sha256) {
        let text = "The SHA256 you specified did not match the calculated checksum.";
        return Err(ApiError::new(400, "BadDigest", text));
    }
    Ok(())
}

/// The retention that a `PutObject` asks for.
pub(super) fn of_request(turn: &Turn<'_>, bucket: &Found, arn: &str) -> Result<Option<ObjectLock>, ApiError> {
    let (mode, until) = (turn.message.header(MODE), turn.message.header(RETAIN_UNTIL));
    let invalid = |text: &str| Err(ApiError::new(400, "InvalidArgument", text));
    let (mode, until) = match (mode, until) {
        (None, None) => return Ok(None),
        (Some(mode), Some(until)) => (mode, until),
        _ => return invalid(&format!("{RETAIN_UNTIL} and {MODE} must both be supplied")),
    };
    if !turn.world.bucket(&bucket.name).is_some_and(|(_, bucket)| bucket.object_lock) {
        return Err(ApiError::new(400, "InvalidRequest", "Bucket is missing Object Lock Configuration"));
    }
    if !DIGESTS.iter().any(|name| turn.message.header(name).is_some()) {
        let text = "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters";
        return Err(ApiError::new(400, "InvalidRequest", text));
    }
    authorize(turn, "s3:PutObjectRetention", arn, bucket, false)?;
    let compliance = match mode {
        "COMPLIANCE" => true,
        "GOVERNANCE" => false,
        _ => return invalid("Unknown wormMode directive."),
    };
    match parse_rfc3339(until) {
        None => invalid("The retain until date must be provided in ISO 8601 format"),
        Some(until) if until <= turn.now => invalid("The retain until date must be in the future!"),
        Some(retain_until) => Ok(Some(ObjectLock { compliance, retain_until })),
    }
}

/// `If-None-Match: *`: only if there is no such object.
pub(super) fn check_condition(turn: &Turn<'_>, bucket: &Found, key: &str) -> Result<(), ApiError> {
    let is_there = turn.world.bucket(&bucket.name).is_some_and(|(_, bucket)| bucket.objects.contains_key(key));
    match turn.message.header("if-none-match") {
        None => Ok(()),
        Some("*") if !is_there => Ok(()),
        Some("*") => {
            let text = "At least one of the pre-conditions you specified did not hold";
            Err(ApiError::new(412, "PreconditionFailed", text).detail("Condition", "If-None-Match"))
        }
        Some(_) => {
            let text = "A header you provided implies functionality that is not implemented";
            Err(ApiError::new(501, "NotImplemented", text).detail("Header", "If-None-Match"))
        }
    }
}

/// Puts an object in; its version, if the bucket has them.
pub(super) fn insert(bucket: &mut Bucket, key: &str, mut object: Object) -> Option<String> {
    let version = bucket.object_lock.then(|| request_id().replace('-', ""));
    object.version_id.clone_from(&version);
    let before = bucket.objects.insert(key.to_owned(), object).filter(|_| bucket.object_lock);
    bucket.older_versions.extend(before.map(|object| (key.to_owned(), object)));
    version
}

/// A version of an object, current or not.
pub(super) fn version<'b>(bucket: &'b Bucket, key: &str, version: &str) -> Option<&'b Object> {
    let older = bucket.older_versions.iter().filter(|(of, _)| of == key).map(|(_, object)| object);
    bucket.objects.get(key).into_iter().chain(older).find(|object| object.version_id.as_deref() == Some(version))
}

/// Deletes a version for ever, if its lock is over.
pub(super) fn delete_version(turn: &mut Turn<'_>, bucket: &Found, key: &str, id: &str) -> Result<(), ApiError> {
    let stored = turn.world.bucket(&bucket.name).and_then(|(_, bucket)| version(bucket, key, id));
    // Deleting what is not there is no error.
    let Some(lock) = stored.map(|object| object.lock) else { return Ok(()) };
    if let Some(lock) = lock.filter(|lock| lock.retain_until > turn.now) {
        let bypass = turn.message.header("x-amz-bypass-governance-retention") == Some("true");
        if lock.compliance || !bypass {
            let text = "Access Denied because object protected by object lock.";
            return Err(ApiError::new(403, "AccessDenied", text));
        }
        authorize(turn, "s3:BypassGovernanceRetention", &object_arn(bucket, key), bucket, false)?;
    }
    let is_it = |of: &str, object: &Object| of == key && object.version_id.as_deref() == Some(id);
    if let Some(bucket) = turn.world.bucket_mut(&bucket.name) {
        bucket.older_versions.retain(|(of, object)| !is_it(of, object));
        bucket.objects.retain(|of, object| !is_it(of, object));
    }
    Ok(())
}

/// What a read says of version and lock.
pub(super) fn headers(reply: Reply, object: &Object) -> Reply {
    let reply = match &object.version_id {
        Some(version) => reply.header("x-amz-version-id", version),
        None => reply,
    };
    match object.lock {
        Some(ObjectLock { compliance, retain_until }) => reply
            .header(MODE, if compliance { "COMPLIANCE" } else { "GOVERNANCE" })
            .header(RETAIN_UNTIL, &iso_millis(retain_until)),
        None => reply,
    }
}
