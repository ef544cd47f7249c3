//! An issuer of tokens whose keys the gateway knows.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use rootgate::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

/// What the issuer calls itself.
pub const ISSUER: &str = "https://login.example.org";
/// Whom its tokens are for.
pub const AUDIENCE: &str = "rootgate";
/// The immutable id of a group whose members the gateway takes for operators.
pub const OPERATORS_ID: &str = "8d1f2c1e-operators";

/// Signs with ES256.
pub struct Issuer {
    key: KeyPair,
    kid: String,
}

impl Issuer {
    pub fn new(kid: &str) -> Self {
        Self { key: KeyPair::generate().expect("a P-256 key"), kid: kid.to_owned() }
    }

    /// Its public keys (RFC 7517).
    pub fn jwks(&self) -> String {
        let point = self.key.public_key_raw();
        let (x, y) = point[1..].split_at(32);
        let key = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": base64url(x), "y": base64url(y),
        });
        json!({ "keys": [key] }).to_string()
    }

    /// A good token for this subject, with more claims or other ones.
    pub fn token(&self, subject: &str, claims: Value) -> String {
        let now = SystemClock.now().unix_micros() / 1_000_000;
        let mut all = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600 });
        let all_claims = all.as_object_mut().expect("an object");
        for (name, value) in claims.as_object().cloned().unwrap_or_default() {
            all_claims.insert(name, value);
        }
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, &all, &EncodingKey::from_ec_der(&self.key.serialize_der())).expect("a token")
    }
}

/// RFC 4648, section 5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|digit| ALPHABET[(bits >> (18 - 6 * digit)) as usize & 63]);
        text.extend(digits.map(char::from));
    }
    text
}
