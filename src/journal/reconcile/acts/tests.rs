use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_795_286_154 + second, 0)
}

fn intent(index: u64, resource: &str, arguments: Value) -> String {
    json!({
        "index": index, "recorded_at": at(0).to_string(), "event": "Intent", "operation_id": format!("op-{index}"),
        "operation": "UnlockQueuePolicy", "account_id": "333333333333", "caller": { "subject": "alice" },
        "resource": resource, "arguments": arguments,
    })
    .to_string()
}

fn outcome(index: u64, intent_index: u64, detail: Value) -> String {
    json!({
        "index": index, "recorded_at": at(2).to_string(), "event": "Outcome", "operation_id": format!("op-{intent_index}"),
        "intent_index": intent_index, "result": "Succeeded", "detail": detail, "access_key_id": "ASIA2",
        "aws_calls": [{ "service": "sts", "operation": "AssumeRoot", "request_id": "r", "error_code": null }],
    })
    .to_string()
}

#[test]
fn an_act_is_its_intent_and_its_outcome_with_all_of_its_sessions() {
    let mut acts = Acts::default();
    assert_eq!(acts.take(&intent(1, "arn:aws:sqs:eu-west-1:333333333333:q", json!({}))), Ok(None));
    let act = acts.take(&outcome(2, 1, json!({ "expired_access_key_ids": ["ASIA1"] }))).unwrap().unwrap();
    assert_eq!((act.index, act.operation_id.as_str(), act.caller.as_deref()), (2, "op-1", Some("alice")));
    assert_eq!(act.access_key_ids, ["ASIA1", "ASIA2"]);
    assert_eq!((act.began_at, act.ended_at, act.is_finished), (at(0), at(2), true));
    assert_eq!(act.region.unwrap().as_str(), "eu-west-1");
    assert_eq!(acts.unfinished().count(), 0);
}

#[test]
fn the_region_of_a_bucket_is_told_by_the_outcome() {
    for (arguments, detail, region) in [
        (json!({}), json!({ "region": "eu-west-1" }), Some("eu-west-1")),
        (json!({ "region": "us-east-1" }), json!(null), Some("us-east-1")),
        (json!({}), json!(null), None),
    ] {
        let mut acts = Acts::default();
        acts.take(&intent(1, "arn:aws:s3:::payments", arguments)).unwrap();
        let act = acts.take(&outcome(2, 1, detail)).unwrap().unwrap();
        assert_eq!(act.region.as_ref().map(Region::as_str), region);
    }
}

#[test]
fn an_act_on_the_whole_journal_is_one_of_no_account() {
    let mut acts = Acts::default();
    let mut intent: Value = serde_json::from_str(&intent(1, "x", json!({}))).unwrap();
    (intent["operation"], intent["account_id"], intent["resource"]) =
        (json!("GetCheckpoint"), Value::Null, Value::Null);
    assert_eq!(acts.take(&intent.to_string()), Ok(None));
    let act = acts.take(&outcome(2, 1, json!(null))).unwrap().unwrap();
    assert_eq!((act.account, act.operation.as_deref()), (None, Some("GetCheckpoint")));
    intent["account_id"] = json!("x");
    assert_eq!(acts.take(&intent.to_string()), Err("its account_id is no account id"));
}

#[test]
fn acts_without_outcome_are_handed_over_as_such() {
    let mut acts = Acts::default();
    acts.take(&intent(1, "arn:aws:s3:::a", json!({}))).unwrap();
    acts.take(&intent(2, "arn:aws:s3:::b", json!({}))).unwrap();
    let interrupted = json!({
        "index": 3, "recorded_at": at(9).to_string(), "event": "Interrupted", "operation_id": "op-1", "intent_index": 1,
    });
    let act = acts.take(&interrupted.to_string()).unwrap().unwrap();
    assert_eq!((act.index, act.is_finished, act.ended_at), (1, false, at(9)));
    let open: Vec<Act> = acts.unfinished().collect();
    assert_eq!((open.len(), open[0].index, open[0].ended_at), (1, 2, at(9)));
}

#[test]
fn an_outcome_without_its_intent_keeps_its_calls() {
    let mut acts = Acts::default();
    let act = acts.take(&outcome(7, 3, json!({})).replace("Outcome", "StrayOutcome")).unwrap().unwrap();
    assert_eq!((act.index, act.account, act.calls.len()), (7, None, 1));
}

#[test]
fn other_events_are_no_acts_and_malformed_ones_are_told() {
    let mut acts = Acts::default();
    let head = |event: &str| format!("{{\"index\":1,\"recorded_at\":\"{}\",\"event\":\"{event}\"}}", at(0));
    for event in ["Started", "Refusal", "Backup", "SomethingNew"] {
        assert_eq!(acts.take(&head(event)), Ok(None), "{event}");
    }
    for event in ["Intent", "Outcome", "Interrupted"] {
        assert!(acts.take(&head(event)).is_err(), "{event}");
    }
    assert!(acts.take("{}").is_err() && acts.take("").is_err());
}

#[test]
fn what_is_read_must_be_what_was_verified() {
    let body = |index: u64| intent(index, "arn:aws:s3:::a", json!({}));
    let first = RecordHash::of(1, RecordHash::ZERO, &body(1));
    let second = RecordHash::of(2, first, &body(2));
    let record = |index, hash| ListedRecord { index, hash, body: body(index) };
    let head = Position { index: 2, hash: second, recorded_at: at(0) };
    let follow = |records: &[ListedRecord]| {
        let mut chain = Chain::new(head);
        records.iter().try_for_each(|record| chain.follow(record)).and_then(|()| chain.check_end())
    };
    follow(&[record(1, first), record(2, second)]).unwrap();
    for (records, said) in [
        (vec![record(1, second)], "does not match"),
        (vec![record(1, first)], "its tail was cut off"),
        (vec![record(1, first), record(3, second)], "next stored index is 3"),
        (vec![record(2, first)], "a receipt says"),
        (vec![], "its tail was cut off"),
    ] {
        let error = follow(&records).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
