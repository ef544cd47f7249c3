//! The hold on a root session: one that runs out half-way is opened once more, and what it refused is sent again.
//!
//! A session that is over refuses before it acts, so that even a change can be sent again. Nothing revokes a root session
//! and nothing extends one: a second that runs out ends the operation.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, future},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use tokio::time::Instant;

use super::{
    AwsFailure, Trail, change,
    session::{Ask, IssuedCredentials, Sts},
};
use crate::types::AccountId;

/// The root session of one operation. Its clients share it, and are dropped with it.
pub(super) struct Lease {
    sts: Arc<Sts>,
    ask: Ask,
    trail: Trail,
    held: Mutex<Held>,
    /// Held while the session is opened once more, so that calls that ran out together do that once.
    renewing: tokio::sync::Mutex<()>,
}

struct Held {
    credentials: Credentials,
    /// Measured from before it was asked for, so that AWS gives it at least that long, whatever any wall clock says.
    until: Instant,
    renewals: u32,
}

/// A second renewal would mean that an operation takes longer than two sessions live.
const RENEWALS_MAX: u32 = 1;
/// A call that is sent this close to the end may arrive after it.
const MARGIN: Duration = Duration::from_secs(5);

impl Lease {
    /// Opens the session.
    pub(super) async fn open(sts: Arc<Sts>, ask: Ask, trail: Trail) -> Result<Arc<Self>, AwsFailure> {
        let (credentials, until) = open(&sts, &ask, &trail).await?;
        let held = Mutex::new(Held { credentials, until, renewals: 0 });
        Ok(Arc::new(Self { sts, ask, trail, held, renewing: tokio::sync::Mutex::default() }))
    }

    /// The account whose root user it is.
    pub(super) const fn account(&self) -> AccountId {
        self.ask.account
    }

    /// What hands the session's credentials to clients. They must not cache them.
    pub(super) fn credentials(self: &Arc<Self>) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Current(Arc::clone(self)))
    }

    /// Sends a call that changes nothing.
    pub(super) async fn read<T, E, F>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Fn() -> F,
    ) -> Result<T, AwsFailure>
    where
        T: RequestId,
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        loop {
            let (renewals, over) = self.state();
            let answer = if over {
                Err(AwsFailure::session_over(service, operation))
            } else {
                self.trail.send(service, operation, call()).await
            };
            match answer {
                // Ends: each turn was refused by a session that is then renewed, or by the last one.
                Err(expired) if expired.is_session_expired() => self.renew(renewals, expired).await?,
                answer => return answer,
            }
        }
    }

    /// Sends a call that changes something; for it, the call must ask for one attempt only.
    pub(super) async fn change<T, E, F>(
        &self,
        service: &'static str,
        operation: &'static str,
        call: impl Fn() -> F,
    ) -> Result<T, AwsFailure>
    where
        T: RequestId,
        E: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        change::send(&self.trail, service, operation, || self.read(service, operation, &call)).await
    }

    /// Opens the session once more, unless that was done since the call that ran out was sent. If it was done before, the
    /// call has failed.
    async fn renew(&self, seen: u32, expired: AwsFailure) -> Result<(), AwsFailure> {
        let _alone = self.renewing.lock().await;
        let (renewals, _) = self.state();
        if seen < renewals {
            return Ok(());
        }
        if renewals >= RENEWALS_MAX {
            return Err(expired);
        }
        self.trail.confirm("sts", "AssumeRoot").await?;
        let opened = open(&self.sts, &self.ask, &self.trail).await;
        let mut held = self.held();
        held.renewals += 1;
        // Whatever became of the request for a session, the call that ran out was not carried out.
        (held.credentials, held.until) = opened.map_err(AwsFailure::before_the_act)?;
        Ok(())
    }

    /// How often it was renewed, and whether it is over by the clock.
    fn state(&self) -> (u32, bool) {
        let held = self.held();
        (held.renewals, Instant::now() >= held.until)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `sts:AssumeRoot`, and until when what it returned is used.
async fn open(sts: &Sts, ask: &Ask, trail: &Trail) -> Result<(Credentials, Instant), AwsFailure> {
    let (issued, asked_at) = sts.assume_root(ask, trail).await?;
    let IssuedCredentials { access_key_id, secret_access_key, session_token, .. } = issued;
    let credentials = Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "rootgate-session");
    Ok((credentials, asked_at + Duration::from_secs(ask.duration_seconds.into()).saturating_sub(MARGIN)))
}

/// Hands out the credentials of the moment.
struct Current(Arc<Lease>);

impl ProvideCredentials for Current {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Ok(self.0.held().credentials.clone()))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials of a root session")
    }
}

#[cfg(test)]
mod tests;
