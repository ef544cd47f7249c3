use proptest::prelude::*;

use super::*;
use crate::aws::{AccessKeyFacts, MfaDeviceFacts};
use crate::ops::UsedAccessKey;

const ARN: &str = "arn:aws:s3:::ledger";

fn of(policy: &str) -> State {
    State::of_policy(ARN, Some(policy))
}

fn stale(plan: &State, now: &State) -> String {
    let error = now.check(Some(&plan.etag().unwrap())).expect_err("the state is another");
    assert_eq!(error.reason(), ErrorReason::StaleEtag);
    error.to_string()
}

#[test]
fn the_same_state_passes_and_no_etag_asks_for_nothing() {
    let state = of(r#"{"Statement":[]}"#);
    assert!(state.check(Some(&state.etag().unwrap())).is_ok());
    assert!(state.check(None).is_ok());
}

#[test]
fn an_etag_is_of_one_resource_only() {
    let (one, other) = (State::of_policy(ARN, None), State::of_policy("arn:aws:s3:::other", None));
    assert!(stale(&one, &other).contains("the etag is of something else"));
}

#[test]
fn what_changed_is_told_part_by_part() {
    let plan = of(r#"{"Statement":[{"Sid":"A","Effect":"Deny"},{"Sid":"B","Effect":"Deny"}]}"#);
    let words = stale(&plan, &of(r#"{"Statement":[{"Sid":"A","Effect":"Deny"},{"Sid":"C\n","Effect":"Deny"}]}"#));
    assert!(words.contains(r"statement 1 "), "{words}");
    assert!(words.contains("C"), "{words}");
    assert!(!words.contains('\n') && !words.contains("statement 0"), "{words}");
    assert!(words.contains("1 statement that the plan saw is gone or was changed"), "{words}");
    let words = stale(&plan, &of(r#"{"Statement":[{"Sid":"B","Effect":"Deny"},{"Sid":"A","Effect":"Deny"}]}"#));
    assert!(words.contains("another order"), "{words}");
    let words = stale(&plan, &State::of_policy(ARN, None));
    assert!(words.contains("2 statement that the plan saw is gone"), "{words}");
}

fn credentials(keys: &[(&str, &str)], device: Option<&str>) -> State {
    let at = Timestamp::from_unix(1_700_000_000, 0);
    let mut audit = RootCredentialsAudit::nothing(at);
    audit.access_keys = keys
        .iter()
        .map(|(id, status)| UsedAccessKey {
            key: AccessKeyFacts { access_key_id: (*id).to_owned(), status: (*status).to_owned(), created_at: Some(at) },
            last_use: None,
        })
        .collect();
    audit.mfa_devices = device
        .map(|serial| MfaDeviceFacts { serial_number: serial.to_owned(), enabled_at: None })
        .into_iter()
        .collect();
    State::of_credentials("arn:aws:iam::333333333333:root", &audit)
}

#[test]
fn a_credential_that_appeared_vanished_or_was_switched_is_another_state() {
    let plan = credentials(&[("AKIA1", "Active")], None);
    assert!(
        stale(&plan, &credentials(&[("AKIA1", "Inactive")], None)).contains("access key AKIA1 is new or was changed")
    );
    assert!(stale(&plan, &credentials(&[("AKIA1", "Active")], Some("mfa"))).contains("MFA device mfa is new"));
    assert!(stale(&plan, &credentials(&[], None)).contains("1 access key that the plan saw is gone"));
}

#[test]
fn when_a_key_was_last_used_is_no_part_of_the_state() {
    // Else no act on an account whose key is in use would ever find the state of its plan.
    let (plan, now) = (credentials(&[("AKIA1", "Active")], None), credentials(&[("AKIA1", "Active")], None));
    assert_eq!(plan.etag().unwrap(), now.etag().unwrap());
}

#[test]
fn a_policy_of_many_statements_still_has_an_etag_that_can_be_sent() {
    let statements = vec![r#"{"Effect":"Deny"}"#; 1000].join(",");
    let state = of(&format!(r#"{{"Statement":[{statements}]}}"#));
    assert!(state.check(Some(&state.etag().unwrap())).is_ok());
}

proptest! {
    #[test]
    fn two_texts_never_share_an_etag(one in "\\PC{0,60}", other in "\\PC{0,60}") {
        prop_assert_eq!(of(&one).etag().unwrap() == of(&other).etag().unwrap(), one == other);
    }

    #[test]
    fn an_etag_made_by_hand_is_refused_and_breaks_nothing(text in "[a-z0-9.-]{1,80}") {
        let etag: Etag = text.parse().unwrap();
        let error = of(r#"{"Statement":[{"Effect":"Deny"}]}"#).check(Some(&etag)).expect_err("it is another");
        prop_assert_eq!(error.reason(), ErrorReason::StaleEtag);
        prop_assert!(error.to_string().len() < 1000);
    }
}
