//! Deletes root credentials: list, delete item by item, list again.

mod deletion;

pub use deletion::{Deletion, DeletionStatus, RootCredentialsDeletion};

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    Conclusion, Means, Operation, Plan, RootCredentialsAudit, Verification,
    audit_root_credentials::with_last_use,
    inventory::{Inventory, listing},
    plan::{PlannedCall, opening},
    state::State,
};
use crate::{
    authz::{Argument, Ask, Permit, RootTask, Target, Terms, Why},
    aws::{AwsFailure, CredentialItem, Fate, RootCredentials, Trail},
    error::Error,
    types::{AccountId, CredentialKind, Kind, Region, TaskPolicy},
};

/// See the module.
#[derive(Debug)]
pub struct DeleteRootCredentials {
    /// Whose root user.
    pub account: AccountId,
    /// Which kinds; never empty.
    pub kinds: BTreeSet<CredentialKind>,
    /// How far it may go.
    pub terms: Terms,
    /// Why.
    pub why: Why,
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

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("credential_kinds", Argument::Texts(self.kinds.iter().map(|kind| kind.name()).collect()))]
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl RootTask for DeleteRootCredentials {
    fn account(&self) -> AccountId {
        self.account
    }

    fn task_policy(&self) -> TaskPolicy {
        // A look needs no power to delete.
        if self.terms.validate_only {
            TaskPolicy::IamAuditRootUserCredentials
        } else {
            TaskPolicy::IamDeleteRootUserCredentials
        }
    }
}

impl Operation for DeleteRootCredentials {
    type Output = RootCredentialsDeletion;

    async fn act(
        permit: &Permit<Self>,
        Means { aws, now, .. }: Means<'_>,
        trail: &Trail,
    ) -> Result<RootCredentialsDeletion, Error> {
        let Self { account, kinds, terms, .. } = permit.operation();
        let session = aws.assume_root(permit, trail).await.map_err(AwsFailure::into_error)?;
        let root = session.root_credentials();
        let listed = Inventory::read(&root, kinds.iter().copied()).await;
        if terms.validate_only || terms.etag.is_some() {
            // What could not be listed is in no state.
            let seen = listed.audit(now).map_err(AwsFailure::into_error)?;
            let state = State::of_credentials(&account.root_arn(), &seen);
            state.check(terms.etag.as_ref())?;
            if terms.validate_only {
                let calls = opening(permit, aws, TaskPolicy::IamDeleteRootUserCredentials);
                return planned(&root, *account, &listed, seen, &state, calls).await;
            }
        }
        let mut items: Vec<Deletion> = listed.unlisted().map(|(kind, failure)| unlisted(kind, failure)).collect();
        let found = listed.items();
        if found.is_empty() {
            return Ok(RootCredentialsDeletion { items, verification: Verification::NothingChanged, plan: None });
        }
        items.extend(delete_all(&root, found, &items).await);
        let again = Inventory::read(&root, listed.listed_kinds()).await;
        let verification = settle(&mut items, &again);
        items.sort_by(|a, b| a.item.cmp(&b.item));
        Ok(RootCredentialsDeletion { items, verification, plan: None })
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
        let etag = output.plan.as_ref().map(|plan| plan.etag.as_str());
        let detail = json!({ "items": items, "verification": output.verification.name(), "etag": etag });
        Conclusion { changed: output.changed(), detail, shortfall: output.shortfall() }
    }
}

fn unlisted(kind: CredentialKind, failure: &AwsFailure) -> Deletion {
    let (item, failure) = (CredentialItem { kind, id: String::new() }, Some(failure.clone()));
    Deletion { item, status: DeletionStatus::Failed, failure, request_id: None, note: "" }
}

/// What would be deleted, with the last use of each key for whoever decides.
async fn planned(
    root: &RootCredentials,
    account: AccountId,
    listed: &Inventory,
    mut seen: RootCredentialsAudit,
    state: &State,
    mut calls: Vec<PlannedCall>,
) -> Result<RootCredentialsDeletion, Error> {
    let keys = seen.access_keys.into_iter().map(|used| used.key).collect();
    seen.access_keys = with_last_use(root, keys).await.map_err(AwsFailure::into_error)?;
    let list = || listed.listed_kinds().into_iter().map(|kind| PlannedCall::of_root(account, listing(kind), None));
    calls.extend(list());
    // In the order in which they are begun: MFA devices go after the password.
    let found = listed.items();
    calls.extend(found.iter().map(|item| deleting(account, item)));
    let would_change = !found.is_empty();
    if would_change {
        calls.extend(list());
    }
    let plan = Plan { etag: state.etag()?, would_change, calls, policy: None, credentials: Some(seen) };
    let verification = Verification::NothingChanged;
    Ok(RootCredentialsDeletion { items: Vec::new(), verification, plan: Some(plan) })
}

fn deleting(account: AccountId, item: &CredentialItem) -> PlannedCall {
    let (operation, parameter) = match item.kind {
        CredentialKind::LoginProfile => ("DeleteLoginProfile", None),
        CredentialKind::AccessKey => ("DeleteAccessKey", Some("AccessKeyId")),
        CredentialKind::SigningCertificate => ("DeleteSigningCertificate", Some("CertificateId")),
        CredentialKind::MfaDevice => ("DeactivateMFADevice", Some("SerialNumber")),
    };
    PlannedCall::of_root(account, operation, parameter.map(|name| (name, item.id.clone())))
}

