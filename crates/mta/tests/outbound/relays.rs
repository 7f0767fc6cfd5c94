//! Relay and Local routes: AUTH, LMTP, IP literals, mailboxes.

use policy::{AttemptOutcome, NextHop};

use crate::peer::Peer;
use crate::stage::{CONTENT, Setting, Stage, letter, relay};

fn settings(relay: &str) -> String {
    format!(
        r#"{{
            "SystemSettings": {{"defaultHostname": "me.example.org"}},
            "MtaRoute": [{{"@type": "Relay", "name": "relay", {relay}}}],
            "MtaTlsStrategy": [{{"name": "plain", "startTls": "disable"}}],
            "MtaOutboundStrategy": {{"route": "'relay'", "tls": "'plain'"}},
            "Domain": [{{"name": "example.org", "aliases": ["alias.example"], "catchAllAddress": "anna@example.org"}},
                       {{"name": "strict.example"}}],
            "Account": [{{"name": "anna@example.org", "aliases": ["info@example.org"]}},
                        {{"name": "full@strict.example", "quota": 10}}]
        }}"#
    )
}

const HELLO: &str = "S: 220 relay
    C: EHLO me.example.org
    S: 250-relay\n";
const TRANSACTION: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: RCPT TO:<b@example.com>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";
const TO: &[&str] = &["a@example.net", "b@example.com"];

