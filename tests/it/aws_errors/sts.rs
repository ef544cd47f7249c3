//! What `sts:AssumeRoot` refuses, and Organizations before it.

use aws_root_simulator::{Fault, Simulator};
use rootgate::pb::{CredentialKind, TaskPolicy};
use tonic::Code;

use super::row::{Ask, Row, hold};
use crate::harness::PAYMENTS;

const CALL: &str = "sts:AssumeRoot";
const SESSIONS: &str = "enable-organizations-root-sessions";
const CREDENTIALS: &str = "enable-organizations-root-credentials-management";
/// A role that may look at the organization and do nothing else.
const READER: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"organizations:Describe*","Resource":"*"}]}"#;
const DURATION: &str = "1 validation error detected: Value '901' at 'durationSeconds' failed to satisfy constraint: \
                        Member must have value less than or equal to 900";
const NULL_POLICY: &str = "1 validation error detected: Value null at 'taskPolicyArn.arn' failed to satisfy constraint: Member must not be null";
const MANAGEMENT: &str = "User: arn:aws:sts::222222222222:assumed-role/gateway/s is not authorized to perform: sts:AssumeRoot on \
                          resource: arn:aws:iam::111111111111:root";

fn sts() -> Fault {
    Fault::on("sts", "AssumeRoot")
}

fn edit(
    change: impl Fn(&mut aws_root_simulator::World) + Copy + Send + Sync + 'static,
) -> impl Fn(&Simulator) + Send + Sync + 'static {
    move |aws| aws.edit(change)
}

fn take_assume_root_from_the_gateway(aws: &mut aws_root_simulator::World) {
    let own = aws.account_mut("222222222222").unwrap();
    let gateway = own.principals.iter_mut().find(|role| role.name == "gateway").unwrap();
    gateway.policies = vec![READER.to_owned()];
}

#[tokio::test]
async fn what_is_switched_off_is_named_with_what_switches_it_on() {
    let off = (Code::FailedPrecondition, "FEATURE_NOT_ENABLED");
    let mut rows = Vec::new();
    for (feature, help, asks) in [
        (
            "RootSessions",
            SESSIONS,
            vec![Ask::UnlockBucket, Ask::UnlockQueue, Ask::AssumeRoot(TaskPolicy::S3UnlockBucketPolicy)],
        ),
        (
            "RootCredentialsManagement",
            CREDENTIALS,
            vec![Ask::Audit, Ask::Delete(CredentialKind::All), Ask::AllowRecovery],
        ),
    ] {
        for ask in asks {
            let turn_off = edit(move |aws| assert!(aws.organization.root_features.remove(feature)));
            rows.push(Row::state(feature, ask, turn_off).said(CALL, 403, "AccessDenied").told(off.0, off.1).help(help));
        }
    }
    rows.push(
        Row::state("trusted access", Ask::Audit, edit(|aws| aws.organization.trusted_services.clear()))
            .said(CALL, 403, "AccessDenied")
            .told(Code::FailedPrecondition, "TRUSTED_ACCESS_NOT_ENABLED")
            .help("enable-aws-service-access --service-principal iam.amazonaws.com"),
    );
    hold(rows).await;
}

#[tokio::test]
async fn a_denial_without_a_cause_is_a_plain_denial() {
    let denied = |row: Row| row.said(CALL, 403, "AccessDenied").told(Code::PermissionDenied, "AWS_ACCESS_DENIED");
    hold(vec![
        denied(Row::state("the caller may not", Ask::Audit, edit(take_assume_root_from_the_gateway))),
        Row::state(
            "no delegate, which Organizations says first",
            Ask::Audit,
            edit(|aws| aws.organization.delegations.clear()),
        )
        .said("organizations:DescribeAccount", 400, "AccessDeniedException")
        .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
        denied(Row::fault(
            "no delegate any more",
            Ask::Audit,
            sts().error(403, "AccessDenied", "User: x is not authorized"),
        )),
        denied(Row::fault("the management account", Ask::Audit, sts().error(403, "AccessDenied", MANAGEMENT))),
        Row::fault("the other spelling", Ask::Audit, sts().error(403, "AccessDeniedException", "no"))
            .said(CALL, 403, "AccessDeniedException")
            .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
    ])
    .await;
}

