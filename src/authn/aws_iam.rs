//! The scheme `aws_iam`: the caller is whom AWS names as the signer of a `sts:GetCallerIdentity`.
//!
//! The caller signs that request for this gateway and hands over the presigned URL without sending it. The gateway sends
//! it, and AWS says whose key it was. docs/AWS_IAM.md is about how to use it. So that it proves what it seems to:
//! 1. The token is parsed strictly, and a request is made anew from the parsed parts: to a host of our own list, with our
//!    own headers. The caller's URL goes nowhere.
//! 2. Among the signed headers is one with our own audience, which the token does not carry. A token for somebody else, or
//!    for no one in particular, has another signature.
//! 3. It is young, and good for one call: it is taken before AWS is asked, and stays taken once AWS has confirmed it.
//! 4. Account, name and unique id make the caller. The account must be one that the configuration lists.
//! 5. Whatever goes wrong is a failure of this scheme, an AWS that cannot be reached too.

mod answer;
mod base64url;
mod identity;
mod request;
mod token;
mod url;
mod used;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, Request, Response};
use tokio::{sync::Semaphore, time::timeout};

use self::{
    identity::{Entity, Identity},
    request::Endpoint,
    token::Token,
    used::UsedTokens,
};
use super::{Evidence, Proof, Scheme, caller::Caller};
use crate::{
    clock::Timestamp,
    fetch::Fetcher,
    types::{AccountId, Region, Rule, Violation},
};

/// The header that carries the token.
pub(super) const AWS_IAM_HEADER: &str = "x-rootgate-aws-iam";
/// The longest [`AwsIamSettings::token_age_max`]: STS takes no signature that is older.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(token::EXPIRES_MAX as u64);
/// By how much a caller's clock may be ahead of ours. Each second of it is one in which a token lives longer.
const SKEW_MAX: Duration = Duration::from_secs(60);
/// The header's value is read by people and goes into a signature.
const AUDIENCE_BYTES_MAX: usize = 255;
/// How many questions AWS is asked at once. Anybody who reaches the listener can have one asked, so this is also how
/// hard a flood of strangers can make us press on STS.
const ASKING_MAX: usize = 16;
/// How many calls wait for their turn to ask; a token is at most 8 KiB, so they hold at most 1 MiB.
const WAITING_MAX: usize = 112;
/// Waiting for a turn and for AWS. STS answers within half a second; callers have deadlines, too.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);
/// Of what a transport says about its failure.
const WORDS_MAX: usize = 200;

/// Which AWS identities are callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIamSettings {
    /// What callers sign as `x-rootgate-audience`: a name of this gateway that no other service uses.
    pub audience: String,
    /// Accounts whose roles and users are callers.
    pub accounts: BTreeSet<AccountId>,
    /// Regions whose STS endpoints tokens may be signed for, in the partition `aws`.
    pub regions: BTreeSet<Region>,
    /// How old a token may be, at most 15 minutes.
    pub token_age_max: Duration,
    /// URL of a simulator that is asked instead of AWS. For development only: it decides who everybody is.
    pub endpoint_override: Option<String>,
}

/// What came back from STS, or why nothing did.
type StsAnswer<'t> = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, String>> + Send + 't>>;

/// Sends requests to STS.
pub trait StsTransport: Send + Sync + 'static {
    /// Sends this request as it is, once, and returns the answer whatever its status. It must keep the URI's host and the
    /// header `host`, follow no redirect, add nothing that names anybody, verify TLS for https, and read at most
    /// [`AwsIam::ANSWER_BYTES_MAX`] of the body.
    ///
    /// # Errors
    ///
    /// There was no whole answer; why, in words that do not repeat the URL, which is a credential.
    fn send(&self, request: Request<Vec<u8>>) -> StsAnswer<'_>;
}

impl StsTransport for Fetcher {
    fn send(&self, request: Request<Vec<u8>>) -> StsAnswer<'_> {
        Box::pin(async move { Fetcher::send(self, request).await.map_err(|error| error.to_string()) })
    }
}

