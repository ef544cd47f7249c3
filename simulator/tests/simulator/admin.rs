use aws_root_simulator::{Scenario, Simulator, StartError};
use http_body_util::Full;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Answer, Client, deliver};
use crate::{PAYMENTS, simulator};

async fn ask(simulator: &Simulator, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut builder =
        http::Request::builder().method(method).uri(format!("{}/_simulator/{path}", simulator.endpoint()));
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "127.0.0.1");
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    deliver(&simulator.endpoint(), builder.body(Full::new(body.to_owned().into())).unwrap()).await.unwrap()
}

#[tokio::test]
async fn calls_are_read_from_where_one_left_off() {
    let simulator = simulator().await;
    let admin = Client::of(&simulator, "payments-admin");
    for _ in 0..3 {
        admin.query("sts", "GetCallerIdentity", &[]).await;
    }
    let page: Value = serde_json::from_str(&ask(&simulator, "GET", "calls?since=1", &[], "").await.body).unwrap();
    assert_eq!((page["calls"].as_array().unwrap().len(), &page["next"]), (2, &Value::from(3)));
    // The second of three calls, one after another.
    assert_eq!((&page["calls"][0]["started"], &page["calls"][0]["ended"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(ask(&simulator, "GET", "calls?since=x", &[], "").await.status, 400);
    ask(&simulator, "DELETE", "calls", &[], "").await;
    assert!(simulator.calls().is_empty());
}

#[tokio::test]
async fn the_world_is_shown_without_secrets() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, "S3UnlockBucketPolicy").await;
    let text = ask(&simulator, "GET", "world", &[], "").await.body;
    let world: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(world["accounts"][2]["root"]["live_sessions"], 1);
    assert!(!text.contains(&simulator.access_key("gateway").unwrap().secret_access_key));
    assert!(!text.contains(session.credentials.secret_access_key()));
    ask(&simulator, "POST", "expire-sessions", &[], "").await;
    assert_eq!(session.s3("GET", "/").await.refusal(), (400, "ExpiredToken".into()));
}

#[tokio::test]
async fn web_pages_and_nonsense_are_refused() {
    let simulator = simulator().await;
    assert_eq!(ask(&simulator, "GET", "world", &[("origin", "https://evil.example")], "").await.status, 403);
    assert_eq!(ask(&simulator, "GET", "world", &[("host", "evil.example:80")], "").await.status, 403);
    assert_eq!(ask(&simulator, "POST", "faults", &[], "{}").await.status, 400);
    assert_eq!(ask(&simulator, "GET", "nowhere", &[], "").await.status, 404);
    assert!(simulator.calls().is_empty());
}

#[tokio::test]
async fn it_listens_on_loopback_alone_and_stops() {
    let refused = Simulator::start_on(Scenario::example(), "0.0.0.0:0".parse().unwrap()).await;
    assert!(matches!(refused, Err(StartError::NotLoopback(_))));
    let simulator = simulator().await;
    let address = simulator.endpoint().replace("http://", "");
    let mut open = tokio::net::TcpStream::connect(&address).await.unwrap();
    simulator.stop().await;
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn raw_nonsense_does_no_harm() {
    let simulator = simulator().await;
    let address = simulator.endpoint().replace("http://", "");
    for text in [
        "\0\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST /%ff%zz?%=%&&=+ HTTP/1.1\r\nhost: \r\nx-amz-target: .\r\ncontent-length: 3\r\n\r\n\u{1}{}",
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let who = Client::of(&simulator, "gateway").query("sts", "GetCallerIdentity", &[]).await;
    assert_eq!(who.status, 200);
}
