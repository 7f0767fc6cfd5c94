//! The web client by itself: whom it asks, and what it takes for an answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mta::client_tls::ClientTls;
use mta::connect::TcpTransport;
use mta::web::{Https, is_certificate_error};
use mta::world::{Web, WebLimits};

use crate::peer::Identity;
use crate::policy_host::{Page, PolicyHost, Texts};
use crate::stage::Setting;

const LIMITS: WebLimits = WebLimits { body_bytes_max: 100, time_max: Duration::from_secs(60) };

/// A web client whose DNS knows `page.example` as this address.
fn client(identity: Option<&Identity>, address: &str, allow_loopback: bool) -> Https {
    let stage = Setting::new().host("page.example", &[address]).build("{}");
    let roots = identity.map(|identity| identity.certificate.clone()).into_iter().collect();
    let tls = ClientTls::new(roots).expect("a TLS configuration");
    Https::new(Texts::over(stage.world.resolver), Arc::new(TcpTransport), tls, 443, allow_loopback)
}

#[tokio::test]
async fn whatever_the_status_it_is_an_answer() {
    let identity = Identity::of("page.example");
    let chunks =
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for (page, status, kind, body) in [
        (Page::plain("hello"), 200, Some("text/plain; charset=utf-8"), "hello"),
        (Page::of("302 Found", "Location: https://page.example/x\r\n", ""), 302, None, ""),
        (Page::of("404 Not Found", "Content-Type: a/b\r\n", "none"), 404, Some("a/b"), "none"),
        (Page::Says(chunks.to_owned()), 200, Some("a/b"), "hi"),
    ] {
        let host = PolicyHost::serves(&identity, page).await;
        let url = format!("https://page.example:{}/a?b", host.address.port());
        let web = client(Some(&identity), "127.0.0.1", true);
        let answer = web.fetch(&url, LIMITS).await.expect("an answer");
        let got = (answer.status, answer.content_type.as_deref(), &*answer.body);
        assert_eq!(got, (status, kind, body.as_bytes()));
        assert_eq!(host.asked(), 1);
        assert!(host.requests()[0].starts_with(b"GET /a?b HTTP/1.1\r\n"));
    }
}

// proves: L5
#[tokio::test]
async fn nobody_makes_us_ask_this_machine() {
    let identity = Identity::of("page.example");
    let host = PolicyHost::serves(&identity, Page::plain("secret")).await;
    let port = host.address.port();
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "0.0.0.0"] {
        let web = client(Some(&identity), address, false);
        let error = web.fetch(&format!("https://page.example:{port}/"), LIMITS).await.expect_err(address);
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{address}: {error}");
    }
    let web = client(Some(&identity), "192.0.2.1", false);
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::1]:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("http://page.example:{port}/"),
        "ftp://page.example/".to_owned(),
        "/etc/passwd".to_owned(),
        String::new(),
    ] {
        web.fetch(&url, LIMITS).await.expect_err(&url);
    }
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn what_is_too_long_too_slow_or_unproven_is_an_error() {
    let identity = Identity::of("page.example");
    let host = PolicyHost::serves(&identity, Page::plain(&"x".repeat(101))).await;
    let url = format!("https://page.example:{}/", host.address.port());
    let web = client(Some(&identity), "127.0.0.1", true);
    let error = web.fetch(&url, LIMITS).await.expect_err("too long");
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    host.change(Page::Silent);
    let short = WebLimits { time_max: Duration::from_millis(200), ..LIMITS };
    let error = web.fetch(&url, short).await.expect_err("too slow");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let stranger = client(None, "127.0.0.1", true);
    let error = stranger.fetch(&url, LIMITS).await.expect_err("not trusted");
    assert!(is_certificate_error(&error), "{error}");
}
