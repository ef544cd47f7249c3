//! The main job, done for real: over gRPC with mutual TLS, through the AWS SDK, on the simulated AWS.

use aws_sdk_s3::error::ProvideErrorMetadata;
use rootgate::{
    journal,
    pb::{self, CredentialKind, UnlockMode},
};
use tonic::{Response, Status};
use tonic_types::StatusExt;

use crate::{
    Failure,
    screen::Screen,
    stage::{LOCKED_BUCKET, LOCKED_QUEUE, PAYMENTS, REGION, Stage, Who},
};

const REASON: &str = "Locked out by a policy change";
const TICKET: &str = "SANDBOX-1";

pub async fn tell(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    bucket(stage, screen).await?;
    queue(stage, screen).await?;
    credentials(stage, screen).await?;
    recovery(stage, screen).await?;
    strangers(stage, screen).await?;
    evidence(stage, screen).await
}

async fn bucket(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("1. A bucket whose policy locks out its own administrators");
    let s3 = aws_sdk_s3::Client::new(&stage.sdk_as_administrator()?);
    screen.does("payments-admin", "s3:ListObjectsV2, s3:DeleteBucketPolicy");
    let listed = s3.list_objects_v2().bucket(LOCKED_BUCKET).send().await;
    denied(screen, "s3:ListObjectsV2", listed.err().as_ref())?;
    let deleted = s3.delete_bucket_policy().bucket(LOCKED_BUCKET).send().await;
    denied(screen, "s3:DeleteBucketPolicy", deleted.err().as_ref())?;

    screen.does("alice (operator)", "UnlockBucketPolicy");
    let request = pb::UnlockBucketPolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        ticket: TICKET.to_owned(),
        bucket: LOCKED_BUCKET.to_owned(),
        mode: UnlockMode::DeletePolicy.into(),
        ..Default::default()
    };
    let done = answered(stage.call_as(Who::Operator).await?.unlock_bucket_policy(request).await)?;
    screen.good(&format!(
        "policy removed in {}, {}, and handed back as the undo",
        done.region,
        short(done.verification().as_str_name(), "VERIFICATION_")
    ));
    receipt(screen, done.receipt.as_ref());

    let listed = s3.list_objects_v2().bucket(LOCKED_BUCKET).send().await?;
    screen.good(&format!("payments-admin is in again and sees {} object(s)", listed.contents().len()));
    Ok(())
}

async fn queue(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("2. A queue whose policy does the same");
    let sqs = aws_sdk_sqs::Client::new(&stage.sdk_as_administrator()?);
    screen.does("payments-admin", "sqs:GetQueueUrl");
    let found = sqs.get_queue_url().queue_name(LOCKED_QUEUE).send().await;
    denied(screen, "sqs:GetQueueUrl", found.err().as_ref())?;

    screen.does("alice (operator)", "UnlockQueuePolicy");
    let request = pb::UnlockQueuePolicyRequest {
        account_id: PAYMENTS.to_owned(),
        reason: REASON.to_owned(),
        ticket: TICKET.to_owned(),
        queue_arn: format!("arn:aws:sqs:{REGION}:{PAYMENTS}:{LOCKED_QUEUE}"),
        mode: UnlockMode::DeletePolicy.into(),
        ..Default::default()
    };
    let done = answered(stage.call_as(Who::Operator).await?.unlock_queue_policy(request).await)?;
    screen.good(&format!("policy removed, {}", short(done.verification().as_str_name(), "VERIFICATION_")));
    receipt(screen, done.receipt.as_ref());

    let found = sqs.get_queue_url().queue_name(LOCKED_QUEUE).send().await?;
    screen.good(&format!("payments-admin is in again: {}", found.queue_url().unwrap_or_default()));
    Ok(())
}

async fn credentials(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("3. Root credentials that should not exist");
    audit(stage, screen).await?;
    screen.does("alice (operator)", "DeleteRootCredentials ALL");
    let request = pb::DeleteRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "No root credentials in member accounts".to_owned(),
        ticket: TICKET.to_owned(),
        credential_kinds: vec![CredentialKind::All.into()],
        ..Default::default()
    };
    let done = answered(stage.call_as(Who::Operator).await?.delete_root_credentials(request).await)?;
    for item in &done.items {
        let id = if item.id.is_empty() { String::new() } else { format!(" {}", item.id) };
        screen.good(&format!(
            "{} {}{id}",
            short(item.status().as_str_name(), "DELETION_STATUS_"),
            short(item.kind().as_str_name(), "CREDENTIAL_KIND_")
        ));
    }
    receipt(screen, done.receipt.as_ref());
    audit(stage, screen).await
}

