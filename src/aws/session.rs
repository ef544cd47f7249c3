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
    attempts::Attempts,
    broker::{Broker, Brokered, Origin},
    change,
    lease::Lease,
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
    attempts: Attempts,
}

impl Sts {
    pub(super) const fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    pub(super) fn new(platform: &Arc<Platform>, broker: Option<BrokerRoles>) -> Self {
        let client = Client::new(&platform.as_gateway());
        let broker = broker.map(|roles| Broker::new(Arc::clone(platform), client.clone(), roles));
        Self { client, broker, attempts: Attempts::new(platform.settings()) }
    }

    /// `sts:AssumeRoot` for an act of the gateway's own, and when it was sent. Attempts that got no answer stay on the trail:
    /// each may have opened one more short session, which nobody holds.
    pub(super) async fn assume_root(
        &self,
        ask: &Ask,
        trail: &Trail,
    ) -> Result<(IssuedCredentials, Instant), AwsFailure> {
        let asker = self.asker(ask, trail).await?;
        trail.asks_for_session();
        let answer = self.attempts.until_clear(|| async {
            let asked_at = Instant::now();
            Ok((asker.send_once(ask, trail).await?, asked_at))
        });
        let (output, asked_at) = answer.await?;
        // With a session that cannot be used the act was not begun.
        let issued = asker.read(output, trail).map_err(AwsFailure::before_the_act)?;
        Ok((issued, asked_at))
    }

    /// The same for credentials that are handed out: what got no answer is not sent again, so that a failure says what
    /// became of it.
    pub(super) async fn issue(&self, ask: &Ask, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        let asker = self.asker(ask, trail).await?;
        trail.asks_for_session();
        let output = change::send(trail, "sts", "AssumeRoot", || asker.send_once(ask, trail));
        asker.read(output.await?, trail)
    }

    /// Whoever asks AWS for the root session, in its turn.
    async fn asker(&self, ask: &Ask, trail: &Trail) -> Result<Asker, AwsFailure> {
        self.attempts.turn().await;
        let Some(broker) = &self.broker else {
            return Ok(Asker { client: self.client.clone(), source_identity: None });
        };
        let Brokered { client, source_identity } = broker.open(ask, trail, &self.attempts).await?;
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
    async fn send_once(&self, ask: &Ask, trail: &Trail) -> Result<AssumeRootOutput, AwsFailure> {
        let once = aws_sdk_sts::Config::builder().retry_config(change::one_attempt());
        trail.send("sts", "AssumeRoot", self.call(ask).customize().config_override(once).send()).await
    }

    fn call(&self, ask: &Ask) -> AssumeRootFluentBuilder {
        let policy = PolicyDescriptorType::builder().arn(ask.task_policy.arn()).build();
        let call = self.client.assume_root().target_principal(ask.account.as_str()).task_policy_arn(policy);
        call.duration_seconds(i32::from(ask.duration_seconds))
    }

    fn read(&self, output: AssumeRootOutput, trail: &Trail) -> Result<IssuedCredentials, AwsFailure> {
        read(output, self.source_identity.as_deref(), trail)
    }
}

/// The session that AWS opened, unless CloudTrail would not name its caller.
fn read(
    output: AssumeRootOutput,
    source_identity: Option<&str>,
    trail: &Trail,
) -> Result<IssuedCredentials, AwsFailure> {
    let nonsense = |what: &str| AwsFailure::nonsense("sts", "AssumeRoot", what);
    let credentials = output.credentials.ok_or_else(|| nonsense("AWS answered success without credentials"))?;
    // Whatever becomes of it, this session is there.
    trail.opened(&credentials.access_key_id);
    if source_identity.is_some() && source_identity != output.source_identity.as_deref() {
        return Err(nonsense("the root session did not inherit the caller's source identity"));
    }
    Ok(IssuedCredentials {
        expiration: Timestamp::from_unix(credentials.expiration.secs(), credentials.expiration.subsec_nanos()),
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
        session_token: credentials.session_token,
    })
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

#[cfg(test)]
mod tests {
    use aws_sdk_sts::types::Credentials;
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::aws::Fate;

    fn opened(source_identity: Option<&str>) -> AssumeRootOutput {
        let credentials = Credentials::builder().access_key_id("ASIAEXAMPLE").secret_access_key("s").session_token("t");
        let credentials = credentials.expiration(DateTime::from_secs(1_795_286_154)).build().unwrap();
        let output = AssumeRootOutput::builder().credentials(credentials);
        output.set_source_identity(source_identity.map(ToOwned::to_owned)).build()
    }

    #[test]
    fn a_session_without_its_callers_name_is_not_used_but_recorded() {
        for inherited in [None, Some("bob"), Some("")] {
            let trail = Trail::default();
            let failure = read(opened(inherited), Some("alice"), &trail).err().unwrap();
            assert_eq!(failure.fate, Fate::Unknown, "{inherited:?}");
            assert_eq!(trail.access_key_id().unwrap(), "ASIAEXAMPLE");
        }
        for (inherited, expected) in [(Some("alice"), Some("alice")), (None, None), (Some("alice"), None)] {
            assert!(read(opened(inherited), expected, &Trail::default()).is_ok(), "{inherited:?} {expected:?}");
        }
    }
}
