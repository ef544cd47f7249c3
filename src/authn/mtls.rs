//! The scheme `mtls`: the caller is who its client certificate names.
//!
//! The handshake has verified the chain up to the configured client CA. This scheme says which name in the leaf is the
//! identity, and refuses leaves that no careful CA would issue to a workload:
//! - A certificate that may sign others never authenticates (SPIFFE X.509-SVID, section 5.2).
//! - A common name is no identity (RFC 9525, section 2).
//! - At most one URI SAN (SPIFFE X.509-SVID, section 2), whichever scheme it has: with several, the choice is ours, and
//!   choosing is guessing.
//! - A URI SAN that looks like a SPIFFE ID is one, and must be well-formed and of an accepted trust domain. It is never
//!   matched as a plain URI, and a DNS name beside it does not rescue it.
//! - Exactly one *known* name: a SPIFFE ID, a configured DNS SAN or a configured URI SAN. Two known names in one
//!   certificate disagree about who it is, so both are refused. DNS names and one URI that no rule knows are ignored,
//!   since CAs like SPIRE add host names to workload certificates.
//! - Validity is judged at every request: a connection may outlive its certificate.

use std::collections::{BTreeMap, BTreeSet};

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Evidence, Proof, Scheme, caller::Caller};
use crate::{
    clock::Timestamp,
    types::{DnsName, SpiffeId, TrustDomain, UriName, hex, sha256_hex},
};

/// Longest serial number (RFC 5280, section 4.1.2.2), with the zero byte that keeps DER's integer positive.
const SERIAL_BYTES_MAX: usize = 21;

/// Which names in client certificates are identities. Names nobody if all are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MtlsRules {
    /// SPIFFE IDs of these trust domains are callers.
    pub spiffe_trust_domains: BTreeSet<TrustDomain>,
    /// These DNS SANs are callers.
    pub dns_sans: BTreeSet<DnsName>,
    /// These URI SANs are callers.
    pub uri_sans: BTreeSet<UriName>,
}

/// Whether a URI claims to be a SPIFFE ID, well-formed or not.
fn is_spiffe(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
}

/// The scheme itself.
pub(super) fn prove(rules: &MtlsRules, evidence: &Evidence<'_>) -> Proof {
    let Some(leaf) = evidence.peer.and_then(|peer| peer.certificates.first()) else { return Proof::NotOffered };
    match identify(rules, leaf, evidence.now) {
        Ok(caller) => Proof::Proven(caller),
        Err(why) => Proof::Failed(why),
    }
}

fn identify(rules: &MtlsRules, leaf: &[u8], now: Timestamp) -> Result<Caller, String> {
    let (rest, certificate) = X509Certificate::from_der(leaf).map_err(|error| format!("not a certificate: {error}"))?;
    if !rest.is_empty() {
        return Err("bytes follow the certificate".to_owned());
    }
    if certificate.raw_serial().len() > SERIAL_BYTES_MAX {
        return Err("the serial number has more than 20 bytes".to_owned());
    }
    check_purpose(&certificate)?;
    check_validity(&certificate, now)?;
    let identity = the_identity(rules, &certificate)?;
    let mut attributes = describe(&certificate, leaf);
    attributes.extend(identity.attributes());
    Ok(Caller::new(Scheme::Mtls, &identity.subject(), attributes))
}

/// A leaf for TLS clients, by RFC 5280, sections 4.2.1.3, 4.2.1.9 and 4.2.1.12. The accessors fail on an extension
/// that is there twice.
fn check_purpose(certificate: &X509Certificate<'_>) -> Result<(), String> {
    let broken = |what| move |error| format!("{what} is broken: {error}");
    let basic = certificate.basic_constraints().map_err(broken("basicConstraints"))?;
    if basic.is_some_and(|basic| basic.value.ca) {
        return Err("a CA certificate authenticates nobody".to_owned());
    }
    if let Some(usage) = certificate.key_usage().map_err(broken("keyUsage"))? {
        if usage.value.key_cert_sign() || usage.value.crl_sign() {
            return Err("a certificate whose key may sign certificates or CRLs authenticates nobody".to_owned());
        }
        if !usage.value.digital_signature() {
            return Err("keyUsage does not allow digitalSignature".to_owned());
        }
    }
    let extended = certificate.extended_key_usage().map_err(broken("extendedKeyUsage"))?;
    if extended.is_some_and(|extended| !extended.value.client_auth) {
        return Err("extendedKeyUsage does not allow clientAuth".to_owned());
    }
    Ok(())
}

