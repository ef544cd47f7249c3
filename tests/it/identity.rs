//! Who is asking, over a real TLS connection.

use rootgate::pb;
use tonic::{Code, Request, metadata::MetadataValue};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    harness::{AUDITOR, Client, OPERATOR, PAYMENTS, REASON, World, answer, refused},
    pki::Pki,
};

#[tokio::test]
async fn without_a_client_certificate_nothing_is_answered() {
    let world = World::start().await;
    let anonymous = Client::connect(world.address, &world.pki().authority(), None).await;
    let Ok(mut client) = anonymous else { return };
    // With TLS 1.3 the client learns of the refusal when it first reads.
    let refusal = client.audit(PAYMENTS).await.unwrap_err();
    assert_eq!(refusal.reason, "", "not the gateway answered but the handshake failed");
    assert!(world.aws.calls().iter().all(|call| call.name() != "sts:AssumeRoot"));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_believed() {
    let world = World::start().await;
    let identity = Pki::new().unwrap().client(&[OPERATOR]).unwrap();
    let stranger = Client::connect(world.address, &world.pki().authority(), Some(&identity)).await;
    let Ok(mut client) = stranger else { return };
    assert_eq!(client.audit(PAYMENTS).await.unwrap_err().reason, "");
}

#[tokio::test]
async fn certificates_without_exactly_one_good_identity_are_refused_and_recorded() {
    let world = World::start().await;
    let bad: [&[&str]; 6] = [
        &[],
        &[OPERATOR, AUDITOR],
        &["spiffe://example.org.evil/ops/alice"],
        &["spiffe://example.org/ops/../alice"],
        &["spiffe://example.org"],
        &["https://example.org/ops/alice"],
    ];
    for uris in bad {
        let refusal = world.as_caller_with(uris).await.audit(PAYMENTS).await;
        let refusal = refused(refusal, Code::Unauthenticated, "UNAUTHENTICATED");
        assert_eq!(refusal.status.message(), "the identity of the caller was not proven", "nothing more is told");
    }
    let refusals = world.records().await.into_iter().filter(|record| record.text("error/reason") == "UNAUTHENTICATED");
    assert_eq!(refusals.count(), bad.len());
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn identity_headers_are_never_believed() {
    let world = World::start().await;
    let mut nobody = world.as_caller_with(&[]).await;
    for (name, value) in [
        ("x-forwarded-client-cert", "By=spiffe://example.org/gw;URI=spiffe://example.org/ops/alice"),
        ("l5d-client-id", "spiffe://example.org/ops/alice"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ] {
        let mut request = Request::new(pb::AuditRootCredentialsRequest {
            account_id: PAYMENTS.to_owned(),
            reason: REASON.to_owned(),
            ..Default::default()
        });
        request.metadata_mut().insert(name, MetadataValue::try_from(value).unwrap());
        refused(answer(nobody.root.audit_root_credentials(request).await), Code::Unauthenticated, "UNAUTHENTICATED");
    }
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn health_and_reflection_need_an_identity_too() {
    let world = World::start().await;
    let nobody = world.as_caller_with(&[]).await;
    let mut health = HealthClient::new(nobody.channel);
    let status = health.check(HealthCheckRequest { service: String::new() }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
