//! `algorithms`: by which signatures an issuer's tokens may be proven.

use std::collections::BTreeSet;

use super::preset::PresetName;
use crate::{
    config::{
        error::{Fault, Reported},
        table::Table,
        value::text_rule,
    },
    types::JwtAlgorithm,
};

/// What issuers use: RS256 is the one that OpenID Connect demands, the others are its better successors.
const DEFAULT: [JwtAlgorithm; 5] =
    [JwtAlgorithm::Rs256, JwtAlgorithm::Ps256, JwtAlgorithm::Es256, JwtAlgorithm::Es384, JwtAlgorithm::EdDsa];

pub(super) fn read(table: &Table<'_>, preset: Option<PresetName>) -> Result<BTreeSet<JwtAlgorithm>, Reported> {
    let svid = preset == Some(PresetName::Spiffe);
    let allowed = |algorithm: JwtAlgorithm| !(svid && algorithm == JwtAlgorithm::EdDsa);
    let written = table.list(
        "algorithms",
        text_rule(|text| {
            let algorithm = algorithm(text)?;
            let fault = || Fault::new("is no algorithm of JWT-SVIDs (JWT-SVID, section 2.1)", r#"write "ES256""#);
            if allowed(algorithm) { Ok(algorithm) } else { Err(fault()) }
        }),
    )?;
    let Some(written) = written else { return Ok(DEFAULT.into_iter().filter(|a| allowed(*a)).collect()) };
    let fault = Fault::new("must not be empty: nobody could call", "leave it out for the usual ones");
    table.check(!written.is_empty(), &["algorithms"], fault)?;
    Ok(written.into_iter().collect())
}

fn algorithm(text: &str) -> Result<JwtAlgorithm, Fault> {
    const FIX: &str = r#"write "ES256" or "RS256", whichever the issuer signs with"#;
    if let Some(algorithm) = JwtAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == text) {
        return Ok(algorithm);
    }
    if text.eq_ignore_ascii_case("none") {
        return Err(Fault::new("must not be none: anybody can write a token that nobody signed", FIX));
    }
    if text.get(..2).is_some_and(|family| family.eq_ignore_ascii_case("HS")) {
        return Err(Fault::new(
            "must not be HS256, HS384 or HS512: whoever can verify such a token can make one, and public keys would be secrets",
            FIX,
        ));
    }
    let names: Vec<&str> = JwtAlgorithm::ALL.into_iter().map(JwtAlgorithm::name).collect();
    Err(Fault::new(format!("must be one of {}", names.join(", ")), FIX))
}
