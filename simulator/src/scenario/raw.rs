//! The scenario file as it is written. Unknown fields are errors, so that a typing mistake is not silently a default.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::world::{AccountState, CredentialStatus, FeatureSet};

/// Text whose line is wanted in errors.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) settings: Settings,
    pub(super) organization: Organization,
    #[serde(default)]
    pub(super) ou: Vec<Unit>,
    #[serde(default)]
    pub(super) account: Vec<Account>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) page_size: Option<Spanned<usize>>,
    #[serde(default)]
    pub(super) empty_first_page: bool,
    pub(super) pretend_tls: Option<bool>,
    #[serde(default)]
    pub(super) account_status: bool,
    #[serde(default)]
    pub(super) aws_queue_urls: bool,
    #[serde(default)]
    pub(super) strict_home_region: bool,
    #[serde(default)]
    pub(super) queue_stale_reads: u64,
    #[serde(default)]
    pub(super) compact_policies: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Organization {
    pub(super) id: Text,
    #[serde(default = "default_root_id")]
    pub(super) root_id: String,
    pub(super) management_account: Text,
    #[serde(default)]
    pub(super) feature_set: FeatureSet,
    #[serde(default)]
    pub(super) trusted_services: Vec<String>,
    #[serde(default)]
    pub(super) root_features: Vec<Text>,
    #[serde(default)]
    pub(super) delegated_administrator: Vec<Delegation>,
    #[serde(default)]
    pub(super) scps: Vec<Text>,
    #[serde(default)]
    pub(super) rcps: Vec<Text>,
}

fn default_root_id() -> String {
    "r-exam".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delegation {
    pub(super) account: Text,
    pub(super) service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    pub(super) name: Text,
    pub(super) id: Option<String>,
    pub(super) parent: Option<Text>,
    #[serde(default)]
    pub(super) scps: Vec<Text>,
    #[serde(default)]
    pub(super) rcps: Vec<Text>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) id: Text,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) ou: Option<Text>,
    #[serde(default)]
    pub(super) state: AccountState,
    pub(super) in_organization: Option<bool>,
    #[serde(default)]
    pub(super) scps: Vec<Text>,
    #[serde(default)]
    pub(super) rcps: Vec<Text>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) disabled_sts_regions: Vec<String>,
    #[serde(default)]
    pub(super) user: Vec<Principal>,
    #[serde(default)]
    pub(super) role: Vec<Principal>,
    #[serde(default)]
    pub(super) root: Root,
    #[serde(default)]
    pub(super) bucket: Vec<Bucket>,
    #[serde(default)]
    pub(super) queue: Vec<Queue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Principal {
    pub(super) name: Text,
    pub(super) path: Option<Text>,
    #[serde(default)]
    pub(super) policies: Vec<Text>,
    pub(super) boundary: Option<Text>,
    pub(super) trust: Option<Text>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) session_name: Option<Text>,
    pub(super) source_identity: Option<Text>,
    pub(super) access_key_id: Option<Text>,
    pub(super) secret_access_key: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    pub(super) login_profile: Option<Spanned<Datetime>>,
    #[serde(default)]
    pub(super) access_key: Vec<RootAccessKey>,
    #[serde(default)]
    pub(super) mfa_device: Vec<MfaDevice>,
    #[serde(default)]
    pub(super) signing_certificate: Vec<SigningCertificate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootAccessKey {
    pub(super) id: Text,
    pub(super) secret_access_key: Option<String>,
    #[serde(default)]
    pub(super) status: CredentialStatus,
    pub(super) created: Option<Spanned<Datetime>>,
    pub(super) last_used: Option<LastUsed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastUsed {
    pub(super) date: Spanned<Datetime>,
    pub(super) service: String,
    pub(super) region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MfaDevice {
    pub(super) serial_number: String,
    pub(super) enabled: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SigningCertificate {
    pub(super) id: Text,
    #[serde(default)]
    pub(super) status: CredentialStatus,
    pub(super) uploaded: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bucket {
    pub(super) name: Text,
    pub(super) region: Text,
    pub(super) created: Option<Spanned<Datetime>>,
    pub(super) policy: Option<Text>,
    #[serde(default)]
    pub(super) objects: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) object_lock: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) name: Text,
    pub(super) region: Text,
    pub(super) policy: Option<Text>,
    #[serde(default)]
    pub(super) messages: Vec<String>,
}
