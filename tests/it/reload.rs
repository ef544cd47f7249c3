//! What is taken up while the gateway runs, and what is not.

use std::{fs, time::Duration};

use serde_json::json;
use tonic::Code;

use crate::{
    harness::{AUDITOR, Client, OPERATOR, PAYMENTS, Setup, World, issuer::Issuer, refused},
    pki::Pki,
};

fn quickly() -> Setup {
    Setup::default().that_reloads()
}

/// Asks again until the answer is as wanted; fails loudly if it never is.
async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !ask().await {
        assert!(tokio::time::Instant::now() < deadline, "it never happened: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn new_policies_are_in_force_without_a_restart_and_recorded_before() {
    let world = World::start_with(quickly()).await;
    let mut auditor = world.as_caller(AUDITOR).await;
    auditor.audit(PAYMENTS).await.unwrap();
    let policy = world.folder.path().join("policy.cedar");
    fs::write(&policy, "@id(\"none\") forbid(principal, action, resource);").unwrap();
    eventually("nobody may audit", || {
        let mut auditor = auditor.clone();
        async move { auditor.audit(PAYMENTS).await.is_err() }
    })
    .await;
    let refusal = refused(auditor.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(refusal.reason, "PERMISSION_DENIED");
    let records = world.records().await;
    let reloaded = records.iter().position(|record| record.event() == "Reloaded").expect("it is recorded");
    let refused = records.iter().position(|record| record.event() == "Refusal").expect("so is the refusal");
    assert!(reloaded < refused);
    assert_eq!(records[reloaded].text("what"), "policies");
    assert_ne!(records[reloaded].text("sha256"), records[0].text("policy_sha256"));
}

#[tokio::test]
async fn policies_that_do_not_validate_are_not_in_force_and_the_old_ones_are() {
    let world = World::start_with(quickly()).await;
    let mut auditor = world.as_caller(AUDITOR).await;
    let policy = world.folder.path().join("policy.cedar");
    let good = fs::read_to_string(&policy).unwrap();
    for bad in ["forbid(principal, action, resource", "permit(principal, action, resource) when { context.nope };", ""]
    {
        fs::write(&policy, bad).unwrap();
        // A second file whose change is taken up tells that the gateway has looked.
        world.looked_again().await;
        if bad.is_empty() {
            // No policy is a policy: nothing is allowed.
            refused(auditor.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
        } else {
            auditor.audit(PAYMENTS).await.unwrap_or_else(|refusal| panic!("{bad}: {:?}", refusal.status));
        }
    }
    fs::write(&policy, good).unwrap();
    world.looked_again().await;
    auditor.audit(PAYMENTS).await.unwrap();
}

#[tokio::test]
async fn new_certificates_are_used_by_new_connections_and_old_connections_go_on() {
    let world = World::start_with(quickly()).await;
    let mut before = world.as_caller(OPERATOR).await;
    before.audit(PAYMENTS).await.unwrap();
    let next = Pki::new().unwrap();
    let folder = world.folder.path();
    next.server().unwrap().write(folder, "server").unwrap();
    fs::write(folder.join("clients-ca.pem"), next.authority()).unwrap();
    let identity = next.client(&[OPERATOR]).unwrap();
    eventually("the new authority is believed", || async {
        match Client::connect(world.address, &next.authority(), Some(&identity)).await {
            Ok(mut client) => client.audit(PAYMENTS).await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
    before.audit(PAYMENTS).await.expect("the connection that stood goes on");
    let old = world.pki().client(&[OPERATOR]).unwrap();
    if let Ok(mut old) = Client::connect(world.address, &next.authority(), Some(&old)).await {
        assert_eq!(old.audit(PAYMENTS).await.unwrap_err().reason, "", "the old authority is believed no more");
    }
    // A key that does not fit: the gateway keeps what it has.
    Pki::new().unwrap().server().unwrap().write(folder, "other").unwrap();
    fs::copy(folder.join("other.key"), folder.join("server.key")).unwrap();
    world.looked_again().await;
    Client::connect(world.address, &next.authority(), Some(&identity)).await.unwrap().audit(PAYMENTS).await.unwrap();
}

#[tokio::test]
async fn new_keys_of_an_issuer_are_believed_and_the_old_ones_no_more() {
    let setup = quickly().with("listeners.main", "schemes = [\"mtls\", \"jwt\"]").with_issuer("");
    let world = World::start_with(setup).await;
    let groups = json!({ "groups": [crate::harness::issuer::OPERATORS_ID] });
    let old = world.issuer.token("00u1", groups.clone());
    world.with_token(&old).await.audit(PAYMENTS).await.unwrap();
    let next = Issuer::new("second");
    fs::write(world.folder.path().join("jwks.json"), next.jwks()).unwrap();
    let token = next.token("00u1", groups);
    eventually("the new key is believed", || async { world.with_token(&token).await.audit(PAYMENTS).await.is_ok() })
        .await;
    // Also a token that was verified before, and might be remembered.
    refused(world.with_token(&old).await.audit(PAYMENTS).await, Code::Unauthenticated, "UNAUTHENTICATED");
    fs::write(world.folder.path().join("jwks.json"), "{\"keys\":[]}").unwrap();
    world.looked_again().await;
    world.with_token(&token).await.audit(PAYMENTS).await.expect("keys that do not load change nothing");
}
