//! A policy document that is about to be installed, and what it must not do.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    authz,
    aws::{AccountState, Aws, AwsFailure},
    error::{Error, ErrorReason},
    lockout::{Grant, Grantee, Target, Verdict, analyse, grants},
    types::{AccountId, Exposure, QueueRef, Rule, cut, hex},
};

/// Bucket policies "are limited to 20 KB in size" (Amazon S3 User Guide, "Bucket policies"); SQS takes less.
const BYTES_MAX: usize = 20 * 1024;
/// Accounts that a document may grant to are looked up one by one in the organization; more are counted as outside.
const ACCOUNTS_MAX: usize = 50;
/// So many statements or grants are told in a refusal.
const TOLD_MAX: usize = 5;

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
        hex(digest(&SHA256, self.0.as_bytes()).as_ref())
    }
}

impl TryFrom<String> for PolicyDocument {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        if text.len() > BYTES_MAX {
            return Err(Rule::new("must be at most 20480 bytes long"));
        }
        let is_object = serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|value| value.is_object());
        // "the first byte must be '{'", says S3.
        if is_object && text.starts_with('{') { Ok(Self(text)) } else { Err(Rule::new("must be a JSON object")) }
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
    pub(super) async fn check(&self, target: &Target, aws: &Aws) -> Result<(), Error> {
        self.check_lockout(target)?;
        self.check_exposure(target, aws).await
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

    async fn check_exposure(&self, target: &Target, aws: &Aws) -> Result<(), Error> {
        if self.accept_exposure == Exposure::Public {
            return Ok(());
        }
        let found = match grants(self.document.as_str(), target) {
            Ok(grants) => exposures(grants, aws).await?,
            Err(error) => vec![(Exposure::Public, format!("it is not understood: {error}"))],
        };
        let (over, why): (Vec<Exposure>, Vec<String>) =
            found.into_iter().filter(|(exposure, _)| *exposure > self.accept_exposure).unzip();
        let Some(worst) = over.into_iter().max() else { return Ok(()) };
        let words = format!(
            "the policy grants more than was accepted ({} with accept_exposure {}): {}; nothing was installed",
            worst,
            self.accept_exposure,
            told(&why)
        );
        Err(Error::new(ErrorReason::WouldExpose, words).with_metadata("exposure", worst.name()))
    }
}

fn told(findings: &[String]) -> String {
    let more = findings.len().saturating_sub(TOLD_MAX);
    let told: Vec<&str> = findings.iter().take(TOLD_MAX).map(String::as_str).collect();
    let told = told.join("; ");
    if more > 0 { format!("{told}; and {more} more") } else { told }
}

/// Each grant that leaves the organization, and how far.
async fn exposures(grants: Vec<Grant>, aws: &Aws) -> Result<Vec<(Exposure, String)>, Error> {
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
                    let member = is_member(*account, aws).await?;
                    looked_up.insert(*account, member);
                    if member { Exposure::Organization } else { Exposure::OutsideOrganization }
                }
            },
            Grantee::Organization(id) if *id == organization(aws).await? => Exposure::Organization,
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

async fn organization(aws: &Aws) -> Result<String, Error> {
    Ok(aws.directory().organization().await.map_err(AwsFailure::into_error)?.id)
}

/// Whether the account belongs to the organization; a suspended one still does.
async fn is_member(account: AccountId, aws: &Aws) -> Result<bool, Error> {
    let state = aws.directory().account_state(account).await.map_err(AwsFailure::into_error)?;
    Ok(!matches!(state, AccountState::NotInOrganization))
}

/// The target in the words of the analysis.
pub(super) fn target_of(target: &authz::Target) -> Result<Target, Error> {
    match target {
        authz::Target::Bucket(account, name) => Ok(Target::Bucket { account: *account, name: name.clone() }),
        authz::Target::Queue(QueueRef { region, account, name }) => {
            Ok(Target::Queue { region: region.clone(), account: *account, name: name.clone() })
        }
        authz::Target::Account(_) => Err(Error::internal("an account has no resource policy")),
    }
}
