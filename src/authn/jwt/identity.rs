//! From verified claims to the caller: subject, attributes, groups, by the preset of the issuer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    JwtPreset,
    claims::{Claims, Times},
    shown,
};
use crate::{
    authn::{Caller, Scheme},
    clock::Timestamp,
    types::{SpiffeId, TrustDomain},
};

/// Longest subject of an OpenID Connect token (OpenID Connect Core 1.0, section 2), and of any other here.
const SUBJECT_BYTES_MAX: usize = 255;
/// RFC 1123, section 2.1, as Kubernetes has it for namespaces.
const DNS_LABEL_BYTES_MAX: usize = 63;
/// The same for the names of service accounts, which are DNS subdomains.
const DNS_SUBDOMAIN_BYTES_MAX: usize = 253;
/// Most ids in a groups claim: 8 KiB of token hold fewer UUIDs.
const GROUP_IDS_MAX: usize = 256;
/// Attributes that every token or preset gives; the configuration may not give them another meaning.
pub(super) const OWN_ATTRIBUTES: [&str; 9] = [
    "issuer",
    "token_id",
    "expires",
    "namespace",
    "service_account",
    "service_account_uid",
    "pod",
    "trust_domain",
    "path",
];

/// How the tokens of one issuer become callers.
pub(super) struct Mapping {
    /// Our name for the issuer.
    pub(super) issuer: String,
    pub(super) preset: JwtPreset,
    /// Attribute to claim.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) groups_claim: Option<String>,
    /// Id in the token to group in policy.
    pub(super) groups: BTreeMap<String, String>,
}

/// A subject, and what the preset adds.
struct Identity {
    subject: String,
    attributes: BTreeMap<String, String>,
}

impl Mapping {
    /// The caller of a verified token.
    pub(super) fn caller(&self, claims: &Claims, times: &Times) -> Result<Caller, String> {
        let Identity { subject, mut attributes } = match &self.preset {
            JwtPreset::Oidc { subject_claim, .. } => {
                refuse_event(claims)?;
                oidc(&self.issuer, claims.text(subject_claim)?)?
            }
            JwtPreset::Kubernetes { .. } => kubernetes(&self.issuer, claims)?,
            JwtPreset::Spiffe { trust_domains } => spiffe(trust_domains, claims.text("sub")?)?,
        };
        for (attribute, claim) in &self.attributes {
            attributes.extend(claims.scalar(claim)?.map(|text| (attribute.clone(), text)));
        }
        attributes.extend(claims.scalar("jti")?.map(|id| ("token_id".to_owned(), id)));
        attributes.insert("issuer".to_owned(), self.issuer.clone());
        attributes.insert("expires".to_owned(), Timestamp::from_unix(times.expires, 0).to_string());
        Ok(Caller::new(Scheme::Jwt, &subject, attributes).in_groups(self.groups_of(claims)?))
    }

    /// By id, through the map alone: the name of a group in the token is whatever its owner likes.
    fn groups_of(&self, claims: &Claims) -> Result<BTreeSet<String>, String> {
        let Some(claim) = &self.groups_claim else { return Ok(BTreeSet::new()) };
        let ids = claims.texts(claim)?;
        if ids.len() > GROUP_IDS_MAX {
            return Err(format!("claim {} has more than {GROUP_IDS_MAX} groups", shown(claim)));
        }
        Ok(ids.into_iter().filter_map(|id| self.groups.get(id)).cloned().collect())
    }
}

/// A logout token, and any other security event, has the claim `events` and need not say so in `typ` (OpenID Connect
/// Back-Channel Logout 1.0, sections 2.4 and 4; RFC 8417, section 2.2). It names a subject and is no identity: services
/// hand it around.
fn refuse_event(claims: &Claims) -> Result<(), String> {
    match claims.get("events") {
        None => Ok(()),
        Some(_) => Err("claim \"events\" makes it a logout token or another event, which is no identity".to_owned()),
    }
}

fn oidc(issuer: &str, subject: &str) -> Result<Identity, String> {
    // Spaces inside are real (GitHub's names of environments); at the ends they would be invisible.
    let printable = subject.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && subject.trim() == subject;
    if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || !printable {
        return Err("the subject is not 1 to 255 printable ASCII characters".to_owned());
    }
    Ok(Identity { subject: format!("jwt:{issuer}:{subject}"), attributes: BTreeMap::new() })
}

fn spiffe(trust_domains: &BTreeSet<TrustDomain>, subject: &str) -> Result<Identity, String> {
    let id: SpiffeId = subject.parse().map_err(|rule| format!("sub is no SPIFFE ID of a workload: {rule}"))?;
    if !trust_domains.contains(id.trust_domain()) {
        return Err(format!("trust domain {} is not this issuer's", id.trust_domain()));
    }
    let attributes = [("trust_domain", id.trust_domain()), ("path", id.path())];
    Ok(Identity { subject: id.as_str().to_owned(), attributes: owned(attributes) })
}

/// `system:serviceaccount:NAMESPACE:NAME` (Kubernetes, Authenticating, "Service account tokens").
fn kubernetes(issuer: &str, claims: &Claims) -> Result<Identity, String> {
    let subject = claims.text("sub")?;
    let no_account = || "sub is not system:serviceaccount:NAMESPACE:NAME".to_owned();
    let mut parts = subject.strip_prefix("system:serviceaccount:").ok_or_else(no_account)?.split(':');
    let (Some(namespace), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(no_account());
    };
    let name_ok = name.len() <= DNS_SUBDOMAIN_BYTES_MAX && name.split('.').all(is_dns_label);
    if !is_dns_label(namespace) || !name_ok {
        return Err(no_account());
    }
    let mut attributes = owned([("namespace", namespace), ("service_account", name)]);
    if let Some(details) = claims.get("kubernetes.io") {
        attributes.extend(kubernetes_details(details, namespace, name)?);
    }
    Ok(Identity { subject: format!("k8s:{issuer}:{namespace}:{name}"), attributes })
}

/// The claim `kubernetes.io` of projected tokens (Kubernetes, Managing Service Accounts, "Bound service account tokens").
fn kubernetes_details(details: &Value, namespace: &str, name: &str) -> Result<BTreeMap<String, String>, String> {
    if !details.is_object() {
        return Err("kubernetes.io is no object".to_owned());
    }
    let text = |pointer: &str| match details.pointer(pointer) {
        None => Ok(None),
        Some(Value::String(text))
            if text.len() <= DNS_SUBDOMAIN_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Ok(Some(text.as_str()))
        }
        Some(_) => Err(format!("kubernetes.io{pointer} is no name")),
    };
    for (pointer, from_subject) in [("/namespace", namespace), ("/serviceaccount/name", name)] {
        if text(pointer)?.is_some_and(|told| told != from_subject) {
            return Err(format!("kubernetes.io{pointer} contradicts sub"));
        }
    }
    let mut attributes = BTreeMap::new();
    for (attribute, pointer) in [("service_account_uid", "/serviceaccount/uid"), ("pod", "/pod/name")] {
        attributes.extend(text(pointer)?.map(|text| (attribute.to_owned(), text.to_owned())));
    }
    Ok(attributes)
}

fn is_dns_label(text: &str) -> bool {
    let charset = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=DNS_LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(charset)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn owned<const N: usize>(attributes: [(&str, &str); N]) -> BTreeMap<String, String> {
    attributes.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[cfg(test)]
mod tests;
