//! The journal against what CloudTrail logged: whoever opened a root session beside the gateway is found.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use aws_root_simulator::Fault;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rootgate::{
    clock::Timestamp,
    journal::command::{JournalCommand, ReconcileArguments, run},
    pb::{self, CredentialKind, TaskPolicy, journal_service_client::JournalServiceClient},
};
use serde_json::{Value, json};

use crate::{
    broker::{assume_root, sts},
    harness::{OPERATOR, PAYMENTS, REASON, Setup, World, credentials, static_key},
};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:333333333333:payments-events";

/// Acts of every kind, one of them refused by AWS.
async fn busy() -> World {
    act(World::start().await).await
}

async fn act(world: World) -> World {
    let mut operator = world.as_caller(OPERATOR).await;
    operator.audit(PAYMENTS).await.unwrap();
    operator.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    operator.unlock_queue(PAYMENTS, QUEUE).await.unwrap();
    operator.delete(PAYMENTS, &[CredentialKind::AccessKey]).await.unwrap();
    world.aws.inject(Fault::on("sts", "AssumeRoot").error(403, "AccessDenied", "no"));
    operator.audit(PAYMENTS).await.unwrap_err();
    operator.audit(PAYMENTS).await.unwrap();
    // Acts on the journal itself, which are about no account, and nothing on AWS.
    let mut journal = JournalServiceClient::new(operator.channel.clone());
    let reason = REASON.to_owned();
    journal.list_records(pb::ListRecordsRequest { reason: reason.clone(), ..Default::default() }).await.unwrap();
    journal.get_checkpoint(pb::GetCheckpointRequest { reason, ..Default::default() }).await.unwrap_err();
    world
}

fn delivered(world: &World) -> PathBuf {
    let folder = world.folder.path().join("trail");
    world.aws.write_cloudtrail(&folder).unwrap();
    folder
}

fn arguments(world: &World, logs: &Path) -> ReconcileArguments {
    ReconcileArguments {
        journal: (&world.journal_path()).into(),
        cloudtrail: vec![logs.to_owned()],
        // The first event can be logged a second after its act began.
        since: Some(Timestamp::from_unix(0, 0)),
        until: None,
        account: None,
        gateway_account: Vec::new(),
        grace: std::time::Duration::ZERO,
        no_verify: false,
        json: true,
    }
}

/// The exit code, the findings and the summary.
async fn reconciled(arguments: ReconcileArguments) -> (ExitCode, Vec<Value>, Value) {
    let mut out = Vec::new();
    let code = run(JournalCommand::Reconcile(arguments), &mut out).await.unwrap();
    let mut lines: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = lines.pop().unwrap()["summary"].take();
    (code, lines, summary)
}

/// Takes the records that match out of the delivered files, and says how many there were.
fn remove(folder: &Path, matches: &dyn Fn(&Value) -> bool) -> usize {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            removed += remove(&path, matches);
            continue;
        }
        let mut text = String::new();
        GzDecoder::new(File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        let mut log: Value = serde_json::from_str(&text).unwrap();
        let records = log["Records"].as_array_mut().unwrap();
        let before = records.len();
        records.retain(|record| !matches(record));
        removed += before - records.len();
        let mut file = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        file.write_all(log.to_string().as_bytes()).unwrap();
        file.finish().unwrap();
    }
    removed
}

