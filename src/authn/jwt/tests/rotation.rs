//! Issuers that are asked for their keys, over a real connection: rotation, outage, floods, bad answers.

use std::{
    sync::{Mutex, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt as _;
use serde_json::json;

use super::*;
use crate::fetch::testing::{Answer, TestServer};

/// An issuer whose answer can be changed.
struct TestIssuer {
    server: TestServer,
    answer: Arc<Mutex<Box<dyn Fn() -> Answer + Send>>>,
}

impl TestIssuer {
    async fn with(signers: &[&Signer]) -> Self {
        let answer: Arc<Mutex<Box<dyn Fn() -> Answer + Send>>> = Arc::new(Mutex::new(Box::new(|| Answer::Silence)));
        let told = Arc::clone(&answer);
        let server = TestServer::http(move |_| told.lock().unwrap()()).await;
        let issuer = Self { server, answer };
        issuer.publishes(jwks(signers));
        issuer
    }

    fn publishes(&self, document: Vec<u8>) {
        self.answers(move || Answer::Body(document.clone()));
    }

    fn answers(&self, answer: impl Fn() -> Answer + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    fn is_down(&self) {
        self.answers(|| Answer::status("503 Service Unavailable", ""));
    }

    fn settings(&self) -> JwtIssuerSettings {
        oidc(JwtKeySource::Url(self.server.url("/keys")))
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn nothing_is_asked_before_the_first_token_or_warm_up() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let (cold, warm) = (issuers([issuer.settings()]), issuers([issuer.settings()]));
    assert_eq!(issuer.asked(), 0);
    assert_eq!(warm.warm_up().await, []);
    assert_eq!(issuer.asked(), 1);
    ask(&warm, &signer.token(&claims())).await.unwrap();
    assert_eq!(issuer.asked(), 1);
    ask(&cold, &signer.token(&claims())).await.unwrap();
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_rotation_is_seen_at_the_first_token_of_the_new_key() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = TestIssuer::with(&[&old]).await;
    let issuers = issuers([issuer.settings()]);
    ask(&issuers, &old.token(&claims())).await.unwrap();
    issuer.publishes(jwks(&[&old, &new]));
    pass(11 * SECOND).await;
    ask(&issuers, &new.token(&claims())).await.unwrap();
    ask(&issuers, &old.token(&claims())).await.unwrap();
    assert_eq!(issuer.asked(), 2);
    issuer.publishes(jwks(&[&new]));
    pass(11 * SECOND).await;
    // Any unknown key has the issuer asked; the old one is gone with the answer.
    ask(&issuers, &Signer::es256("x").token(&claims())).await.unwrap_err();
    assert_refused(ask(&issuers, &old.token(&claims())).await, "no key \"old\"");
}

#[tokio::test]
async fn unknown_keys_have_the_issuer_asked_at_most_once_in_ten_seconds() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    issuers.warm_up().await;
    for number in 0..50 {
        let token = Signer::es256(&format!("mallory-{number}")).token(&claims());
        assert_refused(ask(&issuers, &token).await, "the issuer was asked");
    }
    assert_eq!(issuer.asked(), 1);
    pass(10 * SECOND).await;
    for number in 0..50 {
        let token = signer.token_with("kid", json!(format!("mallory-{number}")), &claims());
        assert_refused(ask(&issuers, &token).await, "no key \"mallory-");
    }
    assert_eq!(issuer.asked(), 2);
    ask(&issuers, &signer.token(&claims())).await.unwrap();
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_look() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    let tokens: Vec<String> =
        (0..20).map(|number| signer.token(&claims_with(json!({"jti": number.to_string()})))).collect();
    let found = join_all(tokens.iter().map(|token| ask(&issuers, token))).await;
    assert!(found.iter().all(Result::is_ok), "{found:?}");
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_end_the_look_of_the_others() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    let token = signer.token(&claims());
    {
        let first = ask(&issuers, &token);
        tokio::pin!(first);
        tokio::select! {
            biased;
            found = &mut first => panic!("{found:?}"),
            () = issuer.server.has_been_asked(1) => {}
        }
    }
    ask(&issuers, &token).await.unwrap();
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn old_keys_are_looked_for_again_while_they_still_serve() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let issuer = TestIssuer::with(&[&old]).await;
    let issuers = issuers([issuer.settings()]);
    let token = old.token(&claims());
    ask(&issuers, &token).await.unwrap();
    issuer.publishes(jwks(&[&new]));
    pass(290 * SECOND).await;
    ask(&issuers, &token).await.unwrap();
    pass(11 * SECOND).await;
    assert_eq!(issuer.asked(), 1);
    // Remembered, and yet it has the issuer asked; the answer is for the next one.
    ask(&issuers, &token).await.unwrap();
    tokio::time::timeout(10 * SECOND, issuer.server.has_been_asked(2)).await.unwrap();
    // Joins the look, unless it has ended.
    let _ = issuers.issuers[0].keys.look().await;
    assert_eq!(issuer.asked(), 2);
    assert_refused(ask(&issuers, &token).await, "no key \"old\"");
}

#[tokio::test]
async fn an_outage_keeps_the_keys_for_a_bounded_time() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([JwtIssuerSettings { keys_max_age: 3600 * SECOND, ..issuer.settings() }]);
    let (remembered, other) = (signer.token(&claims()), signer.token(&claims_with(json!({"jti": "other"}))));
    ask(&issuers, &remembered).await.unwrap();
    issuer.is_down();
    pass(3590 * SECOND).await;
    for token in [&remembered, &other] {
        ask(&issuers, token).await.unwrap();
    }
    pass(11 * SECOND).await;
    for token in [&remembered, &other] {
        let why = ask(&issuers, token).await.unwrap_err();
        assert!(why.contains("no keys of the issuer are at hand") && why.contains("status 503"), "{why}");
    }
    issuer.publishes(jwks(&[&signer]));
    pass(11 * SECOND).await;
    ask(&issuers, &remembered).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_is_out_from_the_start_is_named_and_tried_again() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[]).await;
    issuer.is_down();
    let issuers = issuers([issuer.settings()]);
    let failures = issuers.warm_up().await;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].issuer, "corp");
    assert!(failures[0].reason.contains("status 503"), "{failures:?}");
    let token = signer.token(&claims());
    assert_refused(ask(&issuers, &token).await, " s ago without success: the keys at");
    issuer.publishes(jwks(&[&signer]));
    pass(10 * SECOND).await;
    ask(&issuers, &token).await.unwrap();
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_holds_nobody_for_long() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[]).await;
    issuer.answers(|| Answer::Silence);
    let issuers = issuers([issuer.settings()]);
    let token = signer.token(&claims());
    {
        let first = ask(&issuers, &token);
        tokio::pin!(first);
        tokio::select! {
            biased;
            found = &mut first => panic!("{found:?}"),
            () = issuer.server.has_been_asked(1) => {}
        }
        pass(6 * SECOND).await;
        let why = first.await.unwrap_err();
        assert!(why.contains("still being asked") || why.contains("no whole answer within 5s"), "{why}");
    }
    assert_refused(ask(&issuers, &token).await, "no whole answer within 5s");
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn strangers_cannot_park_any_number_of_requests_behind_an_issuer_that_hangs() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    issuers.warm_up().await;
    issuer.answers(|| Answer::Silence);
    pass(11 * SECOND).await;
    let (good, unsigned) = (signer.token(&claims()), |id: usize| {
        let token = signer.token_with("kid", json!(format!("mallory-{id}")), &claims());
        token.rsplit_once('.').unwrap().0.to_owned() + ".AAAA"
    });
    let tokens: Vec<String> = (0..store::WAITING_MAX).map(unsigned).collect();
    let mut parked = join_all(tokens.iter().map(|token| Box::pin(ask(&issuers, token))));
    assert!((&mut parked).now_or_never().is_none());
    let one_more = Box::pin(ask(&issuers, &unsigned(1000))).await;
    assert_refused(one_more, "too many tokens wait for the issuer's keys");
    // Who has a key that is at hand does not wait, seat or not.
    ask(&issuers, &good).await.unwrap();
    // Who hangs up leaves the seat to the next.
    drop(parked);
    let mut next = Box::pin(ask(&issuers, &tokens[0]));
    assert!((&mut next).now_or_never().is_none());
}

