//! Why a handshake failed: the kind for the counters, the words for the log.

use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::Fault;
use crate::edge::EdgeCount;

/// Longest part of a library's words that goes to the log, in characters. They hardly ever repeat what the client sent.
const WORDS_MAX: usize = 200;

pub(super) fn classify(error: &io::Error) -> Fault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    let count = tls.map_or_else(|| by_kind(error.kind()), by_tls_error);
    let words: String = error.to_string().chars().take(WORDS_MAX).flat_map(char::escape_debug).collect();
    Fault::new(count, words)
}

fn by_kind(kind: io::ErrorKind) -> EdgeCount {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match kind {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => EdgeCount::HandshakeClosed,
        _ => EdgeCount::HandshakeOther,
    }
}

fn by_tls_error(error: &TlsError) -> EdgeCount {
    match error {
        TlsError::NoCertificatesPresented => EdgeCount::HandshakeNoCertificate,
        TlsError::InvalidCertificate(certificate) => by_certificate_error(certificate),
        TlsError::AlertReceived(_) => EdgeCount::HandshakeRejectedByClient,
        TlsError::InappropriateMessage { .. }
        | TlsError::InappropriateHandshakeMessage { .. }
        | TlsError::InvalidMessage(_)
        | TlsError::PeerIncompatible(_)
        | TlsError::PeerMisbehaved(_)
        | TlsError::NoApplicationProtocol
        | TlsError::PeerSentOversizedRecord
        | TlsError::DecryptError => EdgeCount::HandshakeBadProtocol,
        _ => EdgeCount::HandshakeOther,
    }
}

fn by_certificate_error(error: &CertificateError) -> EdgeCount {
    match error {
        CertificateError::UnknownIssuer => EdgeCount::HandshakeUnknownCa,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => EdgeCount::HandshakeExpired,
        _ => EdgeCount::HandshakeBadCertificate,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, InvalidMessage, PeerMisbehaved};

    use super::*;

    fn counted(error: TlsError) -> EdgeCount {
        classify(&io::Error::new(io::ErrorKind::InvalidData, error)).count
    }

    #[test]
    fn each_failure_has_its_kind() {
        let certificate = TlsError::InvalidCertificate;
        let table = [
            (TlsError::NoCertificatesPresented, EdgeCount::HandshakeNoCertificate),
            (certificate(CertificateError::UnknownIssuer), EdgeCount::HandshakeUnknownCa),
            (certificate(CertificateError::Expired), EdgeCount::HandshakeExpired),
            (certificate(CertificateError::NotValidYet), EdgeCount::HandshakeBadCertificate),
            (certificate(CertificateError::BadSignature), EdgeCount::HandshakeBadCertificate),
            (certificate(CertificateError::InvalidPurpose), EdgeCount::HandshakeBadCertificate),
            (TlsError::AlertReceived(AlertDescription::UnknownCA), EdgeCount::HandshakeRejectedByClient),
            (TlsError::NoApplicationProtocol, EdgeCount::HandshakeBadProtocol),
            (TlsError::InvalidMessage(InvalidMessage::InvalidContentType), EdgeCount::HandshakeBadProtocol),
            (PeerMisbehaved::TooManyEmptyFragments.into(), EdgeCount::HandshakeBadProtocol),
            (TlsError::General("out of luck".to_owned()), EdgeCount::HandshakeOther),
        ];
        for (error, wanted) in table {
            assert_eq!(counted(error.clone()), wanted, "{error:?}");
        }
        let by_kind = |kind: io::ErrorKind| classify(&kind.into()).count;
        assert_eq!(by_kind(io::ErrorKind::UnexpectedEof), EdgeCount::HandshakeClosed);
        assert_eq!(by_kind(io::ErrorKind::ConnectionReset), EdgeCount::HandshakeClosed);
        assert_eq!(by_kind(io::ErrorKind::OutOfMemory), EdgeCount::HandshakeOther);
    }

    #[test]
    fn words_in_the_log_are_bounded_and_harmless() {
        let fault = classify(&io::Error::other(format!("a\n\u{1b}[31mb{}", "x".repeat(10_000))));
        assert!(fault.why.starts_with("a\\n\\u{1b}[31mb"), "{}", fault.why);
        assert!(fault.why.len() < 2 * WORDS_MAX && !fault.why.contains('\n'));
    }
}
