//! What is read, what is refused, and what the refusal says.

use super::*;
use crate::policy::MAX_DOCUMENT_BYTES;

/// A document with this statement body.
fn of(body: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{{body}}}]}}"#)
}

fn refusal(json: &str) -> String {
    match Document::parse(json) {
        Ok(_) => panic!("should be refused: {json}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shorter_spellings_are_read() {
    for json in [
        ALLOW_ALL,
        r#"{"Statement":{"Effect":"Deny","NotAction":["s3:*"],"NotResource":["arn:aws:s3:::a","*"]}}"#,
        r#"{"Id":"x","Version":"2008-10-17","Statement":[{"Sid":"a b","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
        // A role trust policy names no resource.
        r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"a:b":[1,"2",3.5]},"Bool":{"c:d":true}}}}"#,
    ] {
        document(json);
    }
}

#[test]
fn a_refusal_says_where_and_why() {
    let unnamed = r#""Effect":"Allow","Action":"*""#;
    let cases = [
        ("{}".to_owned(), "document: Missing required field Statement"),
        (r#"{"Statement":[]}"#.to_owned(), "Statement: must not be empty"),
        (r#"{"Statement":["x"]}"#.to_owned(), "Statement[0]: must be an object"),
        (r#"{"Statement":"x"}"#.to_owned(), "Statement: must be an object"),
        (r#"{"Statements":[]}"#.to_owned(), "document: Unknown field Statements"),
        (
            r#"{"Version":"2012-10-18","Statement":{}}"#.to_owned(),
            r#"document.Version: "2012-10-18" is not 2012-10-17 or 2008-10-17"#,
        ),
        (r#"{"Id":1,"Statement":{}}"#.to_owned(), "document.Id: must be a string"),
        (of(""), "Statement[1]: Missing required field Effect"),
        (of(r#""Effect":"allow""#), r#"Statement[1].Effect: "allow" is not Allow or Deny"#),
        (of(r#""Effect":"Allow""#), "Statement[1]: Missing required field Action"),
        (of(unnamed), "Statement[1]: Missing required field Resource"),
        (of(&format!(r#"{unnamed},"NotAction":"*""#)), "Statement[1]: Action and NotAction exclude each other"),
        (
            of(&format!(r#"{unnamed},"Resource":"*","NotResource":"*""#)),
            "Statement[1]: Resource and NotResource exclude each other",
        ),
        (
            of(&format!(r#"{unnamed},"Principal":"*","NotPrincipal":"*""#)),
            "Statement[1]: Principal and NotPrincipal exclude each other",
        ),
        (
            of(&format!(r#"{unnamed},"NotPrincipal":"*""#)),
            "Statement[1]: NotPrincipal and Effect Allow exclude each other",
        ),
        (of(&format!(r#"{unnamed},"Sid":null"#)), "Statement[1].Sid: must be a string"),
        (of(&format!(r#"{unnamed},"action":"*""#)), "Statement[1]: Unknown field action"),
        (of(&format!(r#"{unnamed},"Resource":[]"#)), "Statement[1].Resource: must not be empty"),
        (of(&format!(r#"{unnamed},"Resource":["*",7]"#)), "Statement[1].Resource[1]: must be a string"),
        (
            of(&format!(r#"{unnamed},"Resource":"vault/*""#)),
            r#"Statement[1].Resource: "vault/*" is not a resource: it must be in ARN format or "*""#,
        ),
        (
            of(r#""Effect":"Deny","Resource":"*","Action":["s3:*","GetObject"]"#),
            r#"Statement[1].Action[1]: "GetObject" is not an action: it must be prefaced by a vendor, e.g. iam, sqs, s3"#,
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(refusal(&json), expected, "{json}");
    }
}

#[test]
fn actions_need_a_vendor_without_wildcards() {
    for action in ["", "s3", "s3:", ":Get", "s*:Get", "**", "${x}:y"] {
        assert!(
            refusal(&of(&format!(r#""Effect":"Deny","Resource":"*","Action":"{action}""#))).contains("vendor"),
            "{action}"
        );
    }
}

#[test]
fn principals_are_checked() {
    let cases = [
        (r#""bob""#, r#"Statement[1].Principal: "bob" is not a principal: "*" or an object by type"#),
        ("{}", "Statement[1].Principal: must not be empty"),
        ("[]", "Statement[1].Principal: must be an object"),
        (r#"{"aws":"*"}"#, "Statement[1].Principal.aws: Unknown field aws"),
        (r#"{"AWS":[]}"#, "Statement[1].Principal.AWS: must not be empty"),
        (r#"{"Service":[1]}"#, "Statement[1].Principal.Service[0]: must be a string"),
    ];
    for (principal, expected) in cases {
        assert_eq!(refusal(&of(&format!(r#""Effect":"Deny","Action":"*","Principal":{principal}"#))), expected);
    }
    for name in [
        "",
        "11112222333",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::*:root",
        "arn:aws:iam::x:root",
        "arn:aws:s3:::vault",
        "arn:aws:iam:eu:111122223333:user/x",
        "arn:aws:iam::111122223333:",
    ] {
        let json = of(&format!(r#""Effect":"Deny","Action":"*","Principal":{{"AWS":"{name}"}}"#));
        assert_eq!(refusal(&json), format!("Statement[1].Principal.AWS: {name:?} is not an AWS principal"));
    }
}

#[test]
fn conditions_are_checked() {
    let cases = [
        ("[]", "Statement[1].Condition: must be an object"),
        (r#"{"StringEquals":"a"}"#, "Statement[1].Condition.StringEquals: must be an object"),
        (
            r#"{"StringMatches":{"a":"b"}}"#,
            "Statement[1].Condition.StringMatches: Unknown condition operator StringMatches",
        ),
        (
            r#"{"stringequals":{"a":"b"}}"#,
            "Statement[1].Condition.stringequals: Unknown condition operator stringequals",
        ),
        (
            r#"{"NullIfExists":{"a":"true"}}"#,
            "Statement[1].Condition.NullIfExists: Unknown condition operator NullIfExists",
        ),
        (
            r#"{"ForAnyValue:Null":{"a":"true"}}"#,
            "Statement[1].Condition.ForAnyValue:Null: Unknown condition operator ForAnyValue:Null",
        ),
        (
            r#"{"ForSomeValues:Bool":{"a":"true"}}"#,
            "Statement[1].Condition.ForSomeValues:Bool: Unknown condition operator ForSomeValues:Bool",
        ),
        (
            r#"{"StringEquals":{"a":[null]}}"#,
            "Statement[1].Condition.StringEquals.a[0]: must be a string, a number or a boolean",
        ),
        (r#"{"NumericEquals":{"a":"x"}}"#, r#"Statement[1].Condition.NumericEquals.a: "x" is not a number"#),
        (r#"{"NumericEquals":{"a":"NaN"}}"#, r#"Statement[1].Condition.NumericEquals.a: "NaN" is not a number"#),
        (r#"{"Bool":{"a":"yes"}}"#, r#"Statement[1].Condition.Bool.a: "yes" is not true or false"#),
        (r#"{"Null":{"a":"${b}"}}"#, r#"Statement[1].Condition.Null.a: "${b}" is not true or false"#),
        (
            r#"{"IpAddress":{"a":"10.0.0.0/33"}}"#,
            r#"Statement[1].Condition.IpAddress.a: "10.0.0.0/33" is not an IP address or CIDR range"#,
        ),
        (
            r#"{"IpAddress":{"a":"10.0.0.0/+8"}}"#,
            r#"Statement[1].Condition.IpAddress.a: "10.0.0.0/+8" is not an IP address or CIDR range"#,
        ),
        (r#"{"BinaryEquals":{"a":"QQ"}}"#, r#"Statement[1].Condition.BinaryEquals.a: "QQ" is not base64"#),
        (
            r#"{"DateEquals":{"a":"2026-02-29"}}"#,
            r#"Statement[1].Condition.DateEquals.a: "2026-02-29" is not a date in ISO 8601 or seconds since 1970"#,
        ),
    ];
    for (condition, expected) in cases {
        assert_eq!(
            refusal(&of(&format!(r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}"#))),
            expected
        );
    }
}

#[test]
fn only_real_dates_are_dates() {
    let read = |text: &str| {
        Document::parse(&of(&format!(
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{{"DateEquals":{{"a":"{text}"}}}}"#
        )))
        .is_ok()
    };
    for date in
        ["0", "1760000000", "2026", "2024-02-29", "2000-02-29", "2026-09-01T23:59:60Z", "2026-09-01T00:00-11:30"]
    {
        assert!(read(date), "{date}");
    }
    for date in [
        "",
        "2026-13",
        "1900-02-29",
        "2026-9-1",
        "2026-09-01T",
        "2026-09-01T00:00",
        "2026-09T00:00Z",
        "2026-09-01T24:00Z",
        "2026-09-01T00:00:00.Z",
        "2026-09-01T00:00:61Z",
        "99999999999999999999",
        "2026-09-01-01",
        "+2026",
    ] {
        assert!(!read(date), "{date}");
    }
}

#[test]
fn what_is_not_json_or_ambiguous_or_too_long_is_refused() {
    let not_json = "document: Policies must be valid JSON and the first byte must be '{'";
    for text in ["", "x", "null", "[]", "\"a\"", "{", "{} {}", r#"{"a":01}"#, &"[".repeat(5000)] {
        assert!(refusal(text).starts_with(not_json), "{text:.20}");
    }
    for json in [
        r#"{"Statement":{},"Statement":{}}"#.to_owned(),
        of(r#""Effect":"Allow","Effect":"Deny""#),
        of(r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a":"true","a":"false"}}"#),
    ] {
        assert!(refusal(&json).starts_with("document: Duplicate key "), "{json}");
    }
    let padded = |length: usize| format!("{ALLOW_ALL}{}", " ".repeat(length - ALLOW_ALL.len()));
    document(&padded(MAX_DOCUMENT_BYTES));
    assert!(refusal(&padded(MAX_DOCUMENT_BYTES + 1)).contains("20480 bytes"));
}
