//! Certificates for tests, here and in `edge`.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Authenticator, MtlsRules, PeerFacts, Remote, Schemes};
use crate::clock::Clock;

/// A certificate and its key, as DER and PEM.
pub(crate) struct Issued {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
}

impl Issued {
    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    /// As the peer of a connection that showed this certificate.
    pub(crate) fn peer(&self) -> PeerFacts {
        PeerFacts { remote: remote(), certificates: vec![self.der.clone()].into() }
    }
}

/// Somebody far away.
pub(crate) fn remote() -> Remote {
    Remote::Tcp("192.0.2.7:4711".parse().unwrap())
}

/// A CA of its own.
pub(crate) struct TestCa {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(ca_params(name))
    }

    pub(crate) fn with(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { der: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A workload's certificate as SPIRE or cert-manager makes it.
pub(crate) fn client_params(sans: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = sans;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(crate) fn server_params(name: &str) -> CertificateParams {
    let mut params = client_params(vec![dns(name)]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// Believes client certificates of `example.org`, `ops.example.org` and `urn:example:job`.
pub(crate) fn rules() -> MtlsRules {
    MtlsRules {
        spiffe_trust_domains: ["example.org".parse().unwrap()].into(),
        dns_sans: ["ops.example.org".parse().unwrap()].into(),
        uri_sans: ["urn:example:job".parse().unwrap()].into(),
    }
}

/// A listener that believes [`rules`] and nothing else.
pub(crate) fn mtls_only(clock: Arc<dyn Clock>) -> Authenticator {
    Authenticator::new("main", Schemes { mtls: Some(rules()), ..Schemes::default() }, clock)
}
