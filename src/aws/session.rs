//! Root sessions: `sts:AssumeRoot`, and the temporary credentials that it returns.

use std::sync::Arc;

use aws_config::identity::IdentityCache;
use aws_sdk_sts::{
    Client,
    operation::assume_root::{AssumeRootOutput, builders::AssumeRootFluentBuilder},
    types::PolicyDescriptorType,
};
use aws_types::SdkConfig;
use tokio::time::Instant;

use super::{
    AwsFailure, BrokerRoles, BucketPolicies, Platform, QueuePolicies, RootCredentials, Trail,
    broker::{Broker, Brokered, Origin},
    change,
    lease::Lease,
    pace::Pace,
};
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

/// Opens root sessions, as the gateway itself or through broker roles.
#[derive(Debug)]
pub(super) struct Sts {
    client: Client,
    broker: Option<Broker>,
    pace: Pace,
}

impl Sts {
    pub(super) const fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    pub(super) fn new(platform: &Arc<Platform>, broker: Option<BrokerRoles>) -> Self {
        let client = Client::new(&platform.as_gateway());
        let broker = broker.map(|roles| Broker::new(Arc::clone(platform), client.clone(), roles));
        Self { client, broker, pace: Pace::new(platform.settings().assume_root_per_second_max) }
    }

    /// `sts:AssumeRoot` for an act of the gateway's own, and when it was sent. Retries are harmless: each issues one more
    /// short session, of which only the last is used.
    pub(super) async fn assume_root(
        &self,
        ask: &Ask,
        trail: &Trail,
    ) -> Result<(IssuedCredentials, Instant), AwsFailure> {
        let asker = self.asker(ask, trail).await?;
        trail.asks_for_session();
        let asked_at = Instant::now();
        let output = trail.note("sts", "AssumeRoot", asker.call(ask).send().await)?;
        Ok((asker.read(output, trail)?, asked_at))
    }

    /// The same for credentials that are handed out: sent once, so that a failure says what became of it.
    pub(super) async fn issue(&self, ask: &Ask, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        let asker = self.asker(ask, trail).await?;
        trail.asks_for_session();
        let output = change::send(trail, "sts", "AssumeRoot", || async {
            let once = aws_sdk_sts::Config::builder().retry_config(change::one_attempt());
            let call = asker.call(ask).customize().config_override(once);
            trail.note("sts", "AssumeRoot", call.send().await)
        });
        asker.read(output.await?, trail)
    }

    /// Whoever asks AWS for the root session, in its turn.
    async fn asker(&self, ask: &Ask, trail: &Trail) -> Result<Asker, AwsFailure> {
        self.pace.turn().await;
        let Some(broker) = &self.broker else {
            return Ok(Asker { client: self.client.clone(), source_identity: None });
        };
        let Brokered { client, source_identity } = broker.open(ask, trail).await?;
        Ok(Asker { client, source_identity: Some(source_identity) })
    }
}

/// Who asks AWS for a root session.
struct Asker {
    client: Client,
    /// What the root session has to inherit.
    source_identity: Option<String>,
}

impl Asker {
    fn call(&self, ask: &Ask) -> AssumeRootFluentBuilder {
        let policy = PolicyDescriptorType::builder().arn(ask.task_policy.arn()).build();
        let call = self.client.assume_root().target_principal(ask.account.as_str()).task_policy_arn(policy);
        call.duration_seconds(i32::from(ask.duration_seconds))
    }

    fn read(&self, output: AssumeRootOutput, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        let Some(credentials) = output.credentials else {
            return Err(AwsFailure::nonsense("sts", "AssumeRoot", "AWS answered success without credentials"));
        };
        if let Some(expected) =
            self.source_identity.as_deref().filter(|set| output.source_identity.as_deref() != Some(*set))
        {
            let access_key_id = &credentials.access_key_id;
            tracing::warn!(expected, access_key_id, "the root session did not inherit the caller's source identity");
        }
        trail.opened(&credentials.access_key_id);
        Ok(IssuedCredentials {
            expiration: Timestamp::from_unix(credentials.expiration.secs(), credentials.expiration.subsec_nanos()),
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
        })
    }
}

/// What a root session is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) account: AccountId,
    pub(super) task_policy: TaskPolicy,
    pub(super) duration_seconds: u16,
    pub(super) origin: Origin,
}

/// A member account's root user, for one task and one operation. Dropped with the operation.
pub struct RootSession {
    platform: Arc<Platform>,
    lease: Arc<Lease>,
}

impl RootSession {
    pub(super) const fn new(platform: Arc<Platform>, lease: Arc<Lease>) -> Self {
        Self { platform, lease }
    }

    /// Bucket policies of the account, in one region.
    ///
    /// # Errors
    /// The region is not on the allow-list.
    pub fn bucket_policies(&self, region: &Region) -> Result<BucketPolicies, Error> {
        self.platform.allow_region(region)?;
        Ok(BucketPolicies::new(&self.sdk_config(region), Arc::clone(&self.lease)))
    }

    /// Queue policies of the account, in one region.
    ///
    /// # Errors
    /// The region is not on the allow-list.
    pub fn queue_policies(&self, region: &Region) -> Result<QueuePolicies, Error> {
        self.platform.allow_region(region)?;
        Ok(QueuePolicies::new(&self.sdk_config(region), Arc::clone(&self.lease)))
    }

    /// Credentials of the account's root user.
    #[must_use]
    pub fn root_credentials(&self) -> RootCredentials {
        RootCredentials::new(&self.sdk_config(self.home_region()), Arc::clone(&self.lease))
    }

    /// The gateway's home region.
    #[must_use]
    pub fn home_region(&self) -> &Region {
        &self.platform.settings().home_region
    }

    /// Without a cache of credentials, so that each attempt is signed with those of the moment.
    fn sdk_config(&self, region: &Region) -> SdkConfig {
        let config = self.platform.sdk_config(region, self.lease.credentials());
        config.into_builder().identity_cache(IdentityCache::no_cache()).build()
    }
}
