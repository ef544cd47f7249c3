mod file;
mod whole;

use std::collections::{BTreeMap, HashMap};

use super::{Member, Tree, Unit};
use crate::types::AccountId;

const ORGANIZATION: &str = "o-exampleorgid";

/// `ou-ab12-` and eight digits.
fn unit_id(number: usize) -> String {
    format!("ou-ab12-{number:08}")
}

fn account_id(number: usize) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn unit(parent: Option<usize>) -> Unit {
    Unit { name: "Unit".to_owned(), parent: parent.map(unit_id) }
}

fn member(unit: Option<usize>) -> Member {
    Member { unit: unit.map(unit_id), name: "account".to_owned(), tags: BTreeMap::new() }
}

/// The rest of a chain: unit 1 under the root, each other under the one before.
fn chain(length: usize) -> BTreeMap<String, Unit> {
    (1..=length).map(|number| (unit_id(number), unit((number > 1).then(|| number - 1)))).collect()
}

/// What is wrong, as `field: rule`.
fn refused(units: BTreeMap<String, Unit>, accounts: HashMap<AccountId, Member>) -> Vec<String> {
    Tree::new(ORGANIZATION, units, accounts).unwrap_err().iter().map(ToString::to_string).collect()
}