/// A relay at an IP address without a name.
fn at(address: &str, peer: &Peer, more: &str) -> Stage {
    let relay = format!(r#""address": "{address}", "port": 2525{more}"#);
    Setting::new().road(address, peer.address).build(&settings(&relay))
}

const LOGIN: &str = r#", "authUsername": "user", "authSecret": {"@type": "Value", "secret": "pass"}, "allowInvalidCerts": true"#;

// proves: 5.17 grouping, 5.17 loopback
#[tokio::test]
async fn an_address_needs_no_dns_and_all_domains_share_one_transaction() {
    let peer = Peer::plays(&[&format!("{HELLO}S: 250 PIPELINING\n{TRANSACTION}")]).await;
    let stage = at("192.0.2.1", &peer, "");
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250", "delivered 250"]);
    stage.connections.close().await;
    assert_eq!(peer.over().await, [format!("{CONTENT}.\r\n")]);
}

// proves: G7
#[tokio::test]
async fn a_relay_that_dns_does_not_know_only_defers() {
    let stage = Setting::new().build(&settings(r#""address": "relay.example.org""#));
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.4.3 connection"; 2]);
}

// proves: 5.17 AUTH
#[tokio::test]
async fn authenticates_on_loopback_without_tls() {
    let plain = format!(
        "{HELLO}S: 250-AUTH PLAIN\nS: 250 PIPELINING\nC: AUTH PLAIN AHVzZXIAcGFzcw==\nS: 235 ok\n{TRANSACTION}"
    );
    let login = format!(
        "{HELLO}S: 250-AUTH LOGIN\nS: 250 PIPELINING
        C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGFzcw==\nS: 235 ok\n{TRANSACTION}"
    );
    for script in [plain, login] {
        let peer = Peer::plays(&[&script]).await;
        let stage = at("127.0.0.1", &peer, LOGIN);
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250", "delivered 250"]);
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: G4, 5.17 AUTH
#[tokio::test]
async fn a_refused_password_defers_and_is_not_tried_again_at_once() {
    let refused = format!("{HELLO}S: 250 AUTH PLAIN\nC: AUTH PLAIN AHVzZXIAcGFzcw==\nS: 535 5.7.8 no");
    let peer = Peer::plays(&[&refused]).await;
    let stage = at("127.0.0.1", &peer, LOGIN);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.7.8 connection"; 2]);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.3.0 io"; 2]);
    assert_eq!(stage.tried(), ["127.0.0.1"]);
    peer.over().await;
}

// proves: G4, 5.17 AUTH
#[tokio::test]
async fn no_mechanism_in_common_defers() {
    for offered in ["AUTH CRAM-MD5", "HELP"] {
        let peer = Peer::plays(&[&format!("{HELLO}S: 250 {offered}")]).await;
        let stage = at("127.0.0.1", &peer, LOGIN);
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.7.4 connection"; 2]);
        peer.over().await;
    }
}

// proves: G5, 5.17 AUTH
#[tokio::test]
async fn a_password_never_leaves_this_machine_in_clear() {
    // STARTTLS is not offered, whether the strategy would use it or not: no AUTH is said.
    let disabled = settings(&format!(r#""address": "192.0.2.1"{LOGIN}"#));
    let optional = disabled.replace("'plain'", "'default'");
    for settings in [disabled, optional] {
        let peer = Peer::plays(&[&format!("{HELLO}S: 250 AUTH PLAIN LOGIN")]).await;
        let stage = Setting::new().road("192.0.2.1", peer.address).build(&settings);
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.7.10 tls"; 2]);
        peer.over().await;
    }
}

fn lmtp(data: &str) -> String {
    format!(
        "S: 220 store
        C: LHLO me.example.org
        S: 250-store
        S: 250 PIPELINING
        C: MAIL FROM:<from@example.org>
        C: RCPT TO:<a@example.net>
        C: RCPT TO:<b@example.com>
        C: DATA
        S: 250 ok\n{data}"
    )
}

// proves: G1, G3, 5.2.2, 5.2.3
#[tokio::test]
async fn lmtp_replies_belong_to_one_recipient_each() {
    for (data, expected) in [
        (
            "S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 250 2.0.0 ok\nS: 452 4.2.2 full",
            ["delivered 250", "deferred 4.2.2 unexpected-reply"],
        ),
        (
            "S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 552 5.2.2 full\nS: 250 ok",
            ["failed 5.2.2 unexpected-reply", "delivered 250"],
        ),
        (
            "S: 550 5.1.1 no\nS: 250 ok\nS: 354 go\n= content\nS: 250 ok",
            ["failed 5.1.1 unexpected-reply", "delivered 250"],
        ),
        (
            "S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 250 ok\n= close",
            ["delivered 250", "deferred 4.4.2 connection in doubt"],
        ),
    ] {
        let peer = Peer::plays(&[&lmtp(data)]).await;
        let stage = at("127.0.0.1", &peer, r#", "protocol": "lmtp""#);
        assert_eq!(stage.delivers(relay(), letter(TO)).await, expected, "{data}");
        stage.connections.close().await;
        peer.over().await;
    }
}

#[tokio::test]
async fn lmtp_is_the_last_hop() {
    let peer =
        Peer::plays(&[&lmtp("S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 250 ok\nS: 250 ok")]).await;
    let stage = at("127.0.0.1", &peer, r#", "protocol": "lmtp""#);
    for (_, outcome) in stage.attempts(relay(), letter(TO)).await.outcomes {
        assert!(matches!(outcome, AttemptOutcome::Delivered(delivered) if delivered.last_hop));
    }
    stage.connections.close().await;
    peer.over().await;
}

// proves: G2, G11
#[tokio::test]
async fn a_server_that_does_not_speak_lmtp_defers() {
    let peer = Peer::plays(&["S: 220 smtp\nC: LHLO me.example.org\nS: 500 what"]).await;
    let stage = at("127.0.0.1", &peer, r#", "protocol": "lmtp""#);
    let outcomes = stage.delivers(relay(), letter(TO)).await;
    assert_eq!(outcomes, ["deferred 4.0.0 unexpected-reply"; 2]);
    peer.over().await;
}

// proves: J1
#[tokio::test]
async fn an_unknown_route_only_defers() {
    let stage = Setting::new().build(&settings(r#""address": "192.0.2.1""#));
    let gone = NextHop::Relay { route: "gone".to_owned() };
    assert_eq!(stage.delivers(gone, letter(TO)).await, ["deferred 4.3.0 io"; 2]);
    let changed = NextHop::Relay { route: "mx".to_owned() };
    assert_eq!(stage.delivers(changed, letter(TO)).await, ["deferred 4.3.0 io"; 2]);
}

#[tokio::test]
async fn local_copies_are_one_for_each_account() {
    let stage = Setting::new().build(&settings(r#""address": "192.0.2.1""#));
    let local = NextHop::Local { route: "local".to_owned() };
    let to = [
        "anna@example.org",
        "INFO@alias.example",
        "anyone@example.org",
        "nobody@strict.example",
        "full@strict.example",
        "x@example.com",
    ];
    let report = stage.attempts(local, letter(&to)).await;
    let outcomes: Vec<String> =
        report.outcomes.iter().map(|(_, outcome)| crate::stage::words(outcome)).collect();
    assert_eq!(
        outcomes,
        [
            "delivered 250",
            "delivered 250",
            "delivered 250",
            "failed 5.1.1 unexpected-reply",
            "deferred 4.2.2 io",
            "failed 5.1.1 unexpected-reply",
        ]
    );
    assert_eq!(report.deposits.len(), 1);
    let deposit = &report.deposits[0];
    assert_eq!(
        (deposit.account.to_string().as_str(), deposit.mailbox.as_str()),
        ("anna@example.org", "INBOX")
    );
    assert_eq!(
        deposit.prefix.as_ref(),
        b"Return-Path: <from@example.org>\r\nDelivered-To: anna@example.org\r\n"
    );
}
