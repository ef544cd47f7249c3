//! Who is believed where: from the configuration to the schemes of each listener.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::files;
use crate::{
    authn::{
        AwsIam, AwsIamSettings, CertificateBinding, JwtIssuerSettings, JwtIssuers, JwtKeySource, JwtPreset, MeshRules,
        MtlsRules, Schemes,
    },
    clock::Clock,
    config::{self, Config},
    fetch::{FetchOptions, Fetcher},
    types::Scheme,
};

/// What is known of callers, made once and shared by the listeners.
#[derive(Clone)]
pub(super) struct Identities {
    mtls: Option<MtlsRules>,
    pub(super) jwt: Option<Arc<JwtIssuers>>,
    mesh: Option<MeshRules>,
    aws_iam: Option<Arc<AwsIam>>,
    /// Files with keys of issuers, which are looked at again.
    pub(super) key_files: Vec<KeyFile>,
}

/// A file with the keys of an issuer.
#[derive(Clone, Debug)]
pub(super) struct KeyFile {
    pub(super) issuer: String,
    pub(super) path: PathBuf,
    /// Of the content that is in force.
    pub(super) sha256: String,
}

impl Identities {
    /// Makes every configured scheme. Reads keys and authorities from files, and asks nobody.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn load(config: &Config, clock: &dyn Clock) -> Result<Self, Vec<String>> {
        let authentication = &config.authentication;
        let mut key_files = Vec::new();
        let jwt = authentication.jwt.as_ref().map(|jwt| jwt_issuers(config, jwt, &mut key_files)).transpose();
        let aws_iam = authentication.aws_iam.as_ref().map(|aws_iam| aws_iam_scheme(config, aws_iam, clock)).transpose();
        match (jwt, aws_iam) {
            (Ok(jwt), Ok(aws_iam)) => Ok(Self {
                mtls: authentication.mtls.as_ref().map(mtls_rules),
                jwt: jwt.map(Arc::new),
                mesh: authentication.mesh.as_ref().map(mesh_rules),
                aws_iam: aws_iam.map(Arc::new),
                key_files,
            }),
            (jwt, aws_iam) => Err([jwt.err(), aws_iam.err()].into_iter().flatten().flatten().collect()),
        }
    }

    /// What a listener with these schemes believes.
    pub(super) fn schemes(&self, names: &BTreeSet<Scheme>) -> Schemes {
        let mut schemes = Schemes::default();
        for name in names {
            match name {
                Scheme::Mtls => schemes.mtls.clone_from(&self.mtls),
                Scheme::Jwt => schemes.jwt.clone_from(&self.jwt),
                Scheme::Mesh => schemes.mesh.clone_from(&self.mesh),
                Scheme::AwsIam => schemes.aws_iam.clone_from(&self.aws_iam),
            }
        }
        schemes
    }
}

fn mtls_rules(mtls: &config::MtlsConfig) -> MtlsRules {
    let config::MtlsConfig { spiffe_trust_domains, dns_sans, uri_sans } = mtls.clone();
    MtlsRules { spiffe_trust_domains, dns_sans, uri_sans }
}

fn mesh_rules(mesh: &config::MeshConfig) -> MeshRules {
    match mesh.clone() {
        config::MeshConfig::Envoy { trust_domains, expected_by } => {
            MeshRules::Envoy { trust_domains, expected_by: expected_by.into_iter().collect() }
        }
        config::MeshConfig::Linkerd { identity_domains, trust_domains } => {
            MeshRules::Linkerd { identity_domains, trust_domains }
        }
    }
}

fn jwt_issuers(
    config: &Config,
    jwt: &config::JwtConfig,
    key_files: &mut Vec<KeyFile>,
) -> Result<JwtIssuers, Vec<String>> {
    let mut errors = Vec::new();
    let mut settings = Vec::new();
    for issuer in &jwt.issuers {
        match jwt_issuer(config, issuer, key_files) {
            Ok(issuer) => settings.push(issuer),
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    JwtIssuers::new(settings).map_err(|violations| violations.iter().map(ToString::to_string).collect())
}

fn jwt_issuer(
    config: &Config,
    issuer: &config::JwtIssuerConfig,
    key_files: &mut Vec<KeyFile>,
) -> Result<JwtIssuerSettings, Vec<String>> {
    let key = |key: &str| format!("authentication.jwt.issuers.{}.{key}", issuer.name);
    let keys = match &issuer.keys {
        config::KeySource::Discovery => Ok(JwtKeySource::Discovery),
        config::KeySource::Url(url) => Ok(JwtKeySource::Url(url.clone())),
        config::KeySource::InFile(path) => files::read(path, &key("jwks_file")).map(|bytes| {
            let (issuer, path, sha256) = (issuer.name.clone(), path.clone(), files::sha256(&bytes));
            key_files.push(KeyFile { issuer, path, sha256 });
            JwtKeySource::Document(bytes)
        }),
    };
    let ca_pem = issuer.ca.as_deref().map(|path: &Path| files::read(path, &key("ca"))).transpose();
    let (keys, ca_pem) = match (keys, ca_pem) {
        (Ok(keys), Ok(ca_pem)) => (keys, ca_pem),
        (keys, ca_pem) => return Err([keys.err(), ca_pem.err()].into_iter().flatten().collect()),
    };
    let (groups_claim, groups) = issuer
        .groups
        .clone()
        .map(|groups| (groups.claim, groups.names))
        .map_or_else(Default::default, |(claim, names)| (Some(claim), names));
    Ok(JwtIssuerSettings {
        name: issuer.name.clone(),
        preset: match issuer.preset.clone() {
            config::JwtPreset::Oidc { issuer, subject_claim } => JwtPreset::Oidc { issuer, subject_claim },
            config::JwtPreset::Kubernetes { issuer } => JwtPreset::Kubernetes { issuer },
            config::JwtPreset::Spiffe { trust_domains } => JwtPreset::Spiffe { trust_domains },
        },
        audiences: issuer.audiences.clone(),
        algorithms: issuer.algorithms.clone(),
        keys,
        ca_pem,
        http_allowed_for_loopback: config.aws.development.is_some(),
        attributes: issuer.attributes.clone(),
        groups_claim,
        groups,
        certificate_binding: match issuer.certificate_bound {
            config::CertificateBound::IfPresent => CertificateBinding::IfPresent,
            config::CertificateBound::Required => CertificateBinding::Required,
        },
        token_age_max: issuer.token_age_max,
        leeway: issuer.leeway,
        keys_max_age: issuer.keys_max_age,
    })
}

fn aws_iam_scheme(config: &Config, aws_iam: &config::AwsIamConfig, clock: &dyn Clock) -> Result<AwsIam, Vec<String>> {
    let config::AwsIamConfig { audience, accounts, regions, token_age_max } = aws_iam.clone();
    let endpoint_override = config.aws.development.as_ref().map(|development| development.endpoint.clone());
    let settings = AwsIamSettings { audience, accounts, regions, token_age_max, endpoint_override };
    let options = FetchOptions {
        ca_pem: None,
        http_allowed_for_loopback: config.aws.development.is_some(),
        connect_timeout: config.aws.connect_timeout,
        total_timeout: config.aws.attempt_timeout,
        body_bytes_max: AwsIam::ANSWER_BYTES_MAX,
    };
    let fetcher = Fetcher::new(options).map_err(|error| vec![format!("authentication.aws_iam: {error}")])?;
    AwsIam::new(settings, Arc::new(fetcher), clock.now()).map_err(|violations| {
        violations.iter().map(|violation| format!("authentication.aws_iam.{violation}")).collect()
    })
}
