//! Which keys are taken from a document, and which are left out.

use serde_json::json;

use super::*;
use crate::authn::jwt::{
    binding::base64url,
    testing::{RSA, Signer, set},
};

fn parse(document: &[u8]) -> KeySet {
    KeySet::parse(document, KeyUse::Signature).unwrap()
}

/// Why the only key of a document is left out.
fn left_out(jwk: Value) -> String {
    let mut keys = parse(&set([jwk]));
    assert!(keys.is_empty());
    keys.left_out.remove(0)
}

fn with(jwk: &Value, member: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[member] = value;
    jwk
}

#[test]
fn one_odd_key_does_not_cost_the_others() {
    let good = Signer::es256("good");
    let odd = json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "odd", "pub": "x"});
    let keys = parse(&set([odd, json!(1), json!({}), good.jwk()]));
    assert_eq!((keys.len(), keys.left_out.len()), (1, 3));
    assert!(keys.holds("good") && !keys.holds("odd"));
    assert!(keys.left_out[0].starts_with("key \"odd\": "), "{:?}", keys.left_out);
}

#[test]
fn a_shared_secret_is_left_out() {
    for member in [
        json!({"kty": "oct", "k": "AAAA", "kid": "s"}),
        json!({"kty": "oct", "k": "AAAA", "alg": "HS256", "use": "sig"}),
    ] {
        assert!(left_out(member).contains("symmetric"));
    }
}

#[test]
fn a_key_for_other_work_is_left_out() {
    let jwk = Signer::es256("k").jwk();
    for (member, value) in [
        ("use", json!("enc")),
        ("use", json!("jwt-svid")),
        ("use", json!("SIG")),
        ("use", json!("")),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([])),
    ] {
        let why = left_out(with(&jwk, member, value));
        assert!(why.contains("its use is not sig") || why.contains("lack verify"), "{why}");
    }
    assert_eq!(parse(&set([with(&jwk, "key_ops", json!(["verify"]))])).len(), 1);
}

#[test]
fn a_key_whose_alg_does_not_fit_is_left_out() {
    let jwk = Signer::es256("k").jwk();
    for alg in ["RS256", "ES384", "HS256", "EdDSA", "ECDH-ES", "none", ""] {
        assert!(left_out(with(&jwk, "alg", json!(alg))).contains("its alg"), "{alg}");
    }
    let rsa = parse(&set([with(&RSA.jwk(), "alg", json!("PS384"))]));
    assert!(rsa.pick(Some("rsa"), JwtAlgorithm::Ps384).is_ok());
    assert!(rsa.pick(Some("rsa"), JwtAlgorithm::Rs256).is_err());
}

#[test]
fn a_published_private_key_is_left_out() {
    assert!(left_out(with(&Signer::es256("k").jwk(), "d", json!("AAAA"))).contains("private half"));
}

#[test]
fn a_weak_rsa_key_is_left_out() {
    let rsa = |bytes: usize, exponent: &[u8]| {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = 0x80;
        json!({"kty": "RSA", "kid": "r", "n": base64url(&modulus), "e": base64url(exponent)})
    };
    for (bytes, words) in [(64, "512 bits"), (128, "1024 bits"), (255, "2040 bits"), (1025, "8200 bits"), (1, "8 bits")]
    {
        assert!(left_out(rsa(bytes, &[1, 0, 1])).contains(words), "{bytes}");
    }
    // Zeros in front make no key longer.
    let padded = [vec![0; 128], vec![0xff; 128]].concat();
    let jwk = json!({"kty": "RSA", "n": base64url(&padded), "e": "AQAB"});
    assert!(left_out(jwk).contains("1024 bits"));
    assert!(left_out(json!({"kty": "RSA", "n": "", "e": "AQAB"})).contains("0 bits"));
    for exponent in [&[1][..], &[3], &[0, 0, 17], &[1, 0, 0], &[]] {
        assert!(left_out(rsa(256, exponent)).contains("exponent"), "{exponent:?}");
    }
    for (bytes, exponent) in [(256, &[1, 0, 1][..]), (512, &[0, 1, 0, 1]), (256, &[1, 0, 0, 1])] {
        assert_eq!(parse(&set([rsa(bytes, exponent)])).len(), 1);
    }
}

