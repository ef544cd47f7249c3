//! `[authorization]`: where the Cedar policies are, and who belongs to which group.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{
    authentication::AuthenticationConfig,
    error::{Fault, Reported},
    table::Table,
    value::{path, text},
};

/// Where the policies are, and who belongs to which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationConfig {
    /// `.cedar` files, and folders that hold such files. Not empty.
    pub policies: Vec<PathBuf>,
    /// Members of each group, by the caller's subject.
    pub groups: BTreeMap<String, BTreeSet<String>>,
}

/// Names of groups are written in policies; what is longer is a mistake.
const GROUP_NAME_LENGTH_MAX: usize = 64;
/// A subject is at most a SPIFFE ID, which has 2048 bytes (SPIFFE-ID, section 2.3).
const SUBJECT_LENGTH_MAX: usize = 2048;

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
    let member = |value: &_| subject(text(value)?, authentication);
    let groups: Vec<_> = table
        .names(group_name)
        .into_iter()
        .map(|name| {
            let name = name?;
            table.set(&name, member).map(|members| (name, members))
        })
        .collect();
    groups.into_iter().collect()
}

fn group_name(text: &str) -> Result<String, Fault> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    if text.is_empty() || text.len() > GROUP_NAME_LENGTH_MAX || !text.bytes().all(allowed) {
        return Err(Fault::new("must be a group's name: 1 to 64 characters of A-Z a-z 0-9 . - _", "rename the group"));
    }
    Ok(text.to_owned())
}

fn subject(text: &str, authentication: Option<&AuthenticationConfig>) -> Result<String, Fault> {
    if text.is_empty() || text.len() > SUBJECT_LENGTH_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Fault::new(
            "must be a caller's subject: 1 to 2048 bytes without spaces",
            r#"write it as the journal shows it, such as "spiffe://example.org/ops/alice""#,
        ));
    }
    if let (Some(rest), Some(authentication)) = (text.strip_prefix("spiffe://"), authentication) {
        let trust_domain = rest.split('/').next().unwrap_or_default();
        if !authentication.mtls.spiffe_trust_domains.contains(trust_domain) {
            return Err(Fault::new(
                "must not be of a trust domain that cannot call",
                "correct it, or add the trust domain to authentication.mtls.spiffe_trust_domains",
            ));
        }
    }
    Ok(text.to_owned())
}
