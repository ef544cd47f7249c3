//! Which policies must allow, which may refuse, and which of them is named.

use super::*;

const ROOT_DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"DenyRoot","Effect":"Deny","Action":"*","Resource":"*",
 "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}]}"#;
const ROOT_DENY_EXEMPT: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"DenyRootExceptAssumedRoot","Effect":"Deny","Action":"*","Resource":"*",
 "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"},"Null":{"aws:AssumedRoot":"true"}}}]}"#;
const RCP_FULL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

#[test]
fn nothing_said_is_denied() {
    Scene::of(user()).is_denied_by(DeniedBy::ImplicitIdentity);
    Scene::of(role_session()).is_denied_by(DeniedBy::ImplicitIdentity);
}

#[test]
fn root_needs_no_identity_policy_in_its_own_account() {
    Scene::of(root_user()).is_allowed();
    Scene::of(root_session()).is_allowed();
}

#[test]
fn root_needs_a_grant_in_another_account() {
    let scene = Scene::of(root_user()).in_account(AWAY);
    scene.is_denied_by(DeniedBy::ImplicitResource);
    scene.policy(&grant("Allow", HOME)).is_allowed();
}

#[test]
fn within_an_account_either_side_may_allow() {
    let scene = Scene::of(user());
    scene.clone().identity(ALLOW_ALL).is_allowed();
    scene.clone().policy(&grant("Allow", USER)).is_allowed();
    scene.clone().policy(&grant("Allow", "*")).is_allowed();
    // Naming the account only lets its identity policies decide.
    let delegated = scene.policy(&grant("Allow", ROOT));
    delegated.is_denied_by(DeniedBy::ImplicitIdentity);
    delegated.identity(ALLOW_ALL).is_allowed();
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let scene = Scene::of(role_session()).in_account(AWAY);
    scene.clone().policy(&grant("Allow", ROLE)).is_denied_by(DeniedBy::ImplicitIdentity);
    let allowed_at_home = scene.identity(ALLOW_ALL);
    allowed_at_home.is_denied_by(DeniedBy::ImplicitResource);
    for principal in [ROOT, HOME, ROLE, SESSION, "*"] {
        allowed_at_home.clone().policy(&grant("Allow", principal)).is_allowed();
    }
    allowed_at_home.policy(&grant("Allow", USER)).is_denied_by(DeniedBy::ImplicitResource);
}

#[test]
fn a_deny_anywhere_ends_it_and_the_first_kind_is_named() {
    let scene = Scene::of(role_session()).identity(ALLOW_ALL);
    scene.clone().session(DENY_ALL).is_denied_by(DeniedBy::ExplicitSession);
    scene.clone().boundary(DENY_ALL).session(DENY_ALL).is_denied_by(DeniedBy::ExplicitIdentity);
    let identity = scene.identity(DENY_ALL).session(DENY_ALL);
    identity.is_denied_by(DeniedBy::ExplicitIdentity);
    let resource = identity.policy(&grant("Deny", "*"));
    resource.is_denied_by(DeniedBy::ExplicitResource);
    let rcp = resource.rcps(&[&[RCP_FULL, &grant("Deny", "*")]]);
    rcp.is_denied_by(DeniedBy::ExplicitRcp);
    rcp.scps(&[&[ALLOW_ALL], &[DENY_ALL]]).is_denied_by(DeniedBy::ExplicitScp);
}

