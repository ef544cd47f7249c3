use aws_root_simulator::{Fault, Simulator};
use serde_json::{Value, json};

use crate::client::{Client, Outgoing};
use crate::{PAYMENTS, simulator};

const EMPTY: Option<String> = None;

fn url() -> Value {
    json!(format!("http://x/{PAYMENTS}/payments-events"))
}

async fn root(simulator: &Simulator) -> Client {
    Client::of(simulator, "gateway").assume_root(PAYMENTS, "SQSUnlockQueuePolicy").await
}

async fn shown(root: &Client) -> Option<String> {
    let answer = root.sqs("GetQueueAttributes", json!({ "QueueUrl": url(), "AttributeNames": ["Policy"] })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["Attributes"]["Policy"].as_str().map(str::to_owned)
}

fn clear() -> Outgoing {
    let body = json!({ "QueueUrl": url(), "Attributes": { "Policy": "" } });
    Outgoing::new("sqs", "POST", "/")
        .body(body.to_string())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.SetQueueAttributes")
}

fn stored(simulator: &Simulator) -> Option<String> {
    simulator.edit(|world| world.queue(PAYMENTS, "eu-west-1", "payments-events").unwrap().policy.clone())
}

#[tokio::test]
async fn a_slow_change_is_made_and_shows_after_so_many_reads() {
    let simulator = simulator().await;
    let root = root(&simulator).await;
    let before = stored(&simulator);
    simulator.inject(Fault::on("sqs", "SetQueueAttributes").slow_to_show(2));
    assert_eq!(root.send(&clear()).await.unwrap().status, 200);
    // Who is let in changes at once.
    let admin = Client::of(&simulator, "payments-admin");
    let message = json!({ "QueueUrl": url(), "MessageBody": "paid 3" });
    assert_eq!(admin.sqs("SendMessage", message).await.status, 200);
    assert_eq!(stored(&simulator), EMPTY);
    let seen = [shown(&root).await, shown(&root).await, shown(&root).await, shown(&root).await];
    assert_eq!(seen, [before.clone(), before, EMPTY, EMPTY]);
    assert_eq!(simulator.calls().iter().filter(|call| call.fault.is_some()).count(), 1);
}

#[tokio::test]
async fn every_change_of_a_queue_can_be_slow_and_its_answer_lost_too() {
    let simulator = simulator().await;
    let root = root(&simulator).await;
    let before = stored(&simulator);
    simulator.edit(|world| world.settings.queue_stale_reads = 1);
    // The fault's own number goes before the world's.
    simulator.inject(Fault::on("sqs", "SetQueueAttributes").lose_reply().slow_to_show(3));
    assert!(root.send(&clear()).await.is_none());
    assert_eq!(shown(&root).await, before);
    // Again, while the first is on its way: what was shown goes on being shown.
    assert_eq!(root.send(&clear()).await.unwrap().status, 200);
    assert_eq!([shown(&root).await, shown(&root).await], [before, EMPTY]);
    let open = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}}"#;
    simulator.edit(|world| world.settings.queue_stale_reads = 0);
    let put = json!({ "QueueUrl": url(), "Attributes": { "Policy": open } });
    assert_eq!(root.sqs("SetQueueAttributes", put).await.status, 200);
    assert_eq!(shown(&root).await.as_deref(), Some(open));
}

#[tokio::test]
async fn policies_come_back_byte_for_byte_or_without_white_space() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let s3 = gateway.assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let sqs = root(&simulator).await;
    let bucket = simulator.edit(|world| world.bucket("payments-ledger").unwrap().1.policy.clone()).unwrap();
    let queue = stored(&simulator).unwrap();
    assert_eq!(s3.s3("GET", "/payments-ledger?policy").await.body, bucket);
    assert_eq!(shown(&sqs).await.unwrap(), queue);
    simulator.edit(|world| world.settings.compact_policies = true);
    let bytes = [s3.s3("GET", "/payments-ledger?policy").await.body, shown(&sqs).await.unwrap()];
    for (compact, stored) in bytes.iter().zip([&bucket, &queue]) {
        assert!(stored.contains('\n') && !compact.contains(['\n', ' ']), "{compact}");
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read(compact), read(stored));
        assert!(compact.starts_with(r#"{"Version":"2012-10-17","Statement":[{"Sid":"#), "the order stays: {compact}");
    }
    assert_eq!(stored_bucket(&simulator), bucket, "what is stored stays");
}

fn stored_bucket(simulator: &Simulator) -> String {
    simulator.edit(|world| world.bucket("payments-ledger").unwrap().1.policy.clone()).unwrap()
}
