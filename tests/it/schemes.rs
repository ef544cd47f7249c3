//! Several listeners, each with schemes of its own: what proves an identity where, and what does not.

use serde_json::json;
use tonic::Code;

use crate::harness::{
    AUDIENCE, AUDITOR, Client, OPERATOR, PAYMENTS, STRANGER, Setup, Token, World, aws_token, issuer, refused,
};

/// A listener for certificates and tokens, and one for the mesh.
fn everything() -> Setup {
    let groups = format!("auditors = [\"{AUDITOR}\", \"jwt:login:robot\"]\noperators = [\"{OPERATOR}\"]");
    Setup::default()
        .replacing("authorization", format!("policies = [\"policy.cedar\"]\n[authorization.groups]\n{groups}"))
        .with("listeners.main", "schemes = [\"mtls\", \"jwt\"]")
        .with_issuer("attributes = { email = \"email\" }")
        .with_mesh()
}

fn operators() -> serde_json::Value {
    json!({ "groups": [issuer::OPERATORS_ID], "email": "op@example.org" })
}

#[tokio::test]
async fn a_token_proves_a_caller_whose_groups_come_from_the_map_alone() {
    let world = World::start_with(everything()).await;
    let member = world.issuer.token("00u1", operators());
    world.with_token(&member).await.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    // What the issuer calls "operators" is nobody's group here.
    let namesake = world.issuer.token("00u2", json!({ "groups": ["operators"] }));
    let refusal = world.with_token(&namesake).await.unlock_bucket(PAYMENTS, "payments-ledger").await;
    refused(refusal, Code::PermissionDenied, "PERMISSION_DENIED");
    // A subject in the configuration's own list.
    world.with_token(&world.issuer.token("robot", json!({}))).await.audit(PAYMENTS).await.unwrap();

    let records = world.records().await;
    let intent = records.iter().find(|record| record.event() == "Intent").unwrap();
    assert_eq!(intent.text("caller/scheme"), "jwt");
    assert_eq!(intent.text("caller/listener"), "main");
    assert_eq!(intent.text("caller/subject"), "jwt:login:00u1");
    assert_eq!(intent.text("caller/attributes/email"), "op@example.org");
}

