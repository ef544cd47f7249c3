//! How many places there are, and for whom.

use proptest::prelude::*;
use tokio::net::UnixListener;

use super::*;
use crate::{
    authn::testing::{Issued, TestCa, client_params, remote, uri},
    edge::testing::{CLIENTS, Files},
    types::Current,
};

fn tls(client_certificate: ClientCertificate) -> Transport {
    let config = crate::edge::load(&Files::good().paths(), crate::clock::Timestamp::from_unix(1_795_286_154, 0));
    Transport::Tls { config: Arc::new(Current::new(config.unwrap())), client_certificate }
}

async fn tcp() -> Socket {
    Socket::Tcp(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap())
}

fn places(all: usize, transport: &Transport, socket: &Socket) -> Places {
    Places::new(all, transport, socket, Arc::default())
}

fn somebody(ca: &TestCa) -> Issued {
    ca.issue(&client_params(vec![uri("spiffe://example.org/a")]))
}

fn nobody() -> PeerFacts {
    PeerFacts { remote: remote(), certificates: Arc::default() }
}

fn user(uid: u32) -> PeerFacts {
    PeerFacts { remote: Remote::Unix { uid, pid: None }, certificates: Arc::default() }
}

/// Takes places until there are no more; how many there were, and why no more.
fn fill(places: &Places, facts: &PeerFacts) -> (Vec<Place>, EdgeCount) {
    let mut taken = Vec::new();
    loop {
        match places.take(facts) {
            Ok(place) => taken.push(place),
            Err(why) => return (taken, why),
        }
    }
}

#[tokio::test]
async fn each_certificate_gets_a_quarter_and_all_together_the_whole() {
    let places = places(8, &tls(ClientCertificate::Required), &tcp().await);
    let mut all = Vec::new();
    for _ in 0..4 {
        let (taken, why) = fill(&places, &somebody(&CLIENTS).peer());
        assert_eq!(taken.len(), 2);
        all.push(taken);
        assert_eq!(why, if all.len() == 4 { EdgeCount::RefusedFull } else { EdgeCount::RefusedPeerFull });
    }
    assert_eq!(places.take(&somebody(&CLIENTS).peer()).err(), Some(EdgeCount::RefusedFull));
    drop(all.pop());
    assert!(places.take(&somebody(&CLIENTS).peer()).is_ok());
    drop(all);
    assert_eq!(places.counters.get(EdgeCount::Established), places.counters.get(EdgeCount::Closed));
}

#[tokio::test]
async fn where_certificates_are_optional_those_without_leave_a_quarter_to_those_with() {
    let places = places(8, &tls(ClientCertificate::Optional), &tcp().await);
    let (unproven, why) = fill(&places, &nobody());
    assert_eq!((unproven.len(), why), (6, EdgeCount::RefusedPeerFull));
    assert_eq!(fill(&places, &somebody(&CLIENTS).peer()).0.len(), 2);
}

#[tokio::test]
async fn where_nobody_shows_a_certificate_nobody_is_held_back() {
    for transport in [tls(ClientCertificate::None), Transport::Plaintext] {
        let (unproven, why) = fill(&places(8, &transport, &tcp().await), &nobody());
        assert_eq!((unproven.len(), why), (8, EdgeCount::RefusedFull));
    }
}

#[tokio::test]
async fn users_of_a_unix_socket_share_alike() {
    let dir = tempfile::tempdir().unwrap();
    for (peer_uids, share) in [(vec![1337], 8), (vec![1337, 1338], 4), (vec![1, 2, 3], 2)] {
        let path = dir.path().join(share.to_string());
        let file = crate::edge::listener::SocketFile::testing(&path);
        let socket = Socket::Unix { listener: UnixListener::bind(&path).unwrap(), peer_uids, _file: file };
        let places = places(8, &Transport::Plaintext, &socket);
        assert_eq!(fill(&places, &user(1337)).0.len(), share);
    }
}

proptest! {
    #[test]
    fn however_few_there_are_everybody_gets_one(all in 1_usize..6) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let socket = runtime.block_on(tcp());
        let shares = Shares::new(all, &Transport::Plaintext, &socket);
        prop_assert!(shares.certificate >= 1 && shares.unproven >= 1 && shares.uid >= 1);
        prop_assert!(shares.certificate <= all && shares.unproven <= all && shares.uid <= all);
    }
}
