//! DANE and REQUIRETLS between MX records and the last reply.

use mail::{Domain, Parameters};
use policy::dns::{DnsError, TlsaRecord};
use rustls_pki_types::CertificateDer;

use crate::peer::{Identity, Peer};
use crate::stage::{Setting, Stage, letter, mx, relay, words};
use crate::transport_security::{HELLO, SECOND_HELLO, TO, TRANSACTION, UPGRADE};

const HOST: &str = "mx1.example.net";
const NAME: &str = "_25._tcp.mx1.example.net";

fn settings(tls: &str) -> String {
    format!(
        r#"{{
            "SystemSettings": {{"defaultHostname": "me.example.org"}},
            "MtaRoute": [{{"@type": "Relay", "name": "relay", "address": "relay.example.org", "port": 465,
                "implicitTls": true}}],
            "MtaTlsStrategy": [{{"name": "dane", "dane": "require"}}, {{"name": "plain", "startTls": "disable"}}],
            "MtaOutboundStrategy": {{"tls": "'{tls}'"}}
        }}"#
    )
}

/// The record that names a certificate as a whole: 3 0 0, or 2 0 0.
fn record(usage: u8, certificate: &CertificateDer<'_>) -> TlsaRecord {
    TlsaRecord { usage, selector: 0, matching: 0, data: certificate.to_vec() }
}

fn good() -> String {
    format!("{HELLO}{UPGRADE}{SECOND_HELLO}{TRANSACTION}")
}

fn clear() -> String {
    format!("{HELLO}S: 250 PIPELINING\n{TRANSACTION}")
}

/// One MX host that plays this.
async fn one_host(identity: &Identity, script: &str) -> (Setting, Peer) {
    let peer = Peer::plays_as(Some(identity), &[script]).await;
    (Setting::new().mx(10, HOST, &["192.0.2.1"]).road("192.0.2.1", peer.address), peer)
}

/// What was counted for TLS reports about example.net: the policy's type, and what came of it.
fn counted(stage: &Stage) -> Vec<String> {
    let domain = Domain::parse("example.net").expect("valid");
    let Some(tally) = stage.connections.tls_tallies().counted(&domain) else { return Vec::new() };
    let json = tally.to_json(&domain);
    let mut all = Vec::new();
    for policy in json.as_array().expect("policies") {
        let kind = policy["policy"]["policy-type"].as_str().expect("a type");
        if policy["summary"]["total-successful-session-count"] != 0 {
            all.push(format!("{kind} success"));
        }
        for detail in policy["failure-details"].as_array().into_iter().flatten() {
            all.push(format!("{kind} {}", detail["result-type"].as_str().expect("a type")));
        }
    }
    all
}

