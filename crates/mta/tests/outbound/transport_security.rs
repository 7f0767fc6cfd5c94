//! STARTTLS and implicit TLS: verified, unverified, refused, broken; and the ladder by the last error.

use policy::TroubleKind;

use crate::peer::{Identity, Peer};
use crate::stage::{Setting, Stage, letter, mx, relay};

pub(crate) const HELLO: &str = "S: 220 mx
    C: EHLO me.example.org
    S: 250-mx\n";
pub(crate) const UPGRADE: &str = "S: 250 STARTTLS
    C: STARTTLS
    S: 220 go
    = tls\n";
pub(crate) const SECOND_HELLO: &str = "C: EHLO me.example.org
    S: 250-mx
    S: 250 PIPELINING\n";
pub(crate) const TRANSACTION: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";
pub(crate) const TO: &[&str] = &["a@example.net"];

fn settings(more: &str) -> String {
    format!(
        r#"{{
            "SystemSettings": {{"defaultHostname": "me.example.org"}},
            "MtaRoute": [{{"@type": "Relay", "name": "relay", "address": "relay.example.org", "port": 465, {more}}}],
            "MtaTlsStrategy": [{{"name": "strict", "startTls": "require"}}]
        }}"#
    )
}

const PLAIN_RELAY: &str = r#""implicitTls": false"#;

/// One MX host whose peer shows this identity; its certificate is trusted if that is said.
async fn one_host(identity: &Identity, trusted: bool, tls: &str, script: &str) -> (Stage, Peer) {
    let peer = Peer::plays_as(Some(identity), &[script]).await;
    let mut setting =
        Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).road("192.0.2.1", peer.address);
    if trusted {
        setting = setting.trusts(&identity.certificate);
    }
    let settings = settings(PLAIN_RELAY);
    let strategy = format!(r#", "MtaOutboundStrategy": {{"tls": "{tls}"}}}}"#);
    let settings = format!("{}{strategy}", settings.trim_end().trim_end_matches('}'));
    (setting.build(&settings), peer)
}

#[tokio::test]
async fn starttls_with_a_certificate_that_verifies() {
    let identity = Identity::of("mx1.example.net");
    let script = format!("{HELLO}{UPGRADE}{SECOND_HELLO}{TRANSACTION}");
    for strategy in ["'default'", "'strict'"] {
        let (stage, peer) = one_host(&identity, true, strategy, &script).await;
        let report = stage.attempts(mx(), letter(TO)).await;
        assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
        assert_eq!(report.ways[0].tls, "TLSv1_3 TLS13_AES_256_GCM_SHA384 verified");
        stage.connections.close().await;
        assert_eq!(peer.over().await.len(), 1);
    }
}

// proves: F5, F6
#[tokio::test]
async fn a_certificate_that_does_not_verify_defers_and_nothing_goes_in_clear() {
    for (name, trusted) in [("mx1.example.net", false), ("other.example.net", true)] {
        let identity = Identity::of(name);
        let script = format!("{HELLO}{UPGRADE}");
        let (stage, peer) = one_host(&identity, trusted, "'default'", &script).await;
        assert_eq!(stage.delivers(mx(), letter(TO)).await, ["deferred 4.7.5 tls"]);
        assert_eq!(stage.tried(), ["192.0.2.1"]);
        assert_eq!(peer.over().await.len(), 0);
    }
}

