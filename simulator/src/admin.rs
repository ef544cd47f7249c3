//! The simulator's own interface under `/_simulator/`: calls, faults, the world. Not signed: it listens on loopback only.

use serde_json::{Value, json};

use crate::cloudtrail;
use crate::fault::Fault;
use crate::message::Message;
use crate::protocol::Reply;
use crate::state::State;
use crate::world::{Account, World};

/// What paths of the interface begin with; no bucket can be called that.
pub(crate) const PREFIX: &str = "/_simulator";

/// Answers one request.
pub(crate) fn answer(state: &State, message: &Message) -> Reply {
    if !is_local(message) {
        return refuse(403, "the admin interface is for programs on this machine, not for web pages");
    }
    let path = message.path.strip_prefix(PREFIX).unwrap_or_default().trim_matches('/');
    match (message.method.as_str(), path) {
        ("GET", "calls") => calls(state, message),
        ("DELETE", "calls") => {
            state.calls().clear();
            done()
        }
        ("GET", "cloudtrail") => ok(&cloudtrail::log_file(&state.trail().events())),
        ("GET", "faults") => ok(&json!({ "faults": state.faults().list() })),
        ("POST", "faults") => add_fault(state, message),
        ("DELETE", "faults") => {
            state.faults().clear();
            done()
        }
        ("GET", "world") => ok(&world(&state.world())),
        ("POST", "expire-sessions") => {
            state.world().expire_root_sessions();
            done()
        }
        _ => refuse(
            404,
            "there are GET/DELETE calls, GET cloudtrail, GET/POST/DELETE faults, GET world and POST expire-sessions under /_simulator/",
        ),
    }
}

/// A browser says where a page comes from, and a page that rebinds its name to loopback still asks for its own host.
fn is_local(message: &Message) -> bool {
    let host = message.host().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback && message.header("origin").is_none()
}

fn calls(state: &State, message: &Message) -> Reply {
    let since = message.query_param("since");
    match since.as_deref().map_or(Ok(0), str::parse::<u64>) {
        Ok(since) => {
            let calls = state.calls().since(since);
            let next = calls.last().map_or(since, |call| call.index + 1);
            ok(&json!({ "calls": calls, "next": next }))
        }
        Err(_) => refuse(400, "since must be the index of a call, as in /_simulator/calls?since=12"),
    }
}

fn add_fault(state: &State, message: &Message) -> Reply {
    match serde_json::from_slice::<Fault>(&message.body) {
        Ok(fault) => {
            state.faults().add(fault);
            done()
        }
        Err(error) => refuse(
            400,
            &format!(
                "no fault: {error}. Write {{\"service\":\"s3\",\"action\":\"DeleteBucketPolicy\",\"effect\":\"lose_reply\",\"times\":1,\"after\":0,\"latency_ms\":0}}; effects are \"throttle\", \"html_500\", \"drop_connection\", \"lose_reply\", \"expire_session\", {{\"status\":503}} and {{\"error\":{{\"status\":403,\"code\":\"AccessDenied\",\"message\":\"no\"}}}}"
            ),
        ),
    }
}

fn world(world: &World) -> Value {
    let organization = &world.organization;
    let delegates: Vec<Value> = organization
        .delegations
        .iter()
        .map(|found| json!({ "account": found.account, "service": found.service_principal }))
        .collect();
    json!({
        "organization": {
            "id": organization.id,
            "management_account": organization.management_account,
            "feature_set": organization.feature_set,
            "trusted_services": organization.trusted_services.keys().collect::<Vec<_>>(),
            "root_features": organization.root_features,
            "delegated_administrators": delegates,
        },
        "accounts": world.accounts.values().map(|found| account(world, found)).collect::<Vec<_>>(),
    })
}

fn account(world: &World, account: &Account) -> Value {
    let buckets: Vec<Value> = account
        .buckets
        .values()
        .map(|bucket| json!({ "name": bucket.name, "region": bucket.region, "policy": bucket.policy, "objects": bucket.objects.len() }))
        .collect();
    let queues: Vec<Value> = account
        .queues
        .iter()
        .map(|queue| json!({ "name": queue.name, "region": queue.region, "policy": queue.policy, "messages": queue.messages.len() }))
        .collect();
    json!({
        "id": account.id,
        "name": account.name,
        "state": account.state.name(),
        "in_organization": account.in_organization,
        "path": world.organization.path_of(account),
        "principals": account.principals.iter().map(|found| found.arn(&account.id)).collect::<Vec<_>>(),
        "root": {
            "login_profile": account.root.login_profile.is_some(),
            "access_keys": account.root.access_keys.iter().map(|key| &key.id).collect::<Vec<_>>(),
            "mfa_devices": account.root.mfa_devices.iter().map(|device| &device.serial_number).collect::<Vec<_>>(),
            "signing_certificates": account.root.signing_certificates.iter().map(|found| &found.id).collect::<Vec<_>>(),
            "live_sessions": world.live_root_sessions(&account.id),
        },
        "buckets": buckets,
        "queues": queues,
    })
}

fn ok(value: &Value) -> Reply {
    Reply::new(200, "application/json", value.to_string())
}

fn done() -> Reply {
    ok(&json!({ "ok": true }))
}

fn refuse(status: u16, text: &str) -> Reply {
    Reply::new(status, "application/json", json!({ "error": text }).to_string())
}
