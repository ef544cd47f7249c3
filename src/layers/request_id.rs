//! One id per request, for people who compare a caller's log with ours. It proves nothing.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service};
use uuid::Uuid;

/// The header that may bring an id, and brings it back.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken over; a UUID has 36 characters, a W3C trace id 32.
const LENGTH_MAX: usize = 64;

/// Id of one request. In the extensions of every request behind [`RequestIdLayer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The caller's own id if there is exactly one and it is harmless in a log, else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let mut offered = headers.get_all(HEADER).into_iter();
        let id = match (offered.next(), offered.next()) {
            (Some(one), None) => one.to_str().ok().filter(|text| is_harmless(text)).map(Self::from_text),
            _ => None,
        };
        id.unwrap_or_else(|| Self::from_text(&Uuid::now_v7().to_string()))
    }

    fn from_text(text: &str) -> Self {
        Self(text.into())
    }
}

fn is_harmless(text: &str) -> bool {
    let charset = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(charset)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives each request a [`RequestId`] and its response the header.
#[derive(Clone, Copy, Debug)]
pub struct RequestIdLayer;

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdService { inner }
    }
}

/// The service of [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub struct RequestIdService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for RequestIdService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let id = RequestId::of(request.headers());
        let value = HeaderValue::from_str(id.as_str()).ok();
        // Whoever reads the header further in sees the same id as whoever reads the extension.
        match &value {
            Some(value) => drop(request.headers_mut().insert(HEADER, value.clone())),
            None => drop(request.headers_mut().remove(HEADER)),
        }
        request.extensions_mut().insert(id);
        ResponseFuture { inner: Box::pin(self.inner.call(request)), value }
    }
}

/// Adds the header to the response.
#[derive(Debug)]
pub struct ResponseFuture<F> {
    inner: Pin<Box<F>>,
    value: Option<HeaderValue>,
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.inner.as_mut().poll(cx))?;
        if let Some(value) = self.value.take() {
            response.headers_mut().insert(HEADER, value);
        }
        Poll::Ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;
    use tower::ServiceExt as _;

    use super::*;

    /// The id that the inner service saw, the header that it saw, and the header of the response.
    async fn send(offered: &[&[u8]]) -> (String, String, String) {
        let inner = tower::service_fn(|request: Request<()>| async move {
            let id = request.extensions().get::<RequestId>().unwrap().to_string();
            let seen: Vec<_> = request.headers().get_all(HEADER).iter().collect();
            assert_eq!(seen.len(), 1);
            let header = seen[0].to_str().unwrap().to_owned();
            let mut response = Response::new((id, header));
            response.headers_mut().insert(HEADER, HeaderValue::from_static("from-inside"));
            Ok::<_, Infallible>(response)
        });
        let mut request = Request::new(());
        for value in offered {
            request.headers_mut().append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        let response = RequestIdLayer.layer(inner).oneshot(request).await.unwrap();
        let answered: Vec<_> = response.headers().get_all(HEADER).iter().collect();
        assert_eq!(answered.len(), 1);
        let answered = answered[0].to_str().unwrap().to_owned();
        let (id, header) = response.into_body();
        (id, header, answered)
    }

    #[tokio::test]
    async fn a_harmless_id_is_taken_over() {
        let longest = "x".repeat(LENGTH_MAX);
        for id in ["a", "2f0c-1.b_Z", longest.as_str()] {
            let seen = send(&[id.as_bytes()]).await;
            assert_eq!(seen, (id.to_owned(), id.to_owned(), id.to_owned()));
        }
    }

    #[tokio::test]
    async fn any_other_id_is_replaced_by_a_uuid() {
        let too_long = "x".repeat(LENGTH_MAX + 1);
        let several: [&[u8]; 2] = [b"one", b"two"];
        let mut cases: Vec<Vec<&[u8]>> = vec![vec![], several.to_vec()];
        let single: [&[u8]; 8] = [b"", b"a b", b"a/b", b"a;b", b"a\"b", b"\xff\xfe", b"${jndi:x}", too_long.as_bytes()];
        cases.extend(single.map(|value| vec![value]));
        for offered in cases {
            let (id, header, answered) = send(&offered).await;
            assert!(Uuid::parse_str(&id).is_ok(), "{offered:?} became {id}");
            assert_eq!((&header, &answered), (&id, &id));
        }
        assert_ne!(send(&[]).await.0, send(&[]).await.0);
    }

    proptest! {
        #[test]
        fn no_header_makes_an_id_that_is_unfit_for_a_log(value in proptest::collection::vec(0x20u8..=0xff, 0..80)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HEADER, value);
            }
            prop_assert!(is_harmless(RequestId::of(&headers).as_str()));
        }
    }
}
