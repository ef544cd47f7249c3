//! Subjects: what is one, and that no two issuers or accounts share one.

use serde_json::json;

use super::*;
use crate::authn::jwt::testing::kubernetes_claims;

fn account(sub: &str) -> Result<Identity, String> {
    kubernetes("prod", &Claims::from_json(&json!({ "sub": sub })))
}

#[test]
fn a_service_account_is_split_exactly() {
    for (sub, subject) in [
        ("system:serviceaccount:payments:deployer", "k8s:prod:payments:deployer"),
        ("system:serviceaccount:0:a.b-c.9", "k8s:prod:0:a.b-c.9"),
    ] {
        assert_eq!(account(sub).unwrap().subject, subject);
    }
    let (label, name) = ("a".repeat(63), vec!["a".repeat(62); 4].join("."));
    assert!(account(&format!("system:serviceaccount:{label}:{name}")).is_ok());
    for bad in [
        "",
        "system:serviceaccount:",
        "system:serviceaccount:payments",
        "system:serviceaccount:payments:",
        "system:serviceaccount::deployer",
        "system:serviceaccount:payments:deployer:x",
        "system:serviceaccount:payments:deployer:",
        "system:serviceaccount:pay.ments:deployer",
        "system:serviceaccount:Payments:deployer",
        "system:serviceaccount:-payments:deployer",
        "system:serviceaccount:payments-:deployer",
        "system:serviceaccount:payments:deployer-",
        "system:serviceaccount:payments:.deployer",
        "system:serviceaccount:payments:a..b",
        "system:serviceaccount:payments:de ployer",
        "system:serviceaccount:payments:d\u{e9}ployer",
        "system:serviceaccount:payments:deployer\n",
        "system:serviceaccounts:payments:deployer",
        "System:serviceaccount:payments:deployer",
        " system:serviceaccount:payments:deployer",
        "system:node:node-1",
        "system:admin",
        &format!("system:serviceaccount:{label}a:deployer"),
        &format!("system:serviceaccount:payments:{name}.aa"),
        &format!("system:serviceaccount:payments:{label}a"),
    ] {
        assert!(account(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_details_of_kubernetes_have_to_agree_with_the_subject() {
    let with = |pointer: &str, value: Value| {
        let mut claims = kubernetes_claims();
        *claims.pointer_mut(pointer).unwrap() = value;
        kubernetes("prod", &Claims::from_json(&claims))
    };
    for (pointer, value) in [
        ("/kubernetes.io/namespace", json!("kube-system")),
        ("/kubernetes.io/serviceaccount/name", json!("admin")),
        ("/kubernetes.io/namespace", json!(1)),
        ("/kubernetes.io/serviceaccount/uid", json!("a b")),
        ("/kubernetes.io/pod/name", json!({})),
        ("/kubernetes.io/pod/name", json!("x".repeat(254))),
        ("/kubernetes.io", json!("payments")),
        ("/kubernetes.io", json!(null)),
    ] {
        assert!(with(pointer, value.clone()).is_err(), "{pointer} {value}");
    }
    let without_pod = with("/kubernetes.io/pod", json!({})).unwrap();
    assert!(!without_pod.attributes.contains_key("pod"));
    assert!(account("system:serviceaccount:payments:deployer").unwrap().attributes.len() == 2);
}

#[test]
fn a_subject_of_oidc_is_printable_and_bounded() {
    for good in ["alice", "auth0|1234", "a@example.org", "repo:org/app:environment:My Env", "0", &"x".repeat(255)] {
        assert_eq!(oidc("corp", good).unwrap().subject, format!("jwt:corp:{good}"));
    }
    for bad in
        ["", " ", " alice", "alice ", "al\nice", "al\tice", "al\u{0}ice", "\u{430}lice", "\u{1b}[31m", &"x".repeat(256)]
    {
        assert!(oidc("corp", bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_spiffe_id_is_of_the_issuers_own_trust_domain() {
    let own = BTreeSet::from(["example.org".parse().unwrap()]);
    assert_eq!(spiffe(&own, "spiffe://example.org/a").unwrap().subject, "spiffe://example.org/a");
    for bad in ["spiffe://example.org.evil/a", "spiffe://evil/a", "spiffe://example.org", "example.org/a", ""] {
        assert!(spiffe(&own, bad).is_err(), "{bad}");
    }
}
