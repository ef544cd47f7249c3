//! What listings of root credentials showed, kind by kind.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{RootCredentialsAudit, UsedAccessKey};
use crate::{
    aws::{AccessKeyFacts, AwsFailure, CredentialItem, MfaDeviceFacts, RootCredentials, SigningCertificateFacts},
    clock::Timestamp,
    types::CredentialKind,
};

/// A listing of each kind, or why it could not be listed.
#[derive(Clone, Debug)]
pub(super) struct Inventory(BTreeMap<CredentialKind, Result<Listed, AwsFailure>>);

/// What a listing showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    LoginProfile(Option<Timestamp>),
    AccessKeys(Vec<AccessKeyFacts>),
    SigningCertificates(Vec<SigningCertificateFacts>),
    MfaDevices(Vec<MfaDeviceFacts>),
}

impl Inventory {
    /// Lists these kinds at the same time.
    pub(super) async fn read(root: &RootCredentials, kinds: impl IntoIterator<Item = CredentialKind>) -> Self {
        let listings = kinds.into_iter().map(|kind| async move { (kind, list(root, kind).await) });
        Self(join_all(listings).await.into_iter().collect())
    }

    /// Everything that was found.
    pub(super) fn items(&self) -> Vec<CredentialItem> {
        self.0.values().flatten().flat_map(Listed::items).collect()
    }

    /// The kinds that were listed.
    pub(super) fn listed_kinds(&self) -> Vec<CredentialKind> {
        self.0.iter().filter(|(_, listed)| listed.is_ok()).map(|(kind, _)| *kind).collect()
    }

    /// The kinds that could not be listed, and why.
    pub(super) fn unlisted(&self) -> impl Iterator<Item = (CredentialKind, &AwsFailure)> {
        self.0.iter().filter_map(|(kind, listed)| Some((*kind, listed.as_ref().err()?)))
    }

    /// What was found of a kind; none if it was not listed.
    pub(super) fn items_of(&self, kind: CredentialKind) -> Option<Vec<CredentialItem>> {
        self.0.get(&kind)?.as_ref().ok().map(Listed::items)
    }

    /// What was found, without the last uses of keys. Any failure fails it: what could not be read is not absent.
    pub(super) fn audit(&self, seen_at: Timestamp) -> Result<RootCredentialsAudit, AwsFailure> {
        let mut audit = RootCredentialsAudit::nothing(seen_at);
        for listed in self.0.values() {
            match listed.as_ref().map_err(Clone::clone)? {
                Listed::LoginProfile(created_at) => audit.login_profile_created_at = *created_at,
                Listed::AccessKeys(keys) => {
                    let unused = |key: &AccessKeyFacts| UsedAccessKey { key: key.clone(), last_use: None };
                    audit.access_keys = keys.iter().map(unused).collect();
                }
                Listed::SigningCertificates(certificates) => audit.signing_certificates.clone_from(certificates),
                Listed::MfaDevices(devices) => audit.mfa_devices.clone_from(devices),
            }
        }
        Ok(audit)
    }

    #[cfg(test)]
    pub(super) fn of(kind: CredentialKind, listed: Result<Listed, AwsFailure>) -> Self {
        Self([(kind, listed)].into())
    }
}

impl Listed {
    fn items(&self) -> Vec<CredentialItem> {
        let item = |kind, id: &str| CredentialItem { kind, id: id.to_owned() };
        match self {
            Self::LoginProfile(None) => Vec::new(),
            Self::LoginProfile(Some(_)) => vec![item(CredentialKind::LoginProfile, "")],
            Self::AccessKeys(keys) => {
                keys.iter().map(|key| item(CredentialKind::AccessKey, &key.access_key_id)).collect()
            }
            Self::SigningCertificates(certificates) => {
                let id =
                    |found: &SigningCertificateFacts| item(CredentialKind::SigningCertificate, &found.certificate_id);
                certificates.iter().map(id).collect()
            }
            Self::MfaDevices(devices) => {
                devices.iter().map(|device| item(CredentialKind::MfaDevice, &device.serial_number)).collect()
            }
        }
    }
}

async fn list(root: &RootCredentials, kind: CredentialKind) -> Result<Listed, AwsFailure> {
    match kind {
        CredentialKind::LoginProfile => root.login_profile().await.map(Listed::LoginProfile),
        CredentialKind::AccessKey => root.access_keys().await.map(Listed::AccessKeys),
        CredentialKind::SigningCertificate => root.signing_certificates().await.map(Listed::SigningCertificates),
        CredentialKind::MfaDevice => root.mfa_devices().await.map(Listed::MfaDevices),
    }
}

/// The call that lists a kind.
pub(super) const fn listing(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::LoginProfile => "GetLoginProfile",
        CredentialKind::AccessKey => "ListAccessKeys",
        CredentialKind::SigningCertificate => "ListSigningCertificates",
        CredentialKind::MfaDevice => "ListMFADevices",
    }
}
