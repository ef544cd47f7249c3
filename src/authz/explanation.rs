//! Why the answer is what it is, for people.

use std::{collections::BTreeMap, fmt};

use crate::types::AccountId;

/// The answer to a question and what decided it. No permit comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the act is allowed.
    pub allowed: bool,
    /// The policies that decided, in the order of their ids: those that permit if it is allowed, those that forbid if it is
    /// not. Empty on a refusal if nothing permits, or if `errors` decided.
    pub deciding: Vec<Deciding>,
    /// What kept the question from being decided; not empty means refused.
    pub errors: Vec<String>,
    /// Every group that the principal is in: by its proof, and by the configuration.
    pub in_groups: Vec<String>,
    /// The account, as the policies saw it; none if the question is about none.
    pub account: Option<AccountFacts>,
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deciding {
    /// `FILE#ID`.
    pub id: String,
    /// What it does where it applies.
    pub effect: Effect,
    /// `FILE:LINE:COLUMN`.
    pub place: String,
    /// Its annotations, for example `description`.
    pub annotations: BTreeMap<String, String>,
}

/// A policy that permits, but not this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The policy.
    pub policy: Deciding,
    /// What keeps it from permitting.
    pub unmet: Unmet,
}

/// What keeps a policy from permitting an act that is of its kind, and of its principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// It is for other resources.
    Resource,
    /// A condition of it, `when` or `unless`, does not hold.
    Condition,
    /// The act may install a policy that grants beyond the organization, and no condition of it asks for that.
    Exposure,
}

/// What a policy does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows, unless another forbids.
    Permit,
    /// Refuses, whatever else permits.
    Forbid,
}

impl Effect {
    /// The word for it in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An account, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// Its id.
    pub id: AccountId,
    /// Where it is and what it is tagged with; none if the organization is not known, or does not have it.
    pub placement: Option<PlacementFacts>,
}

/// Where an account is, and what it is tagged with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementFacts {
    /// Id of the organization.
    pub organization_id: String,
    /// Id and name of each organizational unit around it, the nearest first.
    pub units: Vec<(String, String)>,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
