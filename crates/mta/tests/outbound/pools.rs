//! Relays with several hosts: their order, failover at every stage, hosts that are known to be down.

use crate::peer::Peer;
use crate::stage::{CONTENT, Setting, Stage, letter, relay};

fn settings(relay: &str) -> String {
    format!(
        r#"{{
            "SystemSettings": {{"defaultHostname": "me.example.org"}},
            "MtaRoute": [{{"@type": "Relay", "name": "relay", {relay}}}],
            "MtaTlsStrategy": [{{"name": "plain", "startTls": "disable"}},
                               {{"name": "strict", "startTls": "require"}}],
            "MtaOutboundStrategy": {{"route": "'relay'", "tls": "'plain'"}}
        }}"#
    )
}

const HELLO: &str = "S: 220 relay
    C: EHLO me.example.org
    S: 250-relay
    S: 250 PIPELINING\n";
const TAKEN: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";
const TO: &[&str] = &["a@example.net"];

fn takes() -> String {
    format!("{HELLO}{TAKEN}")
}

const POOL: &str = r#""addresses": [{"address": "192.0.2.1"}, {"address": "192.0.2.2"}]"#;

/// A pool of two addresses that lead to these peers.
fn pool(first: &Peer, second: &Peer, relay: &str) -> Stage {
    let limits = mta::connections::ConnectionLimits { messages_max: 1, ..Default::default() };
    let setting = Setting::new().road("192.0.2.1", first.address).road("192.0.2.2", second.address);
    setting.limits(limits).build(&settings(relay))
}

// proves: 5.17 failover by stage
#[tokio::test]
async fn whatever_stage_a_host_fails_at_the_next_takes_the_message_in_the_same_attempt() {
    for (stage, script) in [
        ("greeting", "S: 421 busy".to_owned()),
        ("greeting, for good", "S: 554 no".to_owned()),
        ("greeting, cut", "= close".to_owned()),
        ("EHLO", "S: 220 relay\nC: EHLO me.example.org\nS: 450 later".to_owned()),
        ("EHLO, cut", "S: 220 relay\nC: EHLO me.example.org\n= close".to_owned()),
        (
            "MAIL",
            format!(
                "{HELLO}C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 451 later\nS: 503 no\nS: 503 no"
            ),
        ),
        (
            "RCPT",
            format!(
                "{HELLO}C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 250 ok\nS: 450 later\nS: 503 no"
            ),
        ),
        (
            "DATA",
            format!(
                "{HELLO}C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 451 no"
            ),
        ),
        (
            "DATA, cut",
            format!(
                "{HELLO}C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 250 ok\nS: 250 ok\n= close"
            ),
        ),
    ] {
        let first = Peer::plays(&[&script]).await;
        let second = Peer::plays(&[&takes()]).await;
        let stage_ = pool(&first, &second, POOL);
        assert_eq!(stage_.delivers(relay(), letter(TO)).await, ["delivered 250"], "{stage}");
        stage_.connections.close().await;
        assert_eq!(second.over().await, [format!("{CONTENT}.\r\n")], "{stage}");
    }
}

// proves: 5.17 failover by stage, 5.17 AUTH, G4
#[tokio::test]
async fn a_host_that_does_not_take_our_password_gives_way_to_the_next() {
    const HELLO: &str = "S: 220 relay\nC: EHLO me.example.org\nS: 250-relay\nS: 250-PIPELINING\n";
    let login = r#", "authUsername": "user", "authSecret": {"@type": "Value", "secret": "pass"}, "allowPlaintextAuth": true"#;
    let plain = "C: AUTH PLAIN AHVzZXIAcGFzcw==\n";
    for refusal in [
        format!("{HELLO}S: 250 AUTH PLAIN\n{plain}S: 535 5.7.8 no"),
        format!("{HELLO}S: 250 AUTH PLAIN\n{plain}S: 454 4.7.0 later"),
        format!("{HELLO}S: 250 AUTH PLAIN\n{plain}S: 534 5.7.9 weak"),
        format!("{HELLO}S: 250 AUTH CRAM-MD5"),
        format!("{HELLO}S: 250 HELP"),
    ] {
        let good = format!("{HELLO}S: 250 AUTH PLAIN\n{plain}S: 235 ok\n{TAKEN}");
        let (first, second) = (Peer::plays(&[&refusal]).await, Peer::plays(&[&good, &good]).await);
        let stage = pool(&first, &second, &format!("{POOL}{login}"));
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250"], "{refusal}");
        // The first is not shown our password again at once.
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250"], "{refusal}");
        assert_eq!(stage.tried(), ["192.0.2.1", "192.0.2.2", "192.0.2.2"], "{refusal}");
        first.over().await;
    }
}

