//! The loaded policies, sorted by the kinds of acts that they can be about.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{ActionConstraint, AuthorizationError, Entities, EntityUid, Policy, PolicyId, PolicySet};

use super::{
    Deciding, Effect, TreeNeeds,
    entities::Vocabulary,
    needs::{asks_for_exposure, asks_for_region},
    scope::ByScope,
    source::{Parsed, PolicyErrors},
};
use crate::types::Kind;

/// Every policy, and for each kind those that can be about it.
#[derive(Debug)]
pub(super) struct Policies {
    all: PolicySet,
    places: HashMap<PolicyId, String>,
    by_kind: HashMap<Kind, Applicable>,
}

/// What decides over one kind of act.
#[derive(Debug)]
pub(super) struct Applicable {
    /// The act in Cedar's words.
    pub(super) action: EntityUid,
    /// The act as an entity, in the groups of actions that the schema puts it in.
    pub(super) actions: Entities,
    /// The policies whose scope does not rule the act out. Leaving out the others changes no answer, see [`ByScope`].
    pub(super) policies: ByScope,
    /// What these policies need.
    pub(super) needs: TreeNeeds,
    /// Whether any of them asks for the region of the request.
    pub(super) asks_for_region: bool,
    /// Ids of the permits among them that know how far the grants of an installed policy may reach.
    pub(super) knows_exposure: HashSet<String>,
}

impl Policies {
    pub(super) fn new(parsed: Parsed, actions: &Entities, vocabulary: &Vocabulary) -> Result<Self, PolicyErrors> {
        let Parsed { policies: all, places } = parsed;
        let mut by_kind = HashMap::new();
        for kind in Kind::ALL {
            let action = vocabulary.action(kind.name());
            let entity = actions.get(&action).cloned();
            let entity = entity.ok_or_else(|| PolicyErrors::of_schema(&format!("it has no action {action}")))?;
            let matching: Vec<&Policy> = all.policies().filter(|policy| can_match(policy, &action, actions)).collect();
            let needs = matching.iter().map(|policy| TreeNeeds::of(policy)).fold(TreeNeeds::default(), TreeNeeds::or);
            let asks_for_region = matching.iter().any(|policy| asks_for_region(policy));
            let knows_exposure = matching.iter().filter(|policy| asks_for_exposure(policy));
            let knows_exposure = knows_exposure.map(|policy| AsRef::<str>::as_ref(policy.id()).to_owned()).collect();
            let policies = ByScope::new(matching).map_err(|error| PolicyErrors::of_schema(&error.to_string()))?;
            let actions =
                Entities::from_entities([entity], None).map_err(|error| PolicyErrors::of_schema(&error.to_string()))?;
            by_kind.insert(kind, Applicable { action, actions, policies, needs, asks_for_region, knows_exposure });
        }
        Ok(Self { all, places, by_kind })
    }

    /// What decides over this kind of act.
    pub(super) fn about(&self, kind: Kind) -> Option<&Applicable> {
        self.by_kind.get(&kind)
    }

    pub(super) fn count(&self) -> usize {
        self.all.num_of_policies()
    }

    pub(super) fn needs(&self) -> TreeNeeds {
        self.by_kind.values().map(|applicable| applicable.needs).fold(TreeNeeds::default(), TreeNeeds::or)
    }

    /// Names of the groups that policies mention.
    pub(super) fn groups(&self) -> BTreeSet<String> {
        let literals = self.all.policies().flat_map(Policy::entity_literals);
        let groups = literals.filter(|uid| uid.type_name().basename() == "Group");
        groups.map(|uid| uid.id().unescaped().to_owned()).collect()
    }

    /// Every policy, as it is shown to people, in the order of ids.
    pub(super) fn describe_all(&self) -> Vec<Deciding> {
        let mut ids: Vec<&str> = self.all.policies().map(|policy| policy.id().as_ref()).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.describe(id)).collect()
    }

    /// An error of evaluation, with the place of the policy that it is in.
    pub(super) fn locate(&self, error: &AuthorizationError) -> String {
        let AuthorizationError::PolicyEvaluationError(inner) = error;
        let place = self.places.get(inner.policy_id()).map(String::as_str).unwrap_or_default();
        format!("{place}: {error}")
    }

    /// A policy, as it is shown to people.
    pub(super) fn describe(&self, id: &str) -> Option<Deciding> {
        let policy = self.all.policy(&PolicyId::new(id))?;
        let annotations = policy.annotations().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Deciding {
            id: id.to_owned(),
            effect: match policy.effect() {
                cedar_policy::Effect::Permit => Effect::Permit,
                cedar_policy::Effect::Forbid => Effect::Forbid,
            },
            place: self.places.get(policy.id()).cloned().unwrap_or_default(),
            annotations: annotations.collect(),
        })
    }
}

/// Whether the policy's scope leaves this action in.
fn can_match(policy: &Policy, action: &EntityUid, actions: &Entities) -> bool {
    let reaches = |scope: &EntityUid| scope == action || actions.is_ancestor_of(scope, action);
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(scope) => scope == *action,
        ActionConstraint::In(scopes) => scopes.iter().any(reaches),
    }
}
