//! Which backup is put back, and which are listed.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Fields, accept_exposure, queue_by_arn, terms};
use crate::{
    authz::Terms,
    error::Error,
    ops::{BackupQuery, ListPolicyBackups, Restoration, RestoreBucketPolicy, RestoreQueuePolicy},
    pb,
    types::{AccountId, BucketName, Rule, hex},
};

/// A page without a size.
const PAGE_SIZE_DEFAULT: u32 = 20;
/// A hundred policies of 20 KB stay below the 4 MB that clients take by default.
const PAGE_SIZE_MAX: u32 = 100;
/// Enough to tell one listing from another; a token proves nothing and grants nothing.
const CHECK_BYTES: usize = 8;

pub(in super::super) fn restore_bucket_policy(
    message: &pb::RestoreBucketPolicyRequest,
) -> Result<RestoreBucketPolicy, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let bucket = fields.parse("bucket", &message.bucket);
    let region = fields.parse_optional("region", &message.region);
    let restoration = restoration(&mut fields, &message.backup_id, message.accept_lockout, message.accept_exposure);
    let operation = account.zip(why).zip(bucket.zip(restoration));
    fields.finish(operation.map(|((account, why), (bucket, restoration))| RestoreBucketPolicy {
        account,
        bucket,
        region,
        restoration,
        terms,
        why,
    }))
}

pub(in super::super) fn restore_queue_policy(
    message: &pb::RestoreQueuePolicyRequest,
) -> Result<RestoreQueuePolicy, Error> {
    let mut fields = Fields::default();
    let terms = terms!(fields, message);
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let queue = queue_by_arn(&mut fields, &message.queue_arn, account);
    let restoration = restoration(&mut fields, &message.backup_id, message.accept_lockout, message.accept_exposure);
    let operation = queue.zip(why).zip(restoration);
    fields.finish(operation.map(|((queue, why), restoration)| RestoreQueuePolicy { queue, restoration, terms, why }))
}

fn restoration(fields: &mut Fields, id: &str, accept_lockout: bool, exposure: i32) -> Option<Restoration> {
    let (backup_id, accept_exposure) = (fields.parse("backup_id", id), accept_exposure(fields, exposure));
    Some(Restoration { backup_id: backup_id?, accept_lockout, accept_exposure: accept_exposure? })
}

pub(in super::super) fn list_policy_backups(
    message: &pb::ListPolicyBackupsRequest,
) -> Result<ListPolicyBackups, Error> {
    let mut fields = Fields::default();
    let account = fields.parse("account_id", &message.account_id);
    let why = fields.why(message);
    let resource = resource(&mut fields, message, account);
    let page_size = page_size(&mut fields, message.page_size);
    let query = account.zip(resource);
    let before = query.as_ref().and_then(|(account, resource)| {
        fields.take("page_token", before(&message.page_token, *account, resource.as_deref()))
    });
    let operation = query.zip(why).zip(page_size.zip(before));
    fields.finish(operation.map(|(((account, resource), why), (page_size, before))| ListPolicyBackups {
        account,
        resource,
        before,
        page_size,
        include_policies: message.include_policies,
        why,
    }))
}

/// ARN of the resource, if the listing is about one.
fn resource(
    fields: &mut Fields,
    message: &pb::ListPolicyBackupsRequest,
    account: Option<AccountId>,
) -> Option<Option<String>> {
    match (message.bucket.is_empty(), message.queue_arn.is_empty()) {
        (true, true) => Some(None),
        (false, true) => fields.parse::<BucketName>("bucket", &message.bucket).map(|bucket| Some(bucket.arn())),
        (true, false) => queue_by_arn(fields, &message.queue_arn, account).map(|queue| Some(queue.arn())),
        (false, false) => {
            fields.wrong("queue_arn", "must be unset with bucket");
            None
        }
    }
}

pub(super) fn resource_claim(message: &pb::ListPolicyBackupsRequest) -> &str {
    if message.bucket.is_empty() { &message.queue_arn } else { &message.bucket }
}

fn page_size(fields: &mut Fields, size: i32) -> Option<u32> {
    let size = match u32::try_from(size) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) if size <= PAGE_SIZE_MAX => Ok(size),
        _ => Err(Rule::new("must be 1 to 100, or unset for 20")),
    };
    fields.take("page_size", size)
}

/// Where a page begins. A token belongs to one listing: with another filter it would skip what nobody has seen.
fn before(token: &str, account: AccountId, resource: Option<&str>) -> Result<Option<u64>, Rule> {
    if token.is_empty() {
        return Ok(None);
    }
    let index = token.split_once('-').and_then(|(index, _)| index.parse().ok());
    let good = index.filter(|index| token == of_listing(*index, account, resource));
    good.map(Some)
        .ok_or(Rule::new("must be the next_page_token of the page before, with everything else as it was there"))
}

/// The token of the page that follows.
pub(in super::super) fn page_token(next_before: u64, query: &BackupQuery) -> String {
    of_listing(next_before, query.account, query.resource.as_deref())
}

fn of_listing(before: u64, account: AccountId, resource: Option<&str>) -> String {
    let listing = format!("{before}\n{account}\n{}", resource.unwrap_or_default());
    let check = digest(&SHA256, listing.as_bytes());
    format!("{before}-{}", hex(check.as_ref().get(..CHECK_BYTES).unwrap_or_default()))
}
