//! The simulated world: an organization, its accounts and what they own.
//!
//! Everything is public and plain, so that a test can build it in Rust and change it while the simulator runs. Policies are
//! kept as JSON text and evaluated as they stand at the time of a call.

mod account;
mod organization;
mod principal;
mod resource;
mod root_user;
mod session;

use std::collections::BTreeMap;

pub use account::{Account, AccountState};
pub use organization::{Delegation, FeatureSet, Organization, OrganizationalUnit};
pub use principal::{AccessKey, IamPrincipal, PrincipalType};
pub use resource::{Bucket, Message, Object, ObjectLock, Queue, StaleAttributes};
pub use root_user::{CredentialStatus, LastUsed, MfaDevice, RootAccessKey, RootUser, SigningCertificate};
pub use session::RoleSession;
pub(crate) use session::{Session, SessionKind};

/// How the simulator behaves, apart from what there is in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most items in one page of any listing; small values force many pages. `None` means AWS's own defaults.
    pub page_size: Option<usize>,
    /// Every listing that pages starts with an empty page that has a next token, which AWS allows itself in Organizations.
    pub empty_first_page: bool,
    /// `aws:SecureTransport` is "true" although the wire is plain HTTP, because policies that deny calls without TLS are common.
    pub pretend_tls: bool,
    /// Organizations also returns the retired `Status` beside `State`.
    pub account_status: bool,
    /// Queue URLs name AWS's own host instead of the simulator's endpoint. SDKs that send to the URL would then leave the machine.
    pub aws_queue_urls: bool,
    /// IAM and Organizations take signatures for their home region us-east-1 only, as AWS does. Off by default, because SDKs that
    /// are given an endpoint URL sign for the client's own region instead.
    pub strict_home_region: bool,
    /// So many reads of a queue's attributes after a change still show what was there before: in AWS a change can take up to 60
    /// seconds. What the queue lets in changes at once.
    pub queue_stale_reads: u64,
    /// Policies of buckets and queues are returned without the white space between their tokens, as by a service that parses
    /// them and writes them again, instead of byte for byte as they were put.
    pub compact_policies: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_size: None,
            empty_first_page: false,
            pretend_tls: true,
            account_status: false,
            aws_queue_urls: false,
            strict_home_region: false,
            queue_stale_reads: 0,
            compact_policies: false,
        }
    }
}

/// All that the simulator knows.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// How to behave.
    pub settings: Settings,
    /// The organization.
    pub organization: Organization,
    /// Every account by its id, also those outside of the organization.
    pub accounts: BTreeMap<String, Account>,
    /// Temporary credentials that were issued.
    pub(crate) sessions: Vec<Session>,
}

impl World {
    /// An account by its id.
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// An account by its id, to change it.
    pub fn account_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.get_mut(id)
    }

    /// A bucket by its name, which is unique over all accounts, and its owner.
    pub fn bucket(&self, name: &str) -> Option<(&Account, &Bucket)> {
        self.accounts.values().find_map(|account| account.buckets.get(name).map(|bucket| (account, bucket)))
    }

    /// A bucket by its name, to change it.
    pub fn bucket_mut(&mut self, name: &str) -> Option<&mut Bucket> {
        self.accounts.values_mut().find_map(|account| account.buckets.get_mut(name))
    }

    /// A queue by its account, region and name.
    pub fn queue(&self, account: &str, region: &str, name: &str) -> Option<&Queue> {
        self.account(account)?.queues.iter().find(|queue| queue.region == region && queue.name == name)
    }

    /// A queue by its account, region and name, to change it.
    pub fn queue_mut(&mut self, account: &str, region: &str, name: &str) -> Option<&mut Queue> {
        self.account_mut(account)?.queues.iter_mut().find(|queue| queue.region == region && queue.name == name)
    }

    /// A user or role by its name, with its account. Scenarios keep these names unique.
    pub fn principal(&self, name: &str) -> Option<(&Account, &IamPrincipal)> {
        self.accounts.values().find_map(|account| {
            account.principals.iter().find(|principal| principal.name == name).map(|principal| (account, principal))
        })
    }

    /// The static access key of a user, a role or, by `ACCOUNT/root`, a root user that has one with a known secret.
    pub fn access_key(&self, name: &str) -> Option<AccessKey> {
        if let Some((account, "root")) = name.split_once('/') {
            return self.account(account)?.root.access_keys.iter().find_map(RootAccessKey::credentials);
        }
        self.principal(name).map(|(_, principal)| principal.access_key.clone())
    }

    /// How many sessions of `sts:AssumeRoot` on this account are still good.
    pub fn live_root_sessions(&self, account: &str) -> usize {
        let now = crate::clock::now();
        self.sessions
            .iter()
            .filter(|session| session.is_root() && session.account == account && session.expiration > now)
            .count()
    }

    /// Secrets of every temporary credential that was issued.
    pub(crate) fn issued_secrets(&self) -> Vec<String> {
        self.sessions
            .iter()
            .flat_map(|session| [session.secret_access_key.clone(), session.session_token.clone()])
            .collect()
    }

    /// Ends the session with this key, if it is one: a static key lives on.
    pub(crate) fn expire_session(&mut self, access_key_id: &str) {
        for session in self.sessions.iter_mut().filter(|session| session.access_key_id == access_key_id) {
            session.expiration = 0;
        }
    }

    /// Ends every root session at once: its next call is refused as expired.
    pub fn expire_root_sessions(&mut self) {
        for session in self.sessions.iter_mut().filter(|session| session.is_root()) {
            session.expiration = 0;
        }
    }
}
