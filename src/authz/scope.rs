//! Finds the policies that can be about a principal and a resource, so that a decision does not evaluate all of them.
//!
//! Only what a policy's scope rules out is left out. A scope that does not match makes the policy false before anything of
//! it is evaluated, so it decides nothing and cannot fail: the answer is the same as over all policies.

use std::collections::{HashMap, HashSet};

use cedar_policy::{EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint, ResourceConstraint};

/// The entities that a question's principal and resource are, and are in, as far as policies name them: what they do not
/// name makes no difference to them.
#[derive(Debug)]
pub(super) struct Lineage {
    pub(super) principal: EntityUid,
    pub(super) groups: Vec<EntityUid>,
    pub(super) resource: EntityUid,
    /// The resource itself if the act is about the account; none if it is about none.
    pub(super) account: Option<EntityUid>,
    /// The units around the account, and the organization.
    pub(super) places: Vec<EntityUid>,
}

/// Policies by their scope; none as a principal stands for anybody.
#[derive(Debug, Default)]
pub(super) struct ByScope {
    by_principal: HashMap<Option<EntityUid>, Vec<SameScope>>,
    /// Ids of the entities that policies name.
    named: HashSet<String>,
}

/// Policies with the same principal and the same resource in their scope.
#[derive(Debug)]
struct SameScope {
    resource: Reach,
    policies: PolicySet,
}

/// Which resources a scope reaches.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    All,
    Only(EntityUid),
    Within(EntityUid),
}

impl ByScope {
    pub(super) fn new<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Result<Self, Box<PolicySetError>> {
        let mut sorted = Self::default();
        for policy in policies {
            let named = policy.entity_literals();
            sorted.named.extend(named.iter().map(|uid| uid.id().unescaped().to_owned()));
            let resource = reach_of(policy);
            let same_principal = sorted.by_principal.entry(principal_of(policy)).or_default();
            if let Some(same) = same_principal.iter_mut().find(|same| same.resource == resource) {
                same.policies.add(policy.clone())?;
            } else {
                same_principal.push(SameScope { resource, policies: PolicySet::from_policies([policy.clone()])? });
            }
        }
        Ok(sorted)
    }

    /// Whether any policy names an entity with this id.
    pub(super) fn names(&self, id: &str) -> bool {
        self.named.contains(id)
    }

    /// Every policy, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Policy> {
        self.by_principal.values().flatten().flat_map(|same| same.policies.policies())
    }

    /// The policies that can be about this principal and this resource.
    pub(super) fn matching<'a>(&'a self, lineage: &'a Lineage) -> impl Iterator<Item = &'a PolicySet> {
        let named = std::iter::once(&lineage.principal).chain(&lineage.groups);
        // The one copy of a name that a look-up needs; there are few, see `names`.
        let principals = std::iter::once(None).chain(named.cloned().map(Some));
        let same_principal = principals.filter_map(|principal| self.by_principal.get(&principal)).flatten();
        let matching = same_principal.filter(|same| same.resource.reaches(lineage));
        matching.map(|same| &same.policies)
    }
}

impl Reach {
    fn reaches(&self, lineage: &Lineage) -> bool {
        match self {
            Self::All => true,
            Self::Only(uid) => *uid == lineage.resource,
            Self::Within(uid) => {
                *uid == lineage.resource || lineage.account.as_ref() == Some(uid) || lineage.places.contains(uid)
            }
        }
    }
}

/// The principal that a policy is for, with everything in it.
fn principal_of(policy: &Policy) -> Option<EntityUid> {
    match policy.principal_constraint() {
        PrincipalConstraint::Any | PrincipalConstraint::Is(_) => None,
        PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => Some(uid),
    }
}

fn reach_of(policy: &Policy) -> Reach {
    match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => Reach::All,
        ResourceConstraint::Eq(uid) => Reach::Only(uid),
        ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => Reach::Within(uid),
    }
}

#[cfg(test)]
mod tests;
