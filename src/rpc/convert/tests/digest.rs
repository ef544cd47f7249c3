//! Whatever a caller can say in a request that changes something is in the digest of the operation.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::*;
use crate::authz::{Ask, OperationDigest};

/// How the request is handled, and not what is done.
const NOT_OF_THE_ACT: [&str; 3] = ["request_id", "validate_only", "approval_id"];

fn digest_of<O: Ask>(parsed: Result<O, Error>) -> OperationDigest {
    OperationDigest::of(&parsed.unwrap_or_else(|error| panic!("{error}")))
}

/// The fields of a message as the proto has them.
fn fields_of(message: &str) -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let messages = set.file.into_iter().flat_map(|file| file.message_type);
    let found = messages.into_iter().find(|found| found.name() == message).expect("a message of the proto");
    found.field.iter().map(|field| field.name().to_owned()).collect()
}

/// One change for each field that says what is done; each gives another digest, and none of the fields is missing.
macro_rules! each_field_counts {
    ($message:ident, $parse:expr, $good:expr, {$($field:ident: $change:expr,)*}) => {{
        let good: pb::$message = $good;
        let mut seen = vec![digest_of($parse(&good))];
        $({
            let mut other = good.clone();
            let change: fn(&mut pb::$message) = $change;
            change(&mut other);
            assert_ne!(other.$field, good.$field, "nothing was changed");
            let digest = digest_of($parse(&other));
            assert!(!seen.contains(&digest), "{}: {}", stringify!($message), stringify!($field));
            seen.push(digest);
        })*
        let mut named: BTreeSet<String> = [$(stringify!($field)),*].map(ToOwned::to_owned).into();
        named.extend(NOT_OF_THE_ACT.map(ToOwned::to_owned));
        assert_eq!(named, fields_of(stringify!($message)));
        let mut handled = good.clone();
        (handled.request_id, handled.validate_only) = (REQUEST_ID.to_owned(), true);
        assert_eq!(seen[0], digest_of($parse(&handled)), "{}", stringify!($message));
    }};
}

const OTHER: &str = "444444444444";
const OTHER_REASON: &str = "Locked out by another change";
const OTHER_ID: &str = "0197f1a2-0000-7000-8000-000000000002";

#[test]
fn every_field_of_an_assume_root_is_in_its_digest() {
    each_field_counts!(AssumeRootRequest, |message| assume_root(message, durations()), assume_request(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        task_policy: |m| m.task_policy = pb::TaskPolicy::SqsUnlockQueuePolicy.into(),
        duration: |m| m.duration = Some(prost_types::Duration { seconds: 60, nanos: 0 }),
    });
}

#[test]
fn every_field_of_an_unlock_is_in_its_digest() {
    let cut = || pb::UnlockBucketPolicyRequest { mode: 0, ..bucket_request() };
    let listed = |statements| pb::UnlockBucketPolicyRequest {
        mode: pb::UnlockMode::RemoveListedStatements.into(),
        statements,
        ..bucket_request()
    };
    let replaced = |policy: &str| pb::UnlockBucketPolicyRequest {
        mode: pb::UnlockMode::ReplacePolicy.into(),
        replacement_policy: policy.to_owned(),
        ..bucket_request()
    };
    each_field_counts!(UnlockBucketPolicyRequest, unlock_bucket_policy, cut(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        bucket: |m| m.bucket = "other-bucket".to_owned(),
        region: |m| m.region = "eu-west-1".to_owned(),
        mode: |m| m.mode = pb::UnlockMode::DeletePolicy.into(),
        replacement_policy: |m| {
            (m.mode, m.replacement_policy) = (pb::UnlockMode::ReplacePolicy.into(), "{}".to_owned());
        },
        statements: |m| {
            (m.mode, m.statements) = (pb::UnlockMode::RemoveListedStatements.into(), vec![by_sid("A")]);
        },
        accept_exposure: |m| m.accept_exposure = pb::Exposure::Public.into(),
    });
    let of = |message| digest_of(unlock_bucket_policy(&message));
    assert_ne!(of(replaced("{}")), of(replaced("{ }")));
    let seen = |statements| pb::UnlockBucketPolicyRequest { etag: "1.ab.".to_owned(), ..listed(statements) };
    let (sid, pair) = (seen(vec![by_sid("0")]), seen(vec![by_sid("A"), by_sid("B")]));
    assert_ne!(of(sid), of(seen(vec![by_index(0)])), "a statement's name is not its place");
    assert_ne!(of(pair), of(seen(vec![by_sid("A\", \"B")])), "one strange name is not two");
}

