//! Every known way to make a verifier believe what nobody signed; see also RFC 8725.

use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;
use crate::authn::jwt::binding::base64url;

fn raw(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

#[tokio::test]
async fn an_unsigned_token_is_never_believed() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{signature}", raw(&json!({"alg": alg, "kid": "k1"}), &claims()));
            assert_refused(ask(&issuers, &token).await, "never accepted");
        }
    }
    let good = signer.token(&claims());
    let (message, _) = good.rsplit_once('.').unwrap();
    assert_refused(ask(&issuers, &format!("{message}.")).await, "InvalidSignature");
    let without_alg = format!("{}.AAAA", raw(&json!({"kid": "k1"}), &claims()));
    assert_refused(ask(&issuers, &without_alg).await, "alg is missing");
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let mut settings = file(&[&RSA]);
    settings.algorithms = [JwtAlgorithm::Rs256].into();
    let issuers = issuers([settings]);
    let jwk = RSA.jwk();
    let modulus = jwk["n"].as_str().unwrap();
    let key = DecodingKey::from_rsa_components(modulus, "AQAB").unwrap();
    let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else { panic!("no RSA key") };
    for (name, alg) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let message = raw(&json!({"alg": name, "kid": "rsa"}), &claims());
        for secret in [modulus.as_bytes(), n, jwk.to_string().as_bytes()] {
            let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), alg).unwrap();
            assert_refused(ask(&issuers, &format!("{message}.{signature}")).await, "never accepted");
        }
    }
}

#[tokio::test]
async fn alg_has_to_fit_the_key_and_what_the_key_says() {
    let ec = Signer::es256("k");
    let mut settings = oidc(JwtKeySource::Document(set([ec.jwk(), RSA.jwk()])));
    settings.algorithms = JwtAlgorithm::ALL.into();
    let issuers = issuers([settings]);
    for (kid, alg) in
        [("k", "RS256"), ("k", "ES384"), ("k", "EdDSA"), ("rsa", "ES256"), ("rsa", "PS256"), ("rsa", "RS512")]
    {
        let token = ec.sign(&json!({"alg": alg, "kid": kid}).to_string(), &claims().to_string());
        assert_refused(ask(&issuers, &token).await, &format!("key \"{kid}\" is not for {alg}"));
    }
}

#[tokio::test]
async fn keys_come_from_the_issuer_alone_and_never_from_the_token() {
    let (signer, mallory) = (Signer::es256("k1"), Signer::es256("k1"));
    let issuers = issuers([file(&[&signer])]);
    for (member, value) in [
        ("jwk", mallory.jwk()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
    ] {
        for by in [&signer, &mallory] {
            let token = by.token_with(member, value.clone(), &claims());
            assert_refused(ask(&issuers, &token).await, &format!("header member {member} is refused"));
        }
    }
    assert_refused(ask(&issuers, &mallory.token(&claims())).await, "InvalidSignature");
}

#[tokio::test]
async fn an_extension_that_is_not_understood_is_refused() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let token = signer.token_with(member, value, &claims());
        assert_refused(ask(&issuers, &token).await, &format!("header member {member} is refused"));
    }
    ask(&issuers, &signer.token_with("x5t", json!("ignored"), &claims())).await.unwrap();
    ask(&issuers, &signer.token_with("vendor", json!({"ignored": [1]}), &claims())).await.unwrap();
}

#[tokio::test]
async fn an_encrypted_token_is_refused() {
    let issuers = issuers([file(&[&Signer::es256("k1")])]);
    assert_refused(ask(&issuers, "a.b.c.d.e").await, "JWE");
}

