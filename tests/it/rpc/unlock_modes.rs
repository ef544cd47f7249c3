//! How much of a policy an unlock takes away.

use rootgate::pb::{self, Exposure, PolicyResult, UnlockMode, Verdict, Verification, statement_selector::Selector};
use tonic::Code;

use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, World, answer, refused, unlock_bucket, unlock_queue};

const BUCKET: &str = "payments-ledger";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";
const KEPT: &str = r#"{ "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::payments-ledger/*",
  "Condition": {"Bool": {"aws:SecureTransport": "false"}} }"#;
const LOCK: &str =
    r#"{"Sid":"Locked","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger"}"#;

fn policy(statements: &[&str]) -> String {
    format!("{{\"Version\": \"2012-10-17\",\n \"Statement\": [{}]}}", statements.join(",\n  "))
}

fn with_mode(mode: UnlockMode) -> pb::UnlockBucketPolicyRequest {
    pb::UnlockBucketPolicyRequest { mode: mode.into(), ..unlock_bucket(PAYMENTS, BUCKET) }
}

fn by_sid(sid: &str) -> pb::StatementSelector {
    pb::StatementSelector { selector: Some(Selector::Sid(sid.to_owned())) }
}

trait Policies {
    fn set_policy(&self, policy: &str);
    fn policy(&self) -> Option<String>;
}

impl Policies for World {
    fn set_policy(&self, policy: &str) {
        self.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy = Some(policy.to_owned()));
    }

    fn policy(&self) -> Option<String> {
        self.aws.edit(|aws| aws.bucket(BUCKET).unwrap().1.policy.clone())
    }
}

#[tokio::test]
async fn without_a_mode_only_what_locks_goes_and_the_rest_stays_byte_for_byte() {
    let world = World::start().await;
    world.set_policy(&policy(&[LOCK, KEPT]));
    let done =
        answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(with_mode(UnlockMode::Unspecified)).await)
            .unwrap();
    assert_eq!(done.result(), PolicyResult::StatementsRemoved);
    assert_eq!(done.verification(), Verification::Verified);
    assert_eq!(world.policy().as_deref(), Some(policy(&[KEPT]).as_str()));
    let verdicts: Vec<_> = done.statements.iter().map(|s| (s.sid.as_str(), s.verdict(), s.removed)).collect();
    assert_eq!(verdicts, [("Locked", Verdict::Locks, true), ("TlsOnly", Verdict::Harmless, false)]);
    assert_eq!(done.previous_policy, policy(&[LOCK, KEPT]));
    assert!(!done.backup_id.is_empty());
}

#[tokio::test]
async fn a_policy_of_which_nothing_is_left_is_deleted() {
    let world = World::start().await;
    let done =
        answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(with_mode(UnlockMode::Unspecified)).await)
            .unwrap();
    assert_eq!((done.result(), world.policy()), (PolicyResult::PolicyDeleted, None));
}

#[tokio::test]
async fn a_policy_that_does_not_lock_is_left_alone() {
    let world = World::start().await;
    world.set_policy(&policy(&[KEPT]));
    let done =
        answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(with_mode(UnlockMode::Unspecified)).await)
            .unwrap();
    assert_eq!((done.changed, done.result(), done.backup_id.as_str()), (false, PolicyResult::NothingToDo, ""));
    assert_eq!(world.acts_on_aws(), ["sts:AssumeRoot", "s3:ListBuckets", "s3:GetBucketPolicy"]);
}

