use super::*;
use crate::{
    lockout::Pick,
    ops::{BackupQuery, UnlockMode},
};

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
    assert!(with(|m| m.approval_id = "x".to_owned()).contains("approval_id"));
}

#[test]
fn an_omitted_mode_removes_only_what_locks() {
    let message = pb::UnlockBucketPolicyRequest { mode: 0, ..bucket_request() };
    assert_eq!(unlock_bucket_policy(&message).unwrap().mode, UnlockMode::RemoveLockingStatements);
    let message = pb::UnlockQueuePolicyRequest { mode: 0, ..queue_request() };
    assert_eq!(unlock_queue_policy(&message).unwrap().mode, UnlockMode::RemoveLockingStatements);
}

#[test]
fn what_belongs_to_another_mode_is_refused_never_ignored() {
    let replacement = pb::UnlockBucketPolicyRequest { replacement_policy: "{}".to_owned(), ..bucket_request() };
    assert_eq!(violated(unlock_bucket_policy(&replacement)), ["replacement_policy"]);
    let exposure = pb::UnlockBucketPolicyRequest { accept_exposure: 3, ..bucket_request() };
    assert_eq!(violated(unlock_bucket_policy(&exposure)), ["accept_exposure"], "a deletion leaves nothing to expose");
    let cut = pb::UnlockBucketPolicyRequest { mode: 0, ..exposure };
    assert_eq!(unlock_bucket_policy(&cut).unwrap().accept_exposure, Exposure::Public);
    let listed = pb::UnlockQueuePolicyRequest { statements: vec![by_sid("A")], ..queue_request() };
    assert_eq!(violated(unlock_queue_policy(&listed)), ["statements"]);
}

#[test]
fn a_replacement_is_a_json_object_of_the_size_that_aws_takes() {
    let with = |text: &str| {
        let (mode, replacement_policy) = (pb::UnlockMode::ReplacePolicy.into(), text.to_owned());
        unlock_bucket_policy(&pb::UnlockBucketPolicyRequest { mode, replacement_policy, ..bucket_request() })
    };
    assert!(with("{\"Statement\":[]}").is_ok());
    let large = format!("{{\"Id\":\"{}\"}}", "x".repeat(20 * 1024));
    for bad in ["", "[]", " {}", "{", "null", &large] {
        assert_eq!(violated(with(bad)), ["replacement_policy"], "{bad:.10}");
    }
}

fn by_sid(sid: &str) -> pb::StatementSelector {
    pb::StatementSelector { selector: Some(pb::statement_selector::Selector::Sid(sid.to_owned())) }
}

fn by_index(index: i32) -> pb::StatementSelector {
    pb::StatementSelector { selector: Some(pb::statement_selector::Selector::Index(index)) }
}

#[test]
fn listed_statements_are_named_one_by_one_and_an_index_only_where_it_means_something() {
    let with = |statements: Vec<pb::StatementSelector>| pb::UnlockBucketPolicyRequest {
        mode: pb::UnlockMode::RemoveListedStatements.into(),
        statements,
        ..bucket_request()
    };
    let mode = unlock_bucket_policy(&with(vec![by_sid("A")])).unwrap().mode;
    assert_eq!(mode, UnlockMode::RemoveListedStatements(vec![Pick::Sid("A".to_owned())]));
    let nothing = pb::StatementSelector { selector: None };
    for bad in [vec![], vec![nothing], vec![by_sid("")], vec![by_index(0)], vec![by_sid("A"); 101]] {
        assert_eq!(violated(unlock_bucket_policy(&with(bad.clone()))), ["statements"], "{bad:?}");
    }
    let seen = pb::UnlockBucketPolicyRequest { etag: "1.ab.".to_owned(), ..with(vec![by_index(0)]) };
    assert!(unlock_bucket_policy(&seen).is_ok());
    let look = pb::UnlockBucketPolicyRequest { validate_only: true, ..with(vec![by_index(0)]) };
    assert!(unlock_bucket_policy(&look).is_ok());
    let negative = pb::UnlockBucketPolicyRequest { validate_only: true, ..with(vec![by_index(-1)]) };
    assert_eq!(violated(unlock_bucket_policy(&negative)), ["statements"]);
}

#[test]
fn terms_are_taken_and_an_etag_is_one_of_ours() {
    let message = pb::UnlockBucketPolicyRequest { validate_only: true, etag: "1.ab.".to_owned(), ..bucket_request() };
    let terms = unlock_bucket_policy(&message).unwrap().terms;
    assert!(terms.validate_only && terms.etag.is_some() && terms.request_id.is_none());
    let bad = pb::UnlockBucketPolicyRequest { etag: "W/\"x\"".to_owned(), ..bucket_request() };
    assert_eq!(violated(unlock_bucket_policy(&bad)), ["etag"]);
}

