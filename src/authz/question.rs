//! The question: everything that a policy can see. Plain values, which anybody may make; only the answer of
//! [`Engine::authorize`](super::Engine::authorize) is worth anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Argument, Ask, Target, Tree};
use crate::{
    authn::{Caller, Scheme},
    clock::Timestamp,
    types::{Kind, Region},
};

/// Who asks, in the words of policies. Proven if it comes from a [`Caller`], supposed if it was made by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// How the identity was proven.
    pub scheme: Scheme,
    /// The stable id, see [`Caller::subject`].
    pub subject: String,
    /// Name of the listener.
    pub listener: String,
    /// Groups that the proof names; those that the configuration lists the subject in are added by the engine.
    pub groups: BTreeSet<String>,
    /// What else the proof says, by name.
    pub attributes: BTreeMap<String, String>,
}

impl From<&Caller> for Principal {
    fn from(caller: &Caller) -> Self {
        Self {
            scheme: caller.scheme(),
            subject: caller.subject().to_owned(),
            listener: caller.listener().to_owned(),
            groups: caller.groups().clone(),
            attributes: caller.attributes().clone(),
        }
    }
}

/// May this principal do this act on this target, for this reason, at this time?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who.
    pub principal: Principal,
    /// What kind of act.
    pub kind: Kind,
    /// On what.
    pub target: Target,
    /// In which region, as far as the request says.
    pub region: Option<Region>,
    /// Why, in the caller's words.
    pub reason: String,
    /// A reference in the caller's tracker.
    pub ticket: Option<String>,
    /// The arguments of the act, under the names that the schema gives them.
    pub arguments: BTreeMap<String, Argument>,
    /// When.
    pub now: Timestamp,
}

impl Question {
    /// The question that an operation is.
    #[must_use]
    pub fn of<O: Ask>(operation: &O, principal: Principal, now: Timestamp) -> Self {
        let why = operation.why();
        let validate_only = operation.terms().map(|terms| ("validate_only", Argument::Flag(terms.validate_only)));
        let named = |(name, argument): (&str, Argument)| (name.to_owned(), argument);
        Self {
            principal,
            kind: O::KIND,
            target: operation.target(),
            region: operation.region().cloned(),
            reason: why.reason.as_str().to_owned(),
            ticket: why.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()),
            arguments: operation.arguments().into_iter().chain(validate_only).map(named).collect(),
            now,
        }
    }
}

/// What an answer depends on besides the question itself.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The time.
    pub now: Timestamp,
    /// The organization; none if there is no source for it, or if what is known is too old to be believed.
    pub tree: Option<Arc<Tree>>,
}
