//! Policies of 20 KB, as large as S3 takes, in the shapes that people write.

/// What S3 takes at most. Source: Amazon S3 User Guide, "Bucket policies".
const BYTES_MAX: usize = 20 * 1024;

/// Each document and what it consists of.
pub fn documents() -> [(&'static str, String); 5] {
    let principal = |n: usize| format!(r#""arn:aws:iam::{:012}:role/service/reader-{n}""#, 222_200_000_000 + n);
    let object = |n: usize| format!(r#""arn:aws:s3:::ledger/teams/team-{n}/reports/*""#);
    [
        ("denies with conditions", filled(r#"{"Version":"2012-10-17","Statement":["#, deny, "]}")),
        (
            "allows and denies, indented",
            filled("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [", indented, "\n  ]\n}"),
        ),
        (
            "one deny, many principals",
            filled(
                r#"{"Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":{"AWS":["#,
                principal,
                "]}}}",
            ),
        ),
        (
            "one deny, many resources",
            filled(r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["#, object, "]}}"),
        ),
        ("escapes", filled(r#"{"Version":"2012-10-17","Statement":["#, escaped, "]}")),
    ]
}

/// As many parts as there is room for, with commas between them.
fn filled(head: &str, part: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    for n in 0.. {
        let part = part(n);
        if text.len() + 1 + part.len() + tail.len() > BYTES_MAX {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&part);
    }
    text + tail
}

fn deny(n: usize) -> String {
    format!(
        r#"{{"Sid":"S{n}","Effect":"Deny","Principal":{{"AWS":["*","444455556666"]}},"Action":["s3:GetObject","s3:Put*"],"Resource":["arn:aws:s3:::ledger","arn:aws:s3:::ledger/*"],"Condition":{{"StringNotLike":{{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/Admin*"]}}}}}}"#
    )
}

fn indented(n: usize) -> String {
    let effect = if n.is_multiple_of(2) { "Allow" } else { "Deny" };
    format!(
        r#"
    {{
      "Sid": "Statement{n}",
      "Effect": "{effect}",
      "Principal": {{ "AWS": "arn:aws:iam::444455556666:root" }},
      "Action": [ "s3:GetObject", "s3:ListBucket" ],
      "Resource": [ "arn:aws:s3:::ledger", "arn:aws:s3:::ledger/*" ],
      "Condition": {{
        "StringEquals": {{ "aws:PrincipalOrgID": "o-a1b2c3d4e5", "aws:SourceVpce": "vpce-{n:017x}" }},
        "Bool": {{ "aws:SecureTransport": "true" }}
      }}
    }}"#
    )
}

/// As some serializers write it: every slash with its escape, and other scripts as code units.
fn escaped(n: usize) -> String {
    format!(
        r#"{{"Sid":"S{n}","Effect":"Deny","Principal":"*","Action":"s3:\u002a","Resource":["arn:aws:s3:::ledger\/{n}\/*","arn:aws:s3:::ledger\/\u00e9t\u00e9\/\ud83d\ude00"],"Condition":{{"ArnNotLike":{{"aws:PrincipalArn":"arn:aws:iam::111122223333:role\/teams\/\u0061dmin"}}}}}}"#
    )
}
