//! The index against Cedar over all policies at once, with all entities, made by another way.

use std::sync::LazyLock;

use cedar_policy::{Authorizer, Context, Decision, Entities, PolicySet, Request, Schema};
use proptest::{
    collection::{btree_set, vec},
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};

use crate::{
    authz::{
        Question, Target,
        testing::{
            self, ALICE, LOG_ARCHIVE, ORGANIZATION_ID, PAYMENTS, PAYMENTS_UNIT, SECURITY, WORKLOADS, account, bucket,
            engine, queue, tree,
        },
    },
    types::Kind,
};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| super::super::source::schema().unwrap());

const SUBJECTS: [&str; 2] = [ALICE, "jwt:login:bob"];
const GROUPS: [&str; 3] = ["operators", "auditors", "on-call"];

fn principals() -> Vec<String> {
    let mut all = vec!["principal".to_owned(), "principal is Rootgate::Caller".to_owned()];
    all.extend(SUBJECTS.map(|subject| format!("principal == Rootgate::Caller::{subject:?}")));
    all.extend(SUBJECTS.map(|subject| format!("principal in Rootgate::Caller::{subject:?}")));
    for group in GROUPS {
        all.push(format!("principal in Rootgate::Group::{group:?}"));
        all.push(format!("principal is Rootgate::Caller in Rootgate::Group::{group:?}"));
    }
    all
}

/// Each of them can be about an act that reads and an act that writes: what never applies is refused.
fn resources() -> Vec<String> {
    let mut all = vec!["resource".to_owned(), "resource is Rootgate::Queue".to_owned()];
    let units = [WORKLOADS, PAYMENTS_UNIT, SECURITY].map(|id| format!("Rootgate::OrganizationalUnit::{id:?}"));
    let accounts = [PAYMENTS, LOG_ARCHIVE].map(|id| format!("Rootgate::Account::{id:?}"));
    let organization = [format!("Rootgate::Organization::{ORGANIZATION_ID:?}")];
    let bucket = ["Rootgate::Bucket::\"arn:aws:s3:::payments-ledger\"".to_owned()];
    all.extend(units.iter().chain(&accounts).chain(&organization).chain(&bucket).map(|it| format!("resource in {it}")));
    all.extend(accounts.iter().chain(&bucket).map(|it| format!("resource == {it}")));
    all.extend(units.iter().map(|it| format!("resource is Rootgate::Account in {it}")));
    all
}

const ACTIONS: [&str; 3] = ["action", "action in Rootgate::Action::\"Read\"", "action in Rootgate::Action::\"Write\""];

const CONDITIONS: [&str; 8] = [
    "",
    "when { principal in Rootgate::Group::\"on-call\" }",
    "unless { resource in Rootgate::OrganizationalUnit::\"ou-ab12-workload\" }",
    "unless { action in Rootgate::Action::\"Read\" && context.weekday > 3 }",
    "when { context.weekday <= 5 }",
    "unless { context has ticket }",
    "when { context.weekday * 9223372036854775807 > 0 }",
    "when { [principal].contains(Rootgate::Caller::\"jwt:login:bob\") }",
];

fn policy() -> impl Strategy<Value = String> {
    let effect = select(vec!["permit", "permit", "forbid"]);
    (effect, select(principals()), select(ACTIONS.as_slice()), select(resources()), select(CONDITIONS.as_slice()))
        .prop_map(|(effect, principal, action, resource, condition)| {
            format!("{effect}({principal}, {action}, {resource}) {condition};\n")
        })
}

fn question() -> impl Strategy<Value = Question> {
    let groups = btree_set(select(GROUPS.as_slice()).prop_map(ToOwned::to_owned), 0..3);
    let act = (select(Kind::ALL.as_slice()), select(vec![PAYMENTS, LOG_ARCHIVE]), 0..5_usize);
    (select(SUBJECTS.as_slice()), groups, act, any::<bool>(), 0..7_u64).prop_map(
        |(subject, groups, (kind, id, shape), ticket, day)| {
            let mut asked = testing::question(kind, id);
            asked.principal.subject = subject.to_owned();
            asked.principal.groups = groups;
            asked.ticket = ticket.then(|| "INC-1".to_owned());
            asked.now = asked.now.plus(std::time::Duration::from_secs(day * 86_400));
            if let Kind::ExplainAccess = kind {
                let journals = [Target::Journal(Some(account(id))), Target::Journal(None)];
                let targets = [vec![Target::Account(account(id)), bucket(id), queue(id)], journals.to_vec()].concat();
                asked.target = targets[shape].clone();
            }
            asked
        },
    )
}

fn uid(kind: &str, id: &str) -> Value {
    json!({ "type": format!("Rootgate::{kind}"), "id": id })
}

