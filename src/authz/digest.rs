//! The digest of one exact operation.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

use super::{Argument, Ask, Target};
use crate::types::hex;

/// Separates these digests from every other use of SHA-256, and says the version of the encoding.
const DOMAIN: &str = "rootgate/operation/v1";

/// SHA-256 over everything of an operation that says what is to be done, and why: kind, target, region, arguments,
/// particulars, etag, reason and ticket. What only says how the request is handled is no part of it: who asks, the
/// `request_id`, and `validate_only`, which turns the same act into its plan.
///
/// Every part has its length before it and every choice a byte of its own, so no two operations give the same bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OperationDigest([u8; SHA256_OUTPUT_LEN]);

impl OperationDigest {
    /// Of this operation.
    #[must_use]
    pub fn of<O: Ask>(operation: &O) -> Self {
        let mut parts = Parts(Context::new(&SHA256));
        parts.text(DOMAIN);
        parts.text(O::KIND.name());
        parts.target(&operation.target());
        parts.optional(operation.region().map(|region| region.as_str()));
        let arguments = operation.arguments();
        parts.count(arguments.len());
        for (name, argument) in &arguments {
            parts.text(name);
            parts.argument(argument);
        }
        let particulars = operation.particulars();
        parts.count(particulars.len());
        for (name, value) in &particulars {
            parts.text(name);
            parts.text(value);
        }
        let etag = operation.terms().and_then(|terms| terms.etag.as_ref());
        parts.optional(etag.map(|etag| etag.as_str()));
        parts.text(operation.why().reason.as_str());
        parts.optional(operation.why().ticket.as_ref().map(|ticket| ticket.as_str()));
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(parts.0.finish().as_ref());
        Self(bytes)
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for OperationDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for OperationDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is digested, part by part.
struct Parts(Context);

impl Parts {
    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    fn choice(&mut self, choice: u8) {
        self.0.update(&[choice]);
    }

    fn optional(&mut self, text: Option<&str>) {
        self.choice(text.is_some().into());
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// The account too: the ARN of a bucket does not name it.
    fn target(&mut self, target: &Target) {
        self.choice(match target {
            Target::Account(_) => 0,
            Target::Bucket(..) => 1,
            Target::Queue(_) => 2,
            Target::Journal(_) => 3,
        });
        self.text(target.account().as_ref().map_or("", |account| account.as_str()));
        self.text(&target.arn());
    }

    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Text(text) => {
                self.choice(0);
                self.text(text);
            }
            Argument::Number(number) => {
                self.choice(1);
                self.0.update(&number.to_be_bytes());
            }
            Argument::Texts(texts) => {
                self.choice(2);
                self.count(texts.len());
                texts.iter().for_each(|text| self.text(text));
            }
            Argument::Flag(flag) => {
                self.choice(3);
                self.choice((*flag).into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
