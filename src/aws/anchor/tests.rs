use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_root_simulator::{
    Fault, Scenario, Simulator,
    world::{Bucket, ObjectLock},
};

use super::*;
use crate::aws::{Fate, GatewayCredentials, PlatformSettings};

const OWNER: &str = "333333333333";
const ALLOWED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject",
    "s3:PutObjectRetention"],"Principal":{"AWS":"222222222222"},"Resource":"arn:aws:s3:::anchor/*"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject",
    "s3:PutObjectRetention"],"Resource":"arn:aws:s3:::anchor/*"}]}"#;

/// A bucket in another account than the gateway's, and in another region than its home.
async fn simulator() -> Simulator {
    let simulator = Simulator::start(Scenario::example()).await.unwrap();
    simulator.edit(|world| {
        let bucket = Bucket { object_lock: true, ..Bucket::new("anchor", "eu-central-1") };
        let buckets = &mut world.account_mut(OWNER).unwrap().buckets;
        buckets.insert("anchor".to_owned(), bucket.with_policy(ALLOWED));
        let account = world.accounts.values_mut().find(|account| account.id == "222222222222").unwrap();
        let gateway = account.principals.iter_mut().find(|principal| principal.name == "gateway").unwrap();
        gateway.policies.push(POLICY.to_owned());
    });
    simulator
}

async fn anchor(simulator: &Simulator, change: impl FnOnce(&mut AnchorSettings)) -> AnchorBucket {
    let key = simulator.access_key("gateway").unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let home_region: Region = "us-east-1".parse().unwrap();
    let platform = PlatformSettings {
        allowed_regions: BTreeSet::from([home_region.clone()]),
        home_region,
        endpoint_override: Some(simulator.endpoint()),
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(30),
        operation_timeout: Duration::from_secs(30),
        attempts_max: 2,
        assume_root_per_second_max: NonZeroU32::MIN,
    };
    let credentials = GatewayCredentials::Provided(SharedCredentialsProvider::new(credentials));
    let platform = Platform::new(platform, credentials).await.unwrap();
    let mut settings = AnchorSettings {
        bucket: "anchor".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        owner: OWNER.parse().unwrap(),
        compliance: true,
    };
    change(&mut settings);
    AnchorBucket::new(&platform, settings)
}

fn far() -> Timestamp {
    Timestamp::from_unix(32_472_144_000, 999_999_999)
}

#[tokio::test]
async fn a_checkpoint_is_put_locked_and_found_as_it_was_written() {
    for compliance in [true, false] {
        let simulator = simulator().await;
        let anchor = anchor(&simulator, |settings| settings.compliance = compliance).await;
        anchor.put("rootgate/1.txt", "— note\n", far()).await.unwrap();
        simulator.edit(|world| {
            let object = &world.bucket("anchor").unwrap().1.objects["rootgate/1.txt"];
            assert_eq!(object.body, "— note\n".as_bytes());
            assert_eq!(object.content_type.as_deref(), Some("text/plain; charset=utf-8"));
            assert_eq!(object.lock, Some(ObjectLock { compliance, retain_until: 32_472_144_000 }));
        });
    }
}

#[tokio::test]
async fn what_is_there_is_not_overwritten_and_no_error() {
    let simulator = simulator().await;
    let anchor = anchor(&simulator, |_| {}).await;
    anchor.put("a.txt", "one", far()).await.unwrap();
    anchor.put("a.txt", "two", far()).await.unwrap();
    simulator.edit(|world| {
        let bucket = world.bucket("anchor").unwrap().1;
        assert_eq!((&bucket.objects["a.txt"].body[..], bucket.older_versions.len()), (&b"one"[..], 0));
    });
}

#[tokio::test]
async fn a_bucket_that_is_not_the_one_meant_gets_nothing() {
    let simulator = simulator().await;
    let wrong_owner = anchor(&simulator, |settings| settings.owner = "444444444444".parse().unwrap()).await;
    let failure = wrong_owner.put("a.txt", "one", far()).await.unwrap_err();
    assert!(failure.is(&["AccessDenied"]) && failure.fate == Fate::Refused, "{failure}");
    let wrong_region = anchor(&simulator, |settings| settings.region = "eu-west-1".parse().unwrap()).await;
    let failure = wrong_region.put("a.txt", "one", far()).await.unwrap_err();
    assert!(failure.is(&["PermanentRedirect"]), "{failure}");
    simulator.edit(|world| world.bucket_mut("anchor").unwrap().object_lock = false);
    let failure = anchor(&simulator, |_| {}).await.put("a.txt", "one", far()).await.unwrap_err();
    assert!(failure.is(&["InvalidRequest"]) && failure.to_string().contains("Object Lock"), "{failure}");
    simulator.edit(|world| assert!(world.bucket("anchor").unwrap().1.objects.is_empty()));
}

#[tokio::test]
async fn a_missing_permission_and_a_try_that_got_no_answer_are_told_apart() {
    let simulator = simulator().await;
    let anchor = anchor(&simulator, |_| {}).await;
    // The SDK tries again; what the first try left is found by the second.
    simulator.inject(Fault::on("s3", "PutObject").lose_reply());
    anchor.put("a.txt", "one", far()).await.unwrap();
    simulator.edit(|world| world.bucket_mut("anchor").unwrap().policy = None);
    let failure = anchor.put("b.txt", "one", far()).await.unwrap_err();
    assert!(failure.is(&["AccessDenied"]) && failure.to_string().contains("s3:PutObject"), "{failure}");
}
