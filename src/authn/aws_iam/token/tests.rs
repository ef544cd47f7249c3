//! What a token must be.

use proptest::prelude::*;

use super::*;

/// A presigned URL under construction.
#[derive(Clone)]
pub(in super::super) struct Presigned {
    base: String,
    parameters: Vec<(String, String)>,
}

impl Presigned {
    /// What SDKs make, with a signature that nobody made.
    pub(in super::super) fn new() -> Self {
        let credential = "ASIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request";
        let parameters = [
            ("Action", "GetCallerIdentity"),
            ("Version", "2011-06-15"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", credential),
            ("X-Amz-Date", "20261121T183554Z"),
            ("X-Amz-Expires", "300"),
            ("X-Amz-Security-Token", "IQoJb3JpZ2luX2Vj+a/b=="),
            ("X-Amz-SignedHeaders", "host;x-rootgate-audience"),
            ("X-Amz-Signature", &"0123456789abcdef".repeat(4)),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { base: "https://sts.eu-west-1.amazonaws.com/".to_owned(), parameters }
    }

    /// The same from a presigned URL of any host.
    pub(in super::super) fn of(url: &str) -> Self {
        let (_, query) = url.split_once('?').unwrap();
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), url_decode(value))).unwrap();
        Self { parameters: query.split('&').map(pair).collect(), ..Self::new() }
    }

    pub(in super::super) fn base(mut self, base: &str) -> Self {
        self.base = base.to_owned();
        self
    }

    pub(in super::super) fn set(mut self, name: &str, value: &str) -> Self {
        self.parameters.iter_mut().find(|(known, _)| known == name).unwrap().1 = value.to_owned();
        self
    }

    pub(in super::super) fn add(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(in super::super) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    fn url(&self) -> String {
        let pairs = self.parameters.iter().map(|(name, value)| format!("{name}={}", url::encode(value)));
        format!("{}?{}", self.base, pairs.collect::<Vec<_>>().join("&"))
    }

    pub(in super::super) fn token(&self) -> String {
        format!("rootgate-aws-v1.{}", base64url::encode(self.url().as_bytes()))
    }

    fn parse(&self) -> Result<Token, Rule> {
        Token::parse(self.token().as_bytes())
    }
}

fn url_decode(value: &str) -> String {
    let (mut text, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        text.push(char::from(u8::from_str_radix(&after[..2], 16).unwrap()));
        rest = &after[2..];
    }
    text + rest
}

fn refused(presigned: &Presigned) -> String {
    presigned.parse().err().unwrap_or_else(|| panic!("accepted {}", presigned.url())).to_string()
}

#[test]
fn reads_what_sdks_make() {
    let token = Presigned::new().parse().ok().unwrap();
    assert_eq!(token.region.as_str(), "eu-west-1");
    assert_eq!(token.access_key_id.to_string(), "ASIAIOSFODNN7EXAMPLE");
    assert_eq!(token.credential(), "ASIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request");
    assert_eq!(token.date.at(), Timestamp::from_unix(1_795_286_154, 0));
    assert_eq!(token.lifetime(), Duration::from_secs(300));
    assert_eq!(token.session_token.as_deref(), Some("IQoJb3JpZ2luX2Vj+a/b=="));
    assert_eq!(token.signature.to_hex(), "0123456789abcdef".repeat(4));
    let user = "AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request";
    let token = Presigned::new().set("X-Amz-Credential", user).without("X-Amz-Security-Token").parse().ok().unwrap();
    assert_eq!(token.session_token, None);
}

#[test]
fn a_token_is_one_prefix_and_strict_base64url() {
    let good = Presigned::new().token();
    let encoded = good.strip_prefix("rootgate-aws-v1.").unwrap();
    for text in [
        String::new(),
        "rootgate-aws-v1.".to_owned(),
        encoded.to_owned(),
        format!("k8s-aws-v1.{encoded}"),
        format!("Rootgate-aws-v1.{encoded}"),
        format!("rootgate-aws-v2.{encoded}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}\n"),
        format!("{good},{good}"),
        format!("Bearer {good}"),
        format!("rootgate-aws-v1.{}", base64url::encode(b"\xff\xfe")),
        Presigned::new().url(),
    ] {
        assert!(Token::parse(text.as_bytes()).is_err(), "{text:?}");
    }
}

