//! One statement of a document, and whether it bears on a request.

use super::Request;
use super::condition::Condition;
use super::principal::{self, Naming, Principal};
use super::resource::ResourcePattern;
use super::template::Template;

/// What a statement does to the requests it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// An element that is meant as it stands (`Action`) or as its complement (`NotAction`).
#[derive(Debug, Clone)]
pub(super) enum Selection<T> {
    Only(T),
    AllBut(T),
}

impl<T> Selection<T> {
    /// The same selection of something else.
    pub(super) fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Selection<U>, E> {
        match self {
            Self::Only(element) => map(element).map(Selection::Only),
            Self::AllBut(element) => map(element).map(Selection::AllBut),
        }
    }
}

impl<T> Selection<Vec<T>> {
    fn selects(&self, mut is_listed: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::Only(listed) => listed.iter().any(&mut is_listed),
            Self::AllBut(listed) => !listed.iter().any(&mut is_listed),
        }
    }
}

/// A statement: what it does, and four filters that must all let a request through.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    /// Absent in policies that are attached to whom they speak of.
    pub(super) principals: Option<Selection<Vec<Principal>>>,
    pub(super) actions: Selection<Vec<Template>>,
    /// Absent in policies that are attached to what they speak of.
    pub(super) resources: Option<Selection<Vec<ResourcePattern>>>,
    pub(super) conditions: Vec<Condition>,
}

impl Statement {
    /// Whether action, resource and conditions are met.
    pub(super) fn applies(&self, request: &Request<'_>) -> bool {
        let context = request.context;
        self.actions.selects(|pattern| pattern.matches_ignoring_case(request.action, context))
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.selects(|pattern| pattern.matches(request.resource, context)))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }

    /// How closely the statement names the caller, if it does. A statement without principals names nobody: whether it
    /// needs any depends on what the document is attached to.
    pub(super) fn names(&self, request: &Request<'_>, bounded: bool) -> Option<Naming> {
        principal::naming(self.principals.as_ref()?, request.caller, bounded)
    }
}
