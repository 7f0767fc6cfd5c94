//! What is said to peers that offer more or less: content that must be made to fit, DSN, DELIVERBY.

use std::time::Duration;

use mail::{ContentTraits, DeliverBy, DeliverByMode, Notify, Parameters};
use policy::AttemptOutcome;

use crate::peer::{Identity, Peer};
use crate::stage::{CONTENT, Letter, NOW, Setting, Stage, letter, mx, relay};

const SETTINGS: &str = r#"{
    "SystemSettings": { "defaultHostname": "me.example.org" },
    "MtaOutboundStrategy": { "route": "'mx'" }
}"#;

const EIGHT_BIT: ContentTraits = ContentTraits { eight_bit: true, binary: false, long_lines: false };

/// A peer that offers this, takes one message with these parameters by DATA, and says 250 to it.
fn takes(offers: &str, mail: &str, rcpt: &str) -> String {
    let offers: String = offers
        .split(',')
        .filter(|offer| !offer.is_empty())
        .map(|offer| format!("S: 250-{offer}\n"))
        .collect();
    format!(
        "S: 220 mx
        C: EHLO me.example.org
        S: 250-mx
        {offers}
        S: 250 HELP
        C: MAIL FROM:<from@example.org>{mail}
        S: 250 ok
        C: RCPT TO:<a@example.net>{rcpt}
        S: 250 ok
        C: DATA
        S: 354 go
        = content
        S: 250 queued"
    )
}

async fn stage(scripts: &[&str]) -> (Stage, Peer) {
    let peer = Peer::plays(scripts).await;
    let setting = Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).road("192.0.2.1", peer.address);
    (setting.build(SETTINGS), peer)
}

/// Delivers one letter; its outcome and the content that the peer got.
async fn deliver(script: &str, letter: Letter<'_>) -> (String, String) {
    let (stage, peer) = stage(&[script]).await;
    let outcome = stage.delivers(mx(), letter).await.remove(0);
    stage.connections.close().await;
    (outcome, peer.over().await.concat())
}

fn with(content: &str, traits: ContentTraits) -> Letter<'_> {
    let mut letter = letter(&["a@example.net"]);
    (letter.content, letter.traits) = (content, traits);
    letter
}

// proves: E16, H20
#[tokio::test]
async fn content_is_encoded_for_a_peer_without_8bitmime_and_declared_to_one_with_it() {
    let content =
        "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncaf\u{e9}\r\n";
    let encoded = "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n";
    let plain = takes("SIZE 1000", &format!(" SIZE={}", encoded.len()), "");
    let (outcome, got) = deliver(&plain, with(content, EIGHT_BIT)).await;
    assert_eq!((outcome.as_str(), got), ("delivered 250", format!("{encoded}.\r\n")));
    let eight = takes("8BITMIME", " BODY=8BITMIME", "");
    let (outcome, got) = deliver(&eight, with(content, EIGHT_BIT)).await;
    assert_eq!((outcome.as_str(), got), ("delivered 250", format!("{content}.\r\n")));
}

// proves: H6
#[tokio::test]
async fn a_long_line_is_encoded_and_never_cut() {
    let content = format!("MIME-Version: 1.0\r\n\r\n{}\r\n", "x".repeat(4247));
    let long_lines = ContentTraits { long_lines: true, ..ContentTraits::default() };
    let (outcome, got) = deliver(&takes("8BITMIME", "", ""), with(&content, long_lines)).await;
    assert_eq!(outcome, "delivered 250");
    assert!(got.split("\r\n").all(|line| line.len() <= 76), "{got}");
    let body = got.split_once("\r\n\r\n").expect("a body").1.replace("=\r\n", "");
    assert_eq!(body, format!("{}\r\n.\r\n", "x".repeat(4247)));
}

// proves: H2, 5.1.6
#[tokio::test]
async fn binary_content_is_encoded_for_a_peer_without_binarymime() {
    let content = "MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\n.\r\nMAIL\r";
    let binary = ContentTraits { binary: true, ..ContentTraits::default() };
    let (outcome, got) = deliver(&takes("8BITMIME", "", ""), with(content, binary)).await;
    assert_eq!(outcome, "delivered 250");
    assert!(got.ends_with("Content-Transfer-Encoding: base64\r\n\r\nCi4NCk1BSUwN\r\n.\r\n"), "{got}");
}

