//! What is old enough goes, and only that; the records stay and say so.

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn what_is_older_expires_and_its_record_stays() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (old, _) = keep(&journal, "payments", "old").await;
    fixture.clock.advance(DAY);
    let (young, kept) = keep(&journal, "payments", "young").await;
    assert_eq!(journal.expire_backups(kept.recorded_at).await.unwrap(), 1, "what is just as old stays");
    assert_eq!(journal.backup(&old).await.unwrap(), None);
    assert_eq!(journal.backup(&young).await.unwrap().unwrap().policy, "young");
    let expired = fixture.bodies().await.pop().unwrap();
    let moment = kept.recorded_at.to_string();
    assert_eq!((&expired["event"], &expired["count"]), (&json!("BackupsExpired"), &json!(1)));
    assert_eq!(expired["older_than"], moment);
    assert_eq!(fixture.verify().await.records, 7);
    assert_eq!(fixture.bodies().await[1]["reason"], "Locked out by policy change");
}

#[tokio::test]
async fn nothing_to_expire_is_no_record() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    keep(&journal, "payments", POLICY).await;
    for _ in 0..2 {
        assert_eq!(journal.expire_backups(Timestamp::from_unix(0, 0)).await.unwrap(), 0);
    }
    assert_eq!(fixture.verify().await.records, 3);
}

#[tokio::test]
async fn many_expire_some_at_a_time_each_time_with_a_record() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let batch = u64::from(writer::DELETED_MAX);
    let acts = acting(&journal, batch + 10).await;
    let backups = acts.into_iter().map(|(id, index)| journal.append(backup_of(id, index, "b", POLICY)));
    for answer in join_all(backups).await {
        answer.unwrap();
    }
    fixture.clock.advance(DAY);
    assert_eq!(journal.expire_backups(fixture.clock.now()).await.unwrap(), batch + 10);
    let counts: Vec<Value> = fixture.bodies().await.split_off(2 * (usize::try_from(batch).unwrap() + 10));
    assert_eq!(counts.iter().map(|body| &body["count"]).collect::<Vec<_>>(), [&json!(batch), &json!(10)]);
    assert_eq!(count(&fixture.path).await, 0);
    fixture.verify().await;
    journal.close().await.unwrap();
    fixture.open().await;
}

#[tokio::test]
async fn what_is_deleted_by_hand_is_found_unless_it_had_expired() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    keep(&journal, "payments", "old").await;
    fixture.clock.advance(DAY);
    keep(&journal, "payments", "young").await;
    let young = fixture.clock.now();
    journal.expire_backups(young).await.unwrap();
    fixture.verify().await;
    run_on(&fixture.path, "DELETE FROM policy_backups").await;
    assert_eq!(fault(&fixture).await, (5, Fault::BackupMissing), "as old as the moment is not older");
}

#[tokio::test]
async fn an_expiry_whose_reply_is_lost_is_recorded_once() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(quick()).await.unwrap().journal;
    keep(&journal, "payments", POLICY).await;
    fixture.clock.advance(DAY);
    journal.lose_next_reply().await;
    assert!(journal.expire_backups(fixture.clock.now()).await.is_err());
    assert_eq!(journal.expire_backups(fixture.clock.now()).await.unwrap(), 0);
    journal.append(refusal("x")).await.unwrap();
    assert_eq!(fixture.events().await, ["Intent", "Backup", "Outcome", "BackupsExpired", "Refusal"]);
    fixture.verify().await;
}

#[tokio::test]
async fn nothing_expires_in_a_journal_that_is_closed() {
    let fixture = Fixture::new();
    let journal = fixture.open().await.journal;
    let (other, late) = (journal.clone(), journal.clone());
    let (closed, after) =
        tokio::join!(journal.close(), async { late.expire_backups(Timestamp::from_unix(0, 0)).await });
    closed.unwrap();
    assert!(matches!(after, Err(AppendError::Closed)));
    assert!(matches!(other.expire_backups(Timestamp::from_unix(0, 0)).await, Err(AppendError::Closed)));
}
