//! JSON that says each thing once.
//!
//! RFC 7519, section 4 leaves it open whether a repeated name is refused or the last one wins. Two readers that differ in
//! this see two tokens in one, so it is refused, at every depth.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// A JSON object without a repeated name anywhere in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object(pub(super) Map<String, Value>);

impl Object {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// One part of a token in the compact serialization: base64url without padding (RFC 7515, section 2), and JSON in it.
/// A part holds no dot. Nothing of it is verified.
pub(super) fn part<T: DeserializeOwned>(part: &str) -> Result<T, jsonwebtoken::errors::Error> {
    // The library decodes the part that stands where claims stand, whatever is around it.
    jsonwebtoken::dangerous::insecure_decode_claims(format!(".{part}."))
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Unique::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(D::Error::custom("it is no object")),
        }
    }
}

/// Any JSON value without a repeated name in it. How deep it nests is bounded by `serde_json` (128).
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Unique(value)) = values.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is repeated in an object"));
            }
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(text: &str) -> Result<Object, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_every_kind_of_value_as_it_stands() {
        let value = json!({"a": [1, -1, 1.5, "x", true, null, {"a": {}}], "b": u64::MAX});
        assert_eq!(object(&value.to_string()).unwrap().0, *value.as_object().unwrap());
    }

    #[test]
    fn a_repeated_name_is_refused_at_every_depth() {
        for text in [
            r#"{"iss":"a","iss":"b"}"#,
            r#"{"iss":"a","iss":"a"}"#,
            r#"{"iss":"a","\u0069ss":"b"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(object(text).unwrap_err().contains("repeated"), "{text}");
        }
    }

    #[test]
    fn only_an_object_is_one() {
        for text in ["[]", "1", "null", r#""a""#, "", "{", r#"{"a":1}x"#, r#"{"a":NaN}"#] {
            assert!(object(text).is_err(), "{text}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        assert!(object(&deep).unwrap_err().contains("recursion"));
    }

    #[test]
    fn a_part_is_canonical_base64url_without_padding() {
        assert_eq!(part::<Object>("e30").unwrap().0, Map::new());
        for bad in ["", "e30=", "e31", "e3 0", "e30\n", "+30", "."] {
            assert!(part::<Object>(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            let _ = object(&text);
            let _ = part::<Object>(&text);
        }
    }
}
