//! The organization: who manages it, what is switched on, and its tree.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Account, World};

/// What an organization can do. Source: Organizations API, `Organization.FeatureSet`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeatureSet {
    /// Policies, trusted access and the rest.
    #[default]
    All,
    /// One bill, nothing else.
    ConsolidatedBilling,
}

/// A branch of the organization's tree.
#[derive(Debug, Clone, Default)]
pub struct OrganizationalUnit {
    /// `ou-ROOT-xxxxxxxx`.
    pub id: String,
    /// Its name, unique in a scenario.
    pub name: String,
    /// The name of the unit above; `None` is the organization's root.
    pub parent: Option<String>,
    /// Service control policies attached to it, beside `FullAWSAccess`.
    pub scps: Vec<String>,
    /// Resource control policies attached to it, beside `RCPFullAWSAccess`.
    pub rcps: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One account registered as a delegated administrator for one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The account.
    pub account: String,
    /// Such as `iam.amazonaws.com`.
    pub service_principal: String,
    /// Since when, in seconds since the epoch.
    pub since: i64,
}

/// The organization.
#[derive(Debug, Clone, Default)]
pub struct Organization {
    /// `o-` and 10 to 32 characters.
    pub id: String,
    /// `r-` and 4 to 32 characters.
    pub root_id: String,
    /// The management account's id.
    pub management_account: String,
    /// What it can do.
    pub feature_set: FeatureSet,
    /// Service principals with trusted access, and since when.
    pub trusted_services: BTreeMap<String, i64>,
    /// Names of the centralized root access features that are on.
    pub root_features: BTreeSet<String>,
    /// Delegated administrators.
    pub delegations: Vec<Delegation>,
    /// Service control policies attached to the root, beside `FullAWSAccess`.
    pub scps: Vec<String>,
    /// Resource control policies attached to the root, beside `RCPFullAWSAccess`.
    pub rcps: Vec<String>,
    /// The tree, without its root.
    pub units: Vec<OrganizationalUnit>,
}

impl Organization {
    /// Whether the account administers the service for the organization.
    pub fn is_delegate(&self, account: &str, service_principal: &str) -> bool {
        self.delegations.iter().any(|found| found.account == account && found.service_principal == service_principal)
    }

    /// Whether the account administers any service for the organization.
    pub fn is_any_delegate(&self, account: &str) -> bool {
        self.delegations.iter().any(|found| found.account == account)
    }

    /// A unit by its name.
    pub fn unit(&self, name: &str) -> Option<&OrganizationalUnit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// A unit by its id.
    pub fn unit_by_id(&self, id: &str) -> Option<&OrganizationalUnit> {
        self.units.iter().find(|unit| unit.id == id)
    }

    /// The units above an account, from the top down. A parent that is missing or a circle ends the walk.
    pub fn units_above(&self, account: &Account) -> Vec<&OrganizationalUnit> {
        self.units_down_to(account.ou.as_deref())
    }

    /// `o-…/r-…/ou-…/account/`, as Organizations writes it in `Account.Paths`.
    pub fn path_of(&self, account: &Account) -> String {
        format!("{}{}/", self.path_down_to(account.ou.as_deref()), account.id)
    }

    /// `o-…/r-…/ou-…/`, down to the unit of this name.
    pub(crate) fn path_down_to(&self, unit: Option<&str>) -> String {
        let units: String = self.units_down_to(unit).iter().map(|unit| format!("{}/", unit.id)).collect();
        format!("{}/{}/{units}", self.id, self.root_id)
    }

    fn units_down_to(&self, unit: Option<&str>) -> Vec<&OrganizationalUnit> {
        let mut chain = Vec::new();
        let mut next = unit;
        while let Some(unit) = next.and_then(|name| self.unit(name)) {
            if chain.len() > self.units.len() {
                break;
            }
            chain.push(unit);
            next = unit.parent.as_deref();
        }
        chain.reverse();
        chain
    }
}

impl World {
    /// Whether the account is the management account.
    pub fn is_management(&self, account: &str) -> bool {
        self.organization.management_account == account
    }

    /// Service control policies that bind an account, one list per level from the root down; none for the management account.
    pub(crate) fn scp_levels(&self, account: &str) -> Vec<Vec<&str>> {
        self.levels(account, |organization| &organization.scps, |unit| &unit.scps, |account| &account.scps)
    }

    /// Resource control policies that bind an account's resources, as [`Self::scp_levels`].
    pub(crate) fn rcp_levels(&self, account: &str) -> Vec<Vec<&str>> {
        self.levels(account, |organization| &organization.rcps, |unit| &unit.rcps, |account| &account.rcps)
    }

    fn levels<'a>(
        &'a self,
        account: &str,
        of_root: impl Fn(&'a Organization) -> &'a Vec<String>,
        of_unit: impl Fn(&'a OrganizationalUnit) -> &'a Vec<String>,
        of_account: impl Fn(&'a Account) -> &'a Vec<String>,
    ) -> Vec<Vec<&'a str>> {
        let Some(account) =
            self.account(account).filter(|found| found.in_organization && !self.is_management(&found.id))
        else {
            return Vec::new();
        };
        let texts = |policies: &'a Vec<String>| policies.iter().map(String::as_str).collect::<Vec<_>>();
        let mut levels = vec![texts(of_root(&self.organization))];
        levels.extend(self.organization.units_above(account).into_iter().map(|unit| texts(of_unit(unit))));
        levels.push(texts(of_account(account)));
        levels
    }
}