/// Why an MFA device is left alone.
const PASSWORD_REMAINS: &str =
    "not tried: it is not certain that the password is gone, and without its MFA device it would be weaker";
/// What turns up only in the second listing.
const CREATED_MEANWHILE: &str = "it was created while the others were deleted";

/// Deletes everything at the same time, but MFA devices after the password: a root user must not be left with a password
/// that was to be deleted and without its second factor.
async fn delete_all(root: &RootCredentials, found: Vec<CredentialItem>, unlisted: &[Deletion]) -> Vec<Deletion> {
    let (mut passwords, mut mfa_devices, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for item in found {
        match item.kind {
            CredentialKind::LoginProfile => passwords.push(item),
            CredentialKind::MfaDevice => mfa_devices.push(item),
            CredentialKind::AccessKey | CredentialKind::SigningCertificate => others.push(item),
        }
    }
    let delete_each = |items: Vec<CredentialItem>| join_all(items.into_iter().map(|item| delete(root, item)));
    let password_first = async {
        let mut items = delete_each(passwords).await;
        let leave = unlisted.iter().chain(&items).any(is_password_that_remains);
        items.extend(if leave {
            mfa_devices.into_iter().map(left_alone).collect()
        } else {
            delete_each(mfa_devices).await
        });
        items
    };
    let (mut items, others) = tokio::join!(password_first, delete_each(others));
    items.extend(others);
    items
}

fn is_password_that_remains(deletion: &Deletion) -> bool {
    let gone = matches!(deletion.status, DeletionStatus::Deleted | DeletionStatus::AlreadyAbsent);
    deletion.item.kind == CredentialKind::LoginProfile && !gone
}

fn left_alone(item: CredentialItem) -> Deletion {
    Deletion { item, status: DeletionStatus::Failed, failure: None, request_id: None, note: PASSWORD_REMAINS }
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
fn settle(items: &mut Vec<Deletion>, again: &Inventory) -> Verification {
    for deletion in items.iter_mut().filter(|deletion| !deletion.item.is_whole_kind()) {
        let Some(still_there) = again.items_of(deletion.item.kind) else { continue };
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
    let still_there = again.items();
    items.extend(still_there.iter().filter(|item| !known.contains(*item)).map(created_meanwhile));
    if again.unlisted().next().is_some() {
        return Verification::Unreadable;
    }
    let lingers = |deletion: &Deletion| {
        matches!(deletion.status, DeletionStatus::Deleted | DeletionStatus::AlreadyAbsent)
            && still_there.contains(&deletion.item)
    };
    if items.iter().any(lingers) { Verification::PendingPropagation } else { Verification::Verified }
}

fn created_meanwhile(item: &CredentialItem) -> Deletion {
    Deletion {
        item: item.clone(),
        status: DeletionStatus::Failed,
        failure: None,
        request_id: None,
        note: CREATED_MEANWHILE,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::inventory::Listed, *};
    use crate::{aws::AccessKeyFacts, error::ErrorReason};

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

    fn listing(found: Result<Vec<&str>, AwsFailure>) -> Inventory {
        let facts =
            |id: &str| AccessKeyFacts { access_key_id: id.to_owned(), status: "Active".to_owned(), created_at: None };
        let listed = found.map(|ids| Listed::AccessKeys(ids.into_iter().map(facts).collect()));
        Inventory::of(CredentialKind::AccessKey, listed)
    }

    #[test]
    fn a_second_listing_tells_what_became_of_a_lost_answer() {
        let mut items = vec![deletion("A", DeletionStatus::Unknown), deletion("B", DeletionStatus::Unknown)];
        assert_eq!(settle(&mut items, &listing(Ok(vec!["B"]))), Verification::Verified);
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
        let outcome = RootCredentialsDeletion { items, verification: Verification::Unreadable, plan: None };
        assert_eq!(outcome.shortfall().unwrap().reason(), ErrorReason::OutcomeUnknown);
        assert_eq!(DeleteRootCredentials::conclude(&outcome).changed, None, "nobody knows");
    }

    #[test]
    fn a_credential_that_lingers_is_not_called_verified() {
        for status in [DeletionStatus::Deleted, DeletionStatus::AlreadyAbsent] {
            let mut items = vec![deletion("A", status)];
            assert_eq!(settle(&mut items, &listing(Ok(vec!["A"]))), Verification::PendingPropagation);
        }
    }

    #[test]
    fn a_credential_that_was_made_meanwhile_is_a_shortfall() {
        let mut items = vec![deletion("A", DeletionStatus::Deleted)];
        settle(&mut items, &listing(Ok(vec!["B"])));
        let outcome = RootCredentialsDeletion { items, verification: Verification::Verified, plan: None };
        assert_eq!(outcome.shortfall().unwrap().reason(), ErrorReason::Incomplete);
    }

    #[test]
    fn success_is_only_where_every_item_is_gone() {
        let of =
            |items| RootCredentialsDeletion { items, verification: Verification::Verified, plan: None }.shortfall();
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
