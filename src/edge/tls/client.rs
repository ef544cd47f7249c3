//! The TLS configuration of somebody who calls a gateway, from files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    ClientConfig, ConfigBuilder, WantsVerifier,
    client::{Resumption, WantsClientCert},
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{
    ALPN_H2, Problems, TlsError, TlsFault, TlsRole, certificates, client_roots, files, key_fault, private_key, refused,
    valid_chain,
};
use crate::clock::Timestamp;

/// Where the TLS material of a client is. PEM, like that of listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// The CAs that may have issued the gateway's certificate; without them, those that this machine believes.
    pub ca: Option<PathBuf>,
    /// The client's own certificate with its intermediates, and the private key of it, not encrypted.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Reads the files and makes the configuration. `now` judges the certificates.
///
/// # Errors
///
/// All that is wrong with any of the files. There is no fallback: a CA file that cannot be used is never replaced by the
/// CAs of the machine.
pub fn load_client(files: &ClientTlsFiles, now: Timestamp) -> Result<Arc<ClientConfig>, TlsError> {
    let mut problems = Problems::default();
    let verified = authorities(files.ca.as_deref(), now, &mut problems);
    let identity = match &files.identity {
        None => Some(None),
        Some((certificate, key)) => own(certificate, key, now, &mut problems).map(Some),
    };
    let (Some(builder), Some(identity)) = (verified, identity) else {
        return Err(TlsError::new(problems.found));
    };
    let mut config = match (identity, &files.identity) {
        (Some((chain, key)), Some((_, file))) => {
            let made = builder.with_client_auth_cert(chain, key).map_err(key_fault);
            problems.note(TlsRole::PrivateKey, file, made).ok_or_else(|| TlsError::new(problems.found))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    // One connection for one call: there is nothing to resume.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn authorities(
    ca: Option<&Path>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let machine = Path::new("of this machine");
    let role = TlsRole::GatewayCa;
    let builder = problems.note(role, ca.unwrap_or(machine), builder().map_err(refused))?;
    let Some(file) = ca else {
        return problems.note(role, machine, builder.with_native_roots().map_err(refused));
    };
    let roots = files::read(file).and_then(|pem| client_roots(certificates(&pem)?, now));
    problems.note(role, file, roots).map(|(roots, _)| builder.with_root_certificates(roots))
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(certificate: &Path, key: &Path, now: Timestamp, problems: &mut Problems) -> Option<Identity> {
    let chain: Result<_, TlsFault> = files::read(certificate).and_then(|pem| valid_chain(&pem, now));
    let chain = problems.note(TlsRole::ClientCertificate, certificate, chain);
    let own_key = files::read(key).and_then(|pem| private_key(&pem));
    chain.zip(problems.note(TlsRole::PrivateKey, key, own_key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authn::testing::client_params,
        edge::testing::{CLIENTS, Files},
    };

    const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

    /// A folder with a client's certificate and key, and the CA of gateways.
    fn files() -> (Files, ClientTlsFiles) {
        let files = Files::good();
        let client = CLIENTS.issue(&client_params(vec![]));
        files.write("me.crt", client.pem.as_bytes());
        files.write("me.key", client.key.serialize_pem().as_bytes());
        let identity = Some((files.path("me.crt"), files.path("me.key")));
        let paths = ClientTlsFiles { ca: Some(files.path("ca.crt")), identity };
        (files, paths)
    }

    fn faults(paths: &ClientTlsFiles, now: Timestamp) -> Vec<(TlsRole, TlsFault)> {
        let error = load_client(paths, now).unwrap_err();
        error.problems().iter().map(|problem| (problem.role, problem.fault.clone())).collect()
    }

    #[test]
    fn good_files_make_http2_without_resumption_and_show_a_certificate() {
        let (_files, paths) = files();
        let config = load_client(&paths, NOW).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
        assert!(config.client_auth_cert_resolver.has_certs());
        assert!(!config.enable_early_data && !config.enable_secret_extraction);
        let nobody = load_client(&ClientTlsFiles { identity: None, ..paths }, NOW).unwrap();
        assert!(!nobody.client_auth_cert_resolver.has_certs());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_and_by_name() {
        let (files, paths) = files();
        for name in ["ca.crt", "me.crt", "me.key"] {
            files.remove(name);
        }
        let missing = [TlsRole::GatewayCa, TlsRole::ClientCertificate, TlsRole::PrivateKey];
        assert_eq!(faults(&paths, NOW), missing.map(|role| (role, TlsFault::Missing)));
        let text = load_client(&paths, NOW).unwrap_err().to_string();
        assert!(text.contains("gateway CA bundle") && text.contains("client certificate"), "{text}");
    }

    #[test]
    fn an_empty_ca_file_never_means_the_cas_of_the_machine() {
        let (files, paths) = files();
        files.write("ca.crt", b"\n");
        assert_eq!(faults(&paths, NOW), [(TlsRole::GatewayCa, TlsFault::NoBlock("CERTIFICATE"))]);
        files.write("ca.crt", &std::fs::read(files.path("me.crt")).unwrap());
        assert_eq!(faults(&paths, NOW), [(TlsRole::GatewayCa, TlsFault::NotACa { at: 1 })]);
    }

    #[test]
    fn a_key_of_another_certificate_and_an_expired_certificate_are_told_before_anybody_is_asked() {
        let (files, paths) = files();
        files.write("me.key", &std::fs::read(files.path("tls.key")).unwrap());
        assert_eq!(faults(&paths, NOW), [(TlsRole::PrivateKey, TlsFault::KeyMismatch)]);
        let far_future = Timestamp::from_unix(99_999_999_999, 0);
        let found = faults(&paths, far_future);
        assert!(
            found.iter().any(|(role, fault)| {
                *role == TlsRole::ClientCertificate && matches!(fault, TlsFault::Expired { at: 1, .. })
            }),
            "{found:?}"
        );
    }
}
