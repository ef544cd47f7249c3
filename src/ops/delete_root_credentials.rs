//! Deletes root credentials: list, delete item by item, list again.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Conclusion, Means, Operation, Verification};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Why},
    aws::{AwsFailure, CredentialItem, Fate, RootCredentials, Trail},
    error::{Error, ErrorReason},
    types::{AccountId, CredentialKind, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct DeleteRootCredentials {
    /// Whose root user.
    pub account: AccountId,
    /// Which kinds; never empty.
    pub kinds: BTreeSet<CredentialKind>,
    /// Why.
    pub why: Why,
}

/// What became of one credential.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Which; without id where a whole kind could not be listed.
    pub item: CredentialItem,
    /// What became of it.
    pub status: DeletionStatus,
    /// What AWS answered, if it was no success.
    pub failure: Option<AwsFailure>,
    /// AWS request id of the deciding call.
    pub request_id: Option<String>,
    /// Why it was not deleted, where AWS was not asked.
    pub note: &'static str,
}

/// What became of one credential. There is no default: each status is something that AWS said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionStatus {
    /// It existed, and AWS acknowledged its deletion or a second listing showed that it is gone.
    Deleted,
    /// It was gone when it was to be deleted.
    AlreadyAbsent,
    /// It still exists, or could not be listed.
    Failed,
    /// No answer, and no second listing.
    Unknown,
}

impl DeletionStatus {
    /// Name in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "DELETED",
            Self::AlreadyAbsent => "ALREADY_ABSENT",
            Self::Failed => "FAILED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What became of all of them.
#[derive(Clone, Debug)]
pub struct RootCredentialsDeletion {
    /// Each credential that was found, and each kind that could not be listed.
    pub items: Vec<Deletion>,
    /// What the second listing showed.
    pub verification: Verification,
}

impl RootCredentialsDeletion {
    /// Whether anything was deleted; none if nobody can know.
    #[must_use]
    pub fn changed(&self) -> Option<bool> {
        let any = |status| self.items.iter().any(|item| item.status == status);
        if any(DeletionStatus::Deleted) {
            return Some(true);
        }
        if any(DeletionStatus::Unknown) { None } else { Some(false) }
    }

    /// Why it is not complete, if it is not.
    #[must_use]
    pub fn shortfall(&self) -> Option<Error> {
        let with = |status| self.items.iter().filter(move |item| item.status == status);
        if let Some(unknown) = with(DeletionStatus::Unknown).next() {
            return Some(unknown.failure.clone().map_or_else(not_known, AwsFailure::into_unknown));
        }
        let failed = with(DeletionStatus::Failed).next()?;
        let count = with(DeletionStatus::Failed).count();
        // Nothing done at all: the cause itself is the most useful answer.
        let cause = failed.failure.clone().filter(|_| self.changed() == Some(false)).map(AwsFailure::into_error);
        let words = format!("{count} of {} root credentials could not be deleted; see the items", self.items.len());
        Some(cause.unwrap_or_else(|| Error::new(ErrorReason::Incomplete, words)))
    }
}

fn not_known() -> Error {
    Error::new(
        ErrorReason::OutcomeUnknown,
        "it is not known whether a root credential was deleted; audit before you try again",
    )
}

impl Ask for DeleteRootCredentials {
    const KIND: Kind = Kind::DeleteRootCredentials;

    fn target(&self) -> Target {
        Target::Account(self.account)
    }

    fn region(&self) -> Option<&Region> {
        None
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("credential_kinds", Argument::Texts(self.kinds.iter().map(|kind| kind.name()).collect()))]
    }
}

impl RootTask for DeleteRootCredentials {
    fn task_policy(&self) -> TaskPolicy {
        TaskPolicy::IamDeleteRootUserCredentials
    }
}

impl Operation for DeleteRootCredentials {
    type Output = RootCredentialsDeletion;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<RootCredentialsDeletion, Error> {
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let root = session.root_credentials();
        let listed = list(&root, permit.operation().kinds.iter().copied()).await;
        let found: Vec<CredentialItem> = listed.values().flatten().flatten().cloned().collect();
        let mut items: Vec<Deletion> = listed.iter().filter_map(|(kind, found)| unlisted(*kind, found)).collect();
        if found.is_empty() {
            return Ok(RootCredentialsDeletion { items, verification: Verification::NothingChanged });
        }
        items.extend(delete_all(&root, found, &items).await);
        let again = list(&root, listed.into_iter().filter(|(_, found)| found.is_ok()).map(|(kind, _)| kind)).await;
        let verification = settle(&mut items, &again);
        items.sort_by(|a, b| a.item.cmp(&b.item));
        Ok(RootCredentialsDeletion { items, verification })
    }

