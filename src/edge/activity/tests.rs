//! When a connection is idle, and what counts as a request.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use super::*;
use crate::authn::testing::remote;

const IDLE_MAX: Duration = Duration::from_secs(300);

/// The activity of a connection on which somebody has proven an identity.
fn proven() -> Arc<Activity> {
    let activity = unproven();
    activity.prove();
    activity
}

fn unproven() -> Arc<Activity> {
    Activity::new(&PeerFacts { remote: remote(), certificates: Arc::default() })
}

fn facts(activity: &Arc<Activity>) -> ConnectionFacts {
    let peer = PeerFacts { remote: remote(), certificates: Arc::default() };
    ConnectionFacts { peer, activity: Arc::clone(activity) }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_any_request_is_idle_from_its_beginning() {
    let began = Instant::now();
    proven().idle(IDLE_MAX).await;
    assert_eq!(began.elapsed(), IDLE_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_runs_is_activity_and_the_time_counts_from_its_end() {
    let (began, activity) = (Instant::now(), proven());
    let requests = async {
        let first = activity.begin();
        let second = activity.begin();
        tokio::time::sleep(IDLE_MAX * 2).await;
        drop(first);
        tokio::time::sleep(IDLE_MAX * 2).await;
        drop(second);
    };
    tokio::join!(activity.idle(IDLE_MAX), requests);
    assert_eq!(began.elapsed(), IDLE_MAX * 5);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_over_when_its_body_is() {
    let activity = proven();
    let (sender, end) = oneshot::channel::<()>();
    // A body without frames that ends when the sender is dropped.
    let frames = stream::unfold(end, |end| async {
        end.await.ok().map(|()| (Ok::<_, Status>(Frame::data(Bytes::new())), oneshot::channel().1))
    });
    let mut body = Some(Body::new(StreamBody::new(Box::pin(frames))));
    let inner = tower::service_fn(move |request: Request<()>| {
        assert!(request.extensions().get::<PeerFacts>().is_some());
        assert!(request.extensions().get::<ConnectionFacts>().is_none());
        let body = body.take().unwrap();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let mut request = Request::new(());
    request.extensions_mut().insert(facts(&activity));
    let response = ConnectionLayer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(activity.state().running, 1);
    drop(sender);
    response.into_body().collect().await.unwrap();
    assert_eq!(activity.state().running, 0);
}

#[tokio::test]
async fn a_request_that_is_given_up_is_over() {
    let activity = proven();
    let inner = tower::service_fn(|_: Request<()>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let mut request = Request::new(());
    request.extensions_mut().insert(facts(&activity));
    let running = ConnectionLayer.layer(inner).call(request);
    assert_eq!(activity.state().running, 1);
    drop(running);
    assert_eq!(activity.state().running, 0);
}

#[tokio::test(start_paused = true)]
async fn until_an_identity_is_proven_no_request_counts_and_the_time_is_short() {
    let (began, activity) = (Instant::now(), unproven());
    let requests = async {
        loop {
            let running = activity.begin();
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(running);
        }
    };
    tokio::select! {
        () = activity.idle(IDLE_MAX) => {}
        () = requests => {}
    }
    assert_eq!(began.elapsed(), UNPROVEN_MAX);
    // The proof may come late, and makes it like any other.
    let (began, activity) = (Instant::now(), unproven());
    let proof = async {
        tokio::time::sleep(UNPROVEN_MAX / 2).await;
        activity.prove();
    };
    tokio::join!(activity.idle(IDLE_MAX), proof);
    assert_eq!(began.elapsed(), IDLE_MAX);
}

#[tokio::test]
async fn a_certificate_and_a_user_of_this_machine_are_proof_before_any_request() {
    let certificate = crate::edge::testing::alice().peer();
    let user = PeerFacts { remote: Remote::Unix { uid: 1337, pid: None }, certificates: Arc::default() };
    assert!(Activity::new(&certificate).is_proven() && Activity::new(&user).is_proven());
    assert!(!unproven().is_proven());
}
