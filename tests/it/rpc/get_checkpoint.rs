//! Signs where the journal ends.

use rootgate::pb::{self, journal_service_client::JournalServiceClient};
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{AUDITOR, OPERATOR, REASON, World, answer, refused};

fn request() -> pb::GetCheckpointRequest {
    pb::GetCheckpointRequest { reason: REASON.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn without_a_key_it_says_what_is_missing_and_is_recorded() {
    let world = World::start().await;
    let mut journal = JournalServiceClient::new(world.as_caller(OPERATOR).await.channel);
    let refusal = refused(
        answer(journal.get_checkpoint(request()).await),
        Code::FailedPrecondition,
        "CHECKPOINTS_NOT_CONFIGURED",
    );
    let help = refusal.status.get_details_help().unwrap();
    let description = &help.links[0].description;
    let (section, place) = ("[journal.checkpoint]", "docs/JOURNAL.md, \"Publishing\"");
    assert!(description.contains(section) && description.contains(place), "{help:?}");
    let named = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/JOURNAL.md")).unwrap();
    assert!(named.split("### Publishing\n").nth(1).unwrap().contains(section));
    let records = world.records().await;
    let [.., intent, outcome] = records.as_slice() else { panic!("two records") };
    assert_eq!((intent.event(), intent.text("operation")), ("Intent", "GetCheckpoint"));
    assert_eq!((intent.text("resource"), intent.body["account_id"].is_null()), ("journal", true));
    assert_eq!(outcome.text("error/reason"), "CHECKPOINTS_NOT_CONFIGURED");
}

#[tokio::test]
async fn whoever_may_not_learns_nothing() {
    let world = World::start().await;
    let mut journal = JournalServiceClient::new(world.as_caller(AUDITOR).await.channel);
    // `Read` is not `ReadJournal`.
    refused(answer(journal.get_checkpoint(request()).await), Code::PermissionDenied, "PERMISSION_DENIED");
}
