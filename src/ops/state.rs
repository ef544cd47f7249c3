//! What a plan saw, as an etag: an act that carries it happens only if nothing has changed since.
//!
//! An etag is `1.WHOLE.PARTS`: the digest of everything that was seen, which decides, and a short digest of each part,
//! which only serves to say what changed. Nothing is stored for it, so it is
//! good at every replica and after a restart.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

use super::RootCredentialsAudit;
use crate::{
    clock::Timestamp,
    error::{Error, ErrorReason},
    types::{Etag, cut, hex},
};

/// Separates these digests from every other use of SHA-256.
const DOMAIN: &[u8] = b"rootgate/etag/v1\n";
const VERSION: &str = "1";
/// 128 bits: nobody finds two states with the same digest by chance, and who could look for them has no use for it.
const WHOLE_BYTES: usize = 16;
/// 48 bits are enough to tell the parts of one state apart.
const PART_BYTES: usize = 6;
/// More are covered by the digest of the whole only. A policy of 20 KB has room for about as many statements.
const PARTS_MAX: usize = 128;
/// A changed state is explained with so many parts at most.
const TOLD_MAX: usize = 5;
/// A `Sid` or a serial number is told up to so many characters.
const LABEL_CHARS_MAX: usize = 80;

/// What was seen.
#[derive(Clone, Debug)]
pub(super) struct State {
    whole: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    kind: PartKind,
    /// What to call it, for people.
    label: String,
    digest: String,
}

/// What a part is. The letters stand in etags that callers keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartKind {
    Statement,
    Rest,
    LoginProfile,
    AccessKey,
    SigningCertificate,
    MfaDevice,
}

impl PartKind {
    const ALL: [Self; 6] =
        [Self::Statement, Self::Rest, Self::LoginProfile, Self::AccessKey, Self::SigningCertificate, Self::MfaDevice];

    const fn letter(self) -> char {
        match self {
            Self::Statement => 's',
            Self::Rest => 'r',
            Self::LoginProfile => 'l',
            Self::AccessKey => 'k',
            Self::SigningCertificate => 'c',
            Self::MfaDevice => 'm',
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Rest => "text around the statements",
            Self::LoginProfile => "login profile",
            Self::AccessKey => "access key",
            Self::SigningCertificate => "signing certificate",
            Self::MfaDevice => "MFA device",
        }
    }
}

impl State {
    /// A policy; none if there is none.
    pub(super) fn of_policy(resource: &str, policy: Option<&str>) -> Self {
        let mut state = Builder::new("policy", resource);
        match policy {
            None => state.whole.update(b"none"),
            Some(policy) => {
                state.field(policy.as_bytes());
                state.statements(policy);
            }
        }
        state.finish()
    }

    /// A policy that AWS does not show.
    pub(super) fn of_unreadable_policy(resource: &str, code: &str) -> Self {
        let mut state = Builder::new("policy", resource);
        state.whole.update(b"unreadable");
        state.field(code.as_bytes());
        state.finish()
    }

    /// The root user's credentials, as far as they were listed.
    pub(super) fn of_credentials(resource: &str, audit: &RootCredentialsAudit) -> Self {
        let mut state = Builder::new("credentials", resource);
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        if let Some(created_at) = audit.login_profile_created_at {
            state.part(PartKind::LoginProfile, String::new(), &created_at.to_string());
        }
        for used in &audit.access_keys {
            let key = &used.key;
            let text = format!("{} {} {}", key.access_key_id, key.status, at(key.created_at));
            state.part(PartKind::AccessKey, key.access_key_id.clone(), &text);
        }
        for certificate in &audit.signing_certificates {
            let text = format!("{} {} {}", certificate.certificate_id, certificate.status, at(certificate.uploaded_at));
            state.part(PartKind::SigningCertificate, certificate.certificate_id.clone(), &text);
        }
        for device in &audit.mfa_devices {
            let text = format!("{} {}", device.serial_number, at(device.enabled_at));
            state.part(PartKind::MfaDevice, device.serial_number.clone(), &text);
        }
        state.finish()
    }

    /// Nothing but the thing itself: for an act that depends on no state of its own.
    pub(super) fn of_account(resource: &str) -> Self {
        Builder::new("account", resource).finish()
    }

