use std::sync::LazyLock;

use proptest::{collection::btree_map, prelude::*};

use super::*;
use crate::{
    authn::Scheme,
    authz::{
        Engine, Tree,
        testing::{self, LOG_ARCHIVE, PAYMENTS, STRANGE, account, bucket, queue, tree},
    },
    clock::Timestamp,
    types::Kind,
};

/// Anything that a caller, an issuer or an administrator of AWS can have written.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z./:-]{0,40}",
        Just("Rootgate::Group::\"operators\"".to_owned()),
        Just("\"\\\\u{0}\n\r\0\u{202e}__entity".to_owned()),
        Just("__extn".to_owned()),
        "[ -~]{2048}",
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let scheme = proptest::sample::select(Scheme::ALL.as_slice());
    let texts = (hostile(), hostile(), hostile(), proptest::option::of(hostile()));
    let sets = (proptest::collection::btree_set(hostile(), 0..4), btree_map(hostile(), hostile(), 0..4));
    let act = (
        proptest::sample::select(Kind::ALL.as_slice()),
        0..5_usize,
        proptest::sample::select(vec![PAYMENTS, LOG_ARCHIVE, STRANGE]),
    );
    // The years that Cedar knows: 0 to 9999.
    let now = -62_167_219_200_i64..253_402_300_800;
    (scheme, texts, sets, act, now, any::<bool>()).prop_map(
        |(scheme, texts, sets, (kind, shape, id), now, regional)| {
            let (subject, listener, reason, ticket) = texts;
            let (groups, attributes) = sets;
            let asked = testing::question(kind, id);
            let own = account(id);
            let journals = [Target::Journal(Some(own)), Target::Journal(None)];
            let explained = [vec![Target::Account(own), bucket(id), queue(id)], journals.to_vec()].concat();
            let target = match kind {
                Kind::ExplainAccess => explained[shape].clone(),
                Kind::AssumeRoot
                | Kind::UnlockBucketPolicy
                | Kind::UnlockQueuePolicy
                | Kind::DeleteRootCredentials
                | Kind::AllowPasswordRecovery
                | Kind::RestoreBucketPolicy
                | Kind::RestoreQueuePolicy
                | Kind::ListPolicyBackups
                | Kind::ListRecords
                | Kind::GetCheckpoint
                | Kind::AuditRootCredentials => asked.target.clone(),
            };
            Question {
                principal: Principal { scheme, subject, listener, groups, attributes },
                target,
                region: regional.then(|| "eu-west-1".parse().unwrap()),
                reason,
                ticket,
                now: Timestamp::from_unix(now, 0),
                ..asked
            }
        },
    )
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| super::super::source::schema().unwrap());
static TREE: LazyLock<Tree> = LazyLock::new(tree);
static INDIFFERENT: LazyLock<Engine> = LazyLock::new(|| testing::engine(""));
/// Names everything that there is, so that nothing is left out for nobody asking.
static CURIOUS: LazyLock<Engine> = LazyLock::new(|| {
    testing::engine(
        "permit(principal in Rootgate::Group::\"operators\", action, resource) when { \
         resource in Rootgate::OrganizationalUnit::\"ou-ab12-payments\" || \
         resource in Rootgate::Organization::\"o-ab12cd34ef\" };",
    )
});

proptest! {
    /// What authorization relies on: every question of an operation can be put, and fits the schema.
    #[test]
    fn every_question_fits_the_schema(mut question in question(), operator in any::<bool>(), known in any::<bool>()) {
        if operator {
            question.principal.groups.insert("operators".to_owned());
        }
        let account = question.target.account();
        let placed = account.is_none() || (known && TREE.placement(account.unwrap()).is_some());
        let engine = if placed { &CURIOUS } else { &INDIFFERENT };
        let case = engine.case(&question, known.then_some(&TREE), None).unwrap();
        Entities::from_entities(case.entities.iter().cloned(), Some(&SCHEMA)).unwrap();
        let context = case.request.context().unwrap().clone();
        let (principal, action) = (case.request.principal().unwrap(), case.request.action().unwrap());
        let resource = case.request.resource().unwrap();
        Request::new(principal.clone(), action.clone(), resource.clone(), context, Some(&SCHEMA)).unwrap();
        prop_assert_eq!(principal.id().unescaped(), question.principal.subject.as_str());
        prop_assert_eq!(action.id().unescaped(), question.kind.name());
    }

    #[test]
    fn any_time_is_survived(micros in any::<i64>()) {
        let question = Question { now: Timestamp::from_unix_micros(micros), ..testing::question(Kind::AuditRootCredentials, PAYMENTS) };
        let explained = CURIOUS.explain(&question, Some(&TREE));
        prop_assert_eq!(explained.allowed, explained.errors.is_empty());
        prop_assert!((1..=7).contains(&weekday(question.now)));
    }
}
