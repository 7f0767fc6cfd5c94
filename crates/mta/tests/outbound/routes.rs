//! Mx routes: which hosts are tried, when the next one is, and how connections serve again.

use std::time::Duration;

use mail::{ContentTraits, Parameters};
use mta::connections::ConnectionLimits;
use policy::mx::MxRules;

use crate::peer::Peer;
use crate::stage::{CONTENT, Setting, Stage, letter, mx};

const SETTINGS: &str = r#"{
    "SystemSettings": {"defaultHostname": "me.example.org"},
    "MtaTlsStrategy": [{"name": "plain", "startTls": "disable"}],
    "MtaOutboundStrategy": {"tls": "'plain'"}
}"#;
const HELLO: &str = "S: 220 mx
    C: EHLO me.example.org
    S: 250-mx
    S: 250-PIPELINING
    S: 250 HELP\n";
const FLIGHT: &str = "C: MAIL FROM:<from@example.org>
    C: RCPT TO:<a@example.net>
    C: DATA\n";
const TAKEN: &str = "S: 250 ok
    S: 250 ok
    S: 354 go
    = content
    S: 250 queued\n";

fn taken() -> String {
    format!("{HELLO}{FLIGHT}{TAKEN}")
}

/// Two hosts at two addresses, the first of which plays this script, the second of which takes mail.
async fn two_hosts(first: &str) -> (Stage, Peer, Peer) {
    let (first, second) = (Peer::plays(&[first]).await, Peer::plays(&[&taken()]).await);
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .mx(20, "mx2.example.net", &["192.0.2.2"])
        .road("192.0.2.1", first.address)
        .road("192.0.2.2", second.address)
        .build(SETTINGS);
    (stage, first, second)
}

#[tokio::test]
async fn delivers_and_says_how() {
    let peer = Peer::plays(&[&taken()]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    let report = stage.attempts(mx(), letter(&["a@example.net"])).await;
    assert_eq!(crate::stage::words(&report.outcomes[0].1), "delivered 250");
    let way = &report.ways[0];
    assert_eq!((way.host.as_str(), way.tls.as_str(), way.reused), ("mx1.example.net", "none", false));
    assert_eq!(way.address.as_ref().map(ToString::to_string), Some("192.0.2.1:25".to_owned()));
    stage.connections.close().await;
    assert_eq!(peer.over().await, [format!("{CONTENT}.\r\n")]);
}

#[tokio::test]
async fn a_connection_serves_again() {
    let script = format!(
        "{HELLO}{FLIGHT}{TAKEN}{FLIGHT}{TAKEN}{FLIGHT}S: 250 ok\nS: 550 no\nS: 503 no\nC: RSET\n{FLIGHT}S: 250 ok\n{TAKEN}"
    );
    let peer = Peer::plays(&[&script]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    for expected in ["delivered 250", "delivered 250", "failed 5.0.0 unexpected-reply", "delivered 250"] {
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected]);
    }
    let counters = stage.connections.counters();
    assert_eq!((counters.opened, counters.reused, counters.idle), (1, 3, 1));
    stage.connections.close().await;
    assert_eq!(stage.connections.counters().idle, 0);
    assert_eq!(peer.over().await.len(), 3);
}

// proves: D10
#[tokio::test]
async fn a_connection_that_died_while_it_idled_is_replaced_silently() {
    for end in [
        "= close",
        "C: MAIL FROM:<from@example.org>\nC: RCPT TO:<a@example.net>\nC: DATA\nS: 421 idle\n= close",
    ] {
        let peer = Peer::plays(&[&format!("{}{end}", taken()), &taken()]).await;
        let stage = Setting::new()
            .mx(10, "mx1.example.net", &["192.0.2.1"])
            .road("192.0.2.1", peer.address)
            .build(SETTINGS);
        for _ in 0..2 {
            assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
        }
        stage.connections.close().await;
        assert_eq!(peer.over().await.len(), 2);
    }
}

