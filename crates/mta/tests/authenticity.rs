//! Whose mail is it? Own mail is signed before it is queued, strangers' mail is checked, and nobody speaks for us.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use mail::{Domain, Source};
use mta::Resolver;
use mta::listen::ConnectionLimits;
use mta::sign::{NewKey, generate, open};
use policy::Configuration;
use policy::check::Environment;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use store::{MemoryStore, Queue, Spool, SqliteOptions, SqliteStore, Store};
use support::{Client, HOST, Server, listener};

/// `pass.example` lets loopback send and wants the rest refused, `fail.example` lets nobody, `broken.example` is silent.
struct Zone;

#[async_trait]
impl Resolver for Zone {
    async fn mx(&self, _: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn addresses(&self, _: &str, _: Family) -> Addresses {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        let record = match name {
            "pass.example" => "v=spf1 ip4:127.0.0.1 -all",
            "fail.example" => "v=spf1 -all",
            "_dmarc.pass.example" | "_dmarc.fail.example" => "v=DMARC1; p=reject",
            "broken.example" | "_dmarc.broken.example" => {
                return Err(DnsError::Failed("SERVFAIL".to_owned()));
            }
            _ => return Err(DnsError::NoSuchName(Security::Unchecked)),
        };
        Ok(Answer { records: vec![record.to_owned()], security: Security::Unchecked, canonical: None })
    }
    async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn tlsa(&self, _: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
    async fn srv(&self, _: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
}

fn configuration(more: &str) -> Configuration {
    let environment =
        Environment { hostname: Some(HOST.to_owned()), open_key: Some(open), ..Environment::default() };
    let json = format!(
        r#"{{"Domain": [{{"name": "example.org"}}], "Account": [
            {{"name": "anna@example.org", "secret": "secret", "aliases": ["info@example.org"]}},
            {{"name": "bert@example.org"}}]{more}}}"#
    );
    Configuration::from_settings_json(&json, &environment).unwrap()
}

/// Two keys of `example.org`.
fn keys() -> String {
    let key = |name: &str, kind| {
        let pem = generate(kind).unwrap().replace('\n', "\\n");
        format!(
            r#"{{"name": "{name}", "domain": "example.org", "selector": "{name}",
                 "key": {{"@type": "Value", "secret": "{pem}"}}}}"#
        )
    };
    format!(r#", "DkimSignature": [{}, {}]"#, key("e", NewKey::Ed25519), key("r", NewKey::Rsa2048))
}

fn start(settings: &str) -> Server {
    let memory = Arc::new(MemoryStore::new());
    let world = Server::world(Arc::clone(&memory) as Arc<dyn Store>, Arc::new(Zone));
    let listeners = ["smtp", "lmtp", "submission", "relay"].map(listener).to_vec();
    Server::start_in(memory, world, configuration(settings), listeners, ConnectionLimits::default())
}

const VERIFY: &str = r#", "SenderAuthSettings": {"spfVerify": "relaxed", "dkimVerify": "relaxed", "dmarcVerify": "relaxed", "arcVerify": "relaxed"}"#;

async fn begin(server: &Server, listener: &str, from: &str, to: &str) -> Client {
    let mut client = server.client(listener).await;
    client.expect("220").await;
    let hello = if listener == "lmtp" { "LHLO client.example" } else { "EHLO client.example" };
    client.ask(hello, "250").await;
    if listener == "submission" {
        client.ask("AUTH PLAIN AGluZm9AZXhhbXBsZS5vcmcAc2VjcmV0", "235").await;
    }
    client.ask(&format!("MAIL FROM:<{from}>"), "250").await;
    client.ask(&format!("RCPT TO:<{to}>"), "250").await;
    client.ask("DATA", "354").await;
    client
}

/// What is queued of a message, or the reply that refused it.
async fn send(
    server: &Server,
    listener: &str,
    from: &str,
    to: &str,
    content: &str,
) -> Result<(Source, String), String> {
    let mut client = begin(server, listener, from, to).await;
    client.send(format!("{content}\r\n.\r\n")).await;
    let reply = client.reply().await;
    if !reply.starts_with("250") {
        return Err(reply);
    }
    let (claim, content) = server.queued().await.pop().unwrap();
    Ok((claim.envelope.origin.source, String::from_utf8(content).unwrap()))
}

