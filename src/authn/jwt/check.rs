//! Whether the settings of all issuers make sense, each in itself and together. Finds every mistake at once.

use std::time::Duration;

use super::{JwtIssuerSettings, JwtKeySource, JwtPreset, identity::OWN_ATTRIBUTES};
use crate::types::{Rule, Violation};

/// Longest name of an issuer: it is in every subject.
const NAME_BYTES_MAX: usize = 64;
/// Largest difference of clocks that is put up with (a usual bound; RFC 7519, section 4.1.4 has "a few minutes").
const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// Everything that is wrong.
pub(super) fn check(settings: &[JwtIssuerSettings]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (at, issuer) in settings.iter().enumerate() {
        let rules = rules_of(issuer).into_iter().chain(clash(issuer, settings.get(..at).unwrap_or_default()));
        found.extend(rules.map(|(key, rule)| violation(&issuer.name, key, rule)));
    }
    found
}

/// A broken rule of one key of one issuer, by its name in the configuration, below `authentication.jwt`.
pub(super) fn violation(issuer: &str, key: &str, rule: Rule) -> Violation {
    Violation::new(format!("issuers.{issuer}.{key}"), rule)
}

fn rules_of(settings: &JwtIssuerSettings) -> Vec<(&'static str, Rule)> {
    let mut rules = Vec::new();
    let mut demand = |holds: bool, key, words| {
        if !holds {
            rules.push((key, Rule::new(words)));
        }
    };
    let name_ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let name = &settings.name;
    demand(
        (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(name_ok),
        "name",
        "must be 1 to 64 of a-z, A-Z, 0-9, '.', '_', '-': it is part of every subject",
    );
    demand(
        !settings.audiences.is_empty() && !settings.audiences.contains(""),
        "audiences",
        "must name what tokens for this gateway are for: without it, tokens for anybody else would be believed",
    );
    demand(!settings.algorithms.is_empty(), "algorithms", "must name at least one algorithm");
    demand(settings.leeway <= LEEWAY_MAX, "leeway", "must be at most 5m: set the clocks instead");
    demand(
        settings.attributes.keys().all(|name| !OWN_ATTRIBUTES.contains(&name.as_str())),
        "attributes",
        "must not redefine issuer, token_id, expires, namespace, service_account, service_account_uid, pod, trust_domain \
         or path",
    );
    demand(
        settings.groups_claim.is_some() != settings.groups.is_empty(),
        "groups",
        "must be given together with groups_claim, or not at all: one does nothing without the other",
    );
    check_preset(settings, demand);
    rules
}

fn check_preset(settings: &JwtIssuerSettings, mut demand: impl FnMut(bool, &'static str, &'static str)) {
    match &settings.preset {
        JwtPreset::Oidc { issuer, subject_claim } => {
            demand(!issuer.is_empty(), "issuer", "must be the exact iss of its tokens");
            demand(!subject_claim.is_empty(), "subject_claim", "must name a claim; leave it out for sub");
        }
        JwtPreset::Kubernetes { issuer } => demand(!issuer.is_empty(), "issuer", "must be the exact iss of its tokens"),
        JwtPreset::Spiffe { trust_domains } => {
            demand(
                trust_domains.len() == 1,
                "trust_domains",
                "must name exactly one: a bundle vouches for one trust domain; make an issuer for each",
            );
            demand(
                settings.keys != JwtKeySource::Discovery,
                "jwks_url",
                "must be given, or jwks_file: JWT-SVIDs have no discovery",
            );
        }
    }
}

/// What an issuer has in common with one before it that would leave open whose a token is.
fn clash(settings: &JwtIssuerSettings, before: &[JwtIssuerSettings]) -> Option<(&'static str, Rule)> {
    if before.iter().any(|other| other.name == settings.name) {
        return Some(("name", Rule::new("must be another than that of every other issuer")));
    }
    before.iter().find_map(|other| match (&settings.preset, &other.preset) {
        // Clusters may share an issuer name; their keys tell them apart. The same keys would not.
        (JwtPreset::Kubernetes { issuer: one }, JwtPreset::Kubernetes { issuer: two }) => {
            let same = one == two && (settings.keys == other.keys || settings.keys == JwtKeySource::Discovery);
            let rule = "must be given for clusters that share an issuer name, and be each one's own";
            same.then_some(("jwks_url", Rule::new(rule)))
        }
        (JwtPreset::Spiffe { trust_domains: one }, JwtPreset::Spiffe { trust_domains: two }) => {
            let rule = Rule::new("must not be named by two issuers");
            (!one.is_disjoint(two)).then_some(("trust_domains", rule))
        }
        (one, two) => {
            let shared = iss(one).is_some_and(|issuer| iss(two) == Some(issuer));
            shared.then_some(("issuer", Rule::new("must be another than that of every other issuer")))
        }
    })
}

fn iss(preset: &JwtPreset) -> Option<&str> {
    match preset {
        JwtPreset::Oidc { issuer, .. } | JwtPreset::Kubernetes { issuer } => Some(issuer),
        JwtPreset::Spiffe { .. } => None,
    }
}

#[cfg(test)]
mod tests;
