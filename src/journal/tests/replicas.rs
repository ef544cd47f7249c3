//! Gateways that share a database: whose intents are whose, when one of them was away.

use rootgate_test_postgres::{Cluster, Database};
use sqlx::Connection as _;

use super::{backups::backup_of, *};
use crate::{store::Location, telemetry::testing::Log};

const HOUR: Duration = Duration::from_secs(3600);

/// A database, and what time it is for those who write it.
struct Shared {
    database: Database<'static>,
    clock: Arc<ManualClock>,
}

impl Shared {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(1_795_286_154, 0)));
        Self { database: Cluster::shared().database("journal"), clock }
    }

    fn location(&self) -> Location {
        Location::parse(self.database.url(), None).unwrap()
    }

    async fn open_within(&self, bounds: Bounds) -> Journal {
        let store = store::open(&self.location()).await.unwrap();
        Journal::open_within(store, self.clock.clone(), bounds).await.unwrap().journal
    }

    /// A gateway that gives signs of life when it is told to, and waits for nobody.
    async fn open(&self) -> Journal {
        self.open_within(Bounds { tend_interval: HOUR, patience: Duration::ZERO, ..patient() }).await
    }

    async fn events(&self) -> Vec<String> {
        let records = list(self.location(), 1, LIST_RECORDS_MAX).await.unwrap();
        let bodies = records.iter().map(|record| serde_json::from_str::<Value>(&record.body).unwrap());
        bodies.map(|body| body["event"].as_str().unwrap().to_owned()).collect()
    }

    fn open_intents(&self) -> String {
        self.database.query("SELECT count(*) FROM rootgate.open_intents")
    }

    /// As if nobody had given a sign of life for a long time.
    fn let_all_leases_end(&self) {
        self.database.execute("UPDATE rootgate.instances SET lives_until = now() - interval '1 second'");
    }

    /// As if only whoever came first had not.
    fn let_the_first_lease_end(&self) {
        self.database.execute(
            "UPDATE rootgate.instances SET lives_until = now() - interval '1 second' \
             WHERE instance = (SELECT min(instance) FROM rootgate.instances)",
        );
    }
}

#[tokio::test]
async fn an_act_that_begins_after_the_lease_has_ended_is_nobody_elses_to_close() {
    let shared = Shared::new();
    let (a, b) = (shared.open().await, shared.open().await);
    shared.let_the_first_lease_end();
    let id = OperationId::generate();
    let opened = a.append(intent(id)).await.unwrap();
    b.do_chore(writer::Chore::Tend).await.unwrap();
    assert_eq!(shared.open_intents(), "1", "the intent renewed the lease with it");
    a.append_until_durable(outcome(id, opened.index)).await;
    assert_eq!(shared.events().await, ["Intent", "Outcome"]);
}

#[tokio::test]
async fn whoever_was_away_leaves_the_others_time_to_come_back() {
    let shared = Shared::new();
    let (a, b) = (shared.open().await, shared.open().await);
    let patient = shared.open_within(Bounds { tend_interval: HOUR, patience: HOUR, ..patient() }).await;
    let id = OperationId::generate();
    let opened = a.append(intent(id)).await.unwrap();
    shared.let_all_leases_end();
    // B finds its own lease over, and so knows that the others may just not have come yet.
    b.do_chore(writer::Chore::Tend).await.unwrap();
    // This one as well, but with a record, so that its lease is good when its turn to tend comes.
    patient.append(refusal("x")).await.unwrap();
    patient.do_chore(writer::Chore::Tend).await.unwrap();
    assert_eq!(shared.open_intents(), "1");
    a.append_until_durable(outcome(id, opened.index)).await;
    assert_eq!(shared.events().await, ["Intent", "Refusal", "Outcome"], "its own outcome closes it");
}

#[tokio::test]
async fn whoever_has_just_come_waits_before_it_closes_what_the_dead_left() {
    let shared = Shared::new();
    let a = shared.open().await;
    a.append(intent(OperationId::generate())).await.unwrap();
    drop(a);
    shared.let_all_leases_end();
    let new = shared.open_within(Bounds { tend_interval: HOUR, patience: HOUR, ..patient() }).await;
    new.do_chore(writer::Chore::Tend).await.unwrap();
    assert_eq!(shared.events().await, ["Intent"]);
    // One whose time of waiting is over closes it, by itself.
    let short = Duration::from_millis(20);
    let old = shared.open_within(Bounds { tend_interval: short, patience: short, ..patient() }).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while shared.open_intents() != "0" {
        assert!(tokio::time::Instant::now() < deadline, "nobody closes the intent");
        tokio::time::sleep(short).await;
    }
    old.close().await.unwrap();
    assert_eq!(shared.events().await, ["Intent", "Interrupted", "Stopped"]);
    assert_eq!(verify(shared.location(), &[]).await.unwrap().interrupted, 1);
}