    /// The etag.
    pub(super) fn etag(&self) -> Result<Etag, Error> {
        let parts: Vec<String> =
            self.parts.iter().take(PARTS_MAX).map(|part| format!("{}{}", part.kind.letter(), part.digest)).collect();
        let text = format!("{VERSION}.{}.{}", self.whole, parts.join("-"));
        text.parse().map_err(|rule| Error::internal(format!("an etag of our own making: {rule}")))
    }

    /// Whether this is the state of the etag; any state is, if there is none.
    ///
    /// # Errors
    /// It is another, and what changed as far as the etag tells.
    pub(super) fn check(&self, etag: Option<&Etag>) -> Result<(), Error> {
        let Some(etag) = etag else { return Ok(()) };
        let mut fields = etag.as_str().splitn(3, '.');
        if (fields.next(), fields.next()) == (Some(VERSION), Some(&self.whole)) {
            return Ok(());
        }
        let changes = self.changes(fields.next().unwrap_or_default());
        let words = format!(
            "the state is not the one of the etag any more: {changes}; look at a new plan (validate_only), and act with its etag"
        );
        // Not with the etag of this state: nobody has looked at it.
        Err(Error::new(ErrorReason::StaleEtag, words))
    }

    fn changes(&self, before: &str) -> String {
        let mut before: Vec<&str> = before.split('-').filter(|part| !part.is_empty()).collect();
        let mut told = Vec::new();
        for part in &self.parts {
            let text = format!("{}{}", part.kind.letter(), part.digest);
            match before.iter().position(|old| **old == text) {
                Some(place) => drop(before.swap_remove(place)),
                None => told.push(format!("{}{} is new or was changed", part.kind.noun(), part.label)),
            }
        }
        for kind in PartKind::ALL {
            let count = before.iter().filter(|old| old.starts_with(kind.letter())).count();
            if count > 0 {
                told.push(format!("{count} {} that the plan saw is gone or was changed", kind.noun()));
            }
        }
        let more = told.len().saturating_sub(TOLD_MAX);
        told.truncate(TOLD_MAX);
        if more > 0 {
            told.push(format!("and {more} more"));
        }
        // The parts are the same: their order, or the thing itself.
        if told.is_empty() {
            "it is in another order, or the etag is of something else".to_owned()
        } else {
            told.join("; ")
        }
    }
}

struct Builder {
    whole: Context,
    parts: Vec<Part>,
}

impl Builder {
    fn new(of: &str, resource: &str) -> Self {
        let mut state = Self { whole: Context::new(&SHA256), parts: Vec::new() };
        state.whole.update(DOMAIN);
        state.field(of.as_bytes());
        state.field(resource.as_bytes());
        state
    }

    /// With its length, so that no two lists of fields give the same bytes.
    fn field(&mut self, bytes: &[u8]) {
        self.whole.update(&(bytes.len() as u64).to_be_bytes());
        self.whole.update(bytes);
    }

    fn part(&mut self, kind: PartKind, name: String, text: &str) {
        self.field(text.as_bytes());
        self.label(kind, name, text);
    }

    fn label(&mut self, kind: PartKind, name: String, text: &str) {
        let label = if name.is_empty() { name } else { format!(" {}", cut(&name, LABEL_CHARS_MAX)) };
        let digest = aws_lc_rs::digest::digest(&SHA256, text.as_bytes());
        self.parts.push(Part { kind, label, digest: hex(digest.as_ref().get(..PART_BYTES).unwrap_or_default()) });
    }

    /// The statements, if it is JSON; a text of another kind is one part.
    fn statements(&mut self, policy: &str) {
        let Ok(Value::Object(mut document)) = serde_json::from_str(policy) else {
            self.label(PartKind::Rest, String::new(), policy);
            return;
        };
        let statements = match document.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            Some(statement) => vec![statement],
            None => Vec::new(),
        };
        for (index, statement) in statements.iter().enumerate() {
            let sid = statement.get("Sid").and_then(Value::as_str).map(|sid| format!(" {sid:?}"));
            self.label(PartKind::Statement, format!("{index}{}", sid.unwrap_or_default()), &statement.to_string());
        }
        self.label(PartKind::Rest, String::new(), &Value::Object(document).to_string());
    }

    fn finish(self) -> State {
        let whole = self.whole.finish();
        State { whole: hex(whole.as_ref().get(..WHOLE_BYTES).unwrap_or_default()), parts: self.parts }
    }
}

#[cfg(test)]
mod tests;
