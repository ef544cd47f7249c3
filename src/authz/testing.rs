//! What the tests of this module share: an organization, people and questions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Argument, Engine, Groups, Member, Principal, Question, Sources, Target, Tree, Unit};
use crate::{
    authn::Scheme,
    clock::Timestamp,
    types::{AccountId, CredentialKind, Kind, QueueRef},
};

pub(super) const ALICE: &str = "spiffe://example.org/ops/alice";
/// In the unit `payments`, which is in `workloads`.
pub(super) const PAYMENTS: &str = "333333333333";
/// In `security`.
pub(super) const LOG_ARCHIVE: &str = "555555555555";
/// Not in the organization.
pub(super) const STRANGE: &str = "999999999999";
pub(super) const ORGANIZATION_ID: &str = "o-ab12cd34ef";
pub(super) const WORKLOADS: &str = "ou-ab12-workload";
pub(super) const PAYMENTS_UNIT: &str = "ou-ab12-payments";
pub(super) const SECURITY: &str = "ou-ab12-security";
/// 2026-11-21T18:35:54Z, a Saturday.
pub(super) const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

pub(super) fn tree() -> Tree {
    let unit = |id: &str, name: &str, parent: Option<&str>| {
        (id.to_owned(), Unit { name: name.to_owned(), parent: parent.map(ToOwned::to_owned) })
    };
    let member = |id: &str, name: &str, unit: &str, env: &str| {
        let tags = BTreeMap::from([("env".to_owned(), env.to_owned())]);
        (account(id), Member { unit: Some(unit.to_owned()), name: name.to_owned(), tags })
    };
    let units = BTreeMap::from([
        unit(WORKLOADS, "Workloads", None),
        unit(PAYMENTS_UNIT, "Payments", Some(WORKLOADS)),
        unit(SECURITY, "Security", None),
    ]);
    let accounts = HashMap::from([
        member(PAYMENTS, "payments-prod", PAYMENTS_UNIT, "prod"),
        member(LOG_ARCHIVE, "log-archive", SECURITY, "core"),
    ]);
    Tree::new(ORGANIZATION_ID, units, accounts).unwrap()
}

pub(super) fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

pub(super) fn principal(scheme: Scheme, subject: &str) -> Principal {
    Principal {
        scheme,
        subject: subject.to_owned(),
        listener: "main".to_owned(),
        groups: BTreeSet::new(),
        attributes: BTreeMap::new(),
    }
}

/// Alice asks for this kind of act in this account.
pub(super) fn question(kind: Kind, account_id: &str) -> Question {
    Question {
        principal: principal(Scheme::Mtls, ALICE),
        kind,
        target: target(kind, account_id),
        region: None,
        reason: "the deployment is locked out".to_owned(),
        ticket: None,
        arguments: arguments(kind),
        now: NOW,
    }
}

fn target(kind: Kind, account_id: &str) -> Target {
    match kind {
        Kind::UnlockBucketPolicy | Kind::RestoreBucketPolicy => bucket(account_id),
        Kind::UnlockQueuePolicy | Kind::RestoreQueuePolicy => queue(account_id),
        Kind::AssumeRoot
        | Kind::DeleteRootCredentials
        | Kind::AllowPasswordRecovery
        | Kind::AuditRootCredentials
        | Kind::ListPolicyBackups
        | Kind::ExplainAccess => Target::Account(account(account_id)),
        Kind::ListRecords => Target::Journal(Some(account(account_id))),
        Kind::GetCheckpoint => Target::Journal(None),
    }
}

pub(super) fn bucket(account_id: &str) -> Target {
    Target::Bucket(account(account_id), "payments-ledger".parse().unwrap())
}

pub(super) fn queue(account_id: &str) -> Target {
    Target::Queue(QueueRef::from_arn(&format!("arn:aws:sqs:eu-west-1:{account_id}:jobs")).unwrap())
}

pub(super) fn arguments(kind: Kind) -> BTreeMap<String, Argument> {
    let text = |text: &str| Argument::Text(text.to_owned());
    let exposure = ("accept_exposure", text("ORGANIZATION"));
    let mut arguments = match kind {
        Kind::AssumeRoot => {
            vec![("task_policy", text("S3UnlockBucketPolicy")), ("duration_seconds", Argument::Number(300))]
        }
        Kind::UnlockBucketPolicy | Kind::UnlockQueuePolicy => vec![("mode", text("DELETE_POLICY")), exposure],
        Kind::RestoreBucketPolicy | Kind::RestoreQueuePolicy => {
            vec![("accept_lockout", Argument::Flag(false)), exposure]
        }
        Kind::ListPolicyBackups => vec![("include_policies", Argument::Flag(false))],
        Kind::DeleteRootCredentials => {
            vec![("credential_kinds", Argument::Texts([CredentialKind::AccessKey.name()].into()))]
        }
        Kind::AllowPasswordRecovery | Kind::AuditRootCredentials | Kind::ListRecords | Kind::GetCheckpoint => {
            Vec::new()
        }
        Kind::ExplainAccess => vec![("about_subject", text(ALICE)), ("about_operation", text("AssumeRoot"))],
    };
    if kind.mutates() {
        arguments.push(("validate_only", Argument::Flag(false)));
    }
    arguments.into_iter().map(|(name, argument)| (name.to_owned(), argument)).collect()
}

/// An engine with these policies, where Alice is an operator by configuration.
pub(super) fn engine(policies: &str) -> Engine {
    let groups = Groups::from([("operators".to_owned(), BTreeSet::from([ALICE.to_owned()]))]);
    let sources = Sources(vec![("a.cedar".to_owned(), policies.to_owned())]);
    Engine::load(&sources, groups).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Why an engine with these policies cannot be made.
pub(super) fn refused(policies: &str) -> String {
    let sources = Sources(vec![("a.cedar".to_owned(), policies.to_owned())]);
    Engine::load(&sources, Groups::new()).unwrap_err().to_string()
}
