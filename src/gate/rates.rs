//! How often each kind of operation may run, over all callers together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use super::callers::limited;
use crate::{
    clock::{Rate, Used},
    error::Error,
    types::Kind,
};

/// The budgets of kinds. A kind without one is not bounded here; its callers are.
#[derive(Debug)]
pub(super) struct KindRates(BTreeMap<Kind, (Rate, Mutex<Used>)>);

impl KindRates {
    pub(super) fn new(rates: BTreeMap<Kind, Rate>) -> Self {
        let now = Instant::now();
        Self(rates.into_iter().map(|(kind, rate)| (kind, (rate, Mutex::new(Used::nothing(now))))).collect())
    }

    /// Takes a turn of this kind, or refuses at once. Asked only for what policy allows, so that nobody uses up a budget
    /// who may not act.
    pub(super) fn take(&self, kind: Kind) -> Result<(), Error> {
        let Some((rate, used)) = self.0.get(&kind) else { return Ok(()) };
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        rate.take(&mut used, Instant::now()).map_err(|wait| {
            limited("this kind of operation is asked for more often than the gateway's configuration allows", wait)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::ErrorReason;

    #[tokio::test(start_paused = true)]
    async fn a_kind_has_one_budget_for_everybody_and_others_have_theirs() {
        let rates = KindRates::new(BTreeMap::from([(Kind::AssumeRoot, Rate::per_minute(1, 2))]));
        rates.take(Kind::AssumeRoot).unwrap();
        rates.take(Kind::AssumeRoot).unwrap();
        let error = rates.take(Kind::AssumeRoot).unwrap_err();
        assert_eq!((error.reason(), error.retry_after()), (ErrorReason::RateLimited, Some(Duration::from_secs(60))));
        rates.take(Kind::AuditRootCredentials).unwrap();
        tokio::time::advance(Duration::from_secs(60)).await;
        rates.take(Kind::AssumeRoot).unwrap();
    }
}