#[tokio::test]
async fn statements_are_picked_by_sid_or_by_their_place_in_a_policy_that_was_seen() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    world.set_policy(&policy(&[LOCK, KEPT]));
    let listed =
        |statements| pb::UnlockBucketPolicyRequest { statements, ..with_mode(UnlockMode::RemoveListedStatements) };
    let done = answer(operator.root.unlock_bucket_policy(listed(vec![by_sid("TlsOnly")])).await).unwrap();
    assert_eq!(world.policy().as_deref(), Some(policy(&[LOCK]).as_str()), "what still locks was not asked for");
    assert_eq!(done.result(), PolicyResult::StatementsRemoved);

    let first = vec![pb::StatementSelector { selector: Some(Selector::Index(0)) }];
    let blind = answer(operator.root.unlock_bucket_policy(listed(first.clone())).await);
    assert_eq!(refused(blind, Code::InvalidArgument, "INVALID_REQUEST").fields(), ["statements"]);
    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..listed(first.clone()) };
    let etag = answer(operator.root.unlock_bucket_policy(look).await).unwrap().plan.unwrap().etag;
    let act = pb::UnlockBucketPolicyRequest { etag, ..listed(first) };
    assert_eq!(answer(operator.root.unlock_bucket_policy(act).await).unwrap().result(), PolicyResult::PolicyDeleted);

    world.set_policy(&policy(&[LOCK]));
    let missing = answer(operator.root.unlock_bucket_policy(listed(vec![by_sid("Nobody")])).await);
    refused(missing, Code::FailedPrecondition, "STATEMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_replacement_is_installed_if_it_neither_locks_nor_exposes() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let replace = |document: String| pb::UnlockBucketPolicyRequest {
        replacement_policy: document,
        ..with_mode(UnlockMode::ReplacePolicy)
    };
    let allow = |principal: &str| {
        policy(&[&format!(
            r#"{{"Sid":"Read","Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::payments-ledger/*"}}"#
        )])
    };
    let before = world.policy();
    let locks = answer(operator.root.unlock_bucket_policy(replace(policy(&[LOCK]))).await);
    refused(locks, Code::FailedPrecondition, "WOULD_LOCK");
    for (principal, exposure) in
        [(r#""*""#, "PUBLIC"), (r#"{"AWS":"arn:aws:iam::999999999999:root"}"#, "OUTSIDE_ORGANIZATION")]
    {
        let result = answer(operator.root.unlock_bucket_policy(replace(allow(principal))).await);
        let refusal = refused(result, Code::FailedPrecondition, "WOULD_EXPOSE");
        assert_eq!(refusal.metadata("exposure"), exposure);
    }
    assert_eq!(world.policy(), before);
    assert!(world.acts_on_aws().is_empty(), "no root session is opened for what may not be installed");

    let inside = allow(&format!(r#"{{"AWS":"arn:aws:iam::{ANALYTICS}:root"}}"#));
    let done = answer(operator.root.unlock_bucket_policy(replace(inside.clone())).await).unwrap();
    assert_eq!((done.result(), done.verification()), (PolicyResult::PolicyReplaced, Verification::Verified));
    assert_eq!(world.policy(), Some(inside.clone()));
    let again = answer(operator.root.unlock_bucket_policy(replace(inside)).await).unwrap();
    assert_eq!(again.result(), PolicyResult::NothingToDo);
}

#[tokio::test]
async fn more_exposure_must_be_accepted_by_the_caller_and_allowed_by_policy() {
    let world = World::start().await;
    let public = policy(&[
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::payments-ledger/*"}"#,
    ]);
    let request = pb::UnlockBucketPolicyRequest {
        replacement_policy: public.clone(),
        accept_exposure: Exposure::Public.into(),
        ..with_mode(UnlockMode::ReplacePolicy)
    };
    let result = answer(world.as_caller(OPERATOR).await.root.unlock_bucket_policy(request).await);
    refused(result, Code::PermissionDenied, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_queue_is_unlocked_the_same_way() {
    let world = World::start().await;
    let keep = r#"{"Sid":"Send","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:333333333333:payments-events"}"#;
    let lock = r#"{"Sid":"Lock","Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:333333333333:payments-events"}"#;
    let name = "payments-events";
    world.aws.edit(|aws| aws.queue_mut(PAYMENTS, "eu-west-1", name).unwrap().policy = Some(policy(&[lock, keep])));
    let mode = UnlockMode::RemoveLockingStatements.into();
    let request = pb::UnlockQueuePolicyRequest { mode, ..unlock_queue(PAYMENTS, QUEUE) };
    let done = answer(world.as_caller(OPERATOR).await.root.unlock_queue_policy(request).await).unwrap();
    assert_eq!((done.result(), done.verification()), (PolicyResult::StatementsRemoved, Verification::Verified));
    assert_eq!(
        world.aws.edit(|aws| aws.queue_mut(PAYMENTS, "eu-west-1", name).unwrap().policy.clone()),
        Some(policy(&[keep]))
    );
}

#[tokio::test]
async fn a_policy_that_is_not_understood_keeps_every_statement_unless_it_is_deleted() {
    let world = World::start().await;
    let twice = r#"{"Version":"2012-10-17","Statement":[],"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger"}]}"#;
    world.set_policy(twice);
    let mut operator = world.as_caller(OPERATOR).await;
    let result = answer(operator.root.unlock_bucket_policy(with_mode(UnlockMode::Unspecified)).await);
    let refusal = refused(result, Code::FailedPrecondition, "POLICY_NOT_UNDERSTOOD");
    assert!(refusal.status.message().contains("DELETE_POLICY"), "{}", refusal.status.message());
    assert_eq!(world.policy().as_deref(), Some(twice));
    let done = answer(operator.root.unlock_bucket_policy(with_mode(UnlockMode::DeletePolicy)).await).unwrap();
    assert_eq!((done.previous_policy.as_str(), world.policy()), (twice, None));
}
