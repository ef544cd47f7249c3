//! JSON without the white space between its tokens.

/// The same text with keys, order and spelling kept, as a service writes it that parses policies and writes them again.
pub(crate) fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |character: &char| {
        let kept = quoted || !character.is_ascii_whitespace();
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        kept
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::compact;

    #[test]
    fn only_white_space_between_tokens_goes() {
        assert_eq!(compact("{ \"b\" : \" a \\\" b \" ,\r\n\t\"a\":[ 1 , 2 ] }\n"), r#"{"b":" a \" b ","a":[1,2]}"#);
    }

    proptest! {
        #[test]
        fn the_meaning_stays(texts in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4)) {
            let value = serde_json::to_value(texts).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), value.to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&compact(&pretty)).unwrap(), value);
        }
    }
}
