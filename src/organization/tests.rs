use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Mutex,
};

use tokio::time::Instant;

use super::*;
use crate::{
    clock::{Clock, ManualClock},
    telemetry::testing::Log,
};

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);
const TEXT: &str = "id = \"o-exampleorgid\"\n[accounts.333333333333]\nname = \"payments\"\n";

/// The time that tokio tells, which tests move.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        NOW.plus(self.0.elapsed())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("AWS is away")]
struct Away;

/// Answers as it was told to, the last answer for ever, and notes when it was asked.
struct Fake {
    answers: Mutex<VecDeque<Option<Tree>>>,
    asked: Mutex<Vec<Instant>>,
    takes: Duration,
}

impl Fake {
    fn new(answers: impl IntoIterator<Item = Option<Tree>>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, asked: Mutex::default(), takes: Duration::ZERO })
    }

    fn answer(&self, answer: Option<Tree>) {
        *self.answers.lock().unwrap() = [answer].into();
    }

    fn asked(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

impl ReadTree for Fake {
    type Error = Away;

    async fn read(&self) -> Result<Tree, Away> {
        self.asked.lock().unwrap().push(Instant::now());
        tokio::time::sleep(self.takes).await;
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        answer.ok_or(Away)
    }
}

/// A tree with an account of this name.
fn tree(name: &str) -> Tree {
    let member = crate::authz::Member { name: name.to_owned(), ..Default::default() };
    let accounts = HashMap::from([("333333333333".parse().unwrap(), member)]);
    Tree::new("o-exampleorgid", BTreeMap::new(), accounts).unwrap()
}

/// The name of the account in the tree in force.
fn name(keeper: &Keeper, now: Timestamp) -> Option<String> {
    let tree = keeper.tree(now)?;
    Some(tree.placement("333333333333".parse().unwrap())?.member.name.clone())
}

struct Kept {
    keeper: Arc<Keeper>,
    clock: Arc<TokioClock>,
    task: tokio::task::JoinHandle<()>,
}

impl Kept {
    /// Refreshed every five minutes, believed for an hour.
    fn start(reader: &Arc<Fake>) -> Self {
        let keeper = Arc::new(Keeper::of_aws(HOUR));
        let clock = Arc::new(TokioClock(Instant::now()));
        let (kept, time, reader) = (Arc::clone(&keeper), Arc::clone(&clock), Arc::clone(reader));
        let task = tokio::spawn(async move { keep_fresh(&kept, &*reader, 5 * MINUTE, &*time).await });
        Self { keeper, clock, task }
    }

    /// What is in force after this time, in which everything that is due happens.
    async fn after(&self, time: Duration) -> Option<String> {
        tokio::time::sleep(time).await;
        assert!(!self.task.is_finished());
        name(&self.keeper, self.clock.now())
    }
}

#[tokio::test(start_paused = true)]
async fn the_tree_is_read_at_once_and_again_and_again() {
    let reader = Fake::new([Some(tree("first")), Some(tree("second"))]);
    let kept = Kept::start(&reader);
    assert_eq!(kept.after(Duration::from_millis(1)).await.as_deref(), Some("first"));
    assert_eq!(kept.after(6 * MINUTE).await.as_deref(), Some("second"));
    kept.after(10 * HOUR).await;
    let asked = reader.asked();
    let waits: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let tenth = 5 * MINUTE / 10;
    assert!(waits.iter().all(|wait| (5 * MINUTE - tenth..=5 * MINUTE + tenth).contains(wait)), "{waits:?}");
    assert!((100..140).contains(&waits.len()), "{}", waits.len());
    let first = waits[0];
    assert!(waits.iter().any(|wait| wait.abs_diff(first) > Duration::from_secs(1)), "waits differ: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_cannot_be_read_again_stands_until_it_is_stale() {
    let reader = Fake::new([Some(tree("first")), None]);
    let kept = Kept::start(&reader);
    assert!(kept.after(Duration::from_millis(1)).await.is_some());
    assert_eq!(kept.after(HOUR - Duration::from_secs(1)).await.as_deref(), Some("first"));
    assert_eq!(kept.after(Duration::from_secs(2)).await, None);
    assert!(kept.keeper.is_used(), "there should be one");
    reader.answer(Some(tree("second")));
    assert_eq!(kept.after(6 * MINUTE).await.as_deref(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn without_a_first_tree_it_is_asked_for_soon() {
    let reader = Fake::new([None, None, Some(tree("late"))]);
    let kept = Kept::start(&reader);
    assert_eq!(kept.after(Duration::from_secs(4)).await, None);
    assert_eq!(kept.after(Duration::from_secs(20)).await.as_deref(), Some("late"));
    assert_eq!(reader.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn while_aws_is_away_it_is_asked_no_more_often_than_else() {
    let reader = Fake::new([None]);
    let kept = Kept::start(&reader);
    kept.after(10 * HOUR).await;
    let asked = reader.asked().len();
    // 5 s, 10 s, 20 s ... and then every five minutes.
    assert!((110..=145).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_tree_counts_from_when_its_reading_began() {
    let slow = Fake { takes: 40 * MINUTE, ..Arc::into_inner(Fake::new([Some(tree("slow"))])).unwrap() };
    let kept = Kept::start(&Arc::new(slow));
    assert_eq!(kept.after(41 * MINUTE).await.as_deref(), Some("slow"));
    assert_eq!(kept.after(20 * MINUTE).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_takes_longer_to_read_than_it_is_believed_is_told_once_with_the_fix() {
    let (log, _guard) = Log::start();
    let slow = Fake { takes: 61 * MINUTE, ..Arc::into_inner(Fake::new([Some(tree("slow"))])).unwrap() };
    let kept = Kept::start(&Arc::new(slow));
    assert_eq!(kept.after(4 * HOUR).await, None);
    let errors = log.lines("ERROR");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("age_seconds=3660") && errors[0].contains("raise organization.stale_after"),
        "{errors:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_is_told_of_changes_alone_and_how_old_the_tree_is() {
    let (log, _guard) = Log::start();
    let reader = Fake::new([Some(tree("first")), None]);
    let kept = Kept::start(&reader);
    kept.after(3 * HOUR).await;
    let warnings = log.lines("WARN");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("age_seconds=") && warnings[0].contains("error=AWS is away"), "{warnings:?}");
    let errors = log.lines("ERROR");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("policies that need it deny"), "{errors:?}");
    assert!(reader.asked().len() > 30);
    reader.answer(Some(tree("first")));
    kept.after(10 * MINUTE).await;
    assert_eq!(log.lines("can be read again").len(), 1);
    let in_force = log.lines("is in force");
    assert_eq!(in_force.len(), 1, "the same tree is no news: {in_force:?}");
    assert!(in_force[0].contains("accounts=1") && in_force[0].contains("sha256="), "{in_force:?}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_starts_without_aws_says_so_once() {
    let (log, _guard) = Log::start();
    let kept = Kept::start(&Fake::new([None]));
    kept.after(HOUR).await;
    assert_eq!((log.lines("ERROR").len(), log.lines("WARN").len()), (1, 0));
}

#[test]
fn without_a_source_there_is_never_a_tree() {
    let keeper = Keeper::unused();
    assert!(!keeper.is_used());
    keeper.replace_from_text(TEXT, NOW).unwrap();
    assert_eq!(keeper.tree(NOW), None);
}

#[test]
fn a_tree_of_aws_is_believed_for_its_time_and_not_if_the_clock_was_set_back() {
    let keeper = Keeper::of_aws(HOUR);
    assert_eq!(keeper.tree(NOW), None);
    assert!(keeper.is_used());
    keeper.replace(tree("a"), Moment::of(NOW));
    let clock = ManualClock::new(NOW);
    clock.advance(HOUR);
    assert!(keeper.tree(clock.now()).is_some());
    clock.advance(Duration::from_micros(1));
    assert_eq!(keeper.tree(clock.now()), None);
    let before =
        |age: Duration| Timestamp::from_unix_micros(NOW.unix_micros() - i64::try_from(age.as_micros()).unwrap());
    assert!(keeper.tree(before(MINUTE)).is_some(), "clocks are corrected by a little now and then");
    assert_eq!(keeper.tree(before(2 * HOUR)), None);
}

/// Whoever can set the clock must not be able to keep yesterday's organization in force.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_prolongs_no_tree() {
    let keeper = Keeper::of_aws(HOUR);
    keeper.replace(tree("a"), Moment::of(NOW));
    for _ in 0..4 {
        assert!(keeper.tree(NOW).is_some());
        tokio::time::advance(15 * MINUTE).await;
    }
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(keeper.tree(NOW), None, "an hour has passed, whatever the clock says");
    assert!(keeper.age(NOW).unwrap() > HOUR);
}

#[test]
fn a_file_does_not_age() {
    let keeper = Keeper::from_text(TEXT, NOW).unwrap();
    assert!(keeper.is_used());
    assert_eq!(name(&keeper, NOW.plus(10_000 * HOUR)).as_deref(), Some("payments"));
}

#[test]
fn a_bad_file_keeps_the_old_tree_and_says_all_that_is_wrong() {
    assert_eq!(Keeper::from_text("", NOW).unwrap_err().0, ["1:1: id: is required: write id = \"…\""]);
    let keeper = Keeper::from_text(TEXT, NOW).unwrap();
    let errors = keeper.replace_from_text(&format!("{TEXT}unit = 1\ntags = 2\n"), NOW).unwrap_err();
    assert_eq!(errors.0.len(), 2, "{errors}");
    assert!(errors.to_string().starts_with("4:8: accounts.333333333333.unit: must be a string"), "{errors}");
    assert_eq!(name(&keeper, NOW).as_deref(), Some("payments"));
}

#[test]
fn a_replacement_that_says_the_same_is_none() {
    let keeper = Keeper::from_text(TEXT, NOW).unwrap();
    let before = keeper.tree(NOW).unwrap();
    assert_eq!(keeper.replace_from_text(&format!("# reviewed\n{TEXT}"), NOW), Ok(false));
    assert!(Arc::ptr_eq(&before, &keeper.tree(NOW).unwrap()), "what was made of it stays good");
    assert_eq!(keeper.replace_from_text(&TEXT.replace("payments", "billing"), NOW), Ok(true));
    assert_eq!(name(&keeper, NOW).as_deref(), Some("billing"));
    assert!(!Arc::ptr_eq(&before, &keeper.tree(NOW).unwrap()));
}
