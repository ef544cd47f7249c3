//! Puts signed checkpoints of the journal into a bucket with S3 Object Lock, as the gateway itself: no act, and no root
//! session.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_s3::{
    Client,
    primitives::{ByteStream, DateTime},
    types::ObjectLockMode,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{AwsFailure, Platform};
use crate::{
    clock::Timestamp,
    types::{AccountId, BucketName, Region},
};

/// A bucket with Object Lock.
#[derive(Debug)]
pub struct AnchorBucket {
    client: Client,
    settings: AnchorSettings,
}

/// Where checkpoints are put, and for how long nobody can delete them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorSettings {
    /// The bucket.
    pub bucket: BucketName,
    /// Its region. It need not be one in which the gateway may act.
    pub region: Region,
    /// The account that owns it.
    pub owner: AccountId,
    /// Whether not even the root user can delete an object before its time (`COMPLIANCE`), or who has
    /// `s3:BypassGovernanceRetention` can (`GOVERNANCE`).
    pub compliance: bool,
}

impl AnchorBucket {
    /// A client with the gateway's own credentials. Sends nothing.
    ///
    /// They need `s3:PutObject` and `s3:PutObjectRetention` on the bucket's objects.
    #[must_use]
    pub fn new(platform: &Platform, settings: AnchorSettings) -> Self {
        let config = platform.as_gateway_in(&settings.region);
        Self { client: Client::new(&config), settings }
    }

    /// Puts a text that nobody can delete or overwrite until the time. An object of this key that is there already is left
    /// as it is, and is no error: its key says what it holds, and a try before may have got through.
    ///
    /// # Errors
    /// AWS's refusal, or no answer.
    pub async fn put(&self, key: &str, text: &str, retain_until: Timestamp) -> Result<(), AwsFailure> {
        let AnchorSettings { bucket, owner, compliance, .. } = &self.settings;
        let mode = if *compliance { ObjectLockMode::Compliance } else { ObjectLockMode::Governance };
        let call = self.client.put_object().bucket(bucket.as_str()).key(key);
        let call = call
            .body(ByteStream::from(text.as_bytes().to_vec()))
            .content_type("text/plain; charset=utf-8")
            // Names are global: what signs for the journal must not be put where somebody else made the bucket anew.
            .expected_bucket_owner(owner.as_str())
            .if_none_match("*")
            // S3 takes no lock without a digest of the body (S3 API Reference, PutObject).
            .checksum_sha256(STANDARD.encode(digest(&SHA256, text.as_bytes())))
            .object_lock_mode(mode)
            .object_lock_retain_until_date(DateTime::from_secs(retain_until.unix_micros().div_euclid(1_000_000)));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = AwsFailure::of("s3", "PutObject", &error);
                if failure.is(&["PreconditionFailed"]) { Ok(()) } else { Err(failure) }
            }
        }
    }
}

#[cfg(test)]
mod tests;
