//! Events of the Open Cybersecurity Schema Framework 1.6, one a line.
//!
//! What somebody asked of the gateway is an API Activity (6003), what the gateway did with itself an Application Lifecycle
//! (6002). Source: `events/application/` and `objects/` of the published schema, version 1.6.0.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::record::{Record, Told};
use crate::types::Kind;

/// How each line begins.
pub(in crate::journal) const HEAD: &[u8] = b"{\"activity_id\":";

const SCHEMA_VERSION: &str = "1.6.0";
const PRODUCT: &str = "rootgate";
/// `category_uid` of Application Activity.
const APPLICATION_ACTIVITY: u32 = 6;
const APPLICATION_LIFECYCLE: u32 = 6002;
const API_ACTIVITY: u32 = 6003;
/// `account.type_id` of an AWS account.
const AWS_ACCOUNT: u32 = 10;

/// `activity_id` and its caption.
#[derive(Clone, Copy)]
struct Activity(u32, &'static str);

const CREATE: Activity = Activity(1, "Create");
const READ: Activity = Activity(2, "Read");
const UPDATE: Activity = Activity(3, "Update");
const DELETE: Activity = Activity(4, "Delete");
const START: Activity = Activity(3, "Start");
const STOP: Activity = Activity(4, "Stop");
/// `activity_id` of what has no id; its name is ours.
const OTHER: u32 = 99;

/// `status_id` and its caption.
#[derive(Clone, Copy)]
struct Status(u32, &'static str);

const UNKNOWN: Status = Status(0, "Unknown");
const SUCCESS: Status = Status(1, "Success");
const FAILURE: Status = Status(2, "Failure");
/// The act is about to start.
const ALLOWED: Status = Status(99, "Allowed");

/// `severity_id` and its caption.
#[derive(Clone, Copy)]
struct Severity(u32, &'static str);

const INFORMATIONAL: Severity = Severity(1, "Informational");
const LOW: Severity = Severity(2, "Low");
const MEDIUM: Severity = Severity(3, "Medium");
/// A person has to look.
const HIGH: Severity = Severity(4, "High");

pub(super) fn write(record: &Record, intent: Option<&Record>, out: &mut dyn Write) -> io::Result<()> {
    let told = Told { record, intent };
    let mut event = common(&told);
    match told.operation() {
        Some(operation) => api_activity(&mut event, &told, &operation),
        None => lifecycle(&mut event, &told),
    }
    serde_json::to_writer(&mut *out, &event)?;
    out.write_all(b"\n")
}

/// What every class has.
fn common(told: &Told<'_>) -> Map<String, Value> {
    let record = told.record;
    let (Status(status_id, status), Severity(severity_id, severity)) = judged(told);
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
    // The first of the line, whether members stand in the order of their names or as they were put in.
    put("activity_id", OTHER.into());
    put("category_uid", APPLICATION_ACTIVITY.into());
    put("category_name", "Application Activity".into());
    put("time", record.body.recorded_at.unix_micros().div_euclid(1000).into());
    put("status_id", status_id.into());
    put("status", status.into());
    put("severity_id", severity_id.into());
    put("severity", severity.into());
    put("message", message(told).into());
    for (name, pointer) in [("status_code", "/error/reason"), ("status_detail", "/error/message")] {
        if let Some(text) = told.text(pointer) {
            put(name, text.into());
        }
    }
    put(
        "unmapped",
        json!({ "index": record.stored.index, "hash": record.stored.hash.to_string(), "record": record.body.members }),
    );
    event
}

/// How it went, and whether a person should look.
fn judged(told: &Told<'_>) -> (Status, Severity) {
    let result = told.record.body.text("result");
    match (told.record.event(), result) {
        ("Intent", _) => (ALLOWED, INFORMATIONAL),
        ("Refusal", _) => (FAILURE, LOW),
        ("Interrupted", _) | ("Outcome", Some("Unknown")) => (UNKNOWN, HIGH),
        ("StrayOutcome", Some("Succeeded")) => (SUCCESS, HIGH),
        ("StrayOutcome", Some("Failed")) => (FAILURE, HIGH),
        ("StrayOutcome", _) => (UNKNOWN, HIGH),
        (_, Some("Failed")) => (FAILURE, MEDIUM),
        _ => (SUCCESS, INFORMATIONAL),
    }
}

fn message(told: &Told<'_>) -> String {
    let mut words = told.record.event().to_owned();
    let parts = [
        (" ", told.record.body.text("result").map(str::to_owned)),
        (" of ", told.operation()),
        (" on ", told.text("/resource").or_else(|| told.text("/account_id"))),
        (" for ", told.subject()),
    ];
    for (word, part) in parts {
        if let Some(part) = part {
            words.push_str(word);
            words.push_str(&part);
        }
    }
    words
}

/// Class and activity.
fn classify(event: &mut Map<String, Value>, class_uid: u32, class_name: &str, activity_id: u32, activity_name: &str) {
    event.insert("class_uid".to_owned(), class_uid.into());
    event.insert("class_name".to_owned(), class_name.into());
    event.insert("activity_id".to_owned(), activity_id.into());
    event.insert("activity_name".to_owned(), activity_name.into());
    event.insert("type_uid".to_owned(), (class_uid * 100 + activity_id).into());
    event.insert("type_name".to_owned(), format!("{class_name}: {activity_name}").into());
}

fn api_activity(event: &mut Map<String, Value>, told: &Told<'_>, operation: &str) {
    match Kind::ALL.into_iter().find(|kind| kind.name() == operation).map(activity) {
        Some(Activity(id, name)) => classify(event, API_ACTIVITY, "API Activity", id, name),
        None => classify(event, API_ACTIVITY, "API Activity", OTHER, operation),
    }
    let subject = told.subject();
    let account = told
        .text("/account_id")
        .map(|account| json!({ "uid": account, "type_id": AWS_ACCOUNT, "type": "AWS Account" }));
    let groups: Vec<_> = told.texts("/caller/groups").into_iter().map(|group| json!({ "name": group })).collect();
    let user = match &subject {
        Some(subject) => object([
            ("uid", Some(subject.as_str().into())),
            ("groups", Some(groups).filter(|groups| !groups.is_empty()).map(Value::from)),
        ]),
        None => unknown(),
    };
    let parts = [
        ("metadata", Some(metadata(told, Some(json!(["cloud"]))))),
        ("cloud", Some(object([("provider", Some("AWS".into())), ("account", account)]))),
        // The gateway's peer is known by what it proved to be, not by an address.
        ("src_endpoint", Some(subject.map_or_else(unknown, |subject| json!({ "uid": subject })))),
        ("actor", Some(json!({ "user": user }))),
        ("api", Some(api(told, operation))),
        ("resources", told.text("/resource").map(|resource| json!([{ "uid": resource }]))),
    ];
    event.extend(parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

/// Nobody was proven.
fn unknown() -> Value {
    json!({ "name": "unknown" })
}

/// What each act does to what it acts on. Handing out a session creates one.
const fn activity(kind: Kind) -> Activity {
    match kind {
        Kind::AssumeRoot | Kind::AllowPasswordRecovery => CREATE,
        Kind::UnlockBucketPolicy | Kind::UnlockQueuePolicy | Kind::RestoreBucketPolicy | Kind::RestoreQueuePolicy => {
            UPDATE
        }
        Kind::DeleteRootCredentials => DELETE,
        Kind::AuditRootCredentials
        | Kind::ListPolicyBackups
        | Kind::ExplainAccess
        | Kind::ListRecords
        | Kind::GetCheckpoint => READ,
    }
}

fn api(told: &Told<'_>, operation: &str) -> Value {
    let response = told.text("/error/reason").map(|reason| {
        object([("error", Some(reason.into())), ("error_message", told.text("/error/message").map(Value::from))])
    });
    object([
        ("operation", Some(operation.into())),
        ("service", Some(json!({ "name": PRODUCT }))),
        ("request", told.record.operation_id().map(|operation_id| json!({ "uid": operation_id }))),
        ("response", response),
    ])
}

fn lifecycle(event: &mut Map<String, Value>, told: &Told<'_>) {
    match told.record.event() {
        "Started" => classify(event, APPLICATION_LIFECYCLE, "Application Lifecycle", START.0, START.1),
        "Stopped" => classify(event, APPLICATION_LIFECYCLE, "Application Lifecycle", STOP.0, STOP.1),
        other => classify(event, APPLICATION_LIFECYCLE, "Application Lifecycle", OTHER, other),
    }
    event.insert("metadata".to_owned(), metadata(told, None));
    let app = object([
        ("name", Some(PRODUCT.into())),
        ("vendor_name", Some(PRODUCT.into())),
        ("version", told.record.body.text("version").map(Value::from)),
    ]);
    event.insert("app".to_owned(), app);
}

fn metadata(told: &Told<'_>, profiles: Option<Value>) -> Value {
    let record = told.record;
    object([
        ("version", Some(SCHEMA_VERSION.into())),
        ("profiles", profiles),
        ("product", Some(json!({ "name": PRODUCT, "vendor_name": PRODUCT }))),
        ("uid", Some(record.receipt().into())),
        ("correlation_uid", record.operation_id().map(Value::from)),
        ("event_code", Some(record.event().into())),
        ("log_name", Some("journal".into())),
        ("original_time", Some(record.body.recorded_at.to_string().into())),
        ("sequence", Some(record.stored.index.into())),
    ])
}

/// An object of the members that there are.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