#[tokio::test]
async fn where_a_connection_that_died_cannot_be_replaced_the_next_address_takes_the_message() {
    let first = Peer::plays(&[&format!("{}{FLIGHT}S: 421 idle\n= close", taken())]).await;
    let second = Peer::plays(&[&taken()]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1", "192.0.2.2"])
        .road("192.0.2.1", first.address)
        .road("192.0.2.2", second.address)
        .build(SETTINGS);
    for _ in 0..2 {
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
    }
    assert_eq!(stage.tried(), ["192.0.2.1", "192.0.2.1", "192.0.2.2"]);
    stage.connections.close().await;
    assert_eq!((first.over().await.len(), second.over().await.len()), (1, 1));
}

#[tokio::test]
async fn a_421_to_the_content_is_an_answer_also_on_a_kept_connection() {
    let refused = "S: 250 ok\nS: 250 ok\nS: 354 go\n= content\nS: 421 4.3.2 enough\n= close";
    let peer = Peer::plays(&[&format!("{}{FLIGHT}{refused}", taken())]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    for expected in ["delivered 250", "deferred 4.3.2 unexpected-reply"] {
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected]);
    }
    assert_eq!(peer.over().await.len(), 2);
}

#[tokio::test]
async fn a_connection_ends_after_its_messages_or_its_time() {
    let limits = ConnectionLimits { messages_max: 1, ..ConnectionLimits::default() };
    let short = ConnectionLimits { idle_time_max: Duration::from_millis(1), ..ConnectionLimits::default() };
    for limits in [limits, short] {
        let peer = Peer::plays(&[&taken()]).await;
        let stage = Setting::new()
            .mx(10, "mx1.example.net", &["192.0.2.1"])
            .road("192.0.2.1", peer.address)
            .limits(limits)
            .build(SETTINGS);
        stage.delivers(mx(), letter(&["a@example.net"])).await;
        // The play is over only when the connection is: by QUIT, without `close`.
        assert_eq!(peer.over().await.len(), 1);
        assert_eq!(stage.connections.counters().idle, 0);
    }
}

