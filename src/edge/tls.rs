//! The TLS configuration of a listener, and of who calls one, from files. Refuses to be anything less than what was asked
//! for.

mod bundle;
mod client;
mod fault;
mod files;
mod reload;
mod server;

pub use client::{ClientTlsFiles, load_client};
pub use fault::{TlsError, TlsFault, TlsProblem, TlsRole};
pub use files::{ClientCa, TlsFiles};
pub use reload::{Reloaded, TlsReloader};

pub(super) use server::{client_verifier, identity, refusing, server_config};

use std::{fmt, path::Path, sync::Arc};

use rustls::{RootCertStore, ServerConfig, server::danger::ClientCertVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

use self::files::Contents;
use crate::clock::Timestamp;

/// The one application protocol: gRPC is HTTP/2 (RFC 9113, section 3.3).
pub(super) const ALPN_H2: &[u8] = b"h2";

/// Reads the files and makes the configuration. `now` judges the certificates.
///
/// # Errors
///
/// All that is wrong with any of the files. There is no fallback: without a usable client CA, where one is configured,
/// there is no listener.
pub fn load(files: &TlsFiles, now: Timestamp) -> Result<Arc<ServerConfig>, TlsError> {
    configure(files, &Contents::read(files), now).map(|configured| configured.config)
}

/// A configuration, and when it has to be made again although no file has changed.
struct Configured {
    config: Arc<ServerConfig>,
    /// When the first of the client CAs expires: from then on it must no longer be believed.
    client_ca_expires: Option<Timestamp>,
}

fn configure(files: &TlsFiles, contents: &Contents, now: Timestamp) -> Result<Configured, TlsError> {
    let mut problems = Problems::default();
    let chain = problems.note(
        TlsRole::Certificate,
        &files.certificate,
        contents.certificate().and_then(|pem| valid_chain(pem, now)),
    );
    let key = problems.note(TlsRole::PrivateKey, &files.private_key, contents.private_key().and_then(private_key));
    let clients = match &files.client_ca {
        ClientCa::None => Some(None),
        ClientCa::Required(file) | ClientCa::Optional(file) => {
            let made = contents.client_ca().and_then(|bytes| clients(files, bytes, now));
            problems.note(TlsRole::ClientCa, file, made).map(Some)
        }
    };
    let identity = chain.zip(key).and_then(|(chain, key)| match identity(chain, key) {
        // A certificate that is well-formed and still not usable, such as one of X.509 version 1.
        Err(rustls::Error::InvalidCertificate(why)) => {
            let fault = TlsFault::BrokenCertificate { at: 1, why: why.to_string() };
            problems.note(TlsRole::Certificate, &files.certificate, Err(fault))
        }
        made => problems.note(TlsRole::PrivateKey, &files.private_key, made.map_err(key_fault)),
    });
    let (Some(clients), Some(identity)) = (clients, identity) else {
        return Err(TlsError::new(problems.found));
    };
    let (verifier, client_ca_expires) = clients.unzip();
    let config =
        problems.note(TlsRole::Certificate, &files.certificate, server_config(identity, verifier).map_err(refused));
    let config = config.ok_or_else(|| TlsError::new(problems.found))?;
    Ok(Configured { config, client_ca_expires })
}

type Clients = (Arc<dyn ClientCertVerifier>, Timestamp);

fn clients(files: &TlsFiles, bytes: &[u8], now: Timestamp) -> Result<Clients, TlsFault> {
    let authorities = if bundle::is_json(bytes) { bundle::authorities(bytes)? } else { certificates(bytes)? };
    let (roots, expires) = client_roots(authorities, now)?;
    let verifier = client_verifier(roots, files.client_certificate()).map_err(refused)?;
    Ok((verifier, expires))
}

fn key_fault(error: rustls::Error) -> TlsFault {
    match error {
        rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => TlsFault::KeyMismatch,
        error => TlsFault::BrokenKey(error.to_string()),
    }
}

fn valid_chain(pem: &[u8], now: Timestamp) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let chain = certificates(pem)?;
    for (at, der) in (1..).zip(&chain) {
        let (not_before, not_after) = validity(&parse(at, der)?);
        if now < not_before {
            return Err(TlsFault::NotYetValid { at, not_before });
        }
        if now > not_after {
            return Err(TlsFault::Expired { at, not_after });
        }
    }
    Ok(chain)
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsFault> {
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(TlsFault::NotPem(error.to_string())),
        None => Err(TlsFault::NoBlock("PRIVATE KEY (unencrypted)")),
    }
}

