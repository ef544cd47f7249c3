//! Each answer of each RPC comes again, byte for byte.

use std::collections::BTreeMap;

use aws_root_simulator::Fault;
use prost::Message;
use rootgate::pb::{self, CredentialKind};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{ID, LEDGER, OTHER_ID, ask, events, policy, unlock};
use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, REASON, World, answer, unlock_queue};

/// The same request twice: the same bytes, no call to AWS for the second, and no second act in the journal.
macro_rules! twice {
    ($world:expr, $rpc:ident, $request:expr) => {{
        let request = $request;
        let mut operator = $world.as_caller(OPERATOR).await;
        let first = answer(operator.root.$rpc(request.clone()).await).unwrap();
        let (calls, acts) = ($world.aws.calls().len(), intents(&$world).await);
        let again = answer(operator.root.$rpc(request).await).unwrap();
        assert_eq!(first.encode_to_vec(), again.encode_to_vec());
        assert_eq!(($world.aws.calls().len(), intents(&$world).await), (calls, acts));
        first
    }};
}

async fn intents(world: &World) -> usize {
    events(&world.records().await, "Intent").len()
}

fn queue(id: &str) -> pb::UnlockQueuePolicyRequest {
    let arn = "arn:aws:sqs:eu-west-1:333333333333:payments-events";
    pb::UnlockQueuePolicyRequest { request_id: id.to_owned(), ..unlock_queue(PAYMENTS, arn) }
}

fn delete(id: &str) -> pb::DeleteRootCredentialsRequest {
    pb::DeleteRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        request_id: id.to_owned(),
        credential_kinds: vec![CredentialKind::All.into()],
        ..Default::default()
    }
}

#[tokio::test]
async fn unlocks_and_restores_are_answered_again_byte_for_byte() {
    let world = World::start().await;
    let bucket = twice!(world, unlock_bucket_policy, unlock(ID));
    assert!(bucket.changed && !bucket.previous_policy.is_empty() && !bucket.statements.is_empty());
    let restore = pb::RestoreBucketPolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        request_id: OTHER_ID.to_owned(),
        bucket: LEDGER.to_owned(),
        backup_id: bucket.backup_id,
        accept_lockout: true,
        ..Default::default()
    };
    assert!(twice!(world, restore_bucket_policy, restore).changed);
    assert!(policy(&world).is_some());
    let queue = twice!(world, unlock_queue_policy, queue("8c2e1d7a-3b4f-4c5d-8e6f-000000000001"));
    assert!(queue.changed);
    let restore = pb::RestoreQueuePolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        request_id: "8c2e1d7a-3b4f-4c5d-8e6f-000000000002".to_owned(),
        queue_arn: "arn:aws:sqs:eu-west-1:333333333333:payments-events".to_owned(),
        backup_id: queue.backup_id,
        accept_lockout: true,
        ..Default::default()
    };
    assert!(twice!(world, restore_queue_policy, restore).changed);
}

#[tokio::test]
async fn acts_on_credentials_are_answered_again_byte_for_byte() {
    let world = World::start().await;
    let deleted = twice!(world, delete_root_credentials, delete(ID));
    assert_eq!(deleted.items.len(), 5);
    let recovery = pb::AllowPasswordRecoveryRequest {
        account_id: ANALYTICS.to_owned(),
        reason: REASON.to_owned(),
        request_id: OTHER_ID.to_owned(),
        ..Default::default()
    };
    assert!(twice!(world, allow_password_recovery, recovery).changed);
}

/// All that a status tells. The details are bytes, but for the ErrorInfo: the order of a map's entries means nothing.
#[derive(Debug, PartialEq)]
struct Told {
    code: Code,
    message: String,
    facts: BTreeMap<String, String>,
    details: Vec<prost_types::Any>,
}

fn told(status: &Status) -> Told {
    let info = status.get_details_error_info().unwrap();
    let mut facts: BTreeMap<String, String> = info.metadata.into_iter().collect();
    facts.insert("reason".to_owned(), info.reason);
    let wire = tonic_types::pb::Status::decode(status.details()).unwrap();
    let details = wire.details.into_iter().filter(|any| !any.type_url.ends_with("ErrorInfo")).collect();
    Told { code: status.code(), message: status.message().to_owned(), facts, details }
}

#[tokio::test]
async fn what_was_done_in_part_is_told_again_with_its_items() {
    let world = World::start().await;
    world.aws.inject(Fault::on("iam", "DeactivateMFADevice").error(403, "AccessDenied", "no").times(10));
    let mut operator = world.as_caller(OPERATOR).await;
    let first = operator.root.delete_root_credentials(delete(ID)).await.unwrap_err();
    assert_eq!(first.code(), Code::Aborted);
    world.aws.clear_faults();
    let calls = world.aws.calls().len();
    let again = operator.root.delete_root_credentials(delete(ID)).await.unwrap_err();
    assert_eq!(told(&first), told(&again));
    assert!(told(&first).details.iter().any(|any| any.type_url.ends_with("DeleteRootCredentialsResponse")));
    assert_eq!(world.aws.calls().len(), calls);
}

#[tokio::test]
async fn a_failure_for_good_is_told_again() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let nowhere = || pb::UnlockBucketPolicyRequest { bucket: "payments-nowhere".to_owned(), ..unlock(ID) };
    let first = ask(&mut operator, nowhere()).await.unwrap_err();
    assert_eq!(first.reason, "BUCKET_NOT_FOUND");
    let calls = world.aws.calls().len();
    let again = ask(&mut operator, nowhere()).await.unwrap_err();
    assert_eq!(told(&first.status), told(&again.status));
    assert_eq!(world.aws.calls().len(), calls);
}

#[tokio::test]
async fn an_outcome_that_is_not_known_stays_unknown() {
    let world = World::start().await;
    world.aws.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
    world.aws.inject(Fault::on("s3", "GetBucketPolicy").status(503).after(1).times(20));
    let mut operator = world.as_caller(OPERATOR).await;
    let first = ask(&mut operator, unlock(ID)).await.unwrap_err();
    assert_eq!(first.reason, "OUTCOME_UNKNOWN");
    world.aws.clear_faults();
    let calls = world.aws.calls().len();
    let again = ask(&mut operator, unlock(ID)).await.unwrap_err();
    assert_eq!(
        (again.reason.as_str(), again.metadata("record_hash")),
        ("OUTCOME_UNKNOWN", first.metadata("record_hash"))
    );
    assert_eq!(world.aws.calls().len(), calls);
}
