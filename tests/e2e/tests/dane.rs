//! A signed zone at Knot, a validating unbound before it, and a peer with STARTTLS: what DANE does in earnest.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::fs;

use e2e::client::message;
use e2e::peers::{Certificates, Knot, Unbound};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually};
use serde_json::json;

/// Every domain that the peer takes mail for, with its MX host. All hosts are the peer.
const DOMAINS: [&str; 5] =
    ["key.signed.test", "authority.signed.test", "other.signed.test", "plain.test", "broken.test"];
const ZONES: [&str; 3] = ["signed.test", "plain.test", "broken.test"];

/// Who validates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Validates {
    Unbound,
    Waypost,
    Nobody,
}

struct Town {
    sender: Waypost,
    receiver: Waypost,
    _knot: Knot,
    _unbound: Unbound,
}

fn receiver(certificates: &Certificates) -> Waypost {
    let mut settings = Settings::default().json();
    for domain in DOMAINS {
        settings["Domain"].as_array_mut().unwrap().push(json!({ "name": domain }));
        settings["Account"].as_array_mut().unwrap().push(json!({ "name": format!("ann@{domain}") }));
    }
    settings["MtaInboundThrottle"] = json!([]);
    let tls = format!(
        "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificates.chain().display(),
        certificates.key().display()
    );
    Setup::with(settings).boot(&tls).start()
}

fn town(validates: Validates) -> Town {
    let certificates = Certificates::of("mx.authority.signed.test");
    let receiver = receiver(&certificates);
    let tlsa = |host: &str, record: &str| format!("_{}._tcp.{host} TLSA {record}\n", receiver.port);
    let other = "0".repeat(64);
    let mut signed = String::new();
    for (name, record) in [
        ("key", format!("3 1 1 {}", certificates.key_digest())),
        ("authority", format!("2 0 1 {}", certificates.authority_digest())),
        ("other", format!("3 1 1 {other}")),
    ] {
        let host = format!("mx.{name}");
        signed += &format!("{name} MX 10 {host}\n{host} A 127.0.0.1\n{}", tlsa(&host, &record));
    }
    let plain = format!("@ MX 10 mx\nmx A 127.0.0.1\n{}", tlsa("mx", &format!("3 1 1 {other}")));
    let zones = [(ZONES[0], Some(&*signed)), (ZONES[1], Some(&*plain)), (ZONES[2], Some(&*plain))];
    let knot = Knot::with(&zones, &["signed.test", "broken.test"]);
    // The key of broken.test that is trusted is not the one that signs it.
    let wrong = |record: String| record.replace("signed.test", "broken.test");
    let anchors = [knot.ds("signed.test"), wrong(knot.ds("signed.test"))];
    let unbound = match validates {
        Validates::Unbound => Unbound::validating(&knot, &ZONES, &anchors),
        Validates::Waypost | Validates::Nobody => Unbound::before(&knot, &ZONES),
    };
    let dns = match validates {
        Validates::Unbound => String::new(),
        Validates::Nobody => "dnssec = \"trust-ad\"\n".to_owned(),
        Validates::Waypost => "dnssec = \"validate\"\ntrust_anchors = \"anchors\"\n".to_owned(),
    };
    let boot = format!(
        "[dns]\nname_servers = [\"127.0.0.1:{}\"]\n{dns}[mx]\nport = {}\nallow_loopback = true\n",
        unbound.port, receiver.port
    );
    let mut sender = Setup::with(Settings::default().json()).boot(&boot).prepare();
    let keys = [knot.dnskey("signed.test"), wrong(knot.dnskey("signed.test"))]
        .map(|key| key.replace(" DNSKEY ", " 60 IN DNSKEY "));
    fs::write(sender.path("anchors"), keys.join("\n") + "\n").unwrap();
    sender.run();
    Town { sender, receiver, _knot: knot, _unbound: unbound }
}

impl Town {
    #[track_caller]
    fn send(&self, domain: &str) {
        let to = format!("ann@{domain}");
        let reply = Client::ready(self.sender.port).send(SENDER, &[&to], &message(domain)).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
    }

    /// Waits until the mail has come, and gives the sender's line about it.
    #[track_caller]
    fn arrives(&self, domain: &str) -> String {
        let to = format!("ann@{domain}");
        eventually("the mail arrives", || (!self.receiver.inbox(&to).contains("no messages")).then_some(()));
        eventually("it is in the log", || {
            let log = self.sender.log();
            log.lines().find(|line| line.contains("delivered") && line.contains(&to)).map(str::to_owned)
        })
    }

    /// Waits until the mail was tried, and gives what it ran into.
    #[track_caller]
    fn waits(&self, domain: &str) -> String {
        let to = format!("ann@{domain}");
        let row = eventually("it was tried", || {
            let queue = self.sender.queue();
            queue.into_iter().find(|row| row["attempts"].as_u64().unwrap() > 0)
        });
        assert!(self.receiver.inbox(&to).contains("no messages"));
        row["lastError"].as_str().unwrap().to_owned()
    }
}

// proves: F7, 5.8.3
#[test]
fn certificates_that_match_signed_records_are_believed_whoever_validates() {
    for validates in [Validates::Unbound, Validates::Waypost] {
        let town = town(validates);
        for (domain, matched) in [("key.signed.test", "3 1 1"), ("authority.signed.test", "2 0 1")] {
            town.send(domain);
            let line = town.arrives(domain);
            assert!(line.contains(&format!("verified by DANE {matched}")), "{line}");
            assert!(line.contains("tls_policy=DANE"), "{line}");
        }
        let explained = town.sender.print(&[
            "explain",
            "--config",
            "waypost.toml",
            "--from",
            SENDER,
            "--to",
            "ann@key.signed.test",
        ]);
        assert!(explained.contains("must match TLSA 3 1 1"), "{explained}");
    }
}

// proves: F7, 5.8.2
#[test]
fn a_certificate_that_matches_nothing_gets_no_mail() {
    for validates in [Validates::Unbound, Validates::Waypost] {
        let town = town(validates);
        town.send("other.signed.test");
        let error = town.waits("other.signed.test");
        assert!(error.contains("matches none of the TLSA records"), "{error}");
    }
}

// proves: C13, 5.8.6
#[test]
fn bogus_records_only_delay() {
    for validates in [Validates::Unbound, Validates::Waypost] {
        let town = town(validates);
        town.send("broken.test");
        let error = town.waits("broken.test");
        assert!(error.contains("Bogus MX records"), "{error}");
    }
}

// proves: 5.8.4
#[test]
fn records_of_an_unsigned_zone_count_for_nothing() {
    let town = town(Validates::Unbound);
    // Something signed first: it shows that the name server validates.
    town.send("key.signed.test");
    town.arrives("key.signed.test");
    town.send("plain.test");
    let line = town.arrives("plain.test");
    assert!(line.contains("unverified") && line.contains("its DNS is not signed"), "{line}");
}

// proves: C15
#[test]
fn without_validation_mail_goes_on_and_the_log_says_that_dane_is_off() {
    let town = town(Validates::Nobody);
    town.send("other.signed.test");
    let line = town.arrives("other.signed.test");
    assert!(line.contains("the name server does not validate"), "{line}");
}