// proves: E16
#[tokio::test]
async fn what_must_not_be_changed_goes_to_the_host_that_takes_it_or_comes_back() {
    let content = "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ncaf\u{e9}\r\n--b--\r\n";
    let hello = "S: 220 mx\nC: EHLO me.example.org\nS: 250 mx";
    let (outcome, got) = deliver(hello, with(content, EIGHT_BIT)).await;
    assert_eq!((outcome.as_str(), got.as_str()), ("failed 5.6.3 unexpected-reply", ""));

    let (plain, eight) =
        (Peer::plays(&[hello]).await, Peer::plays(&[&takes("8BITMIME", " BODY=8BITMIME", "")]).await);
    let setting =
        Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).mx(20, "mx2.example.net", &["192.0.2.2"]);
    let stage = setting.road("192.0.2.1", plain.address).road("192.0.2.2", eight.address).build(SETTINGS);
    assert_eq!(stage.delivers(mx(), with(content, EIGHT_BIT)).await, ["delivered 250"]);
    stage.connections.close().await;
    plain.over().await;
    assert_eq!(eight.over().await, [format!("{content}.\r\n")]);
}

fn by(seconds: u64, mode: DeliverByMode, trace: bool) -> Parameters {
    let until = NOW.plus(Duration::from_secs(seconds));
    Parameters { deliver_by: Some(DeliverBy { until, mode, trace }), ..Parameters::default() }
}

// proves: H28
#[tokio::test]
async fn the_time_that_is_left_is_handed_on() {
    let mut letter = letter(&["a@example.net"]);
    letter.parameters = by(90, DeliverByMode::Return, false);
    let (outcome, _) = deliver(&takes("DELIVERBY 60", " BY=90;R", ""), letter).await;
    assert_eq!(outcome, "delivered 250");
}

#[tokio::test]
async fn a_message_to_be_returned_in_time_is_returned_where_nobody_promises_it() {
    let mut letter = letter(&["a@example.net"]);
    letter.parameters = by(90, DeliverByMode::Return, false);
    let (outcome, _) = deliver("S: 220 mx\nC: EHLO me.example.org\nS: 250 mx", letter).await;
    assert_eq!(outcome, "failed 5.4.7 unexpected-reply");
}