// proves: D1, C22
#[tokio::test]
async fn the_next_address_then_the_next_host() {
    let peer = Peer::plays(&[&taken()]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1", "192.0.2.2", "192.0.2.3"])
        .mx(20, "mx2.example.net", &["192.0.2.4"])
        .road("192.0.2.4", peer.address)
        .build(SETTINGS);
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
    assert_eq!(stage.tried(), ["192.0.2.1", "192.0.2.2", "192.0.2.4"]);
    stage.connections.close().await;
    peer.over().await;
}

// proves: 5.17 EHLO name, 5.17 source IP
#[tokio::test]
async fn the_name_we_give_is_that_of_the_source_address_else_of_the_strategy() {
    let settings = r#"{
        "SystemSettings": {"defaultHostname": "me.example.org"},
        "MtaTlsStrategy": [{"name": "plain", "startTls": "disable"}],
        "MtaConnectionStrategy": [{"name": "ours", "ehloHostname": "strategy.example", "sourceIps": [
            {"sourceIp": "192.0.2.77", "ehloHostname": "source.example"}, {"sourceIp": "192.0.2.77"}]}],
        "MtaOutboundStrategy": {"tls": "'plain'", "connection": "'ours'"}
    }"#;
    let named = settings.replace(r#", {"sourceIp": "192.0.2.77"}"#, "");
    let unnamed = settings.replace(r#"{"sourceIp": "192.0.2.77", "ehloHostname": "source.example"}, "#, "");
    for (settings, address, name, source) in [
        (&named, "192.0.2.1", "source.example", Some("192.0.2.77")),
        (&unnamed, "192.0.2.1", "strategy.example", Some("192.0.2.77")),
        // No source address fits the family: the system chooses one.
        (&named, "2001:db8::1", "strategy.example", None),
    ] {
        let peer = Peer::plays(&[&taken().replace("EHLO me.example.org", &format!("EHLO {name}"))]).await;
        let stage =
            Setting::new().mx(10, "mx1.example.net", &[address]).road(address, peer.address).build(settings);
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
        assert_eq!(stage.sources(), [source.map(crate::stage::ip)]);
        stage.connections.close().await;
        peer.over().await;
    }
}

// proves: D3, D9, 5.17 failover by stage
#[tokio::test]
async fn the_next_host_before_anything_was_taken() {
    for first in [
        "S: 421 busy".to_owned(),
        "S: 554 go away".to_owned(),
        "= close".to_owned(),
        "S: nonsense".to_owned(),
        "S: 220 mx\nC: EHLO me.example.org\nS: 450 later".to_owned(),
        "S: 220 mx\nC: EHLO me.example.org\nS: 550 no\nC: HELO me.example.org\nS: 550 no".to_owned(),
        format!("{HELLO}{FLIGHT}S: 451 no\nS: 503 no\nS: 503 no"),
        format!("{HELLO}{FLIGHT}S: 250 ok\nS: 450 no\nS: 503 no"),
        format!("{HELLO}{FLIGHT}S: 250 ok\nS: 250 ok\nS: 451 no"),
        format!("{HELLO}{FLIGHT}S: 250 ok\n= close"),
        "S: 220 mx\nC: EHLO me.example.org\nS: 250-mx\nS: 250 SIZE 5".to_owned(),
    ] {
        let (stage, one, two) = two_hosts(&first).await;
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"], "{first}");
        stage.connections.close().await;
        one.over().await;
        assert_eq!(two.over().await.len(), 1);
    }
}

// proves: D5, E2
#[tokio::test]
async fn no_other_host_after_a_refusal_for_good_or_after_the_content() {
    let content = format!("{HELLO}{FLIGHT}S: 250 ok\nS: 250 ok\nS: 354 go\n= content\n");
    for (first, expected) in [
        (format!("{HELLO}{FLIGHT}S: 550 5.7.1 no\nS: 503 no\nS: 503 no"), "failed 5.7.1 unexpected-reply"),
        (format!("{HELLO}{FLIGHT}S: 250 ok\nS: 550 5.1.1 no\nS: 503 no"), "failed 5.1.1 unexpected-reply"),
        (format!("{HELLO}{FLIGHT}S: 250 ok\nS: 250 ok\nS: 554 no"), "failed 5.0.0 unexpected-reply"),
        (format!("{content}S: 451 4.3.0 later"), "deferred 4.3.0 unexpected-reply"),
        (format!("{content}S: 554 5.6.0 no"), "failed 5.6.0 unexpected-reply"),
        (format!("{content}= close"), "deferred 4.4.2 connection in doubt"),
        (format!("{content}S: nonsense"), "deferred 4.4.2 connection in doubt"),
    ] {
        let (stage, one, _two) = two_hosts(&first).await;
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected], "{first}");
        assert_eq!(stage.tried(), ["192.0.2.1"]);
        stage.connections.close().await;
        one.over().await;
    }
}

// proves: E4
#[tokio::test]
async fn each_recipient_has_its_own_fate() {
    let script = format!(
        "{HELLO}C: MAIL FROM:<from@example.org>
        C: RCPT TO:<a@example.net>
        C: RCPT TO:<b@example.net>
        C: RCPT TO:<c@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 450 4.2.0 grey
        S: 550 5.1.1 unknown
        S: 354 go
        = content
        S: 250 queued"
    );
    let (stage, one, _two) = two_hosts(&script).await;
    let letter = letter(&["a@example.net", "b@example.net", "c@example.net"]);
    assert_eq!(
        stage.delivers(mx(), letter).await,
        ["delivered 250", "deferred 4.2.0 unexpected-reply", "failed 5.1.1 unexpected-reply"]
    );
    assert_eq!(stage.tried(), ["192.0.2.1"]);
    stage.connections.close().await;
    one.over().await;
}

// proves: E13, E14
#[tokio::test]
async fn those_that_found_the_transaction_full_go_into_the_next_one() {
    for full in ["452 4.5.3 too many", "552 too many"] {
        let script = format!(
            "{HELLO}C: MAIL FROM:<from@example.org>
            C: RCPT TO:<a@example.net>
            C: RCPT TO:<b@example.net>
            C: DATA
            S: 250 ok
            S: 250 ok
            S: {full}
            S: 354 go
            = content
            S: 250 queued
            C: MAIL FROM:<from@example.org>
            C: RCPT TO:<b@example.net>
            C: DATA\n{TAKEN}"
        );
        let (stage, one, _two) = two_hosts(&script).await;
        let letter = letter(&["a@example.net", "b@example.net"]);
        assert_eq!(stage.delivers(mx(), letter).await, ["delivered 250", "delivered 250"]);
        stage.connections.close().await;
        assert_eq!(one.over().await.len(), 2);
    }
}

