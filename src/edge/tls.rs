//! The TLS configuration of the listener, from three PEM files. Refuses to be anything less than mutual TLS.

mod fault;

pub use fault::{TlsError, TlsFault, TlsProblem, TlsRole};

use std::{
    fmt, fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientCertVerifierBuilder, NoServerSessionStorage, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::Timestamp;

/// Largest file that is read. A bundle of a hundred CAs has about 200 KiB; a wrong path must not fill the memory.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The one application protocol: gRPC is HTTP/2 (RFC 9113, section 3.3).
pub(super) const ALPN_H2: &[u8] = b"h2";

/// Where the TLS material is. Each file is PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The private key of the certificate, not encrypted.
    pub private_key: PathBuf,
    /// The CAs that issue certificates to clients.
    pub client_ca: PathBuf,
}

/// Reads the files and makes the configuration. `now` judges the server's certificate.
///
/// # Errors
///
/// All that is wrong with any of the files. There is no fallback: without a usable client CA there is no listener.
pub fn load(files: &TlsFiles, now: Timestamp) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut problems = Problems::default();
    let chain = problems.keep(TlsRole::Certificate, &files.certificate, |pem| server_chain(pem, now));
    let key = problems.keep(TlsRole::PrivateKey, &files.private_key, private_key);
    let roots = problems.keep(TlsRole::ClientCa, &files.client_ca, |pem| client_roots(pem, now));
    let verifier = roots.and_then(|roots| {
        problems.note(TlsRole::ClientCa, &files.client_ca, client_verifier(roots, &provider).build().map_err(refused))
    });
    let identity = chain.zip(key).and_then(|(chain, key)| {
        problems.note(TlsRole::PrivateKey, &files.private_key, certified(chain, key, &provider))
    });
    // 1.2 stays for clients that have nothing newer; rustls offers only its forward-secret AEAD suites.
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = problems.note(TlsRole::Certificate, &files.certificate, builder.map_err(refused));
    let (Some(builder), Some(verifier), Some(identity)) = (builder, verifier, identity) else {
        return Err(TlsError::new(problems.found));
    };
    let config = builder.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(identity));
    Ok(Arc::new(harden(config)))
}

/// Sets what has no place in the builder.
fn harden(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    // No resumption: a resumed session repeats an old verdict about the client's certificate, under a CA bundle that
    // may have been replaced and past a validity that may have ended. Connections are few and long, so a full handshake
    // for each costs nothing that matters.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_tls13_tickets = 0;
    // Early data can be replayed (RFC 8446, section 8), and an act of root must not be.
    config.max_early_data_size = 0;
    config
}

/// Without `allow_unauthenticated`: a client certificate is demanded in every handshake.
fn client_verifier(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> ClientCertVerifierBuilder {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<SingleCertAndKey, TlsFault> {
    let key = provider.key_provider.load_private_key(key).map_err(|error| TlsFault::BrokenKey(error.to_string()))?;
    let identity = CertifiedKey::new(chain, key);
    match identity.keys_match() {
        Ok(()) => Ok(SingleCertAndKey::from(identity)),
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Err(TlsFault::KeyMismatch),
        Err(error) => Err(refused(error)),
    }
}

fn server_chain(pem: &[u8], now: Timestamp) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let chain = certificates(pem)?;
    for (at, der) in (1..).zip(&chain) {
        let certificate = parse(at, der)?;
        let (not_before, not_after) = validity(&certificate);
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

/// The trust anchors. WebPKI looks neither at an anchor's validity nor at whether it is a CA, so this does.
fn client_roots(pem: &[u8], now: Timestamp) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    let mut newest_expiry = None;
    for (at, der) in (1..).zip(certificates(pem)?) {
        let certificate = parse(at, &der)?;
        if !certificate.is_ca() {
            return Err(TlsFault::NotACa { at });
        }
        let (_, not_after) = validity(&certificate);
        if now > not_after {
            // Bundles keep old CAs through a rotation; they are no longer believed, and not worth an outage.
            tracing::warn!(at, %not_after, "a client CA has expired and is left out");
            newest_expiry = newest_expiry.max(Some((not_after, at)));
            continue;
        }
        roots.add(der).map_err(|error| TlsFault::BrokenCertificate { at, why: error.to_string() })?;
    }
    match newest_expiry {
        Some((not_after, at)) if roots.is_empty() => Err(TlsFault::Expired { at, not_after }),
        _ => Ok(roots),
    }
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

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => TlsFault::Missing,
        _ => TlsFault::Unreadable(error.to_string()),
    };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fault)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(TlsFault::TooLarge) } else { Ok(bytes) }
}

/// Collects, so that one start shows all there is to mend.
#[derive(Default)]
struct Problems {
    found: Vec<TlsProblem>,
}

impl Problems {
    fn keep<T>(&mut self, role: TlsRole, file: &Path, make: impl FnOnce(&[u8]) -> Result<T, TlsFault>) -> Option<T> {
        self.note(role, file, read(file).and_then(|pem| make(&pem)))
    }

    fn note<T>(&mut self, role: TlsRole, file: &Path, made: Result<T, TlsFault>) -> Option<T> {
        let add = |fault| self.found.push(TlsProblem { role, file: file.to_owned(), fault });
        made.map_err(add).ok()
    }
}

/// Holds the configuration that the next handshake uses. A reload makes a new one with [`load`] and calls
/// [`replace`](Self::replace); when loading fails it does not, so that the last good one stays.
#[derive(Debug)]
pub struct TlsConfigHandle {
    config: RwLock<Arc<ServerConfig>>,
}

impl TlsConfigHandle {
    /// Starts with `config`.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self { config: RwLock::new(config) }
    }

    /// The configuration for a handshake that begins now.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        // An `Arc` is swapped whole, so a panic elsewhere cannot leave half of one behind.
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Uses `config` from the next handshake on. Connections that exist keep what they agreed on until they reach
    /// their maximum age.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

#[cfg(test)]
mod tests;