#[test]
fn a_token_has_at_most_8_kib() {
    let with = |length: usize| Presigned::new().set("X-Amz-Security-Token", &"x".repeat(length));
    assert!(with(5400).token().len() <= TOKEN_BYTES_MAX);
    assert!(with(5400).parse().is_ok());
    assert_eq!(refused(&with(6000)), "the token must have at most 8 KiB");
    // Without looking at it: time is bounded, too.
    assert!(Token::parse(&vec![b'A'; 100 * 1024 * 1024]).is_err());
}

#[test]
fn every_parameter_is_required_once_except_the_session_token() {
    for (name, value) in Presigned::new().parameters {
        let words = refused(&Presigned::new().without(&name));
        assert!(words.contains(&name), "{words}");
        let words = refused(&Presigned::new().add(&name, &value));
        assert_eq!(words, format!("the query parameter {name} must be there once"));
    }
}

/// CVE-2022-2385: the check read one spelling and AWS the other.
#[test]
fn a_second_spelling_of_a_parameter_is_refused() {
    for (name, value) in Presigned::new().parameters {
        for spelling in [name.to_lowercase(), name.to_uppercase()] {
            refused(&Presigned::new().add(&spelling, &value));
            refused(&Presigned::new().without(&name).add(&spelling, &value));
        }
    }
}

#[test]
fn only_get_caller_identity_can_be_asked() {
    for action in ["getcalleridentity", "AssumeRole", "GetCallerIdentity ", "", "GetCallerIdentity&Action=AssumeRole"] {
        refused(&Presigned::new().set("Action", action));
    }
    for version in ["2011-06-16", "", "2010-05-08"] {
        refused(&Presigned::new().set("Version", version));
    }
    refused(&Presigned::new().add("RoleArn", "arn:aws:iam::111122223333:role/x"));
}

#[test]
fn signatures_of_other_algorithms_are_refused() {
    for algorithm in ["AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA1", "aws4-hmac-sha256", "none", ""] {
        refused(&Presigned::new().set("X-Amz-Algorithm", algorithm));
    }
}

#[test]
fn exactly_host_and_audience_are_signed() {
    for headers in [
        "host",
        "x-rootgate-audience",
        "x-rootgate-audience;host",
        "Host;X-Rootgate-Audience",
        "host;x-rootgate-audience;x-amz-date",
        "host;x-k8s-aws-id",
        "host;x-rootgate-audience;",
        "",
    ] {
        refused(&Presigned::new().set("X-Amz-SignedHeaders", headers));
    }
}

#[test]
fn the_credential_scope_is_that_of_date_and_host() {
    let key = "ASIAIOSFODNN7EXAMPLE";
    for credential in [
        format!("{key}/20261122/eu-west-1/sts/aws4_request"),
        format!("{key}/20261121/us-east-1/sts/aws4_request"),
        format!("{key}/20261121/eu-west-1/iam/aws4_request"),
        format!("{key}/20261121/eu-west-1/STS/aws4_request"),
        format!("{key}/20261121/eu-west-1/sts/aws4"),
        format!("{key}/20261121/eu-west-1/sts"),
        format!("{key}/20261121/eu-west-1/sts/aws4_request/x"),
        format!("/{key}/20261121/eu-west-1/sts/aws4_request"),
        key.to_owned(),
        String::new(),
    ] {
        refused(&Presigned::new().set("X-Amz-Credential", &credential));
    }
    refused(&Presigned::new().base("https://sts.us-east-1.amazonaws.com/"));
}

