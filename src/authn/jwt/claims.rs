//! What a verified token says: claims by name, and the times of its life.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{shown, strict};
use crate::clock::Timestamp;

/// Longest text that is taken from a claim, in characters: names and ids, not documents.
const TEXT_CHARS_MAX: usize = 256;
/// The last second of the year 9999, the last one that has an RFC 3339 text.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The claims of a token whose signature is verified.
pub(super) struct Claims(strict::Object);

impl Claims {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that has to be a text.
    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        match self.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(format!("claim {} is no text", shown(name))),
            None => Err(format!("claim {} is missing", shown(name))),
        }
    }

    /// What a claim says in one short text, if it is there.
    pub(super) fn scalar(&self, name: &str) -> Result<Option<String>, String> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => scalar(value).map(Some).map_err(|rule| format!("claim {} {rule}", shown(name))),
        }
    }

    /// The texts of a claim that is a text or a list of texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>, String> {
        let wrong = || format!("claim {} is neither a text nor a list of texts", shown(name));
        match self.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(values)) => values.iter().map(|value| value.as_str().ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// A NumericDate (RFC 7519, section 2) in whole seconds since 1970.
    fn time(&self, name: &str) -> Result<Option<i64>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        #[allow(clippy::cast_possible_truncation, reason = "saturates, and the range is checked")]
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
        match seconds {
            Some(seconds) if (0..=SECONDS_MAX).contains(&seconds) => Ok(Some(seconds)),
            _ => Err(format!("{name} is no time")),
        }
    }

    #[cfg(test)]
    pub(super) fn from_json(value: &Value) -> Self {
        Self(strict::Object(value.as_object().unwrap().clone()))
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        strict::Object::deserialize(deserializer).map(Self)
    }
}

fn scalar(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("is no text, number or boolean"),
    };
    if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        return Err("has more than 256 characters, or control characters");
    }
    Ok(text)
}

/// When a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// `exp`.
    pub(super) expires: i64,
    /// `nbf`.
    not_before: Option<i64>,
    /// `iat`.
    issued: Option<i64>,
}

/// What the configuration says about times.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeRules {
    pub(super) leeway: Duration,
    pub(super) token_age_max: Duration,
}

impl Times {
    pub(super) fn of(claims: &Claims) -> Result<Self, String> {
        Ok(Self {
            expires: claims.time("exp")?.ok_or("exp is missing: a token that never ends is refused")?,
            not_before: claims.time("nbf")?,
            issued: claims.time("iat")?,
        })
    }

    /// RFC 7519, sections 4.1.4 to 4.1.6.
    pub(super) fn check(&self, now: Timestamp, rules: TimeRules) -> Result<(), String> {
        let at = |seconds| Timestamp::from_unix(seconds, 0);
        let expires = at(self.expires);
        if now >= expires.plus(rules.leeway) {
            return Err(format!("the token expired at {expires}"));
        }
        let latest = now.plus(rules.leeway);
        if let Some(not_before) = self.not_before.map(at).filter(|not_before| *not_before > latest) {
            return Err(format!("the token is not valid before {not_before}"));
        }
        if let Some(issued) = self.issued.map(at).filter(|issued| *issued > latest) {
            return Err(format!("the token was issued in the future, at {issued}"));
        }
        if expires > self.issued.map_or(now, at).plus(rules.token_age_max) {
            return Err(format!("the token lives longer than {:?}", rules.token_age_max));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_286_154;
    const RULES: TimeRules = TimeRules { leeway: Duration::from_secs(30), token_age_max: Duration::from_secs(3600) };

    fn judge(claims: &Value) -> Result<(), String> {
        Times::of(&Claims::from_json(claims))?.check(Timestamp::from_unix(NOW, 0), RULES)
    }

    #[test]
    fn a_token_lives_from_nbf_to_exp_give_or_take_the_leeway() {
        for good in [
            json!({"exp": NOW + 60}),
            json!({"exp": NOW + 60, "iat": NOW, "nbf": NOW}),
            json!({"exp": NOW - 29}),
            json!({"exp": NOW + 60, "nbf": NOW + 30}),
            json!({"exp": NOW + 60, "iat": NOW + 30}),
            json!({"exp": NOW + 3600}),
            json!({"exp": NOW + 60, "iat": NOW + 60 - 3600}),
            json!({"exp": 1_795_286_154.9 + 60.0}),
        ] {
            judge(&good).unwrap_or_else(|why| panic!("{good}: {why}"));
        }
        for (bad, words) in [
            (json!({"exp": NOW - 30}), "expired at 2026-11-21T18:35:24.000000Z"),
            (json!({"exp": 0}), "expired"),
            (json!({"exp": NOW + 60, "nbf": NOW + 31}), "not valid before"),
            (json!({"exp": NOW + 60, "iat": NOW + 31}), "future"),
            (json!({"exp": NOW + 3601}), "lives longer"),
            (json!({"exp": NOW + 60, "iat": NOW + 59 - 3600}), "lives longer"),
            (json!({"exp": SECONDS_MAX, "iat": NOW}), "lives longer"),
        ] {
            let why = judge(&bad).unwrap_err();
            assert!(why.contains(words), "{bad}: {why}");
        }
    }

    #[test]
    fn a_token_without_end_or_with_times_that_are_none_is_refused() {
        assert!(judge(&json!({})).unwrap_err().contains("exp is missing"));
        for time in
            [json!("1795286200"), json!(null), json!(-1), json!(1e300), json!(u64::MAX), json!([1]), json!(true)]
        {
            for name in ["exp", "nbf", "iat"] {
                let mut claims = json!({"exp": NOW + 60});
                claims[name] = time.clone();
                assert_eq!(judge(&claims).unwrap_err(), format!("{name} is no time"), "{claims}");
            }
        }
    }

    #[test]
    fn a_claim_is_one_short_text() {
        let claims = Claims::from_json(&json!({"t": "a b", "n": -1.5, "b": true, "null": null, "l": ["a"], "o": {}}));
        for (name, text) in [("t", "a b"), ("n", "-1.5"), ("b", "true")] {
            assert_eq!(claims.scalar(name).unwrap().unwrap(), text);
        }
        for name in ["null", "absent"] {
            assert_eq!(claims.scalar(name).unwrap(), None);
        }
        for name in ["l", "o"] {
            assert!(claims.scalar(name).unwrap_err().contains("no text, number or boolean"));
        }
        for bad in ["a\nb".to_owned(), "\u{1b}[31m".to_owned(), "\u{e9}".repeat(257)] {
            assert!(Claims::from_json(&json!({ "t": bad })).scalar("t").is_err());
        }
        assert!(Claims::from_json(&json!({ "t": "\u{e9}".repeat(256) })).scalar("t").is_ok());
    }

    #[test]
    fn a_list_holds_texts_only() {
        let claims = Claims::from_json(&json!({"one": "a", "many": ["a", "b"], "mixed": ["a", 1], "map": {"a": true}}));
        assert_eq!(claims.texts("one").unwrap(), ["a"]);
        assert_eq!(claims.texts("many").unwrap(), ["a", "b"]);
        assert_eq!(claims.texts("absent").unwrap(), [""; 0]);
        for name in ["mixed", "map"] {
            assert!(claims.texts(name).is_err());
        }
    }
}
