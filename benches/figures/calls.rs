//! How many AWS calls an act waits for, one after another, as the simulator counts them.
//!
//! Unlike times these do not depend on the machine, so they are judged: more than aimed fails the bench.

use std::{collections::BTreeSet, time::Duration};

use aws_root_simulator::{
    Fault, Simulator, World, critical_path,
    world::{MfaDevice, RootAccessKey, RootUser, SigningCertificate},
};
use rootgate::pb::{
    self, CredentialKind, PolicyResult, TaskPolicy, UnlockMode, root_access_service_client::RootAccessServiceClient,
};
use tonic::transport::Channel;

use crate::{Site, memory_folder};

const ACCOUNT: &str = "333333333333";
const CLEAN: &str = "444444444444";
const REASON: &str = "Counting the gateway's calls";
/// Each call takes so long, so that calls sent at once are under way at once. Much more than a busy machine needs to send them.
const EACH_CALL_TAKES: Duration = Duration::from_millis(100);
/// When the credentials to delete were made; nothing rests on it.
const SOME_TIME: i64 = 1_600_000_000;

/// Its policy has one statement that locks, and one that does not.
const CUT_BUCKET: &str = "payments-open";
const CUT_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"Locks","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-open"},
    {"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-open/*",
     "Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;

type Client = RootAccessServiceClient<Channel>;

#[derive(Clone, Copy)]
enum Act {
    AssumeRoot,
    AuditOfCleanAccount,
    UnlockBucket {
        bucket: &'static str,
        region: &'static str,
    },
    /// Only the statement that locks is taken away.
    CutBucketPolicy,
    UnlockQueue,
    DeleteCredentials(fn() -> RootUser),
}

/// What is done, and how many calls it may wait for.
const ROWS: [(&str, usize, Act); 9] = [
    ("AssumeRoot", 1, Act::AssumeRoot),
    ("audit of a clean account", 2, Act::AuditOfCleanAccount),
    ("unlock of a bucket, region given", 4, Act::UnlockBucket { bucket: "payments-open", region: "us-east-1" }),
    ("unlock of a bucket, region found", 5, Act::UnlockBucket { bucket: "payments-ledger", region: "" }),
    ("unlock of a bucket, one statement of two removed", 4, Act::CutBucketPolicy),
    ("unlock of a queue", 5, Act::UnlockQueue),
    ("deletion of 1 access key", 4, Act::DeleteCredentials(|| root_user(1, 0, 0, false))),
    ("deletion of 2 keys, 2 certificates, 2 MFA devices", 4, Act::DeleteCredentials(|| root_user(2, 2, 2, false))),
    // One more: the second factor goes after the password, never before it.
    ("deletion of a password and its MFA device", 5, Act::DeleteCredentials(|| root_user(0, 0, 1, true))),
];

/// Sessions are opened through a role of the example scenario.
const BROKER: &str = "[aws.broker]\nrole = \"arn:aws:iam::222222222222:role/broker\"\n";
/// What that costs each act.
const BROKER_CALLS: usize = 1;

/// Prints them all; whether each is within what is aimed at.
pub(super) async fn critical_paths(aws: &Simulator) -> bool {
    println!("AWS calls on the critical path, counted by the simulator");
    println!(
        "  (organizations:* and the gateway's own sts:GetCallerIdentity are read once and kept: none may be among them)"
    );
    let scenario = aws.edit(|world| world.clone());
    let within = rows(aws, "", 0).await;
    // What the acts have taken away is there again.
    aws.edit(|world| *world = scenario);
    println!("  through a broker role");
    rows(aws, BROKER, BROKER_CALLS).await && within
}

async fn rows(aws: &Simulator, more: &str, more_calls: usize) -> bool {
    let folder = memory_folder();
    let site = Site::with(aws, &folder, more);
    let gateway = site.start();
    let mut client = Client::new(site.connect(gateway.address).await);
    // What the gateway knows about organization and accounts is read once and kept.
    for account in [ACCOUNT, CLEAN] {
        audit(&mut client, account).await;
    }
    aws.inject(Fault::on("*", "*").latency(EACH_CALL_TAKES).times(u64::MAX));
    let mut within = true;
    for (name, aimed, act) in ROWS {
        let aimed = aimed + more_calls;
        let (measured, total) = measure(aws, &mut client, act).await;
        let verdict = if measured > aimed { "  OVER" } else { "" };
        println!("  {name:<50} {measured:>2}   aimed {aimed}   in all {total:>2}{verdict}");
        within &= measured <= aimed;
    }
    println!();
    aws.clear_faults();
    within
}

/// How many calls had to wait for one another, and how many there were.
async fn measure(aws: &Simulator, client: &mut Client, act: Act) -> (usize, usize) {
    aws.edit(|world| prepare(world, act));
    aws.clear_calls();
    carry_out(client, act).await;
    let calls = aws.calls();
    let own = |name: &str| name.starts_with("organizations:") || name == "sts:GetCallerIdentity";
    let again: Vec<_> = calls.iter().map(|call| call.name()).filter(|name| own(name)).collect();
    assert!(again.is_empty(), "read again, though it was read and kept: {again:?}");
    let failed: BTreeSet<_> = calls.iter().filter_map(|call| call.error_code.clone()).collect();
    // Reading what is gone, or never was, is no failure of a call.
    let absent = ["NoSuchEntity", "NoSuchBucketPolicy"];
    assert!(failed.iter().all(|code| absent.contains(&code.as_str())), "refused: {failed:?}");
    (critical_path(&calls), calls.len())
}

fn prepare(world: &mut World, act: Act) {
    match act {
        Act::DeleteCredentials(root) => world.account_mut(ACCOUNT).unwrap().root = root(),
        Act::CutBucketPolicy => world.bucket_mut(CUT_BUCKET).unwrap().policy = Some(CUT_POLICY.to_owned()),
        Act::AssumeRoot | Act::AuditOfCleanAccount | Act::UnlockBucket { .. } | Act::UnlockQueue => {}
    }
}

async fn carry_out(client: &mut Client, act: Act) {
    match act {
        Act::AssumeRoot => assume_root(client).await,
        Act::AuditOfCleanAccount => audit(client, CLEAN).await,
        Act::UnlockBucket { bucket, region } => unlock_bucket(client, bucket, region).await,
        Act::CutBucketPolicy => cut_bucket_policy(client).await,
        Act::UnlockQueue => unlock_queue(client).await,
        Act::DeleteCredentials(_) => delete_credentials(client).await,
    }
}

async fn assume_root(client: &mut Client) {
    let request = pb::AssumeRootRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        task_policy: TaskPolicy::S3UnlockBucketPolicy.into(),
        ..Default::default()
    };
    client.assume_root(request).await.unwrap();
}

