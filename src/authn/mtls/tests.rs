//! Certificates, good and bad, against the rules.

use aws_lc_rs::digest;
use std::{sync::LazyLock, time::Duration};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType, date_time_ymd,
};

use super::*;
use http::HeaderMap;

use crate::authn::{
    PeerFacts,
    testing::{TestCa, client_params, dns, rules, uri},
};

static CA: LazyLock<TestCa> = LazyLock::new(|| TestCa::new("clients"));
const NOW: Timestamp = Timestamp::from_unix(1_795_286_154, 0);
const ALICE: &str = "spiffe://example.org/ns/prod/sa/alice";

fn proof(rules: &MtlsRules, peer: Option<&PeerFacts>, now: Timestamp) -> Proof {
    prove(rules, &Evidence { peer, headers: &HeaderMap::new(), now })
}

fn judge(params: &CertificateParams) -> Result<Caller, String> {
    match proof(&rules(), Some(&CA.issue(params).peer()), NOW) {
        Proof::Proven(caller) => Ok(caller),
        Proof::Failed(why) => Err(why),
        Proof::NotOffered => Err("not offered".to_owned()),
    }
}

fn judge_sans(sans: Vec<SanType>) -> Result<Caller, String> {
    judge(&client_params(sans))
}

#[track_caller]
fn assert_refused(params: &CertificateParams, words: &str) {
    let why = judge(params).unwrap_err();
    assert!(why.contains(words), "refused, but for another cause: {why}");
}

#[test]
fn a_spiffe_id_is_the_subject() {
    let mut params = client_params(vec![uri(ALICE)]);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(vec![0x0a, 0xff].into());
    let issued = CA.issue(&params);
    let Proof::Proven(caller) = proof(&rules(), Some(&issued.peer()), NOW) else { panic!("refused") };
    assert_eq!(caller.scheme(), Scheme::Mtls);
    assert_eq!(caller.subject(), ALICE);
    assert_eq!(caller.to_string(), format!("mtls:{ALICE}"));
    let attribute = |name: &str| caller.attributes().get(name).map(String::as_str);
    assert_eq!(attribute("trust_domain"), Some("example.org"));
    assert_eq!(attribute("path"), Some("/ns/prod/sa/alice"));
    assert_eq!(attribute("certificate_serial"), Some("0aff"));
    assert_eq!(attribute("certificate_not_after"), Some("2027-01-01T00:00:00.000000Z"));
    let sha256 = hex(digest::digest(&digest::SHA256, &issued.der).as_ref());
    assert_eq!(attribute("certificate_sha256"), Some(sha256.as_str()));
    assert_eq!(sha256.len(), 64);
    assert_eq!(caller.attributes().len(), 5);
}

#[test]
fn a_configured_dns_or_uri_san_is_a_subject_with_its_prefix() {
    assert_eq!(judge_sans(vec![dns("ops.example.org")]).unwrap().subject(), "dns:ops.example.org");
    assert_eq!(judge_sans(vec![dns("OPS.Example.ORG")]).unwrap().subject(), "dns:ops.example.org");
    assert_eq!(judge_sans(vec![uri("urn:example:job")]).unwrap().subject(), "uri:urn:example:job");
    assert!(judge_sans(vec![uri("urn:example:JOB")]).is_err());
    assert!(judge_sans(vec![uri("urn:example:job2")]).is_err());
}

#[test]
fn no_connection_or_no_certificate_is_not_an_offer() {
    assert!(matches!(proof(&rules(), None, NOW), Proof::NotOffered));
    let mut peer = CA.issue(&client_params(vec![uri(ALICE)])).peer();
    peer.certificates = Vec::new().into();
    assert!(matches!(proof(&rules(), Some(&peer), NOW), Proof::NotOffered));
}

#[test]
fn only_the_leaf_counts() {
    let stranger = CA.issue(&client_params(vec![dns("stranger.example.org")]));
    let alice = CA.issue(&client_params(vec![uri(ALICE)]));
    let mut peer = stranger.peer();
    peer.certificates = vec![stranger.der.clone(), alice.der.clone()].into();
    assert!(matches!(proof(&rules(), Some(&peer), NOW), Proof::Failed(_)));
}

