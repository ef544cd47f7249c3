//! A panic ends one request, not the process, and tells the caller nothing.

use std::any::Any;

use http::Response;
use tonic::{Status, body::Body};
use tower_http::catch_panic::CatchPanicLayer;

/// Longest part of a panic's words that goes to the log, in characters.
const WORDS_MAX: usize = 500;

/// The layer that [`panic_guard`] makes.
pub type PanicLayer = CatchPanicLayer<fn(Box<dyn Any + Send>) -> Response<Body>>;

/// Turns a panic further in into gRPC INTERNAL and a line in the log.
#[must_use]
pub fn panic_guard() -> PanicLayer {
    CatchPanicLayer::custom(respond)
}

fn respond(panic: Box<dyn Any + Send>) -> Response<Body> {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let words: String = words.unwrap_or("a panic without words").chars().take(WORDS_MAX).collect();
    tracing::error!(panic = words, "a request handler panicked; this is a defect of the gateway");
    Status::internal("the gateway failed; its operators find the cause in the log").into_http()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Request;
    use tower::{Layer as _, ServiceExt as _};

    use super::*;
    use crate::telemetry::testing::captured;

    async fn panic_with(words: impl Any + Send + Clone) -> Response<()> {
        let inner = tower::service_fn(move |_: Request<()>| {
            let words = words.clone();
            async move {
                if words.type_id() != std::any::TypeId::of::<()>() {
                    std::panic::panic_any(words);
                }
                Ok::<_, Infallible>(Response::new(Body::empty()))
            }
        });
        panic_guard().layer(inner).oneshot(Request::new(())).await.unwrap().map(drop)
    }

    #[tokio::test]
    async fn a_panic_becomes_internal_with_fixed_words_and_a_log_line() {
        for (words, logged) in [("canary-one", "canary-one"), ("canary-two", "canary-two")] {
            let (log, response) = captured(panic_with(words)).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["grpc-status"], "13");
            let message = response.headers()["grpc-message"].to_str().unwrap();
            assert!(message.starts_with("the%20gateway%20failed") && !message.contains("canary"));
            assert!(log.contains("ERROR") && log.contains(logged), "{log}");
        }
        let (log, _) = captured(panic_with("long ".repeat(10_000))).await;
        assert!(log.contains("long long") && log.len() < 2 * WORDS_MAX, "{}", log.len());
        let (log, response) = captured(panic_with(7_u8)).await;
        assert_eq!(response.headers()["grpc-status"], "13");
        assert!(log.contains("without words"));
    }

    #[tokio::test]
    async fn without_a_panic_nothing_is_changed_or_logged() {
        let (log, response) = captured(panic_with(())).await;
        assert_eq!(response.headers().len(), 0);
        assert_eq!(log, "");
    }
}