// proves: F6, 5.6.1
#[tokio::test]
async fn the_next_attempt_accepts_what_the_strategy_then_allows() {
    let identity = Identity::of("other.example.net");
    let peer = Peer::plays_as(
        Some(&identity),
        &[&format!("{HELLO}{UPGRADE}"), &format!("{HELLO}{UPGRADE}{SECOND_HELLO}{TRANSACTION}")],
    )
    .await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(r#"{"SystemSettings": {"defaultHostname": "me.example.org"}}"#);
    let report = stage.attempts(mx(), letter(TO)).await;
    let policy::AttemptOutcome::Deferred(trouble) = report.outcomes[0].1.clone() else {
        panic!("{report:?}");
    };
    assert_eq!(trouble.kind, TroubleKind::Tls);
    let mut second = letter(TO);
    second.last = Some(trouble);
    let report = stage.attempts(mx(), second).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    assert_eq!(report.ways[0].tls, "TLSv1_3 TLS13_AES_256_GCM_SHA384 unverified");
    stage.connections.close().await;
    peer.over().await;
}

// proves: 5.6.1, 5.6.2
#[tokio::test]
async fn the_next_attempt_goes_in_clear_where_the_strategy_says_so_then() {
    let identity = Identity::of("other.example.net");
    let clear = format!("{HELLO}S: 250-PIPELINING\nS: 250 STARTTLS\n{TRANSACTION}");
    let peer = Peer::plays_as(Some(&identity), &[&format!("{HELLO}{UPGRADE}"), &clear]).await;
    let stage =
        Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).road("192.0.2.1", peer.address).build(
            r#"{
                "SystemSettings": {"defaultHostname": "me.example.org"},
                "MtaTlsStrategy": [{"name": "clear", "startTls": "disable"}],
                "MtaOutboundStrategy": {"tls": {
                    "match": [{"if": "retry_num > 0 && last_error == 'tls'", "then": "'clear'"}],
                    "else": "'default'"
                }}
            }"#,
        );
    let report = stage.attempts(mx(), letter(TO)).await;
    let policy::AttemptOutcome::Deferred(trouble) = report.outcomes[0].1.clone() else {
        panic!("{report:?}");
    };
    assert_eq!(trouble.kind, TroubleKind::Tls);
    let mut second = letter(TO);
    second.last = Some(trouble);
    let report = stage.attempts(mx(), second).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    assert_eq!(report.ways[0].tls, "none");
    stage.connections.close().await;
    peer.over().await;
}

// proves: F3
#[tokio::test]
async fn without_starttls_it_goes_in_clear_unless_required() {
    let identity = Identity::of("mx1.example.net");
    let clear = format!("{HELLO}S: 250 PIPELINING\n{TRANSACTION}");
    let refused = format!("{HELLO}S: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 not now\n");
    for (strategy, script, expected) in [
        ("'default'", clear.clone(), "delivered 250"),
        ("'strict'", format!("{HELLO}S: 250 HELP"), "failed 5.7.10 tls"),
        ("'strict'", refused.clone(), "deferred 4.0.0 unexpected-reply"),
        ("'strict'", refused.replace("454", "502"), "failed 5.0.0 unexpected-reply"),
    ] {
        let (stage, peer) = one_host(&identity, true, strategy, &script).await;
        assert_eq!(stage.delivers(mx(), letter(TO)).await, [expected], "{strategy} {script}");
        stage.connections.close().await;
        peer.over().await;
    }
}

#[tokio::test]
async fn security_is_chosen_for_each_recipient() {
    let clear = format!("{HELLO}S: 250 PIPELINING\n");
    let peer = Peer::plays(&[&clear, &format!("{clear}{TRANSACTION}")]).await;
    let settings = settings(PLAIN_RELAY);
    let strategy = r#", "MtaOutboundStrategy": {"tls": {
        "match": [{"if": "rcpt == 's@example.net'", "then": "'strict'"}], "else": "'default'"}}}"#;
    let settings = format!("{}{strategy}", settings.trim_end().trim_end_matches('}'));
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(&settings);
    let outcomes = stage.delivers(mx(), letter(&["s@example.net", "a@example.net"])).await;
    assert_eq!(outcomes, ["failed 5.7.10 tls", "delivered 250"]);
    stage.connections.close().await;
    peer.over().await;
}

