//! Real signatures, made by the AWS SDK's own signer, judged by the simulator's STS over HTTP.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_root_simulator::{Fault, Scenario, Simulator};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};

use super::*;
use crate::{
    clock::{Clock, SystemClock},
    fetch::FetchOptions,
};

const SECURITY: &str = "222222222222";
const REGION: &str = "eu-west-1";

struct Sts {
    simulator: Simulator,
    fetcher: Arc<Fetcher>,
    scheme: AwsIam,
}

impl Sts {
    async fn start() -> Self {
        let simulator = Simulator::start(Scenario::example()).await.unwrap();
        let fetcher = Arc::new(fetcher());
        let settings = AwsIamSettings {
            accounts: [SECURITY, "333333333333"].map(|id| id.parse().unwrap()).into(),
            endpoint_override: Some(simulator.endpoint()),
            ..settings()
        };
        let scheme = AwsIam::new(settings, Arc::clone(&fetcher) as Arc<dyn StsTransport>, SystemClock.now()).unwrap();
        Self { simulator, fetcher, scheme }
    }

    /// Static credentials of a principal of the example.
    fn key(&self, name: &str) -> Credentials {
        let key = self.simulator.access_key(name).unwrap();
        Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test")
    }

    async fn prove(&self, presigned: &Presigned) -> Proof {
        prove(&self.scheme, presigned, SystemClock.now()).await
    }

    /// Temporary credentials from STS: what comes back from a presigned call of another action.
    async fn session(&self, of: &Credentials, action: &str) -> Credentials {
        let url = format!("{}/?Version=2011-06-15&{action}", self.simulator.endpoint());
        let request = Request::get(presign(of, &url, &[], SystemClock.now())).body(Vec::new()).unwrap();
        let answer = String::from_utf8(self.fetcher.send(request).await.unwrap().into_body()).unwrap();
        let field = |name: &str| {
            let (_, rest) = answer.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{answer}"));
            rest.split_once('<').unwrap().0.to_owned()
        };
        let token = Some(field("SessionToken"));
        Credentials::new(field("AccessKeyId"), field("SecretAccessKey"), token, None, "test")
    }
}

fn fetcher() -> Fetcher {
    let options = FetchOptions {
        ca_pem: None,
        http_allowed_for_loopback: true,
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        body_bytes_max: AwsIam::ANSWER_BYTES_MAX,
    };
    Fetcher::new(options).unwrap()
}

