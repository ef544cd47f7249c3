//! Buckets whose objects nobody can delete.

use aws_root_simulator::Simulator;
use aws_root_simulator::world::{Bucket, Object, ObjectLock};

use crate::client::{Answer, Client, Outgoing};
use crate::{PAYMENTS, simulator};

const KEY: &str = "/anchor/a.txt";
/// SHA-256 of `one`.
const ONE: &str = "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=";

async fn site() -> (Simulator, Client) {
    let simulator = simulator().await;
    simulator.edit(|world| {
        let bucket = Bucket { object_lock: true, ..Bucket::new("anchor", "eu-west-1") };
        world.account_mut(PAYMENTS).unwrap().buckets.insert("anchor".into(), bucket);
    });
    let client = Client::of(&simulator, "payments-admin");
    (simulator, client)
}

fn put(mode: &str, until: &str) -> Outgoing {
    let put = Outgoing::new("s3", "PUT", KEY).body("one");
    put.header("x-amz-object-lock-mode", mode).header("x-amz-object-lock-retain-until-date", until)
}

fn locked(mode: &str) -> Outgoing {
    put(mode, "2999-01-01T00:00:00Z").header("x-amz-checksum-sha256", ONE)
}

async fn send(client: &Client, out: &Outgoing) -> Answer {
    client.send(out).await.unwrap()
}

#[tokio::test]
async fn a_locked_version_outlives_who_deletes_and_overwrites_it() {
    let (simulator, client) = site().await;
    let answer = send(&client, &locked("COMPLIANCE")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let version = answer.header("x-amz-version-id").to_owned();
    let of_version = format!("{KEY}?versionId={version}");
    for header in ["x-amz-meta-nothing", "x-amz-bypass-governance-retention"] {
        let delete = Outgoing::new("s3", "DELETE", &of_version).header(header, "true");
        let refused = send(&client, &delete).await;
        assert_eq!(refused.refusal(), (403, "AccessDenied".to_owned()));
        assert!(refused.body.contains("because object protected by object lock"), "{}", refused.body);
    }
    // A delete without version and a write only hide it.
    assert_eq!(client.s3("DELETE", KEY).await.header("x-amz-delete-marker"), "true");
    assert_eq!(client.s3("GET", KEY).await.refusal(), (404, "NoSuchKey".to_owned()));
    send(&client, &Outgoing::new("s3", "PUT", KEY).body("two")).await;
    send(&client, &Outgoing::new("s3", "PUT", KEY).body("three")).await;
    let kept = client.s3("GET", &of_version).await;
    assert_eq!((kept.body.as_str(), kept.header("x-amz-object-lock-mode")), ("one", "COMPLIANCE"));
    assert_eq!(kept.header("x-amz-object-lock-retain-until-date"), "2999-01-01T00:00:00.000Z");
    simulator.edit(|world| assert_eq!(world.bucket("anchor").unwrap().1.older_versions.len(), 2));
    assert_eq!(client.s3("GET", &format!("{KEY}?versionId=none")).await.refusal().1, "NoSuchVersion");
}

#[tokio::test]
async fn governance_can_be_bypassed_and_time_ends_every_lock() {
    let (simulator, client) = site().await;
    let version = send(&client, &locked("GOVERNANCE")).await.header("x-amz-version-id").to_owned();
    let path = format!("{KEY}?versionId={version}");
    assert_eq!(client.s3("DELETE", &path).await.status, 403);
    let bypass = Outgoing::new("s3", "DELETE", &path).header("x-amz-bypass-governance-retention", "true");
    assert_eq!(send(&client, &bypass).await.status, 204);
    assert_eq!(client.s3("GET", &path).await.refusal().1, "NoSuchVersion");

    let lock = Some(ObjectLock { compliance: true, retain_until: 1 });
    let over = Object { version_id: Some("v".into()), lock, ..Object::default() };
    simulator.edit(|world| world.bucket_mut("anchor").unwrap().objects.insert("a.txt".into(), over));
    assert_eq!(client.s3("DELETE", &format!("{KEY}?versionId=v")).await.status, 204);
}

#[tokio::test]
async fn what_aws_refuses_of_a_locked_write_is_refused() {
    let (simulator, client) = site().await;
    let future = "2999-01-01T00:00:00Z";
    let plain = Outgoing::new("s3", "PUT", KEY).body("one");
    let cases = [
        (put("COMPLIANCE", future), 400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required"),
        (locked("compliance"), 400, "InvalidArgument", "Unknown wormMode"),
        (
            put("COMPLIANCE", "2020-01-01T00:00:00Z").header("x-amz-checksum-sha256", ONE),
            400,
            "InvalidArgument",
            "must be in the future",
        ),
        (put("COMPLIANCE", "soon").header("x-amz-checksum-sha256", ONE), 400, "InvalidArgument", "ISO 8601"),
        (plain.clone().header("x-amz-object-lock-mode", "COMPLIANCE"), 400, "InvalidArgument", "must both be supplied"),
        (locked("COMPLIANCE").body("two"), 400, "BadDigest", "SHA256"),
        (plain.clone().header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="), 400, "BadDigest", "Content-MD5"),
        (plain.clone().header("if-none-match", "\"etag\""), 501, "NotImplemented", "not implemented"),
    ];
    for (out, status, code, text) in cases {
        let answer = send(&client, &out).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{}", answer.body);
        assert!(answer.body.contains(text), "{}", answer.body);
    }
    simulator.edit(|world| world.bucket_mut("anchor").unwrap().object_lock = false);
    let answer = send(&client, &locked("COMPLIANCE")).await;
    assert_eq!(answer.refusal(), (400, "InvalidRequest".to_owned()));
    assert!(answer.body.contains("missing Object Lock Configuration"));
    simulator.edit(|world| assert!(world.bucket("anchor").unwrap().1.objects.is_empty()));
}

#[tokio::test]
async fn a_conditional_write_overwrites_nothing() {
    let (_simulator, client) = site().await;
    let once = Outgoing::new("s3", "PUT", KEY).body("one").header("if-none-match", "*");
    assert_eq!(send(&client, &once).await.status, 200);
    assert_eq!(send(&client, &once).await.refusal(), (412, "PreconditionFailed".to_owned()));
    assert_eq!(client.s3("GET", KEY).await.body, "one");
}

/// A permission to write objects is none to lock them.
#[tokio::test]
async fn retention_has_a_permission_of_its_own() {
    let (simulator, client) = site().await;
    simulator.edit(|world| {
        let policy =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}"#;
        let account = world.account_mut(PAYMENTS).unwrap();
        let admin = account.principals.iter_mut().find(|principal| principal.name == "payments-admin").unwrap();
        admin.policies = vec![policy.into()];
    });
    let answer = send(&client, &locked("COMPLIANCE")).await;
    assert_eq!(answer.refusal(), (403, "AccessDenied".to_owned()));
    assert!(answer.body.contains("s3:PutObjectRetention"), "{}", answer.body);
    assert_eq!(send(&client, &Outgoing::new("s3", "PUT", KEY).body("one")).await.status, 200);
}
