//! Tests of routes: deliveries that end before DATA and leave no trace.

use std::time::Duration;

use mail::{Address, ReversePath};
use mta::connections::ConnectionLimits;
use mta::probe::{ProbeWatch, probe};
use policy::settings::MtaRoute;

use crate::peer::Peer;
use crate::stage::{NOW, Setting, Stage, letter, mx, relay, words};

const HELLO: &str = "S: 220 relay
    C: EHLO me.example.org
    S: 250-relay\n";
const LOGIN: &str = r#", "authUsername": "user", "authSecret": {"@type": "Value", "secret": "pass-canary"}, "allowInvalidCerts": true"#;

fn settings(more: &str, start_tls: &str) -> String {
    format!(
        r#"{{
            "SystemSettings": {{"defaultHostname": "me.example.org"}},
            "MtaRoute": [{{"@type": "Relay", "name": "relay", "address": "127.0.0.1", "port": 2525{more}}},
                         {{"@type": "Mx", "name": "mx"}}, {{"@type": "Local", "name": "local"}}],
            "MtaTlsStrategy": [{{"name": "plain", "startTls": "{start_tls}"}}],
            "MtaOutboundStrategy": {{"route": "'relay'", "tls": "'plain'"}},
            "Domain": [{{"name": "example.org"}}],
            "Account": [{{"name": "anna@example.org"}}]
        }}"#
    )
}

fn stage(peer: &Peer, more: &str, start_tls: &str) -> Stage {
    Setting::new().road("127.0.0.1", peer.address).build(&settings(more, start_tls))
}

fn route(stage: &Stage, name: &str) -> MtaRoute {
    MtaRoute::clone(&stage.configuration.routes[name])
}

/// What a probe of this route finds out: the outcome in short, the stages, what was said.
async fn probed(stage: &Stage, name: &str, to: &str) -> (String, Vec<String>, String) {
    let watch = ProbeWatch::new(NOW);
    let from = ReversePath::Address(Address::parse("from@example.org").expect("valid"));
    let paths = (from, Address::parse(to).expect("valid"));
    let route = route(stage, name);
    let outcome = probe(&stage.world, &stage.configuration, &stage.connections, &route, paths, &watch).await;
    let stages = watch.stages();
    let stages = stages.iter().map(|report| format!("{} {}", report.stage.name(), report.state.name()));
    let said: Vec<String> = watch.dialogue().lines.into_iter().map(|line| line.line).collect();
    (words(&outcome), stages.collect(), said.join("\n"))
}

#[tokio::test]
async fn a_route_that_works_is_asked_up_to_the_recipient_and_no_further() {
    for extensions in ["S: 250 PIPELINING\n", "S: 250 CHUNKING\n", "S: 250 HELP\n"] {
        let commands = match extensions.contains("PIPELINING") {
            true => "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nS: 250 ok\nS: 250 fine\n",
            false => "C: MAIL FROM:<from@example.org>\nS: 250 ok\nC: RCPT TO:<a@example.net>\nS: 250 fine\n",
        };
        let peer = Peer::plays(&[&format!("{HELLO}{extensions}{commands}")]).await;
        let stage = stage(&peer, "", "disable");
        let (outcome, stages, said) = probed(&stage, "relay", "a@example.net").await;
        assert_eq!(outcome, "delivered 250", "{said}");
        assert_eq!(stages, ["resolve done", "connect done", "mail done", "rcpt done"]);
        assert!(!said.contains("DATA") && !said.contains("BDAT"), "{said}");
        assert!(peer.over().await.is_empty());
    }
}

