//! Where the TLS material is, and what is in the files.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

use super::{TlsFault, TlsRole};
use crate::edge::ClientCertificate;

/// Largest file that is read. A bundle of a hundred CAs has about 200 KiB; a wrong path must not fill the memory.
pub(super) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where the TLS material is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by its intermediates. PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate, not encrypted. PEM.
    pub private_key: PathBuf,
    /// The CAs that issue certificates to clients, and whether clients must show one.
    pub client_ca: ClientCa,
}

/// The file of the CAs that issue certificates to clients: PEM, or a SPIFFE trust bundle (SPIFFE Trust Domain and Bundle,
/// section 4). Every CA in it may vouch for every name, so keep in one file what is of one trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCa {
    /// Clients must show a certificate.
    Required(PathBuf),
    /// Clients may show a certificate; one that is not good ends the handshake.
    Optional(PathBuf),
    /// Clients are not asked for one.
    None,
}

impl TlsFiles {
    /// What is demanded of clients.
    #[must_use]
    pub const fn client_certificate(&self) -> ClientCertificate {
        match self.client_ca {
            ClientCa::Required(_) => ClientCertificate::Required,
            ClientCa::Optional(_) => ClientCertificate::Optional,
            ClientCa::None => ClientCertificate::None,
        }
    }

    fn client_ca_file(&self) -> Option<&Path> {
        match &self.client_ca {
            ClientCa::Required(file) | ClientCa::Optional(file) => Some(file),
            ClientCa::None => None,
        }
    }
}

/// What was in the files at one moment.
pub(super) struct Contents {
    certificate: Result<Vec<u8>, TlsFault>,
    private_key: Result<Vec<u8>, TlsFault>,
    client_ca: Option<Result<Vec<u8>, TlsFault>>,
}

impl Contents {
    pub(super) fn read(files: &TlsFiles) -> Self {
        Self {
            certificate: read(&files.certificate),
            private_key: read(&files.private_key),
            client_ca: files.client_ca_file().map(read),
        }
    }

    pub(super) fn certificate(&self) -> Result<&[u8], TlsFault> {
        bytes(&self.certificate)
    }

    pub(super) fn private_key(&self) -> Result<&[u8], TlsFault> {
        bytes(&self.private_key)
    }

    pub(super) fn client_ca(&self) -> Result<&[u8], TlsFault> {
        self.client_ca.as_ref().map_or(Err(TlsFault::Missing), bytes)
    }

    pub(super) fn digests(&self) -> Digests {
        Digests {
            certificate: digest(&self.certificate),
            private_key: digest(&self.private_key),
            client_ca: self.client_ca.as_ref().and_then(digest),
        }
    }
}

fn bytes(read: &Result<Vec<u8>, TlsFault>) -> Result<&[u8], TlsFault> {
    read.as_deref().map_err(Clone::clone)
}

fn digest(read: &Result<Vec<u8>, TlsFault>) -> Option<Vec<u8>> {
    read.as_ref().ok().map(|bytes| digest::digest(&digest::SHA256, bytes).as_ref().to_vec())
}

/// SHA-256 of each file that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Digests {
    certificate: Option<Vec<u8>>,
    private_key: Option<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Digests {
    /// The files that are not what they were.
    pub(super) fn changed_since(&self, earlier: &Self) -> Vec<TlsRole> {
        let all = [
            (TlsRole::Certificate, self.certificate != earlier.certificate),
            (TlsRole::PrivateKey, self.private_key != earlier.private_key),
            (TlsRole::ClientCa, self.client_ca != earlier.client_ca),
        ];
        all.into_iter().filter(|(_, changed)| *changed).map(|(role, _)| role).collect()
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => TlsFault::Missing,
        _ => TlsFault::Unreadable(error.to_string()),
    };
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fault)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(TlsFault::TooLarge) } else { Ok(bytes) }
}
