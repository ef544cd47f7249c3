use std::time::Duration;

use super::*;
use crate::{clock::Timestamp, journal::reconcile::cloudtrail::Place};

const GATEWAY: &str = "222222222222";
const PAYMENTS: &str = "333333333333";
const OTHER: &str = "444444444444";

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_795_286_000 + second, 0)
}

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

fn event(id: &str, second: i64, log: &str, name: &str, what: What) -> Event {
    let (service, operation) = name.split_once(':').unwrap();
    Event {
        id: format!("e-{id}"),
        time: at(second),
        account: account(log),
        region: "us-east-1".parse().ok(),
        service: service.to_owned(),
        operation: operation.to_owned(),
        request_id: Some(id.to_owned()),
        error_code: None,
        caller_arn: None,
        source_identity: None,
        source_ip: None,
        what,
    }
}

fn request(id: &str, second: i64, target: &str, key: Option<&str>) -> Event {
    let issued = key.map(ToOwned::to_owned);
    let what = What::AssumeRoot { target: Some(account(target)), task_policy: None, issued };
    event(id, second, GATEWAY, "sts:AssumeRoot", what)
}

fn used(id: &str, second: i64, key: &str, name: &str) -> Event {
    let what = What::Session { access_key_id: Some(key.to_owned()), assumed_root: true };
    event(id, second, PAYMENTS, name, what)
}

fn call(name: &str, id: Option<&str>, error: Option<&str>) -> Call {
    let (service, operation) = name.split_once(':').unwrap();
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        request_id: id.map(ToOwned::to_owned),
        error_code: error.map(ToOwned::to_owned),
    }
}

/// An act of second 10 that deleted an access key.
fn act() -> Act {
    Act {
        index: 8,
        operation_id: "op".to_owned(),
        operation: Some("DeleteRootCredentials".to_owned()),
        account: Some(account(PAYMENTS)),
        caller: Some("alice".to_owned()),
        region: None,
        began_at: at(10),
        ended_at: at(12),
        access_key_ids: vec!["ASIA1".to_owned()],
        calls: vec![call("sts:AssumeRoot", Some("r-1"), None), call("iam:DeleteAccessKey", Some("r-2"), None)],
        is_finished: true,
    }
}

/// What CloudTrail logs of it.
fn its_events() -> Vec<Event> {
    vec![request("r-1", 10, PAYMENTS, Some("ASIA1")), used("r-2", 11, "ASIA1", "iam:DeleteAccessKey")]
}

fn scope() -> Scope {
    Scope {
        cloudtrail: Vec::new(),
        since: None,
        until: None,
        account: None,
        gateway_accounts: Vec::new(),
        grace: Duration::ZERO,
        verify: true,
    }
}

fn report_in(scope: Scope, events: Vec<Event>, acts: Vec<Act>) -> Report {
    let mut logs = Logs::default();
    for log in [GATEWAY, PAYMENTS] {
        for second in [0, 100] {
            let region = "us-east-1".parse().ok();
            logs.coverage.add(&Place { time: at(second), account: Some(account(log)), region });
        }
    }
    for event in events {
        match &event.what {
            What::AssumeRoot { .. } => logs.requests.push(event),
            What::Session { access_key_id, .. } => logs.sessions.entry(access_key_id.clone()).or_default().push(event),
            What::RootUser => {}
        }
    }
    let mut matching = Matching::new(logs, scope);
    for act in acts {
        matching.take(act);
    }
    matching.finish()
}

fn report(events: Vec<Event>, acts: Vec<Act>) -> Report {
    report_in(scope(), events, acts)
}

fn is_clean(report: &Report) -> bool {
    report.verdict() != Verdict::Differs
}

fn names(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(Finding::name).collect()
}

#[test]
fn the_same_on_both_sides_is_no_finding() {
    let report = report(its_events(), vec![act()]);
    assert!(is_clean(&report), "{:?}", report.findings);
    let summary = report.summary;
    assert_eq!((summary.requests_matched, summary.calls_matched, summary.acts_matched), (1, 1, 1));
    assert_eq!(summary.gateway_accounts, [account(GATEWAY)].into());
}

