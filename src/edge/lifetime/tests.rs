//! When a connection is told to go away and when it is cut, with time that jumps.

use rcgen::CertificateParams;
use time::OffsetDateTime;

use super::*;
use crate::{
    authn::testing::{client_params, remote, uri},
    edge::testing::{CLIENTS, limits},
};

const NOW: i64 = 1_795_286_154;

fn now() -> Timestamp {
    Timestamp::from_unix(NOW, 0)
}

fn params(not_after: i64) -> CertificateParams {
    let mut params = client_params(vec![uri("spiffe://example.org/a")]);
    params.not_after = OffsetDateTime::from_unix_timestamp(not_after).unwrap();
    params
}

/// Facts about a client whose certificates end at these seconds from now.
fn ending_in(seconds: &[i64]) -> PeerFacts {
    let certificates = seconds.iter().map(|seconds| CLIENTS.issue(&params(NOW + seconds)).der).collect();
    PeerFacts { remote: remote(), certificates }
}

/// Age 1000 s, grace 50 s, idle 2000 s; somebody has proven an identity.
fn lifetime(facts: &PeerFacts) -> Lifetime {
    let lifetime = new(facts);
    lifetime.activity.prove();
    lifetime
}

fn new(facts: &PeerFacts) -> Lifetime {
    let limits = EdgeLimits {
        connection_age_max: Duration::from_secs(1000),
        connection_age_grace: Duration::from_secs(50),
        idle_max: Duration::from_secs(2000),
        ..limits()
    };
    Lifetime::new(facts, now(), limits, Arc::default(), CancellationToken::new(), &CancellationToken::new())
}

/// Why it was told to go away, and after how many seconds it was told and cut.
async fn told_and_cut(lifetime: &Lifetime) -> (Told, u64, u64) {
    let why = lifetime.until_told().await;
    let told = lifetime.born.elapsed().as_secs();
    lifetime.until_cut(why).await;
    (why, told, lifetime.born.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_with_its_age_or_with_the_first_of_its_certificates() {
    let table = [
        // Nothing to expire.
        (&[][..], (Told::Aged, 1000, 1050)),
        (&[100_000], (Told::Aged, 1000, 1050)),
        // The certificate's last second is its own.
        (&[1048], (Told::Expiring, 999, 1049)),
        (&[1049], (Told::Aged, 1000, 1050)),
        (&[299], (Told::Expiring, 250, 300)),
        // The grace is longer than the rest.
        (&[29], (Told::Expiring, 0, 30)),
        (&[-1], (Told::Expiring, 0, 0)),
        // An intermediate that ends before the leaf.
        (&[5000, 199, 800], (Told::Expiring, 150, 200)),
    ];
    for (ends, wanted) in table {
        assert_eq!(told_and_cut(&lifetime(&ending_in(ends))).await, wanted, "{ends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_told_and_then_cut() {
    let mut lifetime = lifetime(&ending_in(&[519]));
    lifetime.limits.idle_max = Duration::from_secs(400);
    assert_eq!(told_and_cut(&lifetime).await, (Told::Idle, 400, 450));
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nobody_proves_an_identity_is_told_and_cut_soon() {
    assert_eq!(told_and_cut(&new(&ending_in(&[]))).await, (Told::Unproven, 10, 20));
    // A certificate is one.
    assert_eq!(told_and_cut(&new(&ending_in(&[100_000]))).await, (Told::Aged, 1000, 1050));
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_told_at_once_and_only_the_certificate_cuts() {
    let lifetime = lifetime(&ending_in(&[599]));
    lifetime.stop.cancel();
    assert_eq!(told_and_cut(&lifetime).await, (Told::Stopping, 0, 600));
    let unproven = super::tests::lifetime(&ending_in(&[]));
    unproven.stop.cancel();
    let why = unproven.until_told().await;
    assert!(tokio::time::timeout(Duration::from_secs(1_000_000), unproven.until_cut(why)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_gone_is_neither_told_nor_cut() {
    let lifetime = lifetime(&ending_in(&[599]));
    lifetime.gone.cancel();
    assert_eq!(lifetime.until_told().await, Told::Gone);
    assert!(tokio::time::timeout(Duration::from_secs(1_000_000), lifetime.until_cut(Told::Gone)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_proves_nothing_and_the_far_future_overflows_nothing() {
    let broken = PeerFacts { remote: remote(), certificates: vec![vec![48, 0].into()].into() };
    assert_eq!(told_and_cut(&lifetime(&broken)).await, (Told::Expiring, 0, 0));
    let mut params = params(0);
    params.not_after = rcgen::date_time_ymd(9999, 12, 31);
    let forever = PeerFacts { remote: remote(), certificates: vec![CLIENTS.issue(&params).der].into() };
    assert_eq!(validity_left(&forever, now()), Some(FAR_AWAY));
    assert_eq!(told_and_cut(&lifetime(&forever)).await, (Told::Aged, 1000, 1050));
}

#[tokio::test]
async fn the_servers_cut_reaches_the_connection_and_not_the_other_way_round() {
    let server = CancellationToken::new();
    let facts = ending_in(&[]);
    let [one, other] =
        [(); 2].map(|()| Lifetime::new(&facts, now(), limits(), Arc::default(), CancellationToken::new(), &server));
    one.cut.cancel();
    assert!(!server.is_cancelled() && !other.cut.is_cancelled());
    server.cancel();
    assert!(other.cut.is_cancelled());
}