#[test]
fn every_field_of_a_queues_unlock_is_in_its_digest() {
    let arn = |name: &str| format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}");
    let by_name = || pb::UnlockQueuePolicyRequest {
        queue_arn: String::new(),
        queue_name: "events".to_owned(),
        region: "eu-west-1".to_owned(),
        mode: 0,
        ..queue_request()
    };
    let one_queue = pb::UnlockQueuePolicyRequest { queue_arn: arn("events"), mode: 0, ..queue_request() };
    let digest = digest_of(unlock_queue_policy(&one_queue));
    assert_eq!(digest, digest_of(unlock_queue_policy(&by_name())), "one queue is one target, however it is named");
    each_field_counts!(UnlockQueuePolicyRequest, unlock_queue_policy, by_name(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        queue_name: |m| m.queue_name = "jobs".to_owned(),
        region: |m| m.region = "eu-west-2".to_owned(),
        queue_arn: |m| {
            (m.queue_name, m.region) = Default::default();
            m.queue_arn = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:by-arn");
        },
        queue_url: |m| {
            (m.queue_name, m.region) = Default::default();
            m.queue_url = format!("https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/by-url");
        },
        mode: |m| m.mode = pb::UnlockMode::DeletePolicy.into(),
        replacement_policy: |m| {
            (m.mode, m.replacement_policy) = (pb::UnlockMode::ReplacePolicy.into(), "{}".to_owned());
        },
        statements: |m| {
            (m.mode, m.statements) = (pb::UnlockMode::RemoveListedStatements.into(), vec![by_sid("A")]);
        },
        accept_exposure: |m| m.accept_exposure = pb::Exposure::Public.into(),
    });
}

#[test]
fn every_field_of_a_restore_is_in_its_digest() {
    each_field_counts!(RestoreBucketPolicyRequest, restore_bucket_policy, restore_request(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        bucket: |m| m.bucket = "other-bucket".to_owned(),
        region: |m| m.region = "eu-west-1".to_owned(),
        backup_id: |m| m.backup_id = OTHER_ID.to_owned(),
        accept_lockout: |m| m.accept_lockout = true,
        accept_exposure: |m| m.accept_exposure = pb::Exposure::Public.into(),
    });
    each_field_counts!(RestoreQueuePolicyRequest, restore_queue_policy, restore_queue_request(), {
        account_id: |m| {
            m.account_id = OTHER.to_owned();
            m.queue_arn = format!("arn:aws:sqs:eu-west-1:{OTHER}:events");
        },
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        queue_arn: |m| m.queue_arn = format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs"),
        backup_id: |m| m.backup_id = OTHER_ID.to_owned(),
        accept_lockout: |m| m.accept_lockout = true,
        accept_exposure: |m| m.accept_exposure = pb::Exposure::Public.into(),
    });
}

#[test]
fn every_field_about_credentials_is_in_the_digest() {
    each_field_counts!(DeleteRootCredentialsRequest, delete_root_credentials, delete_request(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
        credential_kinds: |m| m.credential_kinds = vec![pb::CredentialKind::MfaDevice.into()],
    });
    each_field_counts!(AllowPasswordRecoveryRequest, allow_password_recovery, recovery_request(), {
        account_id: |m| m.account_id = OTHER.to_owned(),
        reason: |m| m.reason = OTHER_REASON.to_owned(),
        ticket: |m| m.ticket = "SEC-1".to_owned(),
        etag: |m| m.etag = "1.ab.".to_owned(),
    });
}

/// A new message with a `request_id` has to come into this file.
#[test]
fn the_messages_of_this_file_are_all_that_carry_a_request_id() {
    let set = FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap();
    let own = set.file.into_iter().filter(|file| file.package() == "rootgate.v1").flat_map(|file| file.message_type);
    let carries = |message: &prost_types::DescriptorProto| {
        message.name().ends_with("Request") && message.field.iter().any(|field| field.name() == "request_id")
    };
    let names: BTreeSet<String> = own.filter(carries).map(|message| message.name().to_owned()).collect();
    let known = [
        "AllowPasswordRecoveryRequest",
        "AssumeRootRequest",
        "DeleteRootCredentialsRequest",
        "RestoreBucketPolicyRequest",
        "RestoreQueuePolicyRequest",
        "UnlockBucketPolicyRequest",
        "UnlockQueuePolicyRequest",
    ];
    assert_eq!(names, known.map(ToOwned::to_owned).into());
}
