//! What SQS refuses in a root session, in both of its spellings.

use aws_root_simulator::{Fault, Simulator};
use tonic::Code;

use super::{
    DENY_ROOT, RESOURCE_DENY,
    row::{Ask, QUEUE, Row, hold},
    sent,
};
use crate::harness::{OPERATOR, PAYMENTS, World, refused};

const URL: &str = "sqs:GetQueueUrl";
const GET: &str = "sqs:GetQueueAttributes";
const SET: &str = "sqs:SetQueueAttributes";
const SCP_TEXT: &str = "with an explicit deny in a service control policy";
const RCP_TEXT: &str = "with an explicit deny in a resource control policy";

fn on(action: &str) -> Fault {
    Fault::on("sqs", action)
}

/// Answers as to clients that never spoke the query protocol.
fn plain(action: &str) -> Fault {
    on(action).without_query_error()
}

fn no_queues(aws: &Simulator) {
    aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().queues.clear());
}

#[tokio::test]
async fn denials_are_told_apart_in_both_spellings() {
    let unlock = Ask::UnlockQueue;
    let denied = |fault: Fault, text| fault.error(403, "AccessDenied", text);
    let (short, long) = ("AccessDenied", "AccessDeniedException");
    let set = "SetQueueAttributes";
    let scp = |row: Row| row.told(Code::PermissionDenied, "SCP_DENY").help("aws:AssumedRoot");
    let rcp = |row: Row| row.told(Code::PermissionDenied, "RCP_DENY").help("RCP");
    let other = |row: Row| row.told(Code::PermissionDenied, "AWS_ACCESS_DENIED");
    hold(vec![
        scp(Row::state("an SCP", unlock, |aws| {
            aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().scps.push(DENY_ROOT.to_owned()));
        })
        .said(URL, 403, short)),
        rcp(Row::state("an RCP", unlock, |aws| {
            aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().rcps.push(RESOURCE_DENY.to_owned()));
        })
        .said(URL, 403, short)),
        scp(Row::fault("an SCP, plain", unlock, denied(plain(set), SCP_TEXT)).said(SET, 403, long)),
        rcp(Row::fault("an RCP, plain", unlock, denied(plain(set), RCP_TEXT)).said(SET, 403, long)),
        other(Row::fault("anything else", unlock, denied(on(set), "no")).said(SET, 403, short)),
        other(Row::fault("anything else, plain", unlock, denied(plain(set), "no")).said(SET, 403, long)),
    ])
    .await;
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_not_found_in_both_spellings() {
    let gone = |row: Row| row.told(Code::NotFound, "QUEUE_NOT_FOUND");
    let (query, shape) = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist");
    hold(vec![
        gone(Row::state("no queue", Ask::UnlockQueue, no_queues).said(URL, 400, query)),
        gone(
            Row::state("no queue, plain", Ask::UnlockQueue, |aws| {
                no_queues(aws);
                aws.inject(plain("GetQueueUrl"));
            })
            .said(URL, 400, shape),
        ),
        gone(
            Row::fault("gone meanwhile", Ask::UnlockQueue, on("SetQueueAttributes").error(400, query, "gone"))
                .said(SET, 400, query),
        ),
        gone(
            Row::fault(
                "gone meanwhile, plain",
                Ask::UnlockQueue,
                plain("SetQueueAttributes").error(400, query, "gone"),
            )
            .said(SET, 400, shape),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_sqs_does_not_accept_is_told_apart() {
    let mut rows = Vec::new();
    for (status, code, told, reason) in [
        (400, "InvalidAttributeValue", Code::InvalidArgument, "AWS_REJECTED"),
        (400, "InvalidAttributeName", Code::InvalidArgument, "AWS_REJECTED"),
        (400, "InvalidAddress", Code::InvalidArgument, "AWS_REJECTED"),
        (400, "UnsupportedOperation", Code::FailedPrecondition, "AWS_REFUSED"),
        (400, "AWS.SimpleQueueService.UnsupportedOperation", Code::FailedPrecondition, "AWS_REFUSED"),
        (400, "OverLimit", Code::FailedPrecondition, "AWS_REFUSED"),
        (400, "InvalidSecurity", Code::Internal, "AWS_MISCONFIGURED"),
        (400, "KmsAccessDenied", Code::PermissionDenied, "AWS_ACCESS_DENIED"),
    ] {
        let fault = on("SetQueueAttributes").error(status, code, "as AWS says");
        rows.push(Row::fault(code, Ask::ReplaceQueuePolicy, fault).said(SET, status, code).told(told, reason));
    }
    hold(rows).await;
}

#[tokio::test]
async fn throttling_is_tried_again_and_then_told() {
    let throttled = |row: Row| row.told(Code::ResourceExhausted, "AWS_THROTTLED");
    hold(vec![
        throttled(Row::fault("a read", Ask::UnlockQueue, on("GetQueueAttributes").throttle()).said(
            GET,
            400,
            "RequestThrottled",
        )),
        throttled(Row::fault("a read, plain", Ask::UnlockQueue, plain("GetQueueUrl").throttle()).said(
            URL,
            400,
            "RequestThrottled",
        )),
    ])
    .await;
    let world = World::start().await;
    world.aws.inject(on("SetQueueAttributes").throttle().times(20));
    let result = world.as_caller(OPERATOR).await.unlock_queue(PAYMENTS, QUEUE).await;
    refused(result, Code::ResourceExhausted, "AWS_THROTTLED");
    assert_eq!(sent(&world, SET), 4);
}

#[tokio::test]
async fn a_failure_before_the_change_is_unavailable_and_one_of_the_change_is_not() {
    let before = |row: Row| row.told(Code::Unavailable, "AWS_UNAVAILABLE");
    let unknown = |row: Row| row.told(Code::Unknown, "OUTCOME_UNKNOWN");
    let unlock = Ask::UnlockQueue;
    let blind = || on("GetQueueAttributes").status(503).after(1).times(20);
    hold(vec![
        before(Row::fault("503", unlock, on("GetQueueUrl").status(503)).said(URL, 503, "ServiceUnavailable")),
        before(Row::fault("a page", unlock, on("GetQueueAttributes").html_500()).said(GET, 500, "")),
        before(Row::fault("nothing", unlock, on("GetQueueAttributes").drop_connection()).unanswered(GET)),
        unknown(Row::fault("500", unlock, on("SetQueueAttributes").status(500)).said(SET, 500, "InternalFailure")),
        unknown(Row::fault("a page", unlock, on("SetQueueAttributes").html_500()).said(SET, 500, "")),
        unknown(Row::fault("not done", unlock, on("SetQueueAttributes").drop_connection()).unanswered(SET)),
        unknown(Row::faults("done", unlock, vec![on("SetQueueAttributes").lose_reply(), blind()]).unanswered(SET)),
    ])
    .await;
}
