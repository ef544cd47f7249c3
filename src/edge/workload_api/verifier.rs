//! Judges a client by the bundle of the trust domain that its SPIFFE ID names, and by no other.
//!
//! "Validators must choose the bundle corresponding to the trust domain that the SVID resides in" (SPIFFE Trust Domain
//! and Bundle, section 3): with all bundles in one pot, a federated trust domain could issue our own workloads' IDs.

use std::{collections::BTreeMap, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::{
    edge::ClientCertificate,
    types::{SpiffeId, TrustDomain},
};

/// One verifier for each trust domain.
#[derive(Debug)]
pub(super) struct TrustDomainVerifier {
    by_domain: BTreeMap<TrustDomain, Arc<dyn ClientCertVerifier>>,
    is_mandatory: bool,
    hints: Vec<DistinguishedName>,
}

impl TrustDomainVerifier {
    pub(super) fn new(
        by_domain: impl IntoIterator<Item = (TrustDomain, Arc<dyn ClientCertVerifier>)>,
        demand: ClientCertificate,
    ) -> Self {
        let by_domain: BTreeMap<_, _> = by_domain.into_iter().collect();
        let hints = by_domain.values().flat_map(|verifier| verifier.root_hint_subjects()).cloned().collect();
        Self { by_domain, is_mandatory: demand != ClientCertificate::Optional, hints }
    }

    /// Any of them: signatures are checked the same way in all.
    fn any(&self) -> Result<&dyn ClientCertVerifier, Error> {
        self.by_domain.values().next().map(AsRef::as_ref).ok_or_else(|| CertificateError::UnknownIssuer.into())
    }
}

impl ClientCertVerifier for TrustDomainVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let id = spiffe_id(end_entity)?;
        let verifier = self.by_domain.get(id.trust_domain()).ok_or(CertificateError::UnknownIssuer)?;
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any().map(ClientCertVerifier::supported_verify_schemes).unwrap_or_default()
    }
}

/// The one SPIFFE ID of a leaf. A certificate without one, or with several URIs, is no X.509-SVID (X.509-SVID, section 2).
fn spiffe_id(leaf: &CertificateDer<'_>) -> Result<SpiffeId, CertificateError> {
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|_error| CertificateError::BadEncoding)?;
    let names = certificate.subject_alternative_name().map_err(|_error| CertificateError::BadEncoding)?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.parse().map_err(|_rule| CertificateError::ApplicationVerificationFailure),
        _ => Err(CertificateError::ApplicationVerificationFailure),
    }
}