// proves: 5.17 failover by stage
#[tokio::test]
async fn a_host_without_starttls_gives_way_to_the_next() {
    let strict = settings(&format!(r#"{POOL}, "requireTls": true"#));
    let first = Peer::plays(&[HELLO]).await;
    let second = Peer::plays(&["S: 421 busy"]).await;
    let setting = Setting::new().road("192.0.2.1", first.address).road("192.0.2.2", second.address);
    let stage = setting.build(&strict);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.0.0 unexpected-reply"]);
    assert_eq!(stage.tried(), ["192.0.2.1", "192.0.2.2"]);
    first.over().await;
    second.over().await;
}

#[tokio::test]
async fn a_refusal_for_good_is_not_offered_to_the_next_host() {
    let refused = format!(
        "{HELLO}C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 503 no"
    );
    let (first, second) = (Peer::plays(&[&refused]).await, Peer::plays(&[&takes()]).await);
    let stage = pool(&first, &second, POOL);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["failed 5.1.1 unexpected-reply"]);
    assert_eq!(stage.tried(), ["192.0.2.1"]);
}

// proves: D1, C22
#[tokio::test]
async fn a_host_that_is_known_to_be_down_is_passed_over_by_all() {
    let second = Peer::plays(&[&takes(), &takes(), &takes(), &takes()]).await;
    let limits = mta::connections::ConnectionLimits { messages_max: 1, ..Default::default() };
    let setting = Setting::new().road("192.0.2.2", second.address).limits(limits);
    let stage = setting.build(&settings(POOL));
    for _ in 0..4 {
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250"]);
    }
    // Two failures are enough.
    let expected = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.2"];
    assert_eq!(stage.tried(), expected);
    let rows = mta::health::rows(&*stage.world.store, stage.world.clock.now()).await.expect("a store");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].what, "host 192.0.2.1 (192.0.2.1:25)");
    assert!(rows[0].why.contains("refused") && rows[0].trial > rows[0].since, "{rows:?}");
}

#[tokio::test]
async fn nothing_is_returned_for_what_one_host_lacks_while_the_other_is_only_down() {
    let small = HELLO.replace("S: 250 PIPELINING", "S: 250-PIPELINING\n    S: 250 SIZE 10");
    let second = Peer::plays(&[&takes(), &takes(), &small]).await;
    let limits = mta::connections::ConnectionLimits { messages_max: 1, ..Default::default() };
    let setting = Setting::new().road("192.0.2.2", second.address).limits(limits);
    let stage = setting.build(&settings(POOL));
    for expected in ["delivered 250", "delivered 250", "deferred 4.4.1 connection"] {
        assert_eq!(stage.delivers(relay(), letter(TO)).await, [expected]);
    }
    let expected = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1"];
    assert_eq!(stage.tried(), expected);
}

#[tokio::test]
async fn where_all_are_down_one_is_tried_all_the_same() {
    let stage = Setting::new().build(&settings(POOL));
    for _ in 0..4 {
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.4.1 connection"]);
    }
    assert_eq!(stage.tried().len(), 2 + 2 + 1 + 1, "{:?}", stage.tried());
}

#[tokio::test]
async fn lmtp_goes_to_a_unix_socket() {
    let peer = Peer::plays(&["S: 220 store\nC: LHLO me.example.org\nS: 250-store\nS: 250 PIPELINING
        C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA
        S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 250 2.1.5 kept"])
    .await;
    let relay_ = r#""socket": "/run/lmtp", "protocol": "lmtp""#;
    let stage = Setting::new().socket("/run/lmtp", peer.address).build(&settings(relay_));
    let report = stage.attempts(relay(), letter(TO)).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    assert_eq!(report.ways[0].address.as_ref().map(ToString::to_string).as_deref(), Some("/run/lmtp"));
    stage.connections.close().await;
    peer.over().await;
    let nobody = Setting::new().build(&settings(relay_));
    assert_eq!(nobody.delivers(relay(), letter(TO)).await, ["deferred 4.4.1 connection"]);
}

// proves: G9
#[tokio::test]
async fn a_secret_that_is_not_there_defers_and_nobody_is_asked() {
    let peer = Peer::plays(&[&takes()]).await;
    let relay_ = r#""address": "127.0.0.1", "authUsername": "user",
        "authSecret": {"@type": "EnvironmentVariable", "variableName": "NOT_SET"}"#;
    let stage = Setting::new().road("127.0.0.1", peer.address).build(&settings(relay_));
    let report = stage.attempts(relay(), letter(TO)).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "deferred 4.3.5 io");
    let policy::AttemptOutcome::Deferred(trouble) = &report.outcomes[0].1 else { panic!("deferred") };
    assert!(trouble.text.contains("environment variable NOT_SET"), "{}", trouble.text);
    assert!(stage.tried().is_empty());
}
