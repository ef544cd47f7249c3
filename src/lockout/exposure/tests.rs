//! Grants of policies as people write them; `tests/oracle.rs` asks the simulator.

mod oracle;

use super::*;

const OWNER: &str = "111122223333";

fn target() -> Target {
    Target::Bucket { account: OWNER.parse().unwrap(), name: "payments-ledger".parse().unwrap() }
}

/// The grantees of the only statement of a policy, and why each is one.
fn granted(statement: &str) -> Vec<(Grantee, String)> {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    let grants = grants(&document, &target()).unwrap_or_else(|why| panic!("{why}: {statement}"));
    grants.into_iter().map(|Grant { to, why, .. }| (to, why)).collect()
}

/// Grantees in few words; of somebody elsewhere only a word is given.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Public,
    Account(&'static str),
    Organization(&'static str),
    Service(&'static str),
    Elsewhere(&'static str),
}

use Wanted::{Account, Elsewhere, Organization, Public, Service};

impl Wanted {
    fn is(self, found: &Grantee) -> bool {
        match (self, found) {
            (Public, Grantee::Public) => true,
            (Account(wanted), Grantee::Account(found)) => found.as_str() == wanted,
            (Organization(wanted), Grantee::Organization(found)) | (Service(wanted), Grantee::Service(found)) => {
                wanted == found
            }
            (Elsewhere(word), Grantee::Elsewhere(found)) => found.contains(word),
            _ => false,
        }
    }
}

fn check(cases: &[(&str, &[Wanted])]) {
    for (statement, wanted) in cases {
        let found = granted(statement);
        let same =
            found.len() == wanted.len() && found.iter().zip(*wanted).all(|((found, _), wanted)| wanted.is(found));
        assert!(same, "{statement}: {found:?}, not {wanted:?}");
    }
}

/// An Allow with this principal and, after it, perhaps more.
fn check_principals(cases: &[(&str, &[Wanted])]) {
    for (rest, wanted) in cases {
        let statement = format!(r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",{rest}}}"#);
        check(&[(statement.as_str(), *wanted)]);
    }
}

/// An Allow to everybody with this condition.
fn check_conditions(cases: &[(&str, &[Wanted])]) {
    for (condition, wanted) in cases {
        check_principals(&[(format!(r#""Principal":"*","Condition":{condition}"#).as_str(), *wanted)]);
    }
}

const ORGANIZATION: &str = "o-a1b2c3d4e5";

#[test]
fn policies_as_the_guides_show_them() {
    check(&[
        (
            r#"{"Sid":"PublicReadGetObject","Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::payments-ledger/*"]}"#,
            &[Public],
        ),
        (
            r#"{"Sid":"S3ServerAccessLogsPolicy","Effect":"Allow","Principal":{"Service":"logging.s3.amazonaws.com"},"Action":["s3:PutObject"],"Resource":"arn:aws:s3:::payments-ledger/logs*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::source"},"StringEquals":{"aws:SourceAccount":"111122223333"}}}"#,
            &[],
        ),
        (
            r#"{"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control","aws:SourceArn":"arn:aws:cloudtrail:eu-west-1:444455556666:trail/t"}}}"#,
            &[Account("444455556666")],
        ),
        (
            r#"{"Sid":"AllowCloudFrontServicePrincipalReadOnly","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"AWS:SourceArn":"arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE"}}}"#,
            &[],
        ),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EH1HDMB1FH2TC"},"Action":"s3:GetObject","Resource":"*"}"#,
            &[Elsewhere("CloudFront Origin Access Identity")],
        ),
        (
            r#"{"Sid":"DelegateToAccessPoints","Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:DataAccessPointAccount":"111122223333"}}}"#,
            &[],
        ),
        (
            r#"{"Sid":"AllowOrganization","Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5"]}}}"#,
            &[Organization(ORGANIZATION)],
        ),
        (
            r#"{"Sid":"sns-to-sqs","Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:us-east-2:444455556666:MyTopic"}}}"#,
            &[Account("444455556666")],
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"SQS:SendMessage","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:*:*:uploads"}}}"#,
            &[Public],
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"SQS:SendMessage","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::uploads"}}}"#,
            &[Elsewhere("arn:aws:s3:::uploads")],
        ),
        (
            r#"{"Sid":"VPCe-only","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":["vpce-1a2b3c4d","vpce-5e6f"]}}}"#,
            &[Elsewhere("vpce-1a2b3c4d")],
        ),
        (
            r#"{"Sid":"IPAllow","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"NotIpAddress":{"aws:SourceIp":"192.0.2.188/32"}}}"#,
            &[Elsewhere("192.0.2.0/24")],
        ),
        (r#"{"Sid":"Locks","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#, &[]),
        (r#"{"Effect":"Deny","NotPrincipal":{"AWS":"444455556666"},"Action":"s3:*","Resource":"*"}"#, &[]),
    ]);
}

#[test]
fn principals() {
    check_principals(&[
        (r#""Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/Admin"]}"#, &[]),
        (
            r#""Principal":{"AWS":["444455556666","arn:aws:iam::444455556666:root","arn:aws:iam::777788889999:user/a/b"]}"#,
            &[Account("444455556666"), Account("777788889999")],
        ),
        (r#""Principal":{"AWS":"arn:aws:sts::444455556666:assumed-role/Reader/me"}"#, &[Account("444455556666")]),
        (r#""Principal":{"AWS":"arn:aws-cn:iam::444455556666:root"}"#, &[Account("444455556666")]),
        (r#""Principal":{"AWS":["444455556666","*"]}"#, &[Public, Account("444455556666")]),
        (r#""Principal":{"AWS":"arn:aws:iam::*:root"}"#, &[Public]),
        (r#""Principal":{"AWS":"arn:aws:iam*"}"#, &[Public]),
        (r#""Principal":{"AWS":"AROAEXAMPLEEXAMPLE123"}"#, &[Elsewhere("unique id")]),
        (r#""Principal":{"AWS":"admin"}"#, &[Elsewhere("no principal")]),
        (r#""Principal":{"AWS":["444455556666",7]}"#, &[Account("444455556666"), Elsewhere("no string")]),
        (r#""Principal":{"AWS":[]}"#, &[Elsewhere("empty")]),
        (r#""Principal":{}"#, &[Elsewhere("neither")]),
        (r#""Principal":["*"]"#, &[Elsewhere("neither")]),
        (r#""Principal":"444455556666""#, &[Elsewhere("neither")]),
        (r#""Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbaced"}"#, &[Elsewhere("79a59")]),
        (r#""Principal":{"Federated":"cognito-identity.amazonaws.com"}"#, &[Elsewhere("cognito")]),
        (r#""Principal":{"Federated":"*"}"#, &[Public]),
        (r#""Principal":{"Robot":"x"}"#, &[Elsewhere("Robot")]),
        (
            r#""Principal":{"Service":["logging.s3.amazonaws.com","s3.amazonaws.com"]}"#,
            &[Service("logging.s3.amazonaws.com"), Service("s3.amazonaws.com")],
        ),
        (r#""Principal":{"Service":"a service"}"#, &[Elsewhere("a service")]),
        (r#""NotPrincipal":{"AWS":"111122223333"},"Principal":{"AWS":"111122223333"}"#, &[Public]),
    ]);
    check(&[
        (r#"{"Effect":"Allow","NotPrincipal":{"AWS":"1"},"Action":"*"}"#, &[Public, Elsewhere("no Principal")]),
        (r#"{"Effect":"Allow","Action":"*"}"#, &[Elsewhere("no Principal")]),
    ]);
}

#[test]
fn what_is_not_understood_is_granted_to_somebody() {
    check(&[
        ("null", &[Elsewhere("no JSON object")]),
        ("{}", &[Elsewhere("no Effect"), Elsewhere("no Principal")]),
        (r#"{"Effect":"allow","Principal":"*"}"#, &[Public, Elsewhere("allow")]),
        (r#"{"Effect":"DENY","Principal":{"AWS":"444455556666"}}"#, &[Account("444455556666"), Elsewhere("DENY")]),
        (r#"{"Effect":["Deny"],"Principal":{"AWS":"111122223333"}}"#, &[Elsewhere("no string")]),
        (r#"{"Effect":"Allow","principal":"*","Action":"*"}"#, &[Public, Elsewhere("principal")]),
        (r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Extra":1}"#, &[Elsewhere("Extra")]),
        // A condition in another spelling narrows nothing.
        (
            r#"{"Effect":"Allow","Principal":"*","condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}"#,
            &[Public, Elsewhere("condition")],
        ),
    ]);
}

#[test]
fn conditions_that_narrow() {
    check_conditions(&[
        (r#"{"StringEquals":{"aws:PrincipalAccount":["444455556666",111122223333]}}"#, &[Account("444455556666")]),
        (r#"{"StringLike":{"AWS:principalaccount":"111122223333"}}"#, &[]),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:*:iam::444455556666:role/*"}}"#, &[Account("444455556666")]),
        (r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:*"}}"#, &[Account("444455556666")]),
        (r#"{"StringEqualsIgnoreCase":{"aws:SourceOwner":"444455556666"}}"#, &[Account("444455556666")]),
        (r#"{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:111122223333:topic"}}"#, &[]),
        (r#"{"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}"#, &[Organization(ORGANIZATION)]),
        (
            r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*","o-a1b2c3d4e5/*"]}}"#,
            &[Organization(ORGANIZATION)],
        ),
        (
            r#"{"StringLike":{"s3:DataAccessPointArn":"arn:aws:s3:eu-west-1:444455556666:accesspoint/*"}}"#,
            &[Account("444455556666")],
        ),
        (r#"{"StringEquals":{"aws:PrincipalServiceName":"sns.amazonaws.com"}}"#, &[Service("sns.amazonaws.com")]),
        (r#"{"StringLike":{"aws:userid":"AROAEXAMPLEEXAMPLE123:*"}}"#, &[Elsewhere("AROAEXAMPLE")]),
        (r#"{"StringEquals":{"aws:userid":"444455556666"}}"#, &[Account("444455556666")]),
        (r#"{"StringEquals":{"aws:SourceVpc":"vpc-111bbb22"}}"#, &[Elsewhere("vpc-111bbb22")]),
    ]);
}

#[test]
fn the_tightest_condition_counts() {
    check_conditions(&[
        (
            r#"{"StringEquals":{"aws:SourceVpce":"vpce-1","aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
            &[Organization(ORGANIZATION)],
        ),
        (
            r#"{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5","aws:PrincipalAccount":"444455556666"}}"#,
            &[Organization(ORGANIZATION)],
        ),
        (
            r#"{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"StringLike":{"aws:PrincipalAccount":"111122223333"}}"#,
            &[],
        ),
        (
            r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"},"StringEquals":{"aws:PrincipalAccount":"444455556666"}}"#,
            &[Account("444455556666")],
        ),
    ]);
}

#[test]
fn conditions_that_do_not_narrow() {
    for condition in [
        r#"{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"Null":{"aws:PrincipalOrgID":"false"}}"#,
        r#"{"StringLike":{"aws:PrincipalOrgID":"o-*"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","*"]}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":[]}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":null}}"#,
        r#"{"stringequals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5","aws:principalorgid":"o-a1b2c3d4e5"}}"#,
        r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5*"}}"#,
        r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-ab12/*"}}"#,
        r#"{"StringLike":{"aws:PrincipalAccount":"4444*"}}"#,
        r#"{"StringEquals":{"aws:ResourceAccount":"111122223333"}}"#,
        r#"{"StringEquals":{"aws:ResourceOrgID":"o-a1b2c3d4e5"}}"#,
        r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin"}}"#,
        // A path of a role may hold colons, so that this fits roles of any account.
        r#"{"StringLike":{"aws:PrincipalArn":"arn:*:iam::444455556666:role/*"}}"#,
        r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::44445555666?:role/Admin"}}"#,
        r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:${aws:x}:444455556666:role/Admin"}}"#,
        r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}}"#,
        r#"{"ArnLike":{"aws:SourceArn":"*"}}"#,
        r#"{"StringLike":{"aws:SourceVpce":"vpce-*"}}"#,
        r#"{"StringEquals":{"aws:SourceVpce":["vpce-1","${aws:PrincipalTag/vpce}"]}}"#,
        r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#,
        r#"{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","0.0.0.0/0"]}}"#,
        r#"{"IpAddress":{"aws:SourceIp":"::/0"}}"#,
        r#"{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#,
        r#"{"IpAddressIfExists":{"aws:SourceIp":"192.0.2.0/24"}}"#,
        r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}"#,
        r#"{"StringLike":{"aws:userid":"*:me"}}"#,
        r#"{"StringLike":{"aws:userid":"AROA*"}}"#,
        r#"{"StringEquals":{"aws:username":"me"}}"#,
        r#"{"StringEquals":{"aws:PrincipalTag/team":"payments"}}"#,
        r#"{"StringLike":{"aws:Referer":"https://example.com/*"}}"#,
        r#"{"Bool":{"aws:SecureTransport":"true","aws:MultiFactorAuthPresent":"true"}}"#,
        r#"{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}"#,
        r#"{}"#,
        r#"[]"#,
    ] {
        check_conditions(&[(condition, &[Public])]);
    }
}

#[test]
fn conditions_narrow_whoever_is_not_placed_in_an_account() {
    let organization = r#""Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}"#;
    let endpoint = r#""Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}"#;
    let from_organization = r#""Condition":{"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}"#;
    for (principal, condition, wanted) in [
        (r#"{"AWS":"444455556666"}"#, organization, Account("444455556666")),
        (r#"{"AWS":"AROAEXAMPLEEXAMPLE123"}"#, organization, Organization(ORGANIZATION)),
        (r#"{"Service":"sns.amazonaws.com"}"#, from_organization, Organization(ORGANIZATION)),
        (r#"{"Service":"sns.amazonaws.com"}"#, endpoint, Service("sns.amazonaws.com")),
        (r#"{"CanonicalUser":"79a59df900b9"}"#, endpoint, Elsewhere("79a59")),
    ] {
        check_principals(&[(format!(r#""Principal":{principal},{condition}"#).as_str(), &[wanted])]);
    }
    // A canonical user may be of any account.
    let endpoint = format!(r#""Principal":{{"CanonicalUser":"79a59df900b9"}},{organization}"#);
    check_principals(&[(endpoint.as_str(), &[Organization(ORGANIZATION)])]);
}

#[test]
fn a_grant_says_which_statement_and_which_element() {
    let document = r#"{"Statement":[{"Sid":"no","Effect":"Deny","Principal":"*"},
        {"Sid":"org","Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}]}"#;
    let why = r#"Principal "*" is everybody, narrowed by Condition StringEquals "aws:PrincipalOrgID""#.to_owned();
    let to = Grantee::Organization(ORGANIZATION.to_owned());
    assert_eq!(grants(document, &target()), Ok(vec![Grant { index: 1, sid: Some("org".to_owned()), to, why }]));
    let single = r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#;
    assert!(matches!(grants(single, &target()).unwrap().as_slice(), [Grant { index: 0, to: Grantee::Public, .. }]));
    assert!(matches!(grants("[]", &target()), Err(Unreadable::NotPolicy(_))));
}

#[test]
fn a_grantee_cannot_disturb_a_log() {
    let statement = format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"a\n\u001b[2J{}"}}}}"#, "x".repeat(500));
    for (grantee, why) in granted(&statement) {
        let shown = format!("{why} {grantee:?}");
        assert!(shown.len() < 400 && !shown.contains(['\n', '\u{1b}']), "{shown}");
    }
}
