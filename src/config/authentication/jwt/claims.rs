//! `attributes`, `groups_claim`, `groups`: what is taken from a token beside the subject.

use std::collections::BTreeMap;

use crate::config::{
    error::{Fault, Reported},
    table::Table,
    value::{line, name, text_rule},
};

/// Groups that tokens put callers in. What is not in the map is ignored: an issuer's groups are not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtGroups {
    /// The claim that holds ids of groups.
    pub claim: String,
    /// Id in the token = name of a group in policy. Not empty.
    pub names: BTreeMap<String, String>,
}

/// Where issuers that have groups put them, by custom.
const GROUPS_CLAIM: &str = "groups";
/// Claims have short names, or URIs as names.
const CLAIM_LENGTH_MAX: usize = 256;
/// Ids of groups are UUIDs, numbers or names.
const GROUP_ID_LENGTH_MAX: usize = 256;
/// Each is copied with every call and written into the journal.
const ATTRIBUTES_MAX: usize = 32;
/// Attributes are written in policies.
const ATTRIBUTE_LENGTH_MAX: usize = 64;

impl JwtGroups {
    pub(super) fn read(table: &Table<'_>) -> Result<Option<Self>, Reported> {
        let claim = table.optional("groups_claim", text_rule(claim));
        let id = |text: &str| line(text, GROUP_ID_LENGTH_MAX);
        let names = table.section("groups", |groups| groups.map(id, text_rule(name)));
        let (claim, names) = (claim?, names?);
        if !names.is_empty() {
            return Ok(Some(Self { claim: claim.unwrap_or_else(|| GROUPS_CLAIM.to_owned()), names }));
        }
        let fault = Fault::new(
            "has no use without groups: only ids that are listed put a caller in a group",
            r#"add `groups = { "ID-IN-THE-TOKEN" = "operators" }`, or remove it"#,
        );
        table.check(claim.is_none(), &["groups_claim"], fault)?;
        Ok(None)
    }
}

pub(super) fn read_attributes(table: &Table<'_>) -> Result<BTreeMap<String, String>, Reported> {
    let attributes = table.section("attributes", |attributes| attributes.map(attribute, text_rule(claim)))?;
    let rule = format!("must hold at most {ATTRIBUTES_MAX} attributes");
    table.check(attributes.len() <= ATTRIBUTES_MAX, &["attributes"], Fault::new(rule, "keep what policies ask for"))?;
    Ok(attributes)
}

/// The name of a claim.
pub(super) fn claim(text: &str) -> Result<String, Fault> {
    line(text, CLAIM_LENGTH_MAX)
}

fn attribute(text: &str) -> Result<String, Fault> {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let well_formed = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(letters);
    if well_formed && text.len() <= ATTRIBUTE_LENGTH_MAX {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        "must be an attribute's name: 1 to 64 characters of a-z 0-9 _, a letter first",
        r#"write the attribute left and the claim right, such as `email = "email"`"#,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_an_identifier_of_policies() {
        for good in ["email", "a", "cost_center_2", &"a".repeat(64)] {
            assert_eq!(attribute(good).unwrap(), good);
        }
        for bad in ["", "Email", "2nd", "_a", "a-b", "a.b", "a b", "é", &"a".repeat(65)] {
            assert!(attribute(bad).is_err(), "{bad:?}");
        }
    }
}