/// The scheme with its memory of used tokens: one for all listeners, so that a token is good for one call on any of them.
pub struct AwsIam {
    audience: HeaderValue,
    accounts: BTreeSet<AccountId>,
    regions: BTreeSet<Region>,
    token_age_max: Duration,
    endpoint: Endpoint,
    used: UsedTokens,
    seats: Semaphore,
    turns: Semaphore,
    transport: Arc<dyn StsTransport>,
}

impl AwsIam {
    /// Bytes of an answer of STS that a transport needs to read at most.
    pub const ANSWER_BYTES_MAX: usize = answer::ANSWER_BYTES_MAX;

    /// A scheme that has seen no token yet, in a process that runs since `started`.
    ///
    /// # Errors
    ///
    /// Every setting that cannot be used, and its rule.
    pub fn new(
        settings: AwsIamSettings,
        transport: Arc<dyn StsTransport>,
        started: Timestamp,
    ) -> Result<Self, Vec<Violation>> {
        let audience = read_audience(&settings.audience);
        let endpoint = settings.endpoint_override.as_deref().map_or(Ok(Endpoint::Aws), Endpoint::simulator);
        let violations: Vec<Violation> = [
            ("audience", audience.as_ref().err().cloned()),
            ("accounts", check_accounts(&settings.accounts).err()),
            ("regions", check_regions(&settings.regions).err()),
            ("token_age_max", check_age(settings.token_age_max).err()),
            ("endpoint_override", endpoint.as_ref().err().cloned()),
        ]
        .into_iter()
        .filter_map(|(field, rule)| Some(Violation::new(field, rule?)))
        .collect();
        let (Ok(audience), Ok(endpoint), true) = (audience, endpoint, violations.is_empty()) else {
            return Err(violations);
        };
        let AwsIamSettings { accounts, regions, token_age_max, .. } = settings;
        let (used, seats, turns) = (
            UsedTokens::since(started, accounts.len()),
            Semaphore::new(ASKING_MAX + WAITING_MAX),
            Semaphore::new(ASKING_MAX),
        );
        Ok(Self { audience, accounts, regions, token_age_max, endpoint, used, seats, turns, transport })
    }

    /// The scheme itself.
    pub(super) async fn prove(&self, evidence: &Evidence<'_>) -> Proof {
        let mut lines = evidence.headers.get_all(AWS_IAM_HEADER).iter();
        let proof = match (lines.next(), lines.next()) {
            (None, _) => return Proof::NotOffered,
            (Some(line), None) => self.identify(line, evidence.now).await,
            (Some(_), Some(_)) => Err(format!("several headers {AWS_IAM_HEADER}")),
        };
        proof.map_or_else(Proof::Failed, Proof::Proven)
    }

    async fn identify(&self, line: &HeaderValue, now: Timestamp) -> Result<Caller, String> {
        let token = Token::parse(line.as_bytes()).map_err(words)?;
        self.check_region(&token).map_err(words)?;
        self.check_time(&token, now).map_err(words)?;
        // Bounds the reservations, too.
        let _seat = self.seats.try_acquire().map_err(|_| "too many tokens wait for AWS".to_owned())?;
        let reservation = self.used.reserve(token.signature, token.date.at(), now).map_err(words)?;
        let identity = answer::read(&self.ask(&token).await?)?;
        if !self.accounts.contains(&identity.account) {
            return Err(format!("account {} is not among the accounts whose identities are callers", identity.account));
        }
        reservation.confirm(&identity.unique_id, identity.account).map_err(words)?;
        Ok(caller(&identity, &token))
    }

    fn check_region(&self, token: &Token) -> Result<(), Rule> {
        if self.regions.contains(&token.region) {
            return Ok(());
        }
        Err(Rule(format!("the token is for STS in {}, which is not among the regions", token.region).into()))
    }