#[test]
fn without_a_known_san_there_is_no_identity() {
    assert_refused(&client_params(vec![]), "no SAN");
    assert_refused(&client_params(vec![dns("other.example.org")]), "no SAN");
    assert_refused(&client_params(vec![uri("https://example.org/")]), "no SAN");
    assert_refused(&client_params(vec![SanType::IpAddress("127.0.0.1".parse().unwrap())]), "no SAN");
    assert_refused(&client_params(vec![SanType::Rfc822Name("ops@ops.example.org".try_into().unwrap())]), "no SAN");
    for near in ["x.ops.example.org", "example.org", "ops.example.org.evil", "*.example.org", "ops.example.org."] {
        assert_refused(&client_params(vec![dns(near)]), "no SAN");
    }
}

#[test]
fn a_common_name_is_no_identity() {
    for name in ["ops.example.org", ALICE] {
        let mut params = client_params(vec![]);
        params.distinguished_name.push(DnType::CommonName, name);
        assert_refused(&params, "no SAN");
    }
}

#[test]
fn several_uri_sans_are_refused_whatever_they_are() {
    for second in [ALICE, "spiffe://example.org/ns/prod/sa/bob", "https://example.org/", "urn:example:job"] {
        assert_refused(&client_params(vec![uri(ALICE), uri(second)]), "several URI SANs");
        assert_refused(&client_params(vec![uri(second), uri(ALICE)]), "several URI SANs");
    }
    assert_refused(&client_params(vec![uri("a:b"), uri("c:d"), dns("ops.example.org")]), "several URI SANs");
}

#[test]
fn two_known_names_disagree() {
    assert_refused(&client_params(vec![uri(ALICE), dns("ops.example.org")]), "several SANs are identities");
    assert_refused(&client_params(vec![uri("urn:example:job"), dns("ops.example.org")]), "several SANs are identities");
    assert_refused(&client_params(vec![dns("ops.example.org"), dns("OPS.example.org")]), "several SANs are identities");
}

#[test]
fn names_that_no_rule_knows_are_ignored_beside_one_that_is_known() {
    let host = dns("node-7.internal");
    assert_eq!(judge_sans(vec![host.clone(), uri(ALICE)]).unwrap().subject(), ALICE);
    assert_eq!(judge_sans(vec![dns("ops.example.org"), host]).unwrap().subject(), "dns:ops.example.org");
    let mixed = judge_sans(vec![uri("https://example.org/"), dns("ops.example.org")]).unwrap();
    assert_eq!(mixed.subject(), "dns:ops.example.org");
}

#[test]
fn the_trust_domain_is_compared_exactly() {
    for domain in ["example.org.evil", "evil-example.org", "xexample.org", "sub.example.org", "example.or", "example"] {
        let wanted = format!("trust domain {domain} is not accepted");
        assert_refused(&client_params(vec![uri(&format!("spiffe://{domain}/ns/prod/sa/alice"))]), &wanted);
    }
}

#[test]
fn what_looks_like_a_spiffe_id_must_be_one() {
    for text in [
        "spiffe://EXAMPLE.ORG/ns/prod/sa/alice",
        "SPIFFE://example.org/ns/prod/sa/alice",
        "spiffe:example.org/a",
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org/a/",
        "spiffe://example.org/a/../admin",
        "spiffe://example.org:443/a",
        "spiffe://x@example.org/a",
        "spiffe://example.org/a?b",
        "spiffe://example.org/a%2e",
        "spiffe://example.org/a;URI=spiffe://example.org/admin",
    ] {
        assert_refused(&client_params(vec![uri(text)]), "no SPIFFE ID");
        // A known DNS name beside it does not rescue it.
        assert_refused(&client_params(vec![uri(text), dns("ops.example.org")]), "no SPIFFE ID");
    }
}

#[test]
fn ca_certificates_never_authenticate() {
    let mut ca = client_params(vec![uri(ALICE)]);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_refused(&ca, "CA certificate");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    assert_refused(&ca, "CA certificate");
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
            let mut params = client_params(vec![uri(ALICE)]);
            params.is_ca = is_ca;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, usage];
            assert_refused(&params, "may sign");
        }
    }
}