type Bad = fn() -> Answer;

#[tokio::test]
async fn a_bad_answer_keeps_the_keys_before() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    issuers.warm_up().await;
    let stranger = Signer::es256("x").token(&claims());
    let bad: [(Bad, &str); 7] = [
        (|| Answer::Endless, "more than 262144 bytes"),
        (|| Answer::Body(vec![b'['; 200_000]), "no JWK set"),
        (|| Answer::Body(b"<html>sign in</html>".to_vec()), "no JWK set"),
        (|| Answer::Body(b"{\"keys\":[],\"keys\":[]}".to_vec()), "repeated"),
        (|| Answer::Body(format!("{{\"keys\":[{}{{}}]}}", "{},".repeat(100)).into()), "more than 100 keys"),
        (|| Answer::status("302 Found", "location: http://127.0.0.1:1/\r\n"), "status 302"),
        (|| Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_owned()), "no answer"),
    ];
    for (answer, words) in bad {
        issuer.answers(answer);
        pass(11 * SECOND).await;
        assert_refused(ask(&issuers, &stranger).await, words);
        ask(&issuers, &signer.token(&claims_with(json!({"jti": words})))).await.unwrap();
    }
}

#[tokio::test]
async fn an_issuer_that_takes_all_keys_back_is_believed() {
    let signer = Signer::es256("k1");
    let issuer = TestIssuer::with(&[&signer]).await;
    let issuers = issuers([issuer.settings()]);
    let token = signer.token(&claims());
    ask(&issuers, &token).await.unwrap();
    issuer.publishes(jwks(&[]));
    pass(11 * SECOND).await;
    ask(&issuers, &Signer::es256("x").token(&claims())).await.unwrap_err();
    assert_refused(ask(&issuers, &token).await, "no key \"k1\"");
}

