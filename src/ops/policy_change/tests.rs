use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    aws::ActJournal,
    lockout::{Pick, Target},
    ops::{PolicyDocument, UnlockMode, policy_document::Members, unlock::Unlock},
    types::Exposure,
};

/// Answers from a script, and keeps what was asked.
struct Scripted {
    reads: Mutex<Vec<Result<Option<String>, AwsFailure>>>,
    answer: Result<(), AwsFailure>,
    asked: Mutex<Vec<String>>,
    region: Region,
}

const ARN: &str = "arn:aws:s3:::ledger";
const LOCK: &str = r#"{"Sid":"Lock","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::ledger"}"#;
const KEEP: &str = r#"{"Sid":"Keep","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"}"#;

fn policy(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(", "))
}

impl Scripted {
    fn new(reads: Vec<Result<Option<String>, AwsFailure>>, answer: Result<(), AwsFailure>) -> Self {
        let region = "eu-west-1".parse().unwrap();
        Self { reads: Mutex::new(reads), answer, asked: Mutex::default(), region }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn ask(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

impl ManagedPolicy for Scripted {
    async fn read(&self) -> Result<Option<String>, AwsFailure> {
        self.ask("read");
        self.reads.lock().unwrap().remove(0)
    }

    async fn install(&self, policy: &str) -> Result<(), AwsFailure> {
        self.ask(format!("install {policy}"));
        self.answer.clone()
    }

    async fn remove(&self) -> Result<(), AwsFailure> {
        self.ask("remove");
        self.answer.clone()
    }

    fn call(&self, step: Step) -> PlannedCall {
        let operation = match step {
            Step::Read => "read",
            Step::Install => "install",
            Step::Remove => "remove",
        };
        PlannedCall { service: "s3", operation, resource: ARN.to_owned(), parameters: Vec::new() }
    }

    fn resource(&self) -> &str {
        ARN
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

/// Keeps backups in memory.
#[derive(Default)]
struct Shelf(Mutex<Vec<String>>);

impl ActJournal for Shelf {
    fn keep(
        &self,
        previous_policy: String,
        _region: String,
    ) -> Pin<Box<dyn Future<Output = Result<u64, Error>> + Send + '_>> {
        self.0.lock().unwrap().push(previous_policy);
        Box::pin(async { Ok(7) })
    }

    fn confirm(&self) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

/// A trail and where its backups go.
fn kept() -> (Trail, Arc<Shelf>) {
    let shelf = Arc::new(Shelf::default());
    (Trail::with_journal(Arc::clone(&shelf) as Arc<dyn ActJournal>), shelf)
}

/// An organization of one account.
struct Nobody;

impl Members for Nobody {
    async fn has(&self, _account: AccountId) -> Result<bool, Error> {
        Ok(false)
    }

    async fn id(&self) -> Result<String, Error> {
        Ok("o-exampleorg1".to_owned())
    }
}

async fn change(policy: &Scripted, mode: &UnlockMode, terms: &Terms) -> Result<PolicyChange, Error> {
    change_with(policy, mode, terms, &kept().0).await
}

async fn change_with(
    policy: &Scripted,
    mode: &UnlockMode,
    terms: &Terms,
    trail: &Trail,
) -> Result<PolicyChange, Error> {
    let target = Target::Bucket { account: "333333333333".parse().unwrap(), name: "ledger".parse().unwrap() };
    let accept_exposure = Exposure::Organization;
    let unlock = Unlock { mode, target, accept_exposure, members: &Nobody };
    change_policy(policy, &unlock, terms, Vec::new(), trail).await
}

fn failure(code: &str, fate: Fate) -> AwsFailure {
    AwsFailure {
        service: "s3",
        operation: "DeleteBucketPolicy",
        status: Some(403),
        code: Some(code.to_owned()),
        message: "words".into(),
        request_id: Some("R1".to_owned()),
        bucket_region: None,
        fate,
    }
}

fn some(text: &str) -> Result<Option<String>, AwsFailure> {
    Ok(Some(text.to_owned()))
}

fn reason<T>(result: Result<T, Error>) -> ErrorReason {
    result.err().expect("an error").reason()
}

const DELETE: UnlockMode = UnlockMode::DeletePolicy;
const SURGICAL: UnlockMode = UnlockMode::RemoveLockingStatements;

fn replace(document: &str) -> UnlockMode {
    UnlockMode::ReplacePolicy(PolicyDocument::try_from(document.to_owned()).unwrap())
}

fn look_only() -> Terms {
    Terms { validate_only: true, ..Terms::default() }
}

#[tokio::test]
async fn no_backup_no_change() {
    for mode in [DELETE, SURGICAL, replace("{}")] {
        let scripted = Scripted::new(vec![some(&policy(&[LOCK]))], Ok(()));
        let changed = change_with(&scripted, &mode, &Terms::default(), &Trail::default()).await;
        assert!(changed.is_err(), "this trail has no place for backups");
        assert_eq!(scripted.asked(), ["read"]);
    }
}

#[tokio::test]
async fn nothing_to_do_is_its_own_answer_and_touches_nothing() {
    let harmless = policy(&[KEEP]);
    for (found, mode) in [
        (None, DELETE),
        (None, SURGICAL),
        (Some(harmless.clone()), SURGICAL),
        (Some(harmless.clone()), replace(&harmless)),
    ] {
        let scripted = Scripted::new(vec![Ok(found)], Ok(()));
        let changed = change(&scripted, &mode, &Terms::default()).await.unwrap();
        assert_eq!((changed.changed(), changed.result), (Some(false), PolicyResult::NothingToDo), "{mode:?}");
        assert_eq!(scripted.asked(), ["read"]);
    }
}

#[tokio::test]
async fn only_what_locks_is_removed_and_every_other_byte_is_kept() {
    let (before, after) = (policy(&[LOCK, KEEP]), policy(&[KEEP]));
    let scripted = Scripted::new(vec![some(&before), some(&after)], Ok(()));
    let (trail, shelf) = kept();
    let changed = change_with(&scripted, &SURGICAL, &Terms::default(), &trail).await.unwrap();
    assert_eq!(scripted.asked(), ["read".to_owned(), format!("install {after}"), "read".to_owned()]);
    assert_eq!((changed.result, changed.verification), (PolicyResult::StatementsRemoved, Verification::Verified));
    assert_eq!(changed.statements.iter().map(|statement| statement.removed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(*shelf.0.lock().unwrap(), [before]);
}

#[tokio::test]
async fn a_deny_that_shields_a_grant_to_strangers_is_not_taken_away_unasked() {
    let vpc_only = r#"{"Sid":"Vpc","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::ledger","arn:aws:s3:::ledger/*"],"Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}"#;
    for principal in [r#""*""#, r#"{"AWS":"999999999999"}"#] {
        let open = format!(
            r#"{{"Sid":"Open","Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"}}"#
        );
        let before = policy(&[vpc_only, &open]);
        for mode in [SURGICAL, UnlockMode::RemoveListedStatements(vec![Pick::Sid("Vpc".to_owned())])] {
            for terms in [Terms::default(), look_only()] {
                let scripted = Scripted::new(vec![some(&before)], Ok(()));
                assert_eq!(reason(change(&scripted, &mode, &terms).await), ErrorReason::WouldExpose, "{mode:?}");
                assert_eq!(scripted.asked(), ["read"]);
            }
        }
        let scripted = Scripted::new(vec![some(&before), Ok(None)], Ok(()));
        assert!(change(&scripted, &DELETE, &Terms::default()).await.is_ok(), "what leaves nothing exposes nothing");
    }
}

#[test]
fn a_policy_in_another_form_is_the_same_policy() {
    let one = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["333333333333","444444444444"]},"Action":["s3:GetObject"],"Resource":"arn:aws:s3:::ledger/*"}]}"#;
    let other = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444444444444:root","arn:aws:iam::333333333333:root"]},"Action":"s3:GetObject","Resource":["arn:aws:s3:::ledger/*"]}}"#;
    assert!(same(Some(one), Some(other)));
    for different in [
        one.replace("GetObject", "PutObject"),
        one.replace("444444444444", "555555555555"),
        one.replace("Allow", "Deny"),
    ] {
        assert!(!same(Some(&different), Some(other)), "{different}");
    }
}

#[tokio::test]
async fn a_policy_with_a_key_twice_is_never_the_wanted_one() {
    let twice = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::ledger"}],"Statement":[]}"#;
    let scripted = Scripted::new(vec![some(twice), some(r#"{"Statement":[]}"#)], Ok(()));
    let changed = change(&scripted, &replace(r#"{"Statement":[]}"#), &Terms::default()).await.unwrap();
    assert_eq!(changed.result, PolicyResult::PolicyReplaced);
}

#[tokio::test]
async fn the_policy_is_deleted_only_if_nothing_is_left() {
    let scripted = Scripted::new(vec![some(&policy(&[LOCK])), Ok(None)], Ok(()));
    let changed = change(&scripted, &SURGICAL, &Terms::default()).await.unwrap();
    assert_eq!(scripted.asked(), ["read", "remove", "read"]);
    assert_eq!((changed.result, changed.verification), (PolicyResult::PolicyDeleted, Verification::Verified));
    assert!(changed.backed_up());
}

#[tokio::test]
async fn listed_statements_are_removed_whatever_their_verdict_and_no_others() {
    let before = policy(&[LOCK, KEEP]);
    let mode = UnlockMode::RemoveListedStatements(vec![Pick::Sid("Keep".to_owned())]);
    let scripted = Scripted::new(vec![some(&before), some(&policy(&[LOCK]))], Ok(()));
    let changed = change(&scripted, &mode, &Terms::default()).await.unwrap();
    assert_eq!(changed.statements.iter().map(|statement| statement.removed).collect::<Vec<_>>(), [false, true]);
    for pick in [Pick::Sid("Other".to_owned()), Pick::Index(2)] {
        let scripted = Scripted::new(vec![some(&before)], Ok(()));
        let mode = UnlockMode::RemoveListedStatements(vec![pick]);
        assert_eq!(reason(change(&scripted, &mode, &Terms::default()).await), ErrorReason::StatementNotFound);
        assert_eq!(scripted.asked(), ["read"]);
    }
    let scripted = Scripted::new(vec![Ok(None)], Ok(()));
    assert_eq!(reason(change(&scripted, &mode, &Terms::default()).await), ErrorReason::StatementNotFound);
}

#[tokio::test]
async fn a_policy_that_is_not_understood_is_only_deleted_or_replaced_as_a_whole() {
    let scripted = Scripted::new(vec![some("{broken")], Ok(()));
    assert_eq!(reason(change(&scripted, &SURGICAL, &Terms::default()).await), ErrorReason::PolicyNotUnderstood);
    assert_eq!(scripted.asked(), ["read"]);
    let scripted = Scripted::new(vec![some("{broken"), Ok(None)], Ok(()));
    let changed = change(&scripted, &DELETE, &Terms::default()).await.unwrap();
    assert_eq!(changed.result, PolicyResult::PolicyDeleted);
    assert!(changed.backed_up(), "unlike one that AWS does not show, it can be kept");
}

#[tokio::test]
async fn a_plan_changes_nothing_and_says_what_would_be_done() {
    let before = policy(&[LOCK, KEEP]);
    for (mode, steps, after) in [
        (SURGICAL, vec!["read", "install", "read"], Some(policy(&[KEEP]))),
        (DELETE, vec!["read", "remove", "read"], None),
        (replace(&before), vec!["read"], Some(before.clone())),
    ] {
        let scripted = Scripted::new(vec![some(&before)], Ok(()));
        let (trail, shelf) = kept();
        let planned = change_with(&scripted, &mode, &look_only(), &trail).await.unwrap();
        assert_eq!(scripted.asked(), ["read"], "{mode:?}");
        assert!(shelf.0.lock().unwrap().is_empty());
        assert_eq!(planned.changed(), Some(false));
        let plan = planned.plan.unwrap();
        assert_eq!(plan.calls.iter().map(|call| call.operation).collect::<Vec<_>>(), steps, "{mode:?}");
        let policy = plan.policy.unwrap();
        assert_eq!((policy.before, policy.after), (Some(before.clone()), after));
        assert_eq!(plan.would_change, steps.len() > 1);
    }
}

#[tokio::test]
async fn an_act_happens_only_on_the_state_that_its_plan_saw() {
    let before = policy(&[LOCK, KEEP]);
    let scripted = Scripted::new(vec![some(&before)], Ok(()));
    let plan = change(&scripted, &SURGICAL, &look_only()).await.unwrap().plan.unwrap();
    let terms = Terms { etag: Some(plan.etag), ..Terms::default() };
    let scripted = Scripted::new(vec![some(&before), some(&policy(&[KEEP]))], Ok(()));
    assert!(change(&scripted, &SURGICAL, &terms).await.is_ok());
    for now in [Ok(None), some(&policy(&[KEEP])), some(&policy(&[KEEP, LOCK])), some(&format!("{before} "))] {
        let scripted = Scripted::new(vec![now], Ok(()));
        assert_eq!(reason(change(&scripted, &SURGICAL, &terms).await), ErrorReason::StaleEtag);
        assert_eq!(scripted.asked(), ["read"]);
    }
}

#[tokio::test]
async fn what_a_second_read_shows_is_what_is_told() {
    let (before, after) = (policy(&[LOCK, KEEP]), policy(&[KEEP]));
    let spaced = after.replace(',', ",\n ");
    let other = policy(&[KEEP, KEEP]);
    for (read, verification) in [
        (some(&after), Verification::Verified),
        (some(&spaced), Verification::Verified),
        (some(&before), Verification::PendingPropagation),
        (some(&other), Verification::Overtaken),
        (Ok(None), Verification::Overtaken),
        (Err(failure("AccessDenied", Fate::Refused)), Verification::Unreadable),
    ] {
        let scripted = Scripted::new(vec![some(&before), read], Ok(()));
        let changed = change(&scripted, &SURGICAL, &Terms::default()).await.unwrap();
        assert_eq!(changed.verification, verification);
        assert_eq!(changed.changed(), Some(true));
    }
}

#[tokio::test]
async fn a_policy_that_may_not_be_read_is_deleted_if_that_was_asked_for_and_never_else() {
    let denied = || Err(failure("AccessDenied", Fate::Refused));
    let scripted = Scripted::new(vec![denied(), Ok(None)], Ok(()));
    let changed = change(&scripted, &DELETE, &Terms::default()).await.unwrap();
    assert_eq!(changed.previous, PreviousPolicy::Unreadable("AccessDenied".to_owned()));
    assert_eq!((changed.changed(), changed.backed_up()), (None, false), "nobody knows");
    for mode in [SURGICAL, replace("{}"), UnlockMode::RemoveListedStatements(vec![Pick::Index(0)])] {
        let scripted = Scripted::new(vec![denied()], Ok(()));
        assert_eq!(reason(change(&scripted, &mode, &Terms::default()).await), ErrorReason::AwsAccessDenied);
        assert_eq!(scripted.asked(), ["read"]);
    }
}

#[tokio::test]
async fn a_passing_failure_to_read_stops_the_act() {
    for (code, fate) in
        [("Throttling", Fate::Refused), ("NoSuchBucket", Fate::Refused), ("InternalError", Fate::Unknown)]
    {
        let scripted = Scripted::new(vec![Err(failure(code, fate))], Ok(()));
        assert!(change(&scripted, &DELETE, &Terms::default()).await.is_err(), "{code}");
        assert_eq!(scripted.asked(), ["read"], "{code}");
    }
}

#[tokio::test]
async fn a_lost_answer_ends_as_the_truth_where_a_read_can_tell() {
    let lost = || Err(failure("", Fate::Unknown));
    let (before, after) = (policy(&[LOCK, KEEP]), policy(&[KEEP]));
    let scripted = Scripted::new(vec![some(&before), some(&after)], lost());
    let changed = change(&scripted, &SURGICAL, &Terms::default()).await.unwrap();
    assert_eq!(changed.verification, Verification::Verified);
    for unclear in [some(&before), some(&policy(&[KEEP, KEEP])), Err(failure("", Fate::Unknown))] {
        let scripted = Scripted::new(vec![some(&before), unclear], lost());
        let (trail, shelf) = kept();
        let changed = change_with(&scripted, &SURGICAL, &Terms::default(), &trail).await;
        assert_eq!(reason(changed), ErrorReason::OutcomeUnknown);
        assert_eq!(*shelf.0.lock().unwrap(), std::slice::from_ref(&before), "the undo is kept however it ends");
        assert_eq!(scripted.asked().len(), 3, "a change is sent once");
    }
}

#[tokio::test]
async fn a_refused_change_is_an_error() {
    let scripted = Scripted::new(vec![some(&policy(&[LOCK]))], Err(failure("AccessDenied", Fate::Refused)));
    assert_eq!(reason(change(&scripted, &DELETE, &Terms::default()).await), ErrorReason::AwsAccessDenied);
}
