//! Against an agent on a real Unix socket, with real handshakes.

use rcgen::SanType;
use rustls::version::{TLS12, TLS13};
use tonic::Status;

use super::{
    testing::{Agent, SvidResponse},
    *,
};
use crate::{
    authn::testing::{Issued, TestCa, ca_params, client_params, dns, uri},
    clock::{ManualClock, SystemClock},
    edge::testing::{CLIENTS, Client, SERVER_NAME, SERVERS},
};

const OWN_ID: &str = "spiffe://example.org/rootgate";
const ALICE: &str = "spiffe://example.org/ns/prod/sa/alice";
const BOB: &str = "spiffe://partner.example/bob";

/// The gateway's own SVID, from the CA that the test clients believe.
fn svid() -> Issued {
    SERVERS.issue(&client_params(vec![uri(OWN_ID), dns(SERVER_NAME)]))
}

/// An identity whose trust domain issues with [`CLIENTS`].
fn good() -> SvidResponse {
    SvidResponse::new(OWN_ID, &svid(), &[&CLIENTS])
}

fn options(agent: &Agent) -> WorkloadApiOptions {
    WorkloadApiOptions {
        socket: agent.socket(),
        trust_domains: BTreeSet::new(),
        client_certificate: ClientCertificate::Required,
        start_timeout: Duration::from_secs(30),
        clock: Arc::new(SystemClock),
        counters: Arc::default(),
    }
}

fn domains(names: &[&str]) -> BTreeSet<TrustDomain> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// One handshake with the configuration in force, as a client with this certificate; the kind of failure.
async fn shake(current: &Current<ServerConfig>, identity: Option<&Issued>) -> Result<(), EdgeCount> {
    shake_with(current, identity, &TLS13).await
}

async fn shake_with(
    current: &Current<ServerConfig>,
    identity: Option<&Issued>,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), EdgeCount> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::with(listener.local_addr().unwrap(), identity, version, &[b"h2"]);
    let acceptor = tokio_rustls::TlsAcceptor::from(current.get());
    let accepting = async {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await
    };
    let (accepted, _connected) = tokio::join!(accepting, client.connect());
    accepted.map(drop).map_err(|error| crate::edge::handshake::kind_of(&error))
}

fn issued(ca: &TestCa, sans: Vec<SanType>) -> Issued {
    ca.issue(&client_params(sans))
}

/// Waits until another configuration is in force.
async fn replaced(current: &Current<ServerConfig>, before: &Arc<ServerConfig>) {
    let changed = async {
        while Arc::ptr_eq(&current.get(), before) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), changed).await.unwrap();
}

#[tokio::test]
async fn certificate_and_client_cas_come_from_the_agent() {
    let agent = Agent::start(Ok(good()));
    let api = WorkloadApi::connect(options(&agent)).await.unwrap();
    assert_eq!(api.client_certificate(), ClientCertificate::Required);
    let current = api.current();
    let alice = issued(&CLIENTS, vec![uri(ALICE)]);
    for version in [&TLS13, &TLS12] {
        shake_with(&current, Some(&alice), version).await.unwrap();
        assert_eq!(shake_with(&current, None, version).await, Err(EdgeCount::HandshakeNoCertificate));
    }
    let stranger = issued(&TestCa::new("others"), vec![uri(ALICE)]);
    assert_eq!(shake(&current, Some(&stranger)).await, Err(EdgeCount::HandshakeUnknownCa));
    let config = current.get();
    assert_eq!(config.alpn_protocols, [b"h2".to_vec()]);
    assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (0, 0));
}

#[tokio::test]
async fn only_certificates_with_one_spiffe_id_are_x509_svids() {
    let agent = Agent::start(Ok(good()));
    let api = WorkloadApi::connect(options(&agent)).await.unwrap();
    let bad = [
        vec![],
        vec![dns("ops.example.org")],
        vec![uri(ALICE), uri("spiffe://example.org/other")],
        vec![uri("https://example.org/ns")],
        vec![uri("spiffe://example.org")],
    ];
    for sans in bad {
        let failed = shake(&api.current(), Some(&issued(&CLIENTS, sans.clone()))).await;
        assert_eq!(failed, Err(EdgeCount::HandshakeBadCertificate), "{sans:?}");
    }
}

