//! Settings that contradict themselves or each other.

use std::collections::BTreeMap;

use super::*;
use crate::authn::jwt::{
    JwtIssuers,
    testing::{Signer, file, kubernetes, oidc, spiffe},
};

fn at(url: &str) -> JwtKeySource {
    JwtKeySource::Url(format!("https://issuer.example/{url}"))
}

/// The keys that are wrong.
fn wrong(settings: &[JwtIssuerSettings]) -> Vec<String> {
    check(settings).iter().map(|violation| violation.field.strip_prefix("issuers.").unwrap().to_owned()).collect()
}

fn named(name: &str, settings: JwtIssuerSettings) -> JwtIssuerSettings {
    JwtIssuerSettings { name: name.to_owned(), ..settings }
}

#[test]
fn every_mistake_is_found_at_once() {
    let settings = JwtIssuerSettings {
        audiences: [].into(),
        algorithms: [].into(),
        leeway: Duration::from_secs(301),
        attributes: BTreeMap::from([("issuer".to_owned(), "x".to_owned())]),
        groups_claim: Some("groups".to_owned()),
        preset: JwtPreset::Oidc { issuer: String::new(), subject_claim: String::new() },
        ..oidc(at("keys"))
    };
    assert_eq!(
        wrong(&[settings]),
        [
            "corp.audiences",
            "corp.algorithms",
            "corp.leeway",
            "corp.attributes",
            "corp.groups",
            "corp.issuer",
            "corp.subject_claim"
        ]
    );
    assert_eq!(wrong(&[oidc(at("keys")), kubernetes("k", at("k")), spiffe(at("s"))]), [""; 0]);
}

#[test]
fn a_name_cannot_break_out_of_a_subject() {
    for bad in ["", "a:b", "a b", "a/b", "\u{e9}", "a\n", &"x".repeat(65)] {
        assert_eq!(wrong(&[named(bad, oidc(at("keys")))]), [format!("{bad}.name")]);
    }
    for good in ["corp", "Corp-1_2.eu", &"x".repeat(64)] {
        assert_eq!(wrong(&[named(good, oidc(at("keys")))]), [""; 0]);
    }
}

#[test]
fn whose_a_token_is_has_to_be_clear() {
    assert_eq!(wrong(&[oidc(at("a")), named("two", oidc(at("b")))]), ["two.issuer"]);
    assert_eq!(wrong(&[oidc(at("a")), oidc(at("b"))]), ["corp.name"]);
    assert_eq!(wrong(&[spiffe(at("a")), named("two", spiffe(at("b")))]), ["two.trust_domains"]);
    let as_oidc = |issuer: &str| JwtIssuerSettings {
        preset: JwtPreset::Oidc { issuer: issuer.to_owned(), subject_claim: "sub".to_owned() },
        ..oidc(at("x"))
    };
    assert_eq!(wrong(&[kubernetes("k", at("a")), as_oidc("https://kubernetes.default.svc")]), ["corp.issuer"]);
}

#[test]
fn clusters_that_share_a_name_need_keys_of_their_own() {
    assert_eq!(wrong(&[kubernetes("east", at("a")), kubernetes("west", at("b"))]), [""; 0]);
    assert_eq!(wrong(&[kubernetes("east", at("a")), kubernetes("west", at("a"))]), ["west.jwks_url"]);
    let discovery = || JwtKeySource::Discovery;
    assert_eq!(wrong(&[kubernetes("east", at("a")), kubernetes("west", discovery())]), ["west.jwks_url"]);
    assert_eq!(wrong(&[kubernetes("east", discovery()), kubernetes("west", discovery())]), ["west.jwks_url"]);
}

#[test]
fn a_bundle_vouches_for_one_trust_domain() {
    for domains in [&[][..], &["a.example", "b.example"]] {
        let trust_domains = domains.iter().map(|domain| domain.parse().unwrap()).collect();
        let settings = JwtIssuerSettings { preset: JwtPreset::Spiffe { trust_domains }, ..spiffe(at("a")) };
        assert_eq!(wrong(&[settings]), ["spire.trust_domains"]);
    }
    assert_eq!(wrong(&[spiffe(JwtKeySource::Discovery)]), ["spire.jwks_url"]);
}

#[test]
fn material_that_cannot_be_used_is_named() {
    let signer = Signer::es256("k1");
    let url = |url: &str| JwtKeySource::Url(url.to_owned());
    let with_ca = |pem: &str| JwtIssuerSettings { ca_pem: Some(pem.into()), ..oidc(at("keys")) };
    for (settings, field, words) in [
        (oidc(JwtKeySource::Document(b"{}".to_vec())), "jwks_file", "no JWK set"),
        (oidc(JwtKeySource::Document(b"{\"keys\":[]}".to_vec())), "jwks_file", "no key in it can be used"),
        (oidc(url("http://issuer.example/keys")), "jwks_url", "not https"),
        (oidc(url("issuer.example")), "jwks_url", "refused"),
        (
            JwtIssuerSettings { http_allowed_for_loopback: false, ..oidc(url("http://127.0.0.1:1/keys")) },
            "jwks_url",
            "not https",
        ),
        (kubernetes("corp", JwtKeySource::Discovery), "issuer", ""),
        (with_ca("no pem"), "ca", "no certificate"),
    ] {
        let settings = match settings.preset {
            JwtPreset::Kubernetes { .. } => JwtIssuerSettings {
                preset: JwtPreset::Kubernetes { issuer: "kubernetes/serviceaccount".to_owned() },
                ..settings
            },
            _ => settings,
        };
        let problems = JwtIssuers::new(vec![settings]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].field, format!("issuers.corp.{field}"));
        assert!(problems[0].rule.to_string().contains(words), "{problems:?}");
    }
    JwtIssuers::new(vec![file(&[&signer])]).unwrap();
}
