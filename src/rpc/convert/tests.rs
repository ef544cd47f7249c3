use super::*;

const ACCOUNT: &str = "333333333333";
const REASON: &str = "Locked out by a policy change";

fn bucket_request() -> pb::UnlockBucketPolicyRequest {
    pb::UnlockBucketPolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        bucket: "payments-ledger".to_owned(),
        mode: pb::UnlockMode::DeletePolicy.into(),
        ..Default::default()
    }
}

fn queue_request() -> pb::UnlockQueuePolicyRequest {
    pb::UnlockQueuePolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:events"),
        mode: pb::UnlockMode::DeletePolicy.into(),
        ..Default::default()
    }
}

fn assume_request() -> pb::AssumeRootRequest {
    pb::AssumeRootRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        task_policy: pb::TaskPolicy::S3UnlockBucketPolicy.into(),
        ..Default::default()
    }
}

fn durations() -> SessionDurations {
    let of = |seconds| Duration::from_secs(seconds).try_into().unwrap();
    SessionDurations { default: of(300), max: of(600) }
}

/// The fields that a message breaks rules in.
fn violated<T>(result: Result<T, Error>) -> Vec<String> {
    let error = result.err().expect("the message is refused");
    assert_eq!(error.reason(), ErrorReason::InvalidRequest, "{error}");
    error.violations().iter().map(|violation| violation.field.clone()).collect()
}

fn not_served<T>(result: Result<T, Error>) -> String {
    let error = result.err().expect("the message is refused");
    assert_eq!(error.reason(), ErrorReason::NotServed, "{error}");
    error.to_string()
}

#[test]
fn well_formed_messages_become_operations() {
    assert_eq!(unlock_bucket_policy(&bucket_request()).unwrap().bucket.as_str(), "payments-ledger");
    assert_eq!(unlock_queue_policy(&queue_request()).unwrap().queue.name.as_str(), "events");
    assert_eq!(assume_root(&assume_request(), durations()).unwrap().duration.seconds(), 300);
}

#[test]
fn every_broken_rule_is_named_at_once() {
    let message = pb::UnlockBucketPolicyRequest {
        account_id: "12".to_owned(),
        reason: ".".to_owned(),
        ticket: "a b".to_owned(),
        bucket: "arn:aws:s3:::x".to_owned(),
        region: "aws-global".to_owned(),
        mode: 77,
        ..Default::default()
    };
    let mut fields = violated(unlock_bucket_policy(&message));
    fields.sort();
    assert_eq!(fields, ["account_id", "bucket", "mode", "reason", "region", "ticket"]);
}

#[test]
fn what_is_not_served_is_refused_never_ignored() {
    let with = |change: fn(&mut pb::UnlockBucketPolicyRequest)| {
        let mut message = bucket_request();
        change(&mut message);
        not_served(unlock_bucket_policy(&message))
    };
    assert!(with(|m| m.request_id = "x".to_owned()).contains("request_id"));
    assert!(with(|m| m.validate_only = true).contains("validate_only"));
    assert!(with(|m| m.etag = "x".to_owned()).contains("etag"));
    assert!(with(|m| m.approval_id = "x".to_owned()).contains("approval_id"));
    assert!(with(|m| m.mode = pb::UnlockMode::ReplacePolicy.into()).contains("REPLACE_POLICY"));
}

#[test]
fn an_omitted_mode_never_deletes() {
    let message = pb::UnlockBucketPolicyRequest { mode: 0, ..bucket_request() };
    assert!(not_served(unlock_bucket_policy(&message)).contains("UNLOCK_MODE_DELETE_POLICY"));
    let message = pb::UnlockQueuePolicyRequest { mode: 0, ..queue_request() };
    assert!(not_served(unlock_queue_policy(&message)).contains("UNLOCK_MODE_DELETE_POLICY"));
}

#[test]
fn a_queue_is_named_in_exactly_one_way() {
    let none = pb::UnlockQueuePolicyRequest { queue_arn: String::new(), ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&none)), ["queue_arn"]);
    let two = pb::UnlockQueuePolicyRequest { queue_name: "events".to_owned(), ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&two)), ["queue_arn"]);
    let name_without_region =
        pb::UnlockQueuePolicyRequest { queue_arn: String::new(), queue_name: "events".to_owned(), ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&name_without_region)), ["region"]);
    let by_name = pb::UnlockQueuePolicyRequest { region: "eu-west-1".to_owned(), ..name_without_region };
    assert_eq!(unlock_queue_policy(&by_name).unwrap().queue, unlock_queue_policy(&queue_request()).unwrap().queue);
}

#[test]
fn a_queue_of_another_account_is_refused() {
    let arn = "arn:aws:sqs:eu-west-1:444444444444:events".to_owned();
    let other = pb::UnlockQueuePolicyRequest { queue_arn: arn, ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&other)), ["queue_arn"]);
    let url = "https://sqs.eu-west-1.amazonaws.com/444444444444/events".to_owned();
    let other = pb::UnlockQueuePolicyRequest { queue_arn: String::new(), queue_url: url, ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&other)), ["queue_url"]);
}

#[test]
fn durations_outside_of_aws_or_the_cap_are_refused() {
    let with = |seconds, nanos| {
        let duration = Some(prost_types::Duration { seconds, nanos });
        assume_root(&pb::AssumeRootRequest { duration, ..assume_request() }, durations())
    };
    for (seconds, nanos) in [(901, 0), (-1, 0), (0, 0), (1, 5), (0, -1), (i64::MAX, 0), (i64::MIN, 0), (601, 0)] {
        assert_eq!(violated(with(seconds, nanos)), ["duration"], "{seconds} {nanos}");
    }
    assert_eq!(with(600, 0).unwrap().duration.seconds(), 600);
}

#[test]
fn unknown_enum_values_are_refused() {
    for number in [0, 6, -1, i32::MAX] {
        let message = pb::AssumeRootRequest { task_policy: number, ..assume_request() };
        assert_eq!(violated(assume_root(&message, durations())), ["task_policy"], "{number}");
    }
}

#[test]
fn credential_kinds_are_said() {
    let with = |kinds: Vec<i32>| {
        delete_root_credentials(&pb::DeleteRootCredentialsRequest {
            account_id: ACCOUNT.to_owned(),
            reason: REASON.to_owned(),
            credential_kinds: kinds,
            ..Default::default()
        })
    };
    assert_eq!(with(vec![1]).unwrap().kinds.len(), 4);
    assert_eq!(with(vec![3, 3, 5]).unwrap().kinds, [CredentialKind::AccessKey, CredentialKind::MfaDevice].into());
    for bad in [vec![], vec![0], vec![1, 3], vec![99], vec![3, -7]] {
        assert_eq!(violated(with(bad.clone())), ["credential_kinds"], "{bad:?}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_message_makes_the_parser_panic(
            account_id in "\\PC{0,20}", reason in "\\PC{0,40}", ticket in "\\PC{0,20}",
            arn in "\\PC{0,60}", url in "\\PC{0,60}", name in "\\PC{0,20}", region in "\\PC{0,20}", mode in any::<i32>(),
        ) {
            let message = pb::UnlockQueuePolicyRequest {
                account_id, reason, ticket, queue_arn: arn, queue_url: url, queue_name: name, region, mode,
                ..Default::default()
            };
            let _ = unlock_queue_policy(&message);
        }
    }
}
