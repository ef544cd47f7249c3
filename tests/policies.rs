//! What is shipped to start from. The policies, as a caller meets them: who may do what, as a table that a policy change
//! changes; and the configuration that the README shows.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rootgate::{
    authn::{Authenticator, Caller, MtlsRules, PeerFacts, Remote, Scheme, Schemes},
    authz::{Ask, Circumstances, Engine, Principal, Question, SCHEMA, Sources, Terms, Why},
    clock::{Clock, SystemClock},
    config::Config,
    ops::{
        AllowPasswordRecovery, AssumeRoot, AuditRootCredentials, DeleteRootCredentials, ExplainAccess, GetCheckpoint,
        ListPolicyBackups, ListRecords, PolicyDocument, RecordFilter, Restoration, RestoreBucketPolicy,
        RestoreQueuePolicy, UnlockBucketPolicy, UnlockMode, UnlockQueuePolicy,
    },
    types::{AccountId, CredentialKind, Exposure, QueueRef, TaskPolicy},
};

const ALICE: &str = "spiffe://example.org/ops/alice";
const AUDITOR: &str = "spiffe://example.org/audit/report";
const OFFICER: &str = "spiffe://example.org/recovery/olga";
const PUBLISHER: &str = "spiffe://example.org/web/paula";
const STRANGER: &str = "spiffe://example.org/ops/mallory";