#[test]
fn usages_must_fit_a_client() {
    let with = |usages: Vec<KeyUsagePurpose>, extended: Vec<ExtendedKeyUsagePurpose>| {
        let mut params = client_params(vec![uri(ALICE)]);
        params.key_usages = usages;
        params.extended_key_usages = extended;
        params
    };
    let sign = || vec![KeyUsagePurpose::DigitalSignature];
    assert!(judge(&with(sign(), vec![ExtendedKeyUsagePurpose::ClientAuth])).is_ok());
    assert!(judge(&with(vec![], vec![])).is_ok());
    assert_refused(&with(sign(), vec![ExtendedKeyUsagePurpose::ServerAuth]), "clientAuth");
    assert_refused(&with(sign(), vec![ExtendedKeyUsagePurpose::Any]), "clientAuth");
    assert_refused(&with(sign(), vec![ExtendedKeyUsagePurpose::CodeSigning]), "clientAuth");
    assert_refused(&with(vec![KeyUsagePurpose::KeyEncipherment], vec![]), "digitalSignature");
}

#[test]
fn validity_is_judged_by_the_clock_to_the_second() {
    let mut params = client_params(vec![uri(ALICE)]);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 2, 1);
    let peer = CA.issue(&params).peer();
    let at = |when: Timestamp| proof(&rules(), Some(&peer), when);
    let first = Timestamp::from_unix(params.not_before.unix_timestamp(), 0);
    let last = Timestamp::from_unix(params.not_after.unix_timestamp(), 0);
    let just_before = Timestamp::from_unix_micros(first.unix_micros() - 1);
    assert!(matches!(at(just_before), Proof::Failed(why) if why.contains("not valid before")));
    assert!(matches!(at(first), Proof::Proven(_)));
    assert!(matches!(at(last), Proof::Proven(_)));
    assert!(matches!(at(last.plus(Duration::from_micros(999_999))), Proof::Proven(_)));
    assert!(matches!(at(last.plus(Duration::from_secs(1))), Proof::Failed(why) if why.contains("expired")));
}

#[test]
fn broken_certificates_fail_and_do_not_panic() {
    let good = CA.issue(&client_params(vec![uri(ALICE)]));
    let judge_bytes = |bytes: Vec<u8>| {
        let mut peer = good.peer();
        peer.certificates = vec![bytes.into()].into();
        proof(&rules(), Some(&peer), NOW)
    };
    assert!(matches!(judge_bytes(good.der.to_vec()), Proof::Proven(_)));
    for end in 0..good.der.len() {
        assert!(matches!(judge_bytes(good.der[..end].to_vec()), Proof::Failed(_)), "cut at {end}");
    }
    let mut trailing = good.der.to_vec();
    trailing.push(0);
    assert!(matches!(judge_bytes(trailing), Proof::Failed(why) if why.contains("follow")));
    // The handshake verifies the signature; here only the names matter: no edit may become another identity.
    for at in 0..good.der.len() {
        let mut bytes = good.der.to_vec();
        bytes[at] ^= 0x01;
        if let Proof::Proven(caller) = judge_bytes(bytes) {
            assert!(caller.subject().starts_with("spiffe://example.org/"), "edit at {at}");
        }
    }
}

#[test]
fn extensions_that_are_there_twice_or_are_broken_are_refused() {
    const SAN: [u64; 4] = [2, 5, 29, 17];
    const BASIC_CONSTRAINTS: [u64; 4] = [2, 5, 29, 19];
    const EXTENDED_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];
    let with = |oid: &[u64], content: Vec<u8>| {
        let mut params = client_params(vec![uri(ALICE)]);
        params.custom_extensions = vec![CustomExtension::from_oid_content(oid, content)];
        params
    };
    assert!(judge(&with(&SAN, vec![0x30, 0x00])).is_err());
    assert!(judge(&with(&BASIC_CONSTRAINTS, vec![0x30, 0x00])).is_err());
    assert!(judge(&with(&EXTENDED_KEY_USAGE, vec![0x30, 0x00])).is_err());
    // A URI name that is not ASCII, in a SAN that is there once.
    let mut params = client_params(vec![]);
    params.custom_extensions = vec![CustomExtension::from_oid_content(&SAN, vec![0x30, 0x04, 0x86, 0x02, 0xff, 0xfe])];
    assert_refused(&params, "cannot be read");
}

#[test]
fn an_overlong_serial_number_is_refused() {
    let with = |bytes: usize| {
        let mut params = client_params(vec![uri(ALICE)]);
        params.serial_number = Some(vec![0x7f; bytes].into());
        params
    };
    assert!(judge(&with(20)).is_ok());
    assert_refused(&with(22), "serial number");
}
