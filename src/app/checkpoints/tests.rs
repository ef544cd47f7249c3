use std::{os::unix::fs::PermissionsExt as _, path::Path};

use tempfile::TempDir;

use super::*;
use crate::{
    clock::{ManualClock, Timestamp},
    journal::{Event, read_checkpoints},
};

const ORIGIN: &str = "rootgate.example.com/journal";

struct Site {
    directory: TempDir,
    clock: Arc<ManualClock>,
    key: PathBuf,
    journal: Journal,
}

impl Site {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
        let key = directory.path().join("key");
        CheckpointKey::generate(ORIGIN.parse().unwrap()).unwrap().write(&key).unwrap();
        let journal = Journal::open_patiently(&directory.path().join("journal.db"), clock.clone()).await.journal;
        let site = Self { directory, clock, key, journal };
        site.record().await;
        site
    }

    async fn record(&self) {
        let version = "0.1.0".to_owned();
        let started = Event::Started { version, configuration_sha256: None, policy_sha256: None };
        self.journal.append(started).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A process that publishes into these files.
    fn publisher(&self, files: &[&str]) -> Publisher {
        self.publisher_of(&self.journal, files)
    }

    fn publisher_of(&self, journal: &Journal, files: &[&str]) -> Publisher {
        let origin = ORIGIN.parse().unwrap();
        let anchors = files.iter().map(|name| Anchor::file(&self.path(name), &origin)).collect();
        Publisher {
            checkpointer: Arc::new(Checkpointer::waiting(CheckpointKey::read(&self.key).unwrap(), origin)),
            journal: journal.clone(),
            clock: self.clock.clone(),
            interval: Duration::from_secs(300),
            anchors: Mutex::new(anchors),
        }
    }
}

impl Publisher {
    async fn now(&self) -> Round {
        self.round(LIMITS).await
    }

    async fn told(&self) -> Vec<Option<String>> {
        self.anchors.lock().await.iter().map(|anchor| anchor.told().map(str::to_owned)).collect()
    }
}

/// How many records each checkpoint of a file speaks of.
fn sizes(path: &Path, publisher: &Publisher) -> Vec<u64> {
    let keys = [publisher.checkpointer.verifier()];
    let size = |note: &SignedNote| Checkpoint::verified(note, &keys).unwrap().size;
    read_checkpoints(path).map(|notes| notes.iter().map(size).collect()).unwrap_or_default()
}

