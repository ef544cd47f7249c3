use std::collections::BTreeSet;

use super::*;

fn cut(document: &str, remove: &[usize]) -> String {
    match without(document, &remove.iter().copied().collect()) {
        Ok(Remaining::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

const PRETTY: &str = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Sid\": \"a\"},\n    {\"Sid\": \"b\"} ,\n\n    {\"Sid\": \"c\"}\n  ]\n}\n";

#[test]
fn a_statement_goes_with_one_comma_and_its_space() {
    let head = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    ";
    let tail = "\n  ]\n}\n";
    for (remove, left) in [
        (&[][..], "{\"Sid\": \"a\"},\n    {\"Sid\": \"b\"} ,\n\n    {\"Sid\": \"c\"}"),
        (&[0], "{\"Sid\": \"b\"} ,\n\n    {\"Sid\": \"c\"}"),
        (&[1], "{\"Sid\": \"a\"} ,\n\n    {\"Sid\": \"c\"}"),
        (&[2], "{\"Sid\": \"a\"},\n    {\"Sid\": \"b\"}"),
        (&[0, 1], "{\"Sid\": \"c\"}"),
        (&[0, 2], "{\"Sid\": \"b\"}"),
        (&[1, 2], "{\"Sid\": \"a\"}"),
    ] {
        assert_eq!(cut(PRETTY, remove), format!("{head}{left}{tail}"), "{remove:?}");
    }
}

#[test]
fn the_rest_of_the_document_stays() {
    let document = "{\"Statement\":[{\"Sid\":\"],[\"},{\"Sid\":\"\\\"é\"}],\"Id\" : \"x\"}";
    assert_eq!(cut(document, &[0]), "{\"Statement\":[{\"Sid\":\"\\\"é\"}],\"Id\" : \"x\"}");
    assert_eq!(cut(document, &[1]), "{\"Statement\":[{\"Sid\":\"],[\"}],\"Id\" : \"x\"}");
}

#[test]
fn nothing_is_left() {
    assert_eq!(without(PRETTY, &[0, 1, 2].into()), Ok(Remaining::Nothing));
    let single = r#"{"Statement":{"Sid":"a"}}"#;
    assert_eq!(without(single, &[0].into()), Ok(Remaining::Nothing));
    assert_eq!(cut(single, &[]), single);
    let empty = r#"{"Statement":[ ]}"#;
    assert_eq!(cut(empty, &[]), empty);
}

#[test]
fn a_statement_that_is_not_there_is_no_success() {
    assert_eq!(without(PRETTY, &[0, 3].into()), Err(NotRemoved::NoSuchStatement { index: 3, count: 3 }));
}

#[test]
fn statements_are_selected() {
    let document = r#"{"Statement":[
        {"Sid":"open","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::payments-ledger/*"},
        {"Sid":"vpc","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}},
        {"Sid":"twin","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"},
        {"Sid":"twin","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
    let analysis = analyse(document, &bucket()).unwrap();
    let listed = |picks: &[Pick]| select(&analysis, &Mode::Listed(picks.to_vec()));
    let sid = |sid: &str| Pick::Sid(sid.to_owned());
    assert_eq!(select(&analysis, &Mode::Locking), Ok(BTreeSet::from([1, 2])));
    assert_eq!(listed(&[]), Ok(BTreeSet::new()));
    assert_eq!(listed(&[sid("open"), Pick::Index(3), Pick::Index(0)]), Ok(BTreeSet::from([0, 3])));
    assert_eq!(listed(&[sid("twin")]), Err(NotSelected::AmbiguousSid("twin".to_owned())));
    assert_eq!(listed(&[sid("Open")]), Err(NotSelected::NoSuchSid("Open".to_owned())));
    assert_eq!(listed(&[Pick::Index(4)]), Err(NotSelected::NoSuchIndex { index: 4, count: 4 }));
}
