use super::*;

fn refusal(document: &str) -> String {
    let why = analyse(document, &bucket()).unwrap_err();
    assert_eq!(without(document, &[0].into()), Err(NotRemoved::Unreadable(why.clone())));
    why.to_string()
}

#[test]
fn documents_that_are_no_policy() {
    for (document, word) in [
        ("", "not JSON"),
        ("nonsense", "not JSON"),
        ("\u{feff}{}", "byte 0"),
        (r#"{"Statement":[]"#, "not JSON"),
        (r#"{"Statement":[]} x"#, "byte 17"),
        ("[]", "JSON object"),
        ("{}", "no Statement"),
        (r#"{"statement":[]}"#, "statement"),
        (r#"{"Statement":"Deny"}"#, "Statement must be"),
        (r#"{"Statement":null}"#, "Statement must be"),
        (r#"{"Version":"2020-01-01","Statement":[]}"#, "Version"),
        (r#"{"Version":2012,"Statement":[]}"#, "Version"),
        (r#"{"Id":7,"Statement":[]}"#, "Id"),
        (r#"{"Statement":[],"Comment":"x"}"#, "Comment"),
    ] {
        let why = refusal(document);
        assert!(why.contains(word) && why.contains("DELETE_POLICY"), "{document}: {why}");
    }
}

#[test]
fn a_key_that_stands_twice_is_named() {
    for (document, key) in [
        (r#"{"Statement":[],"Statement":[]}"#, "Statement"),
        (r#"{"Statement":[],"statement":[]}"#, "statement"),
        (r#"{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}"#, "Effect"),
        (r#"{"Statement":[{"Effect":"Allow","effec\u0074":"Deny"}]}"#, "effect"),
        (r#"{"Statement":{"Effect":"Deny","Condition":{"Bool":{"a":1},"Bool":{"b":2}}}}"#, "Bool"),
        (r#"{"Statement":{"Effect":"Deny","Condition":{"Bool":{"a":1,"\u0061":2}}}}"#, "a"),
    ] {
        let why = refusal(document);
        assert!(
            why.to_ascii_lowercase().contains(&format!("key \"{}\" stands twice", key.to_ascii_lowercase())),
            "{document}: {why}"
        );
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let padded = |length: usize| format!("{}{}", r#"{"Statement":[]}"#, " ".repeat(length - 16));
    assert!(analyse(&padded(MAX_DOCUMENT_BYTES), &bucket()).is_ok());
    assert_eq!(
        analyse(&padded(MAX_DOCUMENT_BYTES + 1), &bucket()),
        Err(Unreadable::TooLong { found: MAX_DOCUMENT_BYTES + 1 })
    );
    let deep = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert!(refusal(&deep).contains("nests"));
}
