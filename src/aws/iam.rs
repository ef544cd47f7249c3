//! The root user's own credentials. Inside a root session every call leaves `UserName` out, which means root.

use std::sync::Arc;

use aws_sdk_iam::{Config, config::Builder, types::SummaryKeyType};
use aws_smithy_types::DateTime;
use aws_types::{SdkConfig, request_id::RequestId};

use super::{AwsFailure, change, lease::Lease};
use crate::{clock::Timestamp, types::CredentialKind};

/// Reads, creates and deletes the root user's credentials.
pub struct RootCredentials {
    client: aws_sdk_iam::Client,
    session: Arc<Lease>,
}

/// Whether the root user has each kind of credential, from one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootSummary {
    /// A console password.
    pub login_profile: bool,
    /// Access keys.
    pub access_keys: bool,
    /// Signing certificates.
    pub signing_certificates: bool,
    /// MFA devices.
    pub mfa_devices: bool,
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyFacts {
    /// AKIA...
    pub access_key_id: String,
    /// As AWS says it.
    pub status: String,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

/// When and for what an access key was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// When.
    pub at: Timestamp,
    /// With which service.
    pub service: String,
    /// In which region.
    pub region: String,
}

/// A signing certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningCertificateFacts {
    /// Certificate id.
    pub certificate_id: String,
    /// As AWS says it.
    pub status: String,
    /// When it was uploaded.
    pub uploaded_at: Option<Timestamp>,
}

/// An MFA device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaDeviceFacts {
    /// Serial number, for a virtual device its ARN.
    pub serial_number: String,
    /// When it was enabled.
    pub enabled_at: Option<Timestamp>,
}

/// One credential that can be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialItem {
    /// What it is.
    pub kind: CredentialKind,
    /// Its id; empty for the login profile, of which there is only one.
    pub id: String,
}

impl CredentialItem {
    /// Whether it stands for a kind that could not be listed.
    #[must_use]
    pub fn is_whole_kind(&self) -> bool {
        self.id.is_empty() && self.kind != CredentialKind::LoginProfile
    }
}

/// IAM's own page maximum.
const PAGE_SIZE: i32 = 1000;
/// Far above IAM's quotas (2 keys, 2 certificates, 8 MFA devices); an endless chain of pages is a defect.
const PAGES_MAX: usize = 100;

/// Follows `Marker` until the last page. A failed page fails the listing: it is never an empty list.
macro_rules! all_pages {
    ($self:ident, $call:ident, $operation:literal, $items:ident) => {{
        let mut items = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let call = $self.client.$call().max_items(PAGE_SIZE).set_marker(marker);
            let page = $self.session.read("iam", $operation, || call.clone().send()).await?;
            items.extend(page.$items);
            marker = page.marker.filter(|marker| page.is_truncated && !marker.is_empty());
            if marker.is_none() {
                return Ok(items.into_iter().map(Into::into).collect());
            }
        }
        Err(AwsFailure::nonsense("iam", $operation, "the pages do not end"))
    }};
}

impl RootCredentials {
    pub(super) fn new(config: &SdkConfig, session: Arc<Lease>) -> Self {
        Self { client: aws_sdk_iam::Client::new(config), session }
    }

    /// `iam:GetAccountSummary`: one call that says of each kind whether there is any.
    ///
    /// # Errors
    /// AWS's refusal, or a summary without the four numbers: what is missing is not zero.
    pub async fn summary(&self) -> Result<RootSummary, AwsFailure> {
        let output = self.session.read("iam", "GetAccountSummary", || self.client.get_account_summary().send()).await?;
        let numbers = output.summary_map.unwrap_or_default();
        let any = |key: SummaryKeyType| {
            let number = numbers.get(&key).copied();
            number.map(|number| number > 0).ok_or_else(|| {
                AwsFailure::nonsense("iam", "GetAccountSummary", &format!("the summary lacks {}", key.as_str()))
            })
        };
        Ok(RootSummary {
            login_profile: any(SummaryKeyType::AccountPasswordPresent)?,
            access_keys: any(SummaryKeyType::AccountAccessKeysPresent)?,
            signing_certificates: any(SummaryKeyType::AccountSigningCertificatesPresent)?,
            mfa_devices: any(SummaryKeyType::AccountMfaEnabled)?,
        })
    }

