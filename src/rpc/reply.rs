//! Outcome to message.

mod change;
mod journal;
mod plan;

pub(super) use change::{
    list_policy_backups, restore_bucket_policy, restore_queue_policy, unlock_bucket_policy, unlock_queue_policy,
};
pub(super) use journal::{get_checkpoint, list_records};

use prost::Message;
use prost_types::Any;
use tonic::Status;

use super::status::status_with;
use crate::{
    authz::{Deciding, Effect},
    aws::{AwsCall, IssuedCredentials},
    clock::Timestamp,
    gate::{Done, Receipt},
    ops::{
        AccessExplained, Deletion, DeletionStatus, RecoveryAllowed, RootAssumed, RootCredentialsAudit,
        RootCredentialsDeletion, Verification,
    },
    pb,
    types::CredentialKind,
};

pub(super) fn assume_root(done: Done<RootAssumed>) -> Result<pb::AssumeRootResponse, Status> {
    let (credentials, plan) = match done.output {
        RootAssumed::Issued(IssuedCredentials { access_key_id, secret_access_key, session_token, expiration }) => {
            let expiration = Some(timestamp(expiration));
            (Some(pb::Credentials { access_key_id, secret_access_key, session_token, expiration }), None)
        }
        RootAssumed::Planned(planned) => (None, Some(plan::plan(planned))),
    };
    Ok(pb::AssumeRootResponse { receipt: Some(receipt(done.receipt)), credentials, plan })
}

pub(super) fn explain_access(done: Done<AccessExplained>) -> pb::ExplainAccessResponse {
    let AccessExplained { about: _, explanation, policy_sha256 } = done.output;
    let deciding = |policy: Deciding| pb::DecidingPolicy {
        description: policy.annotations.get("description").cloned().unwrap_or_default(),
        policy_id: policy.id,
        effect: match policy.effect {
            Effect::Permit => pb::PolicyEffect::Permit,
            Effect::Forbid => pb::PolicyEffect::Forbid,
        }
        .into(),
    };
    pb::ExplainAccessResponse {
        receipt: Some(receipt(done.receipt)),
        allowed: explanation.allowed,
        deciding_policies: explanation.deciding.into_iter().map(deciding).collect(),
        errors: explanation.errors,
        groups: explanation.in_groups.into_iter().collect(),
        organizational_units: explanation
            .account
            .and_then(|account| account.placement)
            .map(|placement| placement.units.into_iter().map(|(id, _name)| id).collect())
            .unwrap_or_default(),
        policy_sha256,
    }
}

/// A shortfall is an error, so that nobody takes part for all; the items ride in its details.
pub(super) fn delete_root_credentials(
    done: Done<RootCredentialsDeletion>,
) -> Result<pb::DeleteRootCredentialsResponse, Status> {
    let Done { output, receipt: given, shortfall } = done;
    let response = pb::DeleteRootCredentialsResponse {
        receipt: Some(receipt(given)),
        // "May have changed" is told as changed; the item says UNKNOWN.
        changed: output.changed().unwrap_or(true),
        verification: verification(output.verification).into(),
        items: output.items.into_iter().map(deletion).collect(),
        plan: output.plan.map(plan::plan),
    };
    let Some(error) = shortfall else { return Ok(response) };
    let type_url = "type.googleapis.com/rootgate.v1.DeleteRootCredentialsResponse".to_owned();
    Err(status_with(&error, Some(Any { type_url, value: response.encode_to_vec() })))
}

pub(super) fn allow_password_recovery(
    done: Done<RecoveryAllowed>,
) -> Result<pb::AllowPasswordRecoveryResponse, Status> {
    Ok(pb::AllowPasswordRecoveryResponse {
        receipt: Some(receipt(done.receipt)),
        changed: done.output.changed,
        verification: verification(done.output.verification).into(),
        login_profile_created_at: done.output.login_profile_created_at.map(timestamp),
        plan: done.output.plan.map(plan::plan),
    })
}

pub(super) fn audit_root_credentials(
    done: Done<RootCredentialsAudit>,
) -> Result<pb::AuditRootCredentialsResponse, Status> {
    let has_credentials = done.output.has_credentials();
    let pb::RootCredentialInventory { login_profile, access_keys, signing_certificates, mfa_devices } =
        plan::inventory(done.output);
    Ok(pb::AuditRootCredentialsResponse {
        receipt: Some(receipt(done.receipt)),
        has_credentials,
        login_profile,
        access_keys,
        signing_certificates,
        mfa_devices,
    })
}

fn receipt(receipt: Receipt) -> pb::Receipt {
    pb::Receipt {
        journal_index: i64::try_from(receipt.position.index).unwrap_or(i64::MAX),
        record_hash: receipt.position.hash.to_string(),
        recorded_at: Some(timestamp(receipt.position.recorded_at)),
        operation_id: receipt.operation_id.to_string(),
        aws_calls: receipt.calls.into_iter().map(aws_call).collect(),
        access_key_id: receipt.access_key_id.unwrap_or_default(),
        expired_access_key_ids: receipt.expired_access_key_ids,
    }
}

fn aws_call(call: AwsCall) -> pb::AwsCall {
    pb::AwsCall {
        service: call.service.to_owned(),
        operation: call.operation.to_owned(),
        request_id: call.request_id.unwrap_or_default(),
        error_code: call.error_code.unwrap_or_default(),
    }
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.unix_micros();
    let nanos = micros.rem_euclid(1_000_000) * 1000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos: i32::try_from(nanos).unwrap_or(0) }
}

const fn verification(verification: Verification) -> pb::Verification {
    match verification {
        Verification::NothingChanged => pb::Verification::Unspecified,
        Verification::Verified => pb::Verification::Verified,
        Verification::PendingPropagation => pb::Verification::PendingPropagation,
        Verification::Unreadable => pb::Verification::Unreadable,
        Verification::Overtaken => pb::Verification::Overtaken,
    }
}

fn deletion(deletion: Deletion) -> pb::CredentialDeletion {
    let status = match deletion.status {
        DeletionStatus::Deleted => pb::DeletionStatus::Deleted,
        DeletionStatus::AlreadyAbsent => pb::DeletionStatus::AlreadyAbsent,
        DeletionStatus::Failed => pb::DeletionStatus::Failed,
        DeletionStatus::Unknown => pb::DeletionStatus::Unknown,
    };
    let kind = match deletion.item.kind {
        CredentialKind::LoginProfile => pb::CredentialKind::LoginProfile,
        CredentialKind::AccessKey => pb::CredentialKind::AccessKey,
        CredentialKind::SigningCertificate => pb::CredentialKind::SigningCertificate,
        CredentialKind::MfaDevice => pb::CredentialKind::MfaDevice,
    };
    let aws_error_code = deletion.failure.as_ref().map(|failure| failure.code_or_fate().to_owned()).unwrap_or_default();
    pb::CredentialDeletion {
        kind: kind.into(),
        id: deletion.item.id,
        status: status.into(),
        aws_error_code,
        aws_request_id: deletion.request_id.unwrap_or_default(),
        note: deletion.note.to_owned(),
    }
}