#[tokio::test]
async fn authenticated_mail_of_our_domain_is_signed_with_every_key() {
    let server = start(&keys());
    let (source, content) =
        send(&server, "submission", "anna@example.org", "x@far.example", "From: anna@example.org\r\n\r\nhi")
            .await
            .unwrap();
    assert_eq!(source, Source::Authenticated);
    assert!(content.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;"), "{content}");
    assert_eq!(content.matches("\r\nDKIM-Signature: v=1; a=rsa-sha256;").count(), 1, "{content}");
    assert!(
        content.contains("\r\nReceived: from client.example") && content.ends_with("\r\n\r\nhi\r\n"),
        "{content}"
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_ours_is_not_signed() {
    let server = start(&keys());
    // An account of ours may send for another domain, but we do not vouch for that one.
    let (_, content) =
        send(&server, "submission", "anna@elsewhere.example", "x@far.example", "From: a@b.example\r\n\r\nhi")
            .await
            .unwrap();
    assert!(content.starts_with("Received:"), "{content}");
    // A stranger who says that he is one of us.
    let (_, content) =
        send(&server, "smtp", "anna@example.org", "bert@example.org", "From: anna@example.org\r\n\r\nhi")
            .await
            .unwrap();
    assert!(!content.contains("DKIM-Signature"), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn a_network_that_may_relay_is_signed_for_and_otherwise_left_alone() {
    let claim = "Authentication-Results: mx.example.org; spf=pass\r\nFrom: anna@example.org\r\n\r\nhi";
    let server = start(&keys());
    let (_, content) = send(&server, "relay", "anna@example.org", "x@far.example", claim).await.unwrap();
    assert_eq!(content.matches("DKIM-Signature:").count(), 2, "{content}");
    server.stop().await;
    // A filter of ours that hands mail back has written it.
    let server = start("");
    let (_, content) = send(&server, "relay", "anna@example.org", "x@far.example", claim).await.unwrap();
    assert!(content.starts_with("Received:") && content.ends_with(&format!("{claim}\r\n")), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn nobody_speaks_for_us() {
    let server = start("");
    for (listener, to) in
        [("smtp", "bert@example.org"), ("submission", "x@far.example"), ("lmtp", "bert@example.org")]
    {
        let content = "A: b\r\nAuthentication-Results: mx.example.org;\r\n\tdmarc=pass\r\n\
                       Authentication-Results: mx.other.example; spf=pass\r\nFrom: a@b.example\r\n\r\n\
                       Authentication-Results: mx.example.org; in the body";
        let (_, content) = send(&server, listener, "a@b.example", to, content).await.unwrap();
        let expected = "\r\nA: b\r\nAuthentication-Results: mx.other.example; spf=pass\r\nFrom: a@b.example\r\n\r\n\
                        Authentication-Results: mx.example.org; in the body\r\n";
        assert!(content.ends_with(expected), "{listener}: {content}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_passes_dmarc_has_a_source_of_its_own() {
    let server = start(VERIFY);
    let (source, content) =
        send(&server, "smtp", "a@pass.example", "bert@example.org", "From: a@pass.example\r\n\r\nhi")
            .await
            .unwrap();
    assert_eq!(source, Source::DmarcPass);
    assert!(
        content.starts_with(
            "Authentication-Results: mx.example.org;\r\n\tspf=pass smtp.mailfrom=a@pass.example;\r\n\tdkim=none;\r\n\
             \tdmarc=pass (p=reject) header.from=pass.example\r\nReceived: from client.example"
        ),
        "{content}"
    );
    // It is marked what fails, and taken.
    let (source, content) =
        send(&server, "smtp", "a@fail.example", "bert@example.org", "From: a@pass.example\r\n\r\nhi")
            .await
            .unwrap();
    assert_eq!(source, Source::Unauthenticated);
    assert!(content.contains("spf=fail") && content.contains("dmarc=fail (p=reject)"), "{content}");
    // So is what cannot be looked up.
    let (_, content) =
        send(&server, "smtp", "a@broken.example", "bert@example.org", "From: a@broken.example\r\n\r\nhi")
            .await
            .unwrap();
    assert!(content.contains("spf=temperror") && content.contains("dmarc=temperror"), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn what_comes_over_loopback_or_lmtp_is_not_checked_unless_said() {
    let server = start("");
    let (_, content) =
        send(&server, "smtp", "a@fail.example", "bert@example.org", "From: a@b.example\r\n\r\nhi")
            .await
            .unwrap();
    assert!(content.starts_with("Received:"), "{content}");
    server.stop().await;
    let server = start(VERIFY);
    let (_, content) =
        send(&server, "lmtp", "a@fail.example", "bert@example.org", "From: a@b.example\r\n\r\nhi")
            .await
            .unwrap();
    assert!(content.starts_with("Received:"), "{content}");
    server.stop().await;
}

#[tokio::test]
async fn a_strict_check_refuses_and_a_passing_trouble_is_for_later() {
    let check = async |property: &str, from: &str, author: &str, expected: &str| {
        let level = |name: &str| if name == property { "strict" } else { "relaxed" };
        let levels =
            ["spfVerify", "dkimVerify", "dmarcVerify"].map(|name| format!(r#""{name}": "{}""#, level(name)));
        let server = start(&format!(r#", "SenderAuthSettings": {{{}}}"#, levels.join(", ")));
        let sent =
            send(&server, "smtp", from, "bert@example.org", &format!("From: {author}\r\n\r\nhi")).await;
        let reply = sent.map_or_else(|reply| reply, |_| "250 taken".to_owned());
        assert!(reply.starts_with(expected), "{property} {from} {author}: {reply}");
        assert_eq!(server.queued().await.len(), usize::from(expected == "250"));
        server.stop().await;
    };
    check("spfVerify", "a@pass.example", "a@pass.example", "250").await;
    check("spfVerify", "a@fail.example", "a@pass.example", "550 5.7.23").await;
    check("spfVerify", "a@broken.example", "a@pass.example", "451 4.7.24").await;
    check("dmarcVerify", "a@pass.example", "a@pass.example", "250").await;
    check("dmarcVerify", "a@fail.example", "a@fail.example", "550 5.7.1 The DMARC policy of fail.example")
        .await;
    check("dmarcVerify", "a@broken.example", "a@broken.example", "451 4.7.1").await;
    check("dkimVerify", "a@pass.example", "a@pass.example", "250").await;
}

#[tokio::test]
async fn an_expression_may_refuse_by_all_that_was_found_out() {
    let settings = r#", "SenderAuthSettings": {
        "spfVerify": "relaxed", "dkimVerify": "relaxed", "dmarcVerify": "relaxed",
        "reject": {"match": [{"if": "sender_domain == 'pass.example'", "then": "false"}],
                   "else": "spf_result == 'fail' && dkim_result != 'pass' && dmarc_policy == 'reject' && from_domain == 'fail.example'"}}"#;
    let server = start(settings);
    let sent =
        send(&server, "smtp", "a@fail.example", "bert@example.org", "From: a@fail.example\r\n\r\nhi").await;
    assert!(sent.unwrap_err().starts_with("550 5.7.1"));
    send(&server, "smtp", "a@fail.example", "bert@example.org", "From: a@other.example\r\n\r\nhi")
        .await
        .unwrap();
    send(&server, "smtp", "a@pass.example", "bert@example.org", "From: a@fail.example\r\n\r\nhi")
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_header_without_end_is_refused_and_kept_in_bounds() {
    let server = start("");
    let endless = "X-Field: some value of it\r\n".repeat(20_000);
    let sent = send(&server, "smtp", "a@b.example", "bert@example.org", &endless).await;
    assert!(sent.unwrap_err().starts_with("552 5.3.4"));
    assert!(server.queued().await.is_empty());
    server.stop().await;
}

/// What is too large for memory has its signature before it too, after a restart as well.
#[tokio::test]
async fn a_large_message_is_signed_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(MemoryStore::new());
    let open_store = || SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap();
    let store = Arc::new(open_store());
    let world = Server::world(Arc::clone(&store) as Arc<dyn Store>, Arc::new(Zone));
    let listeners = vec![listener("submission")];
    let server =
        Server::start_in(memory, world, configuration(&keys()), listeners, ConnectionLimits::default());
    let mut client = begin(&server, "submission", "anna@example.org", "x@far.example").await;
    let lines: String = (0..30_000).map(|number| format!("line {number} of many\r\n")).collect();
    client.send(format!("From: anna@example.org\r\n\r\n{lines}.\r\n")).await;
    client.expect("250").await;
    server.stop().await;
    drop(store);
    let store = open_store();
    let claim = store.pending(None, 10).await.unwrap().pop().unwrap();
    let Some(store::Content::File(file)) = store.content(claim.envelope.message).await.unwrap() else {
        panic!("it is in a file")
    };
    let content = String::from_utf8(file.read().unwrap()).unwrap();
    assert!(content.starts_with("DKIM-Signature: v=1; a=ed25519-sha256;") && content.ends_with(&lines));
    assert_eq!((content.len() as u64, content.matches("DKIM-Signature:").count()), (claim.envelope.size, 2));
}
