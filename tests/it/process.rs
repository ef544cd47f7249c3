//! The real binary as a process: start, kill, stop, and what it refuses to start with.

use std::{fs, time::Duration};

use aws_root_simulator::Fault;
use tonic::Code;

use crate::{
    harness::{PAYMENTS, Site, config_toml, records},
    limits::until,
};

#[tokio::test]
async fn kill_9_between_intent_and_outcome_loses_no_record_of_the_act() {
    let site = Site::new().await;
    let gateway = site.serve().await;
    let policy = site.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.clone()).unwrap();
    // The act is done on AWS, and its answer is on its way for long: the gateway cannot know the outcome yet.
    site.aws.inject(Fault::on("s3", "DeleteBucketPolicy").reply_latency(Duration::from_secs(60)));
    let mut operator = site.client(gateway.address).await;
    let call = tokio::spawn(async move { operator.unlock_bucket(PAYMENTS, "payments-ledger").await });
    until(|| site.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_none())).await;
    gateway.signal("-KILL");
    let (status, _) = gateway.ended().await;
    assert_eq!(status.code(), None, "it was killed");
    assert!(call.await.unwrap().is_err());

    let journal = site.path().join("journal.db");
    let before = records(&journal).await;
    let [.., intent, backup] = before.as_slice() else { panic!("{before:?}") };
    assert_eq!((intent.event(), backup.event()), ("Intent", "Backup"), "both were durable before the act");
    let kept = rootgate::journal::read_backup(&journal, backup.text("operation_id")).await.unwrap().unwrap();
    assert_eq!(kept.policy, policy, "the undo survives");

    site.aws.clear_faults();
    let gateway = site.serve().await;
    let after = records(&journal).await;
    let interrupted = after.iter().find(|record| record.event() == "Interrupted").expect("the intent is closed");
    assert_eq!(interrupted.number("intent_index"), intent.index);
    assert_eq!(interrupted.text("operation_id"), intent.text("operation_id"));
    let mut operator = site.client(gateway.address).await;
    operator.audit(PAYMENTS).await.unwrap();
    gateway.signal("-TERM");
    let (status, _) = gateway.ended().await;
    assert!(status.success());
    assert_eq!(records(&journal).await.iter().filter(|record| record.event() == "Interrupted").count(), 1);
}

#[tokio::test]
async fn sigterm_lets_what_is_in_flight_finish() {
    let site = Site::new().await;
    let gateway = site.serve().await;
    site.aws.inject(Fault::on("s3", "DeleteBucketPolicy").latency(Duration::from_millis(700)));
    let mut operator = site.client(gateway.address).await;
    let call = tokio::spawn(async move { operator.unlock_bucket(PAYMENTS, "payments-ledger").await });
    until(|| site.aws.calls().iter().any(|call| call.name() == "s3:GetBucketPolicy")).await;
    gateway.signal("-TERM");
    assert!(call.await.unwrap().unwrap().changed);
    let (status, log) = gateway.ended().await;
    assert!(status.success(), "{log}");
    let events: Vec<String> =
        records(&site.path().join("journal.db")).await.iter().map(|record| record.event().to_owned()).collect();
    assert_eq!(events, ["Started", "Intent", "Backup", "Outcome", "Stopped"]);
}

#[tokio::test]
async fn what_outlives_the_grace_is_interrupted_at_the_next_start() {
    let site = Site::new().await;
    let toml = config_toml(&site.aws.endpoint(), &[]);
    site.configure(&toml.replace("shutdown_grace = \"20s\"", "shutdown_grace = \"200ms\""));
    let gateway = site.serve().await;
    site.aws.inject(Fault::on("s3", "DeleteBucketPolicy").reply_latency(Duration::from_secs(60)));
    let mut operator = site.client(gateway.address).await;
    let call = tokio::spawn(async move { operator.unlock_bucket(PAYMENTS, "payments-ledger").await });
    until(|| site.aws.edit(|aws| aws.bucket("payments-ledger").unwrap().1.policy.is_none())).await;
    gateway.signal("-TERM");
    let (status, log) = gateway.ended().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("\"in_flight\":1"), "the operator learns how many: {log}");
    assert!(call.await.unwrap().is_err());

    let gateway = site.serve().await;
    let records = records(&site.path().join("journal.db")).await;
    assert_eq!(records.iter().filter(|record| record.event() == "Interrupted").count(), 1);
    gateway.signal("-TERM");
    assert!(gateway.ended().await.0.success());
}

