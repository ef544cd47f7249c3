//! What is known of the organization: who manages it, and whether an account belongs to it and is active.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_organizations::types::{Account, AccountState as SdkState, Organization as Described};
use tokio::{sync::OnceCell, time::Instant};

use super::{AwsFailure, Platform, Trail};
use crate::types::AccountId;

/// The organization, and the gateway's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id, `o-...`.
    pub id: String,
    /// Its management account, whose root user nobody can act as.
    pub management_account: AccountId,
    /// The account that the gateway's own credentials belong to.
    pub own_account: AccountId,
}

/// Where an account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// A member, and active.
    Active,
    /// A member in another state, as AWS spells it, for example SUSPENDED.
    Inactive(String),
    /// No member.
    NotInOrganization,
}

/// Reads the organization with the gateway's own identity, and remembers for a while: AWS allows few of these calls.
#[derive(Debug)]
pub struct Directory {
    organizations: aws_sdk_organizations::Client,
    sts: aws_sdk_sts::Client,
    organization: OnceCell<Organization>,
    states: Mutex<HashMap<AccountId, (Instant, AccountState)>>,
    ttl: Duration,
}

/// Twice the largest organizations that this is made for; when it is full, it starts anew.
const STATES_MAX: usize = 10_000;

impl Directory {
    pub(super) fn new(platform: &Platform, ttl: Duration) -> Self {
        let config = platform.as_gateway();
        Self {
            organizations: aws_sdk_organizations::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            organization: OnceCell::new(),
            states: Mutex::new(HashMap::new()),
            ttl,
        }
    }

    /// The organization. Asked once; neither answer changes while the gateway runs.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn organization(&self) -> Result<Organization, AwsFailure> {
        self.organization.get_or_try_init(|| self.read_organization()).await.cloned()
    }

    /// Where an account stands.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn account_state(&self, account: AccountId) -> Result<AccountState, AwsFailure> {
        let known = self.states().get(&account).filter(|(read_at, _)| read_at.elapsed() < self.ttl).cloned();
        if let Some((_, state)) = known {
            return Ok(state);
        }
        let state = self.read_state(account).await?;
        let mut states = self.states();
        if states.len() >= STATES_MAX {
            states.clear();
        }
        states.insert(account, (Instant::now(), state.clone()));
        Ok(state)
    }

    async fn read_organization(&self) -> Result<Organization, AwsFailure> {
        let trail = Trail::default();
        let (described, identity) =
            tokio::join!(self.organizations.describe_organization().send(), self.sts.get_caller_identity().send());
        let described = trail.note("organizations", "DescribeOrganization", described)?;
        let identity = trail.note("sts", "GetCallerIdentity", identity)?;
        let organization = described.organization.unwrap_or_else(|| Described::builder().build());
        let nameless = || AwsFailure::nonsense("organizations", "DescribeOrganization", "the organization has no id");
        let management = organization.master_account_id;
        Ok(Organization {
            id: organization.id.ok_or_else(nameless)?,
            management_account: account_id("organizations", "DescribeOrganization", management)?,
            own_account: account_id("sts", "GetCallerIdentity", identity.account)?,
        })
    }

    async fn read_state(&self, account: AccountId) -> Result<AccountState, AwsFailure> {
        let call = self.organizations.describe_account().account_id(account.as_str());
        match Trail::default().note("organizations", "DescribeAccount", call.send().await) {
            Ok(output) => Ok(output.account.as_ref().map_or(AccountState::NotInOrganization, state)),
            Err(failure) if failure.is(&["AccountNotFoundException", "AccountNotFound"]) => {
                Ok(AccountState::NotInOrganization)
            }
            Err(failure) => Err(failure),
        }
    }

    fn states(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, (Instant, AccountState)>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `State`, or `Status` where an older answer has only that. Neither is not "active".
#[allow(deprecated, reason = "AWS retires Status in favour of State; answers without State still occur")]
fn state(account: &Account) -> AccountState {
    let text = match (account.state(), account.status()) {
        (Some(SdkState::Active), _) => return AccountState::Active,
        (Some(state), _) => state.as_str(),
        (None, Some(status)) if status.as_str() == "ACTIVE" => return AccountState::Active,
        (None, Some(status)) => status.as_str(),
        (None, None) => "UNKNOWN",
    };
    AccountState::Inactive(text.to_owned())
}

fn account_id(service: &'static str, operation: &'static str, text: Option<String>) -> Result<AccountId, AwsFailure> {
    let parsed = text.and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| AwsFailure::nonsense(service, operation, "AWS answered success without an account id"))
}
