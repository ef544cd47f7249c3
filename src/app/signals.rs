//! When to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Completes at SIGTERM (service managers, `podman stop`) or SIGINT (Ctrl-C).
pub(super) async fn stop() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "told to stop"),
                _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "told to stop"),
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            // A gateway that cannot be stopped gracefully must not run: its acts would lose their outcomes.
            tracing::error!(%error, "signals cannot be watched; stopping");
        }
    }
}
