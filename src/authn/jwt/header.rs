//! What a token says about itself, before anything of it is verified: enough to find the one key that may verify it.

use serde_json::Value;

use super::{shown, strict};
use crate::types::JwtAlgorithm;

/// Longest `kid` that is looked up. Thumbprints have 43 characters, UUIDs 36.
const KEY_ID_BYTES_MAX: usize = 256;
/// Header members that would change what is verified or with which key (RFC 7515, section 4.1; RFC 7797; RFC 7516). Keys
/// come from the configured issuer and from nowhere else, and no extension is understood.
const REFUSED_MEMBERS: [&str; 8] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip"];
/// Media types of JWTs (RFC 7519, section 5.1; RFC 9068, section 2.1), without `application/`.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];
/// Those of JWT-SVIDs (JWT-SVID, section 2.3).
const SVID_TYPES: [&str; 2] = ["JWT", "JOSE"];

/// A token and the parts of it by which its issuer and key are found. Not verified.
pub(super) struct Unverified<'t> {
    /// The whole token.
    pub(super) token: &'t str,
    /// `alg`, one of those that are known at all.
    pub(super) algorithm: JwtAlgorithm,
    /// `kid`.
    pub(super) key_id: Option<String>,
    /// `typ`.
    media_type: Option<String>,
    /// `iss`, if it is a text.
    pub(super) issuer: Option<String>,
    /// `sub`, if it is a text.
    pub(super) subject: Option<String>,
}

impl<'t> Unverified<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, String> {
        let (header, rest) = token.split_once('.').unwrap_or((token, ""));
        let payload = rest.split_once('.').map_or("", |(payload, _)| payload);
        let broken = |what| move |error: jsonwebtoken::errors::Error| format!("{what}: {}", shown(&error.to_string()));
        let header: strict::Object = strict::part(header).map_err(broken("the token's header is broken"))?;
        let claims: strict::Object = strict::part(payload).map_err(broken("the token's payload is broken"))?;
        if let Some(member) = REFUSED_MEMBERS.into_iter().find(|member| header.get(member).is_some()) {
            return Err(format!("header member {member} is refused"));
        }
        let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            token,
            algorithm: algorithm(&header)?,
            key_id: key_id(&header)?,
            media_type: optional_text(&header, "typ")?,
            issuer: text("iss"),
            subject: text("sub"),
        })
    }

    /// Whether `typ` is one of a JWT. Other tokens of the same issuer (logout tokens, proofs) are no identity.
    pub(super) fn check_type(&self, is_svid: bool) -> Result<(), String> {
        let Some(media_type) = &self.media_type else { return Ok(()) };
        let known = if is_svid {
            SVID_TYPES.contains(&media_type.as_str())
        } else {
            // Media types have no case, and `application/` may be left out (RFC 7515, section 4.1.9).
            let lower = media_type.to_ascii_lowercase();
            let short = lower.strip_prefix("application/").unwrap_or(&lower);
            TYPES.iter().any(|known| known.eq_ignore_ascii_case(short))
        };
        if known { Ok(()) } else { Err(format!("typ is {}, which is no identity", shown(media_type))) }
    }
}

fn algorithm(header: &strict::Object) -> Result<JwtAlgorithm, String> {
    let name = optional_text(header, "alg")?.ok_or("alg is missing")?;
    // Neither `none` nor a symmetric algorithm has a value of the type.
    name.parse().map_err(|_| format!("alg is {}, which is never accepted", shown(&name)))
}

fn key_id(header: &strict::Object) -> Result<Option<String>, String> {
    let key_id = optional_text(header, "kid")?;
    if key_id.as_ref().is_some_and(|key_id| key_id.len() > KEY_ID_BYTES_MAX) {
        return Err("kid has more than 256 bytes".to_owned());
    }
    Ok(key_id)
}

fn optional_text(header: &strict::Object, name: &str) -> Result<Option<String>, String> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("header member {name} is no text")),
    }
}
