//! The five root-task policies, verbatim, and what a root session may do under each.
//!
//! Source: IAM User Guide, "AWS managed policies: root-task"; the documents are those in force (version v1).

use super::*;

const AUDIT: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"DenyAllOtherActionsOnAnyResource","Effect":"Deny","NotAction":["iam:ListAccessKeys","iam:ListSigningCertificates","iam:GetLoginProfile","iam:ListMFADevices","iam:GetAccountSummary","iam:GetUser","iam:GetAccessKeyLastUsed"],"Resource":"*"},
 {"Sid":"DenyAuditingCredentialsOnNonRootUserResource","Effect":"Deny","Action":["iam:ListAccessKeys","iam:ListSigningCertificates","iam:GetLoginProfile","iam:ListMFADevices","iam:GetUser","iam:GetAccessKeyLastUsed"],"NotResource":"arn:aws:iam::*:root"}
]}"#;

const CREATE_PASSWORD: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"DenyAllOtherActionsOnAnyResource","Effect":"Deny","NotAction":["iam:CreateLoginProfile","iam:GetLoginProfile"],"Resource":"*"},
 {"Sid":"DenyCreatingPasswordOnNonRootUserResource","Effect":"Deny","Action":["iam:CreateLoginProfile","iam:GetLoginProfile"],"NotResource":"arn:aws:iam::*:root"}
]}"#;

const DELETE: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"DenyAllOtherActionsOnAnyResource","Effect":"Deny","NotAction":["iam:DeleteAccessKey","iam:DeleteSigningCertificate","iam:DeleteLoginProfile","iam:DeactivateMFADevice","iam:DeleteVirtualMFADevice","iam:ListAccessKeys","iam:ListSigningCertificates","iam:GetLoginProfile","iam:ListMFADevices","iam:GetUser","iam:GetAccessKeyLastUsed"],"Resource":"*"},
 {"Sid":"DenyDeletingRootUserCredentialsOnNonRootUserResource","Effect":"Deny","Action":["iam:DeleteAccessKey","iam:DeleteSigningCertificate","iam:DeleteLoginProfile","iam:DeactivateMFADevice","iam:DeleteVirtualMFADevice","iam:ListAccessKeys","iam:ListSigningCertificates","iam:GetLoginProfile","iam:ListMFADevices","iam:GetUser","iam:GetAccessKeyLastUsed"],"NotResource":"arn:aws:iam::*:root"}
]}"#;

const S3_UNLOCK: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"DenyAllOtherActionsOnAnyResource","Effect":"Deny","NotAction":["s3:DeleteBucketPolicy","s3:PutBucketPolicy","s3:GetBucketPolicy","s3:ListAllMyBuckets"],"Resource":"*"},
 {"Sid":"DenyManagingBucketPolicyForNonRootCallers","Effect":"Deny","Action":["s3:DeleteBucketPolicy","s3:PutBucketPolicy","s3:GetBucketPolicy","s3:ListAllMyBuckets"],"Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}
]}"#;

const SQS_UNLOCK: &str = r#"{"Version":"2012-10-17","Statement":[
 {"Sid":"DenyAllOtherActionsOnAnyResource","Effect":"Deny","NotAction":["sqs:SetQueueAttributes","sqs:GetQueueAttributes","sqs:ListQueues","sqs:GetQueueUrl"],"Resource":"*"},
 {"Sid":"DenyGettingQueueAttributesOnNonOwnQueue","Effect":"Deny","Action":["sqs:GetQueueAttributes"],"Resource":"arn:aws:sqs:*:*:*","Condition":{"StringNotEqualsIfExists":{"aws:ResourceAccount":["${aws:PrincipalAccount}"]}}},
 {"Sid":"DenyActionsForNonRootUser","Effect":"Deny","Action":["sqs:SetQueueAttributes","sqs:GetQueueAttributes","sqs:ListQueues","sqs:GetQueueUrl"],"Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}
]}"#;

const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:orders";
const FOREIGN_QUEUE: &str = "arn:aws:sqs:eu-central-1:444455556666:orders";
const MFA: &str = "arn:aws:iam::111122223333:mfa/root-account-mfa-device";

/// Every action that any of the five policies speaks of, and some that none does, on the resource it is authorized on.
const ACTIONS: [(&str, &str); 29] = [
    ("iam:ListAccessKeys", ROOT),
    ("iam:ListSigningCertificates", ROOT),
    ("iam:GetLoginProfile", ROOT),
    ("iam:ListMFADevices", ROOT),
    ("iam:GetAccountSummary", "*"),
    ("iam:GetUser", ROOT),
    ("iam:GetAccessKeyLastUsed", ROOT),
    ("iam:CreateLoginProfile", ROOT),
    ("iam:DeleteAccessKey", ROOT),
    ("iam:DeleteSigningCertificate", ROOT),
    ("iam:DeleteLoginProfile", ROOT),
    ("iam:DeactivateMFADevice", ROOT),
    ("iam:DeleteVirtualMFADevice", MFA),
    ("iam:CreateAccessKey", ROOT),
    ("iam:UpdateLoginProfile", ROOT),
    ("iam:ListUsers", "*"),
    ("s3:DeleteBucketPolicy", BUCKET),
    ("s3:PutBucketPolicy", BUCKET),
    ("s3:GetBucketPolicy", BUCKET),
    ("s3:ListAllMyBuckets", "*"),
    ("s3:ListBucket", BUCKET),
    ("s3:GetBucketLocation", BUCKET),
    ("s3:GetObject", OBJECT),
    ("sqs:SetQueueAttributes", QUEUE),
    ("sqs:GetQueueAttributes", QUEUE),
    ("sqs:ListQueues", "*"),
    ("sqs:GetQueueUrl", QUEUE),
    ("sqs:ReceiveMessage", QUEUE),
    ("sts:AssumeRoot", "arn:aws:iam::444455556666:root"),
];

