//! Wildcards: `*` for any run of characters, `?` for exactly one.

use std::borrow::Cow;

/// Whether the whole of `text`, which is ASCII, fits `pattern`.
///
/// When a literal does not fit, only the latest `*` can help: an earlier one could at best reach the same place. So
/// there is no recursion, and at most `pattern.len() * text.len()` steps.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, u8::eq)
}

/// As [`matches`], but without regard to case.
pub(super) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, u8::eq_ignore_ascii_case)
}

fn matches_by(pattern: &str, text: &str, equal: impl Fn(&u8, &u8) -> bool) -> bool {
    let (mut wanted, mut rest) = (pattern.as_bytes(), text.as_bytes());
    let mut resume: Option<(&[u8], &[u8])> = None;
    loop {
        match (wanted, rest) {
            ([b'*', after @ ..], _) => {
                wanted = after;
                resume = Some((after, rest));
            }
            ([], []) => return true,
            ([glob, after @ ..], [byte, next @ ..]) if *glob == b'?' || equal(glob, byte) => {
                (wanted, rest) = (after, next)
            }
            // The text has ended, and a longer run for the latest `*` would only take more of it away.
            (_, []) => return false,
            _ => {
                let Some((after, [_, longer @ ..])) = resume else { return false };
                (wanted, rest) = (after, longer);
                resume = Some((after, longer));
            }
        }
    }
}

/// Whether the text holds a policy variable, whose value is not known here.
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// The pattern with `*` for every policy variable: what does not fit it, fits the pattern for no value of them.
pub(super) fn widened(pattern: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = pattern.split_once("${") else { return Cow::Borrowed(pattern) };
    let mut wide = before.to_owned();
    loop {
        wide.push('*');
        let Some((_, after)) = rest.split_once('}') else { return Cow::Owned(wide) };
        let Some((literal, variable)) = after.split_once("${") else {
            wide.push_str(after);
            return Cow::Owned(wide);
        };
        wide.push_str(literal);
        rest = variable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a*c", "abbbcbc", true),
            ("a*c*", "abd", false),
            ("**b", "ab", true),
            ("s3:*BucketPolicy", "s3:PutBucketPolicy", true),
            ("a*b", "ba", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn case_matters_unless_ignored() {
        assert!(!matches("S3:put*", "s3:PutBucketPolicy"));
        assert!(matches_ignoring_case("S3:put*", "s3:PutBucketPolicy"));
    }

    #[test]
    fn many_stars_cost_little() {
        let started = std::time::Instant::now();
        assert!(!matches(&"*a".repeat(30_000), &"a".repeat(255)));
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn variables_widen() {
        assert_eq!(widened("a${b}c${d}"), "a*c*");
        assert_eq!(widened("a${b"), "a*");
        assert_eq!(widened("abc"), "abc");
    }
}
