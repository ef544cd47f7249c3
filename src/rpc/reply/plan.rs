//! Plans and credentials as messages.

use super::timestamp;
use crate::{
    aws::{KeyUse, MfaDeviceFacts, SigningCertificateFacts},
    clock::Timestamp,
    ops::{Plan, PlannedCall, RootCredentialsAudit, UsedAccessKey},
    pb,
};

pub(super) fn plan(plan: Plan) -> pb::Plan {
    let policy = plan.policy;
    let (before, after, diff) =
        policy.map_or_else(Default::default, |policy| (policy.before, policy.after, policy.diff));
    pb::Plan {
        etag: plan.etag.to_string(),
        calls: plan.calls.into_iter().map(planned_call).collect(),
        policy_before: before.unwrap_or_default(),
        policy_after: after.unwrap_or_default(),
        policy_diff: diff,
        would_change: plan.would_change,
        credentials: plan.credentials.map(inventory),
    }
}

fn planned_call(call: PlannedCall) -> pb::PlannedCall {
    pb::PlannedCall {
        service: call.service.to_owned(),
        operation: call.operation.to_owned(),
        resource: call.resource,
        parameters: call.parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

pub(super) fn inventory(audit: RootCredentialsAudit) -> pb::RootCredentialInventory {
    let seen_at = audit.seen_at;
    let login_profile = audit
        .login_profile_created_at
        .map(|at| pb::LoginProfile { created_at: Some(timestamp(at)), age: age(Some(at), seen_at) });
    pb::RootCredentialInventory {
        login_profile,
        access_keys: audit.access_keys.into_iter().map(|used| access_key(used, seen_at)).collect(),
        signing_certificates: audit
            .signing_certificates
            .into_iter()
            .map(|certificate| signing_certificate(certificate, seen_at))
            .collect(),
        mfa_devices: audit.mfa_devices.into_iter().map(|device| mfa_device(device, seen_at)).collect(),
    }
}

/// Whole seconds, for AWS tells no more. Nothing is younger than nothing: clocks differ.
fn age(since: Option<Timestamp>, seen_at: Timestamp) -> Option<prost_types::Duration> {
    let micros = seen_at.unix_micros().saturating_sub(since?.unix_micros()).max(0);
    Some(prost_types::Duration { seconds: micros / 1_000_000, nanos: 0 })
}

fn access_key(used: UsedAccessKey, seen_at: Timestamp) -> pb::AccessKey {
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
        age: age(key.created_at, seen_at),
    }
}

fn signing_certificate(certificate: SigningCertificateFacts, seen_at: Timestamp) -> pb::SigningCertificate {
    pb::SigningCertificate {
        certificate_id: certificate.certificate_id,
        status: certificate.status,
        uploaded_at: certificate.uploaded_at.map(timestamp),
        age: age(certificate.uploaded_at, seen_at),
    }
}

fn mfa_device(device: MfaDeviceFacts, seen_at: Timestamp) -> pb::MfaDevice {
    pb::MfaDevice {
        serial_number: device.serial_number,
        enabled_at: device.enabled_at.map(timestamp),
        age: age(device.enabled_at, seen_at),
    }
}
