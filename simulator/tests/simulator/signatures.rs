use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use crate::client::{Client, Outgoing, deliver};
use crate::{PAYMENTS, simulator};

#[tokio::test]
async fn every_service_takes_what_the_reference_signer_signs() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    assert_eq!(admin.query("sts", "GetCallerIdentity", &[]).await.xml("Account").unwrap(), PAYMENTS);
    assert_eq!(admin.query("iam", "GetUser", &[]).await.xml("UserName").unwrap(), "payments-admin");
    assert_eq!(admin.organizations("DescribeOrganization", serde_json::json!({})).await.status, 200);
    assert_eq!(admin.sqs("GetQueueUrl", serde_json::json!({ "QueueName": "payments-audit" })).await.status, 200);
    assert_eq!(admin.s3("HEAD", "/payments-plain").await.header("x-amz-bucket-region"), "eu-west-1");
}

#[tokio::test]
async fn odd_paths_and_queries_verify() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    for key in ["a%20b", "a%2Bb", "a//b", "..%2Fup", "%C3%BC", "a/./b", "tilde~-_."] {
        let path = format!("/payments-plain/{key}");
        assert_eq!(admin.send(&Outgoing::new("s3", "PUT", &path).body("x")).await.unwrap().status, 200, "{key}");
        assert_eq!(admin.s3("GET", &path).await.body, "x", "{key}");
    }
    let listed = admin.s3("GET", "/payments-plain?prefix=a%20b&list-type=2&max-keys=5&x-id=ListObjectsV2").await;
    assert_eq!(listed.xml("KeyCount").unwrap(), "1");
}

#[tokio::test]
async fn hosts_choose_the_bucket_and_the_global_endpoint() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    for host in ["payments-plain.s3.eu-west-1.amazonaws.com", "payments-plain.localhost:4599"] {
        let head = Outgoing::new("s3", "HEAD", "/").header("host", host);
        assert_eq!(admin.send(&head).await.unwrap().header("x-amz-bucket-region"), "eu-west-1", "{host}");
    }
    let form = |host: &str, body: &str| {
        let out = Outgoing::new("sts", "POST", "/").region("us-east-1").header("host", host).body(body);
        out.header("content-type", "application/x-www-form-urlencoded")
    };
    let global = admin.send(&form("sts.amazonaws.com", "Action=AssumeRoot&Version=2011-06-15")).await.unwrap();
    assert_eq!(
        (global.refusal(), global.xml("Message").unwrap().as_str()),
        ((400, "InvalidAction".into()), "Unknown Operation")
    );
    let regional = admin.send(&form("sts.us-east-1.amazonaws.com", "Action=AssumeRoot")).await.unwrap();
    assert_eq!(regional.refusal(), (400, "ValidationError".into()));
    let iam = Outgoing::new("iam", "POST", "/").region("us-east-1").header("host", "sts.amazonaws.com");
    let iam = iam.header("content-type", "application/x-www-form-urlencoded").body("Action=GetUser");
    assert_eq!(admin.send(&iam).await.unwrap().refusal(), (403, "SignatureDoesNotMatch".into()));
    assert_eq!(simulator.calls().iter().filter(|call| call.region == "aws-global").count(), 2);
}

#[tokio::test]
async fn global_services_can_insist_on_their_home_region() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let away = Outgoing::new("iam", "POST", "/").header("content-type", "application/x-www-form-urlencoded");
    let away = away.body("Action=GetUser&Version=2010-05-08");
    assert_eq!(admin.send(&away).await.unwrap().status, 200);
    simulator.edit(|world| world.settings.strict_home_region = true);
    assert_eq!(admin.send(&away).await.unwrap().refusal(), (403, "SignatureDoesNotMatch".into()));
    assert_eq!(admin.query("iam", "GetUser", &[]).await.status, 200);
    let nowhere = Outgoing::new("s3", "GET", "/").region("nowhere");
    assert_eq!(admin.send(&nowhere).await.unwrap().refusal(), (400, "AuthorizationHeaderMalformed".into()));
}

