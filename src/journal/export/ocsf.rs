//! Events of the Open Cybersecurity Schema Framework 1.6, one a line.
//!
//! What somebody asked of the gateway is an API Activity (6003), what the gateway did with itself an Application Lifecycle
//! (6002). Source: `events/application/` and `objects/` of the published schema, version 1.6.0.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::record::{Record, Told};
use crate::types::Kind;

/// How each line begins: members stand in the order of their names.
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
    let mut metadata = metadata(told);
    metadata["profiles"] = json!(["cloud"]);
    event.insert("metadata".to_owned(), metadata);
    let mut cloud = json!({ "provider": "AWS" });
    if let Some(account) = told.text("/account_id") {
        cloud["account"] = json!({ "uid": account, "type_id": AWS_ACCOUNT, "type": "AWS Account" });
    }
    event.insert("cloud".to_owned(), cloud);
    let subject = told.subject();
    // The gateway's peer is known by what it proved to be, not by an address.
    let endpoint = subject.as_ref().map_or(json!({ "name": "unknown" }), |subject| json!({ "uid": subject }));
    event.insert("src_endpoint".to_owned(), endpoint);
    let groups: Vec<_> = told.texts("/caller/groups").into_iter().map(|group| json!({ "name": group })).collect();
    let user = subject.map_or(json!({ "name": "unknown" }), |subject| match groups.as_slice() {
        [] => json!({ "uid": subject }),
        _ => json!({ "uid": subject, "groups": groups }),
    });
    event.insert("actor".to_owned(), json!({ "user": user }));
    event.insert("api".to_owned(), api(told, operation));
    if let Some(resource) = told.text("/resource") {
        event.insert("resources".to_owned(), json!([{ "uid": resource }]));
    }
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
    let mut api = json!({ "operation": operation, "service": { "name": PRODUCT } });
    if let Some(operation_id) = told.record.operation_id() {
        api["request"] = json!({ "uid": operation_id });
    }
    if let (Some(reason), message) = (told.text("/error/reason"), told.text("/error/message")) {
        api["response"] = json!({ "error": reason, "error_message": message });
    }
    api
}

fn lifecycle(event: &mut Map<String, Value>, told: &Told<'_>) {
    let (id, name) = match told.record.event() {
        "Started" => (START.0, START.1),
        "Stopped" => (STOP.0, STOP.1),
        other => (OTHER, other),
    };
    classify(event, APPLICATION_LIFECYCLE, "Application Lifecycle", id, name);
    event.insert("metadata".to_owned(), metadata(told));
    let mut app = json!({ "name": PRODUCT, "vendor_name": PRODUCT });
    if let Some(version) = told.record.body.text("version") {
        app["version"] = version.into();
    }
    event.insert("app".to_owned(), app);
}

fn metadata(told: &Told<'_>) -> Value {
    let record = told.record;
    let mut metadata = json!({
        "version": SCHEMA_VERSION,
        "product": { "name": PRODUCT, "vendor_name": PRODUCT },
        "uid": record.receipt(),
        "event_code": record.event(),
        "log_name": "journal",
        "original_time": record.body.recorded_at.to_string(),
        "sequence": record.stored.index,
    });
    if let Some(operation_id) = record.operation_id() {
        metadata["correlation_uid"] = operation_id.into();
    }
    metadata
}
