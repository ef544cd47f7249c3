//! What IAM refuses in a root session: as a whole, and item by item.

use aws_root_simulator::Fault;
use rootgate::pb::{CredentialKind, DeleteRootCredentialsResponse, DeletionStatus, Verification};
use tonic::Code;
use tonic_types::pb::Status;

use super::{
    DENY_ROOT,
    row::{Ask, Row, hold},
};
use crate::harness::{ANALYTICS, OPERATOR, PAYMENTS, Refusal, World, refused};

const PROFILE: &str = "iam:DeleteLoginProfile";
const CREATE: &str = "iam:CreateLoginProfile";
const READ: &str = "iam:GetLoginProfile";
const PASSWORD: Ask = Ask::Delete(CredentialKind::LoginProfile);

fn on(action: &str) -> Fault {
    Fault::on("iam", action)
}

/// A code as it is, and with `Exception` behind it.
fn spellings(code: &str) -> [String; 2] {
    [code.to_owned(), format!("{code}Exception")]
}

#[tokio::test]
async fn denials_are_told_apart() {
    hold(vec![
        Row::state("an SCP", Ask::Audit, |aws| {
            aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().scps.push(DENY_ROOT.to_owned()));
        })
        .said("iam:GetAccountSummary", 403, "AccessDenied")
        .told(Code::PermissionDenied, "SCP_DENY")
        .help("aws:AssumedRoot"),
        Row::fault("anything else", Ask::Audit, on("ListAccessKeys").error(403, "AccessDenied", "no"))
            .said("iam:ListAccessKeys", 403, "AccessDenied")
            .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
        Row::fault(
            "of a creation",
            Ask::AllowRecovery,
            on("CreateLoginProfile").error(403, "AccessDeniedException", "no"),
        )
        .said(CREATE, 403, "AccessDeniedException")
        .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
    ])
    .await;
}

#[tokio::test]
async fn what_iam_does_not_do_now_is_told_apart_in_both_spellings() {
    let mut rows = Vec::new();
    for (status, code, spelled, told, reason) in [
        (409, "EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException", Code::Aborted, "AWS_CONFLICT"),
        (409, "ConcurrentModification", "ConcurrentModificationException", Code::Aborted, "AWS_CONFLICT"),
        (409, "DeleteConflict", "DeleteConflictException", Code::Aborted, "AWS_CONFLICT"),
        (409, "LimitExceeded", "LimitExceededException", Code::FailedPrecondition, "AWS_REFUSED"),
        (400, "InvalidInput", "InvalidInputException", Code::InvalidArgument, "AWS_REJECTED"),
        (400, "ValidationError", "ValidationException", Code::InvalidArgument, "AWS_REJECTED"),
    ] {
        for code in [code, spelled] {
            // Conflicts are tried a second time.
            let fault = on("DeleteLoginProfile").error(status, code, "as AWS says").times(2);
            rows.push(Row::fault(code, PASSWORD, fault).said(PROFILE, status, code).told(told, reason));
        }
    }
    for code in ["NoSuchEntity", "NoSuchEntityException"] {
        let fault = on("ListAccessKeys").error(404, code, "as AWS says");
        let row = Row::fault("a read", Ask::Audit, fault).said("iam:ListAccessKeys", 404, code);
        rows.push(row.told(Code::NotFound, "AWS_NOT_FOUND"));
    }
    hold(rows).await;
}