/// The trust anchors, and when the first of them expires. WebPKI looks neither at an anchor's validity nor at whether it
/// is a CA, so this does.
pub(super) fn client_roots(
    authorities: Vec<CertificateDer<'static>>,
    now: Timestamp,
) -> Result<(RootCertStore, Timestamp), TlsFault> {
    let mut roots = RootCertStore::empty();
    let mut newest_expired = None;
    let mut first_to_expire = None;
    for (at, der) in (1..).zip(authorities) {
        let certificate = parse(at, &der)?;
        if !certificate.is_ca() {
            return Err(TlsFault::NotACa { at });
        }
        let (_, not_after) = validity(&certificate);
        if now > not_after {
            // Bundles keep old CAs through a rotation; they are no longer believed, and not worth an outage.
            tracing::warn!(at, %not_after, "a client CA has expired and is left out");
            newest_expired = newest_expired.max(Some((not_after, at)));
            continue;
        }
        first_to_expire = Some(first_to_expire.map_or(not_after, |first: Timestamp| first.min(not_after)));
        roots.add(der).map_err(|error| TlsFault::BrokenCertificate { at, why: error.to_string() })?;
    }
    match (first_to_expire, newest_expired) {
        (Some(expires), _) => Ok((roots, expires)),
        (None, Some((not_after, at))) => Err(TlsFault::Expired { at, not_after }),
        (None, None) => Err(TlsFault::NoBlock("CERTIFICATE")),
    }
}

/// When the first certificate of a chain ends.
pub(super) fn expires(chain: &[CertificateDer<'_>]) -> Result<Timestamp, TlsFault> {
    let ends: Result<Vec<_>, _> =
        (1..).zip(chain).map(|(at, der)| parse(at, der).map(|certificate| validity(&certificate).1)).collect();
    ends?.into_iter().min().ok_or(TlsFault::NoBlock("CERTIFICATE"))
}

/// At least one certificate, each well-formed PEM.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let blocks: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let blocks = blocks.map_err(|error| TlsFault::NotPem(error.to_string()))?;
    if blocks.is_empty() { Err(TlsFault::NoBlock("CERTIFICATE")) } else { Ok(blocks) }
}

fn parse(at: usize, der: &[u8]) -> Result<X509Certificate<'_>, TlsFault> {
    let parsed = X509Certificate::from_der(der);
    parsed
        .map(|(_, certificate)| certificate)
        .map_err(|error| TlsFault::BrokenCertificate { at, why: error.to_string() })
}

fn validity(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    let end_of_last_second = 999_999_999;
    (
        Timestamp::from_unix(validity.not_before.timestamp(), 0),
        Timestamp::from_unix(validity.not_after.timestamp(), end_of_last_second),
    )
}

fn refused(error: impl fmt::Display) -> TlsFault {
    TlsFault::Refused(error.to_string())
}

/// Collects, so that one start shows all there is to mend.
#[derive(Default)]
struct Problems {
    found: Vec<TlsProblem>,
}

impl Problems {
    fn note<T>(&mut self, role: TlsRole, file: &Path, made: Result<T, TlsFault>) -> Option<T> {
        let add = |fault| self.found.push(TlsProblem { role, file: file.to_owned(), fault });
        made.map_err(add).ok()
    }
}

#[cfg(test)]
mod tests;