#[tokio::test]
async fn whatever_is_changed_after_signing_is_refused() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let out = Outgoing::new("s3", "GET", "/payments-plain?list-type=2&prefix=a");
    let mut other_query = admin.sign(&out);
    *other_query.uri_mut() = other_query.uri().to_string().replace("prefix=a", "prefix=b").parse().unwrap();
    let mut other_method = admin.sign(&out);
    *other_method.method_mut() = http::Method::PUT;
    let mut other_header = admin.sign(&out);
    other_header.headers_mut().insert("host", "elsewhere".parse().unwrap());
    for request in [other_query, other_method, other_header] {
        let answer = deliver(&simulator.endpoint(), request).await.unwrap();
        assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch".into()));
    }
    let put = admin.sign(&Outgoing::new("s3", "PUT", "/payments-plain/k").body("good"));
    let tampered = put.map(|_| http_body_util::Full::new("evil".into()));
    let answer = deliver(&simulator.endpoint(), tampered).await.unwrap();
    assert_eq!(answer.refusal(), (400, "XAmzContentSHA256Mismatch".into()));
    let mut unsigned_header = admin.sign(&out);
    unsigned_header.headers_mut().insert("x-amz-expected-bucket-owner", PAYMENTS.parse().unwrap());
    assert_eq!(deliver(&simulator.endpoint(), unsigned_header).await.unwrap().status, 400);
    let form = Outgoing::new("sts", "POST", "/").header("content-type", "application/x-www-form-urlencoded");
    let signed = admin.sign(&form.body("Action=GetCallerIdentity"));
    let tampered = signed.map(|_| http_body_util::Full::new("Action=AssumeRoot".into()));
    assert_eq!(
        deliver(&simulator.endpoint(), tampered).await.unwrap().refusal(),
        (403, "SignatureDoesNotMatch".into())
    );
}

#[tokio::test]
async fn time_bounds_a_signature() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let off = Duration::from_secs(20 * 60);
    for time in [SystemTime::now() - off, SystemTime::now() + off] {
        let s3 = Outgoing { time, ..Outgoing::new("s3", "GET", "/") };
        assert_eq!(admin.send(&s3).await.unwrap().refusal(), (403, "RequestTimeTooSkewed".into()));
        let sts = Outgoing { time, ..Outgoing::new("sts", "POST", "/").body("Action=GetCallerIdentity") };
        let sts = sts.header("content-type", "application/x-www-form-urlencoded");
        let answer = admin.send(&sts).await.unwrap();
        assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch".into()));
        assert!(answer.xml("Message").unwrap().starts_with("Signature "), "{}", answer.body);
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_signature() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    let cases = [
        (Outgoing::new("s3", "GET", "/payments-open?policy"), 403, "AccessDenied"),
        (
            Outgoing::new("sts", "POST", "/").header("content-type", "application/x-www-form-urlencoded"),
            403,
            "MissingAuthenticationToken",
        ),
        (
            Outgoing::new("sqs", "POST", "/").header("x-amz-target", "AmazonSQS.ListQueues"),
            403,
            "com.amazon.coral.service#MissingAuthenticationTokenException",
        ),
        (
            Outgoing::new("organizations", "POST", "/").header("x-amz-target", "AWSOrganizationsV20161128.ListRoots"),
            400,
            "MissingAuthenticationTokenException",
        ),
        (
            Outgoing::new("s3", "GET", "/")
                .header("authorization", "AWS4-HMAC-SHA256 nonsense")
                .header("x-amz-date", "x"),
            400,
            "AuthorizationHeaderMalformed",
        ),
        (Outgoing::new("s3", "GET", "/").header("authorization", "Basic eA=="), 400, "AuthorizationHeaderMalformed"),
    ];
    for (out, status, code) in cases {
        let answer = deliver(&simulator.endpoint(), admin.unsigned(&out)).await.unwrap();
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{out:?}");
    }
    assert!(simulator.calls().iter().all(|call| call.caller_arn.is_none() && call.status >= 400));
}

#[tokio::test]
async fn temporary_credentials_need_their_token_and_end() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let keys = (session.credentials.access_key_id().to_owned(), session.credentials.secret_access_key().to_owned());
    let without =
        Client { credentials: Credentials::new(keys.0.clone(), keys.1.clone(), None, None, "test"), ..session.clone() };
    assert_eq!(without.query("sts", "GetCallerIdentity", &[]).await.refusal(), (403, "InvalidClientTokenId".into()));
    assert_eq!(without.s3("GET", "/").await.refusal(), (403, "InvalidAccessKeyId".into()));
    let wrong =
        Client { credentials: Credentials::new(keys.0, keys.1, Some("other".into()), None, "test"), ..session.clone() };
    assert_eq!(wrong.s3("GET", "/").await.refusal(), (400, "InvalidToken".into()));
    assert_eq!(session.s3("GET", "/").await.status, 200);
    simulator.expire_root_sessions();
    assert_eq!(session.s3("GET", "/").await.refusal(), (400, "ExpiredToken".into()));
    assert_eq!(session.query("iam", "GetUser", &[]).await.refusal(), (403, "ExpiredToken".into()));
    let sqs = session.sqs("ListQueues", serde_json::json!({})).await;
    assert_eq!(sqs.header("x-amzn-query-error"), "ExpiredToken;Sender");
}

