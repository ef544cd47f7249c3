//! What every client shares: HTTP connections, time limits, retries, and where AWS is.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use aws_config::BehaviorVersion;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, app_name::AppName};

use crate::{
    error::{Error, ErrorReason},
    types::Region,
};

/// What the configuration says about calling AWS.
#[derive(Clone, Debug)]
pub struct PlatformSettings {
    /// Region of STS, and of the first look for a bucket.
    pub home_region: Region,
    /// The only regions in which anything is done.
    pub allowed_regions: BTreeSet<Region>,
    /// All calls go there instead of to AWS. For development with a simulator only.
    pub endpoint_override: Option<String>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time for one attempt.
    pub attempt_timeout: Duration,
    /// Time for a call with its retries.
    pub operation_timeout: Duration,
    /// Attempts of a call, the first counted in.
    pub attempts_max: u32,
    /// Pace of `sts:AssumeRoot`.
    pub assume_root_per_second_max: NonZeroU32,
}

/// Where the gateway's own credentials come from.
#[derive(Clone, Debug)]
pub enum GatewayCredentials {
    /// The SDK's default chain: environment, profile, web identity, container, instance metadata.
    DefaultChain,
    /// Handed in.
    Provided(SharedCredentialsProvider),
}

/// Why no client can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// A profile sends calls elsewhere: root session tokens would go there.
    #[error(
        "the AWS profile sets endpoint_url = {0}: root sessions would be sent there; remove it, or use [aws.development]"
    )]
    EndpointInProfile(String),
    /// No credentials are configured at all.
    #[error("no AWS credentials are configured: give the gateway a role, a profile or AWS_* variables")]
    NoCredentials,
}

/// What every client shares.
#[derive(Debug)]
pub struct Platform {
    settings: PlatformSettings,
    http_client: SharedHttpClient,
    credentials: SharedCredentialsProvider,
    use_fips: bool,
    use_dual_stack: bool,
}

impl Platform {
    /// Prepares the clients. Sends nothing.
    ///
    /// # Errors
    /// No credentials are configured, or a profile overrides AWS's endpoints.
    pub async fn new(settings: PlatformSettings, credentials: GatewayCredentials) -> Result<Self, PlatformError> {
        let http_client =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
        let (credentials, use_fips, use_dual_stack) = match credentials {
            GatewayCredentials::Provided(provider) => (provider, false, false),
            GatewayCredentials::DefaultChain => {
                let loaded = aws_config::defaults(BehaviorVersion::latest())
                    .http_client(http_client.clone())
                    .region(aws_types::region::Region::new(settings.home_region.to_string()))
                    .load()
                    .await;
                if let (Some(url), None) = (loaded.endpoint_url(), &settings.endpoint_override) {
                    return Err(PlatformError::EndpointInProfile(url.to_owned()));
                }
                let provider = loaded.credentials_provider().ok_or(PlatformError::NoCredentials)?;
                (provider, loaded.use_fips().unwrap_or(false), loaded.use_dual_stack().unwrap_or(false))
            }
        };
        Ok(Self { settings, http_client, credentials, use_fips, use_dual_stack })
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &PlatformSettings {
        &self.settings
    }

    /// Whether anything may be done in this region.
    ///
    /// # Errors
    /// It is not on the allow-list.
    pub fn allow_region(&self, region: &Region) -> Result<(), Error> {
        if self.settings.allowed_regions.contains(region) {
            return Ok(());
        }
        let allowed: Vec<&str> = self.settings.allowed_regions.iter().map(Region::as_str).collect();
        let words = format!("this gateway acts only in {} (aws.allowed_regions)", allowed.join(", "));
        Err(Error::new(ErrorReason::RegionNotAllowed, words).with_metadata("region", region.as_str()))
    }

    /// Configuration of a client that acts as the gateway itself.
    pub(super) fn as_gateway(&self) -> SdkConfig {
        self.sdk_config(&self.settings.home_region, self.credentials.clone())
    }

    /// The same in another region than the home region.
    pub(super) fn as_gateway_in(&self, region: &Region) -> SdkConfig {
        self.sdk_config(region, self.credentials.clone())
    }

    /// Configuration of a client with these credentials.
    ///
    /// It is built from nothing, not from the loaded one, so that no endpoint from environment or profile reaches it.
    pub(super) fn sdk_config(&self, region: &Region, credentials: SharedCredentialsProvider) -> SdkConfig {
        let settings = &self.settings;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .operation_attempt_timeout(settings.attempt_timeout)
            .operation_timeout(settings.operation_timeout)
            .build();
        let builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_types::region::Region::new(region.to_string()))
            .credentials_provider(credentials)
            .http_client(self.http_client.clone())
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(settings.attempts_max))
            .use_fips(self.use_fips)
            .use_dual_stack(self.use_dual_stack);
        // Visible in CloudTrail as `app/rootgate` in the user agent.
        let builder = AppName::new("rootgate").into_iter().fold(builder, |builder, name| builder.app_name(name));
        settings.endpoint_override.iter().fold(builder, |builder, url| builder.endpoint_url(url)).build()
    }
}
