//! The credentials of an account's root user.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AccessKey;

/// The root user's long-lived credentials.
#[derive(Debug, Clone, Default)]
pub struct RootUser {
    /// When the login profile was made, if there is one.
    pub login_profile: Option<i64>,
    /// Access keys.
    pub access_keys: Vec<RootAccessKey>,
    /// MFA devices.
    pub mfa_devices: Vec<MfaDevice>,
    /// X.509 signing certificates.
    pub signing_certificates: Vec<SigningCertificate>,
}

impl RootUser {
    /// Whether there is any credential at all.
    pub fn is_clean(&self) -> bool {
        self.login_profile.is_none()
            && self.access_keys.is_empty()
            && self.mfa_devices.is_empty()
            && self.signing_certificates.is_empty()
    }
}

/// Source: IAM API, `statusType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialStatus {
    /// Usable.
    #[default]
    Active,
    /// Switched off.
    Inactive,
    /// Past its time.
    Expired,
}

impl CredentialStatus {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            CredentialStatus::Active => "Active",
            CredentialStatus::Inactive => "Inactive",
            CredentialStatus::Expired => "Expired",
        }
    }
}

/// When and where an access key was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUsed {
    /// In seconds since the epoch.
    pub date: i64,
    /// Such as `s3`.
    pub service: String,
    /// Such as `us-east-1`.
    pub region: String,
}

/// An access key of the root user. Its secret is not printed.
#[derive(Clone, Default)]
pub struct RootAccessKey {
    /// 20 characters.
    pub id: String,
    /// With it the key can sign calls as the root user; without it the key is only there to be listed and deleted.
    pub secret_access_key: Option<String>,
    /// Whether it works.
    pub status: CredentialStatus,
    /// In seconds since the epoch.
    pub created: i64,
    /// `None` if it never was.
    pub last_used: Option<LastUsed>,
}

impl RootAccessKey {
    /// The key as credentials, if its secret is known.
    pub fn credentials(&self) -> Option<AccessKey> {
        let secret = self.secret_access_key.clone()?;
        Some(AccessKey { access_key_id: self.id.clone(), secret_access_key: secret })
    }
}

impl fmt::Debug for RootAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootAccessKey").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// An MFA device of the root user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MfaDevice {
    /// An ARN for virtual devices, something else for hardware.
    pub serial_number: String,
    /// In seconds since the epoch.
    pub enabled: i64,
}

/// A signing certificate of the root user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningCertificate {
    /// 24 characters and more.
    pub id: String,
    /// Whether it works.
    pub status: CredentialStatus,
    /// In seconds since the epoch.
    pub uploaded: i64,
}
