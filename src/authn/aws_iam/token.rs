//! The token that a caller sends: `rootgate-aws-v1.` and, in base64url without padding, a presigned URL of
//! `sts:GetCallerIdentity` that was signed together with the header `x-rootgate-audience`.
//!
//! Sources: IAM User Guide, "Create a signed AWS API request" (signature in the query string); STS API Reference,
//! `GetCallerIdentity`.

use std::{fmt, time::Duration};

use time::{Date, Month, Time};

use super::{base64url, url};
use crate::{
    clock::Timestamp,
    types::{Region, Rule, hex},
};

const PREFIX: &[u8] = b"rootgate-aws-v1.";
/// A session token of AWS has some 1 KiB, 2 KiB with many session tags; percent-encoding and base64 make a half more of
/// it. HTTP/2 servers rarely take more than 16 KiB of headers.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Signature Version 4 with a shared secret. Not SigV4A (`AWS4-ECDSA-P256-SHA256`): its signatures hold in several
/// regions at once and are different at every signing, so that neither endpoint nor single use could be pinned.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const ACTION: &str = "GetCallerIdentity";
pub(super) const VERSION: &str = "2011-06-15";
/// What must be signed: with more, the gateway would have to send headers that the caller chose; with less, the token
/// would be good for every gateway.
pub(super) const SIGNED_HEADERS: &str = "host;x-rootgate-audience";
/// For how many seconds STS takes a signature at most, whatever `X-Amz-Expires` says.
pub(super) const EXPIRES_MAX: u32 = 900;

/// A token whose form is good. Nothing of it is believed until AWS has confirmed it. Whoever has it can be the caller, so
/// it cannot be printed.
pub(super) struct Token {
    /// The region of endpoint and credential scope.
    pub(super) region: Region,
    /// The key that signed.
    pub(super) access_key_id: AccessKeyId,
    /// When it was signed.
    pub(super) date: AmzDate,
    /// For how many seconds the signer means it to be good.
    pub(super) expires: u32,
    /// What comes with temporary credentials.
    pub(super) session_token: Option<String>,
    /// The signature.
    pub(super) signature: Signature,
}

impl Token {
    /// Reads the value of the header.
    ///
    /// # Errors
    ///
    /// The rule that was broken; never what was sent.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Rule> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Rule::new("the token must have at most 8 KiB"));
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(Rule::new("the token must begin with rootgate-aws-v1."))?;
        let url = base64url::decode(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
        let url = url.ok_or(Rule::new("the token must be a URL in base64url without padding"))?;
        let (region, query) = url::split(&url)?;
        Self::of(region, query)
    }

    fn of(region: Region, mut query: url::Query) -> Result<Self, Rule> {
        query.exactly("Action", ACTION)?;
        query.exactly("Version", VERSION)?;
        query.exactly("X-Amz-Algorithm", ALGORITHM)?;
        query.exactly("X-Amz-SignedHeaders", SIGNED_HEADERS)?;
        let date = AmzDate::parse(&query.require("X-Amz-Date")?)?;
        let access_key_id = check_scope(&query.require("X-Amz-Credential")?, &date, &region)?;
        let expires = seconds(&query.require("X-Amz-Expires")?)?;
        let signature = Signature::parse(&query.require("X-Amz-Signature")?)?;
        let session_token = query.take("X-Amz-Security-Token");
        if session_token.as_deref().is_some_and(str::is_empty)
            || session_token.is_some() != access_key_id.is_temporary()
        {
            return Err(Rule::new("X-Amz-Security-Token must be there for temporary keys (ASIA), and only for them"));
        }
        Ok(Self { region, access_key_id, date, expires, session_token, signature })
    }

    /// The credential scope, beginning with the key.
    pub(super) fn credential(&self) -> String {
        format!("{}/{}/{}/sts/aws4_request", self.access_key_id, self.date.day(), self.region)
    }

    /// For how long after its date the signer means it to be good.
    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.expires.into())
    }
}

fn check_scope(credential: &str, date: &AmzDate, region: &Region) -> Result<AccessKeyId, Rule> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [key, day, scope_region, "sts", "aws4_request"] = parts.as_slice() else {
        return Err(Rule::new("X-Amz-Credential must be KEY/DATE/REGION/sts/aws4_request"));
    };
    if *day != date.day() {
        return Err(Rule::new("the date in X-Amz-Credential must be that of X-Amz-Date"));
    }
    if *scope_region != region.as_str() {
        return Err(Rule::new("the region in X-Amz-Credential must be that of the URL's host"));
    }
    AccessKeyId::parse(key)
}

/// One spelling of each number, because the number is what is signed again.
fn seconds(text: &str) -> Result<u32, Rule> {
    let seconds = text.parse().ok().filter(|seconds| (1..=EXPIRES_MAX).contains(seconds));
    seconds
        .filter(|seconds| seconds.to_string() == text)
        .ok_or(Rule::new("X-Amz-Expires must be a number of seconds from 1 to 900"))
}

/// The id of an access key of a user (`AKIA`) or of temporary credentials (`ASIA`): IAM User Guide, "IAM identifiers".
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccessKeyId(String);

impl AccessKeyId {
    /// All ids that AWS gives out have as many; a cheap look keeps nonsense from reaching AWS.
    const LENGTH: usize = 20;

    fn parse(text: &str) -> Result<Self, Rule> {
        let prefix = text.starts_with("AKIA") || text.starts_with("ASIA");
        let alphabet = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if prefix && text.len() == Self::LENGTH && text.bytes().all(alphabet) {
            return Ok(Self(text.to_owned()));
        }
        Err(Rule::new("the key in X-Amz-Credential must be AKIA or ASIA and 16 capital letters and digits"))
    }

    fn is_temporary(&self) -> bool {
        self.0.starts_with("ASIA")
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `X-Amz-Date`: ISO 8601 basic format, UTC, whole seconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmzDate {
    text: String,
    at: Timestamp,
}

impl AmzDate {
    fn parse(text: &str) -> Result<Self, Rule> {
        let at = moment(text).ok_or(Rule::new("X-Amz-Date must be a moment such as 20261121T183554Z"))?;
        Ok(Self { text: text.to_owned(), at })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    fn day(&self) -> &str {
        self.text.get(..8).unwrap_or_default()
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let digits: String = text.strip_suffix('Z')?.split('T').collect();
    // Where the T stands is fixed by the lengths of what it parts.
    if text.len() != 16 || text.find('T') != Some(8) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(digits.get(..4)?.parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(8, 10)?, number(10, 12)?, number(12, 14)?).ok()?;
    Some(Timestamp::from_unix(date.with_time(time).assume_utc().unix_timestamp(), 0))
}

/// A signature: HMAC-SHA-256, so that the same request signed with the same key is the same signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Signature([u8; 32]);

impl Signature {
    fn parse(text: &str) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("X-Amz-Signature must be 64 lower-case hexadecimal digits");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Err(RULE);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(RULE)?;
        }
        Ok(Self(bytes))
    }

    /// As AWS writes it.
    pub(super) fn to_hex(self) -> String {
        hex(&self.0)
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u32) -> Self {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }
}

#[cfg(test)]
pub(super) mod tests;