#[tokio::test]
async fn the_log_holds_no_secret() {
    let site = Site::new().await;
    let toml = config_toml(&site.aws.endpoint(), &[]);
    site.configure(&format!("{toml}[log]\nlevel = \"debug\"\n"));
    let gateway = site.serve().await;
    let mut operator = site.client(gateway.address).await;
    let done = operator.assume_root(PAYMENTS, rootgate::pb::TaskPolicy::S3UnlockBucketPolicy).await.unwrap();
    operator.unlock_bucket(PAYMENTS, "payments-ledger").await.unwrap();
    gateway.signal("-INT");
    let (status, log) = gateway.ended().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("AssumeRoot"), "the log is not empty: {log}");
    assert!(done.credentials.is_some());
    let mut secrets = site.aws.issued_secrets();
    assert_eq!(secrets.len(), 4, "two sessions were opened");
    secrets.push(site.aws.access_key("gateway").unwrap().secret_access_key);
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "the log holds a secret");
    }
}

#[tokio::test]
async fn it_refuses_to_start_with_what_is_missing_or_wrong_and_says_where() {
    let site = Site::new().await;
    let good = config_toml(&site.aws.endpoint(), &[]);
    assert_eq!(site.run("check").await.0, 0);

    site.configure(&good.replace("[journal]", "[journal]\nretention = \"9d\""));
    let (code, text) = site.run("serve").await;
    assert_eq!(code, 78, "{text}");
    let line = good.lines().position(|line| line == "[journal]").unwrap() + 2;
    assert!(text.contains(&format!("rootgate.toml:{line}:1")) && text.contains("retention"), "{text}");

    site.configure(&good);
    fs::write(site.path().join("policy.cedar"), "permit(principal, action == Rootgate::Action::\"Fly\", resource);")
        .unwrap();
    fs::remove_file(site.path().join("server.pem")).unwrap();
    for subcommand in ["serve", "check"] {
        let (code, text) = site.run(subcommand).await;
        assert_eq!(code, 78, "{text}");
        assert!(text.contains("policy.cedar:1:"), "{text}");
        assert!(text.contains("server.pem"), "{text}");
    }
    assert!(!site.path().join("journal.db").exists(), "nothing was begun");
}

#[tokio::test]
async fn it_refuses_endpoints_from_the_environment() {
    let site = Site::new().await;
    let good = config_toml(&site.aws.endpoint(), &[]);
    let start = good.find("[aws.development]").unwrap();
    let end = good.find("[journal]").unwrap();
    site.configure(&format!("{}{}", &good[..start], &good[end..]));
    let mut command = site.command("serve");
    command.env("AWS_ENDPOINT_URL_STS", site.aws.endpoint());
    let output = site.output(command).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("AWS_ENDPOINT_URL_STS"), "{text}");
}

#[tokio::test]
async fn a_second_gateway_on_the_same_journal_does_not_start() {
    let site = Site::new().await;
    let first = site.serve().await;
    let (code, text) = site.run("serve").await;
    assert_ne!(code, 0);
    assert!(text.contains("journal"), "{text}");
    let mut operator = site.client(first.address).await;
    let refusal = operator.audit("12").await.unwrap_err();
    assert_eq!(refusal.code, Code::InvalidArgument, "the first one serves on");
}
