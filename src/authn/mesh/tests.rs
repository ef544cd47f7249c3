//! The scheme as a whole: where a header may come from, and how it must look before anybody reads it.

use http::HeaderMap;

use super::*;
use crate::{
    authn::{
        Scheme,
        testing::{TestCa, client_params, remote, uri},
    },
    clock::Timestamp,
};

const PROXY: &str = "spiffe://example.org/ns/rootgate/sa/rootgate";
const ALICE: &str = "spiffe://example.org/ops/alice";
const HASH: &str = "efde78064c9d8c0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5a8093ea";
const NAME: &str = "ci.build.serviceaccount.identity.linkerd.cluster.local";

fn envoy() -> MeshRules {
    MeshRules::Envoy {
        trust_domains: ["example.org".parse().unwrap()].into(),
        expected_by: vec![PROXY.parse().unwrap()],
    }
}

fn linkerd() -> MeshRules {
    MeshRules::Linkerd {
        identity_domains: ["linkerd.cluster.local".parse().unwrap()].into(),
        trust_domains: ["example.org".parse().unwrap()].into(),
    }
}

/// What Envoy writes about alice.
fn element() -> String {
    format!("By={PROXY};Hash={HASH};Subject=\"CN=alice,O=ops\";URI={ALICE}")
}

fn from(remote: Remote) -> PeerFacts {
    PeerFacts { remote, certificates: Vec::new().into() }
}

fn tcp(address: &str) -> PeerFacts {
    from(Remote::Tcp(address.parse().unwrap()))
}

fn unix() -> PeerFacts {
    from(Remote::Unix { uid: 1337, pid: Some(42) })
}

