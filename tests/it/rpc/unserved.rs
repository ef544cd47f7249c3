use rootgate::pb::{self, approval_service_client::ApprovalServiceClient};
use tonic::Code;

use crate::harness::{OPERATOR, World, answer, refused};

#[tokio::test]
async fn what_is_not_served_yet_says_so_and_is_recorded() {
    let world = World::start().await;
    let operator = world.as_caller(OPERATOR).await;
    let mut approvals = ApprovalServiceClient::new(operator.channel.clone());

    let get = pb::GetApprovalRequest::default();
    refused(answer(approvals.get_approval(get).await), Code::Unimplemented, "NOT_SERVED");
    let list = pb::ListApprovalsRequest::default();
    refused(answer(approvals.list_approvals(list).await), Code::Unimplemented, "NOT_SERVED");
    let approve = pb::ApproveRequestRequest::default();
    refused(answer(approvals.approve_request(approve).await), Code::Unimplemented, "NOT_SERVED");
    let reject = pb::RejectRequestRequest::default();
    refused(answer(approvals.reject_request(reject).await), Code::Unimplemented, "NOT_SERVED");
    let cancel = pb::CancelRequestRequest::default();
    refused(answer(approvals.cancel_request(cancel).await), Code::Unimplemented, "NOT_SERVED");

    let records = world.records().await;
    let recorded: Vec<&str> =
        records.iter().filter(|record| record.event() == "Refusal").map(|record| record.text("rpc")).collect();
    assert_eq!(recorded.len(), 5, "{recorded:?}");
}
