//! `jwks_file`, `jwks_url`, `ca`, `keys_max_age`: where the keys of an issuer are.

use std::path::PathBuf;

use super::preset::PresetName;
use crate::config::{
    error::{Fault, Reported},
    table::Table,
    url::https,
    value::text_rule,
};

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Where its metadata says (OpenID Connect Discovery 1.0, section 4).
    Discovery,
    /// A JWK set (RFC 7517, section 5) or SPIFFE bundle at this URL.
    Url(String),
    /// A JWK set or SPIFFE bundle in this file.
    InFile(PathBuf),
}

impl KeySource {
    pub(super) fn read(table: &Table<'_>, development: bool, preset: Option<PresetName>) -> Result<Self, Reported> {
        let file = table.optional_path("jwks_file");
        let url = table.optional("jwks_url", text_rule(|text| https(text, development)));
        match (file?, url?) {
            (Some(_), Some(_)) => Err(table.report_at(
                "jwks_file",
                Fault::new("contradiction: keys come from jwks_file or from jwks_url", "remove one of them"),
            )),
            (Some(file), None) => Ok(Self::InFile(file)),
            (None, Some(url)) => Ok(Self::Url(url)),
            (None, None) if preset == Some(PresetName::Spiffe) => Err(table.report_at(
                "jwks_file",
                Fault::new(
                    "or jwks_url: one is required with preset spiffe, for a trust domain has no discovery",
                    r#"write `jwks_file = "bundle.json"` or jwks_url, either with the trust domain's SPIFFE bundle"#,
                ),
            )),
            (None, None) => Ok(Self::Discovery),
        }
    }
}

/// The authorities for the issuer's HTTPS, which keys from a file do not need.
pub(super) fn read_ca(table: &Table<'_>) -> Result<Option<PathBuf>, Reported> {
    let ca = table.optional_path("ca");
    let unused = |key| {
        let fault = Fault::new("has no use with jwks_file: nothing is fetched", "remove it");
        table.check(!(table.has("jwks_file") && table.has(key)), &[key], fault)
    };
    let (no_ca, no_age) = (unused("ca"), unused("keys_max_age"));
    no_ca.and(no_age)?;
    ca
}
