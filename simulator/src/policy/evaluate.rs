//! The decision: which policies were asked, and in what order their answers count.
//!
//! Source: IAM User Guide, "Policy evaluation logic", "How AWS enforcement code logic evaluates requests to allow or
//! deny access" and "Cross-account policy evaluation logic".

use super::document::Document;
use super::principal::Naming;
use super::statement::{Effect, Statement};
use super::{CallerKind, Decision, DeniedBy, Policies, Request};

/// Decides one request under every policy that bears on it. Whatever the order of the policies, the answer is the same;
/// when several kinds of policy refuse, the one reported is the first in the order of [`DeniedBy`].
///
/// Source: IAM User Guide, "Policy evaluation logic".
pub fn authorize(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    let inquiry = Inquiry { request, policies };
    match inquiry.explicit_deny().or_else(|| inquiry.missing_allow()) {
        Some(denied_by) => Decision::Denied(denied_by),
        None => Decision::Allowed,
    }
}

struct Inquiry<'a> {
    request: &'a Request<'a>,
    policies: &'a Policies<'a>,
}

impl Inquiry<'_> {
    /// The first kind of policy that holds a Deny for the request: nothing can make up for it.
    fn explicit_deny(&self) -> Option<DeniedBy> {
        let policies = self.policies;
        if policies.scps.iter().any(|level| self.any(level, Effect::Deny)) {
            Some(DeniedBy::ExplicitScp)
        } else if policies.rcps.iter().any(|level| self.any(level, Effect::Deny)) {
            Some(DeniedBy::ExplicitRcp)
        } else if self.resource_names_caller(Effect::Deny).is_some() {
            Some(DeniedBy::ExplicitResource)
        } else if self.any(policies.identity, Effect::Deny) || self.any(policies.boundary, Effect::Deny) {
            Some(DeniedBy::ExplicitIdentity)
        } else if self.any(policies.session, Effect::Deny) {
            Some(DeniedBy::ExplicitSession)
        } else {
            None
        }
    }

    /// The first kind of policy whose Allow is needed and not there.
    fn missing_allow(&self) -> Option<DeniedBy> {
        if !self.every_level_allows(self.policies.scps) {
            return Some(DeniedBy::ImplicitScp);
        }
        if !self.every_level_allows(self.policies.rcps) {
            return Some(DeniedBy::ImplicitRcp);
        }
        let granted = self.resource_names_caller(Effect::Allow);
        if self.request.resource_account != self.request.caller.account {
            // "The request must be allowed in both accounts", and the caller's is asked first.
            let resource = || granted.is_none().then_some(DeniedBy::ImplicitResource);
            return self.missing_in_identity().or_else(|| self.missing_in_limits()).or_else(resource);
        }
        match granted {
            // "Permissions granted directly to a session are not limited by an implicit deny in an identity-based
            // policy, a permissions boundary, or session policy"; the same holds for a user, and for `*`.
            Some(Naming::Caller) => None,
            // "Resource-based policies that grant permissions to an IAM role ARN are limited by an implicit deny in a
            // permissions boundary or session policy."
            Some(Naming::Role) => self.missing_in_limits(),
            Some(Naming::Account) | None => self.missing_in_identity().or_else(|| self.missing_in_limits()),
        }
    }

    /// Whether the identity policies fail to allow. A root caller needs none.
    fn missing_in_identity(&self) -> Option<DeniedBy> {
        let allowed = self.is_root() || self.any(self.policies.identity, Effect::Allow);
        (!allowed).then_some(DeniedBy::ImplicitIdentity)
    }

    /// Whether the permissions boundary or the session policies fail to allow. Session policies of a root session are
    /// task policies, which hold no Allow.
    fn missing_in_limits(&self) -> Option<DeniedBy> {
        let Policies { boundary, session, .. } = self.policies;
        if boundary.is_some() && !self.any(*boundary, Effect::Allow) {
            return Some(DeniedBy::ImplicitIdentity);
        }
        let limited = !session.is_empty() && !self.is_root();
        (limited && !self.any(*session, Effect::Allow)).then_some(DeniedBy::ImplicitSession)
    }

    fn every_level_allows(&self, levels: &[Vec<Document>]) -> bool {
        levels.iter().all(|level| self.any(level, Effect::Allow))
    }

    fn is_root(&self) -> bool {
        match self.request.caller.kind {
            CallerKind::RootUser | CallerKind::RootSession => true,
            CallerKind::User | CallerKind::RoleSession { .. } => false,
        }
    }

    /// Whether one of the documents has this effect on the request. In these kinds of policy a statement speaks of
    /// everybody it is attached to, unless it says otherwise (resource control policies say `*`).
    fn any<'d>(&self, documents: impl IntoIterator<Item = &'d Document>, effect: Effect) -> bool {
        let bears = |statement: &Statement| {
            statement.principals.is_none() || statement.names(self.request, self.bounded()).is_some()
        };
        documents.into_iter().any(|document| self.applying(document, effect).any(bears))
    }

    /// How closely the resource's own policy names the caller in statements that have this effect on the request.
    fn resource_names_caller(&self, effect: Effect) -> Option<Naming> {
        let document = self.policies.resource?;
        self.applying(document, effect).filter_map(|statement| statement.names(self.request, self.bounded())).max()
    }

    fn bounded(&self) -> bool {
        self.policies.boundary.is_some()
    }

    fn applying<'d>(&self, document: &'d Document, effect: Effect) -> impl Iterator<Item = &'d Statement> {
        let statements = document.statements().iter().filter(move |statement| statement.effect == effect);
        statements.filter(|statement| statement.applies(self.request))
    }
}
