//! To whom the Allow statements of a bucket or queue policy grant access, outside of the account that owns it.
//!
//! Every Allow counts, whatever its actions. Where the analysis errs, it errs towards more exposure: a statement, a
//! principal or a condition that is not understood never makes a grant smaller, and never makes one disappear. A Deny
//! takes nothing off the list either.
//!
//! Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", "The meaning of 'public'"; IAM User
//! Guide, "AWS JSON policy elements: Principal".

mod narrowing;
mod network;
mod principal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::json::Node;
use super::policy::{Policy, Unreadable};
use super::statement::{self, Effect, Fields};
use super::target::Target;
use crate::types::AccountId;
use narrowing::Narrowing;
use principal::Named;

/// Who gets access, outside of the account that owns the resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantee {
    /// Everybody, with or without an AWS account.
    Public,
    /// An account, or somebody in it.
    Account(AccountId),
    /// Whoever belongs to the organization of this id (`o-` and 10 to 32 letters or digits).
    Organization(String),
    /// An AWS service by its principal (`logging.s3.amazonaws.com`), for whichever account it acts.
    Service(String),
    /// Somebody who cannot be placed in an account or organization, in words: a canonical user, whom an identity
    /// provider signs in, whoever comes from a network, or something that is not understood. It may quote the policy,
    /// at most 80 characters at a time and with control characters escaped.
    Elsewhere(String),
}

/// That one statement grants access to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Place of the statement in the document, from 0; a statement outside a list is number 0.
    pub index: usize,
    /// The statement's `Sid`, if it has one that is a text.
    pub sid: Option<String>,
    /// Who gets access.
    pub to: Grantee,
    /// The element of the statement that says so, in words. It quotes the policy as [`Grantee::Elsewhere`] does.
    pub why: String,
}

/// Whom a resource policy grants access to, in the order of the statements; within one statement each grantee once. The
/// target's own account is left out.
///
/// # Errors
/// [`Unreadable`] as for [`super::analyse`]. What is not understood inside one statement is no error, but granted to
/// [`Grantee::Elsewhere`] or [`Grantee::Public`].
pub fn grants(document: &str, target: &Target) -> Result<Vec<Grant>, Unreadable> {
    let policy = Policy::read(document)?;
    let mut grants = Vec::new();
    for (index, node) in policy.statements().iter().enumerate() {
        let sid = statement::sid(node);
        let grant = |(to, why)| Grant { index, sid: sid.map(str::to_owned), to, why };
        grants.extend(grantees(node, target.account()).into_iter().map(grant));
    }
    Ok(grants)
}

/// Each grantee of one statement, with the first reason found.
type Grantees = BTreeMap<Grantee, String>;

fn grantees(statement: &Node<'_>, owner: AccountId) -> Grantees {
    let mut to = Grantees::new();
    let Some(fields) = Fields::of(statement) else {
        unclear(&mut to, "the statement is no JSON object".to_owned());
        return to;
    };
    let effect = fields.effect();
    if effect == Ok(Effect::Deny) {
        return to;
    }
    for why in [fields.check_elements().err(), effect.err()].into_iter().flatten() {
        unclear(&mut to, why);
    }
    if fields.get_ignoring_case("NotPrincipal").is_some() {
        to.insert(Grantee::Public, "NotPrincipal with Allow is everybody but a few".to_owned());
    }
    let narrowing = fields.get("Condition").and_then(|block| narrowing::tightest(block, owner));
    match fields.get_ignoring_case("Principal") {
        Some(node) => {
            principal::named(node).into_iter().for_each(|named| add(&mut to, named, narrowing.as_ref(), owner))
        }
        None => unclear(&mut to, "the statement has no Principal".to_owned()),
    }
    to
}

/// Adds somebody whom `Principal` names. Conditions narrow only whom it does not already place in one account.
fn add(to: &mut Grantees, Named { grantee, why }: Named, narrowing: Option<&Narrowing>, owner: AccountId) {
    match (grantee, narrowing) {
        (Grantee::Account(account), _) if account == owner => {}
        (grantee @ Grantee::Account(_), _) => {
            to.entry(grantee).or_insert(why);
        }
        (grantee, Some(narrowing)) if narrowing.is_placed() || grantee == Grantee::Public => {
            for narrower in &narrowing.to {
                to.entry(narrower.clone()).or_insert_with(|| format!("{why}, narrowed by {}", narrowing.condition));
            }
        }
        (grantee, _) => {
            to.entry(grantee).or_insert(why);
        }
    }
}

/// What is not understood is granted to nobody knows whom.
fn unclear(to: &mut Grantees, why: String) {
    to.insert(Grantee::Elsewhere(why.clone()), why);
}
