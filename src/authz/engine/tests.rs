use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use http::HeaderMap;

use super::*;
use crate::{
    authn::{
        Scheme,
        testing::{TestCa, client_params, mtls_only, uri},
    },
    authz::{
        Argument, Effect, Target, Terms, Why,
        testing::{
            ALICE, LOG_ARCHIVE, NOW, ORGANIZATION_ID, PAYMENTS, PAYMENTS_UNIT, SECURITY, STRANGE, WORKLOADS, account,
            bucket, engine, principal, question, queue, refused, tree,
        },
    },
    clock::{ManualClock, Timestamp},
    types::{Kind, Region},
};

const AUDIT: Kind = Kind::AuditRootCredentials;

/// Ids of the policies that decided, without their file, behind `+` if allowed and `-` if not.
fn verdict(engine: &Engine, question: &Question) -> String {
    let explanation = engine.explain(question, Some(&tree()));
    assert_eq!(explanation.errors, Vec::<String>::new(), "the question must be decidable");
    let ids: Vec<&str> = explanation.deciding.iter().map(|policy| policy.id.rsplit('#').next().unwrap()).collect();
    format!("{}{}", if explanation.allowed { "+" } else { "-" }, ids.join(","))
}

fn audited_by(who: Principal) -> Question {
    Question { principal: who, ..question(AUDIT, PAYMENTS) }
}

struct Audit(Why);

impl Ask for Audit {
    const KIND: Kind = AUDIT;

    fn target(&self) -> Target {
        Target::Account(account(PAYMENTS))
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.0
    }

