//! What S3 refuses in a root session.

use aws_root_simulator::{Fault, Simulator};
use tonic::Code;

use super::{
    DENY_ROOT, EXEMPTED_ROOT, RESOURCE_DENY, RESOURCE_EXEMPTED,
    row::{Ask, BUCKET, Row, hold},
    sent,
};
use crate::harness::{OPERATOR, PAYMENTS, World, refused};

const LIST: &str = "s3:ListBuckets";
const GET: &str = "s3:GetBucketPolicy";
const PUT: &str = "s3:PutBucketPolicy";
const DELETE: &str = "s3:DeleteBucketPolicy";
const MALFORMED: &str = "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";
const EXEMPT: &str = "aws:AssumedRoot";

fn on(action: &str) -> Fault {
    Fault::on("s3", action)
}

fn deny(scp: bool, document: &'static str) -> impl Fn(&Simulator) + Send + Sync + 'static {
    move |aws| {
        aws.edit(|aws| {
            let account = aws.account_mut(PAYMENTS).unwrap();
            let policies = if scp { &mut account.scps } else { &mut account.rcps };
            policies.push(document.to_owned());
        });
    }
}

#[tokio::test]
async fn denials_are_told_apart_and_have_their_fix() {
    let given = Ask::UnlockBucketIn("eu-west-1");
    hold(vec![
        Row::state("an SCP", Ask::UnlockBucket, deny(true, DENY_ROOT))
            .said(LIST, 403, "AccessDenied")
            .told(Code::PermissionDenied, "SCP_DENY")
            .help(EXEMPT),
        Row::state("an RCP", Ask::ReplaceBucketPolicy, deny(false, RESOURCE_DENY))
            .said(GET, 403, "AccessDenied")
            .told(Code::PermissionDenied, "RCP_DENY")
            .help("RCP")
            .region("eu-west-1"),
        Row::state("an RCP, of a policy that may go unseen", Ask::UnlockBucket, deny(false, RESOURCE_DENY))
            .said(DELETE, 403, "AccessDenied")
            .told(Code::PermissionDenied, "RCP_DENY")
            .help("RCP")
            .region("eu-west-1"),
        Row::fault(
            "anything else",
            Ask::UnlockBucket,
            on("DeleteBucketPolicy").error(403, "AccessDenied", "Access Denied"),
        )
        .said(DELETE, 403, "AccessDenied")
        .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
        Row::fault("without a code", given, on("DeleteBucketPolicy").error(403, "", "").empty_body())
            .said(DELETE, 403, "")
            .told(Code::PermissionDenied, "AWS_ACCESS_DENIED"),
    ])
    .await;
}

#[tokio::test]
async fn the_fix_of_a_denial_works() {
    for (scp, document) in [(true, EXEMPTED_ROOT), (false, RESOURCE_EXEMPTED)] {
        let world = World::start().await;
        deny(scp, document)(&world.aws);
        let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
        assert!(done.changed, "SCP: {scp}");
    }
}

#[tokio::test]
async fn what_s3_does_not_accept_is_told_apart() {
    let given = Ask::UnlockBucketIn("eu-west-1");
    let rejected = |row: Row| row.told(Code::InvalidArgument, "AWS_REJECTED");
    let put = |code| Row::fault("a value", Ask::ReplaceBucketPolicy, on("PutBucketPolicy").error(400, code, "bad"));
    let refuse = |action, status, code| Row::fault("a state", given, on(action).error(status, code, "no"));
    hold(vec![
        rejected(put("MalformedPolicy").said(PUT, 400, "MalformedPolicy")),
        rejected(put("InvalidArgument").said(PUT, 400, "InvalidArgument")),
        rejected(Row::fault("a list", Ask::UnlockBucket, on("ListBuckets").error(400, "InvalidArgument", "bad")).said(
            LIST,
            400,
            "InvalidArgument",
        )),
        Row::state("no bucket", given, |aws| aws.edit(|aws| aws.account_mut(PAYMENTS).unwrap().buckets.clear()))
            .said(GET, 404, "NoSuchBucket")
            .told(Code::NotFound, "BUCKET_NOT_FOUND"),
        refuse("DeleteBucketPolicy", 404, "NoSuchBucket")
            .said(DELETE, 404, "NoSuchBucket")
            .told(Code::NotFound, "BUCKET_NOT_FOUND"),
        refuse("DeleteBucketPolicy", 409, "OperationAborted")
            .said(DELETE, 409, "OperationAborted")
            .told(Code::Aborted, "AWS_CONFLICT"),
        refuse("GetBucketPolicy", 400, "RequestTimeout")
            .said(GET, 400, "RequestTimeout")
            .told(Code::Unavailable, "AWS_UNAVAILABLE"),
        refuse("DeleteBucketPolicy", 409, "InvalidBucketState")
            .said(DELETE, 409, "InvalidBucketState")
            .told(Code::FailedPrecondition, "AWS_REFUSED"),
    ])
    .await;
}

#[tokio::test]
async fn a_bucket_elsewhere_is_named_with_its_region() {
    let wrong = |row: Row| row.told(Code::FailedPrecondition, "WRONG_REGION");
    let given = Ask::UnlockBucketIn("eu-west-1");
    let moved = on("GetBucketPolicy").error(301, "PermanentRedirect", "there").bucket_region("us-west-2");
    let malformed = || on("GetBucketPolicy").error(400, "AuthorizationHeaderMalformed", MALFORMED);
    hold(vec![
        wrong(Row::state("asked in another", Ask::UnlockBucketIn("us-east-1"), |_| ()))
            .said(GET, 301, "PermanentRedirect")
            .region("eu-west-1"),
        wrong(Row::fault("a redirect", given, moved.clone()).said(GET, 301, "PermanentRedirect").region("us-west-2")),
        wrong(Row::fault(
            "without a body",
            given,
            on("GetBucketPolicy").error(301, "", "").bucket_region("us-west-2").empty_body(),
        ))
        .said(GET, 301, "")
        .region("us-west-2"),
        wrong(Row::fault("by the signature", given, malformed().bucket_region("us-west-2")))
            .said(GET, 400, "AuthorizationHeaderMalformed")
            .region("us-west-2"),
        wrong(Row::fault(
            "opt-in regions",
            given,
            on("GetBucketPolicy").error(400, "IllegalLocationConstraintException", "x"),
        ))
        .said(GET, 400, "IllegalLocationConstraintException"),
    ])
    .await;
}

#[tokio::test]
async fn throttling_is_tried_again_and_then_told() {
    let throttled = |row: Row| row.told(Code::ResourceExhausted, "AWS_THROTTLED");
    hold(vec![
        throttled(Row::fault("a read", Ask::UnlockBucket, on("GetBucketPolicy").throttle()).said(GET, 503, "SlowDown")),
        throttled(
            Row::fault("a change", Ask::UnlockBucket, on("DeleteBucketPolicy").throttle().times(4))
                .said(DELETE, 503, "SlowDown"),
        ),
    ])
    .await;
    let world = World::start().await;
    world.aws.inject(on("DeleteBucketPolicy").throttle().times(20));
    let result = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await;
    refused(result, Code::ResourceExhausted, "AWS_THROTTLED");
    assert_eq!(sent(&world, DELETE), 4);
}

#[tokio::test]
async fn a_failure_before_the_change_is_unavailable_and_one_of_the_change_is_not() {
    let before = |row: Row| row.told(Code::Unavailable, "AWS_UNAVAILABLE");
    let unknown = |row: Row| row.told(Code::Unknown, "OUTCOME_UNKNOWN");
    let unlock = Ask::UnlockBucket;
    // The second read, after the change.
    let blind = || on("GetBucketPolicy").status(503).after(1).times(20);
    let late = std::time::Duration::from_secs(60);
    hold(vec![
        before(Row::fault("503", unlock, on("ListBuckets").status(503)).said(LIST, 503, "ServiceUnavailable")),
        before(Row::fault("500", unlock, on("GetBucketPolicy").status(500)).said(GET, 500, "InternalError")),
        before(Row::fault("a page", unlock, on("GetBucketPolicy").html_500()).said(GET, 500, "")),
        before(Row::fault("nothing", unlock, on("GetBucketPolicy").drop_connection()).unanswered(GET)),
        before(Row::fault("too late", unlock, on("GetBucketPolicy").reply_latency(late)).unanswered(GET).impatient()),
        unknown(Row::fault("503", unlock, on("DeleteBucketPolicy").status(503)).said(
            DELETE,
            503,
            "ServiceUnavailable",
        )),
        unknown(Row::fault("500", unlock, on("DeleteBucketPolicy").status(500)).said(DELETE, 500, "InternalError")),
        unknown(Row::fault("a page", unlock, on("DeleteBucketPolicy").html_500()).said(DELETE, 500, "")),
        unknown(
            Row::fault("a page to a put", Ask::ReplaceBucketPolicy, on("PutBucketPolicy").html_500())
                .said(PUT, 500, ""),
        ),
        unknown(Row::fault("not done", unlock, on("DeleteBucketPolicy").drop_connection()).unanswered(DELETE)),
        unknown(Row::faults("done", unlock, vec![on("DeleteBucketPolicy").lose_reply(), blind()]).unanswered(DELETE)),
        unknown(
            Row::faults("done late", unlock, vec![on("DeleteBucketPolicy").reply_latency(late), blind()])
                .unanswered(DELETE)
                .impatient(),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_change_whose_answer_is_late_or_lost_is_settled_by_a_read() {
    let late = std::time::Duration::from_secs(60);
    for fault in [on("DeleteBucketPolicy").reply_latency(late), on("DeleteBucketPolicy").lose_reply()] {
        let world = World::start_configured("aws", "connect_timeout = \"2s\"\nattempt_timeout = \"2s\"").await;
        world.aws.inject(fault);
        let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
        assert!(done.changed);
        assert_eq!(sent(&world, DELETE), 1, "a change is sent once");
    }
}

#[tokio::test]
async fn no_policy_is_nothing_to_do() {
    let world = World::start().await;
    world.aws.edit(|aws| aws.bucket_mut(BUCKET).unwrap().policy = None);
    let done = world.as_caller(OPERATOR).await.unlock_bucket(PAYMENTS, BUCKET).await.unwrap();
    assert!(!done.changed);
    let read = world.aws.calls().into_iter().rfind(|call| call.name() == GET).unwrap();
    assert_eq!(read.error_code.as_deref(), Some("NoSuchBucketPolicy"));
    let told = done.receipt.unwrap().aws_calls.into_iter().find(|call| call.operation == "GetBucketPolicy").unwrap();
    assert_eq!((told.error_code.as_str(), told.request_id), ("NoSuchBucketPolicy", read.request_id));
}