/// What a root session under `task` may do, of all that is tried.
fn permitted(task: &str) -> Vec<&'static str> {
    let scene = Scene::of(root_session()).session(task);
    let tried =
        ACTIONS.iter().filter(|(action, resource)| scene.clone().does(action, resource).decide() == Decision::Allowed);
    tried.map(|(action, _)| *action).collect()
}

#[test]
fn the_audit_task_reads_the_root_users_credentials_and_nothing_else() {
    assert_eq!(
        permitted(AUDIT),
        [
            "iam:ListAccessKeys",
            "iam:ListSigningCertificates",
            "iam:GetLoginProfile",
            "iam:ListMFADevices",
            "iam:GetAccountSummary",
            "iam:GetUser",
            "iam:GetAccessKeyLastUsed",
        ]
    );
}

#[test]
fn the_password_task_creates_a_login_profile_and_cannot_even_read_the_user() {
    assert_eq!(permitted(CREATE_PASSWORD), ["iam:GetLoginProfile", "iam:CreateLoginProfile"]);
}

/// The document lists DeleteVirtualMFADevice, but that acts on a device and the second statement spares the root user
/// only.
#[test]
fn the_deletion_task_deletes_credentials_but_no_virtual_device_and_reads_no_summary() {
    assert_eq!(
        permitted(DELETE),
        [
            "iam:ListAccessKeys",
            "iam:ListSigningCertificates",
            "iam:GetLoginProfile",
            "iam:ListMFADevices",
            "iam:GetUser",
            "iam:GetAccessKeyLastUsed",
            "iam:DeleteAccessKey",
            "iam:DeleteSigningCertificate",
            "iam:DeleteLoginProfile",
            "iam:DeactivateMFADevice",
        ]
    );
}

#[test]
fn the_bucket_task_reaches_bucket_policies_and_the_list_of_buckets() {
    assert_eq!(
        permitted(S3_UNLOCK),
        ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:ListAllMyBuckets",]
    );
}

#[test]
fn the_queue_task_reaches_attributes_names_and_the_list_of_queues() {
    assert_eq!(
        permitted(SQS_UNLOCK),
        ["sqs:SetQueueAttributes", "sqs:GetQueueAttributes", "sqs:ListQueues", "sqs:GetQueueUrl",]
    );
}

#[test]
fn without_a_task_policy_root_may_do_everything_in_its_account() {
    for (action, resource) in ACTIONS {
        Scene::of(root_user()).does(action, resource).is_allowed();
    }
}

#[test]
fn the_credential_tasks_spare_no_other_user_of_the_account() {
    for task in [AUDIT, DELETE] {
        let scene = Scene::of(root_session()).session(task);
        scene.clone().does("iam:ListAccessKeys", USER).is_denied_by(DeniedBy::ExplicitSession);
        scene.does("iam:GetUser", USER).is_denied_by(DeniedBy::ExplicitSession);
    }
    let create = Scene::of(root_session()).session(CREATE_PASSWORD);
    create.does("iam:CreateLoginProfile", USER).is_denied_by(DeniedBy::ExplicitSession);
}

#[test]
fn the_unlock_tasks_are_of_no_use_to_a_caller_that_is_not_root() {
    let cases = [(S3_UNLOCK, "s3:DeleteBucketPolicy", BUCKET), (SQS_UNLOCK, "sqs:SetQueueAttributes", QUEUE)];
    for (task, action, resource) in cases {
        let scene = Scene::of(root_session()).session(task).does(action, resource);
        scene.is_allowed();
        scene.with("aws:PrincipalArn", ROLE).is_denied_by(DeniedBy::ExplicitSession);
    }
}

#[test]
fn the_queue_task_reads_attributes_of_own_queues_only() {
    let scene = Scene::of(root_session()).session(SQS_UNLOCK).does("sqs:GetQueueAttributes", FOREIGN_QUEUE);
    scene.clone().in_account(AWAY).is_denied_by(DeniedBy::ExplicitSession);
    // The condition says IfExists and stands in a Deny: a request that does not tell the owner is refused too.
    scene.clone().with_all("aws:ResourceAccount", &[]).is_denied_by(DeniedBy::ExplicitSession);
    scene.does("sqs:GetQueueAttributes", QUEUE).is_allowed();
}

#[test]
fn a_task_policy_alone_gives_a_role_session_nothing() {
    let scene = Scene::of(role_session()).identity(ALLOW_ALL).session(AUDIT).does("iam:GetUser", ROOT);
    scene.is_denied_by(DeniedBy::ImplicitSession);
}
