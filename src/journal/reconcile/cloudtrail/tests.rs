use proptest::prelude::*;
use serde_json::json;

use super::*;

fn assume_root_record() -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:gateway",
            "arn": "arn:aws:sts::222222222222:assumed-role/gateway/s",
            "accountId": "222222222222",
            "accessKeyId": "ASIACALLER",
            "sessionContext": { "sourceIdentity": "alice", "attributes": { "mfaAuthenticated": "false" } },
        },
        "eventTime": "2026-11-21T18:35:54Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRoot",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": {
            "targetPrincipal": "333333333333",
            "taskPolicyArn": { "arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy" },
        },
        "responseElements": { "credentials": { "accessKeyId": "ASIAISSUED", "expiration": "Nov 21, 2026" } },
        "requestID": "r-1",
        "eventID": "e-1",
        "readOnly": true,
        "recipientAccountId": "222222222222",
    })
}

fn session_record() -> Value {
    json!({
        "userIdentity": {
            "type": "Root",
            "principalId": "333333333333",
            "arn": "arn:aws:iam::333333333333:root",
            "accountId": "333333333333",
            "accessKeyId": "ASIAISSUED",
            "sessionContext": { "assumedRoot": "true", "attributes": { "mfaAuthenticated": "false" } },
        },
        "eventTime": "2026-11-21T18:35:55Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "DeleteBucketPolicy",
        "awsRegion": "eu-west-1",
        "requestID": "r-2",
        "eventID": "e-2",
        "recipientAccountId": "333333333333",
    })
}

fn event_of(record: &Value) -> Event {
    read(&record.to_string()).unwrap().1.unwrap()
}

fn with(mut record: Value, path: &str, value: Value) -> Value {
    *record.pointer_mut(path).unwrap() = value;
    record
}

#[test]
fn a_request_for_a_root_session_says_who_what_and_which_session() {
    let event = event_of(&assume_root_record());
    assert_eq!((event.id.as_str(), event.request_id.as_deref()), ("e-1", Some("r-1")));
    assert_eq!((event.service.as_str(), event.operation.as_str()), ("sts", "AssumeRoot"));
    assert_eq!((event.account.as_str(), event.region.unwrap().as_str()), ("222222222222", "us-east-1"));
    assert_eq!(event.source_identity.as_deref(), Some("alice"));
    assert_eq!(event.time, Timestamp::from_unix(1_795_286_154, 0));
    let What::AssumeRoot { target, task_policy, issued } = event.what else { panic!("{:?}", event.what) };
    assert_eq!((target.unwrap().as_str(), issued.as_deref()), ("333333333333", Some("ASIAISSUED")));
    assert!(task_policy.unwrap().ends_with("S3UnlockBucketPolicy"));
}

#[test]
fn the_forms_that_aws_uses_are_understood() {
    let asked = |path: &str, value: Value| event_of(&with(assume_root_record(), path, value)).what;
    let What::AssumeRoot { task_policy, .. } = asked("/requestParameters/taskPolicyArn", json!("arn:task")) else {
        panic!("it is a request")
    };
    assert_eq!(task_policy.as_deref(), Some("arn:task"));
    let arn = json!("arn:aws:iam::333333333333:root");
    let What::AssumeRoot { target, .. } = asked("/requestParameters/targetPrincipal", arn) else {
        panic!("it is a request")
    };
    assert_eq!(target.unwrap().as_str(), "333333333333");
    let mut refused = with(assume_root_record(), "/responseElements", Value::Null);
    refused["errorCode"] = json!("AccessDenied");
    let event = event_of(&refused);
    assert_eq!(event.error_code.as_deref(), Some("AccessDenied"));
    assert!(matches!(event.what, What::AssumeRoot { issued: None, .. }));
}

#[test]
fn a_root_session_is_told_apart_from_the_root_users_own_keys() {
    let what = |path: &str, value: Value| event_of(&with(session_record(), path, value)).what;
    let key = Some("ASIAISSUED".to_owned());
    let session = |assumed_root| What::Session { access_key_id: key.clone(), assumed_root };
    assert_eq!(event_of(&session_record()).what, session(true));
    assert_eq!(what("/userIdentity/sessionContext/assumedRoot", json!(true)), session(true));
    assert_eq!(what("/userIdentity/sessionContext", Value::Null), session(false));
    let own = with(session_record(), "/userIdentity/sessionContext", Value::Null);
    for key in [json!("AKIAROOT"), json!(""), Value::Null] {
        assert_eq!(event_of(&with(own.clone(), "/userIdentity/accessKeyId", key)).what, What::RootUser);
    }
    let nameless = with(session_record(), "/userIdentity/accessKeyId", Value::Null);
    assert_eq!(event_of(&nameless).what, What::Session { access_key_id: None, assumed_root: true });
}

