//! Reads the journal over the API.

use aws_lc_rs::digest::{Context, SHA256};
use rootgate::pb::{self, journal_service_client::JournalServiceClient};
use serde_json::Value;
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
use tonic::{Code, transport::Channel};

use crate::harness::{
    ANALYTICS, AUDITOR, OPERATOR, PAYMENTS, REASON, Refusal, STRANGER, Setup, World, answer, refused,
};

/// Operators act and auditors read: nobody may do both.
const POLICIES: &str = r#"
@id("operators") permit(principal in Rootgate::Group::"operators", action in [Rootgate::Action::"Read", Rootgate::Action::"Write"], resource);
@id("auditors") permit(principal in Rootgate::Group::"auditors", action in Rootgate::Action::"ReadJournal", resource);
"#;

type Journal = JournalServiceClient<Channel>;

async fn world() -> World {
    World::start_with(Setup { policies: POLICIES.to_owned(), ..Setup::default() }).await
}

async fn journal(world: &World, caller: &str) -> Journal {
    JournalServiceClient::new(world.as_caller(caller).await.channel)
}

fn all() -> pb::ListRecordsRequest {
    pb::ListRecordsRequest { reason: REASON.to_owned(), ..Default::default() }
}

async fn list(journal: &mut Journal, request: pb::ListRecordsRequest) -> Result<pb::ListRecordsResponse, Refusal> {
    answer(journal.list_records(request).await)
}

/// Every page, and how many there were.
async fn pages(journal: &mut Journal, mut request: pb::ListRecordsRequest) -> (Vec<pb::JournalRecord>, usize) {
    let (mut records, mut count) = (Vec::new(), 0);
    loop {
        let page = list(journal, request.clone()).await.unwrap();
        records.extend(page.records);
        count += 1;
        assert!(count < 100, "a listing ends");
        if page.next_page_token.is_empty() {
            return (records, count);
        }
        request.page_token = page.next_page_token;
    }
}

fn body(record: &pb::JournalRecord) -> Value {
    serde_json::from_str(&record.body_json).unwrap()
}

fn events(records: &[pb::JournalRecord]) -> Vec<String> {
    records.iter().map(|record| body(record)["event"].as_str().unwrap().to_owned()).collect()
}

/// As the comment of `JournalRecord.hash` says, without a word of the gateway's own code.
fn hash_of(record: &pb::JournalRecord) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digits = record.previous_hash.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let previous: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let mut digest = Context::new(&SHA256);
    digest.update(b"rootgate/journal/v1\n");
    digest.update(&record.index.to_be_bytes());
    digest.update(&previous);
    digest.update(&(record.body_json.len() as u64).to_be_bytes());
    digest.update(record.body_json.as_bytes());
    hex(digest.finish().as_ref())
}

