//! Names of general purpose buckets.

use std::{fmt, str::FromStr};

use super::Rule;

/// Name of a general purpose bucket (S3 User Guide, "General purpose bucket naming rules").
///
/// Names that the SDK would route elsewhere are refused: ARNs and access point aliases go to other endpoints, directory
/// buckets to `s3express`, where the task policy permits nothing. Legacy us-east-1 names (upper case, underscore) are
/// accepted, because such a bucket can be locked like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketName(String);

impl BucketName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bucket's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.0)
    }
}

const LENGTH_MIN: usize = 3;
/// Today's names have at most 63 characters; buckets made in us-east-1 before March 2018 may have 255.
const LENGTH_MAX: usize = 255;

/// Suffixes and prefixes that S3 keeps for what is no general purpose bucket, with what it is.
const RESERVED_SUFFIXES: [(&str, Rule); 5] = [
    ("-s3alias", Rule::new("must be a general purpose bucket, this is an access point alias")),
    ("--ol-s3", Rule::new("must be a general purpose bucket, this is an Object Lambda access point alias")),
    ("--x-s3", Rule::new("must be a general purpose bucket, this is a directory bucket")),
    ("--xa-s3", Rule::new("must be a general purpose bucket, this is a directory bucket's access point")),
    ("--table-s3", Rule::new("must be a general purpose bucket, this is a table bucket")),
];
const RESERVED_PREFIXES: [(&str, Rule); 4] = [
    ("arn:", Rule::new("must be a bucket's name, not an ARN")),
    ("s3://", Rule::new("must be a bucket's name, not an S3 URI")),
    ("xn--", Rule::new("must not begin with `xn--`, which S3 reserves")),
    ("sthree-", Rule::new("must not begin with `sthree-`, which S3 reserves")),
];

impl FromStr for BucketName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let reserved_prefix = RESERVED_PREFIXES.into_iter().find(|(prefix, _)| text.starts_with(prefix));
        let reserved_suffix = RESERVED_SUFFIXES.into_iter().find(|(suffix, _)| text.ends_with(suffix));
        if let Some((_, rule)) = reserved_prefix.or(reserved_suffix) {
            return Err(rule);
        }
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&text.len()) {
            return Err(Rule::new("must be a bucket's name of 3 to 63 characters (255 for legacy names)"));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
            return Err(Rule::new("must be a bucket's name of letters, digits, `.`, `-` and `_` only"));
        }
        let ends_well = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        if !ends_well(text.bytes().next()) || !ends_well(text.bytes().last()) || text.contains("..") {
            return Err(Rule::new("must begin and end with a letter or digit, and hold no two dots in a row"));
        }
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(Rule::new("must not look like an IP address"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_names_of_today_and_legacy_ones() {
        for text in ["abc", "payments-ledger", "my.dot.bucket", "UPPER_case", "1bucket1"] {
            assert_eq!(text.parse::<BucketName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_what_s3_would_route_elsewhere() {
        for (text, word) in [
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/x", "ARN"),
            ("my-ap-1234-s3alias", "access point"),
            ("my-olap--ol-s3", "Object Lambda"),
            ("dir--usw2-az1--x-s3", "directory bucket"),
            ("s3://bucket", "URI"),
        ] {
            let rule = text.parse::<BucketName>().unwrap_err().to_string();
            assert!(rule.contains(word), "{text}: {rule}");
        }
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            "",
            "ab",
            "a/../b",
            "b?x=y",
            "a b c",
            "-abc",
            "abc-",
            "a..b",
            "10.0.0.1",
            "bücket",
            "abc\n",
            &"a".repeat(256),
        ] {
            assert!(text.parse::<BucketName>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_never_needs_escaping(text in "\\PC{0,70}") {
            if let Ok(name) = text.parse::<BucketName>() {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)));
            }
        }
    }
}
