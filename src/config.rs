//! The configuration: one TOML file, parsed once into typed values, and the only reader of the environment.
//!
//! Every error of the file is reported, each with its place, the key, the rule and the fix. Unknown keys, wrong types
//! and contradictions refuse; there is no warning that nobody reads. Each default is a constant that says why, beside
//! the section that it belongs to.

mod authentication;
mod authorization;
mod aws;
mod backups;
mod environment;
mod error;
mod journal;
mod limits;
mod listeners;
mod log;
mod organization;
mod server;
mod suggest;
mod table;
mod url;
mod value;

pub use authentication::{
    AuthenticationConfig, AwsIamConfig, CertificateBound, JwtConfig, JwtGroups, JwtIssuerConfig, JwtPreset, KeySource,
    MeshConfig, MtlsConfig,
};
pub use authorization::AuthorizationConfig;
pub use aws::{AwsConfig, BrokerConfig, DevelopmentConfig, ENDPOINT_OVERRIDE_SENTENCE};
pub use backups::BackupsConfig;
pub use environment::{EndpointOverride, Environment, refuse_endpoint_overrides};
pub use error::{ConfigError, ConfigErrors, Place};
pub use journal::{AnchorBucketConfig, CheckpointConfig, JournalConfig, ObjectLockMode};
pub use limits::{CallerLimitsConfig, LimitsConfig, RateConfig};
pub use listeners::{ClientCertificate, ListenAddress, ListenerConfig, TlsConfig, TlsMaterial, UnixConfig};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use organization::OrganizationConfig;
pub use server::{ServerConfig, ServerLimitsConfig};

pub(crate) use value::parse_duration;

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path};

use crate::types::{Scheme, sha256_hex};
use authentication::Surroundings;
use error::{Errors, Fault, Reported};
use table::Table;

/// The whole configuration. It holds paths of secrets and no secret, so its `Debug` may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What holds for every listener.
    pub server: ServerConfig,
    /// The listeners, by name. Not empty.
    pub listeners: Vec<ListenerConfig>,
    /// By what callers are recognised.
    pub authentication: AuthenticationConfig,
    /// Policies and groups.
    pub authorization: AuthorizationConfig,
    /// In which organizational unit an account is.
    pub organization: OrganizationConfig,
    /// How much callers may ask for.
    pub limits: LimitsConfig,
    /// AWS.
    pub aws: AwsConfig,
    /// The journal.
    pub journal: JournalConfig,
    /// Policies that acts have changed.
    pub backups: BackupsConfig,
    /// The log.
    pub log: LogConfig,
    /// SHA-256 of the file's bytes, in lower-case hexadecimal: says in the journal under which configuration an act was
    /// done.
    pub sha256: String,
}

/// A full configuration has 5 KiB; groups may make it larger. What is more is the wrong file.
const FILE_BYTES_MAX: usize = 1_048_576;

impl Config {
    /// Reads the file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is too large, or breaks rules; see [`ConfigErrors`].
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let bytes = read_bounded(path).map_err(|fault| ConfigErrors::of_file(&name, fault))?;
        let text = String::from_utf8(bytes).map_err(|error| ConfigErrors::not_utf8(&name, &error))?;
        Self::from_toml(&text, path.parent().unwrap_or(Path::new("")), &name)
    }

    /// Parses the text of a file called `source_name`, whose relative paths are relative to `base`.
    ///
    /// # Errors
    ///
    /// Every rule that the text breaks.
    pub fn from_toml(text: &str, base: &Path, source_name: &str) -> Result<Self, ConfigErrors> {
        if text.len() > FILE_BYTES_MAX {
            return Err(ConfigErrors::of_file(source_name, too_large()));
        }
        let sha256 = sha256_hex(text.as_bytes());
        // Editors put a byte order mark there and do not count it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let errors = Errors::new(text);
        let config = parse(text, &errors).and_then(|document| {
            let table = Table::root(&document, base, &errors);
            let config = Self::read(&table, sha256);
            table.refuse_unknown();
            config
        });
        errors.into_result(source_name, config)
    }

    fn read(table: &Table<'_>, sha256: String) -> Result<Self, Reported> {
        let server = table.section("server", ServerConfig::read);
        let listeners =
            table.required_section("listeners", "they say where to listen", listeners::LISTENER_FIX, |listeners| {
                listeners::read(listeners, schemes_written(table).as_ref())
            });
        let aws = table.required_section(
            "aws",
            "it says where the gateway may act",
            "add [aws] with home_region and allowed_regions",
            AwsConfig::read,
        );
        let around = Surroundings {
            listeners: listeners.as_deref().ok(),
            aws: aws.as_ref().ok(),
            development: table.has_in("aws", "development"),
        };
        let authentication = table.required_section(
            "authentication",
            "somebody must be able to call",
            r#"add [authentication.mtls] with `spiffe_trust_domains = ["example.org"]`, dns_sans or uri_sans"#,
            |table| AuthenticationConfig::read(table, &around),
        );
        let authorization = table.required_section(
            "authorization",
            "without policies nothing is allowed",
            r#"add [authorization] with `policies = ["policies/"]`"#,
            |table| AuthorizationConfig::read(table, authentication.as_ref().ok()),
        );
        let journal = table.required_section(
            "journal",
            "no act goes unrecorded",
            r#"add [journal] with `path = "journal.db"`"#,
            JournalConfig::read,
        );
        let backups = table.section("backups", BackupsConfig::read);
        let organization = table.section("organization", OrganizationConfig::read);
        let limits = table.section("limits", |limits| LimitsConfig::read(limits, server.as_ref().ok()));
        let log = table.section("log", LogConfig::read);
        Ok(Self {
            server: server?,
            listeners: listeners?,
            authentication: authentication?,
            authorization: authorization?,
            organization: organization?,
            limits: limits?,
            aws: aws?,
            journal: journal?,
            backups: backups?,
            log: log?,
            sha256,
        })
    }
}

/// The schemes that `[authentication]` has, good or bad; none without the section.
fn schemes_written(table: &Table<'_>) -> Option<BTreeSet<Scheme>> {
    let written = Scheme::ALL.into_iter().filter(|scheme| table.has_in("authentication", scheme.name()));
    table.has("authentication").then(|| written.collect())
}

/// The document, if its syntax is right; all that is wrong with the syntax else, and nothing of what follows from it.
fn parse<'i>(text: &'i str, errors: &Errors<'_>) -> Result<toml::de::DeTable<'i>, Reported> {
    let (document, syntax) = toml::de::DeTable::parse_recoverable(text);
    let report = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        errors.report(offset, "", Fault::new(format!("TOML syntax: {}", error.message()), "see https://toml.io"))
    };
    syntax.iter().map(report).last().map_or(Ok(document.into_inner()), Err)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(format!("cannot be read: {error}"), "give an existing file that this user may read to --config")
    };
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX as u64 + 1;
    File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > FILE_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> Fault {
    Fault::new("must have at most 1 MiB", "give the configuration file to --config")
}

#[cfg(test)]
mod tests;
