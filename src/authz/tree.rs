//! The organization as a value: which account is in which organizational unit, and what it is tagged with.
//!
//! Policies say `resource in OrganizationalUnit::"ou-…"`; this is what that means. A [`Tree`] is whole or it is not made:
//! every parent exists, there is no circle, and everything is bounded. Names may hold anything that AWS allows.

mod check;
mod digest;
mod file;

pub use file::TreeErrors;

pub(super) use check::{is_organization_id, is_unit_id};

use std::collections::{BTreeMap, HashMap};

use crate::types::{AccountId, Violation};

/// An organization: its units and its accounts.
///
/// Source: Organizations User Guide, "Terminology and concepts". The root, of which there is one, is the organization
/// itself in the words of policies, so it is no unit here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    organization_id: String,
    units: BTreeMap<String, Unit>,
    accounts: HashMap<AccountId, Member>,
    sha256: String,
}

/// An organizational unit. Its id is the key that it is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its name, for people. Not unique.
    pub name: String,
    /// Id of the unit above; none directly under the root.
    pub parent: Option<String>,
}

/// An account of the organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Id of the unit that it is in; none directly under the root.
    pub unit: Option<String>,
    /// Its name, for people. Not unique.
    pub name: String,
    /// Its tags; empty as well if tags are not read.
    pub tags: BTreeMap<String, String>,
}

/// Where an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement<'t> {
    /// The organization's id.
    pub organization_id: &'t str,
    /// Id and unit, the nearest first, at most [`Tree::DEPTH_MAX`].
    pub units: Vec<(&'t str, &'t Unit)>,
    /// The account.
    pub member: &'t Member,
}

impl Tree {
    /// Units above an account at most (Organizations User Guide, "Quotas": OU maximum nesting in a root).
    pub const DEPTH_MAX: usize = 5;
    /// Units of an organization at most. The quota of the same page is in the low thousands.
    pub const UNITS_MAX: usize = 10_000;
    /// Accounts of an organization at most. AWS grants up to 10,000 (the same page).
    pub const ACCOUNTS_MAX: usize = 50_000;

    /// A whole tree.
    ///
    /// # Errors
    /// Every rule that is broken, the first hundred of them. Fields are called as in the file:
    /// `units.ou-ab12-security1.parent`, `accounts.333333333333.unit`.
    pub fn new(
        organization_id: impl Into<String>,
        units: BTreeMap<String, Unit>,
        accounts: HashMap<AccountId, Member>,
    ) -> Result<Self, Vec<Violation>> {
        let organization_id = organization_id.into();
        let violations = check::violations(&organization_id, &units, &accounts);
        if !violations.is_empty() {
            return Err(violations);
        }
        let sha256 = digest::sha256(&organization_id, &units, &accounts);
        Ok(Self { organization_id, units, accounts, sha256 })
    }

    /// Where the account is; none if it is not in the organization, as far as this tree knows.
    #[must_use]
    pub fn placement(&self, account: AccountId) -> Option<Placement<'_>> {
        let member = self.accounts.get(&account)?;
        let mut units = Vec::with_capacity(Self::DEPTH_MAX);
        let mut next = member.unit.as_deref();
        // Ends: `check` has found every parent, and no circle.
        while let Some((id, unit)) = next.and_then(|id| self.units.get_key_value(id)) {
            units.push((id.as_str(), unit));
            next = unit.parent.as_deref();
        }
        Some(Placement { organization_id: &self.organization_id, units, member })
    }

    /// The organization's id, `o-…`.
    #[must_use]
    pub fn organization_id(&self) -> &str {
        &self.organization_id
    }

    /// Every unit with its id, in the order of ids.
    pub fn units(&self) -> impl ExactSizeIterator<Item = (&str, &Unit)> {
        self.units.iter().map(|(id, unit)| (id.as_str(), unit))
    }

    /// Every account, in no order.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (AccountId, &Member)> {
        self.accounts.iter().map(|(id, member)| (*id, member))
    }

    /// SHA-256 of everything in it, in lower-case hexadecimal: equal trees have equal digests. For log and journal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

#[cfg(test)]
mod tests;
