//! `preset`: what the tokens of an issuer look like, and whom they may name.

use std::collections::BTreeSet;

use super::{JwtIssuerConfig, KeySource, claims::claim};
use crate::{
    config::{
        error::{Fault, Reported},
        table::Table,
        url::https,
        value::{text_rule, trust_domain},
    },
    types::TrustDomain,
};

/// What the tokens of an issuer look like, and whom they may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtPreset {
    /// OpenID Connect, or anything else with `iss`, `aud` and `exp` (RFC 7519).
    Oidc {
        /// The exact `iss`.
        issuer: String,
        /// The claim that says who it is.
        subject_claim: String,
    },
    /// Projected tokens of Kubernetes service accounts.
    Kubernetes {
        /// The exact `iss`, the API server's `--service-account-issuer`.
        issuer: String,
    },
    /// JWT-SVIDs.
    Spiffe {
        /// The one trust domain whose keys these are.
        trust_domains: BTreeSet<TrustDomain>,
    },
}

/// The presets that are known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PresetName {
    Oidc,
    Kubernetes,
    Spiffe,
}

/// RFC 7519, section 4.1.2.
const SUBJECT_CLAIM: &str = "sub";

impl JwtPreset {
    /// The exact `iss`, where the preset has one.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::Oidc { issuer, .. } | Self::Kubernetes { issuer } => Some(issuer),
            Self::Spiffe { .. } => None,
        }
    }

    /// The trust domains, where the preset has some.
    pub(in crate::config) fn trust_domains(&self) -> Option<&BTreeSet<TrustDomain>> {
        match self {
            Self::Spiffe { trust_domains } => Some(trust_domains),
            Self::Oidc { .. } | Self::Kubernetes { .. } => None,
        }
    }

    pub(super) fn read(
        table: &Table<'_>,
        development: bool,
        preset: Result<PresetName, Reported>,
    ) -> Result<Self, Reported> {
        let issuer = table.optional("issuer", text_rule(|text| https(text, development)));
        let subject_claim = table.optional("subject_claim", text_rule(claim));
        let trust_domains = table.set("trust_domains", text_rule(trust_domain));
        let preset = preset?;
        let only_for = |preset: &str, key: &str| {
            let fix = format!(r#"remove it, or write `preset = "{preset}"`"#);
            table.check(!table.has(key), &[key], Fault::new(format!("is only for preset {preset}"), fix))
        };
        let refused = match preset {
            PresetName::Oidc => only_for("spiffe", "trust_domains"),
            PresetName::Kubernetes => only_for("oidc", "subject_claim").and(only_for("spiffe", "trust_domains")),
            PresetName::Spiffe => only_for("oidc", "subject_claim").and(refuse_issuer(table)),
        };
        let (issuer, subject_claim, trust_domains) = (issuer?, subject_claim?, trust_domains?);
        let this = match preset {
            PresetName::Oidc => required(table, issuer).map(|issuer| Self::Oidc {
                issuer,
                subject_claim: subject_claim.unwrap_or_else(|| SUBJECT_CLAIM.to_owned()),
            }),
            PresetName::Kubernetes => required(table, issuer).map(|issuer| Self::Kubernetes { issuer }),
            PresetName::Spiffe => one_trust_domain(table, trust_domains),
        };
        refused?;
        this
    }
}

impl PresetName {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, Reported> {
        Ok(table.optional("preset", text_rule(preset))?.unwrap_or(Self::Oidc))
    }
}

fn preset(text: &str) -> Result<PresetName, Fault> {
    match text {
        "oidc" => Ok(PresetName::Oidc),
        "kubernetes" => Ok(PresetName::Kubernetes),
        "spiffe" => Ok(PresetName::Spiffe),
        _ => Err(Fault::new("must be oidc, kubernetes or spiffe", r#"write "oidc""#)),
    }
}

fn required(table: &Table<'_>, issuer: Option<String>) -> Result<String, Reported> {
    const FIX: &str = r#"write `issuer = "https://login.example.org"`, just as its tokens spell `iss`"#;
    issuer.ok_or_else(|| table.report_at("issuer", Fault::new("is required", FIX)))
}

fn refuse_issuer(table: &Table<'_>) -> Result<(), Reported> {
    let fault = Fault::new(
        "is not for preset spiffe: JWT-SVIDs are believed by their trust domain",
        "remove it; see trust_domains",
    );
    table.check(!table.has("issuer"), &["issuer"], fault)
}

/// A bundle holds the keys of one trust domain (SPIFFE Trust Domain and Bundle, section 4).
fn one_trust_domain(table: &Table<'_>, trust_domains: BTreeSet<TrustDomain>) -> Result<JwtPreset, Reported> {
    let fault = Fault::new(
        "must name one trust domain: with two, the keys of one would sign for the other",
        r#"write `trust_domains = ["example.org"]`, and an issuer with its own bundle for each other trust domain"#,
    );
    table.check(trust_domains.len() == 1, &["trust_domains"], fault)?;
    Ok(JwtPreset::Spiffe { trust_domains })
}

/// Refuses an issuer of which nobody could say whether its token is of this one or of an earlier one.
pub(super) fn refuse_ambiguous(
    table: &Table<'_>,
    issuer: &JwtIssuerConfig,
    earlier: &[JwtIssuerConfig],
) -> Result<(), Reported> {
    let same =
        |other: &&JwtIssuerConfig| issuer.preset.issuer().is_some() && other.preset.issuer() == issuer.preset.issuer();
    if let Some(other) = earlier.iter().find(|other| same(other) && !told_apart_by_keys(issuer, other)) {
        let fault = Fault::new(
            format!("must not be the issuer of {} too: nobody could say whose token it is", other.name),
            "remove one of them; only clusters (preset kubernetes) may share an issuer, each with a jwks_file or jwks_url of its own",
        );
        return Err(table.report_at("issuer", fault));
    }
    let domains = issuer.preset.trust_domains();
    let shared = |other: &&JwtIssuerConfig| {
        domains.zip(other.preset.trust_domains()).is_some_and(|(one, other)| !one.is_disjoint(other))
    };
    let Some(other) = earlier.iter().find(shared) else { return Ok(()) };
    let rule = format!("must not be the trust domain of {} too: a trust domain has one bundle", other.name);
    Err(table.report_at("trust_domains", Fault::new(rule, "remove one of them")))
}

/// Clusters often have the same default issuer, and are told apart by whose key signed.
fn told_apart_by_keys(one: &JwtIssuerConfig, other: &JwtIssuerConfig) -> bool {
    let kubernetes = |issuer: &JwtIssuerConfig| match issuer.preset {
        JwtPreset::Kubernetes { .. } => issuer.keys != KeySource::Discovery,
        JwtPreset::Oidc { .. } | JwtPreset::Spiffe { .. } => false,
    };
    kubernetes(one) && kubernetes(other) && one.keys != other.keys
}
