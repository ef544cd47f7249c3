//! `[listeners.NAME.tls]`: the gateway's certificate, and whose client certificates are accepted.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::address::{resolve_socket, socket_path};
use crate::{
    config::{
        error::{Fault, Reported},
        table::Table,
        value::{Bounded, text_rule, trust_domain},
    },
    types::{Scheme, TrustDomain},
};

/// TLS of one listener. Whether the files hold what they should is seen when they are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where certificates come from.
    pub material: TlsMaterial,
    /// Whether clients must show a certificate.
    pub client_certificate: ClientCertificate,
    /// How long a client may take for its handshake.
    pub handshake_timeout: Duration,
}

/// Where the gateway's certificate and the authorities for client certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsMaterial {
    /// Files.
    Files {
        /// PEM file with the gateway's certificate chain, leaf first.
        certificate: PathBuf,
        /// PEM file with the private key; may be the same file.
        private_key: PathBuf,
        /// The authorities whose client certificates are accepted: PEM, or a SPIFFE trust bundle (SPIFFE Trust Domain and
        /// Bundle, section 4).
        client_ca: Option<PathBuf>,
    },
    /// The SPIFFE Workload API: X.509-SVID of the gateway, and trust bundles for client certificates.
    WorkloadApi {
        /// Path of its socket.
        socket: PathBuf,
        /// Trust domains whose client certificates are accepted; empty for the one of the gateway's own SVID.
        trust_domains: BTreeSet<TrustDomain>,
    },
}

/// Whether clients must show a certificate. One that is shown and not good ends the handshake, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They must.
    Required,
    /// They may.
    Optional,
    /// They are not asked for one.
    None,
}

/// A handshake takes two round trips and one signature, under a second even across continents.
const HANDSHAKE_TIMEOUT: Bounded<Duration> = Bounded {
    default: Duration::from_secs(5),
    min: Duration::from_millis(100),
    // A longer one only serves those who hold slots.
    max: Duration::from_secs(60),
};