#[tokio::test]
async fn failures_of_reads_are_unavailable_and_those_of_changes_are_not() {
    let before = |row: Row| row.told(Code::Unavailable, "AWS_UNAVAILABLE");
    let unknown = |row: Row| row.told(Code::Unknown, "OUTCOME_UNKNOWN");
    let recover = Ask::AllowRecovery;
    let blind = |action| on(action).status(503).after(1).times(20);
    hold(vec![
        Row::fault("throttled", Ask::Audit, on("GetAccountSummary").throttle())
            .said("iam:GetAccountSummary", 400, "Throttling")
            .told(Code::ResourceExhausted, "AWS_THROTTLED"),
        Row::fault("a throttled change", recover, on("CreateLoginProfile").throttle().times(4))
            .said(CREATE, 400, "Throttling")
            .told(Code::ResourceExhausted, "AWS_THROTTLED"),
        before(Row::fault("503", Ask::Audit, on("GetAccountSummary").status(503)).said(
            "iam:GetAccountSummary",
            503,
            "ServiceUnavailable",
        )),
        before(Row::fault("a page", Ask::Audit, on("ListMFADevices").html_500()).said("iam:ListMFADevices", 500, "")),
        before(Row::fault("nothing", recover, on("GetLoginProfile").drop_connection()).unanswered(READ)),
        unknown(Row::fault("500", PASSWORD, on("DeleteLoginProfile").status(500)).said(PROFILE, 500, "ServiceFailure")),
        unknown(Row::fault("a page", PASSWORD, on("DeleteLoginProfile").html_500()).said(PROFILE, 500, "")),
        unknown(Row::fault("not done", PASSWORD, on("DeleteLoginProfile").drop_connection()).unanswered(PROFILE)),
        unknown(
            Row::faults("done", PASSWORD, vec![on("DeleteLoginProfile").lose_reply(), blind("GetLoginProfile")])
                .unanswered(PROFILE),
        ),
        unknown(Row::fault("500", recover, on("CreateLoginProfile").status(500)).said(CREATE, 500, "ServiceFailure")),
        unknown(
            Row::faults("done", recover, vec![on("CreateLoginProfile").lose_reply(), blind("GetLoginProfile")])
                .unanswered(CREATE),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_gone_when_it_is_to_be_deleted_is_already_absent() {
    for code in spellings("NoSuchEntity") {
        let world = World::start().await;
        let gone = on("DeleteLoginProfile").error(404, &code, "Login Profile for User null cannot be found.");
        world.aws.inject(gone);
        let mut operator = world.as_caller(OPERATOR).await;
        let done = operator.delete(PAYMENTS, &[CredentialKind::LoginProfile]).await.unwrap();
        let call = world.aws.calls().into_iter().find(|call| call.name() == PROFILE).unwrap();
        assert!(call.fault.is_some());
        assert!(!done.changed);
        let [item] = done.items.as_slice() else { panic!("{:?}", done.items) };
        assert_eq!(item.status(), DeletionStatus::AlreadyAbsent, "{code}");
        assert_eq!((&item.aws_error_code, &item.aws_request_id), (&code, &call.request_id));
    }
}

#[tokio::test]
async fn what_exists_already_is_a_success_that_changed_nothing() {
    for code in spellings("EntityAlreadyExists") {
        let world = World::start().await;
        world.aws.inject(on("CreateLoginProfile").error(409, &code, "Login Profile for User null already exists."));
        let done = world.as_caller(OPERATOR).await.allow_recovery(ANALYTICS).await.unwrap();
        let call = world.aws.calls().into_iter().find(|call| call.name() == CREATE).unwrap();
        assert!(call.fault.is_some());
        assert!(!done.changed, "{code}");
        assert_eq!(done.verification(), Verification::PendingPropagation, "AWS says that it exists, and shows none");
    }
}

#[tokio::test]
async fn no_login_profile_is_no_error_in_either_spelling() {
    for code in spellings("NoSuchEntity") {
        let world = World::start().await;
        world.aws.inject(on("GetLoginProfile").error(404, &code, "Login Profile for User null cannot be found."));
        let done = world.as_caller(OPERATOR).await.allow_recovery(ANALYTICS).await.unwrap();
        assert!(done.changed, "{code}");
        let calls = world.aws.calls();
        assert!(calls.iter().any(|call| call.name() == READ && call.fault.is_some()), "{code}");
    }
}

#[tokio::test]
async fn each_item_of_a_deletion_has_its_own_code_and_request_id() {
    for (status, code) in [
        (409, "EntityTemporarilyUnmodifiable"),
        (409, "ConcurrentModificationException"),
        (409, "DeleteConflict"),
        (403, "AccessDenied"),
    ] {
        let world = World::start().await;
        world.aws.inject(on("DeleteSigningCertificate").error(status, code, "as AWS says").times(2));
        let result = world.as_caller(OPERATOR).await.delete(PAYMENTS, &[CredentialKind::All]).await;
        let refusal = refused(result, Code::Aborted, "INCOMPLETE");
        assert_eq!(refusal.metadata("account_id"), PAYMENTS);
        let call = world.aws.calls().into_iter().rfind(|call| call.name() == "iam:DeleteSigningCertificate").unwrap();
        assert!(call.fault.is_some(), "{code}");
        let items = deletion(&refusal).items;
        let (failed, deleted): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.status() == DeletionStatus::Failed);
        assert!(deleted.len() == 4 && deleted.iter().all(|item| item.status() == DeletionStatus::Deleted), "{code}");
        let [failed] = failed.as_slice() else { panic!("{failed:?}") };
        assert_eq!((failed.aws_error_code.as_str(), &failed.aws_request_id), (code, &call.request_id));
    }
}

/// The itemised answer that rides behind the ErrorInfo.
fn deletion(refusal: &Refusal) -> DeleteRootCredentialsResponse {
    let wire: Status = prost::Message::decode(refusal.status.details()).unwrap();
    let any = wire.details.iter().find(|any| any.type_url.ends_with("DeleteRootCredentialsResponse")).unwrap();
    prost::Message::decode(any.value.as_slice()).unwrap()
}
