//! Asks an issuer for its keys by HTTPS, directly or by way of its discovery document.

use std::time::Duration;

use serde_json::Value;

use super::{keys::DOCUMENT_BYTES_MAX, shown, strict};
use crate::fetch::{FetchError, FetchOptions, Fetcher};

/// Time to connect to an issuer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for one answer; a discovery needs two.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// OpenID Connect Discovery 1.0, section 4.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// An issuer that can be asked for its keys.
pub(super) struct RemoteSource {
    fetcher: Fetcher,
    place: Place,
}

/// What is asked.
enum Place {
    /// The keys themselves.
    Keys(String),
    /// The discovery document of this issuer, which says where the keys are.
    Discovery { issuer: String, url: String },
}

/// How an issuer's HTTPS is believed.
pub(super) fn fetcher(ca_pem: Option<Vec<u8>>, http_allowed_for_loopback: bool) -> Result<Fetcher, FetchError> {
    Fetcher::new(FetchOptions {
        ca_pem,
        http_allowed_for_loopback,
        connect_timeout: CONNECT_TIMEOUT,
        total_timeout: TOTAL_TIMEOUT,
        body_bytes_max: DOCUMENT_BYTES_MAX,
    })
}

impl RemoteSource {
    /// A source that asks `url` for the keys.
    pub(super) fn keys(fetcher: Fetcher, url: String) -> Result<Self, FetchError> {
        fetcher.check(&url)?;
        Ok(Self { fetcher, place: Place::Keys(url) })
    }

    /// A source that asks the issuer where its keys are, each time.
    pub(super) fn discovery(fetcher: Fetcher, issuer: String) -> Result<Self, FetchError> {
        // Section 4: a slash at the end is removed before the path is added.
        let url = format!("{}{WELL_KNOWN}", issuer.strip_suffix('/').unwrap_or(&issuer));
        fetcher.check(&url)?;
        Ok(Self { fetcher, place: Place::Discovery { issuer, url } })
    }

    /// The document with the keys, or why there is none.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, String> {
        match &self.place {
            Place::Keys(url) => self.get("the keys", url).await,
            Place::Discovery { issuer, url } => {
                let url = keys_url(&self.get("the discovery document", url).await?, issuer)?;
                self.get("the keys", &url).await
            }
        }
    }

    async fn get(&self, what: &str, url: &str) -> Result<Vec<u8>, String> {
        self.fetcher.get(url).await.map_err(|error| format!("{what} at {}: {error}", shown(url)))
    }
}

/// `jwks_uri` of a discovery document that is the one of this issuer (section 4.3).
fn keys_url(document: &[u8], issuer: &str) -> Result<String, String> {
    let broken = |words: String| format!("the discovery document is broken: {words}");
    let document: strict::Object =
        serde_json::from_slice(document).map_err(|error| broken(shown(&error.to_string())))?;
    let text = |name| document.get(name).and_then(Value::as_str);
    match text("issuer") {
        Some(told) if told == issuer => {}
        Some(told) => return Err(broken(format!("its issuer is {}, not {}", shown(told), shown(issuer)))),
        None => return Err(broken("it names no issuer".to_owned())),
    }
    text("jwks_uri").map(str::to_owned).ok_or_else(|| broken("it has no jwks_uri".to_owned()))
}
