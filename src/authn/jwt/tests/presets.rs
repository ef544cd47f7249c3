//! Kubernetes, SPIFFE, and what the configuration makes of claims.

use serde_json::json;

use super::*;

fn rename(mut settings: JwtIssuerSettings, name: &str) -> JwtIssuerSettings {
    settings.name = name.to_owned();
    settings
}

#[tokio::test]
async fn a_projected_token_of_kubernetes_names_its_service_account() {
    let cluster = Signer::es256("c1");
    let issuers = issuers([kubernetes("prod", JwtKeySource::Document(jwks(&[&cluster])))]);
    let caller = ask(&issuers, &cluster.token_without("typ", &kubernetes_claims())).await.unwrap();
    assert_eq!(caller.subject(), "k8s:prod:payments:deployer");
    let attributes: Vec<_> = caller.attributes().iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(
        attributes,
        [
            ("expires", "2026-11-21T18:45:54.000000Z"),
            ("issuer", "prod"),
            ("namespace", "payments"),
            ("pod", "deployer-7d4"),
            ("service_account", "deployer"),
            ("service_account_uid", "8f0c"),
            ("token_id", "b2a1"),
        ]
    );
}

#[tokio::test]
async fn a_legacy_token_of_kubernetes_is_refused() {
    let cluster = Signer::es256("c1");
    let issuers = issuers([kubernetes("prod", JwtKeySource::Document(jwks(&[&cluster])))]);
    let legacy = json!({
        "iss": "https://kubernetes.default.svc",
        "kubernetes.io/serviceaccount/namespace": "payments",
        "kubernetes.io/serviceaccount/secret.name": "deployer-token-x",
        "kubernetes.io/serviceaccount/service-account.name": "deployer",
        "sub": "system:serviceaccount:payments:deployer",
    });
    assert_refused(ask(&issuers, &cluster.token(&legacy)).await, "Missing required claim");
    for name in ["exp", "aud"] {
        let mut claims = kubernetes_claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_refused(ask(&issuers, &cluster.token(&claims)).await, name);
    }
}

#[tokio::test]
async fn a_token_for_the_api_server_is_not_for_us() {
    let cluster = Signer::es256("c1");
    let issuers = issuers([kubernetes("prod", JwtKeySource::Document(jwks(&[&cluster])))]);
    for audience in [json!("https://kubernetes.default.svc"), json!(["https://kubernetes.default.svc", "k3s"])] {
        let mut claims = kubernetes_claims();
        claims["aud"] = audience;
        assert_refused(ask(&issuers, &cluster.token(&claims)).await, "InvalidAudience");
    }
}

#[tokio::test]
async fn clusters_that_share_an_issuer_name_are_told_apart_by_their_keys() {
    let (east, west, stranger) = (Signer::es256("e1"), Signer::es256("w1"), Signer::es256("x1"));
    let issuers = issuers([
        kubernetes("east", JwtKeySource::Document(jwks(&[&east]))),
        kubernetes("west", JwtKeySource::Document(jwks(&[&west]))),
    ]);
    let claims = kubernetes_claims();
    assert_eq!(ask(&issuers, &east.token(&claims)).await.unwrap().subject(), "k8s:east:payments:deployer");
    assert_eq!(ask(&issuers, &west.token(&claims)).await.unwrap().subject(), "k8s:west:payments:deployer");
    assert_refused(ask(&issuers, &stranger.token(&claims)).await, "none of the issuers");
    assert_refused(ask(&issuers, &east.token_without("kid", &claims)).await, "kid is missing");
    // The key of one is not tried for the other.
    let disguised = west.token_with("kid", json!("e1"), &claims);
    assert_refused(ask(&issuers, &disguised).await, "issuer east: not verified: \"InvalidSignature\"");
}

#[tokio::test]
async fn a_cluster_that_publishes_the_id_of_anothers_key_neither_stops_nor_becomes_it() {
    let (east, west, fake) = (Signer::es256("e1"), Signer::es256("w1"), Signer::es256("e1"));
    let issuers = issuers([
        kubernetes("east", JwtKeySource::Document(jwks(&[&east]))),
        kubernetes("west", JwtKeySource::Document(jwks(&[&west, &fake]))),
    ]);
    let claims = kubernetes_claims();
    assert_eq!(ask(&issuers, &east.token(&claims)).await.unwrap().subject(), "k8s:east:payments:deployer");
    assert_eq!(ask(&issuers, &fake.token(&claims)).await.unwrap().subject(), "k8s:west:payments:deployer");
    let stranger = Signer::es256("e1").token(&claims);
    let both = "issuer east: not verified: \"InvalidSignature\"; issuer west: not verified: \"InvalidSignature\"";
    assert_refused(ask(&issuers, &stranger).await, both);
}

