//! The simulator's policy evaluator as the judge of the analysis: it was written apart from it, and evaluates requests
//! where the analysis reasons about all of them.

use aws_root_simulator::policy::{
    Caller, CallerKind, Context, Decision, Document, MAX_DOCUMENT_BYTES, Policies, Request, authorize,
};
use proptest::prelude::*;
use proptest::sample::{Index, select as one_of, subsequence};
use serde_json::{Value, json};

use super::*;

const ADMIN_POLICY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// The administrators that are asked, with the ARN that `aws:PrincipalArn` has for each.
fn administrators() -> [(Caller, String); 3] {
    let user = |name: &str| {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        (Caller { arn: arn.clone(), account: ACCOUNT.to_owned(), kind: CallerKind::User }, arn)
    };
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/Admin");
    let session = Caller {
        arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me"),
        account: ACCOUNT.to_owned(),
        kind: CallerKind::RoleSession { role_arn: role_arn.clone() },
    };
    [user("admin"), user("other"), (session, role_arn)]
}

/// What else a call may carry, besides what every administrator's call has.
type Extra = Vec<(&'static str, &'static str)>;

/// The calls of the administrator that the document denies.
fn denied(document: &Document, target: &Target, admin: &(Caller, String), extra: &Extra) -> Vec<&'static str> {
    let (calls, arn): (&[&str], String) = match target {
        Target::Bucket { name, .. } => {
            (&["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"], format!("arn:aws:s3:::{name}"))
        }
        Target::Queue { .. } => (
            &[
                "sqs:SetQueueAttributes",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:AddPermission",
                "sqs:RemovePermission",
            ],
            format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:payments"),
        ),
    };
    let mut context = Context::new();
    for (key, value) in extra {
        context.set(key, *value);
    }
    context
        .set("aws:SecureTransport", "true")
        .set("aws:PrincipalArn", &admin.1)
        .set("aws:PrincipalAccount", ACCOUNT)
        .set("aws:PrincipalIsAWSService", "false");
    let identity = [Document::parse(ADMIN_POLICY).unwrap()];
    let policies = Policies { identity: &identity, resource: Some(document), ..Policies::default() };
    let is_denied = |action: &&&str| {
        let request =
            Request { caller: &admin.0, action, resource: &arn, resource_account: ACCOUNT, context: &context };
        authorize(&request, &policies) != Decision::Allowed
    };
    calls.iter().filter(is_denied).copied().collect()
}

/// Whether every administrator may make every call that manages the policy.
fn manageable(text: &str, target: &Target, extra: &Extra) -> bool {
    let document = Document::parse(text).unwrap_or_else(|why| panic!("{why}: {text}"));
    administrators().iter().all(|admin| denied(&document, target, admin, extra).is_empty())
}

/// Of a key that is there twice, the last counts.
fn extra() -> impl Strategy<Value = Extra> {
    let keys = vec![
        ("aws:SourceIp", "192.0.2.7"),
        ("aws:SourceIp", "10.0.0.1"),
        ("aws:SourceIp", "2001:db8::1"),
        ("aws:SourceVpc", "vpc-1"),
        ("aws:SourceVpce", "vpce-1"),
        ("aws:SourceVpce", "vpce-2"),
        ("aws:MultiFactorAuthAge", "300"),
        ("aws:PrincipalTag/team", "ledger"),
        ("my:Key", "x"),
        ("aws:PrincipalOrgID", "o-a"),
        ("aws:MultiFactorAuthPresent", "true"),
        ("s3:TlsVersion", "1.2"),
        ("aws:ViaAWSService", "false"),
        ("aws:PrincipalTag/team", "payments"),
    ];
    let all = keys.len();
    subsequence(keys, 0..=all)
}

/// One of the texts, or a list of some.
fn one_or_many(texts: &'static [&'static str]) -> impl Strategy<Value = Value> + Clone {
    prop_oneof![one_of(texts).prop_map(Value::from), subsequence(texts, 1..=texts.len().min(3)).prop_map(Value::from),]
}

