//! The request that goes to AWS: made anew from the parts of a token, never the caller's URL or headers (CVE-2020-16250).

use http::{HeaderValue, Request, header, uri::Authority};

use super::{token, token::Token, url};
use crate::types::Rule;

/// Says for which gateway a token is. EKS does the same with `x-k8s-aws-id`.
pub(super) const AUDIENCE_HEADER: &str = "x-rootgate-audience";

/// Where STS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// At the regional host that the token was signed for.
    Aws,
    /// At a simulator; the request still names the regional host, because that is what was signed.
    Simulator {
        /// Whether it speaks TLS.
        https: bool,
        /// Host and port.
        authority: Authority,
    },
}

impl Endpoint {
    /// Reads the URL of a simulator.
    pub(super) fn simulator(url: &str) -> Result<Self, Rule> {
        let (https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(Self::RULE),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| Self::RULE)?;
        Ok(Self::Simulator { https, authority })
    }

    const RULE: Rule = Rule::new("must be the URL of a simulator such as http://127.0.0.1:4599");

    /// Scheme and authority for this host.
    fn base(&self, host: &str) -> String {
        match self {
            Self::Aws => format!("https://{host}"),
            Self::Simulator { https: true, authority } => format!("https://{authority}"),
            Self::Simulator { https: false, authority } => format!("http://{authority}"),
        }
    }
}

/// The request of a token. Its URI is absolute, and its header `host` is what was signed; both must be kept.
pub(super) fn rebuild(
    token: &Token,
    audience: &HeaderValue,
    endpoint: &Endpoint,
) -> Result<Request<Vec<u8>>, http::Error> {
    let host = url::host(&token.region);
    Request::get(format!("{}/?{}", endpoint.base(&host), query(token)))
        .header(header::HOST, host)
        .header(AUDIENCE_HEADER, audience)
        // STS answers in XML unless it is asked for JSON.
        .header(header::ACCEPT, "application/json")
        .body(Vec::new())
}

fn query(token: &Token) -> String {
    let mut parameters = vec![
        ("Action", token::ACTION.to_owned()),
        ("Version", token::VERSION.to_owned()),
        ("X-Amz-Algorithm", token::ALGORITHM.to_owned()),
        ("X-Amz-Credential", token.credential()),
        ("X-Amz-Date", token.date.as_str().to_owned()),
        ("X-Amz-Expires", token.expires.to_string()),
    ];
    parameters.extend(token.session_token.iter().map(|text| ("X-Amz-Security-Token", text.clone())));
    parameters.push(("X-Amz-SignedHeaders", token::SIGNED_HEADERS.to_owned()));
    parameters.push(("X-Amz-Signature", token.signature.to_hex()));
    let pairs: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={}", url::encode(&value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulators_have_a_scheme_a_host_and_nothing_else() {
        let at = |url: &str| Endpoint::simulator(url).map(|endpoint| endpoint.base("sts.eu-west-1.amazonaws.com"));
        assert_eq!(at("http://127.0.0.1:4599").unwrap(), "http://127.0.0.1:4599");
        assert_eq!(at("https://[::1]:8/").unwrap(), "https://[::1]:8");
        for url in ["", "127.0.0.1:4599", "ftp://x", "http://", "http://x/y", "http://x?y", "http://x#y", "http://x y"]
        {
            assert!(at(url).is_err(), "{url}");
        }
    }
}
