use serde_json::{Value, json};

use crate::client::Client;
use crate::{PAYMENTS, simulator};

#[tokio::test]
async fn small_pages_add_up_everywhere() {
    let simulator = simulator().await;
    simulator.edit(|world| {
        world.settings.page_size = Some(1);
        world.settings.empty_first_page = true;
    });
    let gateway = Client::of(&simulator, "gateway");
    let (mut accounts, mut pages, mut token) = (0, 0, Value::Null);
    loop {
        let input = if token.is_null() { json!({}) } else { json!({ "NextToken": token }) };
        let page: Value = serde_json::from_str(&gateway.organizations("ListAccounts", input).await.body).unwrap();
        accounts += page["Accounts"].as_array().unwrap().len();
        pages += 1;
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!((accounts, pages), (6, 7));
    let audit = gateway.assume_root(PAYMENTS, "IAMAuditRootUserCredentials").await;
    let (mut keys, mut marker) = (Vec::new(), None::<String>);
    loop {
        let params: Vec<(&str, &str)> = marker.iter().map(|marker| ("Marker", marker.as_str())).collect();
        let page = audit.query("iam", "ListAccessKeys", &params).await;
        keys.extend(page.xml("AccessKeyId"));
        assert_eq!(page.xml("IsTruncated").unwrap() == "true", page.xml("Marker").is_some());
        assert!(!page.body.contains("UserName"));
        marker = page.xml("Marker");
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["AKIAROOTKEY01EXAMPLE", "AKIAROOTKEY02EXAMPLE"]);
    let bad = audit.query("iam", "ListAccessKeys", &[("Marker", "nonsense")]).await;
    assert_eq!(bad.refusal(), (400, "ValidationError".into()));
}

#[tokio::test]
async fn buckets_come_in_pages_with_their_region() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let next = if token.is_empty() { String::new() } else { format!("&continuation-token={token}") };
        let page = session.s3("GET", &format!("/?max-buckets=1&prefix=payments{next}")).await;
        found.push((page.xml("Name").unwrap(), page.xml("BucketRegion").unwrap()));
        match page.xml("ContinuationToken") {
            Some(next) => token = next,
            None => break,
        }
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["payments-ledger", "payments-open", "payments-plain"]);
    assert_eq!(found[1].1, "us-east-1");
    assert_eq!(session.s3("GET", "/").await.xml("BucketRegion"), None);
    assert_eq!(session.s3("GET", "/?bucket-region=us-east-1").await.refusal(), (400, "InvalidArgument".into()));
    assert_eq!(session.s3("GET", "/?bucket-region=eu-west-1").await.xml("Name").unwrap(), "payments-ledger");
    assert_eq!(session.s3("GET", "/?max-buckets=0").await.refusal(), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn queues_come_in_pages_when_asked() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "SQSUnlockQueuePolicy").await;
    let page: Value = serde_json::from_str(&session.sqs("ListQueues", json!({ "MaxResults": 1 })).await.body).unwrap();
    assert_eq!(page["QueueUrls"].as_array().unwrap().len(), 1);
    let next = json!({ "MaxResults": 1, "NextToken": page["NextToken"] });
    let page: Value = serde_json::from_str(&session.sqs("ListQueues", next).await.body).unwrap();
    assert_eq!((page["QueueUrls"].as_array().unwrap().len(), &page["NextToken"]), (1, &Value::Null));
}
