//! `[authentication.jwt.issuers.NAME]`: whose JSON Web Tokens are believed, and what is taken from them.

mod algorithm;
mod claims;
mod keys;
mod preset;

pub use claims::JwtGroups;
pub use keys::KeySource;
pub use preset::JwtPreset;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use self::preset::PresetName;
use super::Surroundings;
use crate::{
    config::{
        error::{Fault, Reported},
        listeners::ListenerConfig,
        table::Table,
        value::{Bounded, name, text_rule, word},
    },
    types::{JwtAlgorithm, Scheme},
};

/// Whose JSON Web Tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtConfig {
    /// The issuers, by name. Not empty.
    pub issuers: Vec<JwtIssuerConfig>,
}

/// One issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtIssuerConfig {
    /// Our name for it, which subjects carry: `jwt:NAME:…`, `k8s:NAME:…`.
    pub name: String,
    /// What its tokens look like, and whom they may name.
    pub preset: JwtPreset,
    /// One of these must be in `aud` (RFC 7519, section 4.1.3). Not empty.
    pub audiences: BTreeSet<String>,
    /// Algorithms of its signatures. Not empty.
    pub algorithms: BTreeSet<JwtAlgorithm>,
    /// Where its keys are.
    pub keys: KeySource,
    /// PEM file with the only authorities that are believed for its HTTPS; none for the system's.
    pub ca: Option<PathBuf>,
    /// Attribute of the caller = claim that it is taken from.
    pub attributes: BTreeMap<String, String>,
    /// Groups that its tokens put callers in.
    pub groups: Option<JwtGroups>,
    /// Whether tokens must be bound to the client's certificate (RFC 8705, section 3).
    pub certificate_bound: CertificateBound,
    /// How long a token may live: `exp` - `iat`, or `exp` - now without `iat`.
    pub token_age_max: Duration,
    /// How far its clock and ours may be apart.
    pub leeway: Duration,
    /// How long its keys are believed while they cannot be fetched.
    pub keys_max_age: Duration,
}

/// Whether tokens must be bound to the client's certificate: `cnf.x5t#S256` (RFC 8705, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateBound {
    /// A token that is bound must match; one that is not passes.
    #[default]
    IfPresent,
    /// Every token must be bound, and match.
    Required,
}

/// Each keeps keys in memory and asks for them; more is a mistake.
const ISSUERS_MAX: usize = 32;
/// An audience is a name or a URI.
const AUDIENCE_LENGTH_MAX: usize = 512;
/// A working day of an ID token, and Kubernetes' hour, fit; a token that lives longer is a password.
const TOKEN_AGE_MAX: Bounded<Duration> = Bounded {
    default: Duration::from_secs(24 * 60 * 60),
    min: Duration::from_secs(60),
    max: Duration::from_secs(7 * 24 * 60 * 60),
};
/// Machines with NTP are within a second; half a minute forgives those that have lost it for a day.
const LEEWAY: Bounded<Duration> = Bounded {
    default: Duration::from_secs(30),
    min: Duration::ZERO,
    // RFC 7519, section 4.1.4: "usually no more than a few minutes".
    max: Duration::from_secs(5 * 60),
};
/// A day bridges an outage that people have to mend. Keys that the issuer took back are believed for as long.
const KEYS_MAX_AGE: Bounded<Duration> = Bounded {
    default: Duration::from_secs(24 * 60 * 60),
    min: Duration::from_secs(5 * 60),
    max: Duration::from_secs(7 * 24 * 60 * 60),
};

impl JwtConfig {
    pub(super) fn read(table: &Table<'_>, around: &Surroundings<'_>) -> Result<Self, Reported> {
        const FIX: &str = r#"add [authentication.jwt.issuers.NAME] with issuer and `audiences = ["rootgate"]`"#;
        let issuers = table.required_section("issuers", "a token is believed by its issuer", FIX, |issuers| {
            let mut earlier = Vec::new();
            issuers.sections(name, |name, table| {
                let issuer = JwtIssuerConfig::read(name, table, around)?;
                preset::refuse_ambiguous(table, &issuer, &earlier)?;
                earlier.push(issuer.clone());
                Ok(issuer)
            })
        })?;
        match issuers.len() {
            0 => Err(table.report_at("issuers", Fault::new("must hold an issuer: nobody could call", FIX))),
            1..=ISSUERS_MAX => Ok(Self { issuers }),
            _ => {
                let rule = format!("must hold at most {ISSUERS_MAX} issuers");
                Err(table.report_at("issuers", Fault::new(rule, "remove some")))
            }
        }
    }