    fn conclude(output: &RootCredentialsDeletion) -> Conclusion {
        let items: Vec<Value> = output
            .items
            .iter()
            .map(|deletion| {
                json!({
                    "kind": deletion.item.kind.name(),
                    "id": deletion.item.id,
                    "status": deletion.status.name(),
                    "aws_error_code": deletion.failure.as_ref().map(AwsFailure::code_or_fate),
                    "note": deletion.note,
                })
            })
            .collect();
        let detail = json!({ "items": items, "verification": output.verification.name() });
        Conclusion { changed: output.changed(), detail, shortfall: output.shortfall() }
    }
}

/// What a listing of each kind showed, or why it could not be listed.
type Listing = BTreeMap<CredentialKind, Result<Vec<CredentialItem>, AwsFailure>>;

async fn list(root: &RootCredentials, kinds: impl Iterator<Item = CredentialKind>) -> Listing {
    join_all(kinds.map(|kind| async move { (kind, root.items(kind).await) })).await.into_iter().collect()
}

fn unlisted(kind: CredentialKind, found: &Result<Vec<CredentialItem>, AwsFailure>) -> Option<Deletion> {
    let failure = found.as_ref().err()?.clone();
    let item = CredentialItem { kind, id: String::new() };
    Some(Deletion { item, status: DeletionStatus::Failed, failure: Some(failure), request_id: None, note: "" })
}

/// Why an MFA device is left alone.
const PASSWORD_REMAINS: &str =
    "not tried: it is not certain that the password is gone, and without its MFA device it would be weaker";
/// What turns up only in the second listing.
const CREATED_MEANWHILE: &str = "it was created while the others were deleted";

/// Deletes everything at the same time but the MFA devices, which go last: a root user must not be left with a password
/// that was to be deleted and without its second factor.
async fn delete_all(root: &RootCredentials, found: Vec<CredentialItem>, unlisted: &[Deletion]) -> Vec<Deletion> {
    let is_mfa = |item: &CredentialItem| item.kind == CredentialKind::MfaDevice;
    let (mfa_devices, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_mfa);
    let mut items = join_all(others.into_iter().map(|item| delete(root, item))).await;
    let password_remains = unlisted.iter().chain(&items).any(|deletion| {
        let gone = matches!(deletion.status, DeletionStatus::Deleted | DeletionStatus::AlreadyAbsent);
        deletion.item.kind == CredentialKind::LoginProfile && !gone
    });
    if password_remains {
        let leave = |item| Deletion {
            item,
            status: DeletionStatus::Failed,
            failure: None,
            request_id: None,
            note: PASSWORD_REMAINS,
        };
        items.extend(mfa_devices.into_iter().map(leave));
    } else {
        items.extend(join_all(mfa_devices.into_iter().map(|item| delete(root, item))).await);
    }
    items
}

async fn delete(root: &RootCredentials, item: CredentialItem) -> Deletion {
    let mut answer = root.delete(&item).await;
    // The items are deleted at the same time and belong to one user, so IAM may ask for another try (HTTP 409: not done).
    if answer.as_ref().is_err_and(|failure| failure.is(&["ConcurrentModification", "EntityTemporarilyUnmodifiable"])) {
        answer = root.delete(&item).await;
    }
    let failure = match answer {
        Ok(request_id) => {
            return Deletion { item, status: DeletionStatus::Deleted, failure: None, request_id, note: "" };
        }
        Err(failure) => failure,
    };
    let status = match failure.fate {
        Fate::Refused if failure.is(&["NoSuchEntity"]) => DeletionStatus::AlreadyAbsent,
        Fate::Refused | Fate::NotSent => DeletionStatus::Failed,
        Fate::Unknown => DeletionStatus::Unknown,
    };
    let (request_id, failure) = (failure.request_id.clone(), Some(failure));
    Deletion { item, status, failure, request_id, note: "" }
}

