//! The whole scheme, with an AWS that answers what a test says.

mod simulator;

use std::{
    collections::VecDeque,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};

use http::{HeaderMap, HeaderName};
use proptest::prelude::*;
use tokio::sync::Notify;

use super::{token::tests::Presigned, *};
use crate::{
    authn::{
        Authenticator, Schemes,
        testing::{TestCa, client_params, rules, uri},
    },
    clock::ManualClock,
};

const ROLE_ID: &str = "AROACKCEVSQ6C2EXAMPLE";
const ROLE: &str = r#""Account":"111122223333","Arn":"arn:aws:sts::111122223333:assumed-role/deploy/ci-7","UserId":"AROACKCEVSQ6C2EXAMPLE:ci-7""#;
const AUDIENCE: &str = "rootgate.example.org";
/// When [`Presigned::new`] says that it was signed.
const SIGNED: Timestamp = Timestamp::from_unix(1_795_286_154, 0);

/// Answers with the words it was given, and keeps what it was asked.
#[derive(Default)]
struct FakeSts {
    answers: Mutex<VecDeque<Result<Response<Vec<u8>>, String>>>,
    asked: Mutex<Vec<Request<Vec<u8>>>>,
    /// Set: no answer before somebody notifies.
    holds: Option<Arc<Notify>>,
    at_once: AtomicUsize,
    at_once_max: AtomicUsize,
}

impl FakeSts {
    fn answering(answers: impl IntoIterator<Item = Result<Response<Vec<u8>>, String>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() })
    }

    fn holding() -> (Arc<Self>, Arc<Notify>) {
        let notify = Arc::new(Notify::new());
        (Arc::new(Self { holds: Some(Arc::clone(&notify)), ..Self::default() }), notify)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl StsTransport for FakeSts {
    fn send(&self, request: Request<Vec<u8>>) -> StsAnswer<'_> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(request);
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.at_once_max.fetch_max(now, Ordering::SeqCst);
            if let Some(notify) = &self.holds {
                notify.notified().await;
            }
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            self.answers.lock().unwrap().pop_front().unwrap_or_else(|| ok(ROLE))
        })
    }
}

fn ok(fields: &str) -> Result<Response<Vec<u8>>, String> {
    let body = format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{{fields}}}}}}}"#);
    Ok(Response::new(body.into_bytes()))
}