fn entity(kind: &str, id: &str, attrs: Value, parents: Vec<Value>) -> Value {
    json!({ "uid": uid(kind, id), "attrs": attrs, "parents": parents })
}

/// The whole world: every group, every unit, every account.
fn world(question: &Question) -> Entities {
    let subject = &question.principal.subject;
    let mut groups: Vec<Value> = question.principal.groups.iter().map(|group| uid("Group", group)).collect();
    if subject == ALICE {
        groups.push(uid("Group", "operators"));
    }
    let mut all = vec![
        entity("Caller", subject, json!({ "subject": subject, "scheme": question.principal.scheme.name() }), groups),
        entity("Organization", ORGANIZATION_ID, json!({}), vec![]),
        entity("OrganizationalUnit", WORKLOADS, json!({}), vec![uid("Organization", ORGANIZATION_ID)]),
        entity("OrganizationalUnit", PAYMENTS_UNIT, json!({}), vec![uid("OrganizationalUnit", WORKLOADS)]),
        entity("OrganizationalUnit", SECURITY, json!({}), vec![uid("Organization", ORGANIZATION_ID)]),
        entity("Account", PAYMENTS, json!({ "account_id": PAYMENTS }), vec![uid("OrganizationalUnit", PAYMENTS_UNIT)]),
        entity("Account", LOG_ARCHIVE, json!({ "account_id": LOG_ARCHIVE }), vec![uid("OrganizationalUnit", SECURITY)]),
    ];
    all.extend(GROUPS.map(|group| entity("Group", group, json!({}), vec![])));
    let account = question.target.account().map(|id| uid("Account", id.as_str()));
    let (kind, attrs) = match &question.target {
        Target::Account(_) => return Entities::from_json_value(all.into(), Some(&SCHEMA)).unwrap(),
        Target::Bucket(_, bucket) => ("Bucket", json!({ "account": account.clone(), "name": bucket.as_str() })),
        Target::Queue(queue) => (
            "Queue",
            json!({ "account": account.clone(), "name": queue.name.as_str(), "region": queue.region.as_str() }),
        ),
        Target::Journal(Some(_)) => ("Journal", json!({ "account": account.clone() })),
        Target::Journal(None) => ("Journal", json!({})),
    };
    all.push(entity(kind, &id(&question.target), attrs, account.into_iter().collect()));
    Entities::from_json_value(all.into(), Some(&SCHEMA)).unwrap()
}

fn id(target: &Target) -> String {
    match target {
        Target::Account(account) | Target::Journal(Some(account)) => account.to_string(),
        Target::Journal(None) => "journal".to_owned(),
        Target::Bucket(..) | Target::Queue(_) => target.arn(),
    }
}

fn request(question: &Question) -> Request {
    let action = format!("Rootgate::Action::{:?}", question.kind.name()).parse().unwrap();
    let mut context = json!({
        "reason": question.reason,
        "scheme": question.principal.scheme.name(),
        "listener": question.principal.listener,
        "now": question.now.to_string().replace("000Z", "Z"),
        "weekday": super::super::moment::weekday(question.now),
    });
    let pairs = context.as_object_mut().unwrap();
    pairs.extend(question.ticket.clone().map(|ticket| ("ticket".to_owned(), json!(ticket))));
    pairs.extend(question.arguments.iter().map(|(name, argument)| (name.clone(), argument.into())));
    let context = Context::from_json_value(context, Some((&SCHEMA, &action))).unwrap();
    let kind = match &question.target {
        Target::Account(_) => "Account",
        Target::Bucket(..) => "Bucket",
        Target::Queue(_) => "Queue",
        Target::Journal(_) => "Journal",
    };
    let id = id(&question.target);
    let principal = format!("Rootgate::Caller::{:?}", question.principal.subject).parse().unwrap();
    Request::new(principal, action, format!("Rootgate::{kind}::{id:?}").parse().unwrap(), context, Some(&SCHEMA))
        .unwrap()
}

proptest! {
    // Each case loads an engine, which validates its policies.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_index_answers_as_cedar_does_over_everything(policies in vec(policy(), 0..12), question in question()) {
        let text = policies.concat();
        let explained = engine(&text).explain(&question, Some(&tree()));

        let all: PolicySet = text.parse().unwrap();
        let answer = Authorizer::new().is_authorized(&request(&question), &all, &world(&question));
        let errors = answer.diagnostics().errors().count();
        prop_assert_eq!(explained.errors.len(), errors.min(10));
        prop_assert_eq!(explained.allowed, answer.decision() == Decision::Allow && errors == 0);
        let mut deciding: Vec<String> = answer.diagnostics().reason().map(|id| format!("a.cedar#{id}")).collect();
        deciding.sort_unstable();
        let ids: Vec<String> = explained.deciding.into_iter().map(|policy| policy.id).collect();
        prop_assert_eq!(ids, if errors == 0 { deciding } else { Vec::new() });
    }
}
