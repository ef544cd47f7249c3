//! What an AWS role or user hands over to prove itself: a presigned `sts:GetCallerIdentity` that nobody sent.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use aws_credential_types::Credentials;
use aws_root_simulator::{AccessKey, Simulator};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4::SigningParams,
};
use http::Request;
use rootgate::clock::{Clock as _, SystemClock};

/// What the tests' gateway calls itself.
pub const AUDIENCE: &str = "rootgate.test";

/// The host and the audience are signed; so is the lifetime, which keeps two tokens of one second apart.
pub fn aws_token(aws: &Simulator, principal: &str, audience: &str) -> String {
    fresh_aws_token(&credentials(aws, principal), audience)
}

/// Long-lived credentials of a role or user of the scenario.
pub fn credentials(aws: &Simulator, principal: &str) -> Credentials {
    static_key(aws.access_key(principal).expect("the scenario has this principal"))
}

pub fn static_key(key: AccessKey) -> Credentials {
    Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test")
}

pub fn fresh_aws_token(credentials: &Credentials, audience: &str) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60 + MADE.fetch_add(1, Ordering::Relaxed) % 800));
    let now = Duration::from_micros(SystemClock.now().unix_micros().try_into().expect("after 1970"));
    let params = SigningParams::builder().identity(&identity).region("us-east-1").name("sts").settings(settings);
    let params = params.time(std::time::UNIX_EPOCH + now).build().expect("all parameters").into();
    let host = "sts.us-east-1.amazonaws.com";
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let headers = [("host", host), ("x-rootgate-audience", audience)].into_iter();
    let signable = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(&[])).expect("a request");
    let mut request = Request::get(&url).body(()).expect("a request");
    let (instructions, _) = sign(signable, &params).expect("a signature").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    format!("rootgate-aws-v1.{}", super::issuer::base64url(request.uri().to_string().as_bytes()))
}