#[test]
fn what_only_cloudtrail_knows_is_a_request_beside_the_gateway_and_an_unknown_session() {
    let report = report(its_events(), Vec::new());
    assert_eq!(names(&report), ["ASSUME_ROOT_OUTSIDE_GATEWAY", "SESSION_NOT_IN_JOURNAL"]);
    let Finding::UnknownSession(found) = &report.findings[1] else { panic!("{:?}", report.findings) };
    assert_eq!((found.events, found.account, found.assumed_root), (1, Some(account(PAYMENTS)), true));
}

#[test]
fn what_only_the_journal_knows_is_missed_call_by_call() {
    let missing = |events| {
        let report = report(events, vec![act()]);
        let Some(Finding::NotInCloudTrail(missing)) = report.findings.first() else { panic!("{:?}", report.findings) };
        missing.calls.iter().map(|call| call.operation.clone()).collect::<Vec<_>>()
    };
    assert_eq!(missing(Vec::new()), ["AssumeRoot", "DeleteAccessKey"]);
    let [request, used] = its_events().try_into().unwrap();
    assert_eq!(missing(vec![request]), ["DeleteAccessKey"]);
    assert_eq!(missing(vec![used]), ["AssumeRoot"]);
}

#[test]
fn a_request_is_known_by_the_session_that_it_opened_too() {
    let mut events = its_events();
    events[0].request_id = None;
    let mut act = act();
    act.calls[0].request_id = None;
    assert!(is_clean(&report(events.clone(), vec![act.clone()])));
    // Also where the session ran out and was renewed, whatever became of the request ids.
    events.push(request("r-9", 12, PAYMENTS, Some("ASIA2")));
    act.access_key_ids.push("ASIA2".to_owned());
    assert!(is_clean(&report(events, vec![act])));
}

#[test]
fn nothing_is_matched_by_its_time_alone() {
    let events = vec![request("r-7", 10, PAYMENTS, Some("ASIA7")), used("r-8", 11, "ASIA7", "iam:DeleteAccessKey")];
    let report = report(events, vec![act()]);
    let expected = ["NOT_IN_CLOUDTRAIL", "ASSUME_ROOT_OUTSIDE_GATEWAY", "SESSION_NOT_IN_JOURNAL"];
    assert_eq!(names(&report), expected);
}

#[test]
fn a_request_for_another_account_than_the_journal_says_is_found() {
    let mut events = its_events();
    events[0] = request("r-1", 10, OTHER, Some("ASIA1"));
    assert_eq!(names(&report(events, vec![act()])), ["ACCOUNT_DIFFERS"]);
}

#[test]
fn calls_that_aws_refused_need_not_be_logged_but_are_known() {
    let mut refused = act();
    refused.access_key_ids.clear();
    refused.calls = vec![call("sts:AssumeRoot", Some("r-1"), Some("Throttling"))];
    assert!(is_clean(&report(Vec::new(), vec![refused.clone()])));
    let report = report(vec![request("r-1", 10, PAYMENTS, None)], vec![refused]);
    assert!(is_clean(&report) && report.summary.requests_matched == 1);
}

#[test]
fn reads_of_queues_and_of_objects_are_not_missed() {
    let mut act = act();
    act.calls.truncate(1);
    act.calls.push(call("sqs:GetQueueAttributes", Some("r-3"), None));
    act.calls.push(call("s3:ListBuckets", Some("r-4"), None));
    assert!(is_clean(&report(its_events()[..1].to_vec(), vec![act])));
}

