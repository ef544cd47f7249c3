//! What a decision costs: `cargo bench --bench decision`.
//!
//! An organization of 1,000 accounts in 50 units and 100 policies of the shapes that companies write: by group, by unit, by
//! tag, by ticket, and forbids with freeze windows. The figure that the README claims is authentication and authorization
//! together, at most 60 µs on one core; the Cedar part is shown apart.

#![allow(missing_docs, unreachable_pub, reason = "a benchmark exports nothing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise"
)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::FutureExt as _;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};
use rootgate::{
    authn::{
        Authenticator, Caller, CertificateBinding, JwtIssuerSettings, JwtIssuers, JwtKeySource, JwtPreset, MtlsRules,
        PeerFacts, Remote, Schemes,
    },
    authz::{
        Argument, Ask, Circumstances, Engine, Groups, Member, Principal, Question, Sources, Target, Terms, Tree, Unit,
        Why,
    },
    clock::{Clock as _, ManualClock, SystemClock, Timestamp},
    types::{AccountId, JwtAlgorithm, Kind, Region},
};
use serde_json::json;

#[path = "../tests/it/harness/issuer.rs"]
mod issuer;

use self::issuer::Issuer;

const ACCOUNTS: usize = 1_000;
const UNITS: usize = 50;
const POLICIES: usize = 100;
const CALLER: &str = "spiffe://example.org/platform/deployer";
/// 2026-11-21, a Saturday.
const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

/// An act like those in `ops`, without AWS.
#[derive(Clone)]
struct Unlock {
    target: Target,
    why: Why,
    terms: Terms,
}