#[test]
fn a_key_that_does_not_fit_its_curve_is_left_out() {
    let (p256, ed) = (Signer::es256("k").jwk(), Signer::new("k", JwtAlgorithm::EdDsa).jwk());
    let unsigned = |jwk: &Value| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    };
    for jwk in [
        with(&unsigned(&p256), "crv", json!("P-384")),
        with(&unsigned(&p256), "crv", json!("P-521")),
        with(&unsigned(&p256), "crv", json!("secp256k1")),
        with(&unsigned(&p256), "crv", json!("Ed25519")),
        with(&p256, "x", json!("AAAA")),
        with(&p256, "x", json!("")),
        with(&p256, "x", json!("!")),
        with(&ed, "x", json!("AAAA")),
        with(&ed, "crv", json!("X25519")),
        with(&ed, "crv", json!("Ed448")),
        with(&ed, "kty", json!("EC")),
    ] {
        left_out(jwk);
    }
}

#[test]
fn what_is_no_jwk_set_is_refused_whole() {
    let many = set(vec![Signer::es256("k").jwk(); 101]);
    for document in [
        &b""[..],
        b"[]",
        b"{}",
        b"{\"keys\":{}}",
        b"{\"keys\":null}",
        b"{\"keys\":[],\"keys\":[]}",
        b"{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
        b"\xff",
        &many,
        &vec![b' '; DOCUMENT_BYTES_MAX + 1],
    ] {
        let why = KeySet::parse(document, KeyUse::Signature).map(|keys| keys.len()).unwrap_err();
        assert!(why.contains("no JWK set") || why.contains("more than"), "{why}");
    }
}

#[test]
fn a_token_names_exactly_one_key() {
    let (one, two) = (Signer::es256("same"), Signer::es256("same"));
    let other_type = Signer::new("same", JwtAlgorithm::EdDsa);
    let twins = parse(&set([one.jwk(), two.jwk()]));
    assert!(
        matches!(twins.pick(Some("same"), JwtAlgorithm::Es256), Err(Miss::Unfit(why)) if why.contains("several keys"))
    );
    let types = parse(&set([one.jwk(), other_type.jwk()]));
    assert!(
        types.pick(Some("same"), JwtAlgorithm::Es256).is_ok() && types.pick(Some("same"), JwtAlgorithm::EdDsa).is_ok()
    );
    assert!(matches!(types.pick(Some("same"), JwtAlgorithm::Rs256), Err(Miss::Unfit(_))));
    assert!(matches!(types.pick(Some("other"), JwtAlgorithm::Es256), Err(Miss::Unknown(_))));
    assert!(matches!(types.pick(None, JwtAlgorithm::Es256), Err(Miss::Unfit(why)) if why.contains("kid is missing")));
}

#[test]
fn a_key_without_kid_serves_only_tokens_without() {
    let mut jwk = Signer::es256("k").jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    let keys = parse(&set([jwk.clone()]));
    assert!(keys.pick(None, JwtAlgorithm::Es256).is_ok());
    assert!(matches!(keys.pick(Some("k"), JwtAlgorithm::Es256), Err(Miss::Unknown(_))));
    assert!(matches!(keys.pick(None, JwtAlgorithm::Es384), Err(Miss::Unfit(_))));
    jwk["use"] = "jwt-svid".into();
    let bundle = KeySet::parse(&set([jwk]), KeyUse::JwtSvid).unwrap();
    assert!(bundle.is_empty() && bundle.left_out[0].contains("has to have a kid"));
}