#[tokio::test]
async fn a_sign_of_life_that_was_not_recorded_is_none_and_is_given_again_at_once() {
    let interval = Duration::from_secs(5);
    let shared = Shared::new();
    let journal = shared.open_within(Bounds { tend_interval: interval, ..quick() }).await;
    shared.database.execute(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it fails'; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON rootgate.instances FOR EACH ROW EXECUTE FUNCTION public.fail()",
    );
    journal.until(|health| *health != Health::Writable).await;
    assert!(journal.append(refusal("x")).await.is_err(), "who cannot say that it lives must not act");
    shared.database.execute("UPDATE rootgate.instances SET lives_until = now() + interval '100 seconds'");
    shared.database.execute("DROP TRIGGER fail ON rootgate.instances");
    let repaired = tokio::time::Instant::now();
    let renewed = "SELECT lives_until > now() + interval '200 seconds' FROM rootgate.instances";
    while shared.database.query(renewed) != "t" {
        assert!(repaired.elapsed() < interval / 2, "the sign of life waits for its next turn");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    journal.append(refusal("y")).await.unwrap();
}

#[tokio::test]
async fn an_act_whose_intent_another_gateway_closed_gets_no_backup_and_may_not_go_on() {
    let shared = Shared::new();
    let (a, b) = (shared.open().await, shared.open().await);
    let (id, other) = (OperationId::generate(), OperationId::generate());
    let opened = a.append(intent(id)).await.unwrap().index;
    let elsewhere = b.append(intent(other)).await.unwrap().index;
    a.confirm(id, opened).await.unwrap();
    for (id, index) in [(id, elsewhere), (other, opened), (other, elsewhere), (id, 9), (id, u64::MAX)] {
        let refused = a.confirm(id, index).await;
        assert!(matches!(refused, Err(AppendError::NoOpenIntent(found)) if found == index), "{refused:?}");
    }
    shared.let_the_first_lease_end();
    b.do_chore(writer::Chore::Tend).await.unwrap();
    let refused = a.append(backup_of(id, opened, "payments", "{}")).await;
    assert!(matches!(refused, Err(AppendError::NoOpenIntent(index)) if index == opened), "{refused:?}");
    assert!(matches!(a.confirm(id, opened).await, Err(AppendError::NoOpenIntent(_))));
    assert_eq!(shared.database.query("SELECT count(*) FROM rootgate.policy_backups"), "0");
    b.append(backup_of(other, elsewhere, "payments", "{}")).await.unwrap();
    a.append_until_durable(outcome(id, opened)).await;
    assert_eq!(shared.events().await, ["Intent", "Intent", "Interrupted", "Backup", "StrayOutcome"]);
}

/// From there on nobody closes the intent for as long as a call may take.
#[tokio::test]
async fn an_act_that_may_go_on_has_its_lease_renewed() {
    let shared = Shared::new();
    let a = shared.open().await;
    let id = OperationId::generate();
    let opened = a.append(intent(id)).await.unwrap().index;
    for ends in ["now() - interval '1 second'", "now() + interval '59 seconds'"] {
        shared.database.execute(&format!("UPDATE rootgate.instances SET lives_until = {ends}"));
        a.confirm(id, opened).await.unwrap();
        let renewed = "SELECT lives_until > now() + interval '200 seconds' FROM rootgate.instances";
        assert_eq!(shared.database.query(renewed), "t", "{ends}");
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_lets_no_act_go_on() {
    let shared = Shared::new();
    let a = shared.open().await;
    let id = OperationId::generate();
    let opened = a.append(intent(id)).await.unwrap().index;
    shared.database.execute("ALTER TABLE rootgate.instances RENAME TO aside");
    assert!(matches!(a.confirm(id, opened).await, Err(AppendError::Unwritable(_))));
    shared.database.execute("ALTER TABLE rootgate.aside RENAME TO instances");
    a.confirm(id, opened).await.unwrap();
    a.close().await.unwrap();
}

#[tokio::test]
async fn a_row_that_no_gateway_wrote_keeps_nobody_from_living_and_closing() {
    let shared = Shared::new();
    let (a, b) = (shared.open().await, shared.open().await);
    a.append(intent(OperationId::generate())).await.unwrap();
    drop(a);
    shared.let_the_first_lease_end();
    // More than are looked at at a time, before and behind the true one.
    shared.database.execute(
        "INSERT INTO rootgate.open_intents SELECT idx, 'x', NULL, 'nobody' FROM generate_series(-300, 300) AS idx WHERE idx <> 1",
    );
    shared.database.execute("UPDATE rootgate.instances SET lives_until = lives_until - interval '100 seconds'");
    b.do_chore(writer::Chore::Tend).await.unwrap();
    assert_eq!(shared.events().await, ["Intent", "Interrupted"]);
    assert_eq!(shared.open_intents(), "600");
    let renewed = "SELECT count(*) FROM rootgate.instances WHERE lives_until > now() + interval '200 seconds'";
    assert_eq!(shared.database.query(renewed), "1");
    assert_eq!(*b.health().borrow(), Health::Writable);
}

#[tokio::test]
async fn whoever_leaves_in_the_middle_of_an_act_keeps_its_lease() {
    let shared = Shared::new();
    let (acting, idle) = (shared.open().await, shared.open().await);
    acting.append(intent(OperationId::generate())).await.unwrap();
    acting.close().await.unwrap();
    idle.do_chore(writer::Chore::Tend).await.unwrap();
    assert_eq!((shared.open_intents().as_str(), shared.events().await.len()), ("1", 2), "the act may still go on");
    idle.close().await.unwrap();
    assert_eq!(shared.database.query("SELECT count(*) FROM rootgate.instances"), "1", "the idle one is gone at once");
}

#[tokio::test]
async fn interrupted_acts_are_told_of_once_even_if_the_reply_was_lost() {
    const WORDS: &str = "a person has to look what it did";
    let (log, _guard) = Log::start();
    let shared = Shared::new();
    let (a, b) = (shared.open().await, shared.open().await);
    a.append(intent(OperationId::generate())).await.unwrap();
    drop(a);
    shared.let_the_first_lease_end();
    b.lose_next_reply().await;
    b.do_chore(writer::Chore::Tend).await.unwrap_err();
    assert_eq!(log.lines(WORDS).len(), 0);
    b.append(refusal("x")).await.unwrap();
    b.append(refusal("x")).await.unwrap();
    assert_eq!(log.lines(WORDS).len(), 1);
    assert_eq!(shared.events().await, ["Intent", "Interrupted", "Refusal", "Refusal"]);
}

/// Bounds under which nobody but the test tries anything.
fn still() -> Bounds {
    Bounds { probe_interval: HOUR, tend_interval: HOUR, ..patient() }
}

/// A reply is lost, and then the look whether the commit landed fails too, since `break_it` renames the bodies.
async fn two_failures_in_a_row(journal: &Journal, break_it: impl AsyncFn(bool)) {
    journal.append(refusal("before")).await.unwrap();
    journal.lose_next_reply().await;
    assert!(matches!(journal.append(intent(OperationId::generate())).await, Err(AppendError::Unwritable(_))));
    break_it(true).await;
    assert!(matches!(journal.append(refusal("lost")).await, Err(AppendError::Unwritable(_))));
    break_it(false).await;
    journal.append(refusal("after")).await.unwrap();
}

#[tokio::test]
async fn a_lost_reply_is_settled_after_a_second_failure_in_postgresql() {
    let shared = Shared::new();
    let journal = shared.open_within(still()).await;
    let break_it = async |broken: bool| {
        let (from, to) = if broken { ("body", "aside") } else { ("aside", "body") };
        shared.database.execute(&format!("ALTER TABLE rootgate.records RENAME COLUMN {from} TO {to}"));
    };
    two_failures_in_a_row(&journal, break_it).await;
    assert_eq!(shared.open_intents(), "0", "nobody was told of the intent, so it does not stay open");
    assert_eq!(shared.events().await, ["Refusal", "Intent", "Outcome", "Refusal"]);
}

#[tokio::test]
async fn a_lost_reply_is_settled_after_a_second_failure_in_a_file() {
    let fixture = Fixture::new();
    let journal = fixture.open_within(still()).await.unwrap().journal;
    let break_it = async |broken: bool| {
        let rename = if broken { "RENAME COLUMN body TO aside" } else { "RENAME COLUMN aside TO body" };
        let statement = sqlx::AssertSqlSafe(format!("ALTER TABLE records {rename}"));
        let mut stranger = stranger(&fixture.path).await;
        sqlx::query(statement).execute(&mut stranger).await.unwrap();
        stranger.close().await.unwrap();
    };
    two_failures_in_a_row(&journal, break_it).await;
    assert_eq!(fixture.events().await, ["Refusal", "Intent", "Outcome", "Refusal"]);
    assert!(fixture.verify().await.open_intents.is_empty());
}
