//! Hands out temporary root credentials, limited by one task policy.

use std::time::Duration;

use serde_json::json;

use super::{Conclusion, Means, Operation, Plan, plan::opening_for, state::State};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{Fate, IssuedCredentials, Trail},
    error::Error,
    types::{AccountId, Kind, Region, Rule, TaskPolicy},
};

/// How long credentials live: whole seconds, 1 to 900 (STS API Reference, "AssumeRoot", `DurationSeconds`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u16);

/// AWS's own limit.
const SECONDS_MAX: u64 = 900;

impl SessionDuration {
    /// The shortest.
    pub const MIN: Self = Self(1);

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> u16 {
        self.0
    }
}

impl TryFrom<Duration> for SessionDuration {
    type Error = Rule;

    fn try_from(duration: Duration) -> Result<Self, Rule> {
        const RULE: Rule = Rule::new("must be whole seconds from 1 to 900");
        if duration.subsec_nanos() != 0 || !(1..=SECONDS_MAX).contains(&duration.as_secs()) {
            return Err(RULE);
        }
        u16::try_from(duration.as_secs()).map(Self).map_err(|_| RULE)
    }
}

/// See the module.
#[derive(Debug)]
pub struct AssumeRoot {
    /// Whose root user.
    pub account: AccountId,
    /// What the credentials may do.
    pub task_policy: TaskPolicy,
    /// How long they live.
    pub duration: SessionDuration,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
}

/// Credentials, or what would be done for them.
pub enum RootAssumed {
    /// They are handed out once.
    Issued(IssuedCredentials),
    /// Only a plan was asked for.
    Planned(Plan),
}

impl Ask for AssumeRoot {
    const KIND: Kind = Kind::AssumeRoot;

    fn target(&self) -> Target {
        Target::Account(self.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![
            ("task_policy", Argument::Text(self.task_policy.name().to_owned())),
            ("duration_seconds", Argument::Number(self.duration.0.into())),
        ]
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl RootTask for AssumeRoot {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        self.task_policy
    }
}

impl Operation for AssumeRoot {
    type Output = RootAssumed;

    async fn act(permit: &Permit<Self>, Means { aws, .. }: Means<'_>, trail: &Trail) -> Result<RootAssumed, Error> {
        let Self { account, task_policy, duration, terms, .. } = permit.operation();
        // A session depends on nothing but the account, of which the gate has seen that it is there and active.
        let state = State::of_account(&account.root_arn());
        state.check(terms.etag.as_ref())?;
        let duration = duration.seconds();
        if terms.validate_only {
            let calls = opening_for(permit, aws, *task_policy, duration);
            return Ok(RootAssumed::Planned(Plan {
                etag: state.etag()?,
                would_change: true,
                calls,
                policy: None,
                credentials: None,
            }));
        }
        let issued = aws.issue(permit, duration, trail).await;
        issued.map(RootAssumed::Issued).map_err(|failure| match failure.fate {
            // Perhaps there is a session now that nobody holds. It ends by itself, but it must not be called "not done".
            Fate::Unknown => failure.into_unknown(),
            Fate::NotSent | Fate::Refused => failure.into_error(),
        })
    }

    fn conclude(output: &RootAssumed) -> Conclusion {
        let (changed, detail) = match output {
            RootAssumed::Issued(issued) => {
                (true, json!({ "access_key_id": issued.access_key_id, "expiration": issued.expiration.to_string() }))
            }
            RootAssumed::Planned(plan) => (false, json!({ "etag": plan.etag.as_str() })),
        };
        Conclusion { changed: Some(changed), detail, shortfall: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_whole_seconds_up_to_the_limit_of_aws() {
        assert_eq!(SessionDuration::try_from(Duration::from_secs(900)).unwrap().seconds(), 900);
        for bad in [Duration::ZERO, Duration::from_secs(901), Duration::from_millis(1500), Duration::MAX] {
            assert!(SessionDuration::try_from(bad).is_err(), "{bad:?}");
        }
    }
}
