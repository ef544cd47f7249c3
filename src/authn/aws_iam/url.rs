//! The presigned URL, taken apart. It is never followed: what is sent to AWS is made anew from these parts.
//!
//! Stricter than any URL parser, because two parsers that read one URL differently are how such tokens were forged:
//! one spelling of scheme, path and parameter names, and in values nothing but unreserved characters and percent-encoding.

use std::{collections::BTreeMap, fmt::Write};

use crate::types::{Region, Rule};

/// The parameters of a presigned `GetCallerIdentity`, as every SDK spells them. STS would ignore a parameter in another
/// case and the checks here would not see it, so that another spelling is as foreign as another name (CVE-2022-2385).
const PARAMETERS: [&str; 9] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];

/// The region whose STS endpoint the URL names, and its query string.
///
/// # Errors
///
/// It is anything but `https://sts.REGION.amazonaws.com/?QUERY`.
pub(super) fn split(url: &str) -> Result<(Region, Query), Rule> {
    let rest = url.strip_prefix("https://").ok_or(Rule::new("the URL must begin with https://"))?;
    // The first slash ends the host, whatever userinfo, port or fragment is there before it.
    let (host, rest) = rest.split_once('/').ok_or(Rule::new("the URL must have the path /"))?;
    let query =
        rest.strip_prefix('?').ok_or(Rule::new("the URL's path must be exactly / and its query must follow"))?;
    let region = host.strip_prefix("sts.").and_then(|rest| rest.strip_suffix(".amazonaws.com"));
    let region = region.and_then(|region| region.parse().ok());
    let region = region.ok_or(Rule::new(
        "the URL's host must be a regional STS endpoint, sts.REGION.amazonaws.com (not global, FIPS or dual-stack)",
    ))?;
    Ok((region, Query::parse(query)?))
}

/// The host name of a region's STS endpoint.
pub(super) fn host(region: &Region) -> String {
    format!("sts.{region}.amazonaws.com")
}

/// Values of the parameters, decoded. Holds a session token.
pub(super) struct Query(BTreeMap<&'static str, String>);

impl Query {
    fn parse(text: &str) -> Result<Self, Rule> {
        let mut values = BTreeMap::new();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').ok_or(Rule::new("each query parameter must be NAME=VALUE"))?;
            let name = PARAMETERS.into_iter().find(|known| *known == name).ok_or(Rule::new(
                "only the parameters of a presigned GetCallerIdentity are accepted, in their usual spelling",
            ))?;
            if values.insert(name, decode(value)?).is_some() {
                return Err(Rule(format!("the query parameter {name} must be there once").into()));
            }
        }
        Ok(Self(values))
    }

    /// Takes a parameter out, if it is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes out a parameter that must be there.
    pub(super) fn require(&mut self, name: &'static str) -> Result<String, Rule> {
        self.take(name).ok_or_else(|| Rule(format!("the query parameter {name} is missing").into()))
    }

    /// Takes out a parameter that must have this value.
    pub(super) fn exactly(&mut self, name: &'static str, value: &'static str) -> Result<(), Rule> {
        if self.require(name)? == value {
            return Ok(());
        }
        Err(Rule(format!("the query parameter {name} must be {value}").into()))
    }
}

const BAD_VALUE: Rule =
    Rule::new("values of query parameters must be percent-encoded ASCII (all but letters, digits and -._~)");

/// Undoes percent-encoding (RFC 3986, section 2.1), of printable ASCII without space alone.
fn decode(value: &str) -> Result<String, Rule> {
    let mut text = String::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => hex_digit(bytes.next()).zip(hex_digit(bytes.next())).map(|(high, low)| high << 4 | low),
            _ => is_unreserved(byte).then_some(byte),
        };
        text.push(char::from(decoded.filter(u8::is_ascii_graphic).ok_or(BAD_VALUE)?));
    }
    Ok(text)
}