fn principal() -> impl Strategy<Value = Value> {
    let aws = one_or_many(&[
        "*",
        "111122223333",
        "444455556666",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::444455556666:root",
        "arn:aws:iam::111122223333:user/admin",
        "arn:aws:iam::111122223333:role/Admin",
        "arn:aws:sts::111122223333:assumed-role/Admin/me",
        "arn:aws:iam::444455556666:user/admin",
    ]);
    prop_oneof![
        3 => Just(json!("*")),
        1 => aws.clone().prop_map(|aws| json!({ "AWS": aws })),
        1 => aws.prop_map(|aws| json!({ "AWS": aws, "Service": "s3.amazonaws.com" })),
        1 => one_or_many(&["s3.amazonaws.com", "sns.amazonaws.com"]).prop_map(|service| json!({ "Service": service })),
    ]
}

fn action() -> impl Strategy<Value = Value> {
    one_or_many(&[
        "*",
        "s3:*",
        "S3:PUT*",
        "s3:?etBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketPolicy",
        "s3:GetObject",
        "s3:*Object*",
        "*:*Policy",
        "sqs:*",
        "SQS:SetQueueAttributes",
        "sqs:SendMessage",
        "sqs:*Permission",
        "sqs:Get*",
    ])
}

fn resource() -> impl Strategy<Value = Value> {
    one_or_many(&[
        "*",
        "arn:aws:s3:::payments-ledger",
        "arn:aws:s3:::payments-ledger/*",
        "arn:aws:s3:::payments*",
        "arn:aws:s3:::Payments-Ledger",
        "arn:aws:s3:::${aws:PrincipalTag/team}-ledger",
        "arn:aws:s3:::other",
        "arn:aws:s3",
        "arn:*:*:*:*:*",
        "arn:aws:sqs:eu-west-1:111122223333:payments",
        "arn:aws:sqs:*:111122223333:pay*",
        "arn:aws:sqs:us-east-1:111122223333:payments",
        "arn:aws:sqs:eu-west-1:444455556666:payments",
    ])
}

/// An operator with one key and values that it takes.
fn condition() -> impl Strategy<Value = (String, Value)> {
    let text = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringNotEqualsIgnoreCase"];
    let arn = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringLike", "StringNotLike", "StringNotEquals"];
    let arns = one_or_many(&[
        "*",
        "arn:aws:iam::111122223333:*",
        "arn:*:iam::1111*:**",
        "arn:aws:iam::111122223333:role/Admin",
        "arn:aws:iam::111122223333:user/*",
        "arn:aws:iam::*:root",
        "arn:aws:iam::444455556666:*",
        "arn:aws:iam::444455556666:role/Admin",
    ]);
    let accounts = one_or_many(&["111122223333", "444455556666", "1111*", "*", "${aws:PrincipalAccount}"]);
    let truth = prop_oneof![Just(json!(true)), Just(json!(false)), Just(json!("true")), Just(json!(["false", "true"]))];
    let flags = [
        "aws:SecureTransport",
        "AWS:securetransport",
        "aws:PrincipalIsAWSService",
        "aws:MultiFactorAuthPresent",
        "aws:ViaAWSService",
    ];
    let flag = one_of(&["Bool", "BoolIfExists", "Null", "ForAllValues:Bool", "ForAnyValue:Bool"][..]);
    let of = |operator: String, key: &str, values: Value| (operator, json!({ key: values }));
    prop_oneof![
        4 => (flag, one_of(flags.to_vec()), truth).prop_map(move |(op, key, value)| of(op.to_owned(), key, value)),
        3 => (prefixed(arn.to_vec()), arns).prop_map(move |(op, arns)| of(op, "aws:PrincipalArn", arns)),
        2 => (prefixed(text.to_vec()), accounts).prop_map(move |(op, ids)| of(op, "aws:PrincipalAccount", ids)),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "aws:SourceVpce", json!("vpce-1"))),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "aws:SourceVpc", json!(["vpc-1", "vpc-2"]))),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "aws:PrincipalTag/team", json!("payments"))),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "my:Key", json!(["x", "*"]))),
        1 => prefixed(vec!["NumericLessThan", "NumericGreaterThan"])
            .prop_map(move |op| of(op, "aws:MultiFactorAuthAge", json!(3600))),
        1 => one_of(vec!["aws:SourceVpce", "aws:MultiFactorAuthAge", "aws:PrincipalArn", "my:Key"])
            .prop_map(move |key| of("Null".to_owned(), key, json!("true"))),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "aws:PrincipalOrgID", json!(["o-a", "o-b"]))),
        1 => prefixed(text.to_vec()).prop_map(move |op| of(op, "aws:SecureTransport", json!(["false", "x"]))),
        1 => prefixed(vec!["IpAddress", "NotIpAddress"]).prop_map(move |op| of(op, "aws:SourceIp", json!("192.0.2.0/24"))),
        1 => (prefixed(vec!["NumericLessThan", "NumericLessThanEquals", "NumericEquals"]), one_of(vec!["1.1", "1.2", "1.3"]))
            .prop_map(move |(op, version)| of(op, "s3:TlsVersion", json!(version))),
    ]
}

