//! What is asked, and what is not, against servers that answer well and badly.

use super::{
    testing::{Answer, TestServer},
    *,
};

fn options() -> FetchOptions {
    FetchOptions {
        ca_pem: None,
        http_allowed_for_loopback: true,
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(5),
        body_bytes_max: 1000,
    }
}

fn fetcher() -> Fetcher {
    Fetcher::new(options()).unwrap()
}

fn https_fetcher(server: &TestServer) -> Fetcher {
    Fetcher::new(FetchOptions { ca_pem: Some(server.ca_pem.clone()), ..options() }).unwrap()
}

#[tokio::test]
async fn a_body_comes_over_https_from_a_server_that_the_ca_vouches_for() {
    let server = TestServer::https("127.0.0.1", |path| Answer::Body(format!("you asked {path}").into())).await;
    let body = https_fetcher(&server).get(&server.url("/keys?x=1")).await.unwrap();
    assert_eq!(body, b"you asked /keys?x=1");
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /keys?x=1 HTTP/1.1\r\n"), "{requests:?}");
    assert!(!requests[0].to_ascii_lowercase().contains("accept-encoding"), "{requests:?}");
}

#[tokio::test]
async fn another_ca_or_another_name_is_refused_before_anything_is_asked() {
    let server = TestServer::https("127.0.0.1", |_| Answer::Body(Vec::new())).await;
    let other = TestServer::https("127.0.0.1", |_| Answer::Body(Vec::new())).await;
    let misnamed = TestServer::https("issuer.example", |_| Answer::Body(Vec::new())).await;
    for (fetcher, asked) in
        [(https_fetcher(&other), &server), (fetcher(), &server), (https_fetcher(&misnamed), &misnamed)]
    {
        let error = fetcher.get(&asked.url("/")).await.unwrap_err();
        let FetchError::Transport(words) = &error else { panic!("{error:?}") };
        assert!(words.contains("invalid peer certificate"), "{words}");
        assert_eq!(asked.requests(), [""; 0]);
    }
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_and_the_answer_comes_back_whatever_its_status() {
    let raw = "HTTP/1.1 403 Forbidden\r\nx-told: yes\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";
    let server = TestServer::http(move |_| Answer::Raw(raw.to_owned())).await;
    let request =
        Request::post(server.url("/")).header("x-own", "1").body(b"Action=GetCallerIdentity".to_vec()).unwrap();
    let response = fetcher().send(request).await.unwrap();
    assert_eq!((response.status(), &response.headers()["x-told"]), (StatusCode::FORBIDDEN, &"yes".parse().unwrap()));
    assert_eq!(response.body(), b"no");
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("POST / HTTP/1.1\r\n") && sent.contains("x-own: 1\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nAction=GetCallerIdentity"), "{sent}");
}

#[tokio::test]
async fn only_https_is_asked_and_http_on_this_machine_alone_where_allowed() {
    let allowed = fetcher();
    let refused = Fetcher::new(FetchOptions { http_allowed_for_loopback: false, ..options() }).unwrap();
    for url in ["http://127.0.0.1:1/", "http://127.1.2.3/", "http://[::1]:80/x"] {
        allowed.check(url).unwrap();
        assert_eq!(refused.check(url), Err(FetchError::Address("it is not https")), "{url}");
    }
    for url in [
        "http://issuer.example/",
        "http://localhost/",
        "http://127.0.0.1.evil.example/",
        "http://127.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
        "http://127.0.0.1@evil.example/",
        "https://user:password@issuer.example/",
        "file:///etc/passwd",
        "ftp://issuer.example/",
        "unix:/run/x",
        "/keys",
        "issuer.example:443",
        "https://",
        "https:///keys",
        "",
        "https://a b/",
    ] {
        assert!(matches!(allowed.check(url), Err(FetchError::Address(_))), "{url}");
        assert!(matches!(allowed.get(url).await, Err(FetchError::Address(_))), "{url}");
    }
    allowed.check("https://issuer.example:8443/keys?x#y").unwrap();
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = TestServer::http(|_| Answer::Body(b"stolen".to_vec())).await;
    let location = format!("location: {}\r\n", target.url("/"));
    for line in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = location.clone();
        let server = TestServer::http(move |_| Answer::status(line, &location)).await;
        let error = fetcher().get(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, FetchError::Status(status) if status.is_redirection()), "{error:?}");
    }
    assert_eq!(target.requests(), [""; 0]);
}

#[tokio::test]
async fn every_other_status_than_200_is_an_error_of_get() {
    for line in ["204 No Content", "206 Partial", "404 Not Found", "500 Oops"] {
        let server = TestServer::http(move |_| Answer::status(line, "")).await;
        let error = fetcher().get(&server.url("/")).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("the answer has status {}", &line[..3])), "{error}");
    }
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_the_limit_and_no_longer() {
    for (length, fits) in [(1000, true), (1001, false), (5_000_000, false)] {
        let server = TestServer::http(move |_| Answer::Body(vec![b'x'; length])).await;
        let found = fetcher().get(&server.url("/")).await;
        if fits {
            assert_eq!(found.unwrap().len(), length);
        } else {
            assert_eq!(found.unwrap_err(), FetchError::TooLong(1000));
        }
    }
    let server = TestServer::http(|_| Answer::Endless).await;
    assert_eq!(fetcher().get(&server.url("/")).await.unwrap_err(), FetchError::TooLong(1000));
}

#[tokio::test]
async fn a_head_that_never_ends_is_bounded_too() {
    let server = TestServer::http(|_| Answer::Raw(format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1_000_000)))).await;
    let error = fetcher().get(&server.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = TestServer::http(|_| Answer::Silence).await;
    let fetcher = fetcher();
    let url = server.url("/");
    let get = fetcher.get(&url);
    tokio::pin!(get);
    tokio::select! {
        biased;
        found = &mut get => panic!("{found:?}"),
        () = server.has_been_asked(1) => {}
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(get.await.unwrap_err(), FetchError::Timeout(Duration::from_secs(5)));
}

#[tokio::test]
async fn what_is_no_http_says_so_without_the_address() {
    for raw in ["", "hello\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"] {
        let server = TestServer::http(move |_| Answer::Raw(raw.to_owned())).await;
        let error = fetcher().get(&server.url("/?token=secret")).await.unwrap_err();
        assert!(matches!(error, FetchError::Transport(_)), "{raw:?}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error_with_the_cause() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = fetcher().get(&format!("http://{address}/")).await.unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn a_ca_bundle_without_a_good_certificate_never_means_the_machines_own() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in ["", "no pem", broken, key] {
        let error = Fetcher::new(FetchOptions { ca_pem: Some(pem.into()), ..options() }).unwrap_err();
        assert!(matches!(error, FetchError::Ca(_)), "{pem}: {error:?}");
    }
}
