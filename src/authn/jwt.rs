//! The scheme `jwt`: the caller is who a signed token of a configured issuer names.
//!
//! Control flow:
//! 1. `authorization: Bearer TOKEN` is read; anything else in that header fails ([`bearer`]).
//! 2. The token says, unverified, whose it is ([`header`]): by `iss`, or for JWT-SVIDs by the trust domain of `sub`. Of
//!    several clusters that share an issuer name, the one is meant whose key with that `kid` verifies it.
//! 3. It is verified against the keys of the issuers that it names and no others ([`issuer`], [`store`], [`keys`]). The library
//!    `jsonwebtoken` parses and verifies; what it leaves to the application is here.
//! 4. The verified claims make the caller ([`claims`], [`identity`]).
//! 5. Times and certificate binding are checked at each use, also of a token that is remembered ([`verified`]).
//!
//! Sources: RFC 7519 (JWT), RFC 7515 (JWS), RFC 8725 (best current practices), RFC 8705 (certificate-bound tokens),
//! OpenID Connect Core and Discovery 1.0, SPIFFE JWT-SVID.

mod bearer;
mod binding;
mod check;
mod claims;
mod header;
mod identity;
mod issuer;
mod keys;
mod settings;
mod source;
mod store;
mod strict;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verified;

pub use settings::{CertificateBinding, JwtIssuerSettings, JwtKeySource, JwtPreset};

use std::{fmt, sync::Arc};

use futures_util::future::join_all;

use self::{
    header::Unverified,
    issuer::Issuer,
    verified::{Digest, Verified, VerifiedTokens},
};
use super::{Caller, Evidence, Proof};
use crate::types::{Rule, Violation};

/// Characters of what a stranger sent that are shown to operators.
const SHOWN_CHARS_MAX: usize = 120;

/// The issuers whose tokens are believed, with their keys and the tokens that were verified. Listeners share one.
pub struct JwtIssuers {
    issuers: Vec<Issuer>,
    verified: VerifiedTokens,
}

/// An issuer that did not tell its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtKeysFailure {
    /// Its name in the configuration.
    pub issuer: String,
    /// Why, for the log.
    pub reason: String,
}

impl JwtIssuers {
    /// Prepares the issuers. Sends nothing: [`JwtIssuers::warm_up`] does, or the first token.
    ///
    /// # Errors
    ///
    /// Everything in the settings that is wrong or contradicts itself, by its name below `authentication.jwt`.
    pub fn new(settings: Vec<JwtIssuerSettings>) -> Result<Self, Vec<Violation>> {
        let mut problems = check::check(&settings);
        let mut issuers = Vec::new();
        for settings in settings {
            let name = settings.name.clone();
            match Issuer::new(settings) {
                Ok(issuer) => issuers.push(issuer),
                Err((key, why)) => problems.push(check::violation(&name, key, Rule(why.into()))),
            }
        }
        if problems.is_empty() { Ok(Self { issuers, verified: VerifiedTokens::default() }) } else { Err(problems) }
    }

