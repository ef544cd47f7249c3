//! `[aws]`: where AWS is called, and how far the gateway may go there.

mod broker;

pub use broker::BrokerConfig;

use std::{collections::BTreeSet, time::Duration};

use crate::types::{AccountId, Region};

use super::{
    error::{Fault, Reported},
    table::Table,
    url::WebUrl,
    value::{Bounded, account, boolean, region, text_rule},
};

/// Where AWS is called, and how far the gateway may go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsConfig {
    /// Region of the gateway's own calls to STS, IAM and Organizations.
    pub home_region: Region,
    /// Regions in which an act may be asked for. Holds the home region.
    pub allowed_regions: BTreeSet<Region>,
    /// Accounts that are never a target.
    pub protected_accounts: BTreeSet<AccountId>,
    /// Whether the account that the gateway runs in may be a target.
    pub delegated_administrator_allowed: bool,
    /// How long handed-out root credentials live, unless the caller asks for another time. Whole seconds.
    pub session_duration_default: Duration,
    /// The longest that a caller may ask for. Whole seconds.
    pub session_duration_max: Duration,
    /// How long the organization's answer about an account is believed.
    pub account_cache_ttl: Duration,
    /// Time for one attempt of an AWS call.
    pub attempt_timeout: Duration,
    /// Time for an AWS call with all its attempts.
    pub operation_timeout: Duration,
    /// Time for the connection to AWS.
    pub connect_timeout: Duration,
    /// Attempts of one AWS call, the first one included.
    pub attempts_max: u32,
    /// Calls of `sts:AssumeRoot` in a second.
    pub assume_root_per_second_max: u32,
    /// The roles through which root sessions are opened. None: with the gateway's own identity.
    pub broker: Option<BrokerConfig>,
    /// Overrides for simulators. None in production.
    pub development: Option<DevelopmentConfig>,
}

/// Overrides for simulators. That the value exists proves that the sentence was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevelopmentConfig {
    /// Where all AWS calls go, root sessions with them: scheme, host and port.
    pub endpoint: String,
}

/// The sentence that must be typed out, so that nobody points a production gateway elsewhere by habit.
pub const ENDPOINT_OVERRIDE_SENTENCE: &str = "yes-root-sessions-may-leave-aws";

/// The gateway's own account holds the gateway: who becomes root there owns everything.
const DELEGATED_ADMINISTRATOR_ALLOWED: bool = false;
/// Long enough for an act by hand, short enough to be worth little in a log.
const SESSION_DURATION_DEFAULT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(5 * 60), min: Duration::from_secs(1), max: SESSION_DURATION_CEILING };
/// As long as AWS allows; configuration may only shorten it.
const SESSION_DURATION_MAX: Bounded<Duration> =
    Bounded { default: SESSION_DURATION_CEILING, min: Duration::from_secs(1), max: SESSION_DURATION_CEILING };
/// AWS STS API Reference, AssumeRoot, DurationSeconds: at most 900.
const SESSION_DURATION_CEILING: Duration = Duration::from_secs(15 * 60);
/// DescribeAccount is throttled for the whole organization; a minute keeps a burst of acts on one account to one call.
const ACCOUNT_CACHE_TTL: Bounded<Duration> = Bounded {
    default: Duration::from_secs(60),
    min: Duration::from_secs(1),
    // Longer, and an account that left the organization would still be a target.
    max: Duration::from_secs(10 * 60),
};
/// The calls answer within a second; five leave room for a slow day.
const ATTEMPT_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(5), min: Duration::from_millis(100), max: Duration::from_secs(60) };
/// Three attempts of five seconds, and the waits between them.
const OPERATION_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(20), min: Duration::from_millis(100), max: Duration::from_secs(5 * 60) };
/// The SDK's own default is 3.1 s.
const CONNECT_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(3), min: Duration::from_millis(100), max: Duration::from_secs(30) };
/// What AWS SDKs do (AWS SDKs and Tools Reference Guide, "Retry behavior").
const ATTEMPTS_MAX: Bounded<u32> = Bounded { default: 3, min: 1, max: 10 };
/// AssumeRoot is throttled hard, and a fan-out must not take the quota from people.
const ASSUME_ROOT_PER_SECOND_MAX: Bounded<u32> = Bounded { default: 5, min: 1, max: 100 };