#[test]
fn somebody_elses_call_in_a_session_is_found_unless_it_was_handed_out() {
    let mut events = its_events();
    events.push(used("r-3", 11, "ASIA1", "iam:DeleteLoginProfile"));
    let found = report(events.clone(), vec![act()]);
    let Finding::UnlistedCall { event, journal_index: 8, .. } = &found.findings[0] else {
        panic!("{:?}", found.findings)
    };
    assert_eq!((found.findings.len(), event.operation.as_str()), (1, "DeleteLoginProfile"));
    let mut handed_out = act();
    handed_out.operation = Some("AssumeRoot".to_owned());
    handed_out.calls.truncate(1);
    let found = report(events, vec![handed_out]);
    assert!(is_clean(&found) && found.summary.calls_handed_out == 2);
}

#[test]
fn a_call_without_answer_accounts_for_one_event_of_its_name_and_no_more() {
    let mut unanswered = act();
    unanswered.calls[1] = call("iam:DeleteAccessKey", None, Some("NoAnswer"));
    let one = report(its_events(), vec![unanswered.clone()]);
    assert!(is_clean(&one) && one.summary.calls_unanswered == 1);
    let mut events = its_events();
    events.push(used("r-3", 11, "ASIA1", "iam:DeleteAccessKey"));
    assert_eq!(names(&report(events, vec![unanswered.clone()])), ["CALL_NOT_IN_JOURNAL"]);
    unanswered.calls[1].error_code = Some("NotSent".to_owned());
    assert_eq!(
        names(&report(its_events(), vec![unanswered])),
        ["CALL_NOT_IN_JOURNAL"],
        "what was not sent is no event"
    );
}

#[test]
fn an_attempt_that_the_sdk_repeated_is_no_finding_and_a_refused_one_is() {
    for (code, clean) in [("Throttling", true), ("ServiceUnavailable", true), ("AccessDenied", false)] {
        let mut events = its_events();
        events.push(Event { error_code: Some(code.to_owned()), ..used("r-0", 10, "ASIA1", "iam:DeleteAccessKey") });
        assert_eq!(is_clean(&report(events, vec![act()])), clean, "{code}");
    }
}

#[test]
fn acts_beyond_what_the_logs_cover_are_counted_and_not_missed() {
    let counts = |scope: Scope, act: Act| {
        let report = report_in(scope, Vec::new(), vec![act]);
        let summary = report.summary;
        (summary.findings, summary.acts_too_new, summary.acts_before_logs, summary.acts_not_covered)
    };
    assert_eq!(counts(scope(), act()), (1, 0, 0, 0));
    let began = |second| Act { began_at: at(second), ended_at: at(second + 2), ..act() };
    assert_eq!(counts(scope(), began(-1)), (0, 0, 1, 0));
    assert_eq!(counts(scope(), began(101)), (0, 1, 0, 0));
    let grace = || Scope { grace: Duration::from_secs(30), ..scope() };
    assert_eq!((counts(grace(), began(70)).0, counts(grace(), began(71)).1), (1, 1));
    // Whoever says since when vouches for the logs from then on.
    let since = Scope { since: Some(at(-5)), ..scope() };
    assert_eq!(counts(since, began(-1)), (1, 0, 0, 0));
    // The session is missed, what was done in an account without logs is not.
    let elsewhere = Act { account: Some(account(OTHER)), ..act() };
    assert_eq!(counts(scope(), elsewhere), (1, 0, 0, 1));
    let gateway = Scope { gateway_accounts: vec![account(OTHER)], ..scope() };
    assert_eq!(counts(gateway, act()), (1, 0, 0, 1));
}

#[test]
fn a_region_without_logs_is_not_covered() {
    for (region, missed) in [(None, false), (Some("eu-west-1"), false), (Some("us-east-1"), true)] {
        let mut act = act();
        act.calls[1] = call("s3:DeleteBucketPolicy", Some("r-2"), None);
        act.region = region.map(|region| region.parse().unwrap());
        let report = report(its_events()[..1].to_vec(), vec![act]);
        assert_eq!((is_clean(&report), report.summary.acts_not_covered), (!missed, u64::from(!missed)), "{region:?}");
    }
}

