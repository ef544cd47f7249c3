use std::time::{Duration, Instant};

use aws_root_simulator::{Fault, critical_path};
use serde_json::json;

use crate::client::{Client, Outgoing};
use crate::{PAYMENTS, simulator};

const DELETE: &str = "/payments-ledger?policy";
/// Long enough for calls sent at once to be under way at once, on a busy machine too.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_dropped_connection_did_nothing_and_a_lost_reply_did() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let policy = || simulator.edit(|world| world.bucket("payments-ledger").unwrap().1.policy.clone());
    simulator.inject(Fault::on("s3", "DeleteBucketPolicy").drop_connection());
    assert!(session.send(&Outgoing::new("s3", "DELETE", DELETE)).await.is_none());
    assert!(policy().is_some());
    simulator.inject(Fault::on("s3", "DeleteBucketPolicy").lose_reply());
    assert!(session.send(&Outgoing::new("s3", "DELETE", DELETE)).await.is_none());
    assert!(policy().is_none());
    let calls = simulator.calls();
    let lost: Vec<(u16, bool)> =
        calls.iter().filter(|call| call.mutating).map(|call| (call.status, call.delivered)).collect();
    assert_eq!(lost, [(0, false), (204, false)]);
    assert_eq!(session.s3("DELETE", DELETE).await.status, 204);
}

#[tokio::test]
async fn throttles_speak_each_services_language() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    simulator.inject(Fault::on("*", "*").throttle().times(5));
    assert_eq!(admin.query("sts", "GetCallerIdentity", &[]).await.refusal(), (400, "Throttling".into()));
    assert_eq!(admin.query("iam", "GetUser", &[]).await.refusal(), (400, "Throttling".into()));
    assert_eq!(admin.s3("GET", "/").await.refusal(), (503, "SlowDown".into()));
    assert_eq!(admin.sqs("ListQueues", json!({})).await.header("x-amzn-query-error"), "RequestThrottled;Sender");
    assert_eq!(admin.organizations("ListRoots", json!({})).await.refusal(), (400, "TooManyRequestsException".into()));
    assert_eq!(admin.s3("GET", "/").await.status, 200);
}

#[tokio::test]
async fn failures_come_when_and_as_often_as_asked() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    simulator.inject(Fault::on("s3", "ListBuckets").status(503).after(1).times(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(admin.s3("GET", "/").await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    simulator.inject(Fault::on("iam", "GetUser").html_500());
    let page = admin.query("iam", "GetUser", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (500, "text/html"));
    simulator.inject(Fault::on("sts", "*").error(418, "Odd", "so <odd>"));
    assert_eq!(admin.query("sts", "GetCallerIdentity", &[]).await.refusal(), (418, "Odd".into()));
    simulator.inject(Fault::on("sts", "*").throttle());
    simulator.clear_faults();
    assert_eq!(admin.query("sts", "GetCallerIdentity", &[]).await.status, 200);
}

#[tokio::test]
async fn latency_is_waited_for_and_calls_without_a_good_signature_use_up_no_fault() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    simulator.inject(Fault::on("sts", "GetCallerIdentity").latency(Duration::from_millis(80)));
    let mut nobody = admin.clone();
    nobody.credentials = aws_credential_types::Credentials::new("AKIANOBODYNOBODYNOBO", "x", None, None, "test");
    assert_eq!(nobody.query("sts", "GetCallerIdentity", &[]).await.status, 403);
    let start = Instant::now();
    assert_eq!(admin.query("sts", "GetCallerIdentity", &[]).await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn calls_are_numbered_by_when_they_came_and_when_they_were_answered() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let who = || admin.query("sts", "GetCallerIdentity", &[]);
    who().await;
    who().await;
    assert_eq!(critical_path(&simulator.calls()), 2);
    simulator.clear_calls();
    // Held before they are carried out, or before they are answered: under way together all the same.
    for fault in [Fault::on("sts", "*").latency(MOMENT), Fault::on("sts", "*").reply_latency(MOMENT)] {
        simulator.inject(fault.times(3));
        tokio::join!(who(), who(), who());
    }
    who().await;
    let calls = simulator.calls();
    assert_eq!((calls.len(), critical_path(&calls)), (7, 3), "{calls:?}");
    assert!(calls.iter().all(|call| call.ended.is_some_and(|ended| ended > call.started)), "{calls:?}");
    simulator.inject(Fault::on("sts", "*").drop_connection());
    assert!(admin.send(&Outgoing::new("sts", "POST", "/?Action=GetCallerIdentity&Version=2011-06-15")).await.is_none());
    assert!(simulator.calls().last().unwrap().ended.is_some());
}

#[tokio::test]
async fn a_call_has_no_end_while_its_answer_is_held_back() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let mut news = simulator.subscribe();
    simulator.inject(Fault::on("sts", "*").reply_latency(MOMENT));
    let (_, logged) = tokio::join!(admin.query("sts", "GetCallerIdentity", &[]), news.recv());
    assert_eq!(logged.unwrap().ended, None);
    assert!(simulator.calls().last().unwrap().ended.is_some());
}

#[tokio::test]
async fn a_session_can_end_between_two_calls() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let session = gateway.assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let other = gateway.assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    simulator.inject(Fault::on("s3", "DeleteBucketPolicy").expire_session());
    assert_eq!(session.s3("GET", DELETE).await.status, 200);
    assert_eq!(session.s3("DELETE", DELETE).await.refusal(), (400, "ExpiredToken".into()));
    assert_eq!(session.s3("GET", DELETE).await.refusal(), (400, "ExpiredToken".into()), "for good");
    assert_eq!(other.s3("GET", DELETE).await.status, 200, "no other session, and nothing was done");
}