fn prefixed(names: Vec<&'static str>) -> impl Strategy<Value = String> {
    let set = prop_oneof![6 => Just(""), 1 => Just("ForAllValues:"), 1 => Just("ForAnyValue:")];
    let suffix = prop_oneof![3 => Just(""), 1 => Just("IfExists")];
    (set, one_of(names), suffix).prop_map(|(set, name, suffix)| format!("{set}{name}{suffix}"))
}

prop_compose! {
    fn statement()(
        deny in prop::bool::weighted(0.85),
        but in prop::array::uniform3(prop::bool::weighted(0.2)),
        sid in prop::option::of("[A-Za-z]{1,8}"),
        principal in principal(),
        action in action(),
        resource in prop::option::weighted(0.9, resource()),
        conditions in prop::collection::vec(condition(), 0..3),
    ) -> Value {
        let mut fields = serde_json::Map::new();
        if let Some(sid) = sid {
            fields.insert("Sid".to_owned(), json!(sid));
        }
        fields.insert("Effect".to_owned(), json!(if deny { "Deny" } else { "Allow" }));
        fields.insert(if but[0] && deny { "NotPrincipal" } else { "Principal" }.to_owned(), principal);
        fields.insert(if but[1] { "NotAction" } else { "Action" }.to_owned(), action);
        if let Some(resource) = resource {
            fields.insert(if but[2] { "NotResource" } else { "Resource" }.to_owned(), resource);
        }
        if !conditions.is_empty() {
            fields.insert("Condition".to_owned(), Value::Object(conditions.into_iter().collect()));
        }
        Value::Object(fields)
    }
}

/// A policy as text, its statements in a list or, if there is one, perhaps by itself.
fn policy() -> impl Strategy<Value = String> {
    (prop::collection::vec(statement(), 1..6), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(mut statements, single, version, pretty)| {
            let statements = if single && statements.len() == 1 { statements.remove(0) } else { json!(statements) };
            let mut document = json!({ "Statement": statements });
            if version {
                document["Version"] = json!("2012-10-17");
            }
            if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap()
        },
    )
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![Just(bucket()), Just(queue())]
}

/// A policy of many statements, at most as long as S3 takes.
fn long_policy() -> impl Strategy<Value = String> {
    prop::collection::vec(statement(), 60..100).prop_map(|mut statements| {
        loop {
            let text = json!({ "Statement": statements }).to_string();
            if text.len() <= MAX_DOCUMENT_BYTES {
                return text;
            }
            statements.pop();
        }
    })
}