// proves: L6
#[tokio::test]
async fn a_wrong_password_is_told_and_does_not_stop_deliveries() {
    let refused = format!(
        "{HELLO}S: 250-AUTH PLAIN\nS: 250 HELP\nC: AUTH PLAIN AHVzZXIAcGFzcy1jYW5hcnk=\nS: 535 5.7.8 pass-canary is wrong"
    );
    let peer = Peer::plays(&[&refused, &refused]).await;
    let stage = stage(&peer, LOGIN, "disable");
    for _ in 0..2 {
        // Not held back by the first: whoever tests has mended something in between.
        let (outcome, stages, said) = probed(&stage, "relay", "a@example.net").await;
        assert_eq!(outcome, "deferred 4.7.8 connection");
        assert_eq!(stages, ["resolve done", "connect done", "auth failed"]);
        assert!(said.contains("AUTH PLAIN ****") && !said.contains("canary"), "{said}");
    }
    peer.over().await;
}

#[tokio::test]
async fn a_refused_recipient_and_a_refused_sender_are_told_apart() {
    for (replies, expected) in [
        ("S: 250 ok\nS: 550 5.1.1 nobody\n", "rcpt failed"),
        ("S: 550 5.7.1 not you\nS: 503 no\n", "mail failed"),
    ] {
        let script = format!(
            "{HELLO}S: 250 PIPELINING\nC: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\n{replies}"
        );
        let peer = Peer::plays(&[&script]).await;
        let stage = stage(&peer, "", "disable");
        let (outcome, stages, _) = probed(&stage, "relay", "a@example.net").await;
        assert!(outcome.starts_with("failed 5."), "{outcome}");
        assert_eq!(stages.last().map(String::as_str), Some(expected));
        peer.over().await;
    }
}

#[tokio::test]
async fn no_tls_where_tls_must_be_is_told() {
    let peer = Peer::plays(&[&format!("{HELLO}S: 250 HELP")]).await;
    let stage = stage(&peer, "", "require");
    let (outcome, stages, _) = probed(&stage, "relay", "a@example.net").await;
    assert!(!outcome.starts_with("delivered"), "{outcome}");
    assert!(stages.last().is_some_and(|last| last.ends_with("failed")), "{stages:?}");
    peer.over().await;
}

#[tokio::test]
async fn a_dead_host_is_told_and_no_delivery_learns_of_it() {
    let stage = Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).build(&settings("", "disable"));
    let (outcome, stages, _) = probed(&stage, "mx", "a@example.net").await;
    assert_eq!(outcome, "deferred 4.4.1 connection");
    assert_eq!(stages, ["resolve done", "connect failed"]);
    let written = stage.world.store.scan("down", None, 10, NOW).await.unwrap();
    assert!(written.is_empty(), "{written:?}");
    let (outcome, stages, _) = probed(&stage, "mx", "a@nowhere.example").await;
    assert_eq!(stages, ["resolve failed"], "{outcome}");
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["deferred 4.4.1 connection"]);
}

#[tokio::test]
async fn a_local_route_says_whether_there_is_such_an_account() {
    let stage = Setting::new().build(&settings("", "disable"));
    assert_eq!(probed(&stage, "local", "anna@example.org").await.0, "delivered 250");
    assert_eq!(probed(&stage, "local", "nobody@example.org").await.1, ["resolve failed"]);
    let anna = Address::parse("anna@example.org").unwrap();
    assert_eq!(stage.world.store.usage(&anna).await.unwrap(), 0);
}

#[tokio::test]
async fn a_kept_connection_is_not_taken() {
    let script =
        format!("{HELLO}S: 250 PIPELINING\nC: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\n");
    let sends = format!("{script}C: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 250 queued\n");
    let asks = format!("{script}S: 250 ok\nS: 250 ok\n");
    let peer = Peer::plays(&[&sends, &asks]).await;
    let limits =
        ConnectionLimits { idle_time_max: Duration::from_millis(100), ..ConnectionLimits::default() };
    let setting = Setting::new().road("127.0.0.1", peer.address).limits(limits);
    let stage = setting.build(&settings("", "disable"));
    assert_eq!(stage.delivers(relay(), letter(&["a@example.net"])).await, ["delivered 250"]);
    let (outcome, ..) = probed(&stage, "relay", "a@example.net").await;
    assert_eq!(outcome, "delivered 250");
    assert_eq!(stage.connections.counters().reused, 0);
    stage.connections.close().await;
    peer.over().await;
}