fn presign(credentials: &Credentials, url: &str, headers: &[(&str, &str)], at: Timestamp) -> String {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(300));
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("sts")
        .time(SystemTime::UNIX_EPOCH + Duration::from_micros(at.unix_micros().try_into().unwrap()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut request = Request::get(url).body(()).unwrap();
    let host = request.uri().authority().unwrap().to_string();
    let signed = headers.iter().copied().chain([("host", host.as_str())]);
    let signable = SignableRequest::new("GET", url, signed, SignableBody::Bytes(&[])).unwrap();
    sign(signable, &params).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
    request.uri().to_string()
}

/// What a caller signs.
fn presigned(credentials: &Credentials, audience: &str, at: Timestamp) -> Presigned {
    let url = format!("https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15");
    Presigned::of(&presign(credentials, &url, &[("x-rootgate-audience", audience)], at))
}

#[tokio::test]
async fn a_role_proves_itself_once() {
    let sts = Sts::start().await;
    let presigned = presigned(&sts.key("gateway"), AUDIENCE, SystemClock.now());
    let caller = proven(sts.prove(&presigned).await);
    let unique_id = &caller.attributes()["unique_id"];
    assert!(unique_id.starts_with("AROA"));
    assert_eq!(caller.subject(), format!("aws:{SECURITY}:role/gateway/{unique_id}"));
    assert_eq!(caller.attributes()["session_name"], "gateway-session");
    assert!(failed(sts.prove(&presigned).await).starts_with("the token was used before"));
    let calls = sts.simulator.calls();
    assert_eq!(
        calls.iter().map(|call| (call.name(), call.status)).collect::<Vec<_>>(),
        [("sts:GetCallerIdentity".to_owned(), 200)]
    );
}

#[tokio::test]
async fn a_user_proves_itself() {
    let sts = Sts::start().await;
    let caller = proven(sts.prove(&presigned(&sts.key("payments-admin"), AUDIENCE, SystemClock.now())).await);
    assert!(caller.subject().starts_with("aws:333333333333:user/payments-admin/AIDA"), "{}", caller.subject());
}

#[tokio::test]
async fn temporary_credentials_prove_their_role_and_session() {
    let sts = Sts::start().await;
    let action =
        format!("Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A{SECURITY}%3Arole%2Fbroker&RoleSessionName=job-7");
    let session = sts.session(&sts.key("gateway"), &action).await;
    let caller = proven(sts.prove(&presigned(&session, AUDIENCE, SystemClock.now())).await);
    assert!(caller.subject().starts_with(&format!("aws:{SECURITY}:role/broker/AROA")), "{}", caller.subject());
    assert_eq!(caller.attributes()["session_name"], "job-7");
    assert_eq!(caller.attributes()["access_key_id"], session.access_key_id());
    // The same key with another session token.
    let other = Credentials::new(session.access_key_id(), session.secret_access_key(), Some("x".into()), None, "test");
    let why = failed(sts.prove(&presigned(&other, AUDIENCE, SystemClock.now())).await);
    assert!(why.contains("403 InvalidClientTokenId"), "{why}");
}

/// Root sessions are what the gateway hands out; none comes back as a caller.
#[tokio::test]
async fn a_root_session_is_no_caller() {
    let sts = Sts::start().await;
    let action = "Action=AssumeRoot&TargetPrincipal=333333333333\
                  &TaskPolicyArn.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2Froot-task%2FIAMAuditRootUserCredentials";
    let root = sts.session(&sts.key("gateway"), action).await;
    let why = failed(sts.prove(&presigned(&root, AUDIENCE, SystemClock.now())).await);
    assert!(why.starts_with("AWS named an identity that is no caller: only sessions of roles and users"), "{why}");
}

#[tokio::test]
async fn a_token_for_another_gateway_has_another_signature() {
    let sts = Sts::start().await;
    for audience in ["other.example.org", "ROOTGATE.example.org", "rootgate.example.org."] {
        let why = failed(sts.prove(&presigned(&sts.key("gateway"), audience, SystemClock.now())).await);
        assert!(why.starts_with("AWS refused the token: 403 SignatureDoesNotMatch"), "{why}");
    }
    // Signed for no one in particular, or for EKS: found before AWS is asked.
    let now = SystemClock.now();
    let url = format!("https://sts.{REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15");
    for headers in [[].as_slice(), &[("x-k8s-aws-id", AUDIENCE)]] {
        let for_all = Presigned::of(&presign(&sts.key("gateway"), &url, headers, now));
        let claimed = for_all.clone().set("X-Amz-SignedHeaders", "host;x-rootgate-audience");
        assert!(failed(sts.prove(&for_all).await).contains("X-Amz-SignedHeaders"));
        let why = failed(sts.prove(&claimed).await);
        assert!(why.starts_with("AWS refused the token: 403 SignatureDoesNotMatch"), "{why}");
    }
}

#[tokio::test]
async fn any_change_after_signing_is_refused_by_aws() {
    let sts = Sts::start().await;
    let good = || presigned(&sts.key("gateway"), AUDIENCE, SystemClock.now());
    let other = sts.key("payments-admin");
    let stolen = format!("{}/{}", other.access_key_id(), &scope(SystemClock.now())[1..]);
    for changed in [
        good().set("X-Amz-Expires", "301"),
        good().set("X-Amz-Signature", &"0".repeat(64)),
        good().set("X-Amz-Credential", &stolen),
        presigned(&Credentials::new(other.access_key_id(), "wrong", None, None, "test"), AUDIENCE, SystemClock.now()),
    ] {
        let why = failed(sts.prove(&changed).await);
        assert!(why.starts_with("AWS refused the token: 403 SignatureDoesNotMatch"), "{why}");
    }
    let unknown = Credentials::new("AKIANOBODY000EXAMPLE", "wrong", None, None, "test");
    let why = failed(sts.prove(&presigned(&unknown, AUDIENCE, SystemClock.now())).await);
    assert!(why.starts_with("AWS refused the token: 403 InvalidClientTokenId"), "{why}");
    proven(sts.prove(&good()).await);
}

/// The credential scope of a moment without its key.
fn scope(at: Timestamp) -> String {
    let day: String = at.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
    format!("/{day}/{REGION}/sts/aws4_request")
}

#[tokio::test]
async fn an_aws_that_is_out_is_a_failure_and_says_so() {
    let sts = Sts::start().await;
    sts.simulator.inject(Fault::on("sts", "GetCallerIdentity").status(503));
    let good = presigned(&sts.key("gateway"), AUDIENCE, SystemClock.now());
    let why = failed(sts.prove(&good).await);
    assert!(why.starts_with("AWS could not say who signed the token: 503"), "{why}");
    sts.simulator.inject(Fault::on("sts", "GetCallerIdentity").throttle());
    let why = failed(sts.prove(&good).await);
    assert!(why.starts_with("AWS could not say who signed the token: 400 Throttling"), "{why}");
    let Sts { simulator, scheme, .. } = sts;
    simulator.stop().await;
    let why = failed(prove(&scheme, &good, SystemClock.now()).await);
    assert!(why.starts_with("AWS could not be asked: no answer: "), "{why}");
    assert!(!why.contains("X-Amz"), "{why}");
}
