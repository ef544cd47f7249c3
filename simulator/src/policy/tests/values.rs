//! Actions, resources and policy variables.

use super::*;

fn allows(rest: &str, action: &str, resource: &str) -> bool {
    let scene = Scene::of(user()).identity(&statement("Allow", rest)).does(action, resource);
    scene.decide() == Decision::Allowed
}

#[test]
fn actions_match_whatever_their_case() {
    let cases = [
        (r#""s3:GetObject""#, "S3:getobject", true),
        (r#""S3:GET*""#, "s3:GetObject", true),
        (r#""s3:Get?bject""#, "s3:GetObject", true),
        (r#""s3:GetObject?""#, "s3:GetObject", false),
        (r#""*""#, "anything:AtAll", true),
        (r#""*:*""#, "anything:AtAll", true),
        (r#"["sqs:*","iam:Get*"]"#, "iam:GetUser", true),
        (r#"["sqs:*","iam:Get*"]"#, "iam:ListUsers", false),
        (r#""iam:*AccessKey*""#, "iam:GetAccessKeyLastUsed", true),
    ];
    for (listed, action, expected) in cases {
        assert_eq!(
            allows(&format!(r#""Action":{listed},"Resource":"*""#), action, OBJECT),
            expected,
            "{listed} {action}"
        );
        assert_eq!(
            allows(&format!(r#""NotAction":{listed},"Resource":"*""#), action, OBJECT),
            !expected,
            "not {listed} {action}"
        );
    }
}

#[test]
fn resources_match_part_by_part_and_by_case() {
    let cases = [
        ("*", "*", true),
        ("arn:aws:s3:::vault", "arn:aws:s3:::vault", true),
        ("arn:aws:s3:::Vault", "arn:aws:s3:::vault", false),
        ("arn:aws:s3:::vault", "arn:aws:s3:::vault/secret.txt", false),
        ("arn:aws:s3:::vault*", "arn:aws:s3:::vault/secret.txt", true),
        ("arn:aws:s3:::vault/*", "arn:aws:s3:::vault", false),
        ("arn:aws:s3:::v?ult/*.txt", "arn:aws:s3:::vault/a/b.txt", true),
        ("arn:aws:iam::*:root", ROOT, true),
        ("arn:aws:iam::*:root", "arn:aws:iam::111122223333:user/x:root", false),
        ("arn:aws:iam::*:mfa/*", ROOT, false),
        ("arn:aws:sqs:*:*:*", "arn:aws:sqs:eu-central-1:111122223333:orders", true),
        ("arn:aws:sqs", "arn:aws:sqs:eu-central-1:111122223333:orders", true),
        ("arn:aws:sqs:eu-*", "arn:aws:sqs:eu-central-1:111122223333:orders", true),
        ("arn:aws:sqs:us-*", "arn:aws:sqs:eu-central-1:111122223333:orders", false),
        ("arn:*", "arn:aws:sqs:eu-central-1:111122223333:orders", true),
        ("arn:aws:logs:*:*:log-group:a:*", "arn:aws:logs:eu-west-1:1:log-group:a:b", true),
        // An action without a resource is authorized on "*", which no ARN pattern covers.
        ("arn:aws:s3:::*", "*", false),
    ];
    for (pattern, resource, expected) in cases {
        let [only, all_but] = ["Resource", "NotResource"].map(|name| format!(r#""Action":"*","{name}":["{pattern}"]"#));
        assert_eq!(allows(&only, "s3:GetObject", resource), expected, "{pattern} {resource}");
        assert_eq!(allows(&all_but, "s3:GetObject", resource), !expected, "not {pattern} {resource}");
    }
}

/// Whether `test:key` with the value `actual` is like `pattern`, in a document of this version.
fn like(version: &str, pattern: &str, actual: &str) -> bool {
    let json = format!(
        r#"{{{version}"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"test:key":"{pattern}"}}}}}}}}"#
    );
    let scene = Scene::of(user()).identity(&json).with("aws:username", "b*b").with("test:key", actual);
    scene.with_all("aws:TagKeys", &["one", "two"]).decide() == Decision::Allowed
}

#[test]
fn variables_stand_for_the_requests_own_values() {
    let current = r#""Version":"2012-10-17","#;
    let cases = [
        ("home/${aws:username}/*", "home/b*b/x", true),
        ("home/${AWS:UserName}/*", "home/b*b/x", true),
        // A value is taken literally, wildcards and all.
        ("home/${aws:username}/*", "home/bob/x", false),
        ("${*}${?}${$}", "*?$", true),
        ("${*}", "anything", false),
        ("${aws:missing}", "${aws:missing}", false),
        ("${aws:missing}", "", false),
        ("${aws:missing, 'nobody'}", "nobody", true),
        ("${aws:missing,'a*'}", "ab", false),
        ("${aws:username, 'nobody'}", "b*b", true),
        // Several values cannot stand in one place.
        ("${aws:TagKeys}", "one", false),
        ("${aws:username", "${aws:username", true),
        ("$aws:username}${}", "$aws:username}${}", true),
        ("${a,b}", "${a,b}", true),
    ];
    for (pattern, actual, expected) in cases {
        assert_eq!(like(current, pattern, actual), expected, "{pattern} {actual}");
    }
}

#[test]
fn documents_of_2008_know_no_variables() {
    for version in ["", r#""Version":"2008-10-17","#] {
        assert!(like(version, "${aws:username}", "${aws:username}"));
        assert!(!like(version, "${aws:username}", "b*b"));
        assert!(like(version, "${*}", "${anything}"));
    }
}

#[test]
fn a_variable_that_cannot_be_filled_equals_nothing() {
    let deny = statement(
        "Deny",
        r#""Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"${aws:nope}"}}"#,
    );
    Scene::of(user()).identity(ALLOW_ALL).identity(&deny).is_denied_by(DeniedBy::ExplicitIdentity);
}

#[test]
fn in_a_resource_variables_stand_only_after_the_fifth_colon() {
    let own = r#""Action":"*","Resource":"arn:aws:s3:::vault/${aws:PrincipalAccount}/*""#;
    assert!(allows(own, "s3:GetObject", "arn:aws:s3:::vault/111122223333/a"));
    assert!(!allows(own, "s3:GetObject", "arn:aws:s3:::vault/444455556666/a"));
    let early = r#""Action":"*","Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/r""#;
    assert!(!allows(early, "iam:GetRole", "arn:aws:iam::111122223333:role/r"));
    // A pattern that cannot be filled in matches no resource, and so takes nothing away from the complement.
    let unfilled = r#""Action":"*","Resource":"arn:aws:s3:::vault/${aws:nope}""#;
    assert!(!allows(unfilled, "s3:GetObject", OBJECT));
    assert!(allows(&unfilled.replace("Resource", "NotResource"), "s3:GetObject", OBJECT));
}