async fn audit(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.does("bob (auditor)", "AuditRootCredentials");
    let request = pb::AuditRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "Nightly audit of root credentials".to_owned(),
        ..Default::default()
    };
    let audit = answered(stage.call_as(Who::Auditor).await?.audit_root_credentials(request).await)?;
    if !audit.has_credentials {
        screen.good("the root user has no credentials");
        return Ok(());
    }
    let password = if audit.login_profile.is_some() { "a password" } else { "no password" };
    screen.refused(&format!(
        "the root user has {password}, {} access key(s), {} MFA device(s), {} signing certificate(s)",
        audit.access_keys.len(),
        audit.mfa_devices.len(),
        audit.signing_certificates.len()
    ));
    Ok(())
}

async fn recovery(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("4. The owner of the root mailbox needs the account back");
    screen.does("alice (operator)", "AllowPasswordRecovery");
    let request = pb::AllowPasswordRecoveryRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "Support case needs the root user".to_owned(),
        ticket: TICKET.to_owned(),
        ..Default::default()
    };
    let done = answered(stage.call_as(Who::Operator).await?.allow_password_recovery(request).await)?;
    screen.good(&format!(
        "a login profile without password exists now, {}",
        short(done.verification().as_str_name(), "VERIFICATION_")
    ));
    receipt(screen, done.receipt.as_ref());
    Ok(())
}

async fn strangers(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("5. Somebody with a good certificate and no permission");
    screen.does("mallory", "DeleteRootCredentials ALL");
    let request = pb::DeleteRootCredentialsRequest {
        account_id: PAYMENTS.to_owned(),
        reason: "I would like to".to_owned(),
        credential_kinds: vec![CredentialKind::All.into()],
        ..Default::default()
    };
    let before = stage.aws.calls().len();
    match stage.call_as(Who::Stranger).await?.delete_root_credentials(request).await {
        Ok(_) => return Err("a stranger was allowed to delete root credentials".into()),
        Err(status) => screen.refused(&format!("{:?}: {}", status.code(), status.message())),
    }
    if stage.aws.calls().len() != before {
        return Err("a refusal reached AWS".into());
    }
    screen.good("AWS was not asked anything; the refusal is in the journal");
    Ok(())
}

async fn evidence(stage: &Stage, screen: &mut Screen) -> Result<(), Failure> {
    screen.title("6. The evidence");
    screen.does("anybody", "rootgate journal verify");
    let verified = journal::verify(&stage.journal_path(), &[]).await?;
    screen.good(&format!("{} records, one unbroken chain", verified.records));
    if let Some(head) = verified.head {
        screen.fact("head", &format!("{}:{}", head.index, head.hash));
    }
    Ok(())
}

/// Shows that AWS denies it; anything else would make the story untrue.
fn denied(screen: &mut Screen, call: &str, error: Option<&impl ProvideErrorMetadata>) -> Result<(), Failure> {
    let code = error.and_then(ProvideErrorMetadata::code).unwrap_or("no error");
    if !code.starts_with("AccessDenied") {
        return Err(format!("{call} should be denied, but AWS answered: {code}").into());
    }
    screen.refused(&format!("{call}: {code}"));
    Ok(())
}

/// The reply, or the error in the words that a caller sees.
fn answered<T>(result: Result<Response<T>, Status>) -> Result<T, Failure> {
    result.map(Response::into_inner).map_err(|status| {
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        format!("{:?} {reason}: {}", status.code(), status.message()).into()
    })
}

fn receipt(screen: &mut Screen, receipt: Option<&pb::Receipt>) {
    if let Some(receipt) = receipt {
        let hash = receipt.record_hash.get(..16).unwrap_or_default();
        let words = format!("journal {} ({hash}…), CloudTrail {}", receipt.journal_index, receipt.access_key_id);
        screen.fact("receipt", &words);
    }
}

fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}