#[tokio::test]
async fn demands_follow_the_options() {
    let agent = Agent::start(Ok(good()));
    let stranger = issued(&TestCa::new("others"), vec![uri(ALICE)]);
    let with = |client_certificate| WorkloadApi::connect(WorkloadApiOptions { client_certificate, ..options(&agent) });
    let optional = with(ClientCertificate::Optional).await.unwrap().current();
    shake(&optional, None).await.unwrap();
    shake(&optional, Some(&issued(&CLIENTS, vec![uri(ALICE)]))).await.unwrap();
    assert_eq!(shake(&optional, Some(&stranger)).await, Err(EdgeCount::HandshakeUnknownCa));
    let none = with(ClientCertificate::None).await.unwrap().current();
    shake(&none, Some(&stranger)).await.unwrap();
}

/// The attack that one pot of CAs would allow.
#[tokio::test]
async fn a_federated_trust_domain_vouches_for_its_own_ids_only() {
    let partner = TestCa::new("partner");
    let agent = Agent::start(Ok(good().federated("partner.example", &[&partner])));
    let both = domains(&["example.org", "partner.example"]);
    let api = WorkloadApi::connect(WorkloadApiOptions { trust_domains: both, ..options(&agent) }).await.unwrap();
    let current = api.current();
    shake(&current, Some(&issued(&CLIENTS, vec![uri(ALICE)]))).await.unwrap();
    shake(&current, Some(&issued(&partner, vec![uri(BOB)]))).await.unwrap();
    let forged = [(&partner, ALICE), (&CLIENTS, BOB), (&CLIENTS, "spiffe://elsewhere.example/a")];
    for (ca, id) in forged {
        for version in [&TLS13, &TLS12] {
            let failed = shake_with(&current, Some(&issued(ca, vec![uri(id)])), version).await;
            assert_eq!(failed, Err(EdgeCount::HandshakeUnknownCa), "{id}");
        }
    }
    // Federation alone does not open the door.
    let own = WorkloadApi::connect(options(&agent)).await.unwrap();
    let failed = shake(&own.current(), Some(&issued(&partner, vec![uri(BOB)]))).await;
    assert_eq!(failed, Err(EdgeCount::HandshakeUnknownCa));
}

#[tokio::test]
async fn an_update_is_used_by_the_next_handshake_and_a_broken_one_is_not() {
    let agent = Agent::start(Ok(good()));
    let options = options(&agent);
    let counters = Arc::clone(&options.counters);
    let api = WorkloadApi::connect(options).await.unwrap();
    let (current, first) = (api.current(), api.current().get());
    let (old, rotated) = (issued(&CLIENTS, vec![uri(ALICE)]), TestCa::new("rotated"));
    agent.say(Ok(SvidResponse::new(OWN_ID, &svid(), &[&rotated])));
    replaced(&current, &first).await;
    assert_eq!(counters.get(EdgeCount::ReloadDone), 1);
    assert_eq!(shake(&current, Some(&old)).await, Err(EdgeCount::HandshakeUnknownCa));
    let new = issued(&rotated, vec![uri(ALICE)]);
    shake(&current, Some(&new)).await.unwrap();
    // A broken one first, then a good one: had the broken one been taken, it would be what is found in force.
    let second = current.get();
    agent.tell(Ok(good().with_broken_bundle())).await;
    agent.say(Ok(good()));
    replaced(&current, &second).await;
    shake(&current, Some(&old)).await.unwrap();
}

