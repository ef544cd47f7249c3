//! What makes a tree whole.

use std::collections::{BTreeMap, HashMap};

use super::{Member, Tree, Unit};
use crate::types::{AccountId, Rule, Violation, cut};

/// Organizations API, `Account.Name` and `OrganizationalUnit.Name`.
const NAME_LENGTH_MAX: usize = 128;
/// Organizations User Guide, "Tagging", and the API's `Tag`.
const TAGS_MAX: usize = 50;
const TAG_KEY_LENGTH_MAX: usize = 128;
const TAG_VALUE_LENGTH_MAX: usize = 256;
/// Nobody mends more at a time.
const VIOLATIONS_MAX: usize = 100;
/// The longest well-formed id of a unit has 68; the rest is no id.
const SHOWN_LENGTH_MAX: usize = 80;

const DEPTH: Rule = Rule::new("must be at most 5 units below the root (AWS quota), and not below a circle");

/// Every broken rule, in the order of ids, at most a hundred.
pub(super) fn violations(
    organization_id: &str,
    units: &BTreeMap<String, Unit>,
    accounts: &HashMap<AccountId, Member>,
) -> Vec<Violation> {
    let counts = counts(units.len(), accounts.len());
    if !counts.is_empty() {
        return counts;
    }
    let mut by_id: Vec<_> = accounts.iter().collect();
    by_id.sort_unstable_by_key(|(id, _)| **id);
    let of_units = units.iter().flat_map(|(id, unit)| of_unit(id, unit, units));
    let of_accounts = by_id.into_iter().flat_map(|(id, member)| of_account(*id, member, units));
    of_organization(organization_id).into_iter().chain(of_units).chain(of_accounts).take(VIOLATIONS_MAX).collect()
}

fn counts(units: usize, accounts: usize) -> Vec<Violation> {
    let bounds = [("units", units, Tree::UNITS_MAX), ("accounts", accounts, Tree::ACCOUNTS_MAX)];
    let over = bounds.into_iter().filter(|(_, count, max)| count > max);
    over.map(|(field, count, max)| Violation::new(field, words(format!("must be at most {max}, not {count}"))))
        .collect()
}

/// Organizations API, `Organization.Id`: `o-` and 10 to 32 of a-z and 0-9.
pub(in crate::authz) fn is_organization_id(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|rest| is_part(rest, 10))
}

fn of_organization(id: &str) -> Option<Violation> {
    let rule = Rule::new("must be an organization's id, such as o-exampleorgid");
    (!is_organization_id(id)).then(|| Violation::new("id", rule))
}

fn of_unit(id: &str, unit: &Unit, units: &BTreeMap<String, Unit>) -> Vec<Violation> {
    let field = format!("units.{}", shown(id));
    let mut found = Vec::new();
    if !is_unit_id(id) {
        found.push(Violation::new(&*field, Rule::new("must be called by a unit's id, such as ou-ab12-security1")));
    }
    found.extend(of_name(&field, &unit.name));
    found.extend(of_parents(&field, id, unit, units));
    found
}

fn of_parents(field: &str, id: &str, unit: &Unit, units: &BTreeMap<String, Unit>) -> Option<Violation> {
    let field = format!("{field}.parent");
    let parent = unit.parent.as_deref()?;
    if !units.contains_key(parent) {
        return Some(Violation::new(field, unknown(parent)));
    }
    // A parent further up that is missing is told of where it is named.
    let above = |unit: &str| units.get(unit).and_then(|unit| unit.parent.as_deref());
    let mut chain = std::iter::successors(Some(parent), |unit| above(unit)).take(Tree::DEPTH_MAX);
    if chain.clone().any(|unit| unit == id) {
        return Some(Violation::new(field, Rule::new("must not lead back to the unit itself: a circle")));
    }
    // With the unit itself, five above are six.
    chain.nth(Tree::DEPTH_MAX - 1).map(|_| Violation::new(field, DEPTH))
}

fn of_account(id: AccountId, member: &Member, units: &BTreeMap<String, Unit>) -> Vec<Violation> {
    let field = format!("accounts.{id}");
    let mut found: Vec<Violation> = of_name(&field, &member.name).into_iter().collect();
    let missing = member.unit.as_deref().filter(|unit| !units.contains_key(*unit));
    found.extend(missing.map(|unit| Violation::new(format!("{field}.unit"), unknown(unit))));
    found.extend(of_tags(&field, &member.tags));
    found
}

fn of_name(field: &str, name: &str) -> Option<Violation> {
    let rule = || words(format!("must have at most {NAME_LENGTH_MAX} characters"));
    is_longer(name, NAME_LENGTH_MAX).then(|| Violation::new(format!("{field}.name"), rule()))
}

fn of_tags(field: &str, tags: &BTreeMap<String, String>) -> Vec<Violation> {
    if tags.len() > TAGS_MAX {
        return vec![Violation::new(format!("{field}.tags"), words(format!("must be at most {TAGS_MAX}")))];
    }
    let broken = |(key, value): (&String, &String)| {
        let rule = if key.is_empty() || is_longer(key, TAG_KEY_LENGTH_MAX) {
            format!("must be called by 1 to {TAG_KEY_LENGTH_MAX} characters")
        } else if is_longer(value, TAG_VALUE_LENGTH_MAX) {
            format!("must have at most {TAG_VALUE_LENGTH_MAX} characters")
        } else {
            return None;
        };
        Some(Violation::new(format!("{field}.tags.{}", shown(key)), words(rule)))
    };
    tags.iter().filter_map(broken).collect()
}

/// Organizations API, `OrganizationalUnit.Id`: `ou-`, the root's own part, and 8 to 32 of a-z and 0-9.
pub(in crate::authz) fn is_unit_id(id: &str) -> bool {
    let parts = id.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(root, own)| is_part(root, 4) && is_part(own, 8))
}

fn is_part(text: &str, length_min: usize) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (length_min..=32).contains(&text.len()) && text.bytes().all(fine)
}

fn is_longer(text: &str, length_max: usize) -> bool {
    text.chars().nth(length_max).is_some()
}

fn unknown(unit: &str) -> Rule {
    words(format!("must be a unit of this tree, which {} is not", shown(unit)))
}

fn words(rule: String) -> Rule {
    Rule(rule.into())
}

/// An id or a key as it may stand in a message: cut, and without what a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    cut(text, SHOWN_LENGTH_MAX)
}
