//! AWS's own SDK against the simulated AWS.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::Simulator;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_types::SdkConfig;

/// What a client of any service needs to speak for whoever has these credentials.
pub fn sdk(aws: &Simulator, region: &'static str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(aws.endpoint())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// S3 with buckets in the path: the simulated AWS has one name.
pub fn s3(aws: &Simulator, region: &'static str, credentials: Credentials) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk(aws, region, credentials)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}