#[tokio::test]
async fn every_anchor_gets_the_head_once_for_each_time_that_it_moved() {
    let site = Site::new().await;
    let publisher = site.publisher(&["a", "b"]);
    for _ in 0..3 {
        assert_eq!(publisher.now().await, Round::Done);
    }
    site.record().await;
    site.record().await;
    assert_eq!(publisher.now().await, Round::Done);
    for name in ["a", "b"] {
        assert_eq!(sizes(&site.path(name), &publisher), [1, 3]);
    }
    // A restart without a new record publishes nothing again.
    let restarted = site.publisher(&["a"]);
    assert_eq!(restarted.now().await, Round::Done);
    assert_eq!(sizes(&site.path("a"), &restarted), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_by_itself_and_the_stop_is_signed() {
    let site = Site::new().await;
    let publisher = Arc::new(site.publisher(&["a"]));
    let task = tokio::spawn(Arc::clone(&publisher).run());
    while sizes(&site.path("a"), &publisher) != [1] {
        tokio::task::yield_now().await;
    }
    site.record().await;
    // Time stands still until everybody waits, and then goes on to the next round.
    while sizes(&site.path("a"), &publisher) != [1, 2] {
        sleep(Duration::from_secs(60)).await;
    }
    assert!(!task.is_finished());
    task.abort();
    // From here on the disk takes its time, which a clock that jumps would not wait for.
    tokio::time::resume();
    site.journal.clone().close().await.unwrap();
    publisher.last().await;
    assert_eq!(sizes(&site.path("a"), &publisher), [1, 2, 3]);
}

#[tokio::test]
async fn an_anchor_that_fails_holds_up_no_other_and_is_tried_again() {
    let site = Site::new().await;
    let publisher = site.publisher(&["missing/a", "b"]);
    assert_eq!(publisher.now().await, Round::Failed);
    assert_eq!(sizes(&site.path("b"), &publisher), [1]);
    let told = publisher.told().await;
    assert!(told[0].as_ref().unwrap().contains("missing/a cannot be written") && told[1].is_none(), "{told:?}");
    std::fs::create_dir(site.path("missing")).unwrap();
    assert_eq!(publisher.now().await, Round::Done);
    assert_eq!((sizes(&site.path("missing/a"), &publisher), publisher.told().await), (vec![1], vec![None, None]));
    assert_eq!(sizes(&site.path("b"), &publisher), [1]);
}

/// Somebody stops the gateway, puts an older copy of the journal in its place, and starts it again.
#[tokio::test]
async fn an_older_copy_of_the_journal_is_not_published_until_it_is_no_contradiction() {
    let (site, copy) = (Site::new().await, Site::new().await);
    site.record().await;
    assert_eq!(site.publisher(&["a"]).now().await, Round::Done);
    let restarted = site.publisher_of(&copy.journal, &["a", "b"]);
    assert_eq!(restarted.now().await, Round::Rollback);
    assert!(!site.path("b").exists(), "nor in an anchor that knows nothing");
    // The very same record again, which only clocks that stand still can make.
    copy.record().await;
    assert_eq!(restarted.now().await, Round::Done);
}

#[tokio::test]
async fn another_journal_that_is_longer_is_found_by_its_hashes() {
    let site = Site::new().await;
    site.record().await;
    assert_eq!(site.publisher(&["a"]).now().await, Round::Done);
    let another = Site::new().await;
    another.clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        another.record().await;
    }
    let restarted = site.publisher_of(&another.journal, &["a", "b"]);
    for _ in 0..2 {
        assert_eq!(restarted.now().await, Round::Rollback);
    }
    assert_eq!(sizes(&site.path("a"), &restarted), [2]);
    assert!(!site.path("b").exists(), "nor in an anchor that knows nothing");
}

/// Whether this process signs, for callers too.
async fn signs(publisher: &Publisher) -> bool {
    match publisher.checkpointer.sign_head(&publisher.journal).await {
        Ok(_) => true,
        Err(SignError::NotRead) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Only its owner can read it, as with a file of checkpoints.
fn leave(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_file_of_somebody_else_is_left_alone_and_nothing_is_signed_anywhere() {
    let (site, another) = (Site::new().await, Site::new().await);
    let foreign = another.publisher(&["a"]);
    assert_eq!(foreign.now().await, Round::Done);
    let of_another = std::fs::read(another.path("a")).unwrap();
    site.publisher(&["mine"]).now().await;
    let mine = std::fs::read(site.path("mine")).unwrap();
    for (content, expected) in [
        (of_another.clone(), "not one of this gateway"),
        (b"127.0.0.1 localhost\n".to_vec(), "is not a whole file of checkpoints"),
        ([&mine[..], b"x"].concat(), "is not a whole file of checkpoints"),
        ([b"hello\n", &mine[..]].concat(), "is not a whole file of checkpoints"),
    ] {
        leave(&site.path("a"), &content);
        let publisher = site.publisher(&["a", "b"]);
        for _ in 0..2 {
            assert_eq!(publisher.now().await, Round::Failed);
        }
        let told = publisher.told().await;
        assert!(told[0].as_ref().unwrap().contains(expected), "{told:?}");
        assert!(!site.path("b").exists() && !signs(&publisher).await, "{expected}");
        assert_eq!(std::fs::read(site.path("a")).unwrap(), content);
        // Once the operator has moved it away, it is well.
        std::fs::remove_file(site.path("a")).unwrap();
        assert_eq!(publisher.now().await, Round::Done);
        assert!(signs(&publisher).await && site.path("b").exists());
        std::fs::remove_file(site.path("b")).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_keeps_everything_from_being_signed() {
    let site = Site::new().await;
    std::fs::create_dir(site.path("a")).unwrap();
    let publisher = site.publisher(&["a", "b"]);
    assert!(!signs(&publisher).await, "not even before the first round");
    assert_eq!(publisher.now().await, Round::Failed);
    assert!(publisher.told().await[0].as_ref().unwrap().contains("cannot be read"));
    assert!(!site.path("b").exists() && !signs(&publisher).await);
}

/// What is known stays known: later the file is an anchor as others are.
#[tokio::test]
async fn a_file_that_is_spoilt_later_holds_up_no_other() {
    let site = Site::new().await;
    let publisher = site.publisher(&["a", "b"]);
    assert_eq!(publisher.now().await, Round::Done);
    let good = std::fs::read(site.path("a")).unwrap();
    leave(&site.path("a"), &[&good[..], b"x"].concat());
    site.record().await;
    assert_eq!(publisher.now().await, Round::Failed);
    assert_eq!(sizes(&site.path("b"), &publisher), [1, 2]);
    assert!(publisher.told().await[0].is_some());
    leave(&site.path("a"), &good);
    assert_eq!(publisher.now().await, Round::Done);
    assert_eq!((sizes(&site.path("a"), &publisher), publisher.told().await), (vec![1, 2], vec![None, None]));
}

/// Whoever may append to the file, and to nothing else, hides nothing.
#[tokio::test]
async fn an_older_checkpoint_that_is_appended_again_hides_no_rollback() {
    let (site, copy) = (Site::new().await, Site::new().await);
    let publisher = site.publisher(&["a"]);
    assert_eq!(publisher.now().await, Round::Done);
    let older = std::fs::read(site.path("a")).unwrap();
    site.record().await;
    assert_eq!(publisher.now().await, Round::Done);
    let all = std::fs::read(site.path("a")).unwrap();
    leave(&site.path("a"), &[&all[..], &older.repeat(100)].concat());
    let restarted = site.publisher_of(&copy.journal, &["a", "b"]);
    assert_eq!(restarted.now().await, Round::Rollback);
    assert!(!site.path("b").exists());
}

/// A file whose opening hangs until this value goes.
struct Hanging(PathBuf);

impl Hanging {
    fn at(path: PathBuf) -> Self {
        let _ = std::fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self(path)
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        // For reading and writing it opens at once, and whoever waits for a writer has one.
        let both = std::fs::OpenOptions::new().read(true).write(true).open(&self.0);
        std::fs::remove_file(&self.0).unwrap();
        drop(both);
    }
}

/// The look at what hangs ends soon, so that the test does; long enough for a look at the other file on a busy machine.
const SHORT: Limits = Limits { look: Duration::from_millis(500), publish: LIMITS.publish };

#[tokio::test]
async fn a_file_that_hangs_at_the_start_is_waited_for_by_all() {
    let site = Site::new().await;
    let hanging = Hanging::at(site.path("a"));
    let publisher = site.publisher(&["a", "b"]);
    for _ in 0..2 {
        assert_eq!(publisher.round(SHORT).await, Round::Failed);
    }
    assert!(!site.path("b").exists() && !signs(&publisher).await);
    assert!(publisher.told().await[0].as_ref().unwrap().contains("no answer within 0.5 s"));
    drop(hanging);
    // What hung comes to its end, and is looked at anew.
    publisher.now().await;
    assert_eq!(publisher.now().await, Round::Done);
    assert_eq!((sizes(&site.path("a"), &publisher), sizes(&site.path("b"), &publisher)), (vec![1], vec![1]));
}

#[tokio::test]
async fn a_file_that_hangs_later_takes_no_time_from_the_others_not_even_at_the_stop() {
    let site = Site::new().await;
    let publisher = site.publisher(&["a", "b"]);
    assert_eq!(publisher.now().await, Round::Done);
    let _hanging = Hanging::at(site.path("a"));
    site.record().await;
    assert_eq!(publisher.round(SHORT).await, Round::Failed);
    assert_eq!(sizes(&site.path("b"), &publisher), [1, 2]);
    site.record().await;
    publisher.last().await;
    assert_eq!(sizes(&site.path("b"), &publisher), [1, 2, 3]);
}