fn status(status: u16, code: &str) -> Result<Response<Vec<u8>>, String> {
    let body = format!(r#"{{"Error":{{"Code":"{code}","Message":"m","Type":"Sender"}},"RequestId":"r"}}"#);
    Ok(Response::builder().status(status).body(body.into_bytes()).unwrap())
}

fn settings() -> AwsIamSettings {
    AwsIamSettings {
        audience: AUDIENCE.to_owned(),
        accounts: ["111122223333".parse().unwrap()].into(),
        regions: ["eu-west-1".parse().unwrap(), "us-east-1".parse().unwrap()].into(),
        token_age_max: Duration::from_secs(300),
        endpoint_override: None,
    }
}

fn scheme(sts: &Arc<FakeSts>) -> AwsIam {
    AwsIam::new(settings(), Arc::clone(sts) as Arc<dyn StsTransport>, SIGNED).unwrap()
}

fn headers(tokens: &[&str]) -> HeaderMap {
    let line = |token: &&str| (HeaderName::from_static(AWS_IAM_HEADER), HeaderValue::from_str(token).unwrap());
    tokens.iter().map(line).collect()
}

async fn prove(scheme: &AwsIam, presigned: &Presigned, now: Timestamp) -> Proof {
    let headers = headers(&[&presigned.token()]);
    scheme.prove(&Evidence { peer: None, headers: &headers, now }).await
}

fn proven(proof: Proof) -> Caller {
    match proof {
        Proof::Proven(caller) => caller,
        other => panic!("{other:?}"),
    }
}

fn failed(proof: Proof) -> String {
    match proof {
        Proof::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn numbered(number: u32) -> Presigned {
    Presigned::new().set("X-Amz-Signature", &format!("{number:064x}"))
}

#[tokio::test]
async fn a_role_that_aws_confirms_is_the_caller() {
    let sts = FakeSts::answering([]);
    let caller = proven(prove(&scheme(&sts), &Presigned::new(), SIGNED).await);
    assert_eq!(caller.scheme(), Scheme::AwsIam);
    assert_eq!(caller.subject(), format!("aws:111122223333:role/deploy/{ROLE_ID}"));
    let attributes: Vec<(&str, &str)> =
        caller.attributes().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        attributes,
        [
            ("access_key_id", "ASIAIOSFODNN7EXAMPLE"),
            ("account_id", "111122223333"),
            ("arn", "arn:aws:sts::111122223333:assumed-role/deploy/ci-7"),
            ("role_name", "deploy"),
            ("session_name", "ci-7"),
            ("unique_id", ROLE_ID),
        ]
    );
    assert!(caller.groups().is_empty());
}

#[tokio::test]
async fn a_user_that_aws_confirms_is_the_caller() {
    let fields =
        r#""Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/ops/alice","UserId":"AIDACKCEVSQ6C2EXAMPLE""#;
    let caller = proven(prove(&scheme(&FakeSts::answering([ok(fields)])), &Presigned::new(), SIGNED).await);
    assert_eq!(caller.subject(), "aws:111122223333:user/alice/AIDACKCEVSQ6C2EXAMPLE");
    assert_eq!(caller.attributes()["user_name"], "alice");
    assert!(!caller.attributes().contains_key("session_name"));
}

#[tokio::test]
async fn without_the_header_nothing_is_offered() {
    let sts = FakeSts::answering([]);
    let proof = scheme(&sts).prove(&Evidence { peer: None, headers: &headers(&[]), now: SIGNED }).await;
    assert!(matches!(proof, Proof::NotOffered));
}

#[tokio::test]
async fn what_is_offered_and_bad_fails_without_asking_aws() {
    let sts = FakeSts::answering([]);
    let scheme = scheme(&sts);
    let good = Presigned::new().token();
    for tokens in [vec![""], vec!["x"], vec![good.as_str(), good.as_str()], vec![good.as_str(), ""]] {
        failed(scheme.prove(&Evidence { peer: None, headers: &headers(&tokens), now: SIGNED }).await);
    }
    let elsewhere = Presigned::new()
        .base("https://sts.ap-south-1.amazonaws.com/")
        .set("X-Amz-Credential", "ASIAIOSFODNN7EXAMPLE/20261121/ap-south-1/sts/aws4_request");
    let why = failed(prove(&scheme, &elsewhere, SIGNED).await);
    assert_eq!(why, "the token is for STS in ap-south-1, which is not among the regions");
    assert_eq!(sts.asked(), 0);
}

/// CVE-2020-16250: what the caller sent is never sent on.
#[tokio::test]
async fn the_request_is_made_anew_from_parsed_parts() {
    let sts = FakeSts::answering([]);
    let scheme = scheme(&sts);
    let mut headers = headers(&[&Presigned::new().token()]);
    for name in
        ["host", "x-rootgate-audience", "accept", "user-agent", "x-amz-target", "authorization", "x-forwarded-for"]
    {
        headers.insert(name, HeaderValue::from_static("evil.example"));
    }
    proven(scheme.prove(&Evidence { peer: None, headers: &headers, now: SIGNED }).await);
    let asked = sts.asked.lock().unwrap();
    let request = &asked[0];
    assert_eq!(request.method(), "GET");
    assert!(request.body().is_empty());
    assert_eq!(
        request.uri().to_string(),
        format!(
            "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F20261121%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Date=20261121T183554Z\
             &X-Amz-Expires=300&X-Amz-Security-Token=IQoJb3JpZ2luX2Vj%2Ba%2Fb%3D%3D\
             &X-Amz-SignedHeaders=host%3Bx-rootgate-audience&X-Amz-Signature={}",
            "0123456789abcdef".repeat(4)
        )
    );
    let sent: Vec<(&str, &str)> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(
        sent,
        [("host", "sts.eu-west-1.amazonaws.com"), ("x-rootgate-audience", AUDIENCE), ("accept", "application/json")]
    );
}

#[tokio::test]
async fn a_simulator_is_asked_with_the_host_that_was_signed() {
    let sts = FakeSts::answering([]);
    let settings = AwsIamSettings { endpoint_override: Some("http://127.0.0.1:4599".to_owned()), ..settings() };
    let scheme = AwsIam::new(settings, Arc::clone(&sts) as Arc<dyn StsTransport>, SIGNED).unwrap();
    proven(prove(&scheme, &Presigned::new(), SIGNED).await);
    let asked = sts.asked.lock().unwrap();
    assert!(asked[0].uri().to_string().starts_with("http://127.0.0.1:4599/?Action="));
    assert_eq!(asked[0].headers()["host"], "sts.eu-west-1.amazonaws.com");
}

#[tokio::test]
async fn a_token_is_believed_only_while_it_is_young() {
    let sts = FakeSts::answering([]);
    let seconds = |seconds: i64| SIGNED.unix_micros() / 1_000_000 + seconds;
    let at = |offset: i64| Timestamp::from_unix(seconds(offset), 0);
    // Offset, lifetime that the signer gave it, whether it is believed.
    let cases = [
        (0, "900", true),
        (300, "900", true),
        (301, "900", false),
        (10, "10", true),
        (11, "10", false),
        (-60, "900", true),
        (-61, "900", false),
        (-3600, "900", false),
        (86_400, "900", false),
    ];
    for (offset, expires, believed) in cases {
        let scheme = AwsIam::new(settings(), Arc::clone(&sts) as Arc<dyn StsTransport>, at(-7200)).unwrap();
        let proof = prove(&scheme, &Presigned::new().set("X-Amz-Expires", expires), at(offset)).await;
        assert_eq!(matches!(proof, Proof::Proven(_)), believed, "{offset} {expires}: {proof:?}");
    }
    let in_time = cases.iter().filter(|(_, _, believed)| *believed).count();
    assert_eq!(sts.asked(), in_time, "AWS was asked about a token that is too old or too new");
}

#[tokio::test]
async fn a_token_from_before_a_restart_is_refused() {
    let sts = FakeSts::answering([]);
    let started = |micros: i64| Timestamp::from_unix_micros(SIGNED.unix_micros() + micros);
    for (micros, believed) in [(-1, true), (0, true), (999_999, true), (1_000_000, false)] {
        let scheme = AwsIam::new(settings(), Arc::clone(&sts) as Arc<dyn StsTransport>, started(micros)).unwrap();
        let proof = prove(&scheme, &Presigned::new(), started(2_000_000)).await;
        assert_eq!(matches!(proof, Proof::Proven(_)), believed, "{micros}: {proof:?}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_one_call() {
    let sts = FakeSts::answering([]);
    let scheme = scheme(&sts);
    proven(prove(&scheme, &Presigned::new(), SIGNED).await);
    // Also with parts changed that AWS would find in the signature.
    for presigned in [Presigned::new(), Presigned::new().set("X-Amz-Expires", "301")] {
        let why = failed(prove(&scheme, &presigned, SIGNED).await);
        assert!(why.starts_with("the token was used before"), "{why}");
    }
    assert_eq!(sts.asked(), 1);
    proven(prove(&scheme, &numbered(2), SIGNED).await);
}

#[tokio::test]
async fn of_two_calls_at_once_with_one_token_only_one_wins() {
    let (sts, notify) = FakeSts::holding();
    let scheme = scheme(&sts);
    let presigned = Presigned::new();
    let first = prove(&scheme, &presigned, SIGNED);
    let second = async {
        let proof = prove(&scheme, &presigned, SIGNED).await;
        notify.notify_one();
        proof
    };
    let (first, second) = tokio::join!(first, second);
    proven(first);
    assert!(failed(second).starts_with("the token was used before, or is in use"));
    assert_eq!(sts.asked(), 1);
}

#[tokio::test]
async fn a_token_that_aws_refused_is_not_remembered() {
    let sts = FakeSts::answering([status(403, "SignatureDoesNotMatch"), Err("refused".to_owned())]);
    let scheme = scheme(&sts);
    let why = failed(prove(&scheme, &Presigned::new(), SIGNED).await);
    assert!(why.starts_with("AWS refused the token: 403 SignatureDoesNotMatch"), "{why}");
    assert_eq!(failed(prove(&scheme, &Presigned::new(), SIGNED).await), "AWS could not be asked: refused");
    proven(prove(&scheme, &Presigned::new(), SIGNED).await);
}

#[tokio::test]
async fn a_call_that_was_given_up_leaves_its_token_free() {
    let (sts, notify) = FakeSts::holding();
    let scheme = scheme(&sts);
    let presigned = Presigned::new();
    let mut given_up = Box::pin(prove(&scheme, &presigned, SIGNED));
    assert!(futures_poll(given_up.as_mut()).await.is_none());
    assert_eq!(sts.asked(), 1);
    drop(given_up);
    notify.notify_one();
    proven(prove(&scheme, &presigned, SIGNED).await);
    assert_eq!(scheme.turns.available_permits(), ASKING_MAX);
    assert_eq!(scheme.seats.available_permits(), ASKING_MAX + WAITING_MAX);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// CVE-2025-11621: a role of the same name in another account was let in.
#[tokio::test]
async fn a_token_beside_another_identity_is_refused_and_not_used_up() {
    let sts = FakeSts::answering([]);
    let schemes = Schemes { mtls: Some(rules()), aws_iam: Some(Arc::new(scheme(&sts))), ..Schemes::default() };
    let authenticator = Authenticator::new("main", schemes, Arc::new(ManualClock::new(SIGNED)));
    let headers = headers(&[&Presigned::new().token()]);
    let issued = |subject| TestCa::new("clients").issue(&client_params(vec![uri(subject)])).peer();
    for (peer, words) in [
        (issued("spiffe://example.org/alice"), "aws_iam: AWS was not asked, because an identity by mtls"),
        (issued("spiffe://elsewhere.org/alice"), "; aws_iam: AWS was not asked"),
    ] {
        let failure = authenticator.authenticate(Some(&peer), &headers).await.unwrap_err();
        assert!(failure.reason().contains(words), "{}", failure.reason());
        assert_eq!(failure.tried(), [Scheme::Mtls, Scheme::AwsIam]);
    }
    assert_eq!(sts.asked(), 0);
    assert_eq!(authenticator.authenticate(None, &headers).await.unwrap().scheme(), Scheme::AwsIam);
    assert_eq!(sts.asked(), 1);
}

#[tokio::test]
async fn the_same_role_name_in_another_account_is_nobody() {
    let fields = ROLE.replace("111122223333", "444455556666");
    let sts = FakeSts::answering([ok(&fields), ok(&fields)]);
    let scheme = scheme(&sts);
    for _ in 0..2 {
        let why = failed(prove(&scheme, &Presigned::new(), SIGNED).await);
        assert_eq!(why, "account 444455556666 is not among the accounts whose identities are callers");
    }
}

#[tokio::test]
async fn a_role_made_again_under_its_old_name_is_another_caller() {
    let again = ROLE.replace(ROLE_ID, "AROACKCEVSQ6CAGAINXXX");
    let sts = FakeSts::answering([ok(ROLE), ok(&again)]);
    let scheme = scheme(&sts);
    let old = proven(prove(&scheme, &numbered(1), SIGNED).await);
    let new = proven(prove(&scheme, &numbered(2), SIGNED).await);
    assert_ne!(old.subject(), new.subject());
}

#[tokio::test(start_paused = true)]
async fn an_aws_that_does_not_answer_is_a_failure_in_bounded_time() {
    let (sts, _notify) = FakeSts::holding();
    let scheme = scheme(&sts);
    let start = tokio::time::Instant::now();
    assert_eq!(failed(prove(&scheme, &Presigned::new(), SIGNED).await), "AWS could not be asked within 5 s");
    assert_eq!(start.elapsed(), LOOKUP_TIME_MAX);
}

#[tokio::test(start_paused = true)]
async fn strangers_cannot_make_us_flood_aws() {
    let (sts, notify) = FakeSts::holding();
    let scheme = Arc::new(scheme(&sts));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let scheme = Arc::clone(&scheme);
        calls.spawn(async move { prove(&scheme, &numbered(number), SIGNED).await });
    }
    // Those without a seat are told at once; then every other one gets its turn.
    for _ in 0..1000 - ASKING_MAX - WAITING_MAX {
        assert_eq!(failed(calls.join_next().await.unwrap().unwrap()), "too many tokens wait for AWS");
    }
    assert_eq!(sts.asked(), ASKING_MAX);
    for _ in 0..ASKING_MAX + WAITING_MAX {
        notify.notify_one();
        proven(calls.join_next().await.unwrap().unwrap());
    }
    assert_eq!(sts.at_once_max.load(Ordering::SeqCst), ASKING_MAX);
    assert_eq!(sts.asked(), ASKING_MAX + WAITING_MAX);
}

#[tokio::test]
async fn no_failure_repeats_the_token() {
    let token = Presigned::new();
    let secrets = ["IQoJb3JpZ2lu", "0123456789abcdef"];
    let long = format!("no route\n{}", "x".repeat(1000));
    let answers = [
        Err(long),
        status(403, "InvalidClientTokenId"),
        status(500, "InternalFailure"),
        Ok(Response::builder().status(302).header("location", "https://evil.example").body(Vec::new()).unwrap()),
        Ok(Response::new(vec![b' '; 100_000])),
        ok(r#""Account":"111122223333","Arn":"arn:aws:iam::111122223333:root","UserId":"111122223333""#),
    ];
    let sts = FakeSts::answering(answers);
    let scheme = scheme(&sts);
    for _ in 0..6 {
        let why = failed(prove(&scheme, &token, SIGNED).await);
        assert!(!secrets.iter().any(|secret| why.contains(secret)), "{why}");
        assert!(why.len() < 300 && !why.contains('\n'), "{why}");
    }
    assert_eq!(sts.asked(), 6);
    let debug = format!("{scheme:?}");
    assert!(debug.contains(AUDIENCE) && !secrets.iter().any(|secret| debug.contains(secret)), "{debug}");
}

#[test]
fn settings_that_would_believe_nobody_or_too_much_are_refused() {
    let new = |settings: AwsIamSettings| {
        let sts = FakeSts::answering([]) as Arc<dyn StsTransport>;
        AwsIam::new(settings, sts, SIGNED).err().map(|violations| {
            let fields: Vec<String> = violations.into_iter().map(|violation| violation.field).collect();
            fields.join(" ")
        })
    };
    assert_eq!(new(settings()), None);
    let all_wrong = AwsIamSettings {
        audience: String::new(),
        accounts: BTreeSet::new(),
        regions: BTreeSet::new(),
        token_age_max: Duration::ZERO,
        endpoint_override: Some(String::new()),
    };
    assert_eq!(new(all_wrong).as_deref(), Some("audience accounts regions token_age_max endpoint_override"));
    for audience in ["", "a b", "a\tb", "caf\u{e9}", "a\n", &"x".repeat(256)] {
        let bad = AwsIamSettings { audience: audience.to_owned(), ..settings() };
        assert_eq!(new(bad).as_deref(), Some("audience"), "{audience:?}");
    }
    assert_eq!(new(AwsIamSettings { accounts: BTreeSet::new(), ..settings() }).as_deref(), Some("accounts"));
    for regions in
        [vec![], vec!["cn-north-1"], vec!["eu-west-1", "us-gov-west-1"], vec!["us-iso-east-1"], vec!["eusc-de-east-1"]]
    {
        let regions = regions.into_iter().map(|region| region.parse().unwrap()).collect();
        assert_eq!(new(AwsIamSettings { regions, ..settings() }).as_deref(), Some("regions"));
    }
    for age in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(901)] {
        let bad = AwsIamSettings { token_age_max: age, ..settings() };
        assert_eq!(new(bad).as_deref(), Some("token_age_max"), "{age:?}");
    }
    for url in ["", "127.0.0.1", "http://x/path"] {
        let bad = AwsIamSettings { endpoint_override: Some(url.to_owned()), ..settings() };
        assert_eq!(new(bad).as_deref(), Some("endpoint_override"), "{url}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a token says, AWS is asked nothing but GetCallerIdentity, at a host of the list, for our audience.
    #[test]
    fn only_hosts_of_the_list_are_asked(
        name in proptest::sample::select(vec!["Action", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Security-Token"]),
        value in "[ -~]{0,60}",
        region in "(eu-west-1|us-east-1|ap-south-1|[a-z.@:#/-]{1,12})",
        replaced in any::<bool>(),
    ) {
        let mut presigned = Presigned::new()
            .base(&format!("https://sts.{region}.amazonaws.com/"))
            .set("X-Amz-Credential", &format!("ASIAIOSFODNN7EXAMPLE/20261121/{region}/sts/aws4_request"));
        if replaced {
            presigned = presigned.set(name, &value);
        }
        let sts = FakeSts::answering([]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let proof = runtime.block_on(prove(&scheme(&sts), &presigned, SIGNED));
        let asked = sts.asked.lock().unwrap();
        prop_assert_eq!(asked.len(), usize::from(matches!(proof, Proof::Proven(_))));
        for request in asked.iter() {
            prop_assert!(["sts.eu-west-1.amazonaws.com", "sts.us-east-1.amazonaws.com"].contains(&request.uri().host().unwrap()));
            prop_assert_eq!(request.headers()["host"].to_str().unwrap(), request.uri().host().unwrap());
            prop_assert_eq!(&request.headers()["x-rootgate-audience"], AUDIENCE);
            prop_assert!(request.uri().query().unwrap().starts_with("Action=GetCallerIdentity&Version=2011-06-15&"));
        }
    }
}
