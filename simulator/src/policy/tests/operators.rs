//! Every condition operator, with a value that passes, one that does not, and none at all.

use super::*;

/// Whether a condition holds when `test:key` has these values; only with several is it a multivalued key.
fn holds(condition: &str, values: &[&str]) -> bool {
    let allow = statement("Allow", &format!(r#""Action":"*","Resource":"*","Condition":{condition}"#));
    Scene::of(user()).identity(&allow).has("Test:Key", values).decide() == Decision::Allowed
}

fn on(operator: &str, listed: &str) -> String {
    format!(r#"{{"{operator}":{{"test:KEY":{listed}}}}}"#)
}

/// Operator, listed values, a value that passes, a value that does not, whether a missing key passes.
type Row = (&'static str, &'static str, &'static str, &'static str, bool);

const SINGLE: [Row; 41] = [
    ("StringEquals", r#""a*""#, "a*", "ab", false),
    ("StringEquals", r#"["x","Y"]"#, "Y", "y", false),
    ("StringEquals", "true", "true", "True", false),
    ("StringEquals", "42", "42", "042", false),
    ("StringNotEquals", r#"["x","y"]"#, "X", "y", true),
    ("StringEqualsIgnoreCase", r#""Straße""#, "sTRAßE", "strasse", false),
    ("StringNotEqualsIgnoreCase", r#""abc""#, "abd", "ABC", true),
    ("StringLike", r#""a*c?e""#, "abbbcde", "abbbce", false),
    ("StringLike", r#""*""#, "", "unreachable", false),
    ("StringNotLike", r#"["a*","b*"]"#, "c", "bc", true),
    ("NumericEquals", "10", "10.0", "11", false),
    ("NumericEquals", r#""10.50""#, "10.5", "ten", false),
    ("NumericNotEquals", "10", "11", "10", true),
    ("NumericLessThan", "10", "9.99", "10", false),
    ("NumericLessThanEquals", "10", "10", "10.01", false),
    ("NumericGreaterThan", "-1", "0", "-1", false),
    ("NumericGreaterThanEquals", "10", "10", "9", false),
    ("DateEquals", r#""2026-09-01T12:00:00Z""#, "2026-09-01T14:00:00+02:00", "2026-09-01T14:00:00Z", false),
    ("DateEquals", r#""1970-01-02""#, "86400", "86401", false),
    ("DateNotEquals", r#""2026-09-01""#, "2026-09-02", "2026-09-01T00:00Z", true),
    ("DateLessThan", r#""2026-09-01T00:00:00Z""#, "2026-08-31T23:59:59.999Z", "2026-09-01T00:00:00Z", false),
    ("DateLessThanEquals", r#""2026-09-01""#, "2026-09-01", "2026-09-01T00:00:00.001Z", false),
    ("DateGreaterThan", r#""2026-09""#, "2026-09-02", "2026-09-01", false),
    ("DateGreaterThanEquals", r#""2026""#, "2026-01-01", "2025-12-31", false),
    ("Bool", "true", "TRUE", "false", false),
    ("Bool", r#""false""#, "false", "no", false),
    ("Bool", r#"["true","false"]"#, "false", "", false),
    ("BinaryEquals", r#""QmluYXJ5""#, "QmluYXJ5", "QmluYXJ6", false),
    ("IpAddress", r#""203.0.113.0/24""#, "203.0.113.255", "203.0.114.0", false),
    ("IpAddress", r#""203.0.113.7""#, "203.0.113.7", "203.0.113.8", false),
    ("IpAddress", r#"["10.0.0.0/8","2001:DB8:1234::/48"]"#, "2001:db8:1234:5678::1", "2001:db8:1235::1", false),
    ("IpAddress", r#""0.0.0.0/0""#, "8.8.8.8", "::1", false),
    ("NotIpAddress", r#""203.0.113.0/24""#, "198.51.100.1", "203.0.113.9", true),
    ("NotIpAddress", r#"["203.0.113.0/24","::/0"]"#, "198.51.100.1", "fe80::1", true),
    ("ArnEquals", r#""arn:aws:iam::*:role/a*""#, "arn:aws:iam::1:role/ab", "arn:aws:iam::1:user/ab", false),
    (
        "ArnLike",
        r#""arn:aws:sns:*:123456789012:t?pic""#,
        "arn:aws:sns:us-east-1:123456789012:topic",
        "arn:aws:sns:us-east-1:123456789013:topic",
        false,
    ),
    ("ArnLike", r#""arn:aws:sqs:*:q""#, "unreachable", "arn:aws:sqs:eu-west-1:1:q", false),
    ("ArnLike", r#""arn:aws:iam::*:root""#, "arn:aws:iam::111122223333:root", "arn:aws:iam::1:role/x:root", false),
    ("ArnLike", r#""arn:aws:logs:*:*:*""#, "arn:aws:logs:eu-west-1:1:log-group:x:*", "logs", false),
    ("ArnNotEquals", r#""arn:aws:iam::1:root""#, "arn:aws:iam::2:root", "arn:aws:iam::1:root", true),
    (
        "ArnNotLike",
        r#"["arn:aws:iam::*:root","arn:aws:iam::*:user/*"]"#,
        "arn:aws:iam::1:role/r",
        "arn:aws:iam::1:user/u",
        true,
    ),
];

#[test]
fn each_operator_passes_fails_and_answers_for_a_missing_key() {
    for (operator, listed, passing, failing, missing) in SINGLE {
        let condition = on(operator, listed);
        if passing != "unreachable" {
            assert!(holds(&condition, &[passing]), "{condition} should hold for {passing}");
        }
        if failing != "unreachable" {
            assert!(!holds(&condition, &[failing]), "{condition} should not hold for {failing}");
        }
        assert_eq!(holds(&condition, &[]), missing, "{condition} without the key");
    }
}

#[test]
fn if_exists_lets_a_missing_key_pass_and_changes_nothing_else() {
    for (operator, listed, passing, failing, _) in SINGLE {
        let condition = on(&format!("{operator}IfExists"), listed);
        assert!(holds(&condition, &[]), "{condition} without the key");
        if passing != "unreachable" {
            assert!(holds(&condition, &[passing]), "{condition} should hold for {passing}");
        }
        if failing != "unreachable" {
            assert!(!holds(&condition, &[failing]), "{condition} should not hold for {failing}");
        }
    }
}

#[test]
fn null_asks_whether_the_key_is_missing() {
    for (listed, with_key, without_key) in
        [("true", false, true), (r#""false""#, true, false), (r#"["true","false"]"#, true, true), ("[]", false, false)]
    {
        let condition = on("Null", listed);
        assert_eq!((holds(&condition, &["x"]), holds(&condition, &[])), (with_key, without_key), "{condition}");
    }
}

#[test]
fn set_operators_count_the_requests_values() {
    let cases: [(&str, &[&str], bool); 18] = [
        ("ForAllValues:StringEquals", &["a", "b"], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAllValues:StringEquals", &[], true),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAllValues:StringNotEquals", &["c", "a"], false),
        ("ForAllValues:StringNotEquals", &[], true),
        ("ForAnyValue:StringEquals", &["c", "a"], true),
        ("ForAnyValue:StringEquals", &["c", "d"], false),
        ("ForAnyValue:StringEquals", &[], false),
        ("ForAnyValue:StringNotEquals", &["a", "c"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], false),
        ("ForAnyValue:StringNotEquals", &[], false),
        ("ForAnyValue:StringEqualsIfExists", &[], true),
        ("ForAllValues:StringLikeIfExists", &["x"], false),
        ("ForAnyValue:StringLike", &["x", "b"], true),
        // Several values need a set operator; without one nothing holds, not even the negation.
        ("StringEquals", &["a", "b"], false),
        ("StringNotEquals", &["c", "d"], false),
        ("StringEqualsIfExists", &["a", "b"], false),
    ];
    let lone = Scene::of(user()).with_all("test:key", &["a"]);
    let plain = statement(
        "Allow",
        r#""Action":"*","Resource":"*","Condition":{"StringEquals":{"test:key":["a","${test:key}"]}}"#,
    );
    lone.clone().identity(&plain).is_denied_by(DeniedBy::ImplicitIdentity);
    lone.identity(&plain.replace("StringEquals", "ForAnyValue:StringEquals")).is_allowed();
    for (operator, values, expected) in cases {
        assert_eq!(holds(&on(operator, r#"["a","b"]"#), values), expected, "{operator} of {values:?}");
    }
}

#[test]
fn all_operators_and_all_keys_must_hold() {
    let both = r#"{"StringEquals":{"test:key":"a","aws:PrincipalAccount":"111122223333"},"Null":{"aws:TokenIssueTime":"true"}}"#;
    assert!(holds(both, &["a"]));
    assert!(!holds(both, &["b"]));
    assert!(!holds(&both.replace("111122223333", AWAY), &["a"]));
    assert!(!holds(&both.replace("aws:TokenIssueTime", "TEST:KEY"), &["a"]));
    assert!(holds("{}", &[]));
    assert!(holds(r#"{"StringEquals":{}}"#, &[]));
}

#[test]
fn an_empty_list_is_equal_to_nothing() {
    assert!(!holds(&on("StringEquals", "[]"), &["a"]));
    assert!(holds(&on("StringNotEquals", "[]"), &["a"]));
}