fn check_validity(certificate: &X509Certificate<'_>, now: Timestamp) -> Result<(), String> {
    let validity = certificate.validity();
    let not_before = Timestamp::from_unix(validity.not_before.timestamp(), 0);
    let not_after = Timestamp::from_unix(validity.not_after.timestamp(), 0);
    if now < not_before {
        return Err(format!("the certificate is not valid before {not_before}"));
    }
    // notAfter is inclusive and has whole seconds (RFC 5280, section 4.1.2.5).
    if now.unix_micros().div_euclid(1_000_000) > validity.not_after.timestamp() {
        return Err(format!("the certificate expired at {not_after}"));
    }
    Ok(())
}

enum Identity {
    Spiffe(SpiffeId),
    Dns(DnsName),
    Uri(UriName),
}

impl Identity {
    fn subject(&self) -> String {
        match self {
            Self::Spiffe(id) => id.as_str().to_owned(),
            Self::Dns(name) => format!("dns:{name}"),
            Self::Uri(uri) => format!("uri:{uri}"),
        }
    }

    fn attributes(&self) -> Vec<(String, String)> {
        match self {
            Self::Spiffe(id) => vec![
                ("trust_domain".to_owned(), id.trust_domain().to_owned()),
                ("path".to_owned(), id.path().to_owned()),
            ],
            Self::Dns(_) | Self::Uri(_) => Vec::new(),
        }
    }
}

fn the_identity(rules: &MtlsRules, certificate: &X509Certificate<'_>) -> Result<Identity, String> {
    let names = certificate.subject_alternative_name().map_err(|error| format!("subjectAltName is broken: {error}"))?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    if names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
        return Err("subjectAltName holds a name that cannot be read".to_owned());
    }
    let uris = || names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    if uris().count() > 1 {
        return Err("several URI SANs".to_owned());
    }
    let mut known = Vec::new();
    if let Some(uri) = uris().next() {
        known.extend(known_uri(rules, uri)?);
    }
    known.extend(names.iter().filter_map(|name| known_dns(rules, name)));
    match (known.pop(), known.is_empty()) {
        (Some(identity), true) => Ok(identity),
        (Some(_), false) => Err("several SANs are identities".to_owned()),
        (None, _) => Err("no SAN is an identity that the rules know".to_owned()),
    }
}

fn known_uri(rules: &MtlsRules, uri: &str) -> Result<Option<Identity>, String> {
    if !is_spiffe(uri) {
        return Ok(rules.uri_sans.get(uri).map(|known| Identity::Uri(known.clone())));
    }
    let id: SpiffeId = uri.parse().map_err(|rule| format!("the URI SAN is no SPIFFE ID of a workload: {rule}"))?;
    if !rules.spiffe_trust_domains.contains(id.trust_domain()) {
        return Err(format!("trust domain {} is not accepted", id.trust_domain()));
    }
    Ok(Some(Identity::Spiffe(id)))
}

fn known_dns(rules: &MtlsRules, name: &GeneralName<'_>) -> Option<Identity> {
    let GeneralName::DNSName(name) = name else { return None };
    // DNS names are compared without case (RFC 4343).
    let known = rules.dns_sans.iter().find(|known| known.as_str().eq_ignore_ascii_case(name))?;
    Some(Identity::Dns(known.clone()))
}

fn describe(certificate: &X509Certificate<'_>, der: &[u8]) -> BTreeMap<String, String> {
    let not_after = Timestamp::from_unix(certificate.validity().not_after.timestamp(), 0);
    BTreeMap::from([
        ("certificate_sha256".to_owned(), sha256_hex(der)),
        ("certificate_serial".to_owned(), hex(certificate.raw_serial())),
        ("certificate_not_after".to_owned(), not_after.to_string()),
    ])
}

#[cfg(test)]
mod tests;
