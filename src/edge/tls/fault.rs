//! What can be wrong with the TLS files, in words for the operator who must mend it.

use std::{fmt, path::PathBuf};

use crate::clock::Timestamp;

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRole {
    /// The server's certificate chain.
    Certificate,
    /// The private key of a certificate chain.
    PrivateKey,
    /// The bundle of client CAs.
    ClientCa,
    /// The bundle of CAs that issue certificates to gateways; a client reads it.
    GatewayCa,
    /// A client's own certificate chain.
    ClientCertificate,
}

/// What is wrong with a file, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// There is no such file.
    #[error("the file does not exist; check the path, and that the secret is mounted")]
    Missing,
    /// It cannot be read.
    #[error("the file cannot be read ({0}); give the user that runs rootgate permission to read it")]
    Unreadable(String),
    /// It is larger than anything of its kind.
    #[error("the file has more than 1 MiB; check the path")]
    TooLarge,
    /// It is not PEM.
    #[error("the file is not well-formed PEM ({0}); write it again")]
    NotPem(String),
    /// It is PEM, but holds nothing of the right kind.
    #[error("the file has no PEM block of the kind {0}; check that the files are not swapped")]
    NoBlock(&'static str),
    /// It begins like a SPIFFE trust bundle and is none.
    #[error(
        "the file is no SPIFFE trust bundle (line {line}, column {column}); it must be a JSON object with an array `keys`, or PEM"
    )]
    NotABundle {
        /// Where reading stopped, from 1.
        line: usize,
        /// The same.
        column: usize,
    },
    /// A trust bundle without keys for X.509-SVIDs.
    #[error(
        "the trust bundle has no key with use \"x509-svid\"; export the bundle of a trust domain that issues X.509-SVIDs"
    )]
    NoX509Authority,
    /// A key of a trust bundle has no usable certificate.
    #[error("x5c of key {at} in the trust bundle cannot be used: {why}; export the bundle again")]
    BadX5c {
        /// Its place among the keys, from 1.
        at: usize,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A certificate cannot be parsed.
    #[error("certificate {at} in the file cannot be used ({why}); have it issued again")]
    BrokenCertificate {
        /// Its place in the file, from 1.
        at: usize,
        /// Why.
        why: String,
    },
    /// A certificate is too old.
    #[error("certificate {at} in the file expired at {not_after}; have it issued again")]
    Expired {
        /// Its place in the file, from 1.
        at: usize,
        /// When it expired.
        not_after: Timestamp,
    },
    /// A certificate is too young.
    #[error(
        "certificate {at} in the file is not valid before {not_before}; check the clock of this machine and of the issuer"
    )]
    NotYetValid {
        /// Its place in the file, from 1.
        at: usize,
        /// When it becomes valid.
        not_before: Timestamp,
    },
    /// A certificate in a CA bundle could not have issued anything.
    #[error("certificate {at} in the file is not a CA, so its key must not vouch for others; put the issuing CA there")]
    NotACa {
        /// Its place in the file, from 1.
        at: usize,
    },
    /// The key cannot be used.
    #[error("the key cannot be used ({0}); it must be an unencrypted RSA, ECDSA or Ed25519 key")]
    BrokenKey(String),
    /// The key belongs to another certificate.
    #[error("the key does not belong to the certificate; deploy certificate and key of the same issuance together")]
    KeyMismatch,
    /// TLS refuses the combination.
    #[error("TLS cannot be set up with it ({0})")]
    Refused(String),
}

/// One file and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsProblem {
    /// Which file it is.
    pub role: TlsRole,
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub fault: TlsFault,
}

/// Everything that is wrong with the TLS files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    problems: Vec<TlsProblem>,
}

impl TlsError {
    pub(super) const fn new(problems: Vec<TlsProblem>) -> Self {
        Self { problems }
    }

    /// The problems, at least one.
    #[must_use]
    pub fn problems(&self) -> &[TlsProblem] {
        &self.problems
    }
}

impl fmt::Display for TlsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "server certificate",
            Self::PrivateKey => "private key",
            Self::ClientCa => "client CA bundle",
            Self::GatewayCa => "gateway CA bundle",
            Self::ClientCertificate => "client certificate",
        })
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.role, self.file.display(), self.fault)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for TlsError {}