#[tokio::test]
async fn a_federation_that_ends_takes_its_trust_with_it() {
    let partner = TestCa::new("partner");
    let agent = Agent::start(Ok(good().federated("partner.example", &[&partner])));
    let with = |names: &[&str]| {
        let options = WorkloadApiOptions { trust_domains: domains(names), ..options(&agent) };
        WorkloadApi::connect(options)
    };
    let (both, alone) = (with(&["example.org", "partner.example"]).await, with(&["partner.example"]).await);
    let (both, alone) = (both.unwrap(), alone.unwrap());
    let (alice, bob) = (issued(&CLIENTS, vec![uri(ALICE)]), issued(&partner, vec![uri(BOB)]));
    let before = [both.current().get(), alone.current().get()];
    agent.say(Ok(good()));
    replaced(&both.current(), &before[0]).await;
    replaced(&alone.current(), &before[1]).await;
    shake(&both.current(), Some(&alice)).await.unwrap();
    assert_eq!(shake(&both.current(), Some(&bob)).await, Err(EdgeCount::HandshakeUnknownCa));
    assert_eq!(shake(&alone.current(), Some(&bob)).await, Err(EdgeCount::HandshakeOther));
}

#[tokio::test]
async fn an_identity_that_is_taken_back_ends_all_handshakes_until_there_is_a_new_one() {
    let agent = Agent::start(Ok(good()));
    let api = WorkloadApi::connect(options(&agent)).await.unwrap();
    let (current, first) = (api.current(), api.current().get());
    let alice = issued(&CLIENTS, vec![uri(ALICE)]);
    agent.say(Err(Status::permission_denied("no identity issued")));
    replaced(&current, &first).await;
    assert_eq!(shake(&current, Some(&alice)).await, Err(EdgeCount::HandshakeOther));
    let refusing = current.get();
    agent.say(Ok(good()));
    replaced(&current, &refusing).await;
    shake(&current, Some(&alice)).await.unwrap();
}

#[tokio::test]
async fn while_the_agent_is_away_the_last_identity_is_used_until_it_expires() {
    let mut params = client_params(vec![uri(OWN_ID), dns(SERVER_NAME)]);
    let now = SystemClock.now();
    let end = now.unix_micros() / 1_000_000 + 3600;
    params.not_after = time::OffsetDateTime::from_unix_timestamp(end).unwrap();
    let agent = Agent::start(Ok(SvidResponse::new(OWN_ID, &SERVERS.issue(&params), &[&CLIENTS])));
    let clock = Arc::new(ManualClock::new(now));
    let options = WorkloadApiOptions { clock: clock.clone(), ..options(&agent) };
    let api = WorkloadApi::connect(options).await.unwrap();
    let (current, first) = (api.current(), api.current().get());
    let _dir = agent.die().await;
    let alice = issued(&CLIENTS, vec![uri(ALICE)]);
    shake(&current, Some(&alice)).await.unwrap();
    tokio::time::pause();
    clock.advance(Duration::from_secs(3599));
    // Some looks at the clock.
    tokio::time::sleep(LOOK_AGAIN * 3).await;
    assert!(Arc::ptr_eq(&current.get(), &first));
    clock.advance(Duration::from_secs(2));
    tokio::time::sleep(LOOK_AGAIN * 3).await;
    tokio::time::resume();
    assert_eq!(shake(&current, Some(&alice)).await, Err(EdgeCount::HandshakeOther));
}

