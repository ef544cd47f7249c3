//! What a configuration gives its policies to rest on. The command line asks the same, without a gateway.

use std::collections::BTreeSet;

use crate::{
    config::{Config, OrganizationConfig},
    policy::Known,
};

/// What the gateway of this configuration knows of the organization.
#[must_use]
pub fn known(config: &Config) -> Known {
    match config.organization {
        OrganizationConfig::None => Known::Nothing,
        OrganizationConfig::Aws { tags: false, .. } => Known::Units,
        OrganizationConfig::Aws { tags: true, .. } | OrganizationConfig::InFile(_) => Known::UnitsAndTags,
    }
}

/// Of the groups that policies name and no list of members does, those that no issuer's map names either: nobody is in
/// them.
#[must_use]
pub fn groups_without_members(mut unlisted: BTreeSet<String>, config: &Config) -> BTreeSet<String> {
    let issuers = config.authentication.jwt.iter().flat_map(|jwt| &jwt.issuers);
    for group in issuers.filter_map(|issuer| issuer.groups.as_ref()).flat_map(|groups| groups.names.values()) {
        unlisted.remove(group);
    }
    unlisted
}
