//! The digest of a tree.

use std::collections::{BTreeMap, HashMap};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Member, Unit};
use crate::types::{AccountId, hex};

/// SHA-256 over every text with its length before it, in the order of ids, so that no two trees give the same bytes.
pub(super) fn sha256(
    organization_id: &str,
    units: &BTreeMap<String, Unit>,
    accounts: &HashMap<AccountId, Member>,
) -> String {
    let mut context = Context::new(&SHA256);
    text(&mut context, organization_id);
    count(&mut context, units.len());
    for (id, Unit { name, parent }) in units {
        text(&mut context, id);
        text(&mut context, name);
        // No id of a unit is empty.
        text(&mut context, parent.as_deref().unwrap_or_default());
    }
    let mut by_id: Vec<_> = accounts.iter().collect();
    by_id.sort_unstable_by_key(|(id, _)| **id);
    count(&mut context, by_id.len());
    for (id, Member { unit, name, tags }) in by_id {
        text(&mut context, id.as_str());
        text(&mut context, unit.as_deref().unwrap_or_default());
        text(&mut context, name);
        count(&mut context, tags.len());
        for (key, value) in tags {
            text(&mut context, key);
            text(&mut context, value);
        }
    }
    hex(context.finish().as_ref())
}

fn text(context: &mut Context, text: &str) {
    count(context, text.len());
    context.update(text.as_bytes());
}

fn count(context: &mut Context, count: usize) {
    context.update(&(count as u64).to_be_bytes());
}