async fn audit(client: &mut Client, account: &str) {
    let (account_id, reason) = (account.to_owned(), REASON.to_owned());
    let request = pb::AuditRootCredentialsRequest { account_id, reason, ..Default::default() };
    client.audit_root_credentials(request).await.unwrap();
}

async fn unlock_bucket(client: &mut Client, bucket: &str, region: &str) {
    let request = pb::UnlockBucketPolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        bucket: bucket.to_owned(),
        region: region.to_owned(),
        mode: UnlockMode::DeletePolicy.into(),
        ..Default::default()
    };
    assert!(client.unlock_bucket_policy(request).await.unwrap().into_inner().changed);
}

async fn cut_bucket_policy(client: &mut Client) {
    let request = pb::UnlockBucketPolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        bucket: CUT_BUCKET.to_owned(),
        region: "us-east-1".to_owned(),
        ..Default::default()
    };
    let done = client.unlock_bucket_policy(request).await.unwrap().into_inner();
    assert_eq!(done.result(), PolicyResult::StatementsRemoved);
}

async fn unlock_queue(client: &mut Client) {
    let request = pb::UnlockQueuePolicyRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        queue_arn: format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:payments-events"),
        mode: UnlockMode::DeletePolicy.into(),
        ..Default::default()
    };
    assert!(client.unlock_queue_policy(request).await.unwrap().into_inner().changed);
}

async fn delete_credentials(client: &mut Client) {
    let request = pb::DeleteRootCredentialsRequest {
        account_id: ACCOUNT.to_owned(),
        reason: REASON.to_owned(),
        credential_kinds: vec![CredentialKind::All.into()],
        ..Default::default()
    };
    assert!(client.delete_root_credentials(request).await.unwrap().into_inner().changed);
}

fn root_user(keys: usize, certificates: usize, mfa_devices: usize, password: bool) -> RootUser {
    let key = |n| RootAccessKey { id: format!("AKIABENCH{n:04}EXAMPLE"), created: SOME_TIME, ..Default::default() };
    let certificate =
        |n| SigningCertificate { id: format!("BENCHCERTIFICATE{n:08}"), uploaded: SOME_TIME, ..Default::default() };
    let mfa_device =
        |n| MfaDevice { serial_number: format!("arn:aws:iam::{ACCOUNT}:mfa/bench-{n}"), enabled: SOME_TIME };
    RootUser {
        login_profile: password.then_some(SOME_TIME),
        access_keys: (0..keys).map(key).collect(),
        mfa_devices: (0..mfa_devices).map(mfa_device).collect(),
        signing_certificates: (0..certificates).map(certificate).collect(),
    }
}
