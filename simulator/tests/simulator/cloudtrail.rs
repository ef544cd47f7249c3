use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use aws_root_simulator::Fault;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::client::Client;
use crate::{PAYMENTS, simulator};

/// A folder of the test's own.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("aws-root-simulator-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn records(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["Records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_root_session_and_its_calls_are_logged_in_both_accounts() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    assert_eq!(session.s3("GET", "/payments-ledger?policy").await.status, 200);
    let calls = simulator.calls();
    let [opened, used] = simulator.cloudtrail_records().try_into().unwrap();
    assert_eq!((&opened["eventSource"], &opened["eventName"]), (&json!("sts.amazonaws.com"), &json!("AssumeRoot")));
    assert_eq!((&opened["recipientAccountId"], &opened["awsRegion"]), (&json!("222222222222"), &json!("eu-west-1")));
    assert_eq!(opened["requestID"], calls[0].request_id);
    assert_eq!(opened["requestParameters"]["targetPrincipal"], PAYMENTS);
    let task = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy";
    assert_eq!(opened["requestParameters"]["taskPolicyArn"]["arn"], task);
    let key = session.credentials.access_key_id();
    assert_eq!(opened["responseElements"]["credentials"]["accessKeyId"], key);
    assert_eq!(opened["userIdentity"]["type"], "AssumedRole");

    assert_eq!((&used["eventName"], &used["readOnly"]), (&json!("GetBucketPolicy"), &json!(true)));
    assert_eq!((&used["recipientAccountId"], &used["requestID"]), (&json!(PAYMENTS), &json!(calls[1].request_id)));
    let identity = &used["userIdentity"];
    assert_eq!((&identity["type"], &identity["accessKeyId"]), (&json!("Root"), &json!(key)));
    assert_eq!(identity["arn"], format!("arn:aws:iam::{PAYMENTS}:root"));
    assert_eq!(identity["sessionContext"]["assumedRoot"], "true");
    assert!(identity["sessionContext"]["attributes"]["creationDate"].is_string());
    let text = json!([opened, used]).to_string();
    assert!(simulator.issued_secrets().iter().all(|secret| !text.contains(secret)));
}

#[tokio::test]
async fn refusals_are_logged_and_calls_that_were_never_done_are_not() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    admin.try_assume_root(PAYMENTS, "S3UnlockBucketPolicy", &[]).await;
    let [refused] = simulator.cloudtrail_records().try_into().unwrap();
    assert_eq!((&refused["errorCode"], &refused["responseElements"]), (&json!("AccessDenied"), &Value::Null));
    assert!(refused["errorMessage"].as_str().unwrap().contains("not authorized"));

    simulator.inject(Fault::on("sts", "*").lose_reply());
    simulator.inject(Fault::on("s3", "*").drop_connection());
    let get = |service, path| crate::client::Outgoing::new(service, "GET", path);
    assert!(admin.send(&get("sts", "/?Action=GetCallerIdentity&Version=2011-06-15")).await.is_none());
    assert!(admin.send(&get("s3", "/payments-ledger?policy")).await.is_none());
    let names: Vec<Value> = simulator.cloudtrail_records().iter().map(|record| record["eventName"].clone()).collect();
    assert_eq!(names, ["AssumeRoot", "GetCallerIdentity"]);
}

#[tokio::test]
async fn files_lie_where_a_trail_delivers_them_and_the_same_events_get_the_same_names() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "IAMAuditRootUserCredentials").await;
    session.query("iam", "GetAccountSummary", &[]).await;
    let folder = Folder::new("layout");
    let files = simulator.write_cloudtrail(&folder.0).unwrap();
    assert_eq!(files, simulator.write_cloudtrail(&folder.0).unwrap());
    let relative: Vec<String> =
        files.iter().map(|file| file.strip_prefix(&folder.0).unwrap().display().to_string()).collect();
    assert_eq!(files.len(), 2, "{relative:?}");
    let (at_caller, at_member) = (&relative[0], &relative[1]);
    assert!(at_caller.starts_with("AWSLogs/o-exampleorg1/222222222222/CloudTrail/eu-west-1/20"), "{at_caller}");
    assert!(at_member.starts_with("AWSLogs/o-exampleorg1/333333333333/CloudTrail/us-east-1/20"), "{at_member}");
    assert!(at_member.contains("/333333333333_CloudTrail_us-east-1_20") && at_member.ends_with(".json.gz"));
    let found: Vec<Value> = files.iter().flat_map(|file| records(file)).collect();
    assert_eq!(found, simulator.cloudtrail_records());
}
