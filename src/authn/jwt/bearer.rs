//! The token in the header `authorization` (RFC 6750, section 2.1).

use http::{HeaderMap, header::AUTHORIZATION};

/// Longest value of the header: twice what the largest tokens of well-kept issuers need, and a bound on what a stranger
/// can make the gateway decode.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// The token as it was sent, or `None` if there is no such header. Its three parts are not looked at.
pub(super) fn token(headers: &HeaderMap) -> Option<Result<&str, String>> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let first = lines.next()?;
    if lines.next().is_some() {
        return Some(Err("several authorization headers".to_owned()));
    }
    Some(parse(first.as_bytes()).map_err(str::to_owned))
}

fn parse(value: &[u8]) -> Result<&str, &'static str> {
    if value.len() > HEADER_BYTES_MAX {
        return Err("the authorization header has more than 8192 bytes");
    }
    let value = std::str::from_utf8(value).map_err(|_| "the authorization header is not text")?;
    let (scheme, token) = value.split_once(' ').ok_or("the authorization header is not `Bearer TOKEN`")?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("the scheme of the authorization header is not Bearer");
    }
    // RFC 9110, section 11.4: one or more spaces.
    let token = token.trim_start_matches(' ');
    if !token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err("the bearer token holds characters that no JWT has");
    }
    match token.split('.').count() {
        3 => Ok(token),
        5 => Err("the bearer token is encrypted (JWE), which is not supported"),
        _ => Err("the bearer token is not a JWT of three parts"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let lines = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
        lines.collect()
    }

    fn one(value: &str) -> Result<String, String> {
        token(&headers(&[value.as_bytes()])).unwrap().map(str::to_owned)
    }

    #[test]
    fn no_header_is_not_an_offer() {
        assert!(token(&HeaderMap::new()).is_none());
    }

    #[test]
    fn the_scheme_word_has_no_case() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer    a.b.c"] {
            assert_eq!(one(value).unwrap(), "a.b.c", "{value}");
        }
    }

    #[test]
    fn whatever_else_is_in_the_header_fails_and_is_never_an_absent_token() {
        for (value, words) in [
            ("", "not `Bearer TOKEN`"),
            ("Bearer", "not `Bearer TOKEN`"),
            ("a.b.c", "not `Bearer TOKEN`"),
            ("Bearer\ta.b.c", "not `Bearer TOKEN`"),
            (" Bearer a.b.c", "not Bearer"),
            ("Basic YTpi", "not Bearer"),
            ("Bearer: a.b.c", "not Bearer"),
            ("Bearer ", "three parts"),
            ("Bearer a.b", "three parts"),
            ("Bearer a.b.c.d", "three parts"),
            ("Bearer a.b.c.d.e", "JWE"),
            ("Bearer a.b.c.d.e.f", "three parts"),
            ("Bearer a.b.c ", "characters"),
            ("Bearer a.b.c, Bearer d.e.f", "characters"),
            ("Bearer a.b.c=", "characters"),
            ("Bearer \"a.b.c\"", "characters"),
        ] {
            assert!(one(value).unwrap_err().contains(words), "{value:?}: {:?}", one(value));
        }
        assert!(token(&headers(&[b"Bearer a.\xff.c"])).unwrap().unwrap_err().contains("not text"));
    }

    #[test]
    fn two_header_lines_are_refused_even_if_they_agree() {
        let found = headers(&[b"Bearer a.b.c", b"Bearer a.b.c"]);
        assert!(token(&found).unwrap().unwrap_err().contains("several"));
    }

    #[test]
    fn the_length_is_bounded() {
        let fits = format!("Bearer {}.b.c", "a".repeat(HEADER_BYTES_MAX - 11));
        assert_eq!(fits.len(), HEADER_BYTES_MAX);
        assert!(one(&fits).is_ok());
        assert!(one(&format!("{fits}c")).unwrap_err().contains("8192"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_what_passes_is_a_jwt_by_its_characters(
            value in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Ok(token) = parse(&value) {
                prop_assert_eq!(token.matches('.').count(), 2);
                prop_assert!(token.is_ascii());
            }
        }
    }
}
