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
        AllowPasswordRecovery, AssumeRoot, AuditRootCredentials, DeleteRootCredentials, ExplainAccess,
        UnlockBucketPolicy, UnlockMode, UnlockQueuePolicy,
    },
    types::{AccountId, CredentialKind, QueueRef, TaskPolicy},
};

const ALICE: &str = "spiffe://example.org/ops/alice";
const AUDITOR: &str = "spiffe://example.org/audit/report";
const OFFICER: &str = "spiffe://example.org/recovery/olga";
const STRANGER: &str = "spiffe://example.org/ops/mallory";

const DEFAULT: &str = "deploy/policy/default.cedar";
const EXAMPLE: &str = "deploy/policy/example.cedar";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn engine(name: &str, text: &str) -> Engine {
    let group = |name: &str, subject: &str| (name.to_owned(), BTreeSet::from([subject.to_owned()]));
    let groups = [group("operators", ALICE), group("auditors", AUDITOR), group("recovery-officers", OFFICER)];
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

fn unlock_bucket(id: &str, bucket: &str) -> UnlockBucketPolicy {
    UnlockBucketPolicy {
        account: account(id),
        bucket: bucket.parse().unwrap(),
        region: None,
        mode: UnlockMode::RemoveLockingStatements,
        terms: Terms::default(),
        why: why(""),
    }
}

fn unlock_queue(id: &str) -> UnlockQueuePolicy {
    UnlockQueuePolicy {
        queue: QueueRef::from_arn(&format!("arn:aws:sqs:eu-west-1:{id}:jobs")).unwrap(),
        mode: UnlockMode::RemoveLockingStatements,
        terms: Terms::default(),
        why: why(""),
    }
}

fn delete(kinds: impl IntoIterator<Item = CredentialKind>) -> DeleteRootCredentials {
    DeleteRootCredentials {
        account: account("333333333333"),
        kinds: kinds.into_iter().collect(),
        terms: Terms::default(),
        why: why(""),
    }
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

#[test]
fn the_default_policy_permits_exactly_this() {
    let engine = shipped(DEFAULT);
    let mut matrix = String::new();
    for (name, subject) in [("operator", ALICE), ("auditor", AUDITOR), ("officer", OFFICER), ("stranger", STRANGER)] {
        let at = "333333333333";
        for (act, verdict) in [
            ("AssumeRoot", verdict(&engine, subject, assume(at, TaskPolicy::S3UnlockBucketPolicy, 300, "CHG-1"))),
            ("UnlockBucketPolicy", verdict(&engine, subject, unlock_bucket(at, "reports"))),
            ("UnlockQueuePolicy", verdict(&engine, subject, unlock_queue(at))),
            ("DeleteRootCredentials", verdict(&engine, subject, delete(CredentialKind::ALL))),
            ("AllowPasswordRecovery", verdict(&engine, subject, recover(at, ""))),
            ("AllowPasswordRecovery, ticket", verdict(&engine, subject, recover(at, "INC-1"))),
            ("AuditRootCredentials", verdict(&engine, subject, audit(at))),
            ("ExplainAccess", verdict(&engine, subject, explain(at))),
        ] {
            writeln!(matrix, "{name:9} {act:30} {verdict}").unwrap();
        }
    }
    // A change of this table is a change of who becomes root: review it as such.
    let expected = "\
operator  AssumeRoot                     -
operator  UnlockBucketPolicy             operators-unlock-and-delete
operator  UnlockQueuePolicy              operators-unlock-and-delete
operator  DeleteRootCredentials          operators-unlock-and-delete
operator  AllowPasswordRecovery          -
operator  AllowPasswordRecovery, ticket  -
operator  AuditRootCredentials           operators-audit
operator  ExplainAccess                  -
auditor   AssumeRoot                     -
auditor   UnlockBucketPolicy             -
auditor   UnlockQueuePolicy              -
auditor   DeleteRootCredentials          -
auditor   AllowPasswordRecovery          -
auditor   AllowPasswordRecovery, ticket  -
auditor   AuditRootCredentials           auditors-audit
auditor   ExplainAccess                  auditors-explain
officer   AssumeRoot                     -
officer   UnlockBucketPolicy             -
officer   UnlockQueuePolicy              -
officer   DeleteRootCredentials          -
officer   AllowPasswordRecovery          -
officer   AllowPasswordRecovery, ticket  recovery-officers-allow-password-recovery
officer   AuditRootCredentials           -
officer   ExplainAccess                  -
stranger  AssumeRoot                     -
stranger  UnlockBucketPolicy             -
stranger  UnlockQueuePolicy              -
stranger  DeleteRootCredentials          -
stranger  AllowPasswordRecovery          -
stranger  AllowPasswordRecovery, ticket  -
stranger  AuditRootCredentials           -
stranger  ExplainAccess                  -
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