#[tokio::test]
async fn a_token_that_the_keys_of_two_clusters_verify_is_of_neither() {
    let (east, west) = (Signer::es256("e1"), Signer::es256("w1"));
    let issuers = issuers([
        kubernetes("east", JwtKeySource::Document(jwks(&[&east]))),
        kubernetes("west", JwtKeySource::Document(jwks(&[&west, &east]))),
    ]);
    assert_refused(ask(&issuers, &east.token(&kubernetes_claims())).await, "several of the issuers");
    let caller = ask(&issuers, &west.token(&kubernetes_claims())).await.unwrap();
    assert_eq!(caller.subject(), "k8s:west:payments:deployer");
    issuers.replace_keys("west", &jwks(&[&west])).unwrap();
    let caller = ask(&issuers, &east.token(&kubernetes_claims())).await.unwrap();
    assert_eq!(caller.subject(), "k8s:east:payments:deployer");
}

#[tokio::test]
async fn a_jwt_svid_names_its_workload() {
    let spire = Signer::es256("s1");
    let bundle = json!({
        "spiffe_sequence": 7,
        "spiffe_refresh_hint": 300,
        "keys": [spire.svid_jwk(), {"use": "x509-svid", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "x5c": ["MIIB"]}],
    });
    let issuers = issuers([spiffe(JwtKeySource::Document(bundle.to_string().into_bytes()))]);
    let caller = ask(&issuers, &spire.token(&svid_claims())).await.unwrap();
    assert_eq!(caller.subject(), "spiffe://example.org/ns/prod/sa/alice");
    assert_eq!(caller.attributes()["trust_domain"], "example.org");
    assert_eq!(caller.attributes()["path"], "/ns/prod/sa/alice");
    for typ in ["JOSE", "JWT"] {
        ask(&issuers, &spire.token_with("typ", json!(typ), &svid_claims())).await.unwrap();
    }
    for typ in ["at+jwt", "jwt", "application/jwt"] {
        assert_refused(ask(&issuers, &spire.token_with("typ", json!(typ), &svid_claims())).await, "no identity");
    }
}

#[tokio::test]
async fn a_jwt_svid_of_another_trust_domain_or_form_is_refused() {
    let spire = Signer::es256("s1");
    let issuers = issuers([spiffe(JwtKeySource::Document(set([spire.svid_jwk()])))]);
    for subject in [
        "spiffe://example.org.evil/ns/prod",
        "spiffe://evil.org/example.org/x",
        "spiffe://example.orgs/x",
        "spiffe://Example.org/x",
        "SPIFFE://example.org/x",
        "spiffe://example.org",
        "example.org/x",
        "",
    ] {
        let mut claims = svid_claims();
        claims["sub"] = subject.into();
        assert_refused(ask(&issuers, &spire.token(&claims)).await, "no issuer of the configuration");
    }
    for subject in [
        "spiffe://example.org/",
        "spiffe://example.org/a//b",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/a?x",
    ] {
        let mut claims = svid_claims();
        claims["sub"] = subject.into();
        assert_refused(ask(&issuers, &spire.token(&claims)).await, "no SPIFFE ID of a workload");
    }
}

#[tokio::test]
async fn a_key_for_x509_or_for_nothing_said_signs_no_jwt_svid() {
    let spire = Signer::es256("s1");
    let mut silent = spire.jwk();
    silent.as_object_mut().unwrap().remove("use");
    let mut x509 = spire.jwk();
    x509["use"] = "x509-svid".into();
    for jwk in [spire.jwk(), silent, x509] {
        let problems = JwtIssuers::new(vec![spiffe(JwtKeySource::Document(set([jwk])))]).unwrap_err();
        assert!(problems[0].to_string().contains("its use is not jwt-svid"), "{problems:?}");
    }
    let problems = JwtIssuers::new(vec![file(&[]), oidc(JwtKeySource::Document(set([spire.svid_jwk()])))]).unwrap_err();
    assert!(problems.iter().any(|problem| problem.to_string().contains("its use is not sig")), "{problems:?}");
}

#[tokio::test]
async fn ed25519_signs_no_jwt_svid() {
    let spire = Signer::new("s1", JwtAlgorithm::EdDsa);
    let mut settings = spiffe(JwtKeySource::Document(set([spire.svid_jwk()])));
    settings.algorithms = JwtAlgorithm::ALL.into();
    assert_refused(ask(&issuers([settings]), &spire.token(&svid_claims())).await, "not on the issuer's list");
}

