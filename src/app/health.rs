//! Health: SERVING while an act could be recorded, per service name.

use tokio::{sync::watch, task::JoinHandle};
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health as HealthService, HealthServer},
    server::{HealthReporter, health_reporter},
};

use crate::journal::{Health as JournalHealth, Journal};

/// The services that are served; those that are not yet stay NOT_SERVING.
const SERVED: [&str; 4] =
    ["", "rootgate.v1.RootAccessService", "rootgate.v1.PolicyService", "rootgate.v1.JournalService"];
const NOT_SERVED_YET: [&str; 1] = ["rootgate.v1.ApprovalService"];

/// Tells load balancers whether to come here.
#[derive(Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
}

impl Health {
    /// Starts with the journal's present health.
    pub(super) async fn new(journal: &Journal) -> (Self, HealthServer<impl HealthService>) {
        let (reporter, service) = health_reporter();
        let health = Self { reporter };
        for name in NOT_SERVED_YET {
            health.reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
        let now = journal.health().borrow().clone();
        health.set(&now).await;
        (health, service)
    }

    /// Follows the journal's health until aborted.
    pub(super) fn follow(&self, mut journal: watch::Receiver<JournalHealth>) -> JoinHandle<()> {
        let health = self.clone();
        tokio::spawn(async move {
            while journal.changed().await.is_ok() {
                let now = journal.borrow_and_update().clone();
                match &now {
                    JournalHealth::Writable => tracing::info!("the journal can be written again; serving"),
                    JournalHealth::Unwritable(why) => {
                        tracing::error!(why, "the journal cannot be written: acts are refused, health is NOT_SERVING");
                    }
                }
                health.set(&now).await;
            }
        })
    }

    /// Tells everybody to go elsewhere.
    pub(super) async fn stopping(&self) {
        self.set_served(ServingStatus::NotServing).await;
    }

    async fn set(&self, journal: &JournalHealth) {
        self.set_served(match journal {
            JournalHealth::Writable => ServingStatus::Serving,
            JournalHealth::Unwritable(_) => ServingStatus::NotServing,
        })
        .await;
    }

    async fn set_served(&self, status: ServingStatus) {
        for name in SERVED {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
