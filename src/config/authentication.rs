//! `[authentication]`: by what callers are recognised.

mod aws_iam;
mod jwt;
mod mesh;
mod mtls;

pub use aws_iam::AwsIamConfig;
pub use jwt::{CertificateBound, JwtConfig, JwtGroups, JwtIssuerConfig, JwtPreset, KeySource};
pub use mesh::MeshConfig;
pub use mtls::MtlsConfig;

use std::collections::BTreeSet;

use super::{
    aws::AwsConfig,
    error::{Fault, Reported},
    listeners::ListenerConfig,
    table::Table,
};
use crate::types::{Scheme, TrustDomain};

/// By what callers are recognised. A scheme that is not configured is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticationConfig {
    /// Client certificates.
    pub mtls: Option<MtlsConfig>,
    /// JSON Web Tokens.
    pub jwt: Option<JwtConfig>,
    /// The header of a mesh proxy.
    pub mesh: Option<MeshConfig>,
    /// Presigned `sts:GetCallerIdentity`.
    pub aws_iam: Option<AwsIamConfig>,
}

/// What the section depends on. What could not be read is none: its errors are reported already.
pub(super) struct Surroundings<'c> {
    /// Where the schemes are believed.
    pub(super) listeners: Option<&'c [ListenerConfig]>,
    /// The default of regions.
    pub(super) aws: Option<&'c AwsConfig>,
    /// Whether this is a simulator, in which plain HTTP may go over loopback.
    pub(super) development: bool,
}

impl AuthenticationConfig {
    pub(super) fn read(table: &Table<'_>, around: &Surroundings<'_>) -> Result<Self, Reported> {
        let mtls = table.optional_section("mtls", |mtls| MtlsConfig::read(mtls, around.listeners));
        let jwt = table.optional_section("jwt", |jwt| JwtConfig::read(jwt, around));
        let mesh = table.optional_section("mesh", MeshConfig::read);
        let aws_iam = table.optional_section("aws_iam", |aws_iam| AwsIamConfig::read(aws_iam, around.aws));
        refuse_unused(table, around.listeners)?;
        Ok(Self { mtls: mtls?, jwt: jwt?, mesh: mesh?, aws_iam: aws_iam? })
    }

    /// Trust domains whose SPIFFE IDs are callers, by whatever scheme.
    pub(super) fn knows_trust_domain(&self, name: &str) -> bool {
        let mtls = self.mtls.iter().map(|mtls| &mtls.spiffe_trust_domains);
        let mesh = self.mesh.iter().map(MeshConfig::trust_domains);
        let jwt = self.jwt.iter().flat_map(|jwt| &jwt.issuers).filter_map(|issuer| issuer.preset.trust_domains());
        mtls.chain(mesh).chain(jwt).any(|domains: &BTreeSet<TrustDomain>| domains.contains(name))
    }
}

/// A scheme that nobody can use is a listener that somebody forgot.
fn refuse_unused(table: &Table<'_>, listeners: Option<&[ListenerConfig]>) -> Result<(), Reported> {
    let Some(listeners) = listeners else { return Ok(()) };
    let used: BTreeSet<Scheme> = listeners.iter().flat_map(|listener| &listener.schemes).copied().collect();
    let unused = Scheme::ALL.into_iter().filter(|scheme| table.has(scheme.name()) && !used.contains(scheme));
    let report = |scheme: Scheme| {
        let fault = Fault::new(
            "has no use: no listener believes this scheme",
            format!(r#"add "{scheme}" to the `schemes` of a listener, or remove the section"#),
        );
        table.report_at(scheme.name(), fault)
    };
    unused.map(report).last().map_or(Ok(()), Err)
}