// proves: F2
#[tokio::test]
async fn words_injected_behind_the_starttls_reply_end_the_connection() {
    let identity = Identity::of("mx1.example.net");
    let script = format!("{HELLO}S: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250 injected");
    let (stage, peer) = one_host(&identity, true, "'default'", &script).await;
    assert_eq!(stage.delivers(mx(), letter(TO)).await, ["deferred 4.4.2 connection"]);
    peer.over().await;
}

// proves: F4
#[tokio::test]
async fn where_starttls_is_refused_it_goes_in_clear_over_a_new_connection() {
    let refused = format!("{HELLO}S: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 not now\n");
    let clear = format!("{HELLO}S: 250-PIPELINING\nS: 250 STARTTLS\n{TRANSACTION}");
    let peer = Peer::plays(&[&refused, &clear]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(r#"{"SystemSettings": {"defaultHostname": "me.example.org"}}"#);
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    assert_eq!(report.ways[0].tls, "none");
    stage.connections.close().await;
    assert_eq!(peer.over().await.len(), 1);
}

fn relay_stage(peer: &Peer, identity: Option<&Identity>, more: &str) -> Stage {
    let setting = Setting::new().host("relay.example.org", &["192.0.2.1"]).road("192.0.2.1", peer.address);
    match identity {
        Some(identity) => setting.trusts(&identity.certificate).build(&settings(more)),
        None => setting.build(&settings(more)),
    }
}

#[tokio::test]
async fn implicit_tls_comes_before_the_greeting() {
    let identity = Identity::of("relay.example.org");
    let script = format!("= tls\n{HELLO}S: 250-STARTTLS\nS: 250 PIPELINING\n{TRANSACTION}");
    for (trusted, more) in [
        (Some(&identity), r#""implicitTls": true"#),
        (None, r#""implicitTls": true, "allowInvalidCerts": true"#),
    ] {
        let peer = Peer::plays_as(Some(&identity), &[&script]).await;
        let stage = relay_stage(&peer, trusted, more);
        assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250"]);
        stage.connections.close().await;
        peer.over().await;
    }
    let peer = Peer::plays_as(Some(&identity), &["= tls"]).await;
    let stage = relay_stage(&peer, None, r#""implicitTls": true"#);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.7.5 tls"]);
    peer.over().await;
}

// proves: F14
#[tokio::test]
async fn implicit_tls_to_a_plain_port_defers() {
    let peer = Peer::plays(&["S: 220 plain\n= close"]).await;
    let stage = relay_stage(&peer, None, r#""implicitTls": true"#);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["deferred 4.7.5 tls"]);
    peer.over().await;
}

#[tokio::test]
async fn a_password_goes_over_verified_tls() {
    let identity = Identity::of("relay.example.org");
    let login = r#""authUsername": "user", "authSecret": {"@type": "Value", "secret": "pass"}"#;
    let auth = "C: EHLO me.example.org
        S: 250-mx
        S: 250-AUTH PLAIN
        S: 250 PIPELINING
        C: AUTH PLAIN AHVzZXIAcGFzcw==
        S: 235 ok\n";
    let peer = Peer::plays_as(
        Some(&identity),
        &[&format!("{HELLO}S: 250-AUTH PLAIN\n{UPGRADE}{auth}{TRANSACTION}")],
    )
    .await;
    let stage = relay_stage(&peer, Some(&identity), login);
    assert_eq!(stage.delivers(relay(), letter(TO)).await, ["delivered 250"]);
    stage.connections.close().await;
    peer.over().await;
    // After a TLS error the default strategy accepts any certificate; not where a password is at stake.
    let peer = Peer::plays_as(Some(&identity), &[&format!("{HELLO}{UPGRADE}")]).await;
    let stage = relay_stage(&peer, None, login);
    let mut second = letter(TO);
    let reason = policy::tls::HopTls::none().reason;
    second.last = Some(policy::tls::handshake_failed("relay.example.org", reason, "unknown issuer"));
    assert_eq!(stage.delivers(relay(), second).await, ["deferred 4.7.5 tls"]);
    peer.over().await;
}