#[test]
fn keys_of_an_impossible_form_never_reach_aws() {
    for key in [
        "ASIAIOSFODNN7EXAMPL",
        "ASIAIOSFODNN7EXAMPLEX",
        "asiaIOSFODNN7EXAMPLE",
        "ASIAiosfodnn7example",
        "AROAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMP\u{2044}",
        "ASIA*IOSFODNN7EXAMPL",
        "",
    ] {
        let credential = format!("{key}/20261121/eu-west-1/sts/aws4_request");
        refused(&Presigned::new().set("X-Amz-Credential", &credential));
    }
}

#[test]
fn a_session_token_comes_with_temporary_keys_and_only_with_them() {
    refused(&Presigned::new().without("X-Amz-Security-Token"));
    refused(&Presigned::new().set("X-Amz-Security-Token", ""));
    let user = "AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request";
    refused(&Presigned::new().set("X-Amz-Credential", user));
}

#[test]
fn dates_are_moments_in_basic_format() {
    for date in [
        "2026-11-21T18:35:54Z",
        "20261121T183554",
        "20261121T183554z",
        "20261121183554ZZ",
        "20261131T183554Z",
        "20261321T183554Z",
        "20260001T183554Z",
        "20261121T243554Z",
        "20261121T186054Z",
        "20261121T183560Z",
        "+0261121T183554Z",
        "2026112TT183554Z",
        "20261121T+83554Z",
        " 0261121T183554Z",
        "",
    ] {
        assert!(AmzDate::parse(date).is_err(), "{date:?}");
        refused(&Presigned::new().set("X-Amz-Date", date));
    }
    assert_eq!(AmzDate::parse("20240229T000000Z").unwrap().at(), Timestamp::from_unix(1_709_164_800, 0));
    assert!(AmzDate::parse("20230229T000000Z").is_err());
}

#[test]
fn lifetimes_are_1_to_900_seconds_in_one_spelling() {
    for seconds in ["1", "60", "900"] {
        assert!(Presigned::new().set("X-Amz-Expires", seconds).parse().is_ok(), "{seconds}");
    }
    for seconds in ["0", "901", "604800", "-1", "+60", "060", "60.0", " 60", "", "x", "99999999999999999999"] {
        refused(&Presigned::new().set("X-Amz-Expires", seconds));
    }
}

#[test]
fn signatures_are_64_lower_case_hexadecimal_digits() {
    for signature in [String::new(), "0".repeat(63), "0".repeat(65), "A".repeat(64), "g".repeat(64), "+f".repeat(32)] {
        refused(&Presigned::new().set("X-Amz-Signature", &signature));
    }
}

#[test]
fn refusals_never_repeat_what_was_sent() {
    let canary = "c4n4ry";
    let mut refusals = vec![refused(&Presigned::new().base(&format!("https://{canary}/")))];
    for name in ["Action", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders"]
    {
        refusals.push(refused(&Presigned::new().set(name, canary)));
    }
    refusals.push(refused(&Presigned::new().add(canary, "x")));
    refusals.push(Token::parse(canary.as_bytes()).err().unwrap().to_string());
    assert!(refusals.iter().all(|words| !words.contains(canary)), "{refusals:?}");
}

proptest! {
    #[test]
    fn arbitrary_tokens_never_panic(bytes: Vec<u8>, url in "\\PC{0,200}") {
        let _ = Token::parse(&bytes);
        let _ = Token::parse(&[b"rootgate-aws-v1.".as_slice(), &bytes].concat());
        let _ = Token::parse(format!("rootgate-aws-v1.{}", base64url::encode(url.as_bytes())).as_bytes());
        let _ = Token::parse(format!("rootgate-aws-v1.{}", base64url::encode(&bytes)).as_bytes());
    }

    #[test]
    fn one_changed_character_never_panics_and_never_changes_the_host(at in 0_usize..600, by in "[ -~]") {
        let mut url = Presigned::new().url();
        let at = at % url.len();
        url.replace_range(at..=at, &by);
        let token = format!("rootgate-aws-v1.{}", base64url::encode(url.as_bytes()));
        if let Ok(token) = Token::parse(token.as_bytes()) {
            prop_assert_eq!(token.region.as_str(), "eu-west-1");
        }
    }
}
