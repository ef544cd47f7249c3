//! What would have permitted a refused act, had its resource or its circumstances been others.

use cedar_policy::{Effect, Entities, EntityUid, Policy, PrincipalConstraint, Request, ResourceConstraint};

use super::Unmet;

/// What keeps a policy from permitting: nothing is said of policies that do not permit, or that are for others.
pub(super) fn unmet(policy: &Policy, request: &Request, entities: &Entities) -> Option<Unmet> {
    let (principal, resource) = (request.principal()?, request.resource()?);
    if policy.effect() != Effect::Permit || !is_for(policy, principal, entities) {
        return None;
    }
    Some(if reaches(policy, resource, entities) { Unmet::Condition } else { Unmet::Resource })
}

fn is_for(policy: &Policy, principal: &EntityUid, entities: &Entities) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::Is(kind) => kind == *principal.type_name(),
        PrincipalConstraint::Eq(uid) => uid == *principal,
        PrincipalConstraint::In(uid) => within(principal, &uid, entities),
        PrincipalConstraint::IsIn(kind, uid) => kind == *principal.type_name() && within(principal, &uid, entities),
    }
}

fn reaches(policy: &Policy, resource: &EntityUid, entities: &Entities) -> bool {
    match policy.resource_constraint() {
        ResourceConstraint::Any => true,
        ResourceConstraint::Is(kind) => kind == *resource.type_name(),
        ResourceConstraint::Eq(uid) => uid == *resource,
        ResourceConstraint::In(uid) => within(resource, &uid, entities),
        ResourceConstraint::IsIn(kind, uid) => kind == *resource.type_name() && within(resource, &uid, entities),
    }
}

fn within(inner: &EntityUid, outer: &EntityUid, entities: &Entities) -> bool {
    inner == outer || entities.is_ancestor_of(outer, inner)
}