impl TlsMaterial {
    /// Whether client certificates can be verified.
    #[must_use]
    pub fn verifies_clients(&self) -> bool {
        match self {
            Self::Files { client_ca, .. } => client_ca.is_some(),
            Self::WorkloadApi { .. } => true,
        }
    }

    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        let certificate = table.optional_path("certificate");
        let private_key = table.optional_path("private_key");
        let client_ca = table.optional_path("client_ca");
        let socket = table.optional("spiffe_workload_api", text_rule(socket_path));
        let trust_domains = table.set("spiffe_trust_domains", text_rule(trust_domain));
        if let Some(socket) = socket? {
            return Self::from_workload_api(table, socket, trust_domains?);
        }
        let no_trust_domains = table.check(
            !table.has("spiffe_trust_domains"),
            &["spiffe_trust_domains"],
            Fault::new(
                "is only for spiffe_workload_api: a file has the authorities that it has",
                "remove it; [authentication.mtls] says which trust domains are callers",
            ),
        );
        let required = |key, path: Result<Option<PathBuf>, Reported>, fix| {
            path?.ok_or_else(|| table.report_at(key, Fault::new("is required", fix)))
        };
        let certificate = required("certificate", certificate, r#"write `certificate = "server.pem"`"#);
        let private_key = required("private_key", private_key, r#"write `private_key = "server.key"`"#);
        no_trust_domains?;
        Ok(Self::Files { certificate: certificate?, private_key: private_key?, client_ca: client_ca? })
    }

    fn from_workload_api(
        table: &Table<'_>,
        socket: PathBuf,
        trust_domains: BTreeSet<TrustDomain>,
    ) -> Result<Self, Reported> {
        let files = ["certificate", "private_key", "client_ca"];
        table.check(
            !files.iter().any(|key| table.has(key)),
            &files,
            Fault::new(
                "contradiction: spiffe_workload_api gives certificate, key and authorities",
                "remove either the files or spiffe_workload_api",
            ),
        )?;
        Ok(Self::WorkloadApi { socket: resolve_socket(table, "spiffe_workload_api", socket)?, trust_domains })
    }
}

impl TlsConfig {
    pub(super) fn read(table: &Table<'_>, schemes: Result<&BTreeSet<Scheme>, Reported>) -> Result<Self, Reported> {
        let material = TlsMaterial::read(table);
        let written = table.optional("client_certificate", text_rule(client_certificate));
        let handshake_timeout = table.duration("handshake_timeout", &HANDSHAKE_TIMEOUT);
        let (written, schemes) = (written?, schemes?);
        let client_certificate = if table.has("client_ca") || table.has("spiffe_workload_api") {
            agree(table, written, schemes)
        } else {
            refuse_without_authorities(table, schemes).map(|()| ClientCertificate::None)
        };
        Ok(Self { material: material?, client_certificate: client_certificate?, handshake_timeout: handshake_timeout? })
    }
}

fn client_certificate(text: &str) -> Result<ClientCertificate, Fault> {
    match text {
        "required" => Ok(ClientCertificate::Required),
        "optional" => Ok(ClientCertificate::Optional),
        _ => Err(Fault::new("must be required or optional", r#"write "required""#)),
    }
}

fn refuse_without_authorities(table: &Table<'_>, schemes: &BTreeSet<Scheme>) -> Result<(), Reported> {
    const FIX: &str = r#"write `client_ca = "clients-ca.pem"`"#;
    let mtls = table.check(
        !schemes.contains(&Scheme::Mtls),
        &["client_ca"],
        Fault::new("is required by scheme mtls: it says whose certificates are believed", FIX),
    );
    let asked = table.check(
        !table.has("client_certificate"),
        &["client_certificate"],
        Fault::new("needs client_ca: without it no client certificate can be verified", FIX),
    );
    mtls.and(asked)
}

/// What is written, or what the schemes make of it, unless that contradicts the schemes.
fn agree(
    table: &Table<'_>,
    written: Option<ClientCertificate>,
    schemes: &BTreeSet<Scheme>,
) -> Result<ClientCertificate, Reported> {
    let mtls = schemes.contains(&Scheme::Mtls);
    let mesh = schemes.contains(&Scheme::Mesh);
    let mtls_alone = mtls && schemes.len() == 1;
    // A token may be bound to a certificate (RFC 8705, section 3).
    let useful = mtls || schemes.contains(&Scheme::Jwt);
    match written {
        Some(ClientCertificate::Optional) if mtls_alone => Err(table.report_at(
            "client_certificate",
            Fault::new(
                "must be required with scheme mtls alone: who shows no certificate could prove nothing",
                r#"write "required", or leave it out"#,
            ),
        )),
        Some(ClientCertificate::Required) if mtls && !mtls_alone => Err(table.report_at(
            "client_certificate",
            Fault::new(
                "must be optional with scheme mtls beside others: whoever proves otherwise who it is would have to \
                 show a certificate too, and nobody may prove two identities",
                r#"write "optional", or give the other schemes a listener of their own"#,
            ),
        )),
        Some(written @ ClientCertificate::Required) if !mesh => Ok(written),
        _ if useful => Ok(if mtls_alone { ClientCertificate::Required } else { ClientCertificate::Optional }),
        _ => unused_authorities(table, written, mesh),
    }
}

/// No scheme of the listener looks at certificates.
fn unused_authorities(
    table: &Table<'_>,
    written: Option<ClientCertificate>,
    mesh: bool,
) -> Result<ClientCertificate, Reported> {
    let key = match written {
        _ if table.has("client_ca") => "client_ca",
        Some(_) => "client_certificate",
        // The Workload API gives authorities, asked for or not.
        None => return Ok(ClientCertificate::None),
    };
    let fault = if mesh {
        Fault::new("has no use with scheme mesh, which believes nobody who shows a certificate of its own", "remove it")
    } else {
        Fault::new(
            "has no use: no scheme of this listener looks at client certificates",
            r#"remove it, or write `client_certificate = "required"` to let in only who has one"#,
        )
    };
    Err(table.report_at(key, fault))
}
