//! What comes before, around and instead of mail: proxies, TLS that ends too soon, clients of other protocols.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use mta::listen::ConnectionLimits;
use tokio::time::Instant;

use self::support::{PATIENCE, Server, listener};

const MAIL: &str = "MAIL FROM:<carl@client.example>";
const RCPT: &str = "RCPT TO:<anna@example.org>";

/// A server whose listener `smtp` knows this machine as a proxy.
fn behind_a_proxy() -> Server {
    let mut smtp = listener("smtp");
    smtp.proxy_networks = vec!["127.0.0.0/8".parse().unwrap()];
    Server::start_with(vec![smtp], ConnectionLimits::default())
}

// proves: D15
#[tokio::test]
async fn behind_a_proxy_the_trace_names_the_client() {
    let server = behind_a_proxy();
    let mut client = server.client("smtp").await;
    client.send("PROXY TCP4 203.0.113.9 198.51.100.1 50000 25\r\n").await;
    client.expect("220").await;
    client.ask("EHLO client.example", "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.ask("Subject: one\r\n\r\n.", "250").await;
    let queued = server.queued().await;
    assert_eq!(queued[0].0.envelope.origin.client_ip.to_string(), "203.0.113.9");
    assert!(String::from_utf8_lossy(&queued[0].1).contains("Received: from client.example ([203.0.113.9])"));
    server.stop().await;
}

// proves: D15
#[tokio::test]
async fn a_proxy_without_a_header_and_a_header_without_a_proxy_are_turned_away() {
    let server = behind_a_proxy();
    let mut client = server.client("smtp").await;
    client.send("EHLO client.example\r\n").await;
    assert!(client.is_closed().await);
    server.stop().await;

    let server = Server::start();
    let mut client = server.client("smtp").await;
    client.expect("220").await;
    client.ask("PROXY TCP4 10.0.0.1 198.51.100.1 50000 25", "554").await;
    assert!(client.is_closed().await);
    server.stop().await;
}

// proves: F17
#[tokio::test]
async fn tls_that_ends_without_saying_so_does_not_end_a_message() {
    let server = Server::start();
    let mut client = server.client("smtps").await;
    client.expect("220").await;
    client.ask("EHLO client.example", "250").await;
    client.ask(MAIL, "250").await;
    client.ask(RCPT, "250").await;
    client.ask("DATA", "354").await;
    client.send("Subject: half\r\n\r\nAnd then\r\n").await;
    drop(client);
    let mut other = server.client("smtp").await;
    other.expect("220").await;
    other.ask("QUIT", "221").await;
    assert!(server.queued().await.is_empty());
    server.stop().await;
}

// proves: F16
#[tokio::test]
async fn rubbish_instead_of_a_client_hello_ends_that_connection_alone() {
    let server = Server::start();
    let huge_name = [&[0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb][..], &[0; 16_379]].concat();
    for rubbish in [&huge_name[..], b"\0\0\0\0\0\0\0\0", b"EHLO client.example\r\n"] {
        let mut client = server.client("smtp").await;
        client.expect("220").await;
        client.ask("EHLO client.example", "250").await;
        client.ask("STARTTLS", "220").await;
        client.send(rubbish).await;
        client.half_close().await;
        while client.line().await.is_some() {}
    }
    let mut client = server.client("smtps").await;
    client.expect("220").await;
    server.stop().await;
}

// proves: F18
#[tokio::test]
async fn a_browser_is_turned_away_at_its_first_word() {
    let server = Server::start();
    for word in ["GET / HTTP/1.1", "POST /mail HTTP/1.1"] {
        let mut client = server.client("smtp").await;
        client.expect("220").await;
        client.ask(word, "554").await;
        assert!(client.is_closed().await);
    }
    server.stop().await;
}

// proves: F19
#[tokio::test]
async fn who_only_begins_a_handshake_is_left() {
    let mut smtps = listener("smtps");
    smtps.times.handshake = Duration::from_millis(50);
    let server = Server::start_with(vec![smtps], ConnectionLimits::default());
    let begun = Instant::now();
    let stream = tokio::net::TcpStream::connect(server.address("smtps")).await.unwrap();
    let mut byte = [0];
    stream.readable().await.unwrap();
    assert!(matches!(stream.try_read(&mut byte), Ok(0)), "the server closes");
    assert!(begun.elapsed() < PATIENCE);
    server.stop().await;
}
