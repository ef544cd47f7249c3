//! Callers, and what they are told when the answer is no.

use std::{net::SocketAddr, time::Duration};

use rootgate::pb::{self, root_access_service_client::RootAccessServiceClient};
use tonic::{
    Code, Request, Response, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error},
};
use tonic_types::StatusExt;

use super::REASON;
use crate::pki::Identity;

/// A caller with a connection of its own.
pub struct Client {
    pub channel: Channel,
    pub root: RootAccessServiceClient<Channel>,
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
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
        let tls = identity.into_iter().fold(tls, |tls, identity| {
            tls.identity(tonic::transport::Identity::from_pem(&identity.certificate, &identity.key))
        });
        // A bound for the tests; nothing waits for it.
        let endpoint = Endpoint::try_from(format!("https://{address}"))?.connect_timeout(Duration::from_secs(10));
        let channel = endpoint.tls_config(tls)?.connect().await?;
        Ok(Self { root: RootAccessServiceClient::new(channel.clone()), channel })
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
