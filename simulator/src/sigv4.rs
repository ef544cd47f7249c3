//! Signature Version 4, verified: what was signed is rebuilt from the request and signed again with the known secret.
//!
//! Source: IAM User Guide, "AWS Signature Version 4 for API requests".

mod canonical;
mod read;

pub(crate) use canonical::payload_matches;
pub(crate) use read::{Malformed, Signed, guess_service};

use crate::crypto::{hex, hmac_sha256, same, sha256_hex};
use crate::message::Message;

/// The only algorithm that is spoken.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

impl Signed {
    /// Whether the request was signed with this secret.
    pub(crate) fn is_signed_with(&self, message: &Message, secret: &str) -> bool {
        let expected = self.signature(message, secret);
        same(expected.as_bytes(), self.signature.as_bytes())
    }

    fn signature(&self, message: &Message, secret: &str) -> String {
        let scope = format!("{}/{}/{}/aws4_request", self.date, self.region, self.service);
        let canonical = sha256_hex(canonical::request(self, message).as_bytes());
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{canonical}", self.amz_date);
        let mut key = hmac_sha256(format!("AWS4{secret}").as_bytes(), self.date.as_bytes());
        for part in [&self.region, &self.service, "aws4_request"] {
            key = hmac_sha256(&key, part.as_bytes());
        }
        hex(&hmac_sha256(&key, to_sign.as_bytes()))
    }
}
