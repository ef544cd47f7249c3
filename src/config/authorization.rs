//! `[authorization]`: where the Cedar policies are, and who belongs to which group.

mod subject;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{
    authentication::AuthenticationConfig,
    error::{Fault, Reported},
    table::Table,
    value::{name, path, text_rule},
};

/// Where the policies are, and who belongs to which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationConfig {
    /// `.cedar` files, and folders that hold such files. Not empty.
    pub policies: Vec<PathBuf>,
    /// Members of each group, by the caller's subject. Tokens may put callers into more groups, see `JwtGroups`.
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

impl AuthorizationConfig {
    /// Needs to know who can call, to refuse members who cannot.
    pub(super) fn read(table: &Table<'_>, authentication: Option<&AuthenticationConfig>) -> Result<Self, Reported> {
        let policies = read_policies(table);
        let groups = table.section("groups", |groups| read_groups(groups, authentication));
        Ok(Self { policies: policies?, groups: groups? })
    }
}

fn read_policies(table: &Table<'_>) -> Result<Vec<PathBuf>, Reported> {
    const FIX: &str = r#"write `policies = ["policies/"]`"#;
    let policies = table.required_list("policies", FIX, path)?;
    if policies.is_empty() {
        return Err(
            table.report_at("policies", Fault::new("must not be empty: without policies nothing is allowed", FIX))
        );
    }
    Ok(policies.into_iter().map(|policy| table.resolve(policy)).collect())
}

fn read_groups(
    table: &Table<'_>,
    authentication: Option<&AuthenticationConfig>,
) -> Result<BTreeMap<String, BTreeSet<String>>, Reported> {
    let groups: Vec<_> = table
        .names(name)
        .into_iter()
        .map(|name| {
            let name = name?;
            let members = table.set(&name, text_rule(|text| subject::read(text, authentication)))?;
            Ok((name, members))
        })
        .collect();
    groups.into_iter().collect()
}
