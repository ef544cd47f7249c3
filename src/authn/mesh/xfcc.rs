//! Envoy's `x-forwarded-client-cert`.
//!
//! The header is a list of elements, one for each proxy on the way, of pairs:
//! `By=URI;Hash=HEX;Cert="PEM";Chain="PEM";Subject="NAME";URI=URI;DNS=NAME;Issuer="NAME"` (Envoy, "HTTP header
//! manipulation", x-forwarded-client-cert). Envoy always writes them in this order and spelling, and `By` and `Hash`
//! unasked.
//!
//! Not all of that can be read with certainty. `URI` and `DNS` hold what the client's certificate says, *unescaped*
//! (envoyproxy/envoy#32945), so that a URI SAN with `;URI=`, `;DNS=` or `,By=` in it makes pairs and elements of its
//! own. Therefore this is no parser of the grammar. It reads what Envoy writes, from front to end:
//! - One element. Before us is one proxy, which drops what the client sent and writes its own (`SANITIZE_SET`). Of
//!   several elements only the last could be that proxy's, and where it begins is up to whoever wrote the others.
//! - `By` is the proxy itself, and `Hash` its doing: no client has a say in either.
//! - `Cert` and `Chain` are percent-encoded. They are skipped, and best not forwarded.
//! - `Subject` is the client's, escaped by RFC 2253, so that its end is certain. It is skipped.
//! - `URI` is the client's as well, and must be *all the rest*. As a SPIFFE ID has neither `;` nor `,`, it is the one
//!   URI SAN, whole: HTTP/2, which is all that we serve, does not trim a space at the end either. This is why `DNS` and
//!   `Issuer` are refused: `URI=spiffe://a/b;DNS=c` is what Envoy writes for two names, and also for the one name
//!   `spiffe://a/b;DNS=c`.

use std::collections::BTreeSet;

use super::{accepted, spiffe_attributes};
use crate::{
    authn::caller::Caller,
    types::{Scheme, SpiffeId, TrustDomain},
};

/// SHA-256 in hexadecimal.
const HASH_DIGITS: usize = 64;

pub(super) fn identify(
    trust_domains: &BTreeSet<TrustDomain>,
    expected_by: &[SpiffeId],
    text: &str,
) -> Result<Caller, String> {
    let element = Element::parse(text)?;
    if !expected_by.iter().any(|proxy| proxy.as_str() == element.by) {
        return Err("By is not the expected proxy: authentication.mesh.expected_by must name it".to_owned());
    }
    let id = accepted(element.uri, trust_domains).map_err(|why| format!("URI: {why}"))?;
    let mut attributes = spiffe_attributes("envoy", &id);
    attributes.insert("certificate_sha256".to_owned(), element.hash.to_owned());
    Ok(Caller::new(Scheme::Mesh, id.as_str(), attributes))
}

/// What one proxy says.
#[derive(Debug, PartialEq, Eq)]
struct Element<'h> {
    /// URI SAN of the proxy's certificate.
    by: &'h str,
    /// SHA-256 of the client's certificate, in lower case.
    hash: &'h str,
    /// URI SAN of the client's certificate: one URI if it is a SPIFFE ID.
    uri: &'h str,
}

impl<'h> Element<'h> {
    fn parse(text: &'h str) -> Result<Self, &'static str> {
        check_single(text)?;
        let (by, rest) = bare(text, "By=").ok_or("must begin with By: the proxy's certificate needs one URI SAN")?;
        let (hash, rest) = bare(rest, "Hash=").ok_or("Hash must follow the one By")?;
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hash.len() != HASH_DIGITS || !hash.bytes().all(digit) {
            return Err("Hash must have 64 hexadecimal digits in lower case");
        }
        let rest = skip_encoded(rest, "Cert=\"")?;
        let rest = skip_encoded(rest, "Chain=\"")?;
        let rest = skip_subject(rest)?;
        let uri = rest.strip_prefix("URI=").ok_or(
            "URI must follow Hash and Subject: set_current_client_cert_details needs uri, and Envoy's order is \
             By, Hash, Cert, Chain, Subject, URI",
        )?;
        check_last(uri)?;
        Ok(Self { by, hash, uri })
    }
}

/// That no comma outside of quotes parts elements, to name the commonest mistake. What is inside of quotes is checked
/// where it is skipped.
fn check_single(text: &str) -> Result<(), &'static str> {
    if text.starts_with(['{', '[']) {
        return Err("must be Envoy's text format, not JSON");
    }
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                return Err("must have one element: the proxy must replace the header (SANITIZE_SET)");
            }
            _ => {}
        }
    }
    if quoted { Err("a quote is not closed") } else { Ok(()) }
}

/// The value of a pair without quotes, and what follows it.
fn bare<'h>(text: &'h str, key: &str) -> Option<(&'h str, &'h str)> {
    text.strip_prefix(key)?.split_once(';')
}

/// What follows a forwarded certificate, if there is one. Envoy encodes all that could end it, the quote by never being
/// part of PEM.
fn skip_encoded<'h>(text: &'h str, key: &str) -> Result<&'h str, &'static str> {
    let Some(body) = text.strip_prefix(key) else { return Ok(text) };
    let (pem, rest) = body.split_once("\";").ok_or("a certificate's quote must be closed, and a pair follow")?;
    let mut bytes = pem.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => (0..2).all(|_| bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~".contains(&byte),
        };
        if !good {
            return Err("Cert and Chain must be percent-encoded");
        }
    }
    Ok(rest)
}

/// What follows the subject, if there is one.
fn skip_subject(text: &str) -> Result<&str, &'static str> {
    let Some(body) = text.strip_prefix("Subject=\"") else { return Ok(text) };
    let mut bytes = body.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            // RFC 2253, section 2.4 escapes it. So nobody hides another proxy's element, which has one, in a subject.
            b';' => return Err("Subject must escape semicolons"),
            b'"' => return body.get(at + 1..).and_then(|rest| rest.strip_prefix(';')).ok_or("URI must follow Subject"),
            _ => {}
        }
    }
    Err("the quote of Subject is not closed")
}

/// That nothing follows the URI.
fn check_last(uri: &str) -> Result<(), &'static str> {
    if uri.is_empty() {
        return Err("URI is empty: the client's certificate needs a URI SAN");
    }
    if uri.contains(';') {
        return Err("nothing may follow URI: the client's certificate must have one URI SAN, and \
                    set_current_client_cert_details must leave out dns and issuer, which could be parts of the URI");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