#[tokio::test]
async fn what_may_still_come_beats_what_is_refused_for_good() {
    let too_small = "S: 220 mx\nC: EHLO me.example.org\nS: 250-mx\nS: 250 SIZE 5";
    for (first, second, expected) in [
        (too_small, "S: 421 busy", "deferred 4.0.0 unexpected-reply"),
        ("S: 421 busy", too_small, "deferred 4.0.0 unexpected-reply"),
        (too_small, too_small, "failed 5.3.4 unexpected-reply"),
        ("S: 554 no", "S: 554 no", "deferred 4.0.0 unexpected-reply"),
    ] {
        let (one, two) = (Peer::plays(&[first]).await, Peer::plays(&[second]).await);
        let stage = Setting::new()
            .mx(10, "mx1.example.net", &["192.0.2.1"])
            .mx(20, "mx2.example.net", &["192.0.2.2"])
            .road("192.0.2.1", one.address)
            .road("192.0.2.2", two.address)
            .build(SETTINGS);
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected]);
        stage.connections.close().await;
        one.over().await;
        two.over().await;
    }
}

// proves: C1, C2, C3, C4
#[tokio::test]
async fn dns_decides_without_a_connection() {
    let own = MxRules { own_names: vec!["me.example.org".to_owned()], ..MxRules::default() };
    let own_address = MxRules { own_addresses: vec![crate::stage::ip("192.0.2.9")], ..MxRules::default() };
    for (setting, expected) in [
        (Setting::new(), "failed 5.1.2 dns"),
        (Setting::new().mx_fails(), "deferred 4.4.3 dns"),
        (Setting::new().mx(0, ".", &[]), "failed 5.1.10 dns"),
        (Setting::new().mx(10, "mx1.example.net", &["127.0.0.1"]), "failed 5.4.4 connection"),
        (Setting::new().mx(10, "me.example.org", &["192.0.2.9"]).rules(own), "failed 5.4.6 dns"),
        (Setting::new().mx(10, "mx1.example.net", &["192.0.2.9"]).rules(own_address), "failed 5.4.6 dns"),
    ] {
        let stage = setting.build(SETTINGS);
        assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, [expected]);
        assert_eq!(stage.tried(), Vec::<String>::new());
    }
}

// proves: C3, 5.17 implicit MX
#[tokio::test]
async fn a_domain_without_mx_is_its_own_host() {
    let peer = Peer::plays(&[&taken()]).await;
    let stage =
        Setting::new().host("example.net", &["192.0.2.1"]).road("192.0.2.1", peer.address).build(SETTINGS);
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
    stage.connections.close().await;
    peer.over().await;
}

// proves: E19, C9
#[tokio::test]
async fn a_host_that_bears_our_name_is_a_loop() {
    let peer = Peer::plays(&["S: 220 mx\nC: EHLO me.example.org\nS: 250 ME.example.org"]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["failed 5.4.6 dns"]);
    stage.connections.close().await;
    peer.over().await;
}

