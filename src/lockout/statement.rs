//! The verdict on one statement.

use super::json::{Node, Value};
use super::reach::{self, Reach, quote};
use super::target::Management;
use super::{Verdict, condition, principal};

/// Every element that a statement may have.
///
/// Source: IAM User Guide, "Grammar of the IAM JSON policy language".
const ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// How many parts most statements have: principals, actions, resources and a condition or two. More are no fault.
const PARTS_MOST: usize = 5;

/// The statement's `Sid`, if it has one that is a text.
pub(super) fn sid<'n>(statement: &'n Node<'_>) -> Option<&'n str> {
    match Fields::of(statement)?.get("Sid").map(|node| &node.value) {
        Some(Value::Text(sid)) => Some(sid),
        _ => None,
    }
}

/// The verdict and why.
pub(super) fn judge(statement: &Node<'_>, management: &Management) -> (Verdict, String) {
    match parts(statement, management) {
        Ok(parts) => reach::verdict(parts),
        Err(Settled { verdict, why }) => (verdict, why),
    }
}

/// A verdict that needs no look at the rest.
struct Settled {
    verdict: Verdict,
    why: String,
}

fn unclear(why: impl Into<String>) -> Settled {
    Settled { verdict: Verdict::MayLock, why: why.into() }
}

/// How each part of a Deny reaches an administrator.
fn parts<'n>(statement: &'n Node<'_>, management: &'n Management) -> Result<Vec<Reach<'n>>, Settled> {
    let fields = Fields::of(statement).ok_or_else(|| unclear("the statement is no JSON object"))?;
    fields.check_elements().map_err(unclear)?;
    if fields.effect().map_err(unclear)? == Effect::Allow {
        return Err(Settled {
            verdict: Verdict::Harmless,
            why: "Effect is Allow, which takes nothing away".to_owned(),
        });
    }
    let mut parts = Vec::with_capacity(PARTS_MOST);
    parts.extend([
        match fields.either("Principal", "NotPrincipal")? {
            Some(Choice { node, negated: false, .. }) => principal::only(node, &management.account),
            Some(Choice { node, negated: true, .. }) => principal::all_but(node, &management.account),
            None => return Err(unclear("the statement has neither Principal nor NotPrincipal")),
        },
        match fields.either("Action", "NotAction")? {
            Some(Choice { node, element, negated }) => management.actions(node, element, negated),
            None => return Err(unclear("the statement has neither Action nor NotAction")),
        },
        match fields.either("Resource", "NotResource")? {
            Some(Choice { node, element, negated }) => management.resources(node, element, negated),
            None => Reach::Always("without a Resource it means what it is attached to".into()),
        },
    ]);
    match fields.get("Condition") {
        Some(node) => condition::reach(node, management, &mut parts),
        None => parts.push(Reach::Always("there is no Condition".into())),
    }
    Ok(parts)
}

/// What a statement does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// The elements of a statement.
pub(super) struct Fields<'n, 'a>(&'n [(std::borrow::Cow<'a, str>, Node<'a>)]);

/// An element that is meant as it stands (`Action`) or as its complement (`NotAction`).
struct Choice<'n, 'a> {
    node: &'n Node<'a>,
    element: &'static str,
    negated: bool,
}

impl<'n, 'a> Fields<'n, 'a> {
    pub(super) fn of(statement: &'n Node<'a>) -> Option<Self> {
        if let Value::Object(fields) = &statement.value { Some(Self(fields)) } else { None }
    }

    pub(super) fn get(&self, element: &str) -> Option<&'n Node<'a>> {
        self.0.iter().find(|(key, _)| key == element).map(|(_, node)| node)
    }

    /// As [`Fields::get`]; for where an element must not be overlooked.
    pub(super) fn get_ignoring_case(&self, element: &str) -> Option<&'n Node<'a>> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(element)).map(|(_, node)| node)
    }

    /// Refuses an element that no statement has, and a `Sid` that is no text. The error says why.
    pub(super) fn check_elements(&self) -> Result<(), String> {
        if let Some((key, _)) = self.0.iter().find(|(key, _)| !ELEMENTS.contains(&key.as_ref())) {
            return Err(format!("the statement holds {}, which is no element of a statement", quote(key)));
        }
        match self.get("Sid").map(|node| &node.value) {
            None | Some(Value::Text(_)) => Ok(()),
            Some(_) => Err("Sid is no string".to_owned()),
        }
    }

    /// The effect; the error says why there is none.
    pub(super) fn effect(&self) -> Result<Effect, String> {
        let Some(node) = self.get("Effect") else { return Err("the statement has no Effect".to_owned()) };
        match &node.value {
            Value::Text(effect) if effect == "Deny" => Ok(Effect::Deny),
            Value::Text(effect) if effect == "Allow" => Ok(Effect::Allow),
            Value::Text(effect) => Err(format!("Effect is {}, neither Allow nor Deny", quote(effect))),
            _ => Err("Effect is no string".to_owned()),
        }
    }

    fn either(&self, element: &'static str, complement: &'static str) -> Result<Option<Choice<'n, 'a>>, Settled> {
        match (self.get(element), self.get(complement)) {
            (Some(_), Some(_)) => Err(unclear(format!("the statement has both {element} and {complement}"))),
            (Some(node), None) => Ok(Some(Choice { node, element, negated: false })),
            (None, Some(node)) => Ok(Some(Choice { node, element: complement, negated: true })),
            (None, None) => Ok(None),
        }
    }
}