    /// The issuer of this name.
    pub(in crate::config) fn issuer(&self, name: &str) -> Option<&JwtIssuerConfig> {
        self.issuers.iter().find(|issuer| issuer.name == name)
    }
}

impl JwtIssuerConfig {
    fn read(name: &str, table: &Table<'_>, around: &Surroundings<'_>) -> Result<Self, Reported> {
        let preset_name = PresetName::read(table);
        let preset = JwtPreset::read(table, around.development, preset_name);
        let audiences = read_audiences(table);
        let algorithms = algorithm::read(table, preset_name.ok());
        let keys = KeySource::read(table, around.development, preset_name.ok());
        let ca = keys::read_ca(table);
        let attributes = claims::read_attributes(table);
        let groups = JwtGroups::read(table);
        let certificate_bound = CertificateBound::read(table, around.listeners);
        let token_age_max = table.duration("token_age_max", &TOKEN_AGE_MAX);
        let leeway = table.duration("leeway", &LEEWAY);
        let keys_max_age = table.duration("keys_max_age", &KEYS_MAX_AGE);
        Ok(Self {
            name: name.to_owned(),
            preset: preset?,
            audiences: audiences?,
            algorithms: algorithms?,
            keys: keys?,
            ca: ca?,
            attributes: attributes?,
            groups: groups?,
            certificate_bound: certificate_bound?,
            token_age_max: token_age_max?,
            leeway: leeway?,
            keys_max_age: keys_max_age?,
        })
    }
}

fn read_audiences(table: &Table<'_>) -> Result<BTreeSet<String>, Reported> {
    const FIX: &str = r#"write `audiences = ["rootgate"]`, a name that the issuer gives no other service"#;
    let audiences = table.required_list("audiences", FIX, text_rule(|text| word(text, AUDIENCE_LENGTH_MAX)))?;
    let fault = Fault::new("must not be empty: a token for another service would be good here", FIX);
    table.check(!audiences.is_empty(), &["audiences"], fault)?;
    Ok(audiences.into_iter().collect())
}

impl CertificateBound {
    fn read(table: &Table<'_>, listeners: Option<&[ListenerConfig]>) -> Result<Self, Reported> {
        let bound = table.optional("certificate_bound", text_rule(certificate_bound))?.unwrap_or_default();
        let with_jwt = listeners.into_iter().flatten().filter(|listener| listener.schemes.contains(&Scheme::Jwt));
        for listener in with_jwt.filter(|_| bound == Self::Required) {
            let name = &listener.name;
            if !listener.tls.as_ref().is_some_and(|tls| tls.material.verifies_clients()) {
                return Err(table.report_at(
                    "certificate_bound",
                    Fault::new(
                        format!("required needs client certificates: listener {name} accepts none"),
                        format!("add client_ca to [listeners.{name}.tls], or take jwt off its schemes"),
                    ),
                ));
            }
            if listener.schemes.contains(&Scheme::Mtls) {
                return Err(table.report_at(
                    "certificate_bound",
                    Fault::new(
                        format!(
                            "required cannot be met on listener {name}: its scheme mtls judges the certificate as well, \
                             and nobody may prove two identities"
                        ),
                        format!("take mtls or jwt off the schemes of listener {name}"),
                    ),
                ));
            }
        }
        Ok(bound)
    }
}

fn certificate_bound(text: &str) -> Result<CertificateBound, Fault> {
    match text {
        "if_present" => Ok(CertificateBound::IfPresent),
        "required" => Ok(CertificateBound::Required),
        _ => Err(Fault::new("must be if_present or required", r#"write "if_present""#)),
    }
}