/// Lets the second listing decide what the answers left open, and says whether it shows what they claim.
fn settle(items: &mut Vec<Deletion>, again: &Listing) -> Verification {
    for deletion in items.iter_mut().filter(|deletion| !deletion.item.is_whole_kind()) {
        let Some(Ok(still_there)) = again.get(&deletion.item.kind) else { continue };
        let gone = !still_there.contains(&deletion.item);
        deletion.status = match deletion.status {
            DeletionStatus::Unknown if gone => DeletionStatus::Deleted,
            // Somebody else was faster.
            DeletionStatus::Failed if gone => {
                deletion.note = "";
                DeletionStatus::AlreadyAbsent
            }
            // Still listed after a lost answer: the listing may lag, so it stays unknown.
            status => status,
        };
    }
    let known: BTreeSet<CredentialItem> = items.iter().map(|deletion| deletion.item.clone()).collect();
    let appeared = again.values().flatten().flatten().filter(|item| !known.contains(*item));
    let appeared: Vec<Deletion> = appeared
        .map(|item| Deletion {
            item: item.clone(),
            status: DeletionStatus::Failed,
            failure: None,
            request_id: None,
            note: CREATED_MEANWHILE,
        })
        .collect();
    items.extend(appeared);
    if again.values().any(Result::is_err) {
        return Verification::Unreadable;
    }
    let lingers = |deletion: &Deletion| {
        let listed = again
            .get(&deletion.item.kind)
            .is_some_and(|found| found.as_ref().is_ok_and(|found| found.contains(&deletion.item)));
        matches!(deletion.status, DeletionStatus::Deleted | DeletionStatus::AlreadyAbsent) && listed
    };
    if items.iter().any(lingers) { Verification::PendingPropagation } else { Verification::Verified }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> CredentialItem {
        CredentialItem { kind: CredentialKind::AccessKey, id: id.to_owned() }
    }

    fn failure(code: &str, fate: Fate) -> AwsFailure {
        AwsFailure {
            service: "iam",
            operation: "DeleteAccessKey",
            status: None,
            code: Some(code.to_owned()),
            message: Box::default(),
            request_id: None,
            bucket_region: None,
            fate,
        }
    }

    fn deletion(id: &str, status: DeletionStatus) -> Deletion {
        let failure = (status != DeletionStatus::Deleted).then(|| failure("ServiceFailure", Fate::Unknown));
        Deletion { item: key(id), status, failure, request_id: None, note: "" }
    }

    fn listing(found: Result<Vec<CredentialItem>, AwsFailure>) -> Listing {
        [(CredentialKind::AccessKey, found)].into()
    }

    #[test]
    fn a_second_listing_tells_what_became_of_a_lost_answer() {
        let mut items = vec![deletion("A", DeletionStatus::Unknown), deletion("B", DeletionStatus::Unknown)];
        assert_eq!(settle(&mut items, &listing(Ok(vec![key("B")]))), Verification::Verified);
        assert_eq!(items[0].status, DeletionStatus::Deleted);
        assert_eq!(items[1].status, DeletionStatus::Unknown, "a listing can lag behind");
    }

    #[test]
    fn what_vanished_without_us_is_already_absent() {
        let mut items = vec![deletion("A", DeletionStatus::Failed)];
        settle(&mut items, &listing(Ok(vec![])));
        assert_eq!(items[0].status, DeletionStatus::AlreadyAbsent);
    }

    #[test]
    fn without_a_second_listing_it_stays_unknown() {
        let mut items = vec![deletion("A", DeletionStatus::Unknown)];
        let failed = listing(Err(failure("Throttling", Fate::Refused)));
        assert_eq!(settle(&mut items, &failed), Verification::Unreadable);
        assert_eq!(items[0].status, DeletionStatus::Unknown);
        let outcome = RootCredentialsDeletion { items, verification: Verification::Unreadable };
        assert_eq!(outcome.shortfall().unwrap().reason(), ErrorReason::OutcomeUnknown);
        assert_eq!(DeleteRootCredentials::conclude(&outcome).changed, None, "nobody knows");
    }

    #[test]
    fn a_credential_that_lingers_is_not_called_verified() {
        for status in [DeletionStatus::Deleted, DeletionStatus::AlreadyAbsent] {
            let mut items = vec![deletion("A", status)];
            assert_eq!(settle(&mut items, &listing(Ok(vec![key("A")]))), Verification::PendingPropagation);
        }
    }

    #[test]
    fn a_credential_that_was_made_meanwhile_is_a_shortfall() {
        let mut items = vec![deletion("A", DeletionStatus::Deleted)];
        settle(&mut items, &listing(Ok(vec![key("B")])));
        let outcome = RootCredentialsDeletion { items, verification: Verification::Verified };
        assert_eq!(outcome.shortfall().unwrap().reason(), ErrorReason::Incomplete);
    }

    #[test]
    fn success_is_only_where_every_item_is_gone() {
        let of = |items| RootCredentialsDeletion { items, verification: Verification::Verified }.shortfall();
        assert!(of(vec![]).is_none());
        assert!(
            of(vec![deletion("A", DeletionStatus::Deleted), deletion("B", DeletionStatus::AlreadyAbsent)]).is_none()
        );
        let partly = of(vec![deletion("A", DeletionStatus::Deleted), deletion("B", DeletionStatus::Failed)]).unwrap();
        assert_eq!(partly.reason(), ErrorReason::Incomplete);
        let none = of(vec![Deletion {
            item: key("A"),
            status: DeletionStatus::Failed,
            failure: Some(failure("AccessDenied", Fate::Refused)),
            request_id: None,
            note: "",
        }]);
        assert_eq!(none.unwrap().reason(), ErrorReason::AwsAccessDenied);
    }
}
