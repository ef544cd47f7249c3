use super::{
    super::super::{
        Opened,
        tests::{Fixture, refusal, started},
    },
    *,
};

fn checkpointer() -> Checkpointer {
    Checkpointer::new(key(ORIGIN), origin())
}

fn read(checkpointer: &Checkpointer, note: &SignedNote) -> Checkpoint {
    Checkpoint::verified(note, &[checkpointer.verifier()]).unwrap()
}

#[tokio::test]
async fn the_head_is_signed_as_it_is_now() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let checkpointer = checkpointer();
    let empty = read(&checkpointer, &checkpointer.sign_head(&journal).await.unwrap());
    assert_eq!(empty, Checkpoint::of_head(origin(), None));
    for _ in 0..3 {
        let position = journal.append(started()).await.unwrap();
        assert_eq!(journal.head().await.unwrap(), Some(position));
        let checkpoint = read(&checkpointer, &checkpointer.sign_head(&journal).await.unwrap());
        assert_eq!(checkpoint, Checkpoint::of_head(origin(), Some(position)));
    }
    journal.clone().close().await.unwrap();
    let stopped = checkpointer.sign_head(&journal).await.unwrap();
    assert_eq!(read(&checkpointer, &stopped).size, 4, "also of a journal that is closed");
}

#[tokio::test]
async fn a_last_record_that_is_damaged_is_not_signed() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    journal.append(started()).await.unwrap();
    let last = journal.append(started()).await.unwrap();
    forge(&fixture.path, "UPDATE records SET body = replace(body, '0.1.0', '0.2.0') WHERE idx = 2").await;
    let error = checkpointer().sign_head(&journal).await.unwrap_err();
    assert!(matches!(error, SignError::Journal(ReadError::Tampered { index: 2, .. })), "{error}");
    assert!(error.to_string().contains("record 2 is damaged"), "{error}");
    assert_eq!(last.index, 2);
}

#[tokio::test]
async fn a_journal_that_was_cut_is_not_signed_again() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let checkpointer = checkpointer();
    for _ in 0..3 {
        journal.append(started()).await.unwrap();
    }
    let before = checkpointer.sign_head(&journal).await.unwrap();
    forge(&fixture.path, "DELETE FROM records WHERE idx = 3").await;
    let error = checkpointer.sign_head(&journal).await.unwrap_err();
    assert!(matches!(error, SignError::Cut { signed: 3, found: 2 }) && error.is_rollback(), "{error}");
    // Nor by the process after this one, once it has seen what was signed.
    let later = Checkpointer::new(key("another.example"), origin());
    assert!(later.sign_head(&journal).await.is_ok());
    assert!(matches!(later.continue_from(&before).await, Err(CheckpointError::UnknownSigner { .. })));
}

#[tokio::test]
async fn a_journal_in_place_of_another_is_not_signed_whether_shorter_or_longer() {
    let (first, second) = (Fixture::new(), Fixture::new());
    let Opened { journal, .. } = first.open().await;
    let checkpointer = checkpointer();
    journal.append(started()).await.unwrap();
    journal.append(started()).await.unwrap();
    let note = checkpointer.sign_head(&journal).await.unwrap();
    let Opened { journal: other, .. } = second.open().await;
    other.append(refusal("other")).await.unwrap();
    let error = checkpointer.sign_head(&other).await.unwrap_err();
    assert!(matches!(error, SignError::Cut { signed: 2, found: 1 }), "{error}");
    for _ in 0..3 {
        other.append(started()).await.unwrap();
        let error = checkpointer.sign_head(&other).await.unwrap_err();
        assert!(matches!(error, SignError::Replaced { signed: 2 }) && error.is_rollback(), "{error}");
    }
    // Through a restart, from the anchor.
    let secret: CheckpointKey = checkpointer.key.secret_text().unwrap().parse().unwrap();
    let restarted = Checkpointer::new(secret, origin());
    restarted.continue_from(&note).await.unwrap();
    assert!(matches!(restarted.sign_head(&other).await, Err(SignError::Replaced { signed: 2 })));
    restarted.sign_head(&journal).await.unwrap();
}

#[tokio::test]
async fn what_was_signed_for_another_journal_is_not_continued() {
    let key = key(ORIGIN);
    let note = key.sign(Checkpoint::of_head("other.example".parse().unwrap(), Some(position(9))).text()).unwrap();
    let checkpointer = Checkpointer::new(key, origin());
    assert!(matches!(checkpointer.continue_from(&note).await, Err(CheckpointError::OtherOrigin { .. })));
    let fixture = Fixture::new();
    checkpointer.sign_head(&fixture.open().await.journal).await.unwrap();
}

