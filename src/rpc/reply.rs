//! Outcome to message.

mod answers;
mod change;
mod journal;
mod plan;

pub(super) use answers::Reply;

use crate::{
    authz::{Deciding, Effect},
    aws::{AwsCall, IssuedCredentials},
    clock::Timestamp,
    gate::Evidence,
    ops::{
        AccessExplained, Deletion, DeletionStatus, RecoveryAllowed, RootAssumed, RootCredentialsAudit,
        RootCredentialsDeletion, Verification,
    },
    pb,
    types::CredentialKind,
};

fn assume_root(output: RootAssumed, evidence: Evidence) -> pb::AssumeRootResponse {
    let (credentials, plan) = match output {
        RootAssumed::Issued(IssuedCredentials { access_key_id, secret_access_key, session_token, expiration }) => {
            let expiration = Some(timestamp(expiration));
            (Some(pb::Credentials { access_key_id, secret_access_key, session_token, expiration }), None)
        }
        RootAssumed::Planned(planned) => (None, Some(plan::plan(planned))),
    };
    pb::AssumeRootResponse { receipt: Some(receipt(evidence)), credentials, plan }
}

fn explain_access(output: AccessExplained, evidence: Evidence) -> pb::ExplainAccessResponse {
    let AccessExplained { about: _, explanation, policy_sha256 } = output;
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
        receipt: Some(receipt(evidence)),
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

fn delete_root_credentials(output: RootCredentialsDeletion, evidence: Evidence) -> pb::DeleteRootCredentialsResponse {
    pb::DeleteRootCredentialsResponse {
        receipt: Some(receipt(evidence)),
        // "May have changed" is told as changed; the item says UNKNOWN.
        changed: output.changed().unwrap_or(true),
        verification: verification(output.verification).into(),
        items: output.items.into_iter().map(deletion).collect(),
        plan: output.plan.map(plan::plan),
    }
}

fn allow_password_recovery(output: RecoveryAllowed, evidence: Evidence) -> pb::AllowPasswordRecoveryResponse {
    pb::AllowPasswordRecoveryResponse {
        receipt: Some(receipt(evidence)),
        changed: output.changed,
        verification: verification(output.verification).into(),
        login_profile_created_at: output.login_profile_created_at.map(timestamp),
        plan: output.plan.map(plan::plan),
    }
}

fn audit_root_credentials(output: RootCredentialsAudit, evidence: Evidence) -> pb::AuditRootCredentialsResponse {
    let has_credentials = output.has_credentials();
    let pb::RootCredentialInventory { login_profile, access_keys, signing_certificates, mfa_devices } =
        plan::inventory(output);
    pb::AuditRootCredentialsResponse {
        receipt: Some(receipt(evidence)),
        has_credentials,
        login_profile,
        access_keys,
        signing_certificates,
        mfa_devices,
    }
}

/// The receipt, but for the place of the outcome, which is not recorded yet.
fn receipt(evidence: Evidence) -> pb::Receipt {
    pb::Receipt {
        operation_id: evidence.operation_id.to_string(),
        aws_calls: evidence.calls.into_iter().map(aws_call).collect(),
        access_key_id: evidence.access_key_id.unwrap_or_default(),
        expired_access_key_ids: evidence.expired_access_key_ids,
        ..pb::Receipt::default()
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