/// Policies as the guides show them, with what each of them is about.
const REAL: [&str; 6] = [
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"AllowSSLRequestsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::payments-ledger","arn:aws:s3:::payments-ledger/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#,
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:*"],"Resource":"arn:aws:s3:::payments-ledger/*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}}"#,
    r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:user/admin"]},"Action":"s3:GetObject","Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"*"}]}"#,
    r#"{"Version":"2008-10-17","Id":"p","Statement":[{"Effect":"Deny","Principal":"*","NotAction":["s3:PutBucketPolicy","s3:GetBucketPolicy","s3:DeleteBucketPolicy"],"NotResource":"arn:aws:s3:::payments-ledger/public/*","Condition":{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24"]}}}]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"444455556666"},"Action":"s3:*","Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"},"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-\u006cedger","Condition":{"NumericLessThan":{"s3:TlsVersion":1.2},"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}}]}"#,
];

/// What stands in the place of a piece of a policy; many of them keep it a policy with another meaning.
const PIECES: [&str; 18] =
    ["", "*", "?", "\"", ",", "[", "]", "{", "}", "Not", "IfExists", "1", "/", ":", "${", "\\u002a", "true", "é"];

/// A policy of [`REAL`] in which some pieces were cut out and others put in.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<Index>(), 0..6_usize, one_of(PIECES.to_vec()));
    (one_of(REAL.to_vec()), prop::collection::vec(edit, 0..3)).prop_map(|(policy, edits)| {
        edits.into_iter().fold(policy.to_owned(), |text, (at, length, piece)| {
            let boundary =
                |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let from = at.index(text.len() + 1);
            let (from, to) = (boundary(from), boundary(from + length));
            format!("{}{piece}{}", &text[..from], &text[to..])
        })
    })
}

/// Whether `PutBucketPolicy` and `SetQueueAttributes` of the simulator take the text.
fn is_accepted(text: &str) -> bool {
    Document::parse(text).is_ok_and(|document| document.names_principals())
}

/// Fails unless what the default mode leaves is accepted, manageable and the original but for what was removed.
fn check_default_mode(text: &str, target: &Target, extra: &Extra) -> Result<(), TestCaseError> {
    let analysis = analyse(text, target).unwrap();
    match without(text, &select(&analysis, &Mode::Locking).unwrap()).unwrap() {
        Remaining::Nothing => prop_assert!(analysis.statements.iter().all(|s| s.verdict > Verdict::Harmless)),
        Remaining::Text(left) => {
            prop_assert_eq!(is_accepted(&left), true, "{} {}", text, left);
            prop_assert!(manageable(&left, target, extra), "{text} {left}");
            let after = analyse(&left, target).unwrap();
            prop_assert_eq!(after.worst(), Verdict::Harmless);
            prop_assert_eq!(left == text, analysis.locking().next().is_none());
            prop_assert_eq!(around(text, &analysis), around(&left, &after));
            let kept = analysis.statements.iter().filter(|judged| judged.verdict == Verdict::Harmless);
            let texts_after: Vec<&str> = after.statements.iter().map(|judged| &left[judged.text.clone()]).collect();
            prop_assert_eq!(kept.map(|judged| &text[judged.text.clone()]).collect::<Vec<_>>(), texts_after);
        }
    }
    Ok(())
}

/// What stands before the first statement and behind the last.
fn around<'t>(text: &'t str, analysis: &Analysis) -> (&'t str, &'t str) {
    let (Some(first), Some(last)) = (analysis.statements.first(), analysis.statements.last()) else {
        return (text, "");
    };
    (&text[..first.text.start], &text[last.text.end..])
}

/// The document with this one statement only.
fn alone(text: &str, index: usize) -> String {
    let all = Policy::read(text).unwrap().statements().len();
    match without(text, &(0..all).filter(|other| *other != index).collect()).unwrap() {
        Remaining::Text(text) => text,
        Remaining::Nothing => panic!("one statement is kept"),
    }
}

#[test]
fn the_policies_that_are_mutated_are_accepted_and_read() {
    for text in REAL {
        assert!(is_accepted(text) && analyse(text, &bucket()).is_ok(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_verdict_is_what_the_evaluator_does(text in policy(), target in target(), extra in extra()) {
        for judged in analyse(&text, &target).unwrap().statements {
            let document = Document::parse(&alone(&text, judged.index)).unwrap();
            for admin in administrators() {
                let denied = denied(&document, &target, &admin, &extra);
                match judged.verdict {
                    Verdict::Harmless => prop_assert!(denied.is_empty(), "{text} {judged:?} {admin:?} {denied:?}"),
                    Verdict::Locks => {
                        let essential = |call: &&str| matches!(*call, "s3:PutBucketPolicy" | "sqs:SetQueueAttributes");
                        prop_assert!(denied.iter().any(essential), "{text} {judged:?} {admin:?} {denied:?}");
                    }
                    Verdict::MayLock => {}
                }
            }
        }
    }

    #[test]
    fn a_harmless_policy_is_manageable(text in policy(), target in target(), extra in extra()) {
        if analyse(&text, &target).unwrap().worst() == Verdict::Harmless {
            prop_assert!(manageable(&text, &target, &vec![]), "{text}");
            prop_assert!(manageable(&text, &target, &extra), "{text}");
        }
    }

    #[test]
    fn what_the_default_mode_leaves_is_manageable(text in policy(), target in target(), extra in extra()) {
        prop_assert!(is_accepted(&text));
        check_default_mode(&text, &target, &extra)?;
    }

    #[test]
    fn a_mutated_policy_is_never_wrongly_called_unlocked(text in mutated(), target in target(), extra in extra()) {
        // What the analysis does not read is not called anything, and what AWS does not take is in no bucket.
        if let Ok(analysis) = analyse(&text, &target) && is_accepted(&text) {
            prop_assert!(analysis.worst() > Verdict::Harmless || manageable(&text, &target, &extra), "{text}");
            check_default_mode(&text, &target, &extra)?;
        }
    }

    #[test]
    fn kept_statements_stay_byte_for_byte(text in policy(), picks in prop::collection::vec(any::<Index>(), 0..4)) {
        let spans = |text: &str| -> Vec<String> {
            Policy::read(text).unwrap().statements().iter().map(|node| text[node.span.clone()].to_owned()).collect()
        };
        let before = spans(&text);
        let remove = picks.iter().map(|pick| pick.index(before.len())).collect();
        match without(&text, &remove).unwrap() {
            Remaining::Nothing => prop_assert_eq!(remove.len(), before.len()),
            Remaining::Text(left) => {
                let kept = before.iter().enumerate().filter(|(index, _)| !remove.contains(index));
                prop_assert_eq!(spans(&left), kept.map(|(_, text)| text.clone()).collect::<Vec<_>>());
                prop_assert!(Document::parse(&left).is_ok());
                prop_assert_eq!(left == text, remove.is_empty());
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}", policy in policy(), at in any::<Index>(), noise in "\\PC{0,4}") {
        let _ = analyse(&text, &bucket());
        // A policy with some text put in, or cut off, anywhere.
        let at = (0..=at.index(policy.len())).rev().find(|at| policy.is_char_boundary(*at)).unwrap_or(0);
        let (before, after) = policy.split_at(at);
        for text in [format!("{before}{noise}{after}"), format!("{before}{noise}"), after.to_owned()] {
            if let Ok(analysis) = analyse(&text, &queue()) {
                let remove = select(&analysis, &Mode::Locking).unwrap();
                prop_assert!(without(&text, &remove).is_ok());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_the_default_mode_leaves_of_a_long_policy_is_manageable(text in long_policy(), target in target(), extra in extra()) {
        prop_assert!(is_accepted(&text) && text.len() > 10_000, "{}", text.len());
        check_default_mode(&text, &target, &extra)?;
    }
}
