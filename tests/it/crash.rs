//! Kill -9 under load, again and again: what was acknowledged is recorded, and no act is without its intent.

mod callers;
mod evidence;

use std::{env, process::Stdio, sync::Arc, time::Duration};

use aws_root_simulator::Call;
use tokio::{
    sync::broadcast::{Receiver, error::TryRecvError},
    task::JoinSet,
    time::timeout,
};

use self::{callers::Caller, evidence::Evidence};
use crate::harness::{Client, Running, STRANGER, Site, config_toml};

/// How many kills: enough to see something in everyday runs. More with `ROOTGATE_KILLS`.
const KILLS: usize = 20;
/// Kills fall on one of so many first calls after the load began, or soon after it: in the midst of everybody's first act.
const CALLS: usize = 30;
/// Every other round they fall so many times later, when some acts are done and others have begun.
const LATER: usize = 5;
/// Each so many rounds the next process is killed too, while it takes over what the one before left.
const ROUNDS_PER_KILL_AT_START: usize = 10;
/// How often the whole journal is verified, in rounds; what a round added is looked at after each.
const ROUNDS_PER_VERIFICATION: usize = 10;
/// Longer than anything takes on a busy machine; nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_under_load_loses_nothing_acknowledged_and_leaves_no_act_unrecorded() {
    let site = Arc::new(site().await);
    let mut calls = site.aws.subscribe();
    let mut callers = callers::all(&site.aws);
    let mut evidence = Evidence::new(site.path().join("journal.db"));
    let (wanted, mut kills, mut kills_at_start, mut round) = (kills(), 0, 0, 0);
    while kills < wanted {
        if round % ROUNDS_PER_KILL_AT_START == ROUNDS_PER_KILL_AT_START - 1 {
            kill_while_it_starts(&site, &mut evidence).await;
            kills += 1;
            kills_at_start += 1;
        }
        callers = act_and_be_killed(&site, &mut calls, round, callers, &mut evidence).await;
        kills += 1;
        round += 1;
        if round % ROUNDS_PER_VERIFICATION == 0 {
            evidence.verify(&site.aws).await;
        }
    }
    let gateway = start(&site, &mut evidence).await;
    let connections = Connections::to(&gateway, &site).await;
    for caller in &mut callers {
        evidence.note(caller.repeat(&mut connections.of(caller)).await);
    }
    gateway.signal("-TERM");
    assert!(gateway.ended().await.0.success());
    evidence.follow().await;
    let figures = evidence.verify(&site.aws).await;
    println!("{kills} kills, {kills_at_start} of them at a start: {figures}");
    figures.assert_telling();
}

/// One life of a gateway: it starts, everybody acts, and it is killed in the midst of it.
async fn act_and_be_killed(
    site: &Arc<Site>,
    calls: &mut Receiver<Call>,
    round: usize,
    callers: Vec<Caller>,
    evidence: &mut Evidence,
) -> Vec<Caller> {
    let mut gateway = start(site, evidence).await;
    let mut seen = drain(calls);
    let connections = Connections::to(&gateway, site).await;
    let mut acting = JoinSet::new();
    for caller in callers {
        let client = connections.of(&caller);
        acting.spawn(caller.act_until_cut_off(client, Arc::clone(site)));
    }
    seen.extend(until_moment(calls, round).await);
    gateway.kill();
    gateway.ended().await;
    let mut cut_off = Vec::new();
    for (caller, told) in acting.join_all().await {
        cut_off.push(caller);
        evidence.note(told);
    }
    seen.extend(drain(calls));
    // Before the next process can close anything: what is durable now is what the killed one had written.
    evidence.follow().await;
    evidence.assert_intents_of(&seen);
    cut_off
}

/// Starts the gateway, which closes what the one before left open.
async fn start(site: &Site, evidence: &mut Evidence) -> Running {
    let gateway = site.serve().await;
    evidence.follow().await;
    evidence.assert_all_closed();
    gateway
}

/// A connection for those who may act, and one for who may not.
struct Connections {
    operator: Client,
    stranger: Client,
}

impl Connections {
    async fn to(gateway: &Running, site: &Site) -> Self {
        let address = gateway.address;
        let (operator, stranger) = tokio::join!(site.client(address), site.client_as(STRANGER, address));
        Self { operator, stranger }
    }

    fn of(&self, caller: &Caller) -> Client {
        if caller.is_stranger() { self.stranger.clone() } else { self.operator.clone() }
    }
}

/// Broker sessions carry the operation's id, and so does the root session that they open: an exact join.
async fn site() -> Site {
    let site = Site::new().await;
    let broker = "role = \"arn:aws:iam::222222222222:role/broker\"".to_owned();
    let limits = "operations_per_minute = 6000\nburst = 1000\nin_flight_max = 32".to_owned();
    site.configure(&config_toml(&site.aws.endpoint(), &[("aws.broker", broker), ("limits.caller", limits)]));
    site
}

#[allow(clippy::disallowed_methods, reason = "it configures the test, not the gateway")]
fn kills() -> usize {
    let said = env::var("ROOTGATE_KILLS").ok();
    said.map_or(KILLS, |said| said.parse().expect("ROOTGATE_KILLS is a number"))
}

/// Waits for the moment of this round's kill, and hands back the calls that AWS saw until then.
///
/// A call is reported when it was carried out and before it is answered. So a kill falls between intent and act, when the
/// call opens a session, or between act and outcome, when it changes something; and among as many callers always at some
/// other place too.
async fn until_moment(calls: &mut Receiver<Call>, round: usize) -> Vec<Call> {
    // 7 and the number of calls have no common divisor, so each is the first once in as many rounds.
    let first = (1 + round * 7 % CALLS) * if round.is_multiple_of(2) { 1 } else { LATER };
    let falls_on = |call: &Call| match (round / 2 + round / CALLS) % 3 {
        0 => true,
        1 => call.action == "AssumeRole" || call.action == "AssumeRoot",
        _ => call.mutating,
    };
    let mut seen = Vec::new();
    loop {
        let call =
            timeout(PATIENCE, calls.recv()).await.expect("the callers keep AWS busy").expect("no call is missed");
        let now = seen.len() + 1 >= first && falls_on(&call);
        seen.push(call);
        if now {
            return seen;
        }
    }
}

/// The calls that were reported and not looked at yet.
fn drain(calls: &mut Receiver<Call>) -> Vec<Call> {
    let mut seen = Vec::new();
    loop {
        match calls.try_recv() {
            Ok(call) => seen.push(call),
            Err(TryRecvError::Empty) => return seen,
            Err(error) => panic!("no call is missed: {error}"),
        }
    }
}

/// Starts the gateway, and kills it as soon as it has recorded anything: that it takes over, or that it started.
async fn kill_while_it_starts(site: &Site, evidence: &mut Evidence) {
    let mut starting = site.command("serve").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waiting = async {
        while evidence.follow().await == 0 {
            assert!(starting.try_wait().unwrap().is_none(), "the gateway did not start");
            tokio::task::yield_now().await;
        }
    };
    let recorded = timeout(PATIENCE, waiting).await;
    starting.kill().unwrap();
    starting.wait().unwrap();
    recorded.expect("the gateway records something");
}
