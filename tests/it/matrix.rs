//! The golden authorization matrix: every kind of caller calls every RPC of the descriptor on every class of target, with
//! the shipped policy. What comes out is `matrix.golden.txt`, which people review: a change of who may do what is a change
//! of that file. `UPDATE_GOLDEN=1 cargo test --test it matrix` writes it anew.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use prost::Message as _;
use prost_types::FileDescriptorSet;
use rootgate::pb::{
    self, approval_service_client::ApprovalServiceClient, explain_access_request::Act,
    journal_service_client::JournalServiceClient, policy_service_client::PolicyServiceClient,
};
use serde_json::json;
use tonic::{Response, Status};

use crate::harness::{AUDITOR, Client, OPERATOR, REASON, Refusal, STRANGER, Setup, World, issuer};

const GOLDEN: &str = "tests/it/matrix.golden.txt";
const OFFICER: &str = "spiffe://example.org/recovery/olga";
const WORKLOAD: &str = "spiffe://example.org/ns/payments/sa/deployer";

/// A class of targets, and an account of it in the example scenario.
const TARGETS: [(&str, &str); 6] = [
    ("member", "333333333333"),
    ("protected", "444444444444"),
    ("suspended", "555555555555"),
    ("management", "111111111111"),
    ("own", "222222222222"),
    ("outside", "999999999999"),
];

/// RPCs that answer before policy is asked, because they are not served yet. This list may only get shorter.
const NOT_SERVED: [&str; 5] = [
    "ApprovalService/ApproveRequest",
    "ApprovalService/CancelRequest",
    "ApprovalService/GetApproval",
    "ApprovalService/ListApprovals",
    "ApprovalService/RejectRequest",
];

#[tokio::test]
async fn the_matrix_is_the_reviewed_one() {
    let world = world().await;
    let callers = callers(&world).await;
    let mut matrix = String::from(HEADING);
    for rpc in rpcs() {
        writeln!(matrix, "\n{rpc}").unwrap();
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, client) in &callers {
            let mut answers = Vec::new();
            for (class, account) in TARGETS {
                answers.push((class, call(&rpc, client, account).await));
            }
            let answers = in_short(&answers);
            match alike.iter_mut().find(|(known, _)| *known == answers) {
                Some((_, names)) => names.push(name),
                None => alike.push((answers, vec![name])),
            }
        }
        for (answers, names) in alike {
            writeln!(matrix, "  {}\n    {answers}", names.join(", ")).unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    #[allow(clippy::disallowed_methods, reason = "a test's own switch")]
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &matrix).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(matrix, golden, "who may do what has changed: review it, then UPDATE_GOLDEN=1 writes {GOLDEN}");
}

#[tokio::test]
async fn nothing_but_what_is_not_served_answers_a_stranger_without_asking_policy() {
    let world = world().await;
    let callers = callers(&world).await;
    let (nobody, stranger) = (&callers["nobody"], &callers["mtls stranger"]);
    let mut before_policy = Vec::new();
    for rpc in rpcs() {
        for (_, account) in TARGETS {
            assert_eq!(call(&rpc, nobody, account).await, "UNAUTHENTICATED", "{rpc}");
        }
        match call(&rpc, stranger, TARGETS[0].1).await.as_str() {
            "PERMISSION_DENIED" => {}
            "NOT_SERVED" => before_policy.push(rpc),
            other => panic!("{rpc} answers a stranger with {other}"),
        }
    }
    assert_eq!(before_policy, NOT_SERVED, "take what is served now out of the list; nothing may come in");
}

const HEADING: &str = "\
# Who may do what with the shipped policy (deploy/policy/default.cedar): caller, and what each class of target answers.
# OK means done; every other word is the reason of the refusal. Written by tests/it/matrix.rs; review every change.
";

/// Nothing was backed up under it: who may restore is told so.
const NO_BACKUP: &str = "0197f1a2-0000-7000-8000-000000000001";

async fn world() -> World {
    let groups = format!(
        "policies = [\"policy.cedar\"]\n[authorization.groups]\noperators = [\"{OPERATOR}\"]\nauditors = [\"{AUDITOR}\", \"{WORKLOAD}\"]\n\
         recovery-officers = [\"{OFFICER}\"]"
    );
    let policy = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/policy/default.cedar")).unwrap();
    let setup = Setup { policies: policy, ..Setup::default() };
    let setup = setup
        .replacing("authorization", groups)
        .with("listeners.main", "schemes = [\"mtls\", \"jwt\", \"aws_iam\"]")
        .with_aws_iam()
        .with("aws", &format!("protected_accounts = [\"{}\"]", TARGETS[1].1))
        .with_issuer("")
        .with_mesh();
    World::start_with(setup).await
}

async fn callers(world: &World) -> BTreeMap<&'static str, Client> {
    let of_group = |group: &str| world.issuer.token("somebody", json!({ "groups": [group] }));
    BTreeMap::from([
        ("nobody", world.as_caller("spiffe://elsewhere.example/ops/alice").await),
        ("mtls stranger", world.as_caller(STRANGER).await),
        ("mtls auditor", world.as_caller(AUDITOR).await),
        ("mtls operator", world.as_caller(OPERATOR).await),
        ("mtls officer", world.as_caller(OFFICER).await),
        ("jwt stranger", world.with_token(&of_group("0000-operators")).await),
        ("jwt operator", world.with_token(&of_group(issuer::OPERATORS_ID)).await),
        ("aws_iam stranger", world.as_aws("gateway").await),
        ("mesh auditor", world.through_mesh(WORKLOAD).await),
        ("mesh stranger", world.through_mesh(STRANGER).await),
    ])
}