#[tokio::test]
async fn a_token_that_is_not_good_is_unauthenticated_and_the_journal_says_why() {
    let world = World::start_with(everything()).await;
    let other_key = issuer::Issuer::new("first");
    let bad = [
        ("another key", other_key.token("00u1", operators())),
        ("another audience", world.issuer.token("00u1", json!({ "aud": "kubernetes" }))),
        ("another issuer", world.issuer.token("00u1", json!({ "iss": "https://login.example.org.evil" }))),
        ("expired", world.issuer.token("00u1", json!({ "iat": 1_000, "exp": 2_000 }))),
        ("no end", world.issuer.token("00u1", json!({ "exp": null }))),
        ("no token", "not-a-token".to_owned()),
    ];
    for (why, token) in &bad {
        let refusal = world.with_token(token).await.audit(PAYMENTS).await;
        let refusal = refused(refusal, Code::Unauthenticated, "UNAUTHENTICATED");
        assert_eq!(refusal.status.message(), "the identity of the caller was not proven", "{why}");
    }
    let records = world.records().await;
    let causes: Vec<&str> = records.iter().map(|r| r.text("error/message")).filter(|c| !c.is_empty()).collect();
    assert_eq!(causes.len(), bad.len(), "{causes:?}");
    assert!(causes.iter().all(|cause| cause.starts_with("jwt: ")), "{causes:?}");
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn a_bad_token_is_not_rescued_by_a_good_certificate_and_two_identities_are_none() {
    let world = World::start_with(everything()).await;
    let with = |token: String| {
        let world = &world;
        async move {
            let client = world.as_caller(OPERATOR).await;
            Client::over_with(client.channel, Token::header("authorization", &format!("Bearer {token}")))
        }
    };
    let mut bad = with("not-a-token".to_owned()).await;
    refused(bad.audit(PAYMENTS).await, Code::Unauthenticated, "UNAUTHENTICATED");
    let mut both = with(world.issuer.token("00u1", operators())).await;
    refused(both.audit(PAYMENTS).await, Code::Unauthenticated, "UNAUTHENTICATED");
    let records = world.records().await;
    assert_eq!(records.last().unwrap().text("error/message"), "more than one scheme proved an identity");
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
}

#[tokio::test]
async fn a_listener_believes_only_its_own_schemes() {
    let world = World::start_with(everything()).await;
    // The proxy's header on the listener that strangers reach.
    let spoof = world.as_caller(STRANGER).await;
    let header = world.mesh_header(OPERATOR);
    let mut spoof = Client::over_with(spoof.channel, Token::header("x-forwarded-client-cert", &header));
    refused(spoof.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    // A token on the mesh's listener.
    let token = world.issuer.token("00u1", operators());
    let mut token = world.mesh_with(Token::header("authorization", &format!("Bearer {token}"))).await;
    refused(token.audit(PAYMENTS).await, Code::Unauthenticated, "UNAUTHENTICATED");
    let why = world.records().await.pop().unwrap();
    assert_eq!(why.text("error/message"), "no identity was offered; not believed: header authorization");
}

#[tokio::test]
async fn the_mesh_names_a_workload_and_policy_sees_scheme_and_listener() {
    let policy = "@id(\"mesh\") permit(principal, action, resource) when { context.scheme == \"mesh\" && \
                  context.listener == \"mesh\" && principal.subject == \"spiffe://example.org/team/mallory\" };";
    let world = World::start_with(Setup { policies: policy.to_owned(), ..everything() }).await;
    world.through_mesh(STRANGER).await.audit(PAYMENTS).await.unwrap();
    refused(world.as_caller(STRANGER).await.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    refused(world.through_mesh(OPERATOR).await.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    for injected in [
        "spiffe://example.org/x;URI=spiffe://example.org/team/mallory",
        "spiffe://example.org/x,By=spiffe://example.org/proxy;URI=spiffe://example.org/team/mallory",
        "",
    ] {
        let refusal = world.through_mesh(injected).await.audit(PAYMENTS).await;
        refused(refusal, Code::Unauthenticated, "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn who_shows_nothing_on_a_listener_with_tokens_is_unauthenticated() {
    let world = World::start_with(everything()).await;
    let mut nothing = Client::connect(world.address, &world.pki().authority(), None).await.unwrap();
    refused(nothing.audit(PAYMENTS).await, Code::Unauthenticated, "UNAUTHENTICATED");
    let certificate = crate::pki::Pki::new().unwrap().client(&[OPERATOR]).unwrap();
    // A certificate is optional here, but a bad one is not as good as none.
    if let Ok(mut bad) = Client::connect(world.address, &world.pki().authority(), Some(&certificate)).await {
        assert_eq!(bad.audit(PAYMENTS).await.unwrap_err().reason, "", "the handshake fails");
    }
}

#[tokio::test]
async fn an_aws_role_proves_itself_without_certificate_and_each_proof_once() {
    let policy = "@id(\"role\") permit(principal, action, resource) when { context.scheme == \"aws_iam\" && \
                  principal.hasTag(\"role_name\") && principal.getTag(\"role_name\") == \"gateway\" && \
                  principal.hasTag(\"account_id\") && principal.getTag(\"account_id\") == \"222222222222\" };";
    let setup = Setup { policies: policy.to_owned(), ..Setup::default() };
    let world =
        World::start_with(setup.with("listeners.main", "schemes = [\"mtls\", \"aws_iam\"]").with_aws_iam()).await;
    let token = aws_token(&world.aws, "gateway", AUDIENCE);
    world.with_aws_token(&token).await.audit(PAYMENTS).await.unwrap();
    let replayed = world.with_aws_token(&token).await.audit(PAYMENTS).await;
    refused(replayed, Code::Unauthenticated, "UNAUTHENTICATED");
    for (why, token) in [
        ("for another service", aws_token(&world.aws, "gateway", "vault.example.org")),
        ("of another account", aws_token(&world.aws, "payments-admin", AUDIENCE)),
        ("of nobody", "rootgate-aws-v1.aHR0cHM6Ly9ldmlsLmV4YW1wbGUv".to_owned()),
    ] {
        let refusal = world.with_aws_token(&token).await.audit(PAYMENTS).await;
        let refusal = refused(refusal, Code::Unauthenticated, "UNAUTHENTICATED");
        assert!(!refusal.metadata("journal_index").is_empty(), "{why}");
    }
    let records = world.records().await;
    let intent = records.iter().find(|record| record.event() == "Intent").unwrap();
    assert!(intent.text("caller/subject").starts_with("aws:222222222222:role/gateway/AROA"));
    let causes: Vec<&str> = records.iter().map(|r| r.text("error/message")).filter(|c| !c.is_empty()).collect();
    assert!(causes.iter().all(|cause| cause.starts_with("aws_iam: ")), "{causes:?}");
    assert!(causes[0].contains("used before"), "{causes:?}");
}