#[test]
fn every_level_of_control_policies_must_allow() {
    let reads = statement("Allow", r#""Action":"s3:Get*","Resource":"*""#);
    let writes = statement("Allow", r#""Action":"s3:Put*","Resource":"*""#);
    let scene = Scene::of(root_session());
    scene.clone().scps(&[&[ALLOW_ALL], &[&reads, &writes]]).is_allowed();
    scene.clone().scps(&[&[&reads], &[&writes]]).is_denied_by(DeniedBy::ImplicitScp);
    scene.clone().scps(&[&[ALLOW_ALL], &[]]).is_denied_by(DeniedBy::ImplicitScp);
    scene.clone().rcps(&[&[RCP_FULL], &[]]).is_denied_by(DeniedBy::ImplicitRcp);
    scene.clone().scps(&[&[]]).rcps(&[&[]]).is_denied_by(DeniedBy::ImplicitScp);
    scene.scps(&[&[ALLOW_ALL]]).rcps(&[&[RCP_FULL]]).is_allowed();
}

#[test]
fn a_control_policy_grants_nothing() {
    Scene::of(user()).scps(&[&[ALLOW_ALL]]).rcps(&[&[RCP_FULL]]).is_denied_by(DeniedBy::ImplicitIdentity);
}

#[test]
fn an_scp_against_root_also_stops_root_sessions_unless_it_exempts_them() {
    let plain: &[&[&str]] = &[&[ALLOW_ALL, ROOT_DENY]];
    Scene::of(root_user()).scps(plain).is_denied_by(DeniedBy::ExplicitScp);
    Scene::of(root_session()).scps(plain).is_denied_by(DeniedBy::ExplicitScp);
    Scene::of(user()).identity(ALLOW_ALL).scps(plain).is_allowed();

    let exempt: &[&[&str]] = &[&[ALLOW_ALL, ROOT_DENY_EXEMPT]];
    Scene::of(root_user()).scps(exempt).is_denied_by(DeniedBy::ExplicitScp);
    Scene::of(root_session()).scps(exempt).is_allowed();

    // An exemption in one policy does not help against another.
    Scene::of(root_session())
        .scps(&[&[ALLOW_ALL, ROOT_DENY_EXEMPT], &[ALLOW_ALL, ROOT_DENY]])
        .is_denied_by(DeniedBy::ExplicitScp);
}

#[test]
fn an_rcp_binds_root_sessions_too() {
    let perimeter = statement(
        "Deny",
        r#""Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:SourceVpc":"vpc-1"},"Bool":{"aws:ViaAWSService":"false"}}"#,
    );
    let scene = Scene::of(root_session()).rcps(&[&[RCP_FULL, &perimeter]]).with("aws:ViaAWSService", "false");
    scene.clone().with("aws:SourceVpc", "vpc-2").is_denied_by(DeniedBy::ExplicitRcp);
    scene.with("aws:SourceVpc", "vpc-1").is_allowed();
}

#[test]
fn a_boundary_limits_identity_policies_and_grants_to_the_role_but_not_to_the_session() {
    let boundary = statement("Allow", r#""Action":"iam:*","Resource":"*""#);
    let scene = Scene::of(role_session()).boundary(&boundary);
    scene.clone().identity(ALLOW_ALL).is_denied_by(DeniedBy::ImplicitIdentity);
    scene.clone().policy(&grant("Allow", ROLE)).is_denied_by(DeniedBy::ImplicitIdentity);
    scene.clone().policy(&grant("Allow", SESSION)).is_allowed();
    scene.clone().policy(&grant("Allow", "*")).is_allowed();
    scene.clone().boundary(DENY_ALL).policy(&grant("Allow", SESSION)).is_denied_by(DeniedBy::ExplicitIdentity);
    // A boundary alone grants nothing, and across accounts no grant gets past it.
    scene.clone().does("iam:GetUser", USER).is_denied_by(DeniedBy::ImplicitIdentity);
    let away = scene.identity(ALLOW_ALL).in_account(AWAY).policy(&grant("Allow", SESSION));
    away.is_denied_by(DeniedBy::ImplicitIdentity);
}

#[test]
fn a_session_policy_limits_a_role_session_likewise() {
    let session = statement("Allow", r#""Action":"s3:List*","Resource":"*""#);
    let scene = Scene::of(role_session()).session(&session);
    scene.clone().identity(ALLOW_ALL).is_denied_by(DeniedBy::ImplicitSession);
    scene.clone().identity(ALLOW_ALL).does("s3:ListBucket", BUCKET).is_allowed();
    scene.clone().does("s3:ListBucket", BUCKET).is_denied_by(DeniedBy::ImplicitIdentity);
    scene.clone().policy(&grant("Allow", ROLE)).is_denied_by(DeniedBy::ImplicitSession);
    scene.policy(&grant("Allow", SESSION)).is_allowed();
}

#[test]
fn a_bucket_policy_can_lock_everybody_out() {
    let locked = grant("Deny", "*");
    for caller in [root_user(), root_session(), user(), role_session()] {
        Scene::of(caller).identity(ALLOW_ALL).policy(&locked).is_denied_by(DeniedBy::ExplicitResource);
    }
    // The S3 front leaves the policy out for the owner's root on bucket policy calls; then nothing denies any more.
    Scene::of(root_session()).does("s3:DeleteBucketPolicy", BUCKET).is_allowed();
}

#[test]
fn a_bucket_policy_can_lock_out_everybody_but_named_principals() {
    let locked = statement(
        "Deny",
        &format!(
            r#""Principal":"*","Action":"s3:*","Resource":"{BUCKET}/*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":["{ROLE}","arn:aws:iam::*:user/break-glass"]}}}}"#
        ),
    );
    Scene::of(role_session()).identity(ALLOW_ALL).policy(&locked).is_allowed();
    Scene::of(user()).identity(ALLOW_ALL).policy(&locked).is_denied_by(DeniedBy::ExplicitResource);
    Scene::of(root_session()).policy(&locked).is_denied_by(DeniedBy::ExplicitResource);
    // Nobody's ARN is known: a negated operator holds for a missing key, and so the Deny applies.
    let nobody = Scene::of(role_session()).identity(ALLOW_ALL).policy(&locked).with_all("aws:PrincipalArn", &[]);
    nobody.is_denied_by(DeniedBy::ExplicitResource);
}

#[test]
fn a_bucket_policy_can_insist_on_tls() {
    let tls = statement(
        "Deny",
        r#""Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::vault/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#,
    );
    let scene = Scene::of(user()).identity(ALLOW_ALL).policy(&tls);
    scene.clone().with("aws:SecureTransport", "false").is_denied_by(DeniedBy::ExplicitResource);
    scene.clone().with("aws:SecureTransport", "true").is_allowed();
    scene.is_allowed();
}