impl AwsConfig {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let home_region = table.required("home_region", r#"write `home_region = "us-east-1"`"#, text_rule(region));
        let allowed_regions = table.required_list(
            "allowed_regions",
            r#"write `allowed_regions = ["us-east-1", "eu-west-1"]`"#,
            text_rule(region),
        );
        let protected_accounts = table.set("protected_accounts", text_rule(account));
        let delegated_administrator_allowed = table.optional("delegated_administrator_allowed", boolean);
        let session_durations = read_session_durations(table);
        let account_cache_ttl = table.duration("account_cache_ttl", &ACCOUNT_CACHE_TTL);
        let timeouts = read_timeouts(table);
        let attempts_max = table.integer("attempts_max", &ATTEMPTS_MAX);
        let assume_root_per_second_max = table.integer("assume_root_per_second_max", &ASSUME_ROOT_PER_SECOND_MAX);
        let broker = table.optional_section("broker", BrokerConfig::read);
        let development = table.optional_section("development", DevelopmentConfig::read);
        let (home_region, allowed_regions) = (home_region?, allowed_regions?.into_iter().collect::<BTreeSet<_>>());
        if !allowed_regions.contains(&home_region) {
            return Err(table.report_at(
                "home_region",
                Fault::new("must be one of aws.allowed_regions", "add it there, or choose a region that is there"),
            ));
        }
        let (session_duration_default, session_duration_max) = session_durations?;
        let (connect_timeout, attempt_timeout, operation_timeout) = timeouts?;
        Ok(Self {
            home_region,
            allowed_regions,
            protected_accounts: protected_accounts?,
            delegated_administrator_allowed: delegated_administrator_allowed?
                .unwrap_or(DELEGATED_ADMINISTRATOR_ALLOWED),
            session_duration_default,
            session_duration_max,
            account_cache_ttl: account_cache_ttl?,
            attempt_timeout,
            operation_timeout,
            connect_timeout,
            attempts_max: attempts_max?,
            assume_root_per_second_max: assume_root_per_second_max?,
            broker: broker?,
            development: development?,
        })
    }
}

/// Default and maximum. A default that is not written follows a maximum that is shorter.
fn read_session_durations(table: &Table<'_>) -> Result<(Duration, Duration), Reported> {
    let default = table.duration("session_duration_default", &SESSION_DURATION_DEFAULT);
    let max = table.duration("session_duration_max", &SESSION_DURATION_MAX);
    let whole_seconds = |key, duration: Result<Duration, Reported>| {
        let duration = duration?;
        if duration.subsec_nanos() == 0 {
            return Ok(duration);
        }
        Err(table.report_at(key, Fault::new("must be whole seconds, as AWS counts them", r#"write "300s" or "5m""#)))
    };
    let default = whole_seconds("session_duration_default", default);
    let max = whole_seconds("session_duration_max", max)?;
    let default = default?;
    if default <= max {
        return Ok((default, max));
    }
    if !table.has("session_duration_default") {
        return Ok((max, max));
    }
    Err(table.report_at(
        "session_duration_default",
        Fault::new("must not be longer than aws.session_duration_max", "shorten it, or raise session_duration_max"),
    ))
}

/// Connect, attempt and operation timeout: each holds the one before.
fn read_timeouts(table: &Table<'_>) -> Result<(Duration, Duration, Duration), Reported> {
    let connect = table.duration("connect_timeout", &CONNECT_TIMEOUT);
    let attempt = table.duration("attempt_timeout", &ATTEMPT_TIMEOUT);
    let operation = table.duration("operation_timeout", &OPERATION_TIMEOUT);
    let (connect, attempt, operation) = (connect?, attempt?, operation?);
    let connect_fits = table.check(
        connect <= attempt,
        &["connect_timeout", "attempt_timeout"],
        Fault::new(
            "contradiction: connect_timeout is longer than attempt_timeout",
            "raise attempt_timeout, which holds it",
        ),
    );
    let attempt_fits = table.check(
        attempt <= operation,
        &["attempt_timeout", "operation_timeout"],
        Fault::new(
            "contradiction: attempt_timeout is longer than operation_timeout",
            "raise operation_timeout, which holds it",
        ),
    );
    connect_fits?;
    attempt_fits?;
    Ok((connect, attempt, operation))
}

impl DevelopmentConfig {
    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let endpoint = table.required(
            "endpoint",
            r#"write `endpoint = "http://127.0.0.1:4599"`, or remove the section"#,
            text_rule(endpoint),
        );
        let sentence = table.required(
            "allow_endpoint_override",
            "in production remove [aws.development]; for a simulator write \
             `allow_endpoint_override = \"yes-root-sessions-may-leave-aws\"`",
            text_rule(sentence),
        );
        let (endpoint, ()) = (endpoint?, sentence?);
        Ok(Self { endpoint })
    }
}

fn sentence(text: &str) -> Result<(), Fault> {
    if text == ENDPOINT_OVERRIDE_SENTENCE {
        return Ok(());
    }
    Err(Fault::new(
        "must be the sentence that says what it does",
        "in production remove [aws.development]; for a simulator write \"yes-root-sessions-may-leave-aws\"",
    ))
}

fn endpoint(text: &str) -> Result<String, Fault> {
    match WebUrl::parse(text) {
        Some(url) if url.path.is_empty() => Ok(text.to_owned()),
        _ => Err(Fault::new(
            "must be http:// or https:// with host and port, and nothing behind",
            "write \"http://127.0.0.1:4599\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for good in ["http://127.0.0.1:4599", "https://simulator.example", "http://[::1]:80", "http://simulator:1"] {
            assert_eq!(endpoint(good).unwrap(), good);
        }
        for bad in ["", "127.0.0.1:4599", "http://a/", "http://a/b", "http://a?b", "http://user@a"] {
            assert!(endpoint(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_whole_sentence_counts() {
        assert!(sentence(ENDPOINT_OVERRIDE_SENTENCE).is_ok());
        for bad in ["", "yes", "true", "YES-ROOT-SESSIONS-MAY-LEAVE-AWS", " yes-root-sessions-may-leave-aws"] {
            assert!(sentence(bad).is_err(), "{bad:?}");
        }
    }
}
