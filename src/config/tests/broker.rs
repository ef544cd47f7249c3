//! `[aws.broker]`.

use super::*;
use crate::types::{RoleArn, TaskPolicy};

fn broker(lines: &str) -> Option<BrokerConfig> {
    parse(&format!("{MINIMAL}{lines}")).unwrap_or_else(|errors| panic!("{errors}")).aws.broker
}

fn arn(name: &str) -> RoleArn {
    format!("arn:aws:iam::111122223333:role/{name}").parse().unwrap()
}

#[test]
fn one_role_for_all_tasks_or_one_for_each() {
    assert_eq!(broker(""), None);
    let all = broker("[aws.broker]\nrole = 'arn:aws:iam::111122223333:role/b'").unwrap();
    assert_eq!(all, BrokerConfig { role: Some(arn("b")), roles: [].into() });
    let one = broker("[aws.broker.roles]\nS3UnlockBucketPolicy = 'arn:aws:iam::111122223333:role/s3'").unwrap();
    assert_eq!(one, BrokerConfig { role: None, roles: [(TaskPolicy::S3UnlockBucketPolicy, arn("s3"))].into() });
}

#[test]
fn every_task_can_have_its_role() {
    let lines: String =
        TaskPolicy::ALL.iter().map(|task| format!("{} = 'arn:aws:iam::111122223333:role/b'\n", task.name())).collect();
    assert_eq!(broker(&format!("[aws.broker.roles]\n{lines}")).unwrap().roles.len(), 5);
}

#[test]
fn what_names_no_role_or_no_task_is_refused_with_the_fix() {
    let cases = [
        ("[aws.broker]", "aws.broker: names no role"),
        ("[aws.broker]\nrole = 'rootgate-broker'", "aws.broker.role: must be the ARN of an IAM role"),
        ("[aws.broker.roles]\nAudit = 'arn:aws:iam::1:role/b'", "choose among IAMAuditRootUserCredentials, "),
        ("[aws.broker]\nrolle = 'x'", "aws.broker.rolle: "),
    ];
    for (lines, expected) in cases {
        let errors = errors(&format!("{MINIMAL}{lines}")).join("\n");
        assert!(errors.contains(expected), "{lines}: {errors}");
    }
}
