//! A root session that is over, and over again after it was renewed: each service says so in its own words.

use aws_root_simulator::Fault;
use rootgate::pb::CredentialKind;
use tonic::Code;

use super::row::{Ask, Row, hold};

#[tokio::test]
async fn a_session_that_is_over_twice_ends_the_act_in_every_spelling() {
    let over = |name, ask, fault: Fault| {
        Row::fault(name, ask, fault.expire_session().times(2)).told(Code::Aborted, "SESSION_EXPIRED")
    };
    let (s3, sqs, iam) =
        (|action| Fault::on("s3", action), |action| Fault::on("sqs", action), |action| Fault::on("iam", action));
    let (short, long) = ("ExpiredToken", "ExpiredTokenException");
    let password = Ask::Delete(CredentialKind::LoginProfile);
    hold(vec![
        over("a read", Ask::UnlockBucket, s3("GetBucketPolicy")).said("s3:GetBucketPolicy", 400, short),
        over("a change", Ask::UnlockBucket, s3("DeleteBucketPolicy")).said("s3:DeleteBucketPolicy", 400, short),
        over("a read", Ask::UnlockQueue, sqs("GetQueueUrl")).said("sqs:GetQueueUrl", 403, short),
        over("a change", Ask::UnlockQueue, sqs("SetQueueAttributes")).said("sqs:SetQueueAttributes", 403, short),
        over("a change, plain", Ask::UnlockQueue, sqs("SetQueueAttributes").without_query_error()).said(
            "sqs:SetQueueAttributes",
            403,
            long,
        ),
        over("a read", Ask::Audit, iam("GetAccountSummary")).said("iam:GetAccountSummary", 403, short),
        over("a change", password, iam("DeleteLoginProfile")).said("iam:DeleteLoginProfile", 403, short),
    ])
    .await;
}
