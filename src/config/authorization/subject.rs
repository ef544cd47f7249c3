//! Members of groups: subjects of callers, as authentication makes them.

use crate::{
    config::{
        authentication::{AuthenticationConfig, JwtPreset, MeshConfig},
        error::Fault,
        value::{account, dns_name, spiffe_id, uri_name},
    },
    types::{self, AccountId, DnsName, SpiffeId, UriName},
};

/// What a subject says of its caller.
enum Subject<'t> {
    Spiffe(SpiffeId),
    Dns(DnsName),
    Uri(UriName),
    Jwt { issuer: &'t str },
    Kubernetes { issuer: &'t str },
    Linkerd(DnsName),
    Aws { account: AccountId },
}

const FIX: &str = r#"write it as the journal shows it, such as "spiffe://example.org/ops/alice""#;

/// A subject that some caller can have. Whether one does is checked if `authentication` could be read.
pub(super) fn read(text: &str, authentication: Option<&AuthenticationConfig>) -> Result<String, Fault> {
    text.parse::<types::Subject>().map_err(|rule| Fault::of_rule(rule, FIX))?;
    let subject = Subject::parse(text)?;
    if let Some(authentication) = authentication {
        subject.check_known(authentication)?;
    }
    Ok(text.to_owned())
}

impl<'t> Subject<'t> {
    fn parse(text: &'t str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let parts: Vec<&str> = rest.split(':').collect();
        match (scheme, parts.as_slice()) {
            ("spiffe", _) => spiffe_id(text).map(Self::Spiffe),
            ("dns", _) => dns_name(rest).map(Self::Dns),
            ("uri", _) => uri_name(rest).map(Self::Uri),
            ("linkerd", _) => dns_name(rest).map(Self::Linkerd),
            // What an issuer calls somebody may hold colons and spaces.
            ("jwt", [issuer, subject, ..]) if !subject.is_empty() || parts.len() > 2 => Ok(Self::Jwt { issuer }),
            ("jwt", _) => Err(Fault::new("must have the form jwt:ISSUER:SUB", FIX)),
            ("k8s", [issuer, namespace, account]) if is_label(namespace) && account.split('.').all(is_label) => {
                Ok(Self::Kubernetes { issuer })
            }
            ("k8s", _) => Err(Fault::new("must have the form k8s:ISSUER:NAMESPACE:SERVICE_ACCOUNT", FIX)),
            ("aws", [id, principal]) if is_principal(principal) => Ok(Self::Aws { account: account(id)? }),
            ("aws", _) => Err(Fault::new(
                "must have the form aws:ACCOUNT:role/NAME/AROA… or aws:ACCOUNT:user/NAME/AIDA…: a name alone could be \
                 another's tomorrow",
                FIX,
            )),
            _ => Err(Fault::new(
                "must be a caller's subject, with spiffe://, dns:, uri:, jwt:, k8s:, linkerd: or aws: in front",
                FIX,
            )),
        }
    }

    /// Refuses who cannot call: a member that never comes is misspelt, or a right that waits for somebody.
    fn check_known(&self, authentication: &AuthenticationConfig) -> Result<(), Fault> {
        let AuthenticationConfig { mtls, jwt, mesh, aws_iam } = authentication;
        let has_issuer = |name: &str, preset: fn(&JwtPreset) -> bool| {
            jwt.as_ref().and_then(|jwt| jwt.issuer(name)).is_some_and(|issuer| preset(&issuer.preset))
        };
        let (known, rule, fix) = match self {
            Self::Spiffe(id) => (
                authentication.knows_trust_domain(id.trust_domain()),
                "must not be of a trust domain that cannot call",
                "correct it, or add the trust domain to [authentication.mtls], [authentication.mesh] or a JWT issuer \
                 with preset spiffe",
            ),
            Self::Dns(name) => (
                mtls.as_ref().is_some_and(|mtls| mtls.dns_sans.contains(name)),
                "must not be a DNS name that cannot call",
                "correct it, or add the name to authentication.mtls.dns_sans",
            ),
            Self::Uri(uri) => (
                mtls.as_ref().is_some_and(|mtls| mtls.uri_sans.contains(uri)),
                "must not be a URI that cannot call",
                "correct it, or add the URI to authentication.mtls.uri_sans",
            ),
            Self::Jwt { issuer } => (
                has_issuer(issuer, |preset| matches!(preset, JwtPreset::Oidc { .. })),
                "must name a configured issuer with preset oidc",
                "correct the name behind jwt:, or add [authentication.jwt.issuers.NAME]",
            ),
            Self::Kubernetes { issuer } => (
                has_issuer(issuer, |preset| matches!(preset, JwtPreset::Kubernetes { .. })),
                "must name a configured issuer with preset kubernetes",
                "correct the name behind k8s:, or add [authentication.jwt.issuers.NAME]",
            ),
            Self::Linkerd(name) => (
                mesh.as_ref().is_some_and(|mesh| is_linkerd_name(mesh, name)),
                "must not be a name of Linkerd that cannot call",
                "write NAME.NAMESPACE.serviceaccount.identity. and one of authentication.mesh.linkerd_identity_domains",
            ),
            Self::Aws { account } => (
                aws_iam.as_ref().is_some_and(|aws_iam| aws_iam.accounts.contains(account)),
                "must not be of an account that cannot call",
                "correct it, or add the account to authentication.aws_iam.accounts",
            ),
        };
        if known { Ok(()) } else { Err(Fault::new(rule, fix)) }
    }
}

/// A label of a DNS name in lower case, as Kubernetes has it for namespaces (RFC 1123, section 2.1).
fn is_label(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

/// `role/NAME/UNIQUE_ID` or `user/NAME/UNIQUE_ID` (IAM User Guide, "IAM identifiers").
fn is_principal(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let is_name = |name: &str| !name.is_empty() && !name.contains(' ');
    let is_id = |id: &str, prefix| {
        id.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    match parts.as_slice() {
        ["role", name, id] => is_name(name) && is_id(id, "AROA"),
        ["user", name, id] => is_name(name) && is_id(id, "AIDA"),
        _ => false,
    }
}

/// `NAME.NAMESPACE.serviceaccount.identity.DOMAIN`.
fn is_linkerd_name(mesh: &MeshConfig, name: &DnsName) -> bool {
    let MeshConfig::Linkerd { identity_domains, .. } = mesh else { return false };
    let labels: Vec<&str> = name.as_str().splitn(5, '.').collect();
    matches!(labels.as_slice(), [_, _, "serviceaccount", "identity", domain] if identity_domains.contains(*domain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subject_has_the_form_of_its_scheme() {
        for good in [
            "spiffe://example.org/ops/alice",
            "dns:deployer.ops.example.org",
            "uri:urn:example:deployer",
            "jwt:login:alice",
            "jwt:login:auth0|5f",
            "jwt:login:urn:user:5",
            "jwt:login::x",
            "jwt:login:repo:org/app:environment:My Stage",
            "k8s:prod:ns:account",
            "k8s:prod:123:builder.v2",
            "linkerd:a.b.serviceaccount.identity.linkerd.cluster.local",
            "aws:111122223333:role/deploy/AROAEXAMPLE",
            "aws:111122223333:user/bob@example.org/AIDAEXAMPLE",
        ] {
            assert_eq!(read(good, None).unwrap(), good);
        }
        for bad in [
            "",
            "alice",
            "deployer.ops.example.org",
            "SPIFFE://example.org/a",
            "spiffe:example.org/a",
            "spiffe://example.org",
            "spiffe://example.org/a/",
            "spiffe://example.org/a b",
            "dns:",
            "dns:*.example.org",
            "dns:Deployer.example.org",
            "uri:spiffe://example.org/a",
            "jwt:login",
            "jwt:login:",
            "jwt:login:a ",
            " jwt:login:a",
            "jwt:login:a\tb",
            "jwt:login:é",
            "k8s:prod:ns",
            "k8s:prod:ns:",
            "k8s:prod::account",
            "k8s:prod:ns:account:x",
            "k8s:prod:Ns:account",
            "k8s:prod:n.s:account",
            "k8s:prod:ns:a b",
            "linkerd:",
            "linkerd:a b",
            "aws:111122223333:role/deploy",
            "aws:111122223333:role/deploy/",
            "aws:111122223333:role/deploy/AIDAEXAMPLE",
            "aws:111122223333:role/deploy/ASIAEXAMPLE",
            "aws:111122223333:role/path/deploy/AROAEXAMPLE",
            "aws:111122223333:role/a b/AROAEXAMPLE",
            "aws:111122223333:assumed-role/deploy/AROAEXAMPLE",
            "aws:1111:role/deploy/AROAEXAMPLE",
            "aws:role/deploy/AROAEXAMPLE",
            "aws_iam:111122223333:role/deploy/AROAEXAMPLE",
            "mtls:spiffe://example.org/a",
            &format!("jwt:login:{}", "a".repeat(types::Subject::BYTES_MAX)),
        ] {
            assert!(read(bad, None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_of_linkerd_ends_in_a_whole_domain() {
        let mesh = MeshConfig::Linkerd {
            identity_domains: ["linkerd.cluster.local".parse().unwrap()].into(),
            trust_domains: [].into(),
        };
        let is_known = |name: &str| is_linkerd_name(&mesh, &name.parse().unwrap());
        assert!(is_known("a.b.serviceaccount.identity.linkerd.cluster.local"));
        for bad in [
            "a.b.serviceaccount.identity.linkerd.cluster.local.evil",
            "a.b.serviceaccount.identity.xlinkerd.cluster.local",
            "a.serviceaccount.identity.linkerd.cluster.local",
            "a.b.c.serviceaccount.identity.linkerd.cluster.local",
            "a.b.serviceaccount.identity.x.linkerd.cluster.local",
            "linkerd.cluster.local",
        ] {
            assert!(!is_known(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "((spiffe|dns|uri|jwt|k8s|linkerd|aws):)?[a-z:/. ]{0,30}|\\PC{0,40}") {
            if let Ok(subject) = read(&text, None) {
                prop_assert_eq!(&subject, &text);
                prop_assert!(subject.bytes().all(|b| (b' '..=b'~').contains(&b)) && subject.contains(':'));
                prop_assert!(!subject.contains(' ') || subject.starts_with("jwt:"));
            }
        }
    }
}
