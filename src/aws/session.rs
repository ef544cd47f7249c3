//! Root sessions: `sts:AssumeRoot`, and the temporary credentials that it returns.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::{
    operation::assume_root::{AssumeRootOutput, builders::AssumeRootFluentBuilder},
    types::PolicyDescriptorType,
};
use aws_types::SdkConfig;

use super::{AwsFailure, BucketPolicies, Platform, QueuePolicies, RootCredentials, Trail, change, pace::Pace};
use crate::{
    clock::Timestamp,
    error::Error,
    types::{AccountId, Region, TaskPolicy},
};

/// How long the gateway's own root sessions live. Longer than any operation may take (`gate::limits`), so that none runs
/// out half-way, and no longer, because nothing revokes a root session.
pub const ROOT_SESSION_SECONDS: u16 = 300;

/// Temporary root credentials. No `Debug`, no `Serialize`, no `Clone`.
pub struct IssuedCredentials {
    /// ASIA..., what CloudTrail shows; no secret.
    pub access_key_id: String,
    /// Secret.
    pub secret_access_key: String,
    /// Secret.
    pub session_token: String,
    /// When AWS stops accepting them.
    pub expiration: Timestamp,
}

/// The STS client of the gateway itself.
#[derive(Debug)]
pub(super) struct Sts {
    client: aws_sdk_sts::Client,
    pace: Pace,
}

impl Sts {
    pub(super) fn new(platform: &Platform) -> Self {
        Self {
            client: aws_sdk_sts::Client::new(&platform.as_gateway()),
            pace: Pace::new(platform.settings().assume_root_per_second_max),
        }
    }

    /// `sts:AssumeRoot` for an act of the gateway's own. Retries are harmless: each issues one more short session, of which
    /// only the last is used.
    pub(super) async fn assume_root(&self, ask: Ask, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        self.pace.turn().await;
        trail.asks_for_session();
        let output = trail.note("sts", "AssumeRoot", self.call(ask).send().await)?;
        read(output, trail)
    }

    /// The same for credentials that are handed out: sent once, so that a failure says what became of it.
    pub(super) async fn issue(&self, ask: Ask, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        self.pace.turn().await;
        trail.asks_for_session();
        let output = change::send(trail, "sts", "AssumeRoot", || async {
            let once = aws_sdk_sts::Config::builder().retry_config(change::one_attempt());
            let call = self.call(ask).customize().config_override(once);
            trail.note("sts", "AssumeRoot", call.send().await)
        });
        read(output.await?, trail)
    }

    fn call(&self, ask: Ask) -> AssumeRootFluentBuilder {
        let policy = PolicyDescriptorType::builder().arn(ask.task_policy.arn()).build();
        let call = self.client.assume_root().target_principal(ask.account.as_str()).task_policy_arn(policy);
        call.duration_seconds(i32::from(ask.duration_seconds))
    }
}

/// What a root session is asked for.
#[derive(Clone, Copy)]
pub(super) struct Ask {
    pub(super) account: AccountId,
    pub(super) task_policy: TaskPolicy,
    pub(super) duration_seconds: u16,
}

fn read(output: AssumeRootOutput, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
    let Some(credentials) = output.credentials else {
        return Err(AwsFailure::nonsense("sts", "AssumeRoot", "AWS answered success without credentials"));
    };
    trail.opened(&credentials.access_key_id);
    Ok(IssuedCredentials {
        expiration: Timestamp::from_unix(credentials.expiration.secs(), credentials.expiration.subsec_nanos()),
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
        session_token: credentials.session_token,
    })
}

/// A member account's root user, for one task and one operation. Dropped with the operation.
pub struct RootSession {
    platform: Arc<Platform>,
    account: AccountId,
    credentials: SharedCredentialsProvider,
    trail: Trail,
}

impl RootSession {
    pub(super) fn new(platform: Arc<Platform>, account: AccountId, issued: IssuedCredentials, trail: Trail) -> Self {
        let expires_after = u64::try_from(issued.expiration.unix_micros())
            .ok()
            .map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
        let IssuedCredentials { access_key_id, secret_access_key, session_token, .. } = issued;
        let credentials =
            Credentials::new(access_key_id, secret_access_key, Some(session_token), expires_after, "rootgate-session");
        Self { platform, account, credentials: SharedCredentialsProvider::new(credentials), trail }
    }

    /// Bucket policies of the account, in one region.
    ///
    /// # Errors
    /// The region is not on the allow-list.
    pub fn bucket_policies(&self, region: &Region) -> Result<BucketPolicies, Error> {
        self.platform.allow_region(region)?;
        Ok(BucketPolicies::new(&self.sdk_config(region), self.account, self.trail.clone()))
    }

    /// Queue policies of the account, in one region.
    ///
    /// # Errors
    /// The region is not on the allow-list.
    pub fn queue_policies(&self, region: &Region) -> Result<QueuePolicies, Error> {
        self.platform.allow_region(region)?;
        Ok(QueuePolicies::new(&self.sdk_config(region), self.account, self.trail.clone()))
    }

    /// Credentials of the account's root user.
    #[must_use]
    pub fn root_credentials(&self) -> RootCredentials {
        RootCredentials::new(&self.sdk_config(&self.platform.settings().home_region), self.trail.clone())
    }

    /// The gateway's home region.
    #[must_use]
    pub fn home_region(&self) -> &Region {
        &self.platform.settings().home_region
    }

    fn sdk_config(&self, region: &Region) -> SdkConfig {
        self.platform.sdk_config(region, self.credentials.clone())
    }
}