fn headers<B: AsRef<[u8]>>(lines: &[(&'static str, B)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_ref()).unwrap());
    }
    headers
}

fn proof(rules: &MeshRules, peer: Option<&PeerFacts>, headers: &HeaderMap) -> Proof {
    prove(rules, &Evidence { peer, headers, now: Timestamp::from_unix(0, 0) })
}

/// One line of the proxy's header, by the proxy.
fn judge(rules: &MeshRules, value: impl AsRef<[u8]>) -> Result<Caller, String> {
    match proof(rules, Some(&unix()), &headers(&[(rules.header(), value)])) {
        Proof::Proven(caller) => Ok(caller),
        Proof::Failed(why) => Err(why),
        Proof::NotOffered => panic!("a header was not seen"),
    }
}

#[track_caller]
fn assert_refused(rules: &MeshRules, value: impl AsRef<[u8]>, words: &str) {
    let why = judge(rules, value).unwrap_err();
    assert!(why.starts_with(rules.header()) && why.contains(words), "refused, but for another cause: {why}");
}

#[test]
fn envoys_client_is_the_caller() {
    let caller = judge(&envoy(), element()).unwrap();
    assert_eq!((caller.scheme(), caller.subject()), (Scheme::Mesh, ALICE));
    let attributes =
        [("certificate_sha256", HASH), ("path", "/ops/alice"), ("proxy", "envoy"), ("trust_domain", "example.org")];
    assert!(caller.attributes().iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(attributes));
}

#[test]
fn linkerds_client_is_the_caller() {
    let caller = judge(&linkerd(), NAME).unwrap();
    assert_eq!((caller.scheme(), caller.subject()), (Scheme::Mesh, format!("linkerd:{NAME}").as_str()));
    let attributes = [("namespace", "build"), ("proxy", "linkerd"), ("service_account", "ci")];
    assert!(caller.attributes().iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(attributes));

    let caller = judge(&linkerd(), ALICE).unwrap();
    assert_eq!((caller.scheme(), caller.subject()), (Scheme::Mesh, ALICE));
    let attributes = [("path", "/ops/alice"), ("proxy", "linkerd"), ("trust_domain", "example.org")];
    assert!(caller.attributes().iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(attributes));
}

#[test]
fn without_the_proxys_own_header_nothing_is_offered() {
    for (rules, other) in [(envoy(), linkerd()), (linkerd(), envoy())] {
        assert!(matches!(proof(&rules, Some(&unix()), &HeaderMap::new()), Proof::NotOffered));
        // Another proxy's header is not even looked at.
        let foreign = headers(&[(other.header(), ALICE), ("forwarded", ALICE), ("x-client-cert", ALICE)]);
        assert!(matches!(proof(&rules, Some(&unix()), &foreign), Proof::NotOffered));
    }
}

#[test]
fn a_header_is_evidence_only_from_this_host() {
    let header = headers(&[("x-forwarded-client-cert", element().as_str()), ("l5d-client-id", NAME)]);
    for rules in [envoy(), linkerd()] {
        for near in [unix(), tcp("127.0.0.1:4711"), tcp("127.0.0.6:4711"), tcp("[::1]:1"), tcp("[::ffff:127.0.0.1]:1")]
        {
            assert!(matches!(proof(&rules, Some(&near), &header), Proof::Proven(_)), "{near:?}");
        }
        for far in ["192.0.2.7:1", "10.0.0.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "[::ffff:192.0.2.7]:1", "[::]:1"] {
            let refused = proof(&rules, Some(&tcp(far)), &header);
            assert!(matches!(refused, Proof::Failed(why) if why.contains("not this host")), "{far}");
        }
        assert!(matches!(proof(&rules, None, &header), Proof::Failed(why) if why.contains("connection")));
        // Refused for where it comes from, whatever it says.
        let bad = headers(&[(rules.header(), "bad")]);
        let refused = proof(&rules, Some(&from(remote())), &bad);
        assert!(matches!(refused, Proof::Failed(why) if why.contains("not this host")));
    }
}

#[test]
fn a_peer_with_a_certificate_of_its_own_is_no_proxy() {
    let issued = TestCa::new("clients").issue(&client_params(vec![uri(ALICE)]));
    let peer = PeerFacts { remote: Remote::Tcp("127.0.0.1:4711".parse().unwrap()), ..issued.peer() };
    let header = headers(&[("x-forwarded-client-cert", element())]);
    assert!(matches!(proof(&envoy(), Some(&peer), &header), Proof::Failed(why) if why.contains("TLS")));
}

#[test]
fn two_header_lines_are_refused_even_if_they_agree() {
    for (rules, good) in [(envoy(), element()), (linkerd(), NAME.to_owned())] {
        for second in [good.as_str(), "", "bad"] {
            for lines in [[good.as_str(), second], [second, good.as_str()]] {
                let twice = headers(&lines.map(|line| (rules.header(), line)));
                let refused = proof(&rules, Some(&unix()), &twice);
                assert!(matches!(refused, Proof::Failed(why) if why.contains("more than once")));
            }
        }
    }
}

#[test]
fn what_is_not_printable_ascii_is_refused() {
    for (rules, good) in [(envoy(), element()), (linkerd(), NAME.to_owned())] {
        for foreign in ["\u{e4}", "\u{430}", "\u{202e}", "\u{ff}"] {
            assert_refused(&rules, format!("{good}{foreign}"), "printable");
        }
        assert_refused(&rules, b"\xff\xfe", "printable");
        for control in ["\0", "\r", "\n", "\x1b", "\x7f"] {
            // Such a value does not even become a header.
            assert!(HeaderValue::from_bytes(format!("{good}{control}").as_bytes()).is_err(), "{control:?}");
        }
        assert!(judge(&rules, format!("{good}\t")).is_err());
        assert!(judge(&rules, format!(" {good}")).is_err());
        assert!(judge(&rules, format!("{good} ")).is_err());
        assert!(judge(&rules, "").is_err());
    }
}

#[test]
fn a_long_header_is_refused_unread_and_its_bound_is_exact() {
    for rules in [envoy(), linkerd()] {
        assert_refused(&rules, "a".repeat(100 * 1024), "16384 bytes");
        assert_refused(&rules, "a".repeat(HEADER_BYTES_MAX + 1), "16384 bytes");
    }
    let padded = |bytes: usize| {
        let padding = "p".repeat(bytes - element().len());
        element().replace("CN=alice", &format!("CN=alice{padding}"))
    };
    assert_eq!(judge(&envoy(), padded(HEADER_BYTES_MAX)).unwrap().subject(), ALICE);
    assert_refused(&envoy(), padded(HEADER_BYTES_MAX + 1), "16384 bytes");
}

#[test]
fn the_longest_headers_are_judged_at_once() {
    let begun = std::time::Instant::now();
    for unit in [",", ";", "=", "\"", "\\", "%", "%41", ".", "a.", "By=;", "URI=x,", "DNS=a;", "Subject=\"\";", "\\\""]
    {
        let flood = unit.repeat(16_000 / unit.len());
        for head in ["", "By=", "Subject=\"", &format!("By={PROXY};Hash={HASH};"), &element()] {
            for rules in [envoy(), linkerd()] {
                assert!(judge(&rules, format!("{head}{flood}").get(..HEADER_BYTES_MAX).unwrap_or(&flood)).is_err());
            }
        }
    }
    // 140 headers: what is linear takes some milliseconds, what is not takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn what_a_stranger_wrote_is_not_repeated() {
    let long = "x".repeat(10_000);
    for (rules, value) in [
        (envoy(), format!("{long}=1")),
        (envoy(), format!("By={long};Hash={HASH};URI={ALICE}")),
        (envoy(), format!("By={PROXY};Hash={long};URI={ALICE}")),
        (envoy(), format!("By={PROXY};Hash={HASH};URI={long}")),
        (envoy(), format!("By={PROXY};Hash={HASH};URI=spiffe://{long}/a")),
        (linkerd(), long.clone()),
        (linkerd(), format!("spiffe://{long}/a")),
        (linkerd(), format!("{NAME}.{}", "x.".repeat(5_000))),
    ] {
        let why = judge(&rules, value).unwrap_err();
        assert!(why.len() < 400 && !why.contains("xxxxxxxx"), "{why}");
    }
}

#[test]
fn rules_that_are_empty_believe_nobody() {
    let nobody = MeshRules::Envoy { trust_domains: BTreeSet::new(), expected_by: Vec::new() };
    assert!(judge(&nobody, element()).is_err());
    let by = MeshRules::Envoy { trust_domains: ["example.org".parse().unwrap()].into(), expected_by: Vec::new() };
    assert_refused(&by, element(), "expected");
    let nobody = MeshRules::Linkerd { identity_domains: BTreeSet::new(), trust_domains: BTreeSet::new() };
    assert!(judge(&nobody, NAME).is_err());
    assert!(judge(&nobody, ALICE).is_err());
}

#[test]
fn the_proxy_must_be_the_expected_one() {
    for by in [ALICE, "spiffe://example.org/ns/rootgate/sa/rootgate2", "spiffe://evil.org/ns/rootgate/sa/rootgate", ""]
    {
        assert_refused(&envoy(), element().replace(PROXY, by), "expected_by");
    }
    for by in [format!("{PROXY} "), PROXY.to_uppercase(), format!("\"{PROXY}\""), format!("{PROXY}/x")] {
        assert_refused(&envoy(), element().replace(PROXY, &by), "expected_by");
    }
    let renamed = MeshRules::Envoy {
        trust_domains: ["example.org".parse().unwrap()].into(),
        expected_by: vec![PROXY.parse().unwrap(), ALICE.parse().unwrap()],
    };
    assert!(judge(&renamed, element()).is_ok());
    assert!(judge(&renamed, element().replace(PROXY, ALICE)).is_ok());
}

#[test]
fn the_trust_domain_is_compared_exactly() {
    for domain in ["example.org.evil", "evil-example.org", "sub.example.org", "example.or"] {
        let id = format!("spiffe://{domain}/ops/alice");
        let wanted = format!("trust domain {domain} is not accepted");
        assert_refused(&envoy(), element().replace(ALICE, &id), &wanted);
        assert_refused(&linkerd(), id, &wanted);
    }
    for bad in
        ["SPIFFE://example.org/a", "spiffe://Example.org/a", "spiffe://example.org", "https://example.org/a", "x:y"]
    {
        assert_refused(&envoy(), element().replace(ALICE, bad), "no SPIFFE ID");
        assert_refused(&linkerd(), bad, "no SPIFFE ID");
    }
}

#[test]
fn linkerds_identity_domain_is_compared_exactly() {
    for end in [
        "linkerd.cluster.local.evil",
        "evil.linkerd.cluster.local",
        "linkerd2.cluster.local",
        "linkerd.cluster.localx",
        "cluster.local",
        "linkerd",
    ] {
        let value = format!("ci.build.serviceaccount.identity.{end}");
        assert_refused(&linkerd(), value, &format!("identity domain {end} is not accepted"));
    }
}

#[test]
fn no_service_account_can_pose_as_another_by_its_name() {
    for value in [
        // Without a name, without a namespace, with too many labels.
        "build.serviceaccount.identity.linkerd.cluster.local",
        "serviceaccount.identity.linkerd.cluster.local",
        "linkerd.cluster.local",
        "a.ci.build.serviceaccount.identity.linkerd.cluster.local",
        "ci.build.serviceaccount.identity.linkerd.cluster.local.x.serviceaccount.identity.linkerd.cluster.local",
        "ci.build.serviceaccounts.identity.linkerd.cluster.local",
        "ci.build.identity.serviceaccount.linkerd.cluster.local",
        "ci.build.serviceaccount.identity",
    ] {
        assert!(judge(&linkerd(), value).is_err(), "{value}");
    }
    for value in [
        "CI.build.serviceaccount.identity.linkerd.cluster.local",
        "ci.build.serviceaccount.identity.linkerd.cluster.local.",
        ".build.serviceaccount.identity.linkerd.cluster.local",
        "ci..serviceaccount.identity.linkerd.cluster.local",
        "ci_x.build.serviceaccount.identity.linkerd.cluster.local",
        "*.build.serviceaccount.identity.linkerd.cluster.local",
        "ci.build.serviceaccount.identity.linkerd.cluster.local,ops.ops.serviceaccount.identity.linkerd.cluster.local",
    ] {
        assert_refused(&linkerd(), value, "no name of a workload");
    }
}