#[tokio::test]
async fn the_clusters_of_one_name_are_all_asked_for_an_unknown_key() {
    let (east, west) = (Signer::es256("e1"), Signer::es256("w1"));
    let (east_issuer, west_issuer) = (TestIssuer::with(&[&east]).await, TestIssuer::with(&[&west]).await);
    let settings =
        |name, issuer: &TestIssuer| kubernetes(name, JwtKeySource::Url(issuer.server.url("/openid/v1/jwks")));
    let issuers = issuers([settings("east", &east_issuer), settings("west", &west_issuer)]);
    let caller = ask(&issuers, &west.token(&kubernetes_claims())).await.unwrap();
    assert_eq!(caller.subject(), "k8s:west:payments:deployer");
    assert_eq!((east_issuer.asked(), west_issuer.asked()), (1, 1));
    for number in 0..20 {
        let token = west.token_with("kid", json!(format!("x{number}")), &kubernetes_claims());
        assert_refused(ask(&issuers, &token).await, "none of the issuers");
    }
    assert_eq!((east_issuer.asked(), west_issuer.asked()), (1, 1));
}

#[tokio::test]
async fn a_new_key_is_looked_for_also_if_another_cluster_has_taken_its_id() {
    let (east, new, west, fake) = (Signer::es256("e1"), Signer::es256("e2"), Signer::es256("w1"), Signer::es256("e2"));
    let (east_issuer, west_issuer) = (TestIssuer::with(&[&east]).await, TestIssuer::with(&[&west, &fake]).await);
    let settings =
        |name, issuer: &TestIssuer| kubernetes(name, JwtKeySource::Url(issuer.server.url("/openid/v1/jwks")));
    let issuers = issuers([settings("east", &east_issuer), settings("west", &west_issuer)]);
    issuers.warm_up().await;
    east_issuer.publishes(jwks(&[&east, &new]));
    pass(11 * SECOND).await;
    let caller = ask(&issuers, &new.token(&kubernetes_claims())).await.unwrap();
    assert_eq!(caller.subject(), "k8s:east:payments:deployer");
}

