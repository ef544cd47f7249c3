//! The condition keys of a call. Source: IAM User Guide, "AWS global condition context keys".

use super::Access;
use crate::clock;
use crate::policy::{CallerKind, Context};
use crate::turn::Turn;

pub(super) fn context(turn: &Turn<'_>, access: &Access<'_>) -> Context {
    let mut context = Context::new();
    principal(&mut context, turn);
    let secure = if turn.world.settings.pretend_tls { "true" } else { "false" };
    context
        .set("aws:ResourceAccount", access.account)
        .set("aws:SourceIp", turn.message.source_ip.to_string())
        .set("aws:SecureTransport", secure)
        .set("aws:CurrentTime", clock::iso(turn.now))
        .set("aws:EpochTime", turn.now.to_string())
        .set("aws:RequestedRegion", turn.region)
        .set("aws:ViaAWSService", "false");
    if turn.world.account(access.account).is_some_and(|account| account.in_organization) {
        context.set("aws:ResourceOrgID", &turn.world.organization.id);
    }
    if let Some(agent) = turn.message.header("user-agent") {
        context.set("aws:UserAgent", agent);
    }
    for (key, value) in access.keys {
        context.set(key, *value);
    }
    context
}

fn principal(context: &mut Context, turn: &Turn<'_>) {
    let caller = turn.caller;
    context
        .set("aws:PrincipalArn", &caller.principal_arn)
        .set("aws:PrincipalAccount", turn.account())
        .set("aws:userid", &caller.user_id)
        .set("aws:PrincipalIsAWSService", "false");
    let kind = match caller.caller.kind {
        CallerKind::RootUser | CallerKind::RootSession => "Account",
        CallerKind::User => "User",
        CallerKind::RoleSession { .. } => "AssumedRole",
    };
    context.set("aws:PrincipalType", kind);
    if caller.is_root_session() {
        context.set("aws:AssumedRoot", "true");
    }
    if let Some(name) = &caller.user_name {
        context.set("aws:username", name);
    }
    if let Some(source) = &caller.source_identity {
        context.set("aws:SourceIdentity", source);
    }
    if caller.temporary {
        context.set("aws:MultiFactorAuthPresent", "false");
    }
    for (name, value) in &caller.tags {
        context.set(format!("aws:PrincipalTag/{name}"), value);
    }
    if let Some(account) = turn.world.account(turn.account()).filter(|account| account.in_organization) {
        context.set("aws:PrincipalOrgID", &turn.world.organization.id);
        let path = turn.world.organization.path_of(account);
        // The key ends at the OU; the path that Organizations shows goes on with the account.
        let ou_path = path.strip_suffix(&format!("{}/", account.id)).unwrap_or(&path).to_owned();
        context.set_many("aws:PrincipalOrgPaths", vec![ou_path]);
    }
}
