//! One account and what it owns.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Bucket, IamPrincipal, Queue, RootUser};

/// Where an account is in its life. Source: Organizations API, `Account.State`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    /// Created, and not yet usable.
    PendingActivation,
    /// In use.
    #[default]
    Active,
    /// Suspended by AWS.
    Suspended,
    /// Being closed.
    PendingClosure,
    /// Closed.
    Closed,
}

impl AccountState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            AccountState::PendingActivation => "PENDING_ACTIVATION",
            AccountState::Active => "ACTIVE",
            AccountState::Suspended => "SUSPENDED",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            AccountState::Closed => "CLOSED",
        }
    }
}

/// An AWS account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// The account's name.
    pub name: String,
    /// The root user's mail address.
    pub email: String,
    /// Whether the account belongs to the organization.
    pub in_organization: bool,
    /// The organizational unit that it is in; `None` is the organization's root.
    pub ou: Option<String>,
    /// Where it is in its life.
    pub state: AccountState,
    /// When it joined, in seconds since the epoch.
    pub joined: i64,
    /// Service control policies attached to the account itself, beside `FullAWSAccess`.
    pub scps: Vec<String>,
    /// Resource control policies attached to the account itself, beside `RCPFullAWSAccess`.
    pub rcps: Vec<String>,
    /// Tags that Organizations keeps for the account.
    pub tags: BTreeMap<String, String>,
    /// Regions whose STS endpoint gives no credentials for this account.
    pub disabled_sts_regions: BTreeSet<String>,
    /// Its IAM users and roles.
    pub principals: Vec<IamPrincipal>,
    /// Its root user.
    pub root: RootUser,
    /// Its buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Its queues in all regions.
    pub queues: Vec<Queue>,
}

impl Account {
    /// An active member account in the organization's root, owning nothing.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            email: format!("{name}@example.com"),
            in_organization: true,
            joined: 1_577_836_800,
            ..Self::default()
        }
    }
}
