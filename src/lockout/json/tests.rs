use proptest::prelude::*;

use super::*;

/// The same value as serde_json understands it; objects without their duplicates.
fn plain(node: &Node<'_>) -> serde_json::Value {
    match &node.value {
        Value::Text(text) => serde_json::Value::String(text.to_string()),
        Value::Bare(text) => serde_json::from_str(text).unwrap(),
        Value::List(nodes) => nodes.iter().map(plain).collect(),
        Value::Object(fields) => fields.iter().map(|(key, node)| (key.to_string(), plain(node))).collect(),
    }
}

fn agrees(text: &str) {
    match (parse(text), serde_json::from_str::<serde_json::Value>(text)) {
        (Ok(node), Ok(value)) => assert_eq!(plain(&node), value, "{text:?}"),
        (Err(Fault::TooDeep { .. }), _) | (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("{text:?}: {ours:?} but {theirs:?}"),
    }
}

/// Every span must hold the text of exactly its value.
fn spans_hold(text: &str, node: &Node<'_>) {
    let slice = &text[node.span.clone()];
    assert_eq!(plain(&parse(slice).unwrap()), plain(node));
    assert_eq!(slice.trim(), slice);
    match &node.value {
        Value::List(nodes) => nodes.iter().for_each(|node| spans_hold(text, node)),
        Value::Object(fields) => fields.iter().for_each(|(_, node)| spans_hold(text, node)),
        Value::Text(_) | Value::Bare(_) => {}
    }
}

#[test]
fn agrees_with_serde_json_at_the_corners() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nullx",
        "true",
        "-",
        "-0",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e5",
        "1E+5",
        "1e",
        "--1",
        "+1",
        r#""""#,
        r#"""#,
        r#""\"#,
        r#""\x""#,
        r#""\n\t\b\f\r\/\\\"""#,
        r#""\u0041""#,
        r#""\u004""#,
        r#""\uD83D\uDE00""#,
        r#""\uD83D""#,
        r#""\uD83D\u0041""#,
        r#""\uDE00\uD83D""#,
        r#""\uD83Dx""#,
        "\"a\nb\"",
        "\"\u{7f}\"",
        "\u{feff}{}",
        "[]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1,2]",
        "[[[]]]",
        "[",
        "]",
        "{}",
        "{,}",
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"{"a":1 "b":2}"#,
        r#" { "a" : [ 1 , { } ] } "#,
        "{}{}",
        "{} x",
        "'a'",
        "\u{a0}{}",
        "/**/{}",
        "NaN",
        r#"{"a":{"b":[true,false,null,"é😀"]}}"#,
    ] {
        agrees(text);
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(Fault::TooDeep { at: MAX_DEPTH }));
    assert!(matches!(parse(&"{\"a\":".repeat(100_000)), Err(Fault::TooDeep { .. })));
}

#[test]
fn all_keys_are_there() {
    let Value::Object(fields) = parse(r#"{"a":1,"\u0061":2}"#).unwrap().value else { panic!("an object") };
    assert_eq!(fields.iter().map(|(key, _)| key.as_ref()).collect::<Vec<_>>(), ["a", "a"]);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_anything(text in "\\PC{0,40}|[\\[\\]{}:,\"\\\\a0-9eE.u \\n+-]{0,24}") {
        agrees(&text);
    }

    #[test]
    fn agrees_with_serde_json_on_values(value in json(), pretty in any::<bool>(), cut in any::<prop::sample::Index>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        agrees(&text);
        spans_hold(&text, &parse(&text).unwrap());
        // Broken anywhere, it must be refused as serde_json refuses it.
        if let Some(broken) = text.get(..cut.index(text.len())) {
            agrees(broken);
        }
    }
}