/// Percent-encodes as SigV4 does (IAM User Guide, "Create a signed AWS API request", step 1).
pub(super) fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if is_unreserved(byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex_digit(byte: Option<u8>) -> Option<u8> {
    let digit = char::from(byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(url: &str) -> String {
        split(url).err().unwrap_or_else(|| panic!("accepted {url}")).to_string()
    }

    #[test]
    fn takes_apart_what_sdks_make() {
        let (region, mut query) =
            split("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-SignedHeaders=host%3Bx")
                .unwrap();
        assert_eq!(host(&region), "sts.eu-west-1.amazonaws.com");
        assert_eq!(query.take("X-Amz-SignedHeaders").as_deref(), Some("host;x"));
        assert_eq!(query.exactly("Action", "GetCallerIdentity"), Ok(()));
        assert_eq!(query.require("Action").unwrap_err().to_string(), "the query parameter Action is missing");
    }

    #[test]
    fn only_regional_sts_endpoints_over_https_are_hosts() {
        for before in [
            "http://sts.eu-west-1.amazonaws.com",
            "HTTPS://sts.eu-west-1.amazonaws.com",
            "https:/sts.eu-west-1.amazonaws.com",
            "https:///sts.eu-west-1.amazonaws.com",
            "//sts.eu-west-1.amazonaws.com",
            "https://sts.amazonaws.com",
            "https://STS.eu-west-1.amazonaws.com",
            "https://sts.eu-west-1.amazonaws.com.",
            "https://sts.eu-west-1.amazonaws.com:443",
            "https://sts.eu-west-1.amazonaws.com.evil.example",
            "https://evil.example",
            "https://evil.example/sts.eu-west-1.amazonaws.com",
            "https://a@sts.eu-west-1.amazonaws.com",
            "https://sts.eu-west-1.amazonaws.com@evil.example",
            "https://sts.eu-west-1.amazonaws.com#@evil.example",
            "https://sts.eu-west-1.amazonaws.com\\@evil.example",
            "https://sts.evil.example#.amazonaws.com",
            "https://sts.eu-west-1.evil.amazonaws.com",
            "https://sts.eu-west-1.amazonaws.com.cn",
            "https://sts-fips.us-east-1.amazonaws.com",
            "https://sts.us-east-1.api.aws",
            "https://iam.amazonaws.com",
            "https://sts.aws-global.amazonaws.com",
            "https://sts..amazonaws.com",
            "https://sts.%65u-west-1.amazonaws.com",
            "",
        ] {
            let words = rule(&format!("{before}/?Action=GetCallerIdentity"));
            assert!(words.starts_with("the URL"), "{before}: {words}");
        }
    }

    #[test]
    fn the_path_is_exactly_one_slash() {
        for path in ["", "?", "//?", "/x?", "/./?", "/..?", "/%2f?", "/;x?", "/#?", "/", "/x"] {
            rule(&format!("https://sts.eu-west-1.amazonaws.com{path}Action=GetCallerIdentity"));
        }
    }

    #[test]
    fn a_parameter_twice_or_in_another_case_or_unknown_is_refused() {
        for query in [
            "Action=GetCallerIdentity&Action=CreateUser",
            "Action=GetCallerIdentity&Action=GetCallerIdentity",
            "Action=GetCallerIdentity&action=CreateUser",
            "action=GetCallerIdentity",
            "Action=GetCallerIdentity&ACTION=x",
            "Action=GetCallerIdentity&x-amz-date=20261121T000000Z",
            "Action=GetCallerIdentity&%41ction=x",
            "Action=GetCallerIdentity&Action%00=x",
            "Action=GetCallerIdentity&DurationSeconds=1",
            "Action=GetCallerIdentity&X-Amz-Region-Set=*",
            "Action=GetCallerIdentity&=",
            "Action=GetCallerIdentity&Action",
            "Action=GetCallerIdentity&",
            "&Action=GetCallerIdentity",
            "Action=GetCallerIdentity;Version=1",
            "",
        ] {
            rule(&format!("https://sts.eu-west-1.amazonaws.com/?{query}"));
        }
    }

    #[test]
    fn values_have_one_reading() {
        for value in [
            "a+b", "a b", "a/b", "a=b", "a#b", "a?b", "%", "%4", "%4x", "%zz", "%+4", "%00", "%0a", "%0D", "%20",
            "%7f", "%e9", "%C3%A9", "\u{e9}", "\0",
        ] {
            rule(&format!("https://sts.eu-west-1.amazonaws.com/?Action={value}"));
        }
        assert_eq!(decode("a%2fb%2Fc%41").unwrap(), "a/b/cA");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(value in "[!-~]{0,60}") {
            prop_assert_eq!(decode(&encode(&value)), Ok(value));
        }

        #[test]
        fn arbitrary_urls_never_panic(url in ".{0,200}", tail in "[ -~]{0,200}") {
            let _ = split(&url);
            let _ = split(&format!("https://sts.eu-west-1.amazonaws.com/?{tail}"));
        }
    }
}