#[tokio::test]
async fn presigned_requests_verify_and_expire() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let out = Outgoing::new("sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15");
    let answer = deliver(&simulator.endpoint(), session.presign(&out, Duration::from_secs(60))).await.unwrap();
    assert_eq!(answer.xml("Arn").unwrap(), format!("arn:aws:iam::{PAYMENTS}:root"));
    let old = Outgoing { time: SystemTime::now() - Duration::from_secs(61), ..out };
    let answer = deliver(&simulator.endpoint(), session.presign(&old, Duration::from_secs(60))).await.unwrap();
    assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch".into()));
}

const IDENTITY: &str = "/?Action=GetCallerIdentity&Version=2011-06-15";

/// How EKS, Vault and the like let a caller prove an identity: the verifier sends the header that was signed.
#[tokio::test]
async fn an_extra_header_of_a_presigned_request_must_come_as_it_was_signed() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let out = Outgoing::new("sts", "GET", IDENTITY).header("x-audience", "ours");
    let presigned = || gateway.presign(&out, Duration::from_secs(60));
    assert!(presigned().uri().query().unwrap().contains("X-Amz-SignedHeaders=host%3Bx-audience"));
    assert_eq!(deliver(&simulator.endpoint(), presigned()).await.unwrap().status, 200);
    for value in [Some("theirs"), Some("ours, theirs"), Some(""), None] {
        let mut request = presigned();
        request.headers_mut().remove("x-audience");
        if let Some(value) = value {
            request.headers_mut().insert("x-audience", value.parse().unwrap());
        }
        let answer = deliver(&simulator.endpoint(), request).await.unwrap();
        assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch".into()), "{value:?}");
    }
    let early = Outgoing { time: SystemTime::now() + Duration::from_secs(16 * 60), ..out };
    let answer = deliver(&simulator.endpoint(), gateway.presign(&early, Duration::from_secs(60))).await.unwrap();
    assert_eq!(answer.refusal(), (403, "SignatureDoesNotMatch".into()));
}

#[tokio::test]
async fn sts_answers_in_json_if_it_is_asked_to() {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let out = Outgoing::new("sts", "GET", IDENTITY);
    let ask = async |accept: &str, change: fn(String) -> String| {
        let request = gateway.presign(&out, Duration::from_secs(60));
        let (mut head, body) = request.into_parts();
        head.uri = change(head.uri.to_string()).parse().unwrap();
        head.headers.insert("accept", accept.parse().unwrap());
        deliver(&simulator.endpoint(), http::Request::from_parts(head, body)).await.unwrap()
    };
    let answer = ask("application/json", |uri| uri).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let result = &json["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
    assert_eq!(result["Account"], "222222222222");
    let session =
        result["Arn"].as_str().unwrap().strip_prefix("arn:aws:sts::222222222222:assumed-role/gateway/").unwrap();
    let user_id = result["UserId"].as_str().unwrap();
    assert!(user_id.starts_with("AROA") && user_id.ends_with(&format!(":{session}")), "{user_id}");
    assert!(json["GetCallerIdentityResponse"]["ResponseMetadata"]["RequestId"].is_string());

    for (change, code) in [
        ((|uri| uri.replace("2011-06-15", "2011-06-16")) as fn(String) -> String, "SignatureDoesNotMatch"),
        (|uri| uri.replace("aws4_request", "aws5_request"), "IncompleteSignature"),
    ] {
        let answer = ask("application/json", change).await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((json["Error"]["Code"].as_str(), json["Error"]["Type"].as_str()), (Some(code), Some("Sender")));
        assert!(json["RequestId"].is_string());
    }
    for accept in ["*/*", "application/xml"] {
        let answer = ask(accept, |uri| uri).await;
        assert_eq!(
            (answer.header("content-type"), answer.xml("Account").as_deref()),
            ("text/xml", Some("222222222222"))
        );
    }
}
