use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const BROKER: &str = "arn:aws:iam::222222222222:role/broker";
const AUDIT: &str = "arn:aws:iam::222222222222:role/broker-audit";

fn ask(caller: &str) -> Ask {
    Ask {
        account: "333333333333".parse().unwrap(),
        task_policy: TaskPolicy::S3UnlockBucketPolicy,
        duration_seconds: 300,
        origin: Origin { caller: caller.to_owned(), kind: Kind::UnlockBucketPolicy, ticket: None },
    }
}

fn is_source_identity(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

#[test]
fn a_role_of_the_task_goes_before_the_role_of_all() {
    let roles = BTreeMap::from([(TaskPolicy::IamAuditRootUserCredentials, AUDIT.parse().unwrap())]);
    let both = BrokerRoles { role: Some(BROKER.parse().unwrap()), roles: roles.clone() };
    let role = |roles: &BrokerRoles, task| roles.role(task).map(|role| role.as_str().to_owned());
    assert_eq!(role(&both, TaskPolicy::IamAuditRootUserCredentials).unwrap(), AUDIT);
    assert_eq!(role(&both, TaskPolicy::S3UnlockBucketPolicy).unwrap(), BROKER);
    let one = BrokerRoles { role: None, roles };
    assert_eq!(role(&one, TaskPolicy::S3UnlockBucketPolicy), None, "no other role stands in");
}

#[test]
fn the_session_policy_allows_one_task_on_one_account() {
    let policy: Value = serde_json::from_str(&session_policy(&ask("a"))).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(statement["Action"], "sts:AssumeRoot");
    assert_eq!(statement["Resource"], "arn:aws:iam::333333333333:root");
    let task = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy";
    assert_eq!(statement["Condition"]["StringEquals"]["sts:TaskPolicyArn"], task);
}

#[test]
fn a_source_identity_is_the_subject_where_that_fits() {
    for fits in ["alice", "alice@example.org", "a+b=c,d.e_f-g"] {
        assert_eq!(source_identity(fits), fits);
    }
    // printf %s spiffe://example.org/ops/alice | sha256sum
    assert_eq!(source_identity("spiffe://example.org/ops/alice"), "spiffe---example.org-ops-alice-03fcf1a0749ae80b");
    assert!(is_source_identity(&source_identity("")) && is_source_identity(&source_identity("x")));
}

#[test]
fn subjects_that_look_alike_keep_apart() {
    let long = "a".repeat(64);
    let subjects = ["jwt:a/b", "jwt:a:b", "jwt-a-b", &format!("x/{long}1"), &format!("x/{long}2"), "é", "è"];
    let identities: BTreeSet<String> = subjects.iter().map(|subject| source_identity(subject)).collect();
    assert_eq!(identities.len(), subjects.len(), "{identities:?}");
}

#[test]
fn nobody_is_called_what_another_is_told_apart_by() {
    let of_alice = source_identity("spiffe://example.org/ops/alice");
    let of_mallory = source_identity(&of_alice);
    assert_ne!(of_mallory, of_alice);
    assert!(is_source_identity(&of_mallory), "{of_mallory}");
    let uuid = "9f1c2d34-5678-4abc-8def-0123456789ab";
    assert_eq!(source_identity(uuid), uuid, "a last group of 12 digits is no digest");
}

#[test]
fn a_tag_keeps_what_aws_allows_and_no_more() {
    assert_eq!(tag_value("spiffe://example.org/ops/alice"), "spiffe://example.org/ops/alice");
    assert_eq!(tag_value("SEC-1 <x>\n#é"), "SEC-1 -x----");
    assert_eq!(tag_value(&"x".repeat(1000)).len(), 256);
}

#[test]
fn session_names_fit() {
    let name = session_name(OperationId::generate());
    assert!(name.starts_with("rootgate-") && name.len() == 45, "{name}");
}

proptest! {
    #[test]
    fn every_subject_has_a_source_identity_that_aws_takes(subject in "\\PC{0,200}") {
        prop_assert!(is_source_identity(&source_identity(&subject)), "{subject:?}");
    }

    #[test]
    fn no_source_identity_is_another_subjects(subject in "\\PC{0,70}", rounds in 1_usize..4) {
        let mut subjects = vec![subject];
        for _ in 0..rounds {
            subjects.push(source_identity(&subjects[subjects.len() - 1]));
        }
        let different: BTreeSet<&String> = subjects.iter().collect();
        let identities: BTreeSet<String> = subjects.iter().map(|subject| source_identity(subject)).collect();
        prop_assert_eq!(identities.len(), different.len(), "{:?}", subjects);
    }

    #[test]
    fn different_subjects_have_different_source_identities(a in "[a-b:/]{0,5}", b in "[a-b:/]{0,5}") {
        prop_assert_eq!(a == b, source_identity(&a) == source_identity(&b));
    }
}