const REQUEST_ID: &str = "5f0c6b3a-6f0e-4f5e-9a55-0d6a3c1b2e7f";

#[test]
fn a_request_id_is_a_canonical_uuid_in_every_request_that_changes_something() {
    macro_rules! take_it {
        ($($parse:expr, $message:expr;)*) => {$(
            let mut message = $message;
            message.request_id = REQUEST_ID.to_owned();
            let terms = $parse(&message).unwrap().terms;
            assert_eq!(terms.request_id.map(|id| id.to_string()).as_deref(), Some(REQUEST_ID));
            message.request_id = REQUEST_ID.to_uppercase();
            assert_eq!(violated($parse(&message)), ["request_id"]);
        )*};
    }
    take_it! {
        |message| assume_root(message, durations()), assume_request();
        unlock_bucket_policy, bucket_request();
        unlock_queue_policy, queue_request();
        restore_bucket_policy, restore_request();
        restore_queue_policy, restore_queue_request();
        delete_root_credentials, delete_request();
        allow_password_recovery, recovery_request();
    }
}

fn restore_queue_request() -> pb::RestoreQueuePolicyRequest {
    pb::RestoreQueuePolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:events"),
        backup_id: restore_request().backup_id,
        ..Default::default()
    }
}

fn delete_request() -> pb::DeleteRootCredentialsRequest {
    pb::DeleteRootCredentialsRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        credential_kinds: vec![pb::CredentialKind::AccessKey.into()],
        ..Default::default()
    }
}

fn recovery_request() -> pb::AllowPasswordRecoveryRequest {
    pb::AllowPasswordRecoveryRequest { account_id: ACCOUNT.to_owned(), reason: REASON.to_owned(), ..Default::default() }
}

fn restore_request() -> pb::RestoreBucketPolicyRequest {
    pb::RestoreBucketPolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        bucket: "payments-ledger".to_owned(),
        backup_id: "0197f1a2-0000-7000-8000-000000000001".to_owned(),
        ..Default::default()
    }
}

#[test]
fn a_restore_names_backup_and_bucket_and_accepts_nothing_by_default() {
    let restoration = restore_bucket_policy(&restore_request()).unwrap().restoration;
    assert_eq!((restoration.accept_lockout, restoration.accept_exposure), (false, Exposure::Organization));
    let bad = pb::RestoreBucketPolicyRequest {
        bucket: String::new(),
        backup_id: "17".to_owned(),
        accept_exposure: 9,
        ..restore_request()
    };
    let mut fields = violated(restore_bucket_policy(&bad));
    fields.sort();
    assert_eq!(fields, ["accept_exposure", "backup_id", "bucket"]);
    let foreign = pb::RestoreQueuePolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: "arn:aws:sqs:eu-west-1:444444444444:events".to_owned(),
        backup_id: restore_request().backup_id,
        ..Default::default()
    };
    assert_eq!(violated(restore_queue_policy(&foreign)), ["queue_arn"]);
}

fn list_request() -> pb::ListPolicyBackupsRequest {
    pb::ListPolicyBackupsRequest { account_id: ACCOUNT.to_owned(), reason: REASON.to_owned(), ..Default::default() }
}

#[test]
fn a_page_token_belongs_to_its_listing() {
    let list = list_policy_backups(&list_request()).unwrap();
    assert_eq!((list.page_size, list.before), (20, None));
    let query = |resource: Option<&str>| BackupQuery {
        account: ACCOUNT.parse().unwrap(),
        resource: resource.map(ToOwned::to_owned),
        before: None,
        limit: 21,
        include_policies: false,
    };
    let token = page_token(17, &query(None));
    let next = pb::ListPolicyBackupsRequest { page_token: token.clone(), ..list_request() };
    assert_eq!(list_policy_backups(&next).unwrap().before, Some(17));
    let of_bucket = page_token(17, &query(Some("arn:aws:s3:::payments-ledger")));
    let forged = token.replace("17-", "18-");
    for bad in [of_bucket.as_str(), &forged, "17", "-", "+17-x", &"9".repeat(300)] {
        let message = pb::ListPolicyBackupsRequest { page_token: bad.to_owned(), ..list_request() };
        assert_eq!(violated(list_policy_backups(&message)), ["page_token"], "{bad:.40}");
    }
    for size in [-1, 101, i32::MAX, i32::MIN] {
        let message = pb::ListPolicyBackupsRequest { page_size: size, ..list_request() };
        assert_eq!(violated(list_policy_backups(&message)), ["page_size"], "{size}");
    }
    let both = pb::ListPolicyBackupsRequest {
        bucket: "payments-ledger".to_owned(),
        queue_arn: format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:events"),
        ..list_request()
    };
    assert_eq!(violated(list_policy_backups(&both)), ["queue_arn"]);
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

mod digest;

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