#[tokio::test]
async fn what_is_said_twice_is_refused() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let claims = claims().to_string();
    let twice = |json: &str, member: &str| format!("{{{member},{}", &json[1..]);
    for member in [r#""alg":"none""#, r#""kid":"k2""#, r#""x":1,"x":2"#] {
        let token = signer.sign(&twice(&signer.header().to_string(), member), &claims);
        assert_refused(ask(&issuers, &token).await, "header is broken");
    }
    for member in
        [r#""sub":"admin""#, r#""iss":"x""#, r#""aud":"rootgate""#, r#""x":{"y":1,"y":2}"#, r#""s\u0075b":"a""#]
    {
        let token = signer.sign(&signer.header().to_string(), &twice(&claims, member));
        assert_refused(ask(&issuers, &token).await, "payload is broken");
    }
}

#[tokio::test]
async fn the_issuer_is_compared_exactly() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    for near in [
        json!(format!("{ISSUER}/")),
        json!("https://login.example.org.evil.example"),
        json!("HTTPS://login.example.org"),
        json!("http://login.example.org"),
        json!(" https://login.example.org"),
        json!([ISSUER]),
        json!(""),
        json!(1),
        json!(null),
    ] {
        let token = signer.token(&claims_with(json!({ "iss": near })));
        assert_refused(ask(&issuers, &token).await, "no issuer of the configuration");
    }
}

#[tokio::test]
async fn a_key_of_one_issuer_never_speaks_for_another() {
    let (corp, other) = (Signer::es256("shared-id"), Signer::es256("shared-id"));
    let mut second = file(&[&other]);
    second.name = "other".to_owned();
    second.preset = JwtPreset::Oidc { issuer: "https://other.example".to_owned(), subject_claim: "sub".to_owned() };
    let issuers = issuers([file(&[&corp]), second]);
    let others = claims_with(json!({"iss": "https://other.example"}));
    assert_eq!(ask(&issuers, &corp.token(&claims())).await.unwrap().subject(), "jwt:corp:alice");
    assert_eq!(ask(&issuers, &other.token(&others)).await.unwrap().subject(), "jwt:other:alice");
    assert_refused(ask(&issuers, &other.token(&claims())).await, "issuer corp: not verified: \"InvalidSignature\"");
    assert_refused(ask(&issuers, &corp.token(&others)).await, "issuer other: not verified: \"InvalidSignature\"");
}

#[tokio::test]
async fn a_signature_belongs_to_its_token() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let alice = signer.token(&claims());
    let admin = signer.token(&claims_with(json!({"sub": "admin"})));
    ask(&issuers, &alice).await.unwrap();
    ask(&issuers, &admin).await.unwrap();
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let spliced = format!("{}.{}.{}", part(&alice, 0), part(&admin, 1), part(&alice, 2));
    assert_refused(ask(&issuers, &spliced).await, "InvalidSignature");
    let zeros = base64url(&[0; 64]);
    assert_refused(
        ask(&issuers, &format!("{}.{}.{zeros}", part(&alice, 0), part(&alice, 1))).await,
        "InvalidSignature",
    );
}

#[tokio::test]
async fn what_a_stranger_sent_is_not_echoed_at_length() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let long = "\u{1b}[31m".repeat(500);
    for token in [
        signer.token(&claims_with(json!({"iss": long, "sub": long}))),
        signer.token_with("kid", json!("\u{1b}".repeat(200)), &claims()),
        signer.token_with("typ", json!(long), &claims()),
        signer.token_with("alg", json!(long), &claims()),
        signer.sign(&signer.header().to_string(), &format!("\"{}\"", "x".repeat(5000))),
    ] {
        let why = ask(&issuers, &token).await.unwrap_err();
        assert!(why.len() < 1800 && !why.chars().any(char::is_control), "{why}");
    }
    assert_refused(ask(&issuers, &signer.token_with("kid", json!("k".repeat(257)), &claims())).await, "256 bytes");
}

#[tokio::test]
async fn a_failure_never_repeats_the_token() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let token = signer.token(&claims_with(json!({"exp": NOW - 100})));
    let why = ask(&issuers, &token).await.unwrap_err();
    assert!(token.split('.').all(|part| !why.contains(part)), "{why}");
}