// proves: E16
#[tokio::test]
async fn what_needs_smtputf8_goes_only_where_it_is_offered() {
    let utf8 = |content| {
        let mut letter = letter(&["a@example.net", "j\u{fc}@example.net"]);
        letter.content = content;
        letter.parameters = Parameters { smtputf8: true, ..Parameters::default() };
        letter.traits = ContentTraits { eight_bit: true, ..ContentTraits::default() };
        letter
    };
    // Where it is not offered, the plain address still gets what has a plain header.
    let peer = Peer::plays(&[&taken()]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    let outcomes = stage.delivers(mx(), utf8("Subject: s\r\n\r\nb\u{f6}dy\r\n")).await;
    assert_eq!(outcomes, ["delivered 250", "failed 5.6.7 unexpected-reply"]);
    let outcomes = stage.delivers(mx(), utf8("Subject: \u{f6}\r\n\r\nbody\r\n")).await;
    assert_eq!(outcomes, ["failed 5.6.7 unexpected-reply"; 2]);
    stage.connections.close().await;
    peer.over().await;
}

// proves: H2
#[tokio::test]
async fn bare_line_ends_never_go_out_by_data() {
    let broken_off = format!("{HELLO}{FLIGHT}S: 250 ok\nS: 250 ok\nS: 354 go");
    let peer = Peer::plays(&[&broken_off]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    let mut smuggling = letter(&["a@example.net"]);
    smuggling.content = "Subject: s\r\n\r\nbody\n.\r\nMAIL FROM:<x@example.org>\r\n";
    assert_eq!(stage.delivers(mx(), smuggling).await, ["failed 5.6.3 unexpected-reply"]);
    assert_eq!(peer.over().await, Vec::<String>::new());
}

#[tokio::test]
async fn chunking_carries_content_as_it_is() {
    let content = "Subject: s\r\n\r\n.dot\r\nbare\nline";
    let script = format!(
        "S: 220 mx
        C: EHLO me.example.org
        S: 250-mx
        S: 250-PIPELINING
        S: 250-BINARYMIME
        S: 250 CHUNKING
        C: MAIL FROM:<from@example.org> BODY=BINARYMIME
        C: RCPT TO:<a@example.net>
        S: 250 ok
        S: 250 ok
        C: BDAT {} LAST
        = chunk
        S: 250 queued",
        content.len()
    );
    let peer = Peer::plays(&[&script]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1"])
        .road("192.0.2.1", peer.address)
        .build(SETTINGS);
    let mut binary = letter(&["a@example.net"]);
    binary.content = content;
    binary.traits = ContentTraits { binary: true, ..ContentTraits::default() };
    assert_eq!(stage.delivers(mx(), binary).await, ["delivered 250"]);
    stage.connections.close().await;
    assert_eq!(peer.over().await, [content]);
}

#[tokio::test]
async fn nothing_is_tried_without_the_lease() {
    let stage = Setting::new().mx(10, "mx1.example.net", &["192.0.2.1"]).build(SETTINGS);
    let delivery = stage.delivery(mx(), letter(&["a@example.net"])).await;
    stage.release(delivery.lease, &delivery).await;
    let report =
        mta::attempt::attempt(&stage.world, &stage.configuration, &stage.connections, &delivery).await;
    assert!(!report.begun);
    assert_eq!(report.outcomes.len(), 1);
    assert_eq!(stage.tried(), Vec::<String>::new());
}

/// Deliveries by an Mx route with this strategy, to a host that has one address of each family; only IPv4 leads
/// anywhere.
async fn by_families(strategy: &str) -> (Stage, Peer) {
    let settings = SETTINGS.replacen(
        '{',
        &format!(r#"{{"MtaRoute": [{{"@type": "Mx", "name": "mx", "ipLookupStrategy": "{strategy}"}}],"#),
        1,
    );
    let peer = Peer::plays(&[&taken()]).await;
    let stage = Setting::new()
        .mx(10, "mx1.example.net", &["192.0.2.1", "2001:db8::1"])
        .road("192.0.2.1", peer.address)
        .build(&settings);
    (stage, peer)
}

// proves: 5.5.1
#[tokio::test]
async fn ipv6_alone_that_leads_nowhere_is_a_failed_connection() {
    let (stage, _peer) = by_families("v6Only").await;
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["deferred 4.4.1 connection"]);
    assert_eq!(stage.tried(), ["2001:db8::1"]);
}

// proves: 5.5.2
#[tokio::test]
async fn ipv4_is_next_where_ipv6_leads_nowhere() {
    let (stage, peer) = by_families("v6ThenV4").await;
    assert_eq!(stage.delivers(mx(), letter(&["a@example.net"])).await, ["delivered 250"]);
    assert_eq!(stage.tried(), ["2001:db8::1", "192.0.2.1"]);
    stage.connections.close().await;
    peer.over().await;
}
