//! Verdicts on policies as people write them; `tests/edit.rs` cuts them, `tests/oracle.rs` asks the simulator.

mod edit;
mod oracle;
mod unreadable;

use super::*;

const ACCOUNT: &str = "111122223333";

fn bucket() -> Target {
    Target::Bucket { account: ACCOUNT.parse().unwrap(), name: "payments-ledger".parse().unwrap() }
}

fn queue() -> Target {
    Target::Queue {
        region: "eu-west-1".parse().unwrap(),
        account: ACCOUNT.parse().unwrap(),
        name: "payments".parse().unwrap(),
    }
}

/// Verdict and why of the only statement of a policy.
fn judged(statement: &str, target: &Target) -> (Verdict, String) {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    let analysis = analyse(&document, target).unwrap_or_else(|why| panic!("{why}: {statement}"));
    let [verdict] = analysis.statements.as_slice() else { panic!("one statement") };
    (verdict.verdict, verdict.why.clone())
}

fn check(target: &Target, cases: &[(&str, Verdict, &str)]) {
    for (statement, wanted, word) in cases {
        let (verdict, why) = judged(statement, target);
        assert_eq!(verdict, *wanted, "{statement}: {why}");
        assert!(why.contains(word), "{statement}: {why:?} lacks {word:?}");
    }
}