#[tokio::test]
async fn a_ca_that_expires_is_dropped_although_the_agent_says_nothing() {
    let now = SystemClock.now();
    let mut params = ca_params("old clients");
    params.not_after = time::OffsetDateTime::from_unix_timestamp(now.unix_micros() / 1_000_000 + 3600).unwrap();
    let old = TestCa::with(params);
    let agent = Agent::start(Ok(SvidResponse::new(OWN_ID, &svid(), &[&CLIENTS, &old])));
    let only_old = Agent::start(Ok(SvidResponse::new(OWN_ID, &svid(), &[&old])));
    let clock = Arc::new(ManualClock::new(now));
    let with = |agent| WorkloadApi::connect(WorkloadApiOptions { clock: clock.clone(), ..options(agent) });
    let (both, alone) = (with(&agent).await.unwrap(), with(&only_old).await.unwrap());
    let [of_old, of_new] = [&old, &CLIENTS].map(|ca| issued(ca, vec![uri(ALICE)]));
    shake(&both.current(), Some(&of_old)).await.unwrap();
    shake(&alone.current(), Some(&of_old)).await.unwrap();
    let before = both.current().get();
    tokio::time::pause();
    clock.advance(Duration::from_secs(3599));
    tokio::time::sleep(LOOK_AGAIN * 3).await;
    assert!(Arc::ptr_eq(&both.current().get(), &before));
    clock.advance(Duration::from_secs(3));
    tokio::time::sleep(LOOK_AGAIN * 3).await;
    tokio::time::resume();
    assert_eq!(shake(&both.current(), Some(&of_old)).await, Err(EdgeCount::HandshakeUnknownCa));
    shake(&both.current(), Some(&of_new)).await.unwrap();
    // The last one leaves nobody to believe.
    assert_eq!(shake(&alone.current(), Some(&of_old)).await, Err(EdgeCount::HandshakeOther));
}

#[tokio::test]
async fn an_update_with_a_broken_identity_still_ends_old_trust() {
    let agent = Agent::start(Ok(good()));
    let api = WorkloadApi::connect(options(&agent)).await.unwrap();
    let (current, first) = (api.current(), api.current().get());
    let rotated = TestCa::new("rotated");
    agent.say(Ok(SvidResponse::new(OWN_ID, &svid(), &[&rotated]).with_key_of(&svid())));
    replaced(&current, &first).await;
    assert_eq!(shake(&current, Some(&issued(&CLIENTS, vec![uri(ALICE)]))).await, Err(EdgeCount::HandshakeUnknownCa));
    // With the old identity, which the client believes.
    shake(&current, Some(&issued(&rotated, vec![uri(ALICE)]))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_an_agent_for_a_bounded_time_and_then_fails() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(Err(Status::permission_denied("no identity issued")));
    for socket in [dir.path().join("missing.sock"), agent.socket()] {
        let began = tokio::time::Instant::now();
        let start_timeout = Duration::from_secs(20);
        let options = WorkloadApiOptions { socket: socket.clone(), start_timeout, ..options(&agent) };
        let error = WorkloadApi::connect(options).await.unwrap_err();
        assert!(matches!(error, WorkloadApiError::NoIdentity { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(socket.to_str().unwrap()) && text.contains("registration entry"), "{text}");
        assert_eq!(began.elapsed().as_secs(), 20);
    }
}

#[tokio::test]
async fn without_a_bundle_of_the_configured_trust_domains_nothing_starts() {
    let agent = Agent::start(Ok(good()));
    let trust_domains = domains(&["partner.example"]);
    let options = WorkloadApiOptions { trust_domains, ..options(&agent) };
    let error = WorkloadApi::connect(options).await.unwrap_err();
    assert!(matches!(&error, WorkloadApiError::Unusable(Unusable::NoBundle(names)) if names == "partner.example"));
    let agent = Agent::start(Ok(good().federated("partner.example", &[])));
    let trust_domains = domains(&["partner.example"]);
    let options = WorkloadApiOptions { trust_domains, ..super::tests::options(&agent) };
    assert!(matches!(WorkloadApi::connect(options).await, Err(WorkloadApiError::Unusable(Unusable::NoBundle(_)))));
}

#[tokio::test]
async fn nothing_that_is_printed_holds_the_key() {
    let agent = Agent::start(Ok(good()));
    let api = WorkloadApi::connect(options(&agent)).await.unwrap();
    assert_eq!(format!("{api:?}"), "WorkloadApi { client_certificate: Required, .. }");
}