#[tokio::test]
async fn what_sts_does_not_accept_is_told_apart() {
    let fault = |name, status, code, message| Row::fault(name, Ask::Audit, sts().error(status, code, message));
    let credentials = (Code::Unavailable, "GATEWAY_CREDENTIALS");
    let mut rows = vec![
        fault("the global endpoint", 400, "InvalidAction", "Unknown Operation")
            .said(CALL, 400, "InvalidAction")
            .told(Code::Internal, "AWS_MISCONFIGURED"),
        fault("no task policy", 400, "ValidationError", "Request must contain valid AWS managed task policy ARN")
            .said(CALL, 400, "ValidationError")
            .told(Code::InvalidArgument, "AWS_REJECTED"),
        fault("no ARN of a task policy", 400, "ValidationError", NULL_POLICY)
            .said(CALL, 400, "ValidationError")
            .told(Code::InvalidArgument, "AWS_REJECTED"),
        fault("901 seconds", 400, "ValidationError", DURATION)
            .said(CALL, 400, "ValidationError")
            .told(Code::InvalidArgument, "AWS_REJECTED"),
        Row::fault("throttled", Ask::Audit, sts().throttle())
            .said(CALL, 400, "Throttling")
            .told(Code::ResourceExhausted, "AWS_THROTTLED"),
        Row::fault("the gateway's session is over", Ask::Audit, sts().expire_session())
            .said(CALL, 403, "ExpiredToken")
            .told(credentials.0, credentials.1),
        Row::state("STS is not active for the account", Ask::Audit, |aws| {
            aws.edit(|aws| {
                aws.account_mut(PAYMENTS).unwrap().disabled_sts_regions.insert("us-east-1".to_owned());
            });
        })
        .said(CALL, 403, "RegionDisabledException")
        .told(Code::FailedPrecondition, "REGION_DISABLED")
        .help("aws.home_region"),
        fault("the other spelling", 403, "RegionDisabled", "STS is not activated in this region")
            .said(CALL, 403, "RegionDisabled")
            .told(Code::FailedPrecondition, "REGION_DISABLED")
            .help("aws.home_region"),
    ];
    for (status, code) in [
        (400, "ExpiredTokenException"),
        (403, "InvalidClientTokenId"),
        (403, "SignatureDoesNotMatch"),
        (400, "IncompleteSignature"),
    ] {
        rows.push(
            fault("keys that AWS does not know", status, code, "x")
                .said(CALL, status, code)
                .told(credentials.0, credentials.1),
        );
    }
    hold(rows).await;
}

#[tokio::test]
async fn an_sts_that_fails_before_the_act_is_unavailable_and_credentials_that_may_be_out_are_unknown() {
    let issue = Ask::AssumeRoot(TaskPolicy::S3UnlockBucketPolicy);
    let before = |row: Row| row.told(Code::Unavailable, "AWS_UNAVAILABLE");
    let unknown = |row: Row| row.told(Code::Unknown, "OUTCOME_UNKNOWN");
    hold(vec![
        before(Row::fault("503", Ask::Audit, sts().status(503)).said(CALL, 503, "ServiceUnavailable")),
        before(Row::fault("500", Ask::Audit, sts().status(500)).said(CALL, 500, "InternalFailure")),
        before(Row::fault("a page", Ask::UnlockBucket, sts().html_500()).said(CALL, 500, "")),
        before(Row::fault("nothing", Ask::UnlockQueue, sts().drop_connection()).unanswered(CALL)),
        unknown(Row::fault("503 to what is handed out", issue, sts().status(503)).said(
            CALL,
            503,
            "ServiceUnavailable",
        )),
        unknown(Row::fault("a page for it", issue, sts().html_500()).said(CALL, 500, "")),
        unknown(Row::fault("its answer is lost", issue, sts().lose_reply()).unanswered(CALL)),
    ])
    .await;
}

#[tokio::test]
async fn an_organization_that_cannot_be_asked_stops_the_act() {
    let on = |fault: fn(Fault) -> Fault| fault(Fault::on("organizations", "DescribeAccount"));
    let call = "organizations:DescribeAccount";
    hold(vec![
        Row::fault("throttled", Ask::Audit, on(Fault::throttle))
            .said(call, 400, "TooManyRequestsException")
            .told(Code::ResourceExhausted, "AWS_THROTTLED"),
        Row::fault("failing", Ask::Audit, on(|fault| fault.status(500)))
            .said(call, 500, "ServiceException")
            .told(Code::Unavailable, "AWS_UNAVAILABLE"),
        Row::fault("denied", Ask::Audit, on(|fault| fault.error(400, "AccessDeniedException", "no")))
            .said(call, 400, "AccessDeniedException")
            .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
    ])
    .await;
}
