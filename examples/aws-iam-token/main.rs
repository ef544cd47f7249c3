//! Prints a token that proves the AWS identity of this process to one rootgate.
//!
//! Usage: `cargo run --example aws-iam-token AUDIENCE` (credentials and region as every AWS tool finds them).
//!
//! Elsewhere it needs the crates aws-config, aws-credential-types, aws-sigv4 (features `sign-http` and `http1`),
//! aws-smithy-types and http; with aws-config's default features, `aws_config::load_defaults` is enough in `main`.

#![allow(clippy::print_stdout, reason = "the token is the output")]
#![allow(clippy::disallowed_methods, reason = "a token is signed now")]

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use aws_config::BehaviorVersion;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::base64;

/// Signs a `GetCallerIdentity` for this audience without sending it. Each token is good for one call.
fn token(credentials: Credentials, region: &str, audience: &str) -> Result<String, Box<dyn Error>> {
    let host = format!("sts.{region}.amazonaws.com");
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let now = SystemTime::now();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    // Two tokens of one second and one lifetime would be the same token.
    let nanos = now.duration_since(SystemTime::UNIX_EPOCH)?.subsec_nanos();
    settings.expires_in = Some(Duration::from_secs(60 + u64::from(nanos / 1000 % 841)));
    let identity = credentials.into();
    let params = SigningParams::builder().identity(&identity).region(region).name("sts").time(now).settings(settings);
    let headers = [("host", host.as_str()), ("x-rootgate-audience", audience)].into_iter();
    let signable = SignableRequest::new("GET", url.as_str(), headers, SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(signable, &params.build()?.into())?.into_parts();
    let mut request = http::Request::get(url).body(())?;
    instructions.apply_to_request_http1x(&mut request);
    let encoded = base64::encode(request.uri().to_string());
    Ok(format!("rootgate-aws-v1.{}", encoded.trim_end_matches('=').replace('+', "-").replace('/', "_")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let audience = std::env::args().nth(1).ok_or("usage: aws-iam-token AUDIENCE")?;
    let https = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(https).load().await;
    let provider = config.credentials_provider().ok_or("there are no AWS credentials")?;
    let region = config.region().ok_or("there is no region: set AWS_REGION")?;
    println!("{}", token(provider.provide_credentials().await?, region.as_ref(), &audience)?);
    Ok(())
}