#[tokio::test]
async fn an_issuer_whose_subjects_look_like_anothers_stays_itself() {
    let (corp, spire) = (Signer::es256("c1"), Signer::es256("s1"));
    let issuers = issuers([file(&[&corp]), spiffe(JwtKeySource::Document(set([spire.svid_jwk()])))]);
    let disguised = claims_with(json!({"sub": "spiffe://example.org/ns/prod/sa/alice"}));
    let caller = ask(&issuers, &corp.token(&disguised)).await.unwrap();
    assert_eq!(caller.subject(), "jwt:corp:spiffe://example.org/ns/prod/sa/alice");
    let stolen_id = corp.token_with("kid", json!("s1"), &disguised);
    assert_refused(ask(&issuers, &stolen_id).await, "issuer spire: not verified: \"InvalidSignature\"");
    assert_refused(ask(&issuers, &corp.token(&svid_claims())).await, "no key \"c1\"");
}

#[tokio::test]
async fn claims_become_attributes_as_configured() {
    let signer = Signer::es256("k1");
    let mut settings = file(&[&signer]);
    settings.preset = JwtPreset::Oidc { issuer: ISSUER.to_owned(), subject_claim: "oid".to_owned() };
    settings.attributes = [
        ("email", "email"),
        ("verified", "email_verified"),
        ("level", "https://example.org/level"),
        ("none", "absent"),
    ]
    .map(|(attribute, claim)| (attribute.to_owned(), claim.to_owned()))
    .into();
    let issuers = issuers([settings]);
    let own = json!({"oid": "0a-1", "email": "a@example.org", "email_verified": true, "https://example.org/level": 3});
    let caller = ask(&issuers, &signer.token(&claims_with(own.clone()))).await.unwrap();
    assert_eq!(caller.subject(), "jwt:corp:0a-1");
    let attribute = |name: &str| caller.attributes().get(name).map(String::as_str);
    assert_eq!(
        (attribute("email"), attribute("verified"), attribute("level")),
        (Some("a@example.org"), Some("true"), Some("3"))
    );
    assert_eq!((attribute("none"), caller.attributes().len()), (None, 5));
    for bad in [json!(["a@example.org"]), json!({"x": 1}), json!("x".repeat(257)), json!("a\u{0}b")] {
        let mut claims = claims_with(own.clone());
        claims["email"] = bad;
        assert_refused(ask(&issuers, &signer.token(&claims)).await, "claim \"email\"");
    }
    assert_refused(ask(&issuers, &signer.token(&claims())).await, "claim \"oid\" is missing");
}

#[tokio::test]
async fn groups_come_by_id_through_the_map_alone() {
    let signer = Signer::es256("k1");
    let mut settings = file(&[&signer]);
    settings.groups_claim = Some("groups".to_owned());
    settings.groups = [("0b1c-1", "operators"), ("0b1c-2", "auditors"), ("0b1c-3", "operators")]
        .map(|(id, group)| (id.to_owned(), group.to_owned()))
        .into();
    let issuers = issuers([settings]);
    let ids: Vec<String> = (0..256).map(|number| format!("other-{number}")).collect();
    for (told, groups) in [
        (json!(["0b1c-1", "0b1c-2", "0b1c-3", "unknown"]), &["auditors", "operators"][..]),
        (json!("0b1c-2"), &["auditors"]),
        // The name of a group in policy is nobody's to claim.
        (json!(["operators", "OPERATORS", "0B1C-1", "0b1c-1 ", ""]), &[]),
        (json!([]), &[]),
        (json!(null), &[]),
        (json!(ids), &[]),
    ] {
        let caller = ask(&issuers, &signer.token(&claims_with(json!({ "groups": told })))).await.unwrap();
        assert_eq!(caller.groups().iter().collect::<Vec<_>>(), groups, "{told}");
    }
    let too_many: Vec<&str> = vec!["x"; 257];
    for bad in [json!(too_many), json!(["0b1c-1", 1]), json!({"0b1c-1": true}), json!(1), json!([["0b1c-1"]])] {
        assert_refused(ask(&issuers, &signer.token(&claims_with(json!({ "groups": bad })))).await, "claim \"groups\"");
    }
}

#[tokio::test]
async fn two_issuers_of_the_same_people_make_different_subjects() {
    let (one, two) = (Signer::es256("k1"), Signer::es256("k2"));
    let mut second = rename(file(&[&two]), "corp2");
    second.preset = JwtPreset::Oidc { issuer: "https://two.example".to_owned(), subject_claim: "sub".to_owned() };
    let issuers = issuers([file(&[&one]), second]);
    let first = ask(&issuers, &one.token(&claims())).await.unwrap();
    let second = ask(&issuers, &two.token(&claims_with(json!({"iss": "https://two.example"})))).await.unwrap();
    assert_eq!((first.subject(), second.subject()), ("jwt:corp:alice", "jwt:corp2:alice"));
}