/// Whether the sender is told of a handing on: by the peer, by the way, and so by us as `relayed`.
// proves: 5.3.1
#[tokio::test]
async fn a_handing_on_is_told_of_where_the_peer_does_not() {
    let success = Notify { success: true, delay: false, failure: false, explicit: true };
    for (offers, mail, rcpt, notify, parameters, expected) in [
        ("DSN", "", " NOTIFY=SUCCESS", success, Parameters::default(), (true, false)),
        ("", "", "", success, Parameters::default(), (false, false)),
        ("DSN", "", "", Notify::DEFAULT, Parameters::default(), (false, false)),
        ("DELIVERBY", " BY=90;N", "", Notify::DEFAULT, by(90, DeliverByMode::Notify, false), (false, false)),
        ("", "", "", Notify::DEFAULT, by(90, DeliverByMode::Notify, false), (false, true)),
        ("DELIVERBY", " BY=90;RT", "", Notify::DEFAULT, by(90, DeliverByMode::Return, true), (false, true)),
    ] {
        let (stage, peer) = stage(&[&takes(offers, mail, rcpt)]).await;
        let mut letter = letter(&["a@example.net"]);
        (letter.notify, letter.parameters) = (notify, parameters);
        let report = stage.attempts(mx(), letter).await;
        let [(_, AttemptOutcome::Delivered(delivered))] = &report.outcomes[..] else { panic!("{report:?}") };
        assert_eq!((delivered.dsn_handed_on, delivered.traced), expected, "{offers} {mail}");
        assert!(!delivered.last_hop);
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: 5.17 final dot
#[tokio::test]
async fn any_2yz_to_the_final_dot_is_taken_and_touches_only_who_was_accepted() {
    for (code, expected) in [
        (250, "delivered 250"),
        (251, "delivered 251"),
        (299, "delivered 299"),
        (451, "deferred 4.0.0 unexpected-reply"),
        (554, "failed 5.0.0 unexpected-reply"),
        (354, "deferred 4.4.2 connection in doubt"),
    ] {
        let script = format!(
            "S: 220 mx
            C: EHLO me.example.org
            S: 250 mx
            C: MAIL FROM:<from@example.org>
            S: 250 ok
            C: RCPT TO:<a@example.net>
            S: 250 ok
            C: RCPT TO:<b@example.net>
            S: 550 5.1.1 no
            C: RCPT TO:<c@example.net>
            S: 450 4.2.1 later
            C: DATA
            S: 354 go
            = content
            S: {code} so"
        );
        let (stage, peer) = stage(&[&script]).await;
        let outcomes =
            stage.delivers(mx(), letter(&["a@example.net", "b@example.net", "c@example.net"])).await;
        let refused = ["failed 5.1.1 unexpected-reply", "deferred 4.2.1 unexpected-reply"];
        assert_eq!(outcomes, [expected, refused[0], refused[1]], "{code}");
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: D8
#[tokio::test]
async fn a_250_counts_although_the_peer_hangs_up_behind_it() {
    let script = takes("", "", "") + "\n= close";
    let (outcome, got) = deliver(&script, letter(&["a@example.net"])).await;
    assert_eq!((outcome.as_str(), got.len()), ("delivered 250", CONTENT.len() + 3));
}

// proves: G8, E17
#[tokio::test]
async fn what_a_peer_offers_counts_for_one_connection_only() {
    let content = "MIME-Version: 1.0\r\n\r\ncaf\u{e9}\r\n";
    let first =
        takes("8BITMIME,SIZE 1000", &format!(" SIZE={} BODY=8BITMIME", content.len()), "") + "\n= close";
    let (stage, peer) = stage(&[&first, &takes("", "", "")]).await;
    for _ in 0..2 {
        assert_eq!(stage.delivers(mx(), with(content, EIGHT_BIT)).await, ["delivered 250"]);
    }
    stage.connections.close().await;
    let got = peer.over().await;
    assert!(got[0].contains("caf\u{e9}") && got[1].contains("caf=C3=A9"), "{got:?}");
}

// proves: E15
#[tokio::test]
async fn a_message_is_too_large_only_if_every_host_says_so() {
    let hello = "S: 220 mx\nC: EHLO me.example.org\nS: 250-mx\nS: 250 SIZE 10";
    let size = format!(" SIZE={}", CONTENT.len());
    let roomy = takes("SIZE 1000", &size, "");
    for (second, expected) in [(roomy.as_str(), "delivered 250"), (hello, "failed 5.3.4 unexpected-reply")] {
        let (one, two) = (Peer::plays(&[hello]).await, Peer::plays(&[second]).await);
        let setting = Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).mx(
            20,
            "mx2.example.net",
            &["192.0.2.2"],
        );
        let stage = setting.road("192.0.2.1", one.address).road("192.0.2.2", two.address).build(SETTINGS);
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected]);
        stage.connections.close().await;
        one.over().await;
        two.over().await;
    }
}

// proves: 5.2.1
#[tokio::test]
async fn lmtp_over_implicit_tls_with_a_certificate_that_does_not_verify() {
    let settings = r#"{
        "SystemSettings": { "defaultHostname": "me.example.org" },
        "MtaRoute": [{ "@type": "Relay", "name": "relay", "address": "store.example.org", "port": 24,
            "protocol": "lmtp", "implicitTls": true, "allowInvalidCerts": true }],
        "MtaOutboundStrategy": { "route": {
            "match": [{ "if": "rcpt_domain == 'example.net'", "then": "'relay'" }], "else": "'mx'" } }
    }"#;
    let script = "= tls
        S: 220 store
        C: LHLO me.example.org
        S: 250 store
        C: MAIL FROM:<from@example.org>
        S: 250 ok
        C: RCPT TO:<a@example.net>
        S: 250 ok
        C: DATA
        S: 354 go
        = content
        S: 250 2.0.0 kept";
    let peer = Peer::plays_as(Some(&Identity::of("another.example.org")), &[script]).await;
    let setting = Setting::new().host("store.example.org", &["192.0.2.1"]).road("192.0.2.1", peer.address);
    let stage = setting.build(settings);
    assert_eq!(stage.delivers(relay(), letter(&["a@example.net"])).await, ["delivered 250"]);
    stage.connections.close().await;
    peer.over().await;
}