const DEFAULT: &str = "deploy/policy/default.cedar";
const EXAMPLE: &str = "deploy/policy/example.cedar";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn engine(name: &str, text: &str) -> Engine {
    let group = |name: &str, subject: &str| (name.to_owned(), BTreeSet::from([subject.to_owned()]));
    let groups = [
        group("operators", ALICE),
        group("auditors", AUDITOR),
        group("recovery-officers", OFFICER),
        group("policy-publishers", PUBLISHER),
    ];
    let sources = Sources(vec![(name.to_owned(), text.to_owned())]);
    Engine::load(&sources, groups.into()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn shipped(path: &str) -> Engine {
    engine(path, &read(path))
}

/// A caller, made the only way there is: from a certificate, by the authenticator.
fn caller(spiffe_id: &str) -> Caller {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(spiffe_id.try_into().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let peer = PeerFacts {
        remote: Remote::Tcp("192.0.2.7:4711".parse().unwrap()),
        certificates: vec![certificate.der().clone()].into(),
    };
    let rules = MtlsRules { spiffe_trust_domains: ["example.org".parse().unwrap()].into(), ..MtlsRules::default() };
    let schemes = Schemes { mtls: Some(rules), ..Schemes::default() };
    let authenticator = Authenticator::new("main", schemes, Arc::new(SystemClock));
    let headers = http::HeaderMap::new();
    // Client certificates are judged without waiting for anybody.
    authenticator.authenticate(Some(&peer), &headers).now_or_never().unwrap().unwrap()
}

fn why(ticket: &str) -> Why {
    let ticket = (!ticket.is_empty()).then(|| ticket.parse().unwrap());
    Why { reason: "the deployment is locked out".parse().unwrap(), ticket }
}

fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

const fn planned(validate_only: bool) -> Terms {
    Terms { validate_only, etag: None, request_id: None }
}

fn unlock_bucket(id: &str, how: How, terms: Terms, ticket: &str) -> UnlockBucketPolicy {
    let (bucket, (mode, accept_exposure)) = ("payments-ledger".parse().unwrap(), how);
    UnlockBucketPolicy { account: account(id), bucket, region: None, mode, accept_exposure, terms, why: why(ticket) }
}

fn queue(id: &str) -> QueueRef {
    QueueRef::from_arn(&format!("arn:aws:sqs:eu-west-1:{id}:jobs")).unwrap()
}

fn unlock_queue(id: &str, (mode, accept_exposure): How, ticket: &str) -> UnlockQueuePolicy {
    UnlockQueuePolicy { queue: queue(id), mode, accept_exposure, terms: Terms::default(), why: why(ticket) }
}

/// A mode, and what the policy that is left may grant.
type How = (UnlockMode, Exposure);

fn replace(accept_exposure: Exposure) -> How {
    let document = PolicyDocument::try_from("{\"Statement\": []}".to_owned()).unwrap();
    (UnlockMode::ReplacePolicy(document), accept_exposure)
}

fn restoration(accept_lockout: bool, accept_exposure: Exposure) -> Restoration {
    let backup_id = "0197f1a2-0000-7000-8000-000000000001".parse().unwrap();
    Restoration { backup_id, accept_lockout, accept_exposure }
}

fn restore_bucket(id: &str, restoration: Restoration, terms: Terms, ticket: &str) -> RestoreBucketPolicy {
    let bucket = "payments-ledger".parse().unwrap();
    RestoreBucketPolicy { account: account(id), bucket, region: None, restoration, terms, why: why(ticket) }
}

fn restore_queue(id: &str, restoration: Restoration, ticket: &str) -> RestoreQueuePolicy {
    RestoreQueuePolicy { queue: queue(id), restoration, terms: Terms::default(), why: why(ticket) }
}

fn list_backups(id: &str, include_policies: bool) -> ListPolicyBackups {
    let account = account(id);
    ListPolicyBackups { account, resource: None, before: None, page_size: 20, include_policies, why: why("") }
}

fn list_records(account: Option<AccountId>) -> ListRecords {
    ListRecords {
        filter: RecordFilter { account, ..RecordFilter::default() },
        place: None,
        page_size: 100,
        why: why(""),
    }
}

fn delete(id: &str, terms: Terms) -> DeleteRootCredentials {
    DeleteRootCredentials { account: account(id), kinds: CredentialKind::ALL.into(), terms, why: why("") }
}

fn recover(id: &str, ticket: &str) -> AllowPasswordRecovery {
    AllowPasswordRecovery { account: account(id), terms: Terms::default(), why: why(ticket) }
}

fn audit(id: &str) -> AuditRootCredentials {
    AuditRootCredentials { account: account(id), why: why("") }
}

fn explain(id: &str) -> ExplainAccess {
    let supposed = Principal {
        scheme: Scheme::Mtls,
        subject: STRANGER.to_owned(),
        listener: "main".to_owned(),
        groups: BTreeSet::new(),
        attributes: BTreeMap::new(),
    };
    ExplainAccess { about: Question::of(&audit(id), supposed, SystemClock.now()), why: why("") }
}

fn assume(id: &str, task_policy: TaskPolicy, seconds: u64, ticket: &str) -> AssumeRoot {
    let duration = Duration::from_secs(seconds).try_into().unwrap();
    AssumeRoot { account: account(id), task_policy, duration, terms: Terms::default(), why: why(ticket) }
}

fn now() -> Circumstances {
    Circumstances { now: SystemClock.now(), tree: None }
}

/// The id of the policy that permits, without its file; or `-`.
fn verdict<O: Ask>(engine: &Engine, subject: &str, operation: O) -> String {
    match engine.authorize(operation, caller(subject), &now()) {
        Ok(permit) => permit.policies().iter().map(|id| id.rsplit('#').next().unwrap().to_owned()).collect(),
        Err(denial) => {
            assert_eq!(denial.errors, Vec::<String>::new(), "the policy must be decidable");
            "-".to_owned()
        }
    }
}

/// Every act as it may be asked for, and who is permitted it by which policy.
fn row(engine: &Engine, subject: &str) -> Vec<(&'static str, String)> {
    use Exposure::{Organization, OutsideOrganization, Public};
    let at = "333333333333";
    let task = TaskPolicy::S3UnlockBucketPolicy;
    let act = Terms::default;
    let unlock = |mode, terms, ticket| verdict(engine, subject, unlock_bucket(at, mode, terms, ticket));
    let unlock_q = |mode, ticket| verdict(engine, subject, unlock_queue(at, mode, ticket));
    let restore = |what, terms, ticket| verdict(engine, subject, restore_bucket(at, what, terms, ticket));
    let restore_q = |what, ticket| verdict(engine, subject, restore_queue(at, what, ticket));
    vec![
        ("AssumeRoot", verdict(engine, subject, assume(at, task, 300, "CHG-1"))),
        ("UnlockBucket, plan", unlock((UnlockMode::RemoveLockingStatements, Organization), planned(true), "")),
        ("UnlockBucket, locking", unlock((UnlockMode::RemoveLockingStatements, Organization), act(), "")),
        ("UnlockBucket, listed", unlock((UnlockMode::RemoveListedStatements(Vec::new()), Organization), act(), "")),
        ("UnlockBucket, delete", unlock((UnlockMode::DeletePolicy, Organization), act(), "")),
        ("UnlockBucket, replace", unlock(replace(Organization), act(), "")),
        ("UnlockBucket, replace, ticket", unlock(replace(Organization), act(), "CHG-1")),
        ("UnlockBucket, outside", unlock(replace(OutsideOrganization), act(), "")),
        ("UnlockBucket, outside, ticket", unlock(replace(OutsideOrganization), act(), "CHG-1")),
        ("UnlockBucket, public, ticket", unlock(replace(Public), act(), "CHG-1")),
        ("UnlockQueue, locking", unlock_q((UnlockMode::RemoveLockingStatements, Organization), "")),
        ("UnlockQueue, replace, ticket", unlock_q(replace(Organization), "CHG-1")),
        ("UnlockQueue, public, ticket", unlock_q(replace(Public), "CHG-1")),
        ("RestoreBucket, plan", restore(restoration(false, Organization), planned(true), "")),
        ("RestoreBucket", restore(restoration(false, Organization), act(), "")),
        ("RestoreBucket, lockout", restore(restoration(true, Organization), act(), "")),
        ("RestoreBucket, lockout, ticket", restore(restoration(true, Organization), act(), "CHG-1")),
        ("RestoreBucket, outside, ticket", restore(restoration(false, OutsideOrganization), act(), "CHG-1")),
        ("RestoreBucket, public", restore(restoration(false, Public), act(), "")),
        ("RestoreBucket, public, ticket", restore(restoration(false, Public), act(), "CHG-1")),
        ("RestoreQueue", restore_q(restoration(false, Organization), "")),
        ("RestoreQueue, lockout", restore_q(restoration(true, Organization), "")),
        ("RestoreQueue, public, ticket", restore_q(restoration(false, Public), "CHG-1")),
        ("DeleteRootCredentials, plan", verdict(engine, subject, delete(at, planned(true)))),
        ("DeleteRootCredentials", verdict(engine, subject, delete(at, act()))),
        ("AllowPasswordRecovery", verdict(engine, subject, recover(at, ""))),
        ("AllowPasswordRecovery, ticket", verdict(engine, subject, recover(at, "INC-1"))),
        ("AuditRootCredentials", verdict(engine, subject, audit(at))),
        ("ListPolicyBackups", verdict(engine, subject, list_backups(at, false))),
        ("ListPolicyBackups, policies", verdict(engine, subject, list_backups(at, true))),
        ("ExplainAccess", verdict(engine, subject, explain(at))),
        ("ListRecords", verdict(engine, subject, list_records(None))),
        ("ListRecords, of an account", verdict(engine, subject, list_records(Some(account(at))))),
        ("GetCheckpoint", verdict(engine, subject, GetCheckpoint { why: why("") })),
    ]
}

#[test]
fn the_default_policy_permits_exactly_this() {
    let engine = shipped(DEFAULT);
    let mut matrix = String::new();
    for (name, subject) in [
        ("operator", ALICE),
        ("auditor", AUDITOR),
        ("officer", OFFICER),
        ("publisher", PUBLISHER),
        ("stranger", STRANGER),
    ] {
        let (permitted, refused): (Vec<_>, Vec<_>) =
            row(&engine, subject).into_iter().partition(|(_, policy)| policy != "-");
        for (act, policy) in permitted {
            writeln!(matrix, "{name:9} {act:30} {policy}").unwrap();
        }
        writeln!(matrix, "{name:9} {} others{:22}-", refused.len(), "").unwrap();
    }
    // A change of this table is a change of who becomes root: review it as such.
    let expected = "\
operator  UnlockBucket, plan             operators-unlock
operator  UnlockBucket, locking          operators-unlock
operator  UnlockBucket, listed           operators-unlock
operator  UnlockBucket, delete           operators-unlock
operator  UnlockBucket, replace, ticket  operators-replace-policies
operator  UnlockQueue, locking           operators-unlock
operator  UnlockQueue, replace, ticket   operators-replace-policies
operator  RestoreBucket, plan            operators-restore
operator  RestoreBucket                  operators-restore
operator  RestoreBucket, lockout, ticket operators-restore
operator  RestoreQueue                   operators-restore
operator  DeleteRootCredentials, plan    operators-delete-credentials
operator  DeleteRootCredentials          operators-delete-credentials
operator  AuditRootCredentials           operators-look
operator  ListPolicyBackups              operators-look
operator  ListPolicyBackups, policies    operators-look
operator  18 others                      -
auditor   AuditRootCredentials           auditors-look
auditor   ListPolicyBackups              auditors-look
auditor   ListPolicyBackups, policies    auditors-look
auditor   ExplainAccess                  auditors-look
auditor   ListRecords                    auditors-read-the-journal
auditor   ListRecords, of an account     auditors-read-the-journal
auditor   GetCheckpoint                  auditors-read-the-journal
auditor   27 others                      -
officer   AllowPasswordRecovery, ticket  recovery-officers-allow-password-recovery
officer   33 others                      -
publisher UnlockBucket, outside, ticket  policy-publishers-expose
publisher UnlockBucket, public, ticket   policy-publishers-expose
publisher UnlockQueue, public, ticket    policy-publishers-expose
publisher RestoreBucket, outside, ticket policy-publishers-expose
publisher RestoreBucket, public, ticket  policy-publishers-expose
publisher RestoreQueue, public, ticket   policy-publishers-expose
publisher 28 others                      -
stranger  34 others                      -
";
    assert_eq!(matrix, expected, "\n{matrix}");
}

#[test]
fn without_policies_nothing_is_allowed() {
    let engine = engine("none.cedar", "");
    assert_eq!(verdict(&engine, ALICE, audit("333333333333")), "-");
}

/// Cedar skips a policy that cannot be evaluated, so that a broken `forbid` would vanish beside a `permit`.
#[test]
fn a_policy_that_cannot_be_evaluated_denies() {
    let permit = "@id(\"all\") permit(principal, action == Rootgate::Action::\"AssumeRoot\", resource);\n";
    let forbid = "@id(\"broken\") forbid(principal, action == Rootgate::Action::\"AssumeRoot\", resource)\n\
                  when { context.duration_seconds * 9223372036854775807 > 0 };";
    let ask = || assume("333333333333", TaskPolicy::S3UnlockBucketPolicy, 300, "");
    assert_eq!(verdict(&engine("a.cedar", permit), ALICE, ask()), "all");
    for broken in [forbid.to_owned(), forbid.replace("forbid(", "permit(")] {
        let engine = engine("a.cedar", &format!("{permit}{broken}"));
        let denial = engine.authorize(ask(), caller(ALICE), &now()).unwrap_err();
        assert_eq!(denial.errors.len(), 1, "{denial:?}");
        assert!(denial.errors[0].contains("overflow"), "{denial:?}");
    }
}

/// What a caller writes is a value for policy, and never part of it.
#[test]
fn a_subject_with_quotes_stays_a_subject() {
    let engine =
        engine("a.cedar", "permit(principal == Rootgate::Caller::\"spiffe://example.org/a\", action, resource);");
    assert_eq!(verdict(&engine, "spiffe://example.org/a", audit("333333333333")), "policy0");
    assert_eq!(verdict(&engine, "spiffe://example.org/a/b", audit("333333333333")), "-");
    assert_eq!(verdict(&engine, "spiffe://example.org/ab", audit("333333333333")), "-");
}

#[test]
fn an_attribute_that_does_not_exist_is_found_in_the_shipped_policies() {
    for path in [DEFAULT, EXAMPLE] {
        assert!(shipped(path).policies_count() >= 4, "{path}");
        let misspelt = read(path).replace("context has ticket", "context.tickets == \"x\"");
        let sources = Sources(vec![(path.to_owned(), misspelt)]);
        let errors = Engine::load(&sources, Default::default()).map(|_| ()).unwrap_err().to_string();
        assert!(errors.starts_with(&format!("{path}:")), "{errors}");
    }
    assert!(SCHEMA.contains("ticket?: String"));
}

#[test]
fn the_readmes_configuration_is_good() {
    let readme = read("README.md");
    let fence = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = Config::from_toml(fence, Path::new("/etc/rootgate"), "README.md").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.authorization.policies, [Path::new("/etc/rootgate/default.cedar")]);
    assert!(config.authorization.groups["operators"].contains(ALICE));
}