    /// When the login profile was created; none if there is none.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn login_profile(&self) -> Result<Option<Timestamp>, AwsFailure> {
        match self.session.read("iam", "GetLoginProfile", || self.client.get_login_profile().send()).await {
            Ok(output) => {
                let lacking =
                    || AwsFailure::nonsense("iam", "GetLoginProfile", "AWS answered success without a profile");
                output.login_profile.map(|profile| Some(timestamp(profile.create_date()))).ok_or_else(lacking)
            }
            Err(failure) if failure.is(&["NoSuchEntity"]) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// All access keys.
    ///
    /// # Errors
    /// AWS's refusal of any page.
    pub async fn access_keys(&self) -> Result<Vec<AccessKeyFacts>, AwsFailure> {
        all_pages!(self, list_access_keys, "ListAccessKeys", access_key_metadata)
    }

    /// All signing certificates.
    ///
    /// # Errors
    /// AWS's refusal of any page.
    pub async fn signing_certificates(&self) -> Result<Vec<SigningCertificateFacts>, AwsFailure> {
        all_pages!(self, list_signing_certificates, "ListSigningCertificates", certificates)
    }

    /// All MFA devices.
    ///
    /// # Errors
    /// AWS's refusal of any page.
    pub async fn mfa_devices(&self) -> Result<Vec<MfaDeviceFacts>, AwsFailure> {
        all_pages!(self, list_mfa_devices, "ListMFADevices", mfa_devices)
    }

    /// When an access key was last used; none if never.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn last_use(&self, access_key_id: &str) -> Result<Option<KeyUse>, AwsFailure> {
        let call = self.client.get_access_key_last_used().access_key_id(access_key_id);
        let output = self.session.read("iam", "GetAccessKeyLastUsed", || call.clone().send()).await?;
        let used = output.access_key_last_used;
        Ok(used.and_then(|used| {
            used.last_used_date.map(|date| KeyUse {
                at: timestamp(&date),
                service: used.service_name,
                region: used.region,
            })
        }))
    }

    /// Creates the login profile without a password.
    ///
    /// # Errors
    /// AWS's refusal; `EntityAlreadyExists` if there is one already.
    pub async fn create_login_profile(&self) -> Result<(), AwsFailure> {
        let send = || self.client.create_login_profile().customize().config_override(one_attempt()).send();
        self.session.change("iam", "CreateLoginProfile", send).await.map(drop)
    }

    /// The ids of all credentials of a kind.
    ///
    /// # Errors
    /// AWS's refusal of any page.
    pub async fn items(&self, kind: CredentialKind) -> Result<Vec<CredentialItem>, AwsFailure> {
        let ids: Vec<String> = match kind {
            CredentialKind::LoginProfile => self.login_profile().await?.map(|_| String::new()).into_iter().collect(),
            CredentialKind::AccessKey => self.access_keys().await?.into_iter().map(|key| key.access_key_id).collect(),
            CredentialKind::SigningCertificate => {
                self.signing_certificates().await?.into_iter().map(|certificate| certificate.certificate_id).collect()
            }
            CredentialKind::MfaDevice => {
                self.mfa_devices().await?.into_iter().map(|device| device.serial_number).collect()
            }
        };
        Ok(ids.into_iter().map(|id| CredentialItem { kind, id }).collect())
    }

    /// Deletes one credential; an MFA device is deactivated (`iam:DeleteVirtualMFADevice` is denied by the task policy).
    ///
    /// The AWS request id.
    ///
    /// # Errors
    /// AWS's refusal; `NoSuchEntity` if it is gone already.
    pub async fn delete(&self, item: &CredentialItem) -> Result<Option<String>, AwsFailure> {
        let (client, session, id) = (&self.client, &self.session, item.id.as_str());
        match item.kind {
            CredentialKind::LoginProfile => {
                let send = || client.delete_login_profile().customize().config_override(one_attempt()).send();
                session.change("iam", "DeleteLoginProfile", send).await.map(|output| request_id(&output))
            }
            CredentialKind::AccessKey => {
                let call = client.delete_access_key().access_key_id(id);
                let send = || call.clone().customize().config_override(one_attempt()).send();
                session.change("iam", "DeleteAccessKey", send).await.map(|output| request_id(&output))
            }
            CredentialKind::SigningCertificate => {
                let call = client.delete_signing_certificate().certificate_id(id);
                let send = || call.clone().customize().config_override(one_attempt()).send();
                session.change("iam", "DeleteSigningCertificate", send).await.map(|output| request_id(&output))
            }
            CredentialKind::MfaDevice => {
                let call = client.deactivate_mfa_device().serial_number(id);
                let send = || call.clone().customize().config_override(one_attempt()).send();
                session.change("iam", "DeactivateMFADevice", send).await.map(|output| request_id(&output))
            }
        }
    }
}

fn request_id(output: &impl RequestId) -> Option<String> {
    output.request_id().map(ToOwned::to_owned)
}

fn one_attempt() -> Builder {
    Config::builder().retry_config(change::one_attempt())
}

fn timestamp(time: &DateTime) -> Timestamp {
    Timestamp::from_unix(time.secs(), time.subsec_nanos())
}

impl From<aws_sdk_iam::types::AccessKeyMetadata> for AccessKeyFacts {
    fn from(key: aws_sdk_iam::types::AccessKeyMetadata) -> Self {
        Self {
            access_key_id: key.access_key_id.unwrap_or_default(),
            status: key.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            created_at: key.create_date.as_ref().map(timestamp),
        }
    }
}

impl From<aws_sdk_iam::types::SigningCertificate> for SigningCertificateFacts {
    fn from(certificate: aws_sdk_iam::types::SigningCertificate) -> Self {
        Self {
            certificate_id: certificate.certificate_id,
            status: certificate.status.as_str().to_owned(),
            uploaded_at: certificate.upload_date.as_ref().map(timestamp),
        }
    }
}

impl From<aws_sdk_iam::types::MfaDevice> for MfaDeviceFacts {
    fn from(device: aws_sdk_iam::types::MfaDevice) -> Self {
        Self { enabled_at: Some(timestamp(&device.enable_date)), serial_number: device.serial_number }
    }
}
