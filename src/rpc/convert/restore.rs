//! Which backup is put back, and which are listed.

use super::{Fields, accept_exposure, page, queue_by_arn, terms};
use crate::{
    authz::Terms,
    error::Error,
    ops::{BackupQuery, ListPolicyBackups, Restoration, RestoreBucketPolicy, RestoreQueuePolicy},
    pb,
    types::{AccountId, BucketName},
};

/// A hundred policies of 20 KB stay below the 4 MB that clients take by default.
const PAGE_SIZES: page::Sizes = page::Sizes { default: 20, max: 100 };

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
    let page_size = page::size(&mut fields, message.page_size, PAGE_SIZES);
    let query = account.zip(resource);
    let before = query.as_ref().and_then(|(account, resource)| {
        fields.take("page_token", page::place(&message.page_token, &listing(account, resource.as_deref())))
    });
    let before = before.map(|before| before.map(|[before]| before));
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

/// The token of the page that follows.
pub(in super::super) fn page_token(next_before: u64, query: &BackupQuery) -> String {
    page::of([next_before], &listing(&query.account, query.resource.as_deref()))
}

/// What a token belongs to.
fn listing<'l>(account: &'l AccountId, resource: Option<&'l str>) -> [&'l str; 3] {
    ["ListPolicyBackups", account.as_str(), resource.unwrap_or_default()]
}