    fn terms(&self) -> Option<&Terms> {
        None
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        Vec::new()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn audit(ticket: Option<&str>) -> Audit {
    Audit(Why { reason: "what is there?".parse().unwrap(), ticket: ticket.map(|ticket| ticket.parse().unwrap()) })
}

/// A caller, made the only way there is: from a certificate, by the authenticator.
async fn caller(spiffe_id: &str) -> Caller {
    let certificate = TestCa::new("clients").issue(&client_params(vec![uri(spiffe_id)]));
    let authenticator = mtls_only(Arc::new(ManualClock::new(NOW)));
    authenticator.authenticate(Some(&certificate.peer()), &HeaderMap::new()).await.unwrap()
}

#[tokio::test]
async fn an_explanation_says_what_authorization_does() {
    let engine = engine(
        "@id(\"p\") permit(principal in Rootgate::Group::\"operators\", action, resource);\n\
         @id(\"f\") forbid(principal, action, resource) when { context has ticket && context.ticket == \"NO-1\" };\n\
         @id(\"broken\") forbid(principal, action, resource)\n\
         when { context has ticket && context.ticket == \"BROKEN-1\" && context.weekday * 9223372036854775807 > 0 };",
    );
    let at = Circumstances { now: NOW, tree: Some(Arc::new(tree())) };
    for subject in [ALICE, "spiffe://example.org/ops/mallory"] {
        for ticket in [None, Some("NO-1"), Some("BROKEN-1")] {
            let caller = caller(subject).await;
            let asked = Question::of(&audit(ticket), Principal::from(&caller), at.now);
            let explained = engine.explain(&asked, at.tree.as_deref());
            let ids: Vec<String> = explained.deciding.iter().map(|policy| policy.id.clone()).collect();
            match engine.authorize(audit(ticket), caller, &at) {
                Ok(permit) => {
                    assert!(explained.allowed && subject == ALICE && ticket.is_none(), "{explained:?}");
                    assert_eq!(permit.policies(), ids);
                }
                Err(denial) => {
                    assert_eq!((false, ids, explained.errors), (explained.allowed, denial.policies, denial.errors))
                }
            }
        }
    }
}

#[tokio::test]
async fn a_caller_is_asked_about_with_everything_that_was_proven() {
    let caller = caller(ALICE).await;
    let who = Principal::from(&caller);
    assert_eq!((who.scheme, who.subject.as_str(), who.listener.as_str()), (Scheme::Mtls, ALICE, "main"));
    assert_eq!(&who.attributes, caller.attributes());
    let engine = engine(
        "permit(principal, action, resource) when { principal.hasTag(\"trust_domain\") && \
         principal.getTag(\"trust_domain\") == \"example.org\" && context.listener == \"main\" && \
         context.scheme == \"mtls\" && principal.scheme == \"mtls\" && principal.subject == \"spiffe://example.org/ops/alice\" };",
    );
    assert!(engine.authorize(audit(None), caller, &Circumstances { now: NOW, tree: None }).is_ok());
}

#[test]
fn without_policies_nothing_is_allowed() {
    for kind in Kind::ALL {
        assert_eq!(verdict(&engine(""), &question(kind, PAYMENTS)), "-");
    }
}

#[test]
fn a_forbid_overrules_every_permit_wherever_they_stand() {
    let engine = engine(
        "@id(\"p1\") permit(principal in Rootgate::Group::\"operators\", action, resource);\n\
         @id(\"p2\") permit(principal, action, resource);\n\
         @id(\"f1\") forbid(principal, action, resource == Rootgate::Account::\"333333333333\");\n\
         @id(\"f2\") forbid(principal == Rootgate::Caller::\"spiffe://example.org/ops/alice\", action, resource in \
         Rootgate::Account::\"333333333333\");",
    );
    assert_eq!(verdict(&engine, &question(AUDIT, LOG_ARCHIVE)), "+p1,p2");
    assert_eq!(verdict(&engine, &question(AUDIT, PAYMENTS)), "-f1,f2");
    assert_eq!(verdict(&engine, &question(Kind::UnlockBucketPolicy, PAYMENTS)), "-f2");
    assert_eq!(verdict(&engine, &audited_by(principal(Scheme::Jwt, "jwt:login:bob"))), "-f1");
}

#[test]
fn groups_from_the_proof_and_from_the_configuration_combine() {
    let engine = engine(
        "@id(\"both\") permit(principal, action, resource) when { principal in Rootgate::Group::\"operators\" && \
         principal in Rootgate::Group::\"on-call\" };",
    );
    assert_eq!(verdict(&engine, &question(AUDIT, PAYMENTS)), "-", "by the configuration alone");
    let mut by_both = question(AUDIT, PAYMENTS);
    by_both.principal.groups = BTreeSet::from(["on-call".to_owned()]);
    assert_eq!(verdict(&engine, &by_both), "+both");
    let mut by_proof = audited_by(principal(Scheme::Jwt, "jwt:login:bob"));
    by_proof.principal.groups = BTreeSet::from(["on-call".to_owned()]);
    assert_eq!(verdict(&engine, &by_proof), "-", "by the proof alone");
    by_proof.principal.groups.insert("operators".to_owned());
    assert_eq!(verdict(&engine, &by_proof), "+both");
    assert_eq!(engine.explain(&by_both, None).in_groups, ["on-call", "operators"]);
}

#[test]
fn groups_that_no_policy_names_are_harmless() {
    let engine = engine("@id(\"p\") permit(principal in Rootgate::Group::\"operators\", action, resource);");
    let mut mallory = audited_by(principal(Scheme::Jwt, "jwt:login:mallory"));
    for name in
        ["operator", "Operators", "operators ", "", "operators\", action, resource); permit(principal", "орerators"]
    {
        mallory.principal.groups.insert(name.to_owned());
    }
    assert_eq!(verdict(&engine, &mallory), "-");
    mallory.principal.groups.insert("operators".to_owned());
    assert_eq!(verdict(&engine, &mallory), "+p");
}

#[test]
fn a_workload_is_the_same_by_whatever_its_spiffe_id_is_proven() {
    let engine = engine(
        "@id(\"p\") permit(principal == Rootgate::Caller::\"spiffe://example.org/ops/alice\", action, resource);",
    );
    for scheme in [Scheme::Mtls, Scheme::Jwt, Scheme::Mesh] {
        assert_eq!(verdict(&engine, &audited_by(principal(scheme, ALICE))), "+p");
    }
    for subject in ["jwt:login:spiffe://example.org/ops/alice", "uri:spiffe://example.org/ops/alice"] {
        assert_eq!(verdict(&engine, &audited_by(principal(Scheme::Jwt, subject))), "-", "{subject}");
    }
    // Who wants only one scheme says so.
    let strict = self::engine("@id(\"p\") permit(principal, action, resource) when { context.scheme == \"mtls\" };");
    assert_eq!(verdict(&strict, &audited_by(principal(Scheme::Mtls, ALICE))), "+p");
    assert_eq!(verdict(&strict, &audited_by(principal(Scheme::Jwt, ALICE))), "-");
}

#[test]
fn what_a_stranger_writes_stays_a_value() {
    let engine = engine(
        "@id(\"p\") permit(principal in Rootgate::Group::\"operators\", action, resource);\n\
         @id(\"q\") permit(principal == Rootgate::Caller::\"spiffe://example.org/ops/bob\", action, resource);\n\
         @id(\"r\") permit(principal, action, resource) when { context.reason == \"open sesame\" };",
    );
    for text in [
        "Rootgate::Group::\"operators\"",
        "operators",
        "x\" || true || \"",
        "\"; permit(principal, action, resource); //",
        "spiffe://example.org/ops/alice\n",
        "spiffe://example.org/ops/alice\0",
        "spiffe://example.org/ops/аlice",
        "spiffe://example.org/ops/ALICE",
        "spiffe://example.org/ops/bob\\",
        "spiffe://example.org/ops/bob\u{200b}",
        "\\u{6f}perators",
        "*",
        "?principal",
        "",
    ] {
        let mut hostile = audited_by(principal(Scheme::Jwt, text));
        hostile.principal.listener = text.to_owned();
        hostile.principal.attributes = BTreeMap::from([(text.to_owned(), text.to_owned())]);
        hostile.principal.groups = BTreeSet::from([format!("{text} ")]);
        hostile.reason = format!("{text} open sesame");
        hostile.ticket = Some(text.to_owned());
        assert_eq!(verdict(&engine, &hostile), "-", "{text:?}");
    }
}

#[test]
fn an_account_is_in_every_unit_around_it_and_in_the_organization() {
    for place in [
        format!("Rootgate::OrganizationalUnit::\"{PAYMENTS_UNIT}\""),
        format!("Rootgate::OrganizationalUnit::\"{WORKLOADS}\""),
        format!("Rootgate::Organization::\"{ORGANIZATION_ID}\""),
    ] {
        let scope = engine(&format!("@id(\"p\") permit(principal, action, resource in {place});"));
        let condition =
            engine(&format!("@id(\"p\") permit(principal, action, resource) when {{ resource in {place} }};"));
        for engine in [scope, condition] {
            for mut asked in [question(AUDIT, PAYMENTS), question(Kind::UnlockBucketPolicy, PAYMENTS)] {
                assert_eq!(verdict(&engine, &asked), "+p", "{place}");
                asked.target = match asked.target {
                    Target::Bucket(..) => bucket(LOG_ARCHIVE),
                    Target::Account(_) | Target::Queue(_) | Target::Journal(_) => Target::Account(account(LOG_ARCHIVE)),
                };
                let expected = if place.contains(ORGANIZATION_ID) { "+p" } else { "-" };
                assert_eq!(verdict(&engine, &asked), expected, "{place}");
            }
            assert_eq!(verdict(&engine, &question(Kind::UnlockQueuePolicy, PAYMENTS)), "+p", "{place}");
        }
    }
}

#[test]
fn a_unit_is_named_by_its_id_and_not_by_its_name() {
    let errors = refused("forbid(principal, action, resource in Rootgate::OrganizationalUnit::\"Payments\");");
    assert!(errors.starts_with("a.cedar:1:1: ") && errors.contains("not its name"), "{errors}");
}

#[test]
fn tags_and_names_of_accounts_are_seen() {
    let engine = engine(
        "@id(\"tag\") permit(principal, action == Rootgate::Action::\"UnlockQueuePolicy\", resource) when { \
         resource.account.hasTag(\"env\") && resource.account.getTag(\"env\") == \"prod\" };\n\
         @id(\"name\") permit(principal, action == Rootgate::Action::\"AuditRootCredentials\", resource) when { \
         resource has account_name && resource.account_name like \"*-prod\" };",
    );
    for kind in [Kind::UnlockQueuePolicy, AUDIT] {
        assert!(verdict(&engine, &question(kind, PAYMENTS)).starts_with('+'));
        assert_eq!(verdict(&engine, &question(kind, LOG_ARCHIVE)), "-");
    }
}

/// A `forbid` on a unit must not vanish because the tree is away.
#[test]
fn what_is_not_known_of_the_organization_is_a_denial() {
    let permit = "@id(\"p\") permit(principal, action, resource);\n";
    for needing in [
        format!("forbid(principal, action, resource in Rootgate::OrganizationalUnit::\"{SECURITY}\");"),
        format!("forbid(principal, action, resource) when {{ resource in Rootgate::Organization::\"{ORGANIZATION_ID}\" }};"),
        "forbid(principal, action == Rootgate::Action::\"AuditRootCredentials\", resource) when { resource.hasTag(\"env\") };".to_owned(),
        "forbid(principal, action == Rootgate::Action::\"AuditRootCredentials\", resource) unless { resource has account_name };".to_owned(),
    ] {
        let engine = engine(&format!("{permit}{needing}"));
        assert!(engine.needs_tree().any(), "{needing}");
        for (account, tree, why) in [(PAYMENTS, None, "read too long ago"), (STRANGE, Some(tree()), "not in the organization")] {
            let explained = engine.explain(&question(AUDIT, account), tree.as_ref());
            assert!(!explained.allowed && explained.deciding.is_empty(), "{explained:?}");
            assert!(explained.errors.len() == 1 && explained.errors[0].contains(why), "{explained:?}");
            assert_eq!(explained.account.unwrap().placement, None);
        }
    }
    let without = engine(permit);
    assert_eq!(without.needs_tree(), TreeNeeds::default());
    assert!(without.explain(&question(AUDIT, PAYMENTS), None).allowed, "policies that need no tree do without");
    assert!(without.explain(&question(AUDIT, STRANGE), Some(&tree())).allowed);
}

/// What cannot be decided without the tree is refused; what no such policy is about is not.
#[test]
fn acts_that_no_policy_asks_the_organization_about_go_on_without_it() {
    let engine = engine(&format!(
        "@id(\"p\") permit(principal, action, resource);\n\
         forbid(principal, action in Rootgate::Action::\"Write\", resource in Rootgate::OrganizationalUnit::\"{SECURITY}\");"
    ));
    for kind in Kind::ALL {
        let explained = engine.explain(&question(kind, PAYMENTS), None);
        assert_eq!(explained.allowed, !kind.mutates(), "{kind}: {explained:?}");
        assert_eq!(explained.errors.is_empty(), !kind.mutates(), "{kind}: {explained:?}");
    }
}

#[test]
fn freezes_hold_to_the_second_weekdays_and_times_of_day_too() {
    let freeze = "@id(\"p\") permit(principal, action, resource);\n\
                  @id(\"freeze\") forbid(principal, action, resource) when { \
                  context.now >= datetime(\"2026-12-18T12:00:00Z\") && context.now < datetime(\"2027-01-04\") };";
    let at = |engine: &Engine, now: Timestamp| verdict(engine, &Question { now, ..question(AUDIT, PAYMENTS) });
    let begin = Timestamp::from_unix(1_797_595_200, 0);
    let end = Timestamp::from_unix(1_799_020_800, 0);
    let frozen = engine(freeze);
    assert_eq!(at(&frozen, Timestamp::from_unix_micros(begin.unix_micros() - 1)), "+p");
    assert_eq!(at(&frozen, begin), "-freeze");
    assert_eq!(at(&frozen, Timestamp::from_unix_micros(end.unix_micros() - 1)), "-freeze");
    assert_eq!(at(&frozen, end), "+p");

    let office = engine(
        "@id(\"p\") permit(principal, action, resource) when { context.weekday <= 5 && \
         context.now.toTime() >= duration(\"8h\") && context.now.toTime() < duration(\"17h\") };",
    );
    // NOW is a Saturday, 18:35:54.
    let saturday_noon = Timestamp::from_unix(NOW.unix_micros() / 1_000_000 - 6 * 3600, 0);
    for (days, expected) in [(0, "-"), (1, "-"), (2, "+p"), (6, "+p"), (7, "-")] {
        let noon = saturday_noon.plus(Duration::from_secs(days * 86_400));
        assert_eq!(at(&office, noon), expected, "{noon}");
        assert_eq!(at(&office, noon.plus(Duration::from_secs(6 * 3600))), "-", "in the evening");
    }
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies_and_says_where_it_is() {
    let permit = "@id(\"all\") permit(principal, action, resource);\n";
    let broken =
        "@id(\"broken\") forbid(principal, action, resource) when { context.weekday * 9223372036854775807 > 0 };";
    for broken in [broken.to_owned(), broken.replace("forbid", "permit")] {
        let explained = engine(&format!("{permit}{broken}")).explain(&question(AUDIT, PAYMENTS), None);
        assert!(!explained.allowed && explained.deciding.is_empty(), "{explained:?}");
        assert_eq!(explained.errors.len(), 1, "{explained:?}");
        assert!(
            explained.errors[0].starts_with("a.cedar:2:1: ") && explained.errors[0].contains("overflow"),
            "{explained:?}"
        );
    }
}

#[test]
fn a_question_that_does_not_fit_the_schema_is_a_denial_in_few_words() {
    let engine = engine("permit(principal, action, resource);");
    let mut missing = question(Kind::UnlockBucketPolicy, PAYMENTS);
    missing.arguments.clear();
    let mut misspelt = question(AUDIT, PAYMENTS);
    misspelt.arguments.insert("x\n".repeat(5_000), Argument::Number(1));
    let mut wrong_type = question(Kind::AssumeRoot, PAYMENTS);
    wrong_type.arguments.insert("duration_seconds".to_owned(), Argument::Text("300".to_owned()));
    let mut wrong_target = question(AUDIT, PAYMENTS);
    wrong_target.target = queue(PAYMENTS);
    let mut twice = question(AUDIT, PAYMENTS);
    twice.arguments.insert("reason".to_owned(), Argument::Text("another".to_owned()));
    let timeless = Question { now: Timestamp::from_unix_micros(i64::MAX), ..question(AUDIT, PAYMENTS) };
    for asked in [missing, misspelt, wrong_type, wrong_target, twice, timeless] {
        let explained = engine.explain(&asked, None);
        assert!(!explained.allowed && explained.errors.len() == 1, "{explained:?}");
        let error = &explained.errors[0];
        assert!(error.chars().count() <= ERROR_CHARS_MAX && !error.contains(char::is_control), "{error}");
    }
}

#[test]
fn an_explanation_names_policies_places_groups_and_the_account() {
    let engine = engine(
        "// Comments come first.\n\n  @id(\"ops\")\n@description(\"Operators may.\")\n\
         permit(principal in Rootgate::Group::\"operators\", action, resource);",
    );
    let explained = engine.explain(&question(AUDIT, PAYMENTS), Some(&tree()));
    let [deciding] = explained.deciding.as_slice() else { panic!("{explained:?}") };
    assert_eq!((deciding.id.as_str(), deciding.effect), ("a.cedar#ops", Effect::Permit));
    assert_eq!(deciding.place, "a.cedar:3:3");
    assert_eq!(deciding.annotations["description"], "Operators may.");
    assert_eq!(explained.in_groups, ["operators"]);
    let placement = explained.account.unwrap().placement.unwrap();
    let units = [(PAYMENTS_UNIT, "Payments"), (WORKLOADS, "Workloads")];
    assert_eq!(placement.units, units.map(|(id, name)| (id.to_owned(), name.to_owned())));
    assert_eq!((placement.organization_id.as_str(), placement.name.as_str()), (ORGANIZATION_ID, "payments-prod"));
    assert_eq!(placement.tags["env"], "prod");
}

#[test]
fn to_explain_is_a_permission_of_its_own_on_every_kind_of_resource() {
    let engine = engine(
        "@id(\"audit\") permit(principal, action == Rootgate::Action::\"AuditRootCredentials\", resource);\n\
         @id(\"explain\") permit(principal, action == Rootgate::Action::\"ExplainAccess\", resource) when { \
         context.about_operation == \"AssumeRoot\" && context.about_subject like \"spiffe://*\" };\n\
         @id(\"read\") permit(principal in Rootgate::Group::\"readers\", action in Rootgate::Action::\"Read\", resource);",
    );
    for target in [Target::Account(account(PAYMENTS)), bucket(PAYMENTS), queue(PAYMENTS)] {
        let mut asked = Question { target, ..question(Kind::ExplainAccess, PAYMENTS) };
        assert_eq!(verdict(&engine, &asked), "+explain");
        asked.arguments.insert("about_operation".to_owned(), Argument::Text("UnlockBucketPolicy".to_owned()));
        assert_eq!(verdict(&engine, &asked), "-");
        asked.principal.groups.insert("readers".to_owned());
        assert_eq!(verdict(&engine, &asked), "+read", "explaining reads");
    }
}

#[test]
fn a_policy_that_looks_into_an_entity_of_its_own_naming_is_refused() {
    for policy in [
        "permit(principal, action, resource) when { Rootgate::Account::\"333333333333\".account_id == \"x\" };",
        "permit(principal, action, resource) when { Rootgate::Account::\"333333333333\".hasTag(\"x\") };",
        "forbid(principal, action, resource) when { Rootgate::Caller::\"spiffe://a/b\" in Rootgate::Group::\"operators\" };",
        "forbid(principal, action, resource) when { Rootgate::Account::\"333333333333\" in \
         Rootgate::OrganizationalUnit::\"ou-ab12-security\" };",
    ] {
        let errors = refused(policy);
        assert!(errors.starts_with("a.cedar:1:"), "{policy}: {errors}");
    }
}

#[test]
fn groups_that_nobody_is_in_are_told() {
    let engine = engine(
        "permit(principal in Rootgate::Group::\"operators\", action, resource);\n\
         forbid(principal, action, resource) when { principal in Rootgate::Group::\"interns\" };",
    );
    assert_eq!(engine.groups_without_members(), BTreeSet::from(["interns".to_owned()]));
}

#[test]
fn the_digest_is_that_of_the_sources() {
    let one = engine("permit(principal, action, resource);");
    assert_eq!(one.sha256(), engine("permit(principal, action, resource);").sha256());
    assert_ne!(one.sha256(), engine("permit(principal, action, resource); ").sha256());
    assert_eq!(one.policies_count(), 1);
}

/// Which region a bucket is in is found after the decision: leaving it out must not dodge a `forbid`.
#[test]
fn a_forbid_on_a_region_cannot_be_dodged_by_leaving_the_region_out() {
    let policies = "permit(principal, action, resource);\n\
                    forbid(principal, action == Rootgate::Action::\"UnlockBucketPolicy\", resource) when { \
                    context has region && context.region == \"us-east-1\" };";
    let engine = engine(policies);
    let ask = |kind: Kind, region: Option<&str>| {
        let region = region.map(|region| region.parse().unwrap());
        engine.explain(&Question { region, ..question(kind, PAYMENTS) }, None)
    };
    assert!(!ask(Kind::UnlockBucketPolicy, Some("us-east-1")).allowed);
    assert!(ask(Kind::UnlockBucketPolicy, Some("eu-west-1")).allowed);
    let left_out = ask(Kind::UnlockBucketPolicy, None);
    assert!(!left_out.allowed && left_out.errors[0].contains("region"), "{left_out:?}");
    assert!(ask(AUDIT, None).allowed, "what has no region is not asked for one");
}

/// A broad permit says nothing of the public: it must not be the one that lets a bucket be opened to it.
#[test]
fn only_a_permit_that_speaks_of_exposure_allows_more_than_the_organization() {
    let ask_for = |engine: &Engine, kind: Kind, exposure: &str| {
        let mut asked = question(kind, PAYMENTS);
        asked.arguments.insert("accept_exposure".to_owned(), Argument::Text(exposure.to_owned()));
        verdict(engine, &asked)
    };
    let ask = |engine: &Engine, exposure: &str| ask_for(engine, Kind::UnlockBucketPolicy, exposure);
    let broad = "@id(\"broad\") permit(principal, action, resource);";
    let engine_of_broad = engine(broad);
    for kind in [Kind::UnlockBucketPolicy, Kind::UnlockQueuePolicy, Kind::RestoreBucketPolicy, Kind::RestoreQueuePolicy]
    {
        assert_eq!(ask_for(&engine_of_broad, kind, "ORGANIZATION"), "+broad", "{kind}");
        for exposure in ["OUTSIDE_ORGANIZATION", "PUBLIC", "anything else"] {
            assert_eq!(ask_for(&engine_of_broad, kind, exposure), "-", "{kind} {exposure}");
        }
    }
    let partners = "@id(\"partners\") permit(principal, action == Rootgate::Action::\"UnlockBucketPolicy\", resource) \
                    when { context.accept_exposure == \"OUTSIDE_ORGANIZATION\" };";
    let both = engine(&format!("{broad}\n{partners}"));
    assert_eq!(ask(&both, "ORGANIZATION"), "+broad");
    assert_eq!(ask(&both, "OUTSIDE_ORGANIZATION"), "+partners");
    assert_eq!(ask(&both, "PUBLIC"), "-");
    // A forbid need not know the question to hold.
    let frozen = engine(&format!("{partners}\n@id(\"freeze\") forbid(principal, action, resource);"));
    assert_eq!(ask(&frozen, "OUTSIDE_ORGANIZATION"), "-freeze");
}

/// Who speaks of plans permits plans: the act itself needs a permit that holds for it.
#[test]
fn a_permit_to_plan_is_none_to_act() {
    let engine = engine(
        "@id(\"plan\") permit(principal, action in Rootgate::Action::\"Write\", resource) when { context.validate_only };",
    );
    for kind in Kind::ALL {
        let mut asked = question(kind, PAYMENTS);
        assert_eq!(verdict(&engine, &asked), "-", "{kind}");
        if kind.mutates() {
            asked.arguments.insert("validate_only".to_owned(), Argument::Flag(true));
            assert_eq!(verdict(&engine, &asked), "+plan", "{kind}");
        }
    }
}
