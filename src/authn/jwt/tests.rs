//! Tokens, good and bad, against issuers whose keys are at hand.

mod attacks;
mod mutations;
mod presets;
mod remembered;
mod rotation;

use http::HeaderMap;
use serde_json::json;

use super::{testing::*, *};
use crate::{clock::Timestamp, types::JwtAlgorithm};

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let caller = ask(&issuers, &signer.token(&claims_with(json!({"jti": "id-1"})))).await.unwrap();
    assert_eq!(caller.scheme(), crate::authn::Scheme::Jwt);
    assert_eq!(caller.subject(), "jwt:corp:alice");
    let attributes: Vec<_> = caller.attributes().iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(attributes, [("expires", "2026-11-21T18:45:54.000000Z"), ("issuer", "corp"), ("token_id", "id-1")]);
    assert!(caller.groups().is_empty());
}

#[tokio::test]
async fn every_algorithm_on_the_list_verifies_and_every_other_is_refused() {
    let others =
        [JwtAlgorithm::Es256, JwtAlgorithm::Es384, JwtAlgorithm::EdDsa].map(|each| (each, Signer::new("k", each)));
    for algorithm in JwtAlgorithm::ALL {
        let signer = others.iter().find(|(own, _)| *own == algorithm).map_or(&*RSA, |(_, signer)| signer);
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().remove("alg");
        let header = json!({"alg": algorithm.name(), "kid": signer.id}).to_string();
        let token = signer.sign_as(algorithm, &header, &claims().to_string());
        let mut settings = oidc(JwtKeySource::Document(set([jwk])));
        settings.algorithms = JwtAlgorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
        assert_refused(ask(&issuers([settings.clone()]), &token).await, "not on the issuer's list");
        settings.algorithms = [algorithm].into();
        ask(&issuers([settings]), &token).await.unwrap_or_else(|why| panic!("{algorithm}: {why}"));
    }
}

#[tokio::test]
async fn no_header_is_not_an_offer_and_another_scheme_is_a_failure() {
    let issuers = issuers([file(&[&Signer::es256("k1")])]);
    let proof = async |headers: &HeaderMap| {
        issuers.prove(&Evidence { peer: None, headers, now: Timestamp::from_unix(NOW, 0) }).await
    };
    assert!(matches!(proof(&HeaderMap::new()).await, Proof::NotOffered));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Basic YTpi".parse().unwrap());
    assert!(matches!(proof(&headers).await, Proof::Failed(why) if why.contains("not Bearer")));
    let mut headers = HeaderMap::new();
    headers.insert("proxy-authorization", "Bearer a.b.c".parse().unwrap());
    assert!(matches!(proof(&headers).await, Proof::NotOffered));
}

#[tokio::test]
async fn an_audience_may_be_a_text_or_a_list_and_has_to_be_ours() {
    let signer = Signer::es256("k1");
    let mut settings = file(&[&signer]);
    settings.audiences.insert("other-name".to_owned());
    let issuers = issuers([settings]);
    for good in [json!("rootgate"), json!("other-name"), json!(["x", "rootgate"]), json!(["rootgate"])] {
        ask(&issuers, &signer.token(&claims_with(json!({ "aud": good })))).await.unwrap();
    }
    for bad in [json!("rootgate2"), json!("Rootgate"), json!(["x"]), json!([]), json!(""), json!("rootgate,x")] {
        assert_refused(ask(&issuers, &signer.token(&claims_with(json!({ "aud": bad })))).await, "InvalidAudience");
    }
    for bad in [json!(1), json!({"rootgate": true}), json!(["rootgate", 1])] {
        assert_refused(ask(&issuers, &signer.token(&claims_with(json!({ "aud": bad })))).await, "aud");
    }
    assert_refused(ask(&issuers, &signer.token(&claims_with(json!({"aud": null})))).await, "aud");
}

#[tokio::test]
async fn the_times_of_a_token_are_those_of_the_gateways_clock() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let token = signer.token(&claims());
    ask_at(&issuers, &token, None, NOW - 30).await.unwrap();
    assert_refused(ask_at(&issuers, &token, None, NOW - 31).await, "future");
    ask_at(&issuers, &token, None, NOW + 629).await.unwrap();
    assert_refused(ask_at(&issuers, &token, None, NOW + 630).await, "expired");
    assert_refused(ask(&issuers, &signer.token(&claims_with(json!({"exp": null})))).await, "exp");
    assert_refused(ask(&issuers, &signer.token(&claims_with(json!({"exp": NOW + 100_000})))).await, "lives longer");
}