fn names(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["finding"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_the_gateway_did_is_what_cloudtrail_knows() {
    let world = busy().await;
    let (code, findings, summary) = reconciled(arguments(&world, &delivered(&world))).await;
    assert_eq!((code, findings.as_slice()), (ExitCode::SUCCESS, &[][..]), "{summary}");
    let requests = world.aws.calls().iter().filter(|call| call.action == "AssumeRoot").count();
    assert_eq!(summary["requests_matched"], requests);
    assert_eq!((&summary["verified"], &summary["gateway_accounts"]), (&json!(true), &json!(["222222222222"])));
    let in_sessions = |record: &&Value| record["userIdentity"]["sessionContext"]["assumedRoot"] == "true";
    let in_sessions = world.aws.cloudtrail_records().iter().filter(in_sessions).count();
    assert_eq!(summary["calls_matched"], in_sessions);
    assert!(in_sessions > 8, "{in_sessions}");
    assert_eq!((&summary["acts_too_new"], &summary["acts_not_covered"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_root_session_that_did_not_pass_through_the_gateway_is_the_one_finding() {
    let world = busy().await;
    let management = sts(&world.aws, credentials(&world.aws, "org-admin"));
    assume_root(&management, PAYMENTS, "S3UnlockBucketPolicy").await.unwrap();
    let (code, findings, _) = reconciled(arguments(&world, &delivered(&world))).await;
    assert_eq!((code, names(&findings)), (ExitCode::FAILURE, vec!["ASSUME_ROOT_OUTSIDE_GATEWAY"]));
    let event = &findings[0]["event"];
    assert_eq!(event["caller_arn"], "arn:aws:iam::111111111111:user/org-admin");
    assert_eq!((&event["target_account_id"], &event["log_account_id"]), (&json!(PAYMENTS), &json!("111111111111")));
    assert_eq!(event["request_id"], world.aws.calls().last().unwrap().request_id);
    assert_eq!(findings[0]["possible_operation_id"], Value::Null);
}

#[tokio::test]
async fn an_attempt_beside_the_gateway_is_found_although_aws_refused_it() {
    let world = busy().await;
    let admin = sts(&world.aws, credentials(&world.aws, "payments-admin"));
    assert_eq!(assume_root(&admin, PAYMENTS, "S3UnlockBucketPolicy").await.unwrap_err(), "AccessDenied");
    let (_, findings, _) = reconciled(arguments(&world, &delivered(&world))).await;
    assert_eq!(names(&findings), ["ASSUME_ROOT_OUTSIDE_GATEWAY"]);
    assert_eq!(findings[0]["event"]["error_code"], "AccessDenied");
}

#[tokio::test]
async fn an_event_that_was_taken_out_of_the_logs_is_missed() {
    let world = busy().await;
    let logs = delivered(&world);
    let calls = world.aws.calls();
    let request = |action: &str| calls.iter().find(|call| call.action == action).unwrap().request_id.clone();
    for (id, operation, act) in [
        (request("AssumeRoot"), "AssumeRoot", "AuditRootCredentials"),
        (request("DeleteBucketPolicy"), "DeleteBucketPolicy", "UnlockBucketPolicy"),
    ] {
        assert_eq!(remove(&logs, &|record| record["requestID"] == *id), 1);
        let (code, findings, _) = reconciled(arguments(&world, &logs)).await;
        assert_eq!((code, names(&findings)), (ExitCode::FAILURE, vec!["NOT_IN_CLOUDTRAIL"]));
        assert_eq!((&findings[0]["operation"], &findings[0]["account_id"]), (&json!(act), &json!(PAYMENTS)));
        assert_eq!(
            findings[0]["calls"],
            json!([{
                "service": if operation == "AssumeRoot" { "sts" } else { "s3" },
                "operation": operation,
                "request_id": id,
            }])
        );
        world.aws.write_cloudtrail(&logs).unwrap();
    }
}

#[tokio::test]
async fn logs_end_before_the_newest_acts_and_do_not_cover_every_account() {
    let world = busy().await;
    let logs = delivered(&world);
    let late = ReconcileArguments { grace: std::time::Duration::from_secs(1800), ..arguments(&world, &logs) };
    let of_gateway = logs.join("AWSLogs/o-exampleorg1/222222222222");
    let of_member = logs.join("AWSLogs/o-exampleorg1/333333333333");
    // Without the logs of the member account nothing is known of what was done there.
    let (code, findings, summary) = reconciled(arguments(&world, &of_gateway)).await;
    assert_eq!((code, findings.as_slice()), (ExitCode::SUCCESS, &[][..]));
    assert_eq!((&summary["calls_matched"], &summary["acts_not_covered"]), (&json!(0), &json!(5)));
    // Without those of the gateway's account all of its sessions are missed, unless it is said whose they are.
    let (_, findings, summary) = reconciled(arguments(&world, &of_member)).await;
    assert_eq!((names(&findings), &summary["gateway_accounts"]), (vec!["NOT_IN_CLOUDTRAIL"; 5], &json!([])));
    let member =
        ReconcileArguments { gateway_account: vec!["222222222222".parse().unwrap()], ..arguments(&world, &of_member) };
    let (code, _, summary) = reconciled(member).await;
    assert_eq!((code, &summary["acts_not_covered"]), (ExitCode::SUCCESS, &json!(5)));
    // Everything happened within the grace.
    remove(&logs, &|record| record["eventName"] == "AssumeRoot");
    let (code, _, summary) = reconciled(late).await;
    assert_eq!((code, &summary["acts_too_new"]), (ExitCode::SUCCESS, &json!(5)));
}

#[tokio::test]
async fn credentials_that_were_handed_out_may_be_used_and_others_may_not() {
    let world = World::start().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let issued = operator.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap().credentials.unwrap();
    let secret = aws_credential_types::Credentials::new(
        issued.access_key_id,
        issued.secret_access_key,
        Some(issued.session_token),
        None,
        "test",
    );
    sts(&world.aws, secret).get_caller_identity().send().await.unwrap();
    // The root user's own key is no session.
    let key = world.aws.edit(|aws| {
        let root = &mut aws.account_mut(PAYMENTS).unwrap().root;
        root.access_keys[0].secret_access_key = Some("x".repeat(40));
        root.access_keys[0].credentials().unwrap()
    });
    sts(&world.aws, static_key(key)).get_caller_identity().send().await.unwrap();
    let (code, findings, summary) = reconciled(arguments(&world, &delivered(&world))).await;
    assert_eq!((code, findings.as_slice()), (ExitCode::SUCCESS, &[][..]));
    assert_eq!((&summary["calls_handed_out"], &summary["root_user_events"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn the_session_of_a_lost_answer_is_found_and_its_operation_named() {
    let world =
        World::start_with(Setup::default().with("aws.broker", "role = \"arn:aws:iam::222222222222:role/broker\""))
            .await;
    world.aws.inject(Fault::on("sts", "AssumeRoot").lose_reply());
    let mut operator = world.as_caller(OPERATOR).await;
    operator.assume_root(PAYMENTS, TaskPolicy::S3UnlockBucketPolicy).await.unwrap_err();
    operator.audit(PAYMENTS).await.unwrap();
    let (_, findings, _) = reconciled(arguments(&world, &delivered(&world))).await;
    assert_eq!(names(&findings), ["ASSUME_ROOT_OUTSIDE_GATEWAY"]);
    let intent = world.records().await.into_iter().find(|record| record.event() == "Intent").unwrap();
    assert_eq!(findings[0]["possible_operation_id"], intent.text("operation_id"));
    assert_eq!(findings[0]["event"]["source_identity"], "spiffe---example.org-ops-alice-03fcf1a0749ae80b");
}

#[tokio::test]
async fn a_call_in_the_gateways_session_that_it_did_not_make_is_found() {
    let world = busy().await;
    let logs = delivered(&world);
    // Somebody else's call, as CloudTrail would show it.
    let mut stray =
        world.aws.cloudtrail_records().into_iter().find(|one| one["eventName"] == "DeleteAccessKey").unwrap();
    stray["requestID"] = json!("another");
    stray["eventID"] = json!("11111111-2222-3333-4444-555555555555");
    std::fs::write(logs.join("more.json"), json!({ "Records": [stray] }).to_string()).unwrap();
    let (code, findings, _) = reconciled(arguments(&world, &logs)).await;
    assert_eq!((code, names(&findings)), (ExitCode::FAILURE, vec!["CALL_NOT_IN_JOURNAL"]));
    assert_eq!(findings[0]["operation"], "DeleteRootCredentials");
    // The same session under a key that no outcome names.
    stray["userIdentity"]["accessKeyId"] = json!("ASIANOBODYKNOWSTHISONE");
    std::fs::write(logs.join("more.json"), json!({ "Records": [stray] }).to_string()).unwrap();
    let (_, findings, _) = reconciled(arguments(&world, &logs)).await;
    assert_eq!(names(&findings), ["SESSION_NOT_IN_JOURNAL"]);
    assert_eq!((&findings[0]["account_id"], &findings[0]["assumed_root"]), (&json!(PAYMENTS), &json!(true)));
}

#[tokio::test]
async fn people_read_the_same_and_secrets_stay_out() {
    let world = busy().await;
    let management = sts(&world.aws, credentials(&world.aws, "org-admin"));
    assume_root(&management, PAYMENTS, "S3UnlockBucketPolicy").await.unwrap();
    let mut out = Vec::new();
    let human = ReconcileArguments { json: false, ..arguments(&world, &delivered(&world)) };
    assert_eq!(run(JournalCommand::Reconcile(human), &mut out).await.unwrap(), ExitCode::FAILURE);
    let text = anstream::adapter::strip_bytes(&out).into_vec();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("not through the gateway: AssumeRoot on 333333333333\n    time 20"), "{text}");
    assert!(text.contains("\n    caller arn:aws:iam::111111111111:user/org-admin\n"), "{text}");
    assert!(text.contains("\nNOT reconciled: 1 findings, 0 problems; 6 requests for root sessions and "), "{text}");
    assert!(text.contains(" accounts in eu-west-1 us-east-1\n"), "{text}");
    for secret in world.aws.issued_secrets() {
        assert!(!text.contains(&secret));
    }
}