#[test]
fn other_events_only_say_what_the_logs_cover() {
    let record = with(assume_root_record(), "/eventName", json!("AssumeRole"));
    let (place, event) = read(&record.to_string()).unwrap();
    assert_eq!((place.account.unwrap().as_str(), event), ("222222222222", None));
    let service = json!({
        "eventTime": "2026-11-21T18:35:54Z", "eventSource": "kms.amazonaws.com", "eventName": "RotateKey",
        "userIdentity": { "accountId": "222222222222", "invokedBy": "AWS Internal" },
    });
    assert_eq!(read(&service.to_string()).unwrap().1, None);
}

#[test]
fn a_record_that_is_wrong_is_told_with_the_member() {
    for (path, value, said) in [
        ("/eventTime", json!("yesterday"), "eventTime must be an RFC 3339 time"),
        ("/eventName", json!(7), "invalid type: integer `7`, expected a string"),
        ("/userIdentity", json!("Root"), "expected struct"),
        ("/eventID", Value::Null, "invalid type: null"),
        ("/responseElements", Value::Null, "responseElements.credentials.accessKeyId"),
        ("/requestID", json!("x".repeat(5000)), "requestID is longer than 4096 bytes"),
    ] {
        let error = read(&with(assume_root_record(), path, value).to_string()).unwrap_err();
        assert!(error.contains(said), "{path}: {error}");
    }
    let nobody = with(assume_root_record(), "/recipientAccountId", json!("me"));
    let nobody = with(nobody, "/userIdentity/accountId", json!("me"));
    assert!(read(&nobody.to_string()).unwrap_err().contains("recipientAccountId"));
    let flag = with(session_record(), "/userIdentity/sessionContext/assumedRoot", json!(1));
    assert!(read(&flag.to_string()).unwrap_err().contains("assumedRoot"));
    let long = format!("\"{}\"", "y".repeat(10_000));
    let error =
        read(&assume_root_record().to_string().replacen("\"1.11\"", &long, 1).replace("\"r-1\"", "[]")).unwrap_err();
    assert!(error.len() < 300, "what a stranger wrote is not echoed: {error}");
}

/// What the reader says of a text, and the records it got before.
fn streamed(text: &str) -> (Vec<String>, Result<(), String>) {
    let mut records = Vec::new();
    let end = stream(text.as_bytes(), &mut |record| records.push(record.to_owned()));
    (records, end.map_err(|error| error.to_string()))
}

#[test]
fn records_are_handed_over_one_by_one_up_to_the_fault() {
    let (records, end) = streamed("{\"a\":[{}],\"Records\":[{\"x\":1}, 2,null],\"b\":{}} ");
    assert_eq!((records, end), (vec!["{\"x\":1}".to_owned(), "2".to_owned(), "null".to_owned()], Ok(())));
    for (text, count, said) in [
        ("{\"Records\":[1,2", 2, "EOF"),
        ("{\"Records\":[1,}", 1, "expected value"),
        ("{\"Records\":{}}", 0, "expected a list of records"),
        ("{\"Events\":[]}", 0, "has no Records"),
        ("[]", 0, "as in a CloudTrail log file"),
        ("", 0, "EOF"),
        ("{\"Records\":[]} {}", 0, "trailing"),
    ] {
        let (records, end) = streamed(text);
        let error = end.unwrap_err();
        assert!(records.len() == count && error.contains(said), "{text}: {error}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("333333333333")),
        Just(json!("ASIAANY")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place of a record that is read.
const PLACES: [&str; 20] = [
    "/eventTime",
    "/eventSource",
    "/eventName",
    "/awsRegion",
    "/recipientAccountId",
    "/userIdentity",
    "/userIdentity/type",
    "/userIdentity/arn",
    "/userIdentity/accountId",
    "/userIdentity/accessKeyId",
    "/userIdentity/sessionContext",
    "/userIdentity/sessionContext/sourceIdentity",
    "/eventID",
    "/requestID",
    "/sourceIPAddress",
    "/requestParameters",
    "/requestParameters/targetPrincipal",
    "/requestParameters/taskPolicyArn",
    "/responseElements",
    "/responseElements/credentials",
];

proptest! {
    #[test]
    fn whatever_stands_in_a_member_is_read_or_told(place in prop::sample::select(&PLACES[..]), value in any_json()) {
        let record = with(assume_root_record(), place, value);
        if let Err(error) = read(&record.to_string()) {
            prop_assert!(!error.is_empty() && error.chars().count() < 300);
        }
    }

    #[test]
    fn any_text_is_read_or_told(text in ".{0,200}") {
        let _ = read(&text);
        let _ = streamed(&text);
    }

    #[test]
    fn any_json_is_read_or_told(value in any_json(), records in prop::collection::vec(any_json(), 0..4)) {
        let _ = read(&value.to_string());
        let count = records.len();
        let (found, end) = streamed(&json!({ "x": value, "Records": records }).to_string());
        prop_assert_eq!((found.len(), end), (count, Ok(())));
    }

    #[test]
    fn a_log_that_was_cut_is_never_taken_for_a_whole_one(cut in 0_usize..400) {
        let text = json!({ "Records": [assume_root_record(), session_record()] }).to_string();
        let cut = text.len() - 1 - cut.min(text.len() - 1);
        prop_assert!(streamed(&text[..cut]).1.is_err());
    }
}