#[tokio::test]
async fn pages_are_the_journal_record_by_record_although_each_look_is_recorded() {
    let world = world().await;
    let mut operator = world.as_caller(OPERATOR).await;
    for _ in 0..4 {
        operator.audit(PAYMENTS).await.unwrap();
    }
    let written = world.records().await;
    let mut auditor = journal(&world, AUDITOR).await;
    let (listed, count) = pages(&mut auditor, pb::ListRecordsRequest { page_size: 2, ..all() }).await;
    assert!(count >= written.len() / 2, "{count} pages of two");
    // The first look's own intent is in it; what came later is not.
    assert_eq!(listed.len(), written.len() + 1);
    let mut previous = "0".repeat(64);
    for (n, record) in listed.iter().enumerate() {
        assert_eq!((record.index, record.previous_hash.as_str()), (n as i64 + 1, previous.as_str()));
        assert_eq!(hash_of(record), record.hash);
        previous.clone_from(&record.hash);
    }
    for (mine, written) in listed.iter().zip(&written) {
        assert_eq!((mine.hash.as_str(), body(mine)), (written.hash.as_str(), written.body.clone()));
    }
    let next =
        list(&mut auditor, pb::ListRecordsRequest { from_index: listed.len() as i64 + 1, ..all() }).await.unwrap();
    assert_eq!(next.records[0].previous_hash, previous, "where the listing ended another goes on");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let world = world().await;
    let mut operator = world.as_caller(OPERATOR).await;
    let audited = operator.audit(PAYMENTS).await.unwrap().receipt.unwrap();
    operator.audit(ANALYTICS).await.unwrap();
    refused(world.as_caller(STRANGER).await.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let mut auditor = journal(&world, AUDITOR).await;
    let mut find = async |request: pb::ListRecordsRequest| {
        let through = list(&mut auditor, all()).await.unwrap();
        let found = list(&mut auditor, request).await.unwrap();
        let before = |record: &pb::JournalRecord| record.index < through.records.last().unwrap().index;
        found.records.into_iter().filter(before).collect::<Vec<_>>()
    };
    let of_account = find(pb::ListRecordsRequest { account_id: PAYMENTS.to_owned(), ..all() }).await;
    assert_eq!(events(&of_account), ["Intent", "Outcome", "Refusal"]);
    let of_operation = find(pb::ListRecordsRequest { operation_id: audited.operation_id.clone(), ..all() }).await;
    assert_eq!(of_operation.last().unwrap().hash, audited.record_hash);
    assert_eq!(events(&of_operation), ["Intent", "Outcome"]);
    let refusals = find(pb::ListRecordsRequest { event: "Refusal".to_owned(), ..all() }).await;
    assert_eq!(events(&refusals), ["Refusal"]);
    let of_stranger = find(pb::ListRecordsRequest { caller: STRANGER.to_owned(), ..all() }).await;
    assert_eq!(of_stranger, refusals);
    let of_operator = find(pb::ListRecordsRequest { caller: OPERATOR.to_owned(), ..all() }).await;
    assert_eq!(events(&of_operator), ["Intent", "Outcome", "Intent", "Outcome"]);
    let since = pb::ListRecordsRequest { since: refusals[0].recorded_at, ..all() };
    assert_eq!(find(since).await[0], refusals[0]);
    let until = pb::ListRecordsRequest { until: of_operation[0].recorded_at, ..all() };
    assert_eq!(events(&find(until).await), ["Started"]);
}

#[tokio::test]
async fn what_was_asked_and_how_much_was_read_is_recorded() {
    let world = world().await;
    let mut auditor = journal(&world, AUDITOR).await;
    let request = pb::ListRecordsRequest {
        page_size: 1,
        account_id: PAYMENTS.to_owned(),
        event: "Intent".to_owned(),
        caller: OPERATOR.to_owned(),
        ticket: "INC-7".to_owned(),
        ..all()
    };
    let receipt = list(&mut auditor, request).await.unwrap().receipt.unwrap();
    let records = world.records().await;
    let [.., intent, outcome] = records.as_slice() else { panic!("two records") };
    assert_eq!((intent.event(), intent.text("operation"), intent.text("ticket")), ("Intent", "ListRecords", "INC-7"));
    assert_eq!((intent.text("caller/subject"), intent.text("account_id")), (AUDITOR, PAYMENTS));
    assert_eq!((intent.text("arguments/event"), intent.text("arguments/caller")), ("Intent", OPERATOR));
    assert_eq!((intent.text("arguments/page_size"), intent.text("resource")), ("1", "journal"));
    assert_eq!((outcome.number("detail/records"), outcome.number("detail/through_index")), (0, intent.index));
    assert_eq!(receipt.record_hash, outcome.hash);
    assert!(world.acts_on_aws().is_empty());
}

#[tokio::test]
async fn whoever_may_not_read_is_refused_on_record() {
    let world = world().await;
    for caller in [STRANGER, OPERATOR] {
        let mut journal = journal(&world, caller).await;
        for account_id in [String::new(), PAYMENTS.to_owned()] {
            let request = pb::ListRecordsRequest { account_id: account_id.clone(), ..all() };
            refused(list(&mut journal, request).await, Code::PermissionDenied, "PERMISSION_DENIED");
            let records = world.records().await;
            let refusal = records.last().unwrap();
            assert_eq!((refusal.event(), refusal.text("rpc")), ("Refusal", "ListRecords"));
            assert_eq!((refusal.text("caller/subject"), refusal.text("account_id")), (caller, account_id.as_str()));
        }
    }
}

#[tokio::test]
async fn a_token_of_somebodys_own_making_or_of_another_listing_is_refused() {
    let world = world().await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    let mut auditor = journal(&world, AUDITOR).await;
    let first = list(&mut auditor, pb::ListRecordsRequest { page_size: 1, ..all() }).await.unwrap();
    let token = first.next_page_token;
    let with = |page_token: &str| pb::ListRecordsRequest { page_token: page_token.to_owned(), ..all() };
    assert_eq!(list(&mut auditor, with(&token)).await.unwrap().records[0].index, 2);
    let other = pb::ListRecordsRequest { account_id: PAYMENTS.to_owned(), ..with(&token) };
    let forged = token.replacen('2', "3", 1);
    for request in [other, with(&forged), with("2"), with("\u{202e}'; DROP TABLE records; --"), with(&"9".repeat(2000))]
    {
        let refusal = refused(list(&mut auditor, request).await, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(refusal.fields(), ["page_token"]);
        assert!(refusal.status.message().contains("every filter"), "{refusal:?}");
        assert!(!refusal.status.message().contains("DROP"), "what a stranger sent is not echoed");
    }
    let refusal = refused(
        list(&mut auditor, pb::ListRecordsRequest { page_size: -1, from_index: -7, ..all() }).await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(refusal.fields(), ["page_size", "from_index"]);
}

#[tokio::test]
async fn policy_can_permit_what_is_recorded_about_one_account() {
    let policies = format!(
        "permit(principal in Rootgate::Group::\"auditors\", action == Rootgate::Action::\"ListRecords\", \
         resource in Rootgate::Account::\"{PAYMENTS}\");"
    );
    let world = World::start_with(Setup { policies, ..Setup::default() }).await;
    let mut auditor = journal(&world, AUDITOR).await;
    let about = |account: &str| pb::ListRecordsRequest { account_id: account.to_owned(), ..all() };
    let own = list(&mut auditor, about(PAYMENTS)).await.unwrap().records;
    assert_eq!(events(&own), ["Intent"], "that of this very look");
    for request in [about(ANALYTICS), all()] {
        refused(list(&mut auditor, request).await, Code::PermissionDenied, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn a_journal_that_was_tampered_with_is_not_handed_out() {
    let world = world().await;
    refused(world.as_caller(STRANGER).await.audit(PAYMENTS).await, Code::PermissionDenied, "PERMISSION_DENIED");
    let mut owner = SqliteConnectOptions::new().filename(world.journal_path()).connect().await.unwrap();
    for statement in [
        "DROP TRIGGER records_no_update",
        "UPDATE records SET body = replace(body, 'mallory', 'somebody') WHERE idx = 2",
    ] {
        sqlx::query(statement).execute(&mut owner).await.unwrap();
    }
    let mut auditor = journal(&world, AUDITOR).await;
    let refusal = refused(list(&mut auditor, all()).await, Code::Internal, "INTERNAL");
    let private = ["record 2", "hash", "somebody", "mallory", "journal.db"];
    assert!(!private.iter().any(|word| refusal.status.message().contains(word)), "{refusal:?}");
    let records = rootgate::journal::list(world.journal_path().as_path(), 4, 1).await.unwrap();
    assert!(records[0].body.contains("record 2: its hash does not match"), "{records:?}");
    // What lies before it can still be read.
    let early = pb::ListRecordsRequest { page_size: 1, ..all() };
    assert_eq!(list(&mut auditor, pb::ListRecordsRequest { from_index: 4, ..early }).await.unwrap().records.len(), 1);
}
