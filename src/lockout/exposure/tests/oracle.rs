//! The simulator's policy evaluator as the judge: whomever it lets in, a grant must name.

use aws_root_simulator::policy::{Caller, CallerKind, Context, Decision, Document, Policies, Request, authorize};
use proptest::prelude::*;
use proptest::sample::{select as one_of, subsequence};
use serde_json::{Value, json};

use super::*;

const FULL_ACCESS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
/// What the simulator's callers do; the statements allow some of it.
const ACTIONS: [&str; 3] = ["s3:GetObject", "s3:PutObject", "s3:PutBucketPolicy"];
const OTHER_ORGANIZATION: &str = "o-zzzzzzzzzz";

/// Somebody outside of the owner's account. Their own policies allow everything.
#[derive(Debug, Clone, Copy)]
enum Stranger {
    Anonymous,
    User {
        account: &'static str,
        organization: Option<&'static str>,
    },
    Role {
        account: &'static str,
        organization: Option<&'static str>,
    },
    /// A service acting for an account.
    Service {
        account: &'static str,
        organization: Option<&'static str>,
    },
}

const STRANGERS: [Stranger; 7] = [
    Stranger::Anonymous,
    Stranger::User { account: "444455556666", organization: None },
    Stranger::User { account: "444455556666", organization: Some(OTHER_ORGANIZATION) },
    Stranger::User { account: "777788889999", organization: Some(ORGANIZATION) },
    Stranger::Role { account: "444455556666", organization: Some(ORGANIZATION) },
    Stranger::Service { account: "444455556666", organization: Some(OTHER_ORGANIZATION) },
    Stranger::Service { account: "777788889999", organization: Some(ORGANIZATION) },
];

impl Stranger {
    fn account(self) -> &'static str {
        match self {
            Self::Anonymous => "",
            Self::User { account, .. } | Self::Role { account, .. } | Self::Service { account, .. } => account,
        }
    }

    fn organization(self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::User { organization, .. } | Self::Role { organization, .. } | Self::Service { organization, .. } => {
                organization
            }
        }
    }

    fn caller(self) -> Caller {
        let account = self.account().to_owned();
        match self {
            Self::Anonymous | Self::Service { .. } => {
                Caller { arn: String::new(), account: String::new(), kind: CallerKind::User }
            }
            Self::User { .. } => {
                Caller { arn: format!("arn:aws:iam::{account}:user/me"), account, kind: CallerKind::User }
            }
            Self::Role { .. } => Caller {
                arn: format!("arn:aws:sts::{account}:assumed-role/Admin/me"),
                kind: CallerKind::RoleSession { role_arn: format!("arn:aws:iam::{account}:role/Admin") },
                account,
            },
        }
    }

    fn context(self, network: &[(&str, &str)]) -> Context {
        let mut context = Context::new();
        let account = self.account();
        let paths = |id: &str| vec![format!("{id}/r-ab12/ou-ab12-11111111/")];
        context.set("aws:SecureTransport", "true").set("aws:ResourceAccount", OWNER);
        network.iter().for_each(|(key, value)| _ = context.set(key, *value));
        match self {
            Self::Anonymous => {}
            Self::User { .. } | Self::Role { .. } => {
                let name = if let Self::User { .. } = self { "user/me" } else { "role/Admin" };
                context
                    .set("aws:PrincipalArn", format!("arn:aws:iam::{account}:{name}"))
                    .set("aws:PrincipalAccount", account);
                if let Some(id) = self.organization() {
                    context.set("aws:PrincipalOrgID", id).set_many("aws:PrincipalOrgPaths", paths(id));
                }
            }
            Self::Service { .. } => {
                context
                    .set("aws:SourceAccount", account)
                    .set("aws:SourceArn", format!("arn:aws:sns:eu-west-1:{account}:topic"));
                context.set("aws:PrincipalServiceName", "sns.amazonaws.com").set("aws:PrincipalIsAWSService", "true");
                if let Some(id) = self.organization() {
                    context.set("aws:SourceOrgID", id);
                }
            }
        }
        context
    }

    fn is_let_in(self, document: &Document, network: &[(&str, &str)]) -> bool {
        let (caller, context) = (self.caller(), self.context(network));
        let identity = [Document::parse(FULL_ACCESS).unwrap()];
        let policies = Policies { identity: &identity, resource: Some(document), ..Policies::default() };
        let allowed = |action: &&str| {
            let resource = if action.ends_with("Object") {
                "arn:aws:s3:::payments-ledger/a"
            } else {
                "arn:aws:s3:::payments-ledger"
            };
            let request = Request { caller: &caller, action, resource, resource_account: OWNER, context: &context };
            authorize(&request, &policies) == Decision::Allowed
        };
        ACTIONS.iter().any(allowed)
    }

    /// Whether the grantee includes the stranger.
    fn is_among(self, grantee: &Grantee) -> bool {
        match grantee {
            Grantee::Public => true,
            Grantee::Account(account) => account.as_str() == self.account(),
            Grantee::Organization(id) => Some(id.as_str()) == self.organization(),
            Grantee::Service(_) => matches!(self, Self::Service { .. }),
            // Of those who cannot be placed, only who comes from a network or acts for a bucket is played here.
            Grantee::Elsewhere(who) => ["aws:SourceVpc", "aws:SourceIp"].iter().any(|key| who.contains(key)),
        }
    }
}

fn one_or_many(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![one_of(texts).prop_map(Value::from), subsequence(texts, 1..=texts.len().min(3)).prop_map(Value::from)]
}