    /// STS itself takes a signature for 15 minutes whatever `X-Amz-Expires` says, so the age is judged here.
    fn check_time(&self, token: &Token, now: Timestamp) -> Result<(), Rule> {
        let signed = token.date.at();
        if signed > now.plus(SKEW_MAX) {
            return Err(Rule::new("the token's date is over 60 s ahead; is the clock of the caller or ours wrong?"));
        }
        let good_for = self.token_age_max.min(token.lifetime());
        if now > signed.plus(good_for) {
            return Err(Rule(
                format!("the token is older than {} s; make a new one for each call", good_for.as_secs()).into(),
            ));
        }
        Ok(())
    }

    async fn ask(&self, token: &Token) -> Result<Response<Vec<u8>>, String> {
        let request = request::rebuild(token, &self.audience, &self.endpoint)
            .map_err(|error| format!("the request to AWS cannot be made: {error}"))?;
        let asking = async {
            let _turn = self.turns.acquire().await.map_err(|closed| closed.to_string())?;
            self.transport.send(request).await
        };
        let answer = timeout(LOOKUP_TIME_MAX, asking).await;
        let answer = answer.map_err(|_| format!("AWS could not be asked within {} s", LOOKUP_TIME_MAX.as_secs()))?;
        answer.map_err(|why| format!("AWS could not be asked: {}", printable(&why)))
    }
}

fn caller(identity: &Identity, token: &Token) -> Caller {
    let mut attributes = BTreeMap::from([
        ("account_id".to_owned(), identity.account.to_string()),
        ("unique_id".to_owned(), identity.unique_id.clone()),
        ("arn".to_owned(), identity.arn.clone()),
        ("access_key_id".to_owned(), token.access_key_id.to_string()),
    ]);
    match &identity.entity {
        Entity::Role { name, session } => {
            attributes.insert("role_name".to_owned(), name.clone());
            attributes.insert("session_name".to_owned(), session.clone());
        }
        Entity::User { name } => {
            attributes.insert("user_name".to_owned(), name.clone());
        }
    }
    Caller::new(Scheme::AwsIam, &identity.subject(), attributes)
}

/// Without spaces, because SigV4 folds them, and two audiences would be one.
fn read_audience(text: &str) -> Result<HeaderValue, Rule> {
    const RULE: Rule =
        Rule::new("must be 1 to 255 printable ASCII characters without space, such as a DNS name of the gateway");
    let well_formed =
        (1..=AUDIENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderValue::from_str(text).ok().filter(|_| well_formed).ok_or(RULE)
}

fn check_accounts(accounts: &BTreeSet<AccountId>) -> Result<(), Rule> {
    if accounts.is_empty() {
        return Err(Rule::new("must list at least one account, or nobody is a caller by AWS IAM"));
    }
    Ok(())
}

/// Other partitions have other host names and ARNs.
fn check_regions(regions: &BTreeSet<Region>) -> Result<(), Rule> {
    let elsewhere = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"];
    let is_elsewhere = |region: &Region| elsewhere.iter().any(|prefix| region.as_str().starts_with(prefix));
    if regions.is_empty() || regions.iter().any(is_elsewhere) {
        return Err(Rule::new("must list at least one region, and only those of the partition aws"));
    }
    Ok(())
}

fn check_age(age: Duration) -> Result<(), Rule> {
    if (Duration::from_secs(1)..=TOKEN_AGE_MAX).contains(&age) {
        return Ok(());
    }
    Err(Rule::new("must be from 1s to 15m: STS takes no older signature"))
}

fn words(rule: Rule) -> String {
    rule.to_string()
}

/// Words of another part, cut and without control characters.
fn printable(words: &str) -> String {
    words.escape_debug().take(WORDS_MAX).collect()
}

impl fmt::Debug for AwsIam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsIam")
            .field("audience", &self.audience)
            .field("accounts", &self.accounts)
            .field("regions", &self.regions)
            .field("token_age_max", &self.token_age_max)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
