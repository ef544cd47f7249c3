//! Whom the conditions of an Allow leave, when its `Principal` could be anybody.
//!
//! Only a condition that fails without its key narrows, and only one whose values are fixed: no wildcard and no policy
//! variable where the account, the organization or the network is named. All conditions of a statement must hold, so the
//! tightest of them may speak for all.
//!
//! Source: IAM User Guide, "AWS global condition context keys"; Amazon S3 User Guide, "The meaning of 'public'".

use std::collections::BTreeSet;

use super::Grantee;
use super::network;
use super::principal::is_service;
use crate::lockout::arn;
use crate::lockout::condition::{Operator, Quantifier, Test, operands};
use crate::lockout::glob::has_variable;
use crate::lockout::json::{Node, Value, cmp_ignoring_case, twice};
use crate::lockout::principal::is_unique_id;
use crate::lockout::reach::quote;
use crate::types::AccountId;

/// What one condition leaves.
pub(super) struct Narrowing {
    /// Who is left besides the owner of the resource.
    pub(super) to: BTreeSet<Grantee>,
    /// The condition, in words.
    pub(super) condition: String,
}

impl Narrowing {
    /// Whether everybody who is left is in an account or organization that is known.
    pub(super) fn is_placed(&self) -> bool {
        self.looseness() <= Looseness::Accounts
    }

    fn looseness(&self) -> Looseness {
        let of = |grantee: &Grantee| match grantee {
            Grantee::Organization(_) => Looseness::Organizations,
            Grantee::Account(_) => Looseness::Accounts,
            Grantee::Service(_) | Grantee::Elsewhere(_) | Grantee::Public => Looseness::Unplaced,
        };
        self.to.iter().map(of).max().unwrap_or(Looseness::Owner)
    }
}

/// How much a condition leaves. A condition on the organization is most often the guard of its owner, so that it says
/// more than the accounts that another condition lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Looseness {
    Owner,
    Organizations,
    Accounts,
    Unplaced,
}

/// What the tightest condition leaves; `None` when none narrows.
pub(super) fn tightest(block: &Node<'_>, owner: AccountId) -> Option<Narrowing> {
    let Value::Object(operators) = &block.value else { return None };
    let mut narrowings = Vec::new();
    for (name, keys) in operators {
        let (Some(operator), Value::Object(keys)) = (Operator::parse(name), &keys.value) else { continue };
        // How AWS reads two keys that differ in case only is not documented.
        if !fails_without_key(operator) || twice(keys, cmp_ignoring_case).is_some() {
            continue;
        }
        for (key, values) in keys {
            let Some(operands) = operands(values) else { continue };
            let condition = format!("Condition {name} {}", quote(key));
            narrowings.extend(left(operator.test, &key.to_ascii_lowercase(), &operands, owner, condition));
        }
    }
    narrowings.into_iter().min_by_key(Narrowing::looseness)
}

fn fails_without_key(operator: Operator) -> bool {
    !operator.negated && !operator.if_exists && operator.quantifier != Quantifier::All
}

/// Who is left by a condition that `condition` puts into words.
fn left(test: Test, key: &str, operands: &[&str], owner: AccountId, condition: String) -> Option<Narrowing> {
    if test == Test::IpAddress {
        let narrows = key == "aws:sourceip" && network::narrows(operands);
        return narrows.then(|| Narrowing { to: [whoever(&condition, operands)].into(), condition });
    }
    let mut to = BTreeSet::new();
    for operand in operands {
        match place(test, key, operand)? {
            Place::In(Grantee::Account(account)) if account == owner => {}
            Place::In(grantee) => _ = to.insert(grantee),
            Place::Somewhere => _ = to.insert(whoever(&condition, operands)),
        }
    }
    Some(Narrowing { to, condition })
}

fn whoever(condition: &str, operands: &[&str]) -> Grantee {
    let first = operands.first().map(|operand| quote(operand)).unwrap_or_default();
    let more = if operands.len() > 1 { ", .." } else { "" };
    Grantee::Elsewhere(format!("whoever meets {condition} {first}{more}"))
}

/// Where a value of a key is.
enum Place {
    In(Grantee),
    /// It is fixed, but not known to belong to anybody.
    Somewhere,
}

/// Where whoever has this value is; `None` when the value is not fixed, or the key does not say who calls.
/// `aws:ResourceAccount` and its like say whose the resource is, which everybody's calls to it have in common.
fn place(test: Test, key: &str, value: &str) -> Option<Place> {
    match (test, key) {
        (
            Test::Equals | Test::EqualsIgnoringCase | Test::Like | Test::Arn,
            "aws:principalarn" | "aws:sourcearn" | "s3:dataaccesspointarn",
        ) => in_arn(test, value),
        (Test::Equals | Test::EqualsIgnoringCase | Test::Like, key) => text(key, value),
        _ => None,
    }
}

fn text(key: &str, value: &str) -> Option<Place> {
    match key {
        "aws:principalorgid" | "aws:sourceorgid" => organization(value),
        "aws:principalorgpaths" | "aws:sourceorgpaths" => organization(value.split_once('/')?.0),
        "aws:principalaccount" | "aws:sourceaccount" | "aws:sourceowner" | "s3:dataaccesspointaccount" => {
            account(value)
        }
        "aws:principalservicename" => is_service(value).then(|| Place::In(Grantee::Service(value.to_owned()))),
        "aws:sourcevpc" | "aws:sourcevpce" => (is_fixed(value) && !value.is_empty()).then_some(Place::Somewhere),
        // "AROAEXAMPLE:session", "AIDAEXAMPLE", "111122223333" for the root user, "111122223333:name".
        "aws:userid" => {
            let id = value.split(':').next().unwrap_or_default();
            account(id).or_else(|| is_unique_id(id).then_some(Place::Somewhere))
        }
        _ => None,
    }
}

fn account(value: &str) -> Option<Place> {
    value.parse().ok().map(|account| Place::In(Grantee::Account(account)))
}

/// Organizations API Reference, "Organization": the id is `o-` and 10 to 32 lower-case letters or digits.
fn organization(value: &str) -> Option<Place> {
    let id = value.strip_prefix("o-")?;
    let well_formed =
        (10..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    well_formed.then(|| Place::In(Grantee::Organization(value.to_owned())))
}

/// The account in an ARN. The Arn operators compare part by part; with the others a wildcard may run across colons, so
/// none may come before the account.
fn in_arn(test: Test, value: &str) -> Option<Place> {
    let ["arn", before @ .., owner, name] = arn::parts(value)? else { return None };
    let stays_apart = |part: &&str| if test == Test::Arn { !has_variable(part) } else { is_fixed(part) };
    if !before.iter().all(stays_apart) {
        return None;
    }
    // The ARN of a bucket does not say whose it is.
    let is_bucket = owner.is_empty() && !name.is_empty() && before.iter().chain([&name]).all(|part| is_fixed(part));
    account(owner).or_else(|| is_bucket.then_some(Place::Somewhere))
}

/// Whether a text means itself alone.
fn is_fixed(text: &str) -> bool {
    !text.contains(['*', '?']) && !has_variable(text)
}
