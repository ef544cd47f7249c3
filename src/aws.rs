//! Acts on AWS. The only place that names the AWS SDK.
//!
//! A root session is opened with a [`Permit`], for the account and the task policy that the permitted operation names,
//! lives for that one operation and is dropped. Every answered call leaves its request id in the [`Trail`].

mod anchor;
mod attempts;
mod broker;
mod change;
mod directory;
mod failure;
mod iam;
mod lease;
mod organization;
mod pace;
mod platform;
mod s3;
mod session;
mod sqs;
#[cfg(test)]
mod testing;
mod trail;

pub use anchor::{AnchorBucket, AnchorSettings};
pub use broker::BrokerRoles;
pub use directory::{AccountState, Directory, Organization};
pub use failure::{AwsFailure, Fate};
pub use iam::{
    AccessKeyFacts, CredentialItem, KeyUse, MfaDeviceFacts, RootCredentials, RootSummary, SigningCertificateFacts,
};
pub use organization::{TreeReadError, TreeReader, TreeReaderSettings};
pub use platform::{GatewayCredentials, Platform, PlatformError, PlatformSettings};
pub use s3::{BucketPolicies, BucketRegion};
pub use session::{IssuedCredentials, ROOT_SESSION_SECONDS, RootSession};
pub use sqs::QueuePolicies;
pub use trail::{ActJournal, AwsCall, Trail};

use std::{sync::Arc, time::Duration};

use crate::{
    authz::{Permit, RootTask},
    error::Error,
    types::{Region, TaskPolicy},
};

/// The gateway's hold on AWS.
#[derive(Debug)]
pub struct Aws {
    platform: Arc<Platform>,
    directory: Directory,
    sts: Arc<session::Sts>,
}

impl Aws {
    /// Clients for the gateway's own identity. Sends nothing. An account's state is believed for `account_cache_ttl`. With
    /// broker roles, root sessions are opened through them.
    #[must_use]
    pub fn new(platform: Platform, account_cache_ttl: Duration, broker: Option<BrokerRoles>) -> Self {
        let platform = Arc::new(platform);
        let directory = Directory::new(&platform, account_cache_ttl);
        Self { directory, sts: Arc::new(session::Sts::new(&platform, broker)), platform }
    }

    /// What is known of the organization.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Region of STS, and of the first look for a bucket.
    #[must_use]
    pub fn home_region(&self) -> &Region {
        &self.platform.settings().home_region
    }

    /// Whether anything may be done in this region.
    ///
    /// # Errors
    /// It is not on the allow-list.
    pub fn allow_region(&self, region: &Region) -> Result<(), Error> {
        self.platform.allow_region(region)
    }

    /// Opens the root session of a permitted operation: `sts:AssumeRoot` on its account with its task policy. Should it run
    /// out half-way, it is opened once more.
    ///
    /// # Errors
    /// AWS's refusal. No session was opened then, or its credentials were lost with the answer.
    pub async fn assume_root<O: RootTask>(&self, permit: &Permit<O>, trail: &Trail) -> Result<RootSession, AwsFailure> {
        let ask = ask(permit, session::ROOT_SESSION_SECONDS);
        let lease = lease::Lease::open(Arc::clone(&self.sts), ask, trail.clone()).await?;
        Ok(RootSession::new(Arc::clone(&self.platform), lease))
    }

    /// The same, for the one operation that hands the credentials to the caller.
    ///
    /// # Errors
    /// AWS's refusal.
    pub async fn issue<O: RootTask>(
        &self,
        permit: &Permit<O>,
        duration_seconds: u16,
        trail: &Trail,
    ) -> Result<IssuedCredentials, AwsFailure> {
        self.sts.issue(&ask(permit, duration_seconds), trail).await
    }
}

impl Aws {
    /// The call that would come before `sts:AssumeRoot`, if root sessions are opened through broker roles: its parameters
    /// as the API names them, without those that only an operation has.
    #[must_use]
    pub fn broker_parameters<O: RootTask>(
        &self,
        permit: &Permit<O>,
        task_policy: TaskPolicy,
    ) -> Option<Vec<(&'static str, String)>> {
        self.sts.broker()?.parameters(&session::Ask { task_policy, ..ask(permit, session::ROOT_SESSION_SECONDS) })
    }
}

/// A session for exactly what was permitted.
fn ask<O: RootTask>(permit: &Permit<O>, duration_seconds: u16) -> session::Ask {
    let operation = permit.operation();
    session::Ask {
        account: operation.account(),
        task_policy: operation.task_policy(),
        duration_seconds,
        origin: broker::Origin {
            caller: permit.caller().subject().to_owned(),
            kind: O::KIND,
            ticket: operation.why().ticket.clone(),
        },
    }
}
