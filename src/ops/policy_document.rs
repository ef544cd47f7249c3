//! A policy document that is about to be installed, and what it must not do.

use std::collections::BTreeMap;

use crate::{
    authz,
    aws::{AccountState, Aws, AwsFailure},
    error::{Error, ErrorReason},
    lockout::{Grant, Grantee, MAX_DOCUMENT_BYTES, Target, Verdict, analyse, grants},
    types::{AccountId, Exposure, QueueRef, Rule, cut, sha256_hex},
};

/// Bucket policies "are limited to 20 KB in size" (Amazon S3 User Guide, "Bucket policies"); SQS takes less.
const BYTES_MAX: usize = 20 * 1024;
/// Accounts that a document grants to are looked up one by one in the organization, which AWS allows few times a minute; more
/// are counted as outside.
const ACCOUNTS_MAX: usize = 20;
/// So many statements or grants are told in a refusal.
const TOLD_MAX: usize = 5;
/// They travel in trailers, which clients bound at 8 KB.
const TOLD_CHARS_MAX: usize = 800;

/// A JSON object of the size that AWS takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument(String);

impl PolicyDocument {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the text, 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&self.0)
    }
}

impl PolicyDocument {
    /// One that AWS has held already: it may count the bytes without white space, so the text can be longer.
    pub(super) fn kept(text: String) -> Result<Self, Rule> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(Rule::new("must be at most 65536 bytes long"));
        }
        Self::object(text)
    }

    fn object(text: String) -> Result<Self, Rule> {
        let is_object = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_object());
        // "the first byte must be '{'", says S3.
        if is_object && text.starts_with('{') { Ok(Self(text)) } else { Err(Rule::new("must be a JSON object")) }
    }
}

impl TryFrom<String> for PolicyDocument {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        if text.len() > BYTES_MAX {
            return Err(Rule::new("must be at most 20480 bytes long"));
        }
        Self::object(text)
    }
}

/// Who belongs to the organization.
pub(super) trait Members: Sync {
    /// Whether the account does; a suspended one still does.
    fn has(&self, account: AccountId) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Its id.
    fn id(&self) -> impl Future<Output = Result<String, Error>> + Send;
}

impl Members for Aws {
    async fn has(&self, account: AccountId) -> Result<bool, Error> {
        let state = self.directory().account_state(account).await.map_err(AwsFailure::into_error)?;
        Ok(!matches!(state, AccountState::NotInOrganization))
    }

    async fn id(&self) -> Result<String, Error> {
        Ok(self.directory().organization().await.map_err(AwsFailure::into_error)?.id)
    }
}

/// A document to install, and what of its effects is accepted.
pub(super) struct Guarded<'d> {
    pub(super) document: &'d PolicyDocument,
    pub(super) accept_lockout: bool,
    pub(super) accept_exposure: Exposure,
}

impl Guarded<'_> {
    /// Whether it may be installed on the target.
    pub(super) async fn check(&self, target: &Target, members: &impl Members) -> Result<(), Error> {
        self.check_lockout(target)?;
        check_exposure(self.document.as_str(), self.accept_exposure, target, members).await
    }

    fn check_lockout(&self, target: &Target) -> Result<(), Error> {
        let locking: Vec<String> = match analyse(self.document.as_str(), target) {
            _ if self.accept_lockout => Vec::new(),
            Ok(analysis) => {
                let locking = analysis.statements.iter().filter(|statement| statement.verdict > Verdict::Harmless);
                locking.map(|statement| format!("statement {}: {}", statement.index, statement.why)).collect()
            }
            Err(error) => vec![format!("it is not understood: {error}")],
        };
        if locking.is_empty() {
            return Ok(());
        }
        let words = format!(
            "the policy would lock the account's administrators out, or may: {}; nothing was installed",
            told(&locking)
        );
        Err(Error::new(ErrorReason::WouldLock, words))
    }
}

/// Whether a document grants no more than is accepted.
pub(super) async fn check_exposure(
    document: &str,
    accepted: Exposure,
    target: &Target,
    members: &impl Members,
) -> Result<(), Error> {
    if accepted == Exposure::Public {
        return Ok(());
    }
    let found = match grants(document, target) {
        Ok(grants) => exposures(grants, members).await?,
        Err(error) => vec![(Exposure::Public, format!("it is not understood: {error}"))],
    };
    let (over, why): (Vec<Exposure>, Vec<String>) =
        found.into_iter().filter(|(exposure, _)| *exposure > accepted).unzip();
    let Some(worst) = over.into_iter().max() else { return Ok(()) };
    let words = format!(
        "the policy would grant more than was accepted ({worst} with accept_exposure {accepted}): {}; nothing was changed",
        told(&why)
    );
    Err(Error::new(ErrorReason::WouldExpose, words).with_metadata("exposure", worst.name()))
}

fn told(findings: &[String]) -> String {
    let more = findings.len().saturating_sub(TOLD_MAX);
    let told: Vec<&str> = findings.iter().take(TOLD_MAX).map(String::as_str).collect();
    let told = cut(&told.join("; "), TOLD_CHARS_MAX);
    if more > 0 { format!("{told}; and {more} more") } else { told }
}

/// Each grant that leaves the organization, and how far.
async fn exposures(grants: Vec<Grant>, members: &impl Members) -> Result<Vec<(Exposure, String)>, Error> {
    let mut looked_up = BTreeMap::<AccountId, bool>::new();
    let mut found = Vec::new();
    for grant in grants {
        let exposure = match &grant.to {
            Grantee::Public => Exposure::Public,
            Grantee::Account(account) => match looked_up.get(account) {
                Some(true) => Exposure::Organization,
                Some(false) => Exposure::OutsideOrganization,
                None if looked_up.len() >= ACCOUNTS_MAX => Exposure::OutsideOrganization,
                None => {
                    let member = members.has(*account).await?;
                    looked_up.insert(*account, member);
                    if member { Exposure::Organization } else { Exposure::OutsideOrganization }
                }
            },
            Grantee::Organization(id) if *id == members.id().await? => Exposure::Organization,
            Grantee::Organization(_) | Grantee::Service(_) | Grantee::Elsewhere(_) => Exposure::OutsideOrganization,
        };
        let why = format!("statement {} grants to {}: {}", grant.index, cut(&name(&grant.to), 100), grant.why);
        found.push((exposure, why));
    }
    Ok(found)
}

fn name(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Public => "everybody".to_owned(),
        Grantee::Account(account) => format!("account {account}"),
        Grantee::Organization(id) => format!("organization {id}"),
        Grantee::Service(service) => format!("the service {service} for anybody"),
        Grantee::Elsewhere(whom) => whom.clone(),
    }
}

/// The target in the words of the analysis.
pub(super) fn target_of(target: &authz::Target) -> Result<Target, Error> {
    match target {
        authz::Target::Bucket(account, name) => Ok(Target::Bucket { account: *account, name: name.clone() }),
        authz::Target::Queue(QueueRef { region, account, name }) => {
            Ok(Target::Queue { region: region.clone(), account: *account, name: name.clone() })
        }
        authz::Target::Account(_) | authz::Target::Journal(_) => {
            Err(Error::internal("only buckets and queues have a resource policy"))
        }
    }
}
