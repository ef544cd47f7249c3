//! From keys and trust anchors to rustls' configuration, whichever source they come from.

use std::sync::Arc;

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::ALPN_H2;
use crate::edge::ClientCertificate;

/// The server's own certificate chain with its key. The key must be the one of the first certificate.
pub(in crate::edge) fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<dyn ResolvesServerCert>, rustls::Error> {
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(key)?;
    let identity = CertifiedKey::new(chain, key);
    identity.keys_match()?;
    Ok(Arc::new(SingleCertAndKey::from(identity)))
}

/// Believes client certificates below `roots`.
pub(in crate::edge) fn client_verifier(
    roots: RootCertStore,
    demand: ClientCertificate,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    match demand {
        // Of both, a certificate that is shown must be good; this one lets those pass that show none.
        ClientCertificate::Optional => builder.allow_unauthenticated().build(),
        ClientCertificate::Required | ClientCertificate::None => builder.build(),
    }
}

/// The configuration. Without a verifier, clients are not asked for a certificate.
pub(in crate::edge) fn server_config(
    identity: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    // 1.2 stays for clients that have nothing newer; rustls offers only its forward-secret AEAD suites.
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(harden(builder.with_cert_resolver(identity))))
}

/// A configuration with which every handshake fails: in force while there is nothing that may be believed.
pub(in crate::edge) fn refusing() -> Result<Arc<ServerConfig>, rustls::Error> {
    server_config(Arc::new(NoIdentity), None)
}

/// Shows no certificate, so that every handshake fails.
#[derive(Debug)]
struct NoIdentity;

impl ResolvesServerCert for NoIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
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