// proves: F7, F8, 5.8.3
#[tokio::test]
async fn a_certificate_that_matches_is_enough() {
    // Of another name, signed by nobody: neither matters.
    let identity = Identity::of("other.example.org");
    for strategy in ["default", "dane", "plain"] {
        let (setting, peer) = one_host(&identity, &good()).await;
        let stage = setting
            .signed()
            .tlsa(NAME, Ok(vec![record(3, &identity.certificate)]))
            .build(&settings(strategy));
        let report = stage.attempts(mx(), letter(TO)).await;
        assert_eq!(words(&report.outcomes[0].1), "delivered 250", "{strategy}");
        assert_eq!(report.ways[0].tls, "TLSv1_3 TLS13_AES_256_GCM_SHA384 verified by DANE 3 0 0");
        assert_eq!(report.ways[0].tls_reason.map(|reason| reason.to_string()).as_deref(), Some("DANE"));
        assert_eq!(counted(&stage), ["tlsa success"]);
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: F7, 5.8.2
#[tokio::test]
async fn a_certificate_that_does_not_match_defers() {
    let (identity, other) = (Identity::of(HOST), Identity::of(HOST));
    let (setting, peer) = one_host(&identity, &format!("{HELLO}{UPGRADE}")).await;
    let stage = setting
        .signed()
        .trusts(&identity.certificate)
        .tlsa(NAME, Ok(vec![record(3, &other.certificate), record(2, &identity.certificate)]))
        .build(&settings("default"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "deferred 4.7.5 dane");
    assert_eq!(counted(&stage), ["tlsa validation-failure"]);
    assert_eq!(peer.over().await.len(), 0);
}

// proves: F3
#[tokio::test]
async fn starttls_that_is_stripped_defers() {
    let identity = Identity::of(HOST);
    let (setting, peer) = one_host(&identity, &format!("{HELLO}S: 250 PIPELINING")).await;
    let stage =
        setting.signed().tlsa(NAME, Ok(vec![record(3, &identity.certificate)])).build(&settings("plain"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "deferred 4.7.10 tls");
    assert_eq!(counted(&stage), ["tlsa starttls-not-supported"]);
    peer.over().await;
}

// proves: F3
#[tokio::test]
async fn starttls_that_is_refused_defers_and_is_counted() {
    let identity = Identity::of(HOST);
    let refused = format!("{HELLO}S: 250-PIPELINING\nS: 250 STARTTLS\nC: STARTTLS\nS: 502 no\n");
    let (setting, peer) = one_host(&identity, &refused).await;
    let stage =
        setting.signed().tlsa(NAME, Ok(vec![record(3, &identity.certificate)])).build(&settings("plain"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "deferred 4.0.0 unexpected-reply");
    assert_eq!(counted(&stage), ["tlsa starttls-not-supported"]);
    peer.over().await;
}

// proves: 5.8.4
#[tokio::test]
async fn records_below_an_unsigned_mx_count_for_nothing() {
    let (identity, other) = (Identity::of(HOST), Identity::of(HOST));
    let (setting, peer) = one_host(&identity, &clear()).await;
    let stage = setting.tlsa(NAME, Ok(vec![record(3, &other.certificate)])).build(&settings("default"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "delivered 250");
    let reason = report.ways[0].tls_reason.map(|reason| reason.to_string()).expect("a reason");
    assert!(reason.starts_with("opportunistic: no DANE"), "{reason}");
    stage.connections.close().await;
    peer.over().await;
    let (setting, _peer) = one_host(&identity, "").await;
    let stage = setting.tlsa(NAME, Ok(vec![record(3, &identity.certificate)])).build(&settings("dane"));
    // The name server does not validate: that is no fault of the host.
    assert_eq!(stage.delivers(mx(), letter(TO)).await, ["deferred 4.7.5 dane"]);
    assert_eq!(stage.tried(), Vec::<String>::new());
}

// proves: C13, C14, 5.8.5, 5.8.6
#[tokio::test]
async fn records_that_are_not_known_defer_the_host_and_the_next_is_tried() {
    let identity = Identity::of("mx2.example.net");
    for (answer, expected, reported) in [
        (DnsError::Failed("SERVFAIL".to_owned()), "deferred 4.7.5 dns", "validation-failure"),
        (DnsError::Bogus("SERVFAIL".to_owned()), "deferred 4.7.5 dane", "dnssec-invalid"),
    ] {
        let (setting, _peer) = one_host(&identity, "").await;
        let stage = setting.signed().tlsa(NAME, Err(answer.clone())).build(&settings("default"));
        let report = stage.attempts(mx(), letter(TO)).await;
        assert_eq!(words(&report.outcomes[0].1), expected);
        assert_eq!(counted(&stage), [format!("no-policy-found {reported}")]);
        assert_eq!(stage.tried(), Vec::<String>::new());

        let peer = Peer::plays_as(Some(&identity), &[&good()]).await;
        let stage = Setting::new()
            .signed()
            .mx(10, HOST, &["192.0.2.1"])
            .mx(20, "mx2.example.net", &["192.0.2.2"])
            .road("192.0.2.2", peer.address)
            .trusts(&identity.certificate)
            .tlsa(NAME, Err(answer))
            .build(&settings("default"));
        assert_eq!(stage.delivers(mx(), letter(TO)).await, ["delivered 250"]);
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: C13, 5.8.6
#[tokio::test]
async fn bogus_mx_records_defer() {
    let stage = Setting::new().mx_bogus().build(&settings("default"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "deferred 4.7.5 dane");
    assert_eq!(counted(&stage), ["no-policy-found dnssec-invalid"]);
}

// proves: 5.8.1
#[tokio::test]
async fn dane_that_is_required_and_not_there_is_final() {
    let identity = Identity::of(HOST);
    let (setting, _peer) = one_host(&identity, "").await;
    let stage = setting.signed().build(&settings("dane"));
    let report = stage.attempts(mx(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "failed 5.7.5 dane");
    assert_eq!(counted(&stage), ["no-policy-found dane-required"]);
    assert_eq!(stage.tried(), Vec::<String>::new());
}

// proves: F7
#[tokio::test]
async fn records_of_which_none_can_be_used_demand_tls_with_anybody() {
    let identity = Identity::of("other.example.org");
    let unusable = || Ok(vec![record(1, &identity.certificate), record(0, &identity.certificate)]);
    let (setting, peer) = one_host(&identity, &good()).await;
    let stage = setting.signed().tlsa(NAME, unusable()).build(&settings("default"));
    assert_eq!(stage.delivers(mx(), letter(TO)).await, ["delivered 250"]);
    stage.connections.close().await;
    peer.over().await;
    let (setting, peer) = one_host(&identity, &format!("{HELLO}S: 250 PIPELINING")).await;
    let stage = setting.signed().tlsa(NAME, unusable()).build(&settings("default"));
    assert_eq!(stage.delivers(mx(), letter(TO)).await, ["deferred 4.7.10 tls"]);
    peer.over().await;
}

// proves: F7
#[tokio::test]
async fn the_name_at_the_end_of_an_alias_is_asked_first() {
    let identity = Identity::of("other.example.org");
    let (at_end, own) = ("_25._tcp.real.example.org", NAME);
    for (name, other) in [(at_end, own), (own, at_end)] {
        let (setting, peer) = one_host(&identity, &good()).await;
        let stage = setting
            .signed()
            .alias(HOST, "real.example.org")
            .tlsa(name, Ok(vec![record(3, &identity.certificate)]))
            .tlsa(other, Err(DnsError::NoData(policy::dns::Security::Secure)))
            .build(&settings("default"));
        let report = stage.attempts(mx(), letter(TO)).await;
        assert_eq!(words(&report.outcomes[0].1), "delivered 250", "{name}");
        assert!(report.ways[0].tls.ends_with("DANE 3 0 0"), "{name}");
        stage.connections.close().await;
        peer.over().await;
    }
}

#[tokio::test]
async fn a_relay_has_records_at_its_own_port() {
    let identity = Identity::of("other.example.org");
    let script = format!("= tls\n{HELLO}S: 250 PIPELINING\n{TRANSACTION}");
    let peer = Peer::plays_as(Some(&identity), &[&script]).await;
    let stage = Setting::new()
        .signed()
        .host("relay.example.org", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .tlsa("_465._tcp.relay.example.org", Ok(vec![record(3, &identity.certificate)]))
        .build(&settings("dane"));
    let report = stage.attempts(relay(), letter(TO)).await;
    assert_eq!(words(&report.outcomes[0].1), "delivered 250");
    assert_eq!(counted(&stage), Vec::<String>::new());
    stage.connections.close().await;
    peer.over().await;
}

#[tokio::test]
async fn requiretls_needs_a_proven_host_and_its_word_after_tls() {
    let identity = Identity::of(HOST);
    let demands = || {
        let mut letter = letter(TO);
        letter.parameters = Parameters { require_tls: true, ..Parameters::default() };
        letter
    };
    let offered =
        format!("{HELLO}{UPGRADE}C: EHLO me.example.org\nS: 250-mx\nS: 250-PIPELINING\nS: 250 REQUIRETLS\n");
    let taken = TRANSACTION.replace("<from@example.org>", "<from@example.org> REQUIRETLS");
    for (signed, script, expected) in [
        (true, format!("{offered}{taken}"), "delivered 250"),
        (true, format!("{HELLO}{UPGRADE}{SECOND_HELLO}"), "failed 5.7.30 unexpected-reply"),
        (true, format!("{HELLO}S: 250 REQUIRETLS"), "deferred 4.7.10 tls"),
        (false, String::new(), "failed 5.7.30 tls"),
    ] {
        let (setting, peer) = one_host(&identity, &script).await;
        let setting = setting.trusts(&identity.certificate);
        let stage = if signed { setting.signed() } else { setting }.build(&settings("default"));
        assert_eq!(stage.delivers(mx(), demands()).await, [expected], "{script}");
        stage.connections.close().await;
        if signed {
            peer.over().await;
        }
    }
}