#[tokio::test]
async fn discovery_leads_to_the_keys_over_https_with_the_issuers_own_ca() {
    let signer = Signer::es256("k1");
    let keys = jwks(&[&signer]);
    let origin = Arc::new(Mutex::new(String::new()));
    let is_lying = Arc::new(AtomicBool::new(false));
    let (told, lying) = (Arc::clone(&origin), Arc::clone(&is_lying));
    let server = TestServer::https("127.0.0.1", move |path| {
        let origin = told.lock().unwrap().clone();
        let issuer =
            if lying.load(Ordering::SeqCst) { "https://other.example".to_owned() } else { format!("{origin}/realm/") };
        match path {
            "/realm/.well-known/openid-configuration" => {
                Answer::Body(json!({"issuer": issuer, "jwks_uri": format!("{origin}/keys")}).to_string().into())
            }
            "/keys" => Answer::Body(keys.clone()),
            _ => Answer::status("404 Not Found", ""),
        }
    })
    .await;
    *origin.lock().unwrap() = server.url("");
    let issuer = server.url("/realm/");
    let mut settings = oidc(JwtKeySource::Discovery);
    settings.preset = JwtPreset::Oidc { issuer: issuer.clone(), subject_claim: "sub".to_owned() };
    settings.ca_pem = Some(server.ca_pem.clone());
    settings.http_allowed_for_loopback = false;
    let issuers = issuers([settings]);
    ask(&issuers, &signer.token(&claims_with(json!({ "iss": issuer })))).await.unwrap();
    is_lying.store(true, Ordering::SeqCst);
    pass(11 * SECOND).await;
    let stranger = Signer::es256("x").token(&claims_with(json!({ "iss": issuer })));
    assert_refused(ask(&issuers, &stranger).await, "its issuer is");
}

#[tokio::test]
async fn a_discovery_document_that_is_wrong_leads_nowhere() {
    let target = TestServer::http(|_| Answer::Body(jwks(&[]))).await;
    for (document, words) in [
        (json!({"jwks_uri": target.url("/keys")}), "names no issuer"),
        (json!({"issuer": "ISSUER/", "jwks_uri": target.url("/keys")}), "its issuer is"),
        (json!({"issuer": "ISSUER"}), "no jwks_uri"),
        (json!({"issuer": "ISSUER", "jwks_uri": "http://issuer.example/keys"}), "not https"),
        (json!({"issuer": "ISSUER", "jwks_uri": "http://169.254.169.254/latest"}), "not https"),
        (json!({"issuer": "ISSUER", "jwks_uri": "file:///etc/passwd"}), "refused"),
        (json!(["ISSUER"]), "broken"),
    ] {
        let origin = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&origin);
        let server = TestServer::http(move |_| {
            Answer::Body(document.to_string().replace("ISSUER", &told.lock().unwrap()).into_bytes())
        })
        .await;
        *origin.lock().unwrap() = server.url("");
        let mut settings = oidc(JwtKeySource::Discovery);
        settings.preset = JwtPreset::Oidc { issuer: server.url(""), subject_claim: "sub".to_owned() };
        let failures = issuers([settings]).warm_up().await;
        assert!(failures[0].reason.contains(words), "{failures:?}");
    }
    assert_eq!(target.requests(), [""; 0]);
}