impl Ask for Unlock {
    const KIND: Kind = Kind::UnlockBucketPolicy;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let text = |text: &str| Argument::Text(text.to_owned());
        vec![("mode", text("DELETE_POLICY")), ("accept_exposure", text("ORGANIZATION"))]
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn account(n: usize) -> AccountId {
    format!("{:012}", 100_000_000_000 + n).parse().unwrap()
}

fn unit_id(n: usize) -> String {
    format!("ou-ab12-{n:08}")
}

/// Units in a tree where each has up to three below it, which is four to five deep.
fn tree() -> Arc<Tree> {
    let unit = |n: usize| {
        let parent = n.checked_sub(1).map(|above| unit_id(above / 3));
        (unit_id(n), Unit { name: format!("Unit {n}"), parent })
    };
    let member = |n: usize| {
        let env = if n.is_multiple_of(4) { "prod" } else { "dev" };
        let tags = BTreeMap::from([("env".to_owned(), env.to_owned()), ("cost-centre".to_owned(), "4711".to_owned())]);
        (account(n), Member { unit: Some(unit_id(n % UNITS)), name: format!("account-{n}"), tags })
    };
    let units: BTreeMap<String, Unit> = (0..UNITS).map(unit).collect();
    let accounts: HashMap<AccountId, Member> = (0..ACCOUNTS).map(member).collect();
    Arc::new(Tree::new("o-ab12cd34ef", units, accounts).unwrap())
}

/// A hundred policies: what fifty teams may do in their units, and fifty rules for the whole company.
fn policies() -> String {
    let mut text = String::new();
    for n in 0..POLICIES {
        let unit = format!("Rootgate::OrganizationalUnit::\"{}\"", unit_id(n % UNITS));
        let action = format!("Rootgate::Action::\"{}\"", Kind::ALL[n / 10 % Kind::ALL.len()].name());
        let policy = match n % 10 {
            0..=2 => format!(
                "permit (principal in Rootgate::Group::\"team-{n}\", action in [Rootgate::Action::\"UnlockBucketPolicy\", \
                 Rootgate::Action::\"UnlockQueuePolicy\"], resource in {unit});"
            ),
            3 => format!(
                "permit (principal in Rootgate::Group::\"team-{n}\", action == Rootgate::Action::\"DeleteRootCredentials\", \
                 resource in {unit}) when {{ \
                 [\"ACCESS_KEY\", \"SIGNING_CERTIFICATE\"].containsAll(context.credential_kinds) }};"
            ),
            4 => format!(
                "permit (principal in Rootgate::Group::\"officers-{n}\", action == \
                 Rootgate::Action::\"AllowPasswordRecovery\", resource in {unit}) when {{ context has ticket && \
                 context.ticket like \"INC-*\" }};"
            ),
            5 => format!(
                "permit (principal == Rootgate::Caller::\"aws:111122223333:role/factory-{n}/AROAEXAMPLE{n}\", action == \
                 {action}, resource) when {{ context.scheme == \"aws_iam\" && context.weekday <= 5 }};"
            ),
            6 => format!(
                "forbid (principal, action in Rootgate::Action::\"Write\", resource in {unit}) when {{ context.now >= \
                 datetime(\"2026-12-{:02}\") && context.now < datetime(\"2027-01-02\") }} unless {{ principal in \
                 Rootgate::Group::\"break-glass\" }};",
                n % 28 + 1
            ),
            7 => format!(
                "forbid (principal, action == {action}, resource) when {{ {account}.hasTag(\"env\") && \
                 {account}.getTag(\"env\") == \"locked-{n}\" }} unless {{ context has ticket }};",
                account = if action.contains("Policy") { "resource.account" } else { "resource" }
            ),
            8 => format!(
                "permit (principal in Rootgate::Group::\"auditors-{n}\", action in Rootgate::Action::\"Read\", resource);"
            ),
            _ => format!(
                "forbid (principal, action in Rootgate::Action::\"Write\", resource == Rootgate::Account::\"{}\");",
                account(n)
            ),
        };
        writeln!(text, "@id(\"policy-{n}\") @description(\"A rule of the company.\") {policy}").unwrap();
    }
    text
}

fn engine() -> Engine {
    let mut groups = Groups::new();
    for n in 0..POLICIES {
        let members = (0..20).map(|m| format!("spiffe://example.org/team-{n}/person-{m}"));
        groups.insert(format!("team-{n}"), members.collect());
    }
    for team in ["team-0", "team-1", "team-12"] {
        groups.get_mut(team).unwrap().insert(CALLER.to_owned());
    }
    let sources = Sources(vec![("company.cedar".to_owned(), policies())]);
    let engine = Engine::load(&sources, groups).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(engine.policies_count(), POLICIES);
    engine
}

/// A caller, made the only way there is.
fn caller(spiffe_id: &str) -> Caller {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(spiffe_id.try_into().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let remote = Remote::Tcp("192.0.2.7:4711".parse().unwrap());
    let peer = PeerFacts { remote, certificates: vec![certificate.der().clone()].into() };
    let rules = MtlsRules {
        spiffe_trust_domains: ["example.org".parse().unwrap()].into(),
        dns_sans: BTreeSet::new(),
        uri_sans: BTreeSet::new(),
    };
    let schemes = Schemes { mtls: Some(rules), ..Schemes::default() };
    let authenticator = Authenticator::new("main", schemes, Arc::new(ManualClock::new(NOW)));
    let headers = http::HeaderMap::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(authenticator.authenticate(Some(&peer), &headers)).unwrap()
}

fn decision(c: &mut Criterion) {
    let engine = engine();
    let at = Circumstances { now: NOW, tree: Some(tree()) };
    let (caller, stranger) = (caller(CALLER), caller("spiffe://example.org/nobody/special"));
    let why = Why { reason: "the deployment is locked out of its bucket".parse().unwrap(), ticket: None };
    let unlock = |n: usize| Unlock {
        target: Target::Bucket(account(n), "payments-ledger".parse().unwrap()),
        why: why.clone(),
        terms: Terms::default(),
    };
    // Unit 0 is above all; the caller's team may unlock in it.
    let allowed = unlock(49);
    engine.authorize(allowed.clone(), caller.clone(), &at).unwrap();

    let refused = unlock(48);
    assert!(engine.authorize(refused.clone(), stranger.clone(), &at).is_err());

    let mut group = c.benchmark_group("decision");
    for (name, act, caller) in [("allowed", &allowed, &caller), ("refused", &refused, &stranger)] {
        group.bench_function(format!("authorize, {name}"), |b| {
            b.iter(|| engine.authorize(act.clone(), caller.clone(), black_box(&at)));
        });
    }
    let tree = at.tree.as_deref();
    let question = Question::of(&allowed, Principal::from(&caller), NOW);
    group.bench_function("explain", |b| b.iter(|| engine.explain(black_box(&question), tree)));
    group.sample_size(10).bench_function("load", |b| b.iter(self::engine));
    group.finish();
}

/// A listener that believes tokens of one issuer, whose keys it has.
fn token_listener(issuer: &Issuer) -> Authenticator {
    let settings = JwtIssuerSettings {
        name: "login".to_owned(),
        preset: JwtPreset::Oidc { issuer: issuer::ISSUER.to_owned(), subject_claim: "sub".to_owned() },
        audiences: [issuer::AUDIENCE.to_owned()].into(),
        algorithms: [JwtAlgorithm::Es256].into(),
        keys: JwtKeySource::Document(issuer.jwks().into_bytes()),
        ca_pem: None,
        http_allowed_for_loopback: false,
        attributes: BTreeMap::from([("email".to_owned(), "email".to_owned())]),
        groups_claim: Some("groups".to_owned()),
        groups: BTreeMap::from([(issuer::OPERATORS_ID.to_owned(), "team-0".to_owned())]),
        certificate_binding: CertificateBinding::IfPresent,
        token_age_max: Duration::from_secs(24 * 3600),
        leeway: Duration::from_secs(30),
        keys_max_age: Duration::from_secs(3600),
    };
    let issuers = JwtIssuers::new(vec![settings]).unwrap_or_else(|violations| panic!("{violations:?}"));
    let schemes = Schemes { jwt: Some(Arc::new(issuers)), ..Schemes::default() };
    Authenticator::new("main", schemes, Arc::new(SystemClock))
}

/// The whole of what a request with a bearer token costs before it acts: who is it, and may they.
fn token(c: &mut Criterion) {
    let issuer = Issuer::new("first");
    let listener = token_listener(&issuer);
    let bearer = |subject: &str| {
        let claims = json!({ "groups": [issuer::OPERATORS_ID, "others"], "email": "deployer@example.org" });
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", issuer.token(subject, claims)).parse().unwrap());
        headers
    };
    // Neither a token that is known nor one whose key is waits for anybody.
    let authenticate =
        |headers: &http::HeaderMap| listener.authenticate(None, headers).now_or_never().unwrap().unwrap();
    let engine = engine();
    let at = Circumstances { now: SystemClock.now(), tree: Some(tree()) };
    let why = Why { reason: "the deployment is locked out of its bucket".parse().unwrap(), ticket: None };
    let act = Unlock {
        target: Target::Bucket(account(49), "payments-ledger".parse().unwrap()),
        why,
        terms: Terms::default(),
    };
    let known = bearer("deployer");
    engine.authorize(act.clone(), authenticate(&known), &at).unwrap();

    let mut group = c.benchmark_group("token");
    group.bench_function("authenticate, known token", |b| b.iter(|| authenticate(black_box(&known))));
    group.bench_function("authenticate and authorize, known token", |b| {
        b.iter(|| engine.authorize(act.clone(), authenticate(black_box(&known)), black_box(&at)));
    });
    let mut n = 0_u64;
    group.bench_function("authenticate, new token (ES256)", |b| {
        let new = || {
            n += 1;
            bearer(&format!("deployer-{n}"))
        };
        b.iter_batched(new, |headers| authenticate(&headers), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, decision, token);
criterion_main!(benches);