    /// Asks all issuers for their keys, so that the first callers need not wait. Not necessary, and no failure is final:
    /// each token tries again.
    pub async fn warm_up(&self) -> Vec<JwtKeysFailure> {
        let looks = self.issuers.iter().map(|issuer| async {
            let failure = issuer.keys.look().await.err()?;
            Some(JwtKeysFailure { issuer: issuer.name().to_owned(), reason: failure })
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// Puts a new document in force for an issuer whose keys were handed in.
    ///
    /// # Errors
    ///
    /// The document has no usable key, or the issuer has no document. The keys before stay in force.
    pub fn replace_keys(&self, issuer: &str, document: &[u8]) -> Result<(), Rule> {
        let known = self.issuers.iter().find(|known| known.name() == issuer);
        let known = known.ok_or(Rule::new("must be an issuer of the configuration"))?;
        known.keys.replace(document).map_err(|why| Rule(why.into()))
    }

    /// Who sent this request, by the token in its header.
    pub(super) async fn prove(&self, evidence: &Evidence<'_>) -> Proof {
        let proven = match bearer::token(evidence.headers) {
            None => return Proof::NotOffered,
            Some(Ok(token)) => self.identify(token, evidence).await,
            Some(Err(why)) => Err(why),
        };
        proven.map_or_else(Proof::Failed, Proof::Proven)
    }

    async fn identify(&self, token: &str, evidence: &Evidence<'_>) -> Result<Caller, String> {
        let digest = verified::digest_of(token);
        if let Some((issuer, known)) = self.remembered(&digest) {
            return issuer.admit(&known, evidence);
        }
        let token = Unverified::parse(token)?;
        let (issuer, verified) = self.verify(&token).await?;
        let caller = issuer.admit(&verified, evidence)?;
        self.verified.put(digest, Arc::new(verified));
        Ok(caller)
    }

    /// What was verified of this token, if the keys by which it was are still those of its issuer.
    fn remembered(&self, digest: &Digest) -> Option<(&Issuer, Arc<Verified>)> {
        let known = self.verified.get(digest)?;
        let issuer = self.issuers.get(known.issuer)?;
        if issuer.keys.is_unchanged_since(known.generation) {
            return Some((issuer, known));
        }
        self.verified.forget(digest);
        None
    }

    /// Verifies a token as one of the one issuer that it is of.
    async fn verify(&self, token: &Unverified<'_>) -> Result<(&Issuer, Verified), String> {
        let named = self.issuers.iter().enumerate().filter(|(_, issuer)| issuer.is_named_by(token));
        let named: Vec<(usize, &Issuer)> = named.collect();
        match named.as_slice() {
            [] => Err(format!("no issuer of the configuration is meant by {}", claimed(token))),
            [(place, issuer)] => Ok((*issuer, issuer.verify(token, *place).await?)),
            several => verify_by_key(several, token).await,
        }
    }
}

/// Among issuers that a token cannot tell apart by name: the one whose key with the token's `kid` verifies it. That another
/// one publishes the same `kid` decides nothing, or a cluster that is taken over could lock out the others.
async fn verify_by_key<'i>(
    named: &[(usize, &'i Issuer)],
    token: &Unverified<'_>,
) -> Result<(&'i Issuer, Verified), String> {
    let id = token.key_id.as_deref().ok_or("kid is missing, and several issuers share the name")?;
    let (mut holders, others): (Vec<_>, Vec<_>) = named.iter().partition(|(_, issuer)| issuer.keys.holds(id));
    let mut refusals = Vec::new();
    if let Some(found) = the_one_that_verifies(&holders, token, &mut refusals).await? {
        return Ok(found);
    }
    // Somebody's new key, perhaps, also if another one has the id already.
    let looks = join_all(others.iter().map(|(_, issuer)| issuer.keys.look())).await;
    holders = others.into_iter().filter(|(_, issuer)| issuer.keys.holds(id)).collect();
    if let Some(found) = the_one_that_verifies(&holders, token, &mut refusals).await? {
        return Ok(found);
    }
    if refusals.is_empty() {
        refusals.push(format!("none of the issuers that share the name has the key {}", shown(id)));
    }
    refusals.extend(looks.into_iter().filter_map(Result::err));
    Err(refusals.join("; "))
}

/// Tries the own keys of each of these issuers; none of them, or more than one, makes no caller.
async fn the_one_that_verifies<'i>(
    holders: &[(usize, &'i Issuer)],
    token: &Unverified<'_>,
    refusals: &mut Vec<String>,
) -> Result<Option<(&'i Issuer, Verified)>, String> {
    let mut found = None;
    for (place, issuer) in holders {
        match issuer.verify(token, *place).await {
            Ok(_) if found.is_some() => {
                return Err("the keys of several of the issuers that share the name verify the token".to_owned());
            }
            Ok(verified) => found = Some((*issuer, verified)),
            Err(why) => refusals.push(why),
        }
    }
    Ok(found)
}

/// What a token says of its issuer, for operators.
fn claimed(token: &Unverified<'_>) -> String {
    let quoted = |name, text: &Option<String>| match text {
        Some(text) => format!("{name} {}", shown(text)),
        None => format!("no {name}"),
    };
    format!("{}, {}", quoted("iss", &token.issuer), quoted("sub", &token.subject))
}

/// A text of somebody else's, quoted, cut, and without characters that a terminal obeys.
fn shown(text: &str) -> String {
    let escaped: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN_CHARS_MAX).is_some() { "…" } else { "" };
    format!("\"{escaped}{more}\"")
}

impl fmt::Debug for JwtIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.issuers.iter().map(Issuer::name).collect();
        f.debug_struct("JwtIssuers").field("issuers", &names).finish_non_exhaustive()
    }
}
