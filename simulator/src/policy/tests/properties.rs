//! What must hold for every document, text and request.

use proptest::prelude::*;

use super::*;
use crate::policy::glob::{self, Glob};

/// Wildcard matching as it is defined, without regard to cost.
fn naive(pattern: &[Glob], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([Glob::Any, rest @ ..], _) => {
            naive(rest, text) || text.split_first().is_some_and(|(_, tail)| naive(pattern, tail))
        }
        ([Glob::One, rest @ ..], [_, tail @ ..]) => naive(rest, tail),
        ([Glob::Literal(literal), rest @ ..], [first, tail @ ..]) => literal == first && naive(rest, tail),
        _ => false,
    }
}

fn glob_of(text: &str) -> Vec<Glob> {
    let glob = |character| match character {
        '*' => Glob::Any,
        '?' => Glob::One,
        literal => Glob::Literal(literal),
    };
    text.chars().map(glob).collect()
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let word = prop::sample::select(vec![
        "Version",
        "2012-10-17",
        "Statement",
        "Effect",
        "Allow",
        "Deny",
        "Action",
        "NotAction",
        "s3:*",
        "*",
        "Resource",
        "arn:aws:s3:::a",
        "Principal",
        "AWS",
        "111122223333",
        "Condition",
        "StringLike",
        "DateLessThan",
        "IpAddress",
        "Bool",
        "true",
        "2026-09-01T10:00:00Z",
        "10.0.0.0/8",
        "${aws:x, 'y'}",
        "${",
        "",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.clone().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((word.clone().prop_map(str::to_owned), inner), 0..6)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Statements that mostly parse and mostly bear on the scene below.
fn statements() -> impl Strategy<Value = Vec<String>> {
    let one_of = |options: &[&'static str]| prop::sample::select(options.to_vec());
    let statement = (
        one_of(&["Allow", "Deny"]),
        one_of(&["", r#""Principal":"*","#, r#""Principal":{"AWS":"111122223333"},"#]),
        one_of(&[
            r#""Action":"*""#,
            r#""Action":["s3:G*","iam:*"]"#,
            r#""NotAction":"s3:Get*""#,
            r#""Action":"s3:Put*""#,
        ]),
        one_of(&[r#""Resource":"*""#, r#""Resource":"arn:aws:s3:::vault/*""#, r#""NotResource":"arn:aws:s3:::vault""#]),
        one_of(&[
            "",
            r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#,
            r#","Condition":{"StringNotLike":{"aws:PrincipalArn":"*:root"}}"#,
        ]),
    );
    let text = statement.prop_map(|(effect, principal, action, resource, condition)| {
        format!(r#"{{"Effect":"{effect}",{principal}{action},{resource}{condition}}}"#)
    });
    prop::collection::vec(text, 1..4)
}

fn joined(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Document::parse(&text);
    }

    #[test]
    fn any_json_is_read_or_refused_and_what_is_read_decides(json in json(), action in any::<String>(), resource in any::<String>()) {
        if let Ok(document) = Document::parse(&json.to_string()) {
            let mut scene = Scene::of(user()).does(&action, &resource);
            scene.identity = vec![document.clone()];
            scene.policy = Some(document);
            scene.decide();
        }
    }

    #[test]
    fn any_operand_is_read_or_refused(
        operator in prop::sample::select(vec!["StringLike", "ArnLike", "DateEquals", "NumericEquals", "IpAddress", "BinaryEquals", "Bool"]),
        listed in any::<String>(),
        actual in any::<String>(),
    ) {
        let condition = serde_json::json!({ operator: { "a:b": listed } });
        let json = statement("Allow", &format!(r#""Action":"*","Resource":"*","Condition":{condition}"#));
        if let Ok(document) = Document::parse(&json) {
            let mut scene = Scene::of(user()).with("a:b", &actual);
            scene.identity = vec![document];
            scene.decide();
        }
    }

    #[test]
    fn dates_read_back_at_their_second(seconds in 0i64..253_402_300_799) {
        // Independent of the code under test: days counted by Howard Hinnant's civil_from_days.
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let slot = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * slot + 2) / 5 + 1, if slot < 10 { slot + 3 } else { slot - 9 });
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let text = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
        let moment = crate::policy::date::Moment::parse(&text);
        prop_assert!(moment.is_some());
        if !(1000..=9999).contains(&seconds) {
            prop_assert_eq!(moment, crate::policy::date::Moment::parse(&seconds.to_string()));
        }
    }

    #[test]
    fn wildcards_agree_with_their_definition(pattern in "[ab*?]{0,10}", text in "[abc]{0,12}") {
        let characters: Vec<char> = text.chars().collect();
        prop_assert_eq!(glob::matches(&glob_of(&pattern), &text), naive(&glob_of(&pattern), &characters));
    }

    #[test]
    fn a_deny_more_never_allows(mine in statements(), theirs in statements(), extra in statements(), place in 0..6usize, secure in any::<bool>()) {
        let mut scene = Scene::of(role_session()).identity(&joined(&mine)).policy(&joined(&theirs)).with("aws:SecureTransport", &secure.to_string());
        let before = scene.decide();
        let denies: Vec<String> = extra.iter().map(|statement| statement.replace(r#""Allow""#, r#""Deny""#)).collect();
        match place {
            0 => scene.identity.push(document(&joined(&denies))),
            1 => scene.identity = vec![document(&joined(&[mine, denies].concat()))],
            2 => scene.policy = Some(document(&joined(&[theirs, denies].concat()))),
            3 => scene.scps = vec![vec![document(ALLOW_ALL), document(&joined(&denies))]],
            4 => scene.boundary = Some(document(&joined(&[vec![r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#.to_owned()], denies].concat()))),
            _ => scene.session = vec![document(ALLOW_ALL), document(&joined(&denies))],
        }
        prop_assert!(before == Decision::Allowed || scene.decide() != Decision::Allowed);
    }
}

/// A pattern that makes a backtracking matcher exponential must not take noticeable time.
#[test]
fn a_hostile_pattern_is_no_trouble() {
    let pattern = glob_of(&"*a".repeat(2000));
    let text = format!("{}b", "a".repeat(20_000));
    assert!(!glob::matches(&pattern, &text));
    let unclosed = "${".repeat(5000);
    let json = statement(
        "Allow",
        &format!(r#""Action":"*","Resource":"*","Condition":{{"StringLike":{{"a:b":"{unclosed}"}}}}"#),
    );
    Scene::of(user()).identity(&json).with("a:b", &unclosed).is_allowed();
}