#[tokio::test]
async fn a_token_without_kid_needs_an_issuer_with_one_key() {
    let (one, two) = (Signer::es256("k1"), Signer::es256("k2"));
    let token = one.token_without("kid", &claims());
    ask(&issuers([file(&[&one])]), &token).await.unwrap();
    assert_refused(ask(&issuers([file(&[&one, &two])]), &token).await, "kid is missing");
    assert_refused(ask(&issuers([file(&[&two])]), &token).await, "InvalidSignature");
}

#[tokio::test]
async fn a_token_of_a_type_that_is_no_identity_is_refused() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    for good in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"] {
        ask(&issuers, &signer.token_with("typ", json!(good), &claims())).await.unwrap();
    }
    ask(&issuers, &signer.token_without("typ", &claims())).await.unwrap();
    for bad in ["logout+jwt", "dpop+jwt", "JOSE", "", "application/", "secevent+jwt", "JWT "] {
        assert_refused(ask(&issuers, &signer.token_with("typ", json!(bad), &claims())).await, "no identity");
    }
    assert_refused(ask(&issuers, &signer.token_with("typ", json!(1), &claims())).await, "typ is no text");
}

#[tokio::test]
async fn a_logout_token_is_no_identity_whatever_its_type_says() {
    let signer = Signer::es256("k1");
    let issuers = issuers([file(&[&signer])]);
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    for events in [logout, json!({}), json!(null), json!([]), json!("x")] {
        let mut claims = claims_with(json!({"jti": "id-1", "sid": "s-1"}));
        claims["events"] = events;
        let typed = ["JWT", "at+jwt"].map(|typ| signer.token_with("typ", json!(typ), &claims));
        for token in typed.into_iter().chain([signer.token_without("typ", &claims)]) {
            assert_refused(ask(&issuers, &token).await, "claim \"events\"");
        }
    }
    let other = claims_with(json!({"event": {}, "nested": {"events": {}}}));
    ask(&issuers, &signer.token(&other)).await.unwrap();
}

#[tokio::test]
async fn a_file_is_replaced_by_a_good_one_only() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuers = issuers([file(&[&old])]);
    let (old_token, new_token) = (old.token(&claims()), new.token(&claims()));
    ask(&issuers, &old_token).await.unwrap();
    for bad in [&b""[..], b"{}", b"{\"keys\":[]}", b"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}"] {
        issuers.replace_keys("corp", bad).unwrap_err();
        ask(&issuers, &old_token).await.unwrap();
    }
    assert_refused(ask(&issuers, &new_token).await, "no key \"new\"");
    issuers.replace_keys("corp", &jwks(&[&new])).unwrap();
    ask(&issuers, &new_token).await.unwrap();
    assert_refused(ask(&issuers, &old_token).await, "no key \"old\"");
    assert!(issuers.replace_keys("nobody", &jwks(&[&new])).is_err());
}

#[tokio::test]
async fn through_the_authenticator_it_is_a_caller_of_the_listener() {
    let signer = Signer::es256("k1");
    let schemes = crate::authn::Schemes { jwt: Some(Arc::new(issuers([file(&[&signer])]))), ..Default::default() };
    let clock = Arc::new(crate::clock::ManualClock::new(Timestamp::from_unix(NOW, 0)));
    let authenticator = crate::authn::Authenticator::new("main", schemes, clock);
    let caller = authenticator.authenticate(None, &bearer(&signer.token(&claims()))).await.unwrap();
    assert_eq!((caller.listener(), caller.to_string().as_str()), ("main", "jwt:jwt:corp:alice"));
    let failure = authenticator.authenticate(None, &bearer("a.b.c")).await.unwrap_err();
    assert!(failure.reason().starts_with("jwt: "), "{}", failure.reason());
}

#[test]
fn what_is_shown_of_a_stranger_is_short_and_harmless() {
    assert_eq!(shown("a\u{1b}[31m\n\"b"), r#""a\u{1b}[31m\n\"b""#);
    assert_eq!(shown(&"x".repeat(9000)).chars().count(), SHOWN_CHARS_MAX + 3);
}

#[test]
fn debug_shows_names_alone() {
    assert_eq!(format!("{:?}", issuers([file(&[&Signer::es256("k1")])])), r#"JwtIssuers { issuers: ["corp"], .. }"#);
}