#[test]
fn only_what_was_asked_for_is_told() {
    let only = |scope: Scope| {
        let of_events = names(&report_in(scope.clone(), its_events(), Vec::new())).len();
        (of_events, names(&report_in(scope, Vec::new(), vec![act()])).len())
    };
    assert_eq!(only(scope()), (2, 1));
    assert_eq!(only(Scope { account: Some(account(OTHER)), ..scope() }), (0, 0));
    assert_eq!(only(Scope { account: Some(account(PAYMENTS)), ..scope() }), (2, 1));
    assert_eq!(only(Scope { since: Some(at(13)), ..scope() }), (0, 0));
    assert_eq!(only(Scope { until: Some(at(9)), ..scope() }), (0, 0));
    assert_eq!(only(Scope { since: Some(at(10)), until: Some(at(10)), ..scope() }), (1, 1));
}

#[test]
fn acts_and_events_at_the_edge_of_the_asked_span_still_find_each_other() {
    let late = Scope { since: Some(at(11)), ..scope() };
    assert!(is_clean(&report_in(late, its_events(), vec![act()])));
    let early = Scope { until: Some(at(10)), ..scope() };
    assert!(is_clean(&report_in(early, its_events(), vec![act()])));
}

#[test]
fn an_act_without_known_end_is_only_a_hint() {
    let hint = |act: Act, event: Event| {
        let report = report(vec![event], vec![act]);
        match report.findings.as_slice() {
            [Finding::OutsideGateway { possible_intent, .. }] => possible_intent.clone(),
            other => panic!("{other:?}"),
        }
    };
    let unfinished = Act { is_finished: false, calls: Vec::new(), access_key_ids: Vec::new(), ..act() };
    let stray = |second, target| request("r-9", second, target, Some("ASIA9"));
    assert_eq!(hint(unfinished.clone(), stray(11, PAYMENTS)).as_deref(), Some("op"));
    assert_eq!(hint(unfinished.clone(), stray(13, PAYMENTS)), None);
    assert_eq!(hint(unfinished.clone(), stray(11, OTHER)), None);
    let mut named = stray(50, OTHER);
    named.caller_arn = Some("arn:aws:sts::222222222222:assumed-role/broker/rootgate-op".to_owned());
    assert_eq!(hint(unfinished.clone(), named).as_deref(), Some("op"));
    let lost = vec![call("sts:AssumeRoot", None, Some("NoAnswer"))];
    let lost = Act { is_finished: true, calls: lost, ..unfinished.clone() };
    assert_eq!(hint(lost, stray(10, PAYMENTS)).as_deref(), Some("op"));
    let mut nobodys = stray(11, PAYMENTS);
    nobodys.what = What::AssumeRoot { target: None, task_policy: None, issued: None };
    let on_the_journal = Act { account: None, ..unfinished };
    assert_eq!(hint(on_the_journal, nobodys), None);
}

#[test]
fn a_comparison_of_nothing_is_no_agreement() {
    let of_another_month = Scope { since: Some(at(50)), ..scope() };
    let mut report = report_in(of_another_month, Vec::new(), Vec::new());
    assert_eq!(report.verdict(), Verdict::Nothing, "no log has a record");
    report.summary.counts.records = 9;
    assert_eq!(report.verdict(), Verdict::Agrees, "neither tells of anything");
    report.summary.acts_before_logs = 1;
    assert_eq!(report.verdict(), Verdict::Nothing);
    report.summary.requests_matched = 1;
    assert_eq!(report.verdict(), Verdict::Agrees);
    report.summary.findings = 1;
    assert_eq!(report.verdict(), Verdict::Differs);
}

#[test]
fn a_session_without_a_key_is_found() {
    let mut nameless = used("r-5", 20, "ASIA5", "s3:PutBucketPolicy");
    nameless.what = What::Session { access_key_id: None, assumed_root: true };
    assert_eq!(names(&report(vec![nameless], Vec::new())), ["SESSION_NOT_IN_JOURNAL"]);
}