/// Every RPC of the gateway's own services, `Service/Method`, from the descriptor.
fn rpcs() -> Vec<String> {
    let files = FileDescriptorSet::decode(pb::FILE_DESCRIPTOR_SET).unwrap().file;
    let ours = files.iter().filter(|file| file.package() == "rootgate.v1");
    let mut rpcs: Vec<String> = ours
        .flat_map(|file| &file.service)
        .flat_map(|service| service.method.iter().map(|rpc| format!("{}/{}", service.name(), rpc.name())))
        .collect();
    rpcs.sort();
    assert!(!rpcs.is_empty());
    rpcs
}

/// One word for all classes if they answer the same.
fn in_short(answers: &[(&str, String)]) -> String {
    let (_, first) = &answers[0];
    if answers.iter().all(|(_, answer)| answer == first) {
        return format!("every target: {first}");
    }
    answers.iter().map(|(class, answer)| format!("{class}: {answer}")).collect::<Vec<_>>().join(", ")
}

fn word<T>(result: Result<Response<T>, Status>) -> String {
    match result {
        Ok(_) => "OK".to_owned(),
        Err(status) => Refusal::from(status).reason,
    }
}

/// Calls an RPC in its plainest form. An RPC that is new in the descriptor has to be added here.
async fn call(rpc: &str, client: &Client, account: &str) -> String {
    let mut root = client.root.clone();
    let mut approvals = ApprovalServiceClient::with_interceptor(client.channel.clone(), client.token.clone());
    let mut journal = JournalServiceClient::with_interceptor(client.channel.clone(), client.token.clone());
    let mut policy = PolicyServiceClient::with_interceptor(client.channel.clone(), client.token.clone());
    let (account_id, reason, ticket) = (account.to_owned(), REASON.to_owned(), "INC-1".to_owned());
    match rpc {
        "RootAccessService/AssumeRoot" => word(
            root.assume_root(pb::AssumeRootRequest {
                account_id,
                reason,
                ticket,
                task_policy: pb::TaskPolicy::S3UnlockBucketPolicy.into(),
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/UnlockBucketPolicy" => word(
            root.unlock_bucket_policy(pb::UnlockBucketPolicyRequest {
                account_id,
                reason,
                ticket,
                bucket: "payments-ledger".to_owned(),
                mode: pb::UnlockMode::DeletePolicy.into(),
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/UnlockQueuePolicy" => word(
            root.unlock_queue_policy(pb::UnlockQueuePolicyRequest {
                queue_arn: format!("arn:aws:sqs:eu-west-1:{account_id}:payments-events"),
                account_id,
                reason,
                ticket,
                mode: pb::UnlockMode::DeletePolicy.into(),
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/DeleteRootCredentials" => word(
            root.delete_root_credentials(pb::DeleteRootCredentialsRequest {
                account_id,
                reason,
                ticket,
                credential_kinds: vec![pb::CredentialKind::All.into()],
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/AllowPasswordRecovery" => word(
            root.allow_password_recovery(pb::AllowPasswordRecoveryRequest {
                account_id,
                reason,
                ticket,
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/AuditRootCredentials" => {
            word(root.audit_root_credentials(pb::AuditRootCredentialsRequest { account_id, reason, ticket }).await)
        }
        "RootAccessService/RestoreBucketPolicy" => word(
            root.restore_bucket_policy(pb::RestoreBucketPolicyRequest {
                account_id,
                reason,
                ticket,
                bucket: "payments-ledger".to_owned(),
                backup_id: NO_BACKUP.to_owned(),
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/RestoreQueuePolicy" => word(
            root.restore_queue_policy(pb::RestoreQueuePolicyRequest {
                queue_arn: format!("arn:aws:sqs:eu-west-1:{account_id}:payments-events"),
                account_id,
                reason,
                ticket,
                backup_id: NO_BACKUP.to_owned(),
                ..Default::default()
            })
            .await,
        ),
        "RootAccessService/ListPolicyBackups" => word(
            root.list_policy_backups(pb::ListPolicyBackupsRequest { account_id, reason, ticket, ..Default::default() })
                .await,
        ),
        "ApprovalService/GetApproval" => word(approvals.get_approval(pb::GetApprovalRequest::default()).await),
        "ApprovalService/ListApprovals" => word(approvals.list_approvals(pb::ListApprovalsRequest::default()).await),
        "ApprovalService/ApproveRequest" => word(approvals.approve_request(pb::ApproveRequestRequest::default()).await),
        "ApprovalService/RejectRequest" => word(approvals.reject_request(pb::RejectRequestRequest::default()).await),
        "ApprovalService/CancelRequest" => word(approvals.cancel_request(pb::CancelRequestRequest::default()).await),
        "JournalService/ListRecords" => word(
            journal.list_records(pb::ListRecordsRequest { account_id, reason, ticket, ..Default::default() }).await,
        ),
        "JournalService/GetCheckpoint" => {
            word(journal.get_checkpoint(pb::GetCheckpointRequest { reason, ticket }).await)
        }
        "PolicyService/ExplainAccess" => {
            let act = pb::AuditRootCredentialsRequest { account_id, reason: reason.clone(), ticket: ticket.clone() };
            let caller =
                pb::ExplainedCaller { subject: OPERATOR.to_owned(), scheme: "mtls".to_owned(), ..Default::default() };
            let act = Some(Act::AuditRootCredentials(act));
            word(
                policy
                    .explain_access(pb::ExplainAccessRequest { reason, ticket, caller: Some(caller), at: None, act })
                    .await,
            )
        }
        other => panic!("{other} is new: say here how it is called, and look at what the matrix then says"),
    }
}