fn principal() -> impl Strategy<Value = Value> {
    let aws = one_or_many(&[
        "*",
        "111122223333",
        "444455556666",
        "arn:aws:iam::777788889999:root",
        "arn:aws:iam::777788889999:user/me",
        "arn:aws:iam::444455556666:role/Admin",
        "arn:aws:sts::444455556666:assumed-role/Admin/me",
    ]);
    prop_oneof![
        3 => Just(json!("*")),
        2 => aws.prop_map(|aws| json!({ "AWS": aws })),
        1 => Just(json!({ "Service": "sns.amazonaws.com", "AWS": "*" })),
    ]
}

/// One operator with one key that might narrow, and values right, wrong and wild.
fn condition() -> impl Strategy<Value = (String, Value)> {
    let ids = one_or_many(&["o-a1b2c3d4e5", "o-zzzzzzzzzz", "o-*", "o-a1b2c3d4e?", "*"]);
    let paths = one_or_many(&["o-a1b2c3d4e5/*", "o-a1b2c3d4e5/r-ab12/*", "o-*", "*/r-ab12/*", "o-zzzzzzzzzz/r-ab12/*"]);
    let accounts = one_or_many(&["111122223333", "444455556666", "777788889999", "7*", "${aws:SourceAccount}", "*"]);
    let arns = one_or_many(&[
        "arn:aws:iam::444455556666:*",
        "arn:*:iam::777788889999:user/*",
        "arn:aws:iam::*:role/Admin",
        "arn:aws:sns:*:777788889999:topic",
        "arn:aws:sns:eu-west-1:111122223333:topic",
        "arn:aws:s3:::uploads",
        "arn:aws:*",
        "*",
    ]);
    let ranges = one_or_many(&["192.0.2.0/24", "0.0.0.0/0", "10.0.0.0/8", "2001:db8::/32"]);
    let of = |(operator, key, values): (String, &'static str, Value)| (operator, json!({ key: values }));
    let organization_keys = ["aws:PrincipalOrgID", "AWS:PRINCIPALORGID", "aws:SourceOrgID", "aws:ResourceOrgID"];
    let account_keys = ["aws:PrincipalAccount", "aws:SourceAccount", "aws:ResourceAccount"];
    prop_oneof![
        (text(), one_of(organization_keys.to_vec()), ids).prop_map(of),
        (text(), Just("aws:PrincipalOrgPaths"), paths).prop_map(of),
        (text(), one_of(account_keys.to_vec()), accounts).prop_map(of),
        (arn(), one_of(vec!["aws:PrincipalArn", "aws:SourceArn"]), arns).prop_map(of),
        (text(), Just("aws:SourceVpce"), one_or_many(&["vpce-1", "vpce-2", "vpce-*"])).prop_map(of),
        (affixed(&["IpAddress", "NotIpAddress"]), Just("aws:SourceIp"), ranges).prop_map(of),
        (affixed(&["Bool"]), Just("aws:PrincipalIsAWSService"), one_or_many(&["true", "false"])).prop_map(of),
    ]
}

fn text() -> impl Strategy<Value = String> {
    affixed(&["StringEquals", "StringLike", "StringEqualsIgnoreCase", "StringNotEquals", "StringNotLike"])
}

fn arn() -> impl Strategy<Value = String> {
    affixed(&["ArnEquals", "ArnLike", "ArnNotLike", "StringEquals", "StringLike", "StringNotLike"])
}

fn affixed(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let set = prop_oneof![4 => Just(""), 1 => Just("ForAllValues:"), 2 => Just("ForAnyValue:")];
    let suffix = prop_oneof![4 => Just(""), 1 => Just("IfExists")];
    (set, one_of(names), suffix).prop_map(|(set, name, suffix)| format!("{set}{name}{suffix}"))
}

prop_compose! {
    fn statement()(
        allow in prop::bool::weighted(0.9),
        principal in principal(),
        action in one_or_many(&["*", "s3:*", "s3:GetObject", "s3:Put*"]),
        conditions in prop::collection::vec(condition(), 0..3),
    ) -> Value {
        let effect = if allow { "Allow" } else { "Deny" };
        let condition: Value = Value::Object(conditions.into_iter().collect());
        json!({ "Effect": effect, "Principal": principal, "Action": action, "Resource": "*", "Condition": condition })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_let_in_is_among_the_grantees(
        statements in prop::collection::vec(statement(), 1..4),
        network in subsequence(vec![("aws:SourceIp", "192.0.2.7"), ("aws:SourceVpce", "vpce-1")], 0..=2),
    ) {
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let document = Document::parse(&text).unwrap();
        let grants = grants(&text, &target()).unwrap();
        for stranger in STRANGERS {
            if stranger.is_let_in(&document, &network) {
                prop_assert!(grants.iter().any(|grant| stranger.is_among(&grant.to)), "{text} {stranger:?} {grants:?}");
            }
        }
    }

    #[test]
    fn each_grant_is_of_an_allow_and_none_is_of_the_owner(statements in prop::collection::vec(statement(), 1..4)) {
        let text = json!({ "Statement": statements }).to_string();
        for grant in grants(&text, &target()).unwrap() {
            prop_assert_eq!(&statements[grant.index]["Effect"], "Allow");
            prop_assert_ne!(grant.to, Grantee::Account(OWNER.parse().unwrap()));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}", principal in "\\PC{0,40}", value in "\\PC{0,40}") {
        let _ = grants(&text, &target());
        let condition = json!({ "StringLike": { "aws:PrincipalArn": value, "aws:userid": value }, "IpAddress": { "aws:SourceIp": value } });
        for principal in [json!(principal), json!({ "AWS": principal }), json!({ "Service": principal })] {
            let text = json!({ "Statement": { "Effect": "Allow", "Principal": principal, "Condition": condition } }).to_string();
            // One that names the owner alone cannot come up by chance.
            prop_assert!(!grants(&text, &target()).unwrap().is_empty(), "{text}");
        }
    }
}