/// A Deny of everything on the bucket, with this condition.
fn check_conditions(cases: &[(&str, Verdict, &str)]) {
    for (condition, wanted, word) in cases {
        let statement =
            format!(r#"{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{condition}}}"#);
        check(&bucket(), &[(statement.as_str(), *wanted, *word)]);
    }
}

/// A Deny of everything on the bucket, with this element in the place of `Principal`.
fn check_principals(cases: &[(&str, Verdict, &str)]) {
    for (principal, wanted, word) in cases {
        let statement = format!(r#"{{"Effect":"Deny",{principal},"Action":"s3:*","Resource":"*"}}"#);
        check(&bucket(), &[(statement.as_str(), *wanted, *word)]);
    }
}

use Verdict::{Harmless, Locks, MayLock};

#[test]
fn whole_statements_of_bucket_policies() {
    check(
        &bucket(),
        &[
            (
                r#"{"Sid":"Oops","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::payments-ledger","arn:aws:s3:::payments-ledger/*"]}"#,
                Locks,
                "s3:PutBucketPolicy",
            ),
            (
                r#"{"Sid":"AllowSSLRequestsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::payments-ledger","arn:aws:s3:::payments-ledger/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
                Harmless,
                "TLS",
            ),
            (
                r#"{"Sid":"EnforceTLSv12orHigher","Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:*"],"Resource":"arn:aws:s3:::payments-ledger*","Condition":{"NumericLessThan":{"s3:TlsVersion":1.2}}}"#,
                Harmless,
                "TLS 1.2",
            ),
            (
                r#"{"Sid":"DenyUnEncrypted","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::payments-ledger/*","Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}"#,
                Harmless,
                "none of the actions",
            ),
            (
                r#"{"Sid":"VpcOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::payments-ledger","arn:aws:s3:::payments-ledger/*"],"Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}}}"#,
                MayLock,
                "VPC endpoint",
            ),
            (
                r#"{"Sid":"ObjectsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger/*"}"#,
                Harmless,
                "Resource leaves out",
            ),
            (
                r#"{"Sid":"AWSCloudTrailAclCheck20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::payments-ledger"}"#,
                Harmless,
                "Allow",
            ),
            (
                r#"{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::111122223333:user/Bob"]},"Action":"s3:*","Resource":"*"}"#,
                MayLock,
                "NotPrincipal",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"S3:pUTbucketpolicy","Resource":"arn:aws:s3:::payments-ledger"}"#,
                MayLock,
                "a part",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":["s3:PutBucketPolicy","s3:DeleteBucketPolicy"],"Resource":"arn:aws:s3:::payments-ledger"}"#,
                Locks,
                "s3:DeleteBucketPolicy",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:GetBucketPolicy","Resource":"arn:aws:s3:::payments-ledger"}"#,
                MayLock,
                "s3:GetBucketPolicy",
            ),
            (r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#, Locks, "everybody"),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*BucketPolic?","Resource":"*"}"#, Locks, "Action"),
            (
                r#"{"Effect":"Deny","Principal":"*","NotAction":"s3:GetObject","Resource":"arn:aws:s3:::payments-*"}"#,
                Locks,
                "NotAction denies",
            ),
            (r#"{"Effect":"Deny","Principal":"*","NotAction":["s3:*Policy"],"Resource":"*"}"#, Harmless, "NotAction"),
            (
                r#"{"Effect":"Deny","Principal":"*","NotAction":["s3:Get*"],"Resource":"*"}"#,
                Locks,
                "s3:PutBucketPolicy",
            ),
            (r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}"#, Harmless, "Action"),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":"arn:aws:s3:::payments-ledger/public/*"}"#,
                Locks,
                "NotResource means",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":["arn:aws:s3:::other","arn:aws:s3:::payments-ledger"]}"#,
                Harmless,
                "NotResource leaves out",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::Payments-Ledger"}"#,
                Harmless,
                "Resource",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team}-ledger"}"#,
                MayLock,
                "Resource may mean",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::payments-ledger/${aws:username}/*"}"#,
                Harmless,
                "Resource",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws-us-gov:s3:::payments-ledger"}"#,
                MayLock,
                "may mean",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3*ledger"}"#,
                MayLock,
                "may mean",
            ),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","NotResource":"arn:aws:s3"}"#, MayLock, "may mean"),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*"}"#, Locks, "attached"),
        ],
    );
}

#[test]
fn what_is_not_understood_may_lock() {
    check(
        &bucket(),
        &[
            (r#""Deny""#, MayLock, "no JSON object"),
            ("null", MayLock, "no JSON object"),
            ("{}", MayLock, "no Effect"),
            (r#"{"Effect":"deny","Principal":"*","Action":"*","Resource":"*"}"#, MayLock, "neither Allow nor Deny"),
            (r#"{"Effect":["Deny"],"Principal":"*","Action":"*","Resource":"*"}"#, MayLock, "Effect"),
            (r#"{"Effect":"Deny","Action":"s3:*","Resource":"*"}"#, MayLock, "neither Principal"),
            (r#"{"Effect":"Deny","Principal":"*","NotPrincipal":"*","Action":"s3:*","Resource":"*"}"#, MayLock, "both"),
            (r#"{"Effect":"Deny","Principal":"*","Resource":"*"}"#, MayLock, "neither Action"),
            (r#"{"Effect":"Deny","Principal":"*","Action":[],"Resource":"*"}"#, MayLock, "Action"),
            (r#"{"Effect":"Deny","Principal":"*","Action":["s3:GetObject",7],"Resource":"*"}"#, MayLock, "Action"),
            (r#"{"Effect":"Deny","Principal":"*","Action":"PutBucketPolicy","Resource":"*"}"#, MayLock, "no action"),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"payments-ledger/*"}"#, MayLock, "no ARN"),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":{"a":1}}"#, MayLock, "Resource"),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Conditions":{}}"#,
                MayLock,
                "Conditions",
            ),
            (r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Foo":1}"#, MayLock, "Foo"),
            (r#"{"Sid":7,"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#, MayLock, "Sid"),
            // Not understood beats harmless.
            (
                r#"{"Effect":"Deny","Principal":{"AWS":"444455556666"},"Action":"s3:*","Resource":"*","Condition":{"StringFoo":{"a":"b"}}}"#,
                MayLock,
                "StringFoo",
            ),
        ],
    );
}

#[test]
fn statements_of_queue_policies() {
    check(
        &queue(),
        &[
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:111122223333:payments"}"#,
                Locks,
                "sqs:SetQueueAttributes",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"SQS:SetQueueAttributes","Resource":"*"}"#,
                Locks,
                "sqs:SetQueueAttributes",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":["SQS:SendMessage","SQS:ReceiveMessage"],"Resource":"arn:aws:sqs:eu-west-1:111122223333:payments"}"#,
                Harmless,
                "none of the actions",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":["sqs:AddPermission","sqs:RemovePermission"],"Resource":"*"}"#,
                MayLock,
                "a part",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:GetQueueUrl","Resource":"*"}"#,
                MayLock,
                "sqs:GetQueueUrl",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:111122223333:payments"}"#,
                Harmless,
                "Resource",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:*:*:*"}"#,
                Locks,
                "Resource means",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"arn:aws:sqs:eu-west-1:111122223333:payments-dlq"}"#,
                Harmless,
                "Resource",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"/111122223333/payments"}"#,
                MayLock,
                "no ARN",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"ArnNotEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:111122223333:topic"}}}"#,
                MayLock,
                "service makes",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}"#,
                Harmless,
                "TLS",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}}"#,
                MayLock,
                "does not know",
            ),
            (r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#, Harmless, "Action"),
        ],
    );
}

#[test]
fn principals() {
    check_principals(&[
        (r#""Principal":{"AWS":["444455556666","*"]}"#, Locks, "everybody"),
        (r#""Principal":{"AWS":"111122223333"}"#, Locks, "111122223333"),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:root"}"#, Locks, "all its users"),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/Admin"}"#, MayLock, "role/Admin"),
        (
            r#""Principal":{"AWS":["arn:aws:iam::444455556666:root","arn:aws:sts::111122223333:assumed-role/Admin/me"]}"#,
            MayLock,
            "assumed-role",
        ),
        (r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}"#, MayLock, "user/*"),
        (r#""Principal":{"AWS":"arn:aws:iam::*:root"}"#, MayLock, "root"),
        (r#""Principal":{"AWS":"AROAEXAMPLEEXAMPLE123"}"#, MayLock, "AROA"),
        (
            r#""Principal":{"AWS":["arn:aws:iam::444455556666:root","777788889999","arn:aws:iam::444455556666:user/eve"]}"#,
            Harmless,
            "nobody of the account",
        ),
        (
            r#""Principal":{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}"#,
            Harmless,
            "nobody",
        ),
        (r#""Principal":{"Service":["logging.s3.amazonaws.com","cloudtrail.amazonaws.com"]}"#, Harmless, "nobody"),
        (
            r#""Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}"#,
            MayLock,
            "79a59",
        ),
        (r#""Principal":{"Federated":"cognito-identity.amazonaws.com"}"#, MayLock, "cognito"),
        (r#""Principal":{"Robot":"x"}"#, MayLock, "unknown type"),
        (r#""Principal":{}"#, MayLock, "neither"),
        (r#""Principal":"111122223333""#, MayLock, "neither"),
        (r#""Principal":{"AWS":"admin"}"#, MayLock, "no principal"),
        (r#""NotPrincipal":"*""#, Harmless, "spares everybody"),
        (r#""NotPrincipal":{"AWS":"arn:aws:iam::444455556666:root"}"#, Locks, "spares nobody"),
        (r#""NotPrincipal":{"AWS":"arn:aws:iam::111122223333:root"}"#, MayLock, "spares"),
        (r#""NotPrincipal":{"Service":"cloudtrail.amazonaws.com"}"#, Locks, "NotPrincipal"),
        (r#""NotPrincipal":{"AWS":7}"#, MayLock, "NotPrincipal"),
    ]);
}

#[test]
fn conditions_on_what_is_known() {
    check_conditions(&[
        ("{}", Locks, "everybody"),
        (r#"{"Bool":{"aws:SecureTransport":["false"]}}"#, Harmless, "TLS"),
        (r#"{"BoolIfExists":{"AWS:securetransport":"FALSE"}}"#, Harmless, "TLS"),
        (r#"{"Bool":{"aws:SecureTransport":"true"}}"#, Locks, "TLS"),
        (r#"{"Bool":{"aws:SecureTransport":["true","false"]}}"#, Locks, "TLS"),
        (r#"{"Bool":{"aws:SecureTransport":"no"}}"#, MayLock, "may hold"),
        (r#"{"StringEquals":{"aws:SecureTransport":"false"}}"#, Harmless, "TLS"),
        (r#"{"StringNotEquals":{"aws:SecureTransport":"true"}}"#, Harmless, "TLS"),
        (r#"{"Bool":{"aws:SecureTransport":"false"},"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#, Harmless, "TLS"),
        (r#"{"NumericLessThan":{"s3:TlsVersion":"1.3"}}"#, MayLock, "TLS"),
        (r#"{"NumericLessThanEquals":{"s3:TlsVersion":["1.0","1.1"]}}"#, Harmless, "TLS"),
        (r#"{"NumericLessThanEquals":{"s3:TlsVersion":"1.2"}}"#, MayLock, "TLS"),
        (r#"{"NumericLessThanIfExists":{"s3:TlsVersion":"1.2"}}"#, MayLock, "TLS"),
        (
            r#"{"StringNotEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}}"#,
            Harmless,
            "of this account",
        ),
        (r#"{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#, Locks, "of this account"),
        (r#"{"StringLike":{"aws:PrincipalAccount":"4444*"}}"#, Harmless, "of this account"),
        (r#"{"StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}"#, MayLock, "may hold"),
        (r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#, Harmless, "no AWS service"),
        (r#"{"Bool":{"aws:SecureTransport":"false","aws:MultiFactorAuthPresent":"false"}}"#, Harmless, "TLS"),
    ]);
}

#[test]
fn conditions_on_the_callers_arn() {
    check_conditions(&[
        (r#"{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/Admin"}}"#, MayLock, "PrincipalArn"),
        (
            r#"{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/Admin*","arn:aws:iam::*:role/OrgAdmin"]}}"#,
            MayLock,
            "PrincipalArn",
        ),
        (r#"{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:root"}}"#, MayLock, "PrincipalArn"),
        (r#"{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"}}"#, Harmless, "PrincipalArn"),
        (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:*:iam::*:*"}}"#, Harmless, "PrincipalArn"),
        (r#"{"StringNotLike":{"aws:PrincipalArn":"*"}}"#, Harmless, "PrincipalArn"),
        (r#"{"ArnNotLike":{"aws:PrincipalArn":"*"}}"#, MayLock, "PrincipalArn"),
        (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/Admin"}}"#, Locks, "PrincipalArn"),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/*"}}"#, Harmless, "PrincipalArn"),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/intern"}}"#, MayLock, "PrincipalArn"),
        (r#"{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"}}"#, MayLock, "PrincipalArn"),
        (r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::11112222*"}}"#, MayLock, "PrincipalArn"),
    ]);
}

#[test]
fn conditions_on_what_is_not_known() {
    check_conditions(&[
        (r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-111bbb22"}}"#, MayLock, "VPC"),
        (r#"{"NotIpAddress":{"aws:SourceIp":["192.0.2.0/24","203.0.113.0/24"]}}"#, MayLock, "IP address"),
        (r#"{"StringNotEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}"#, MayLock, "organization"),
        (
            r#"{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-abcdefghij"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}"#,
            MayLock,
            "organization",
        ),
        (r#"{"StringNotEqualsIfExists":{"aws:SourceVpce":"vpce-1a2b3c4d"}}"#, MayLock, "VPC endpoint"),
        (
            r#"{"NotIpAddressIfExists":{"aws:SourceIp":"192.0.2.0/24"},"Bool":{"aws:ViaAWSService":"false"}}"#,
            MayLock,
            "IP",
        ),
        (r#"{"Null":{"aws:SourceVpce":"true"}}"#, MayLock, "VPC endpoint"),
        (r#"{"ForAnyValue:StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#, MayLock, "set operator"),
        (r#"{"ForAllValues:StringNotLike":{"aws:PrincipalOrgPaths":"o-a/r-b/*"}}"#, MayLock, "set operator"),
        (r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#, MayLock, "MFA"),
        (r#"{"Null":{"aws:MultiFactorAuthAge":true}}"#, MayLock, "MFA"),
        (r#"{"NumericGreaterThan":{"aws:MultiFactorAuthAge":3600}}"#, MayLock, "MFA"),
        (r#"{"Null":{"aws:SecureTransport":"true"}}"#, MayLock, "may hold"),
        (r#"{"ForAllValues:Bool":{"aws:SecureTransport":"false"}}"#, MayLock, "set operator"),
        (r#"{"StringNotLike":{"aws:userId":["AROAEXAMPLEID:*","111122223333"]}}"#, MayLock, "who calls"),
        (r#"{"StringNotEquals":{"aws:PrincipalTag/team":"payments"}}"#, MayLock, "tags"),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}"#, MayLock, "time"),
        (r#"{"StringEquals":{"my:Key":"x"}}"#, MayLock, "does not know"),
        (r#"{"Bool":{"aws:ViaAWSService":"false"}}"#, MayLock, "service"),
        (r#"{"StringMatches":{"aws:SourceVpc":"x"}}"#, MayLock, "unknown operator"),
        (r#"{"bool":{"aws:SecureTransport":"false"}}"#, MayLock, "unknown operator"),
        (r#"{"Bool":{"aws:SecureTransport":"false","aws:securetransport":"true"}}"#, MayLock, "twice"),
        (r#"{"Bool":{"aws:SecureTransport":[]}}"#, MayLock, "no plain values"),
        (r#"{"Bool":{"aws:SecureTransport":null}}"#, MayLock, "no plain values"),
        (r#"{"Bool":"aws:SecureTransport"}"#, MayLock, "no object"),
        (r#"[]"#, MayLock, "no object"),
    ]);
}

#[test]
fn a_quotation_cannot_disturb_a_log() {
    let statement = format!(r#"{{"Effect":"Deny\n\u001b[2J{}"}}"#, "x".repeat(500));
    let (_, why) = judged(&statement, &bucket());
    assert!(why.len() < 200 && !why.contains(['\n', '\u{1b}']), "{why}");
}

#[test]
fn an_object_or_no_version_are_read_too() {
    let single = r#"{"Statement":{"Sid":"x","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}}"#;
    let analysis = analyse(single, &bucket()).unwrap();
    assert_eq!(analysis.worst(), Locks);
    assert_eq!(analysis.statements[0].sid.as_deref(), Some("x"));
    assert_eq!(analyse(r#"{"Version":"2008-10-17","Id":"p","Statement":[]}"#, &bucket()).unwrap().worst(), Harmless);
}

#[test]
fn each_verdict_says_where_its_statement_stands() {
    let texts = [r#"{"Sid":"é","Effect":"Deny","Principal":"*","Action":"s3:*"}"#, r#"{ "Effect" : "Allow" }"#, "null"];
    let [locks, allows, unclear] = texts;
    let document = format!("{{\"Statement\" : [ {locks} ,\n{allows}\t,{unclear}\n] }}");
    let analysis = analyse(&document, &bucket()).unwrap();
    assert_eq!(analysis.statements.iter().map(|judged| &document[judged.text.clone()]).collect::<Vec<_>>(), texts);
    assert_eq!(analysis.locking().map(|judged| judged.index).collect::<Vec<_>>(), [0, 2]);
    let single = format!("{{\"Statement\": {locks}}}");
    assert_eq!(&single[analyse(&single, &bucket()).unwrap().statements[0].text.clone()], locks);
}