#[tokio::test]
async fn an_older_checkpoint_does_not_make_a_newer_one_forgotten() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let checkpointer = checkpointer();
    journal.append(started()).await.unwrap();
    let old = checkpointer.sign_head(&journal).await.unwrap();
    journal.append(started()).await.unwrap();
    checkpointer.sign_head(&journal).await.unwrap();
    checkpointer.continue_from(&old).await.unwrap();
    forge(&fixture.path, "DELETE FROM records WHERE idx = 2").await;
    assert!(matches!(checkpointer.sign_head(&journal).await, Err(SignError::Cut { signed: 2, found: 1 })));
}

#[tokio::test]
async fn an_older_checkpoint_of_another_journal_is_a_contradiction_too() {
    let (first, second) = (Fixture::new(), Fixture::new());
    let Opened { journal, .. } = first.open().await;
    let Opened { journal: other, .. } = second.open().await;
    let key = key(ORIGIN);
    let twin: CheckpointKey = key.secret_text().unwrap().parse().unwrap();
    let (checkpointer, twin) = (Checkpointer::new(key, origin()), Checkpointer::new(twin, origin()));
    other.append(refusal("other")).await.unwrap();
    let of_other = twin.sign_head(&other).await.unwrap();
    for _ in 0..3 {
        journal.append(started()).await.unwrap();
    }
    checkpointer.sign_head(&journal).await.unwrap();
    checkpointer.continue_from(&of_other).await.unwrap();
    assert!(matches!(checkpointer.sign_head(&journal).await, Err(SignError::Replaced { signed: 1 })));
}

impl Checkpointer {
    /// The process after this one.
    fn restarted(&self) -> Self {
        Self::new(self.key.secret_text().unwrap().parse().unwrap(), origin())
    }
}

#[tokio::test]
async fn of_what_was_shown_the_latest_counts() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let before = checkpointer();
    journal.append(started()).await.unwrap();
    let old = before.sign_head(&journal).await.unwrap();
    journal.append(started()).await.unwrap();
    let new = before.sign_head(&journal).await.unwrap();
    forge(&fixture.path, "DELETE FROM records WHERE idx = 2").await;
    let restarted = before.restarted();
    for note in [&new, &old] {
        restarted.continue_from(note).await.unwrap();
        let error = restarted.sign_head(&journal).await.unwrap_err();
        assert!(matches!(error, SignError::Cut { signed: 2, found: 1 }), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_signed_while_it_is_not_known_what_was() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let waiting = Checkpointer::waiting(key(ORIGIN), origin());
    for sign in [waiting.sign_head(&journal).await, waiting.sign_at(&(&fixture.path).into()).await] {
        let error = sign.unwrap_err();
        assert!(matches!(error, SignError::NotRead) && !error.is_rollback(), "{error}");
    }
    waiting.may_sign();
    waiting.until_it_may_sign().await;
    waiting.sign_head(&journal).await.unwrap();
}

/// What whoever owns the tables says of archives vouches for nothing.
#[tokio::test]
async fn a_record_that_is_said_to_be_archived_is_not_taken_for_the_one_that_was_signed() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    let before = checkpointer();
    let mut notes = vec![];
    for _ in 0..9 {
        journal.append(started()).await.unwrap();
        notes.push(before.sign_head(&journal).await.unwrap());
    }
    let mark = "INSERT INTO archived (id, last_index, hash) SELECT 1, idx, hash FROM records WHERE idx = 6";
    forge(&fixture.path, mark).await;
    forge(&fixture.path, "DELETE FROM records WHERE idx <= 6").await;
    for (signed, note) in (1..).zip(&notes) {
        let restarted = before.restarted();
        restarted.continue_from(note).await.unwrap();
        let result = restarted.sign_head(&journal).await;
        if signed < 6 {
            let error = result.unwrap_err();
            assert!(matches!(error, SignError::Archived { archived: 6, signed: s } if s == signed), "{error}");
            assert!(error.is_rollback() && error.to_string().contains("name a new file"), "{error}");
        } else {
            assert!(result.is_ok(), "{signed} is there, or is the very one that is marked");
        }
    }
    forge(&fixture.path, "UPDATE archived SET hash = zeroblob(32)").await;
    let restarted = before.restarted();
    restarted.continue_from(&notes[5]).await.unwrap();
    assert!(matches!(restarted.sign_head(&journal).await, Err(SignError::Replaced { signed: 6 })));
}
