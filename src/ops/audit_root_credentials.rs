//! Says which root credentials exist. Changes nothing.

use futures_util::future::try_join_all;
use serde_json::json;

use super::{Conclusion, Means, Operation};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AccessKeyFacts, AwsFailure, KeyUse, MfaDeviceFacts, RootCredentials, SigningCertificateFacts, Trail},
    clock::Timestamp,
    error::Error,
    types::{AccountId, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct AuditRootCredentials {
    /// Whose root user.
    pub account: AccountId,
    /// Why.
    pub why: Why,
}

/// The root credentials of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCredentialsAudit {
    /// When it was looked, by the gateway's clock: ages count from there.
    pub seen_at: Timestamp,
    /// When the login profile was created, if there is one.
    pub login_profile_created_at: Option<Timestamp>,
    /// Access keys.
    pub access_keys: Vec<UsedAccessKey>,
    /// Signing certificates.
    pub signing_certificates: Vec<SigningCertificateFacts>,
    /// MFA devices.
    pub mfa_devices: Vec<MfaDeviceFacts>,
}

/// An access key with its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedAccessKey {
    /// The key.
    pub key: AccessKeyFacts,
    /// Its last use, if it ever was used.
    pub last_use: Option<KeyUse>,
}

impl RootCredentialsAudit {
    pub(super) const fn nothing(seen_at: Timestamp) -> Self {
        Self {
            seen_at,
            login_profile_created_at: None,
            access_keys: Vec::new(),
            signing_certificates: Vec::new(),
            mfa_devices: Vec::new(),
        }
    }

    /// Whether there is any credential.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.login_profile_created_at.is_some()
            || !(self.access_keys.is_empty() && self.signing_certificates.is_empty() && self.mfa_devices.is_empty())
    }
}

impl Ask for AuditRootCredentials {
    const KIND: Kind = Kind::AuditRootCredentials;

    fn target(&self) -> Target {
        Target::Account(self.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        None
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl RootTask for AuditRootCredentials {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::IamAuditRootUserCredentials
    }
}

impl Operation for AuditRootCredentials {
    type Output = RootCredentialsAudit;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, now, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<RootCredentialsAudit, Error> {
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        // Boxed: the futures of four SDK calls at a time are large.
        Box::pin(inventory(&session.root_credentials(), now)).await.map_err(AwsFailure::into_error)
    }

    fn conclude(audit: &RootCredentialsAudit) -> Conclusion {
        let detail = json!({
            "login_profile_created_at": audit.login_profile_created_at.map(|at| at.to_string()),
            "access_keys": audit.access_keys.iter().map(|used| &used.key.access_key_id).collect::<Vec<_>>(),
            "signing_certificates": audit.signing_certificates.iter().map(|c| &c.certificate_id).collect::<Vec<_>>(),
            "mfa_devices": audit.mfa_devices.iter().map(|d| &d.serial_number).collect::<Vec<_>>(),
        });
        Conclusion { changed: Some(false), detail, shortfall: None }
    }
}

/// One call says of each kind whether there is any, which is all that a clean account costs; details are read only where
/// there are some, at the same time. Any failure fails the audit: what could not be read is not absent.
async fn inventory(root: &RootCredentials, seen_at: Timestamp) -> Result<RootCredentialsAudit, AwsFailure> {
    let summary = root.summary().await?;
    let login_profile = async { if summary.login_profile { root.login_profile().await } else { Ok(None) } };
    let access_keys = async { if summary.access_keys { used_access_keys(root).await } else { Ok(Vec::new()) } };
    let certificates =
        async { if summary.signing_certificates { root.signing_certificates().await } else { Ok(Vec::new()) } };
    let mfa_devices = async { if summary.mfa_devices { root.mfa_devices().await } else { Ok(Vec::new()) } };
    let (login_profile_created_at, access_keys, signing_certificates, mfa_devices) =
        tokio::try_join!(login_profile, access_keys, certificates, mfa_devices)?;
    Ok(RootCredentialsAudit { seen_at, login_profile_created_at, access_keys, signing_certificates, mfa_devices })
}

async fn used_access_keys(root: &RootCredentials) -> Result<Vec<UsedAccessKey>, AwsFailure> {
    with_last_use(root, root.access_keys().await?).await
}

/// Asks for the last use of each key, at the same time.
pub(super) async fn with_last_use(
    root: &RootCredentials,
    keys: Vec<AccessKeyFacts>,
) -> Result<Vec<UsedAccessKey>, AwsFailure> {
    let with_use = |key: AccessKeyFacts| async move {
        let last_use = root.last_use(&key.access_key_id).await?;
        Ok(UsedAccessKey { key, last_use })
    };
    try_join_all(keys.into_iter().map(with_use)).await
}
