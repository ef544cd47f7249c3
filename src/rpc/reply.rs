//! Outcome to message.

use prost::Message;
use prost_types::Any;
use tonic::Status;

use super::status::status_with;
use crate::{
    authz::{Deciding, Effect},
    aws::{AwsCall, IssuedCredentials, KeyUse, MfaDeviceFacts, SigningCertificateFacts},
    clock::Timestamp,
    gate::{Done, Receipt},
    ops::{
        AccessExplained, BucketUnlocked, Deletion, DeletionStatus, PreviousPolicy, QueueUnlocked, RecoveryAllowed,
        RootCredentialsAudit, RootCredentialsDeletion, UsedAccessKey, Verification,
    },
    pb,
    types::CredentialKind,
};

pub(super) fn assume_root(done: Done<IssuedCredentials>) -> Result<pb::AssumeRootResponse, Status> {
    let IssuedCredentials { access_key_id, secret_access_key, session_token, expiration } = done.output;
    let expiration = Some(timestamp(expiration));
    let credentials = pb::Credentials { access_key_id, secret_access_key, session_token, expiration };
    Ok(pb::AssumeRootResponse { receipt: Some(receipt(done.receipt)), credentials: Some(credentials), plan: None })
}

pub(super) fn unlock_bucket_policy(done: Done<BucketUnlocked>) -> Result<pb::UnlockBucketPolicyResponse, Status> {
    let BucketUnlocked { unlocked, region } = done.output;
    // "May have changed" is told as changed, beside the code that kept it from being known.
    let changed = unlocked.changed().unwrap_or(true);
    let (previous_policy, previous_policy_unreadable) = previous(unlocked.previous);
    Ok(pb::UnlockBucketPolicyResponse {
        receipt: Some(receipt(done.receipt)),
        changed,
        previous_policy,
        previous_policy_unreadable,
        verification: verification(unlocked.verification).into(),
        region: region.to_string(),
        plan: None,
    })
}

pub(super) fn unlock_queue_policy(done: Done<QueueUnlocked>) -> Result<pb::UnlockQueuePolicyResponse, Status> {
    let QueueUnlocked { unlocked, url } = done.output;
    // "May have changed" is told as changed, beside the code that kept it from being known.
    let changed = unlocked.changed().unwrap_or(true);
    let (previous_policy, previous_policy_unreadable) = previous(unlocked.previous);
    Ok(pb::UnlockQueuePolicyResponse {
        receipt: Some(receipt(done.receipt)),
        changed,
        previous_policy,
        previous_policy_unreadable,
        verification: verification(unlocked.verification).into(),
        queue_url: url,
        plan: None,
    })
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
            .placement
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
        plan: None,
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
        plan: None,
    })
}

pub(super) fn audit_root_credentials(
    done: Done<RootCredentialsAudit>,
) -> Result<pb::AuditRootCredentialsResponse, Status> {
    let has_credentials = done.output.has_credentials();
    let RootCredentialsAudit { login_profile_created_at, access_keys, signing_certificates, mfa_devices } = done.output;
    let created_at = login_profile_created_at.map(timestamp);
    Ok(pb::AuditRootCredentialsResponse {
        receipt: Some(receipt(done.receipt)),
        has_credentials,
        login_profile: created_at.map(|created_at| pb::LoginProfile { created_at: Some(created_at) }),
        access_keys: access_keys.into_iter().map(access_key).collect(),
        signing_certificates: signing_certificates.into_iter().map(signing_certificate).collect(),
        mfa_devices: mfa_devices.into_iter().map(mfa_device).collect(),
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

fn previous(policy: PreviousPolicy) -> (String, String) {
    match policy {
        PreviousPolicy::None => (String::new(), String::new()),
        PreviousPolicy::Text(text) => (text, String::new()),
        PreviousPolicy::Unreadable(code) => (String::new(), code),
    }
}

const fn verification(verification: Verification) -> pb::Verification {
    match verification {
        Verification::NothingChanged => pb::Verification::Unspecified,
        Verification::Verified => pb::Verification::Verified,
        Verification::PendingPropagation => pb::Verification::PendingPropagation,
        Verification::Unreadable => pb::Verification::Unreadable,
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

fn access_key(used: UsedAccessKey) -> pb::AccessKey {
    let UsedAccessKey { key, last_use } = used;
    let (last_used_at, last_used_service, last_used_region) = match last_use {
        Some(KeyUse { at, service, region }) => (Some(timestamp(at)), service, region),
        None => (None, String::new(), String::new()),
    };
    pb::AccessKey {
        access_key_id: key.access_key_id,
        status: key.status,
        created_at: key.created_at.map(timestamp),
        last_used_at,
        last_used_service,
        last_used_region,
    }
}

fn signing_certificate(certificate: SigningCertificateFacts) -> pb::SigningCertificate {
    pb::SigningCertificate {
        certificate_id: certificate.certificate_id,
        status: certificate.status,
        uploaded_at: certificate.uploaded_at.map(timestamp),
    }
}

fn mfa_device(device: MfaDeviceFacts) -> pb::MfaDevice {
    pb::MfaDevice { serial_number: device.serial_number, enabled_at: device.enabled_at.map(timestamp) }
}
