//! Callers, and what they are told when the answer is no.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rootgate::pb::{self, root_access_service_client::RootAccessServiceClient};
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error},
};
use tonic_types::StatusExt;

use super::REASON;
use crate::pki::Identity;

/// A caller with a connection of its own; clones share it.
#[derive(Clone)]
pub struct Client {
    pub channel: Channel,
    pub token: Token,
    pub root: RootAccessServiceClient<InterceptedService<Channel, Token>>,
}

/// What a caller puts beside each of its calls: nothing, or a header that proves who it is.
#[derive(Clone, Default)]
pub struct Token(Option<(&'static str, Make)>);

type Make = Arc<dyn Fn() -> String + Send + Sync>;

impl Token {
    pub fn header(name: &'static str, value: &str) -> Self {
        let value = value.to_owned();
        Self::fresh(name, move || value.clone())
    }

    /// One that is made anew for each call.
    pub fn fresh(name: &'static str, make: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Some((name, Arc::new(make))))
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some((name, make)) = &self.0 {
            let value: MetadataValue<Ascii> = make().parse().expect("a header's value");
            request.metadata_mut().insert(*name, value);
        }
        Ok(request)
    }
}

/// A refusal as its caller reads it.
#[derive(Debug)]
pub struct Refusal {
    pub status: Status,
    pub code: Code,
    pub reason: String,
}

impl Client {
    /// Connects over TLS, with a client certificate or without.
    pub async fn connect(address: SocketAddr, authority: &str, identity: Option<&Identity>) -> Result<Self, Error> {
        Ok(Self::over(endpoint(address, authority, identity)?.connect().await?))
    }

    /// The same, but connects when it first calls, and again whenever it has lost its connection.
    pub fn lazy(address: SocketAddr, authority: &str, identity: &Identity) -> Self {
        Self::over(endpoint(address, authority, Some(identity)).expect("a usable endpoint").connect_lazy())
    }

    /// Calls over this channel.
    pub fn over(channel: Channel) -> Self {
        Self::over_with(channel, Token::default())
    }

    /// The same with a header beside each call.
    pub fn over_with(channel: Channel, token: Token) -> Self {
        Self { root: RootAccessServiceClient::with_interceptor(channel.clone(), token.clone()), channel, token }
    }

    /// Connects without TLS, as the proxy on the same machine does.
    pub async fn plaintext(address: SocketAddr, token: Token) -> Result<Self, Error> {
        Ok(Self::over_with(Endpoint::try_from(format!("http://{address}"))?.connect().await?, token))
    }

    pub async fn unlock_bucket(
        &mut self,
        account: &str,
        bucket: &str,
    ) -> Result<pb::UnlockBucketPolicyResponse, Refusal> {
        answer(self.root.unlock_bucket_policy(unlock_bucket(account, bucket)).await)
    }

    pub async fn unlock_queue(&mut self, account: &str, arn: &str) -> Result<pb::UnlockQueuePolicyResponse, Refusal> {
        answer(self.root.unlock_queue_policy(unlock_queue(account, arn)).await)
    }

    pub async fn audit(&mut self, account: &str) -> Result<pb::AuditRootCredentialsResponse, Refusal> {
        let request = pb::AuditRootCredentialsRequest {
            account_id: account.to_owned(),
            reason: REASON.to_owned(),
            ..Default::default()
        };
        answer(self.root.audit_root_credentials(request).await)
    }

    pub async fn delete(
        &mut self,
        account: &str,
        kinds: &[pb::CredentialKind],
    ) -> Result<pb::DeleteRootCredentialsResponse, Refusal> {
        let request = pb::DeleteRootCredentialsRequest {
            account_id: account.to_owned(),
            reason: REASON.to_owned(),
            credential_kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
            ..Default::default()
        };
        answer(self.root.delete_root_credentials(request).await)
    }

    pub async fn allow_recovery(&mut self, account: &str) -> Result<pb::AllowPasswordRecoveryResponse, Refusal> {
        let request = pb::AllowPasswordRecoveryRequest {
            account_id: account.to_owned(),
            reason: REASON.to_owned(),
            ..Default::default()
        };
        answer(self.root.allow_password_recovery(request).await)
    }

    pub async fn assume_root(
        &mut self,
        account: &str,
        task_policy: pb::TaskPolicy,
    ) -> Result<pb::AssumeRootResponse, Refusal> {
        answer(self.root.assume_root(assume_root(account, task_policy)).await)
    }
}

fn endpoint(address: SocketAddr, authority: &str, identity: Option<&Identity>) -> Result<Endpoint, Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
    let tls = identity.into_iter().fold(tls, |tls, identity| {
        tls.identity(tonic::transport::Identity::from_pem(&identity.certificate, &identity.key))
    });
    // A bound for the tests; nothing waits for it.
    let endpoint = Endpoint::try_from(format!("https://{address}"))?.connect_timeout(Duration::from_secs(10));
    endpoint.tls_config(tls)
}

pub fn unlock_bucket(account: &str, bucket: &str) -> pb::UnlockBucketPolicyRequest {
    pb::UnlockBucketPolicyRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        bucket: bucket.to_owned(),
        mode: pb::UnlockMode::DeletePolicy.into(),
        ..Default::default()
    }
}

pub fn unlock_queue(account: &str, arn: &str) -> pb::UnlockQueuePolicyRequest {
    pb::UnlockQueuePolicyRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: arn.to_owned(),
        mode: pb::UnlockMode::DeletePolicy.into(),
        ..Default::default()
    }
}

pub fn assume_root(account: &str, task_policy: pb::TaskPolicy) -> Request<pb::AssumeRootRequest> {
    Request::new(pb::AssumeRootRequest {
        account_id: account.to_owned(),
        reason: REASON.to_owned(),
        task_policy: task_policy.into(),
        ..Default::default()
    })
}

/// The message, or the refusal with its one reason.
pub fn answer<T>(result: Result<Response<T>, Status>) -> Result<T, Refusal> {
    result.map(Response::into_inner).map_err(Refusal::from)
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        Self { code: status.code(), reason, status }
    }
}

impl Refusal {
    /// A fact from the ErrorInfo.
    pub fn metadata(&self, key: &str) -> String {
        let info = self.status.get_details_error_info();
        info.and_then(|info| info.metadata.get(key).cloned()).unwrap_or_default()
    }

    /// The fields that broke a rule.
    pub fn fields(&self) -> Vec<String> {
        let bad = self.status.get_details_bad_request();
        bad.map(|bad| bad.field_violations.into_iter().map(|violation| violation.field).collect()).unwrap_or_default()
    }
}

/// Asserts code and reason of a refusal, and hands it back.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>, code: Code, reason: &str) -> Refusal {
    let refusal = result.expect_err("the answer is no");
    assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason), "{:?}", refusal.status);
    refusal
}
