//! Checks of strangers' mail over a zone in memory, and of what we sign ourselves.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use mail::{Clock, ReversePath};
use policy::Configuration;
use policy::check::Environment;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, Security, SrvRecord, TlsaRecord};
use policy::signing::signers;
use store::MemoryStore;

use super::*;
use crate::sign::{NewKey, generate, open, sign};
use crate::world::{Resolver, Stream, Transport, World};

/// What a zone file says: `TXT name` or `A name`, and the records.
#[derive(Clone, Default)]
struct Zone(BTreeMap<String, Vec<String>>);

const BROKEN: &str = "SERVFAIL";
/// No answer ever comes.
const SILENT: &str = "silent";

impl Zone {
    fn with(mut self, kind: &str, name: &str, record: &str) -> Self {
        self.0.entry(format!("{kind} {name}")).or_default().push(record.to_owned());
        self
    }

    fn find(&self, kind: &str, name: &str) -> Result<Vec<String>, DnsError> {
        match self.0.get(&format!("{kind} {name}")) {
            Some(records) if records[0] == BROKEN => Err(DnsError::Failed(BROKEN.to_owned())),
            Some(records) => Ok(records.clone()),
            None => Err(DnsError::NoSuchName(Security::Unchecked)),
        }
    }
}

fn answer<T>(records: Vec<T>) -> Answer<T> {
    Answer { records, security: Security::Unchecked, canonical: None }
}

#[async_trait]
impl Resolver for Zone {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        let records = self.find("MX", domain.as_str())?.into_iter();
        Ok(answer(records.map(|exchange| MxRecord { preference: 10, exchange }).collect()))
    }

    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        let kind = if family == Family::V4 { "A" } else { "AAAA" };
        Ok(answer(self.find(kind, host)?.iter().map(|ip| ip.parse().unwrap()).collect()))
    }

    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        let found = self.find("TXT", name);
        if found.as_ref().is_ok_and(|records| records[0] == SILENT) {
            std::future::pending::<()>().await;
        }
        found.map(answer)
    }

    async fn ptr(&self, ip: IpAddr) -> Result<Answer<String>, DnsError> {
        self.find("PTR", &ip.to_string()).map(answer)
    }

    async fn tlsa(&self, _: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }

    async fn srv(&self, _: &str) -> Result<Answer<SrvRecord>, DnsError> {
        Err(DnsError::NoData(Security::Unchecked))
    }
}

struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn connect(&self, _: SocketAddr, _: Option<IpAddr>) -> std::io::Result<Box<dyn Stream>> {
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_795_509_910_000);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        NOW
    }
}

fn world(zone: Zone) -> World {
    World::new(Arc::new(MemoryStore::new()), Arc::new(zone), Arc::new(Nowhere), Arc::new(Stopped))
}

async fn check(zone: &Zone, client: &str, sender: &str, message: &str) -> (Findings, String) {
    let reverse_path = match sender {
        "" => ReversePath::Null,
        sender => ReversePath::Address(mail::Address::parse(sender).unwrap()),
    };
    let client = Client {
        listener: "smtp",
        ip: client.parse().unwrap(),
        local_port: 25,
        helo: "helo.example.net",
        is_tls: false,
        authenticated_as: None,
        reverse_path: &reverse_path,
    };
    let on = Strictness::Relaxed;
    let levels = Levels { spf: on, dkim: on, dmarc: on, arc: on };
    let (header, body) = message.split_once("\r\n\r\n").unwrap();
    let header = format!("{header}\r\n");
    let mut checks = Checks::begin(levels, header.as_bytes());
    for piece in body.as_bytes().chunks(7) {
        checks.body(piece);
    }
    let own = Domain::parse("mx.example.org").unwrap();
    let (findings, field) = checks.finish(&world(zone.clone()), header.as_bytes(), &client, &own).await;
    (findings, String::from_utf8(field).unwrap())
}

const MESSAGE: &str =
    "From: Ann <ann@sender.example>\r\nTo: bob@example.org\r\nSubject: hi\r\n\r\nHello  there\r\n\r\n";

#[tokio::test]
async fn spf() {
    let spf = |record: &str| Zone::default().with("TXT", "sender.example", record);
    let check = async |zone: &Zone, client: &str, expected: Finding| {
        let (findings, field) = check(zone, client, "ann@sender.example", MESSAGE).await;
        assert_eq!(findings.spf, expected, "{client}: {field} {:?}", zone.0);
        assert!(
            field.contains(&format!("spf={} smtp.mailfrom=ann@sender.example", expected.name())),
            "{field}"
        );
    };
    check(&Zone::default(), "192.0.2.1", Finding::None).await;
    check(&spf("v=spf1 ip4:192.0.2.0/24 -all"), "192.0.2.1", Finding::Pass).await;
    check(&spf("v=spf1 ip4:192.0.2.0/24 -all"), "198.51.100.1", Finding::Fail).await;
    check(&spf("v=spf1 ip4:192.0.2.0/24 ~all"), "2001:db8::1", Finding::SoftFail).await;
    check(&spf("v=spf1 ip4:192.0.2.0/24"), "198.51.100.1", Finding::Neutral).await;
    check(&spf("v=spf1 -all").with("TXT", "sender.example", "v=spf1 +all"), "192.0.2.1", Finding::PermError)
        .await;
    check(&spf("unrelated").with("TXT", "sender.example", "v=spf1 +all"), "192.0.2.1", Finding::Pass).await;
    check(&spf(BROKEN), "192.0.2.1", Finding::TempError).await;

    let hosts =
        |zone: Zone| zone.with("A", "a.example", "192.0.2.1").with("AAAA", "a.example", "2001:db8::1");
    check(&hosts(spf("v=spf1 a:a.example -all")), "192.0.2.1", Finding::Pass).await;
    check(&hosts(spf("v=spf1 a:a.example -all")), "2001:db8::1", Finding::Pass).await;
    check(&hosts(spf("v=spf1 a:a.example -all")), "192.0.2.2", Finding::Fail).await;
    check(&spf("v=spf1 a:b.example -all").with("A", "b.example", BROKEN), "192.0.2.1", Finding::TempError)
        .await;
    let mx = hosts(spf("v=spf1 mx -all")).with("MX", "sender.example", "a.example");
    check(&mx, "192.0.2.1", Finding::Pass).await;
    check(&mx, "192.0.2.2", Finding::Fail).await;
    check(&spf("v=spf1 mx -all").with("MX", "sender.example", BROKEN), "192.0.2.1", Finding::TempError).await;
    let included =
        spf("v=spf1 include:other.example -all").with("TXT", "other.example", "v=spf1 ip4:192.0.2.1 -all");
    check(&included, "192.0.2.1", Finding::Pass).await;
    check(&included, "192.0.2.2", Finding::Fail).await;
    check(&spf("v=spf1 include:absent.example -all"), "192.0.2.1", Finding::PermError).await;
    check(&spf("v=spf1 include:sender.example -all"), "192.0.2.1", Finding::PermError).await;
    let redirected =
        spf("v=spf1 redirect=other.example").with("TXT", "other.example", "v=spf1 ip4:192.0.2.1 -all");
    check(&redirected, "192.0.2.1", Finding::Pass).await;
    let named = hosts(spf("v=spf1 ptr:a.example -all")).with("PTR", "192.0.2.1", "a.example");
    check(&named, "192.0.2.1", Finding::Pass).await;
    check(&named, "192.0.2.2", Finding::Fail).await;

    // RFC 7208 section 5.7: any A record will do, and an absent one will not.
    let exists = spf("v=spf1 exists:%{i}.list.example -all").with("A", "192.0.2.1.list.example", "127.0.0.2");
    check(&exists, "192.0.2.1", Finding::Pass).await;
    check(&exists, "192.0.2.2", Finding::Fail).await;
    let exists =
        spf("v=spf1 exists:%{d}.list.example -all").with("A", "sender.example.list.example", "127.0.0.2");
    check(&exists, "2001:db8::1", Finding::Pass).await;
    check(&spf("v=spf1 exists:%{d}.none.example -all"), "2001:db8::1", Finding::Fail).await;
}

#[tokio::test]
async fn spf_that_asks_for_too_much_is_in_error() {
    let mut zone = Zone::default();
    let mut record = "v=spf1".to_owned();
    for domain in 0..9 {
        record += &format!(" mx:d{domain}.example");
        for host in 0..10 {
            zone = zone.with("MX", &format!("d{domain}.example"), &format!("h{host}.d{domain}.example"));
            zone = zone.with("A", &format!("h{host}.d{domain}.example"), "192.0.2.9");
        }
    }
    let zone = zone.with("TXT", "sender.example", &(record + " -all"));
    let (findings, field) = check(&zone, "192.0.2.1", "ann@sender.example", MESSAGE).await;
    assert_eq!(findings.spf, Finding::PermError, "{field}");
}

#[tokio::test(start_paused = true)]
async fn slow_spf_of_the_sender_does_not_hide_that_dmarc_fails() {
    let zone = Zone::default().with("TXT", "slow.example", SILENT).with(
        "TXT",
        "_dmarc.sender.example",
        "v=DMARC1; p=reject",
    );
    let (findings, field) = check(&zone, "192.0.2.1", "x@slow.example", MESSAGE).await;
    assert_eq!((findings.spf, findings.dmarc), (Finding::TempError, Finding::Fail), "{field}");
}

#[tokio::test]
async fn without_a_sender_the_client_name_is_asked_about() {
    let zone = Zone::default().with("TXT", "helo.example.net", "v=spf1 ip4:192.0.2.1 -all");
    let (findings, field) = check(&zone, "192.0.2.1", "", MESSAGE).await;
    assert_eq!(findings.spf, Finding::Pass);
    assert!(field.contains("spf=pass smtp.helo=helo.example.net"), "{field}");
}

/// A message signed by us, and the zone that its keys are in.
async fn signed(message: &str, more: &str) -> (Zone, String) {
    let mut zone = Zone::default();
    let mut objects = Vec::new();
    for (name, kind) in [("ed25519", NewKey::Ed25519), ("rsa", NewKey::Rsa2048)] {
        let pem = generate(kind).unwrap();
        let public = BASE64.encode(open(&pem).unwrap().public_key());
        zone = zone.with(
            "TXT",
            &format!("{name}._domainkey.sender.example"),
            &format!("v=DKIM1; k={name}; p={public}"),
        );
        let pem = pem.replace('\n', "\\n");
        objects.push(format!(
            r#"{{"name": "{name}", "domain": "sender.example", "selector": "{name}",
                 "key": {{"@type": "Value", "secret": "{pem}"}}{more}}}"#
        ));
    }
    let json = format!(r#"{{"DkimSignature": [{}]}}"#, objects.join(","));
    let environment = Environment { open_key: Some(open), ..Environment::default() };
    let configuration = Configuration::from_settings_json(&json, &environment).unwrap();
    let domain = Domain::parse("sender.example").unwrap();
    assert_eq!(signers(&configuration, &domain).len(), 2);
    let fields = sign(&configuration, &domain, message.as_bytes(), NOW).await;
    (zone, String::from_utf8(fields).unwrap() + message)
}

#[tokio::test]
async fn what_we_sign_verifies_and_what_was_tampered_with_does_not() {
    for more in [
        "",
        r#", "canonicalization": "simple/simple""#,
        r#", "canonicalization": "relaxed/simple", "expire": 3600000"#,
    ] {
        let (zone, message) = signed(MESSAGE, more).await;
        let dkim = async |message: &str| check(&zone, "192.0.2.1", "ann@sender.example", message).await;
        let (findings, field) = dkim(&message).await;
        assert_eq!(findings.dkim, Finding::Pass, "{field}");
        assert_eq!(field.matches("dkim=pass header.d=sender.example").count(), 2, "{field}");

        let expect_fail = async |what: &str, message: String| {
            let (findings, field) = dkim(&message).await;
            assert_eq!(findings.dkim, Finding::Fail, "{what}: {field}");
        };
        expect_fail("body", message.replace("Hello", "Hallo")).await;
        expect_fail("appended", message.clone() + "more\r\n").await;
        expect_fail("subject", message.replace("Subject: hi", "Subject: ho")).await;
        expect_fail("second From", message.replace("To: bob", "From: eve@evil.example\r\nTo: bob")).await;
        expect_fail("second Subject", format!("Subject: other\r\n{message}")).await;
        expect_fail("added Reply-To", format!("Reply-To: eve@evil.example\r\n{message}")).await;

        // What a list or a relay may add does no harm, nor do empty lines at the end.
        let relayed = format!("Received: from x\r\nList-Id: <l.example>\r\n{message}\r\n\r\n");
        assert_eq!(dkim(&relayed).await.0.dkim, Finding::Pass, "{relayed}");
    }
}

#[tokio::test]
async fn a_relaxed_signature_survives_new_white_space() {
    let (zone, message) = signed(MESSAGE, "").await;
    let changed =
        message.replace("Hello  there\r\n", "Hello there  \t\r\n").replace("Subject: hi", "subject:  hi ");
    let (findings, field) = check(&zone, "192.0.2.1", "", &changed).await;
    assert_eq!(findings.dkim, Finding::Pass, "{field}");
}

#[tokio::test]
async fn odd_bodies_are_signed_and_verified_alike() {
    let header = "From: ann@sender.example\r\n\r\n";
    let long = "a line of some length, and then the next\r\n".repeat(20_000);
    for body in
        ["", "\r\n", "\r\n\r\n", " \r\n", "no line end", "a\r\n\r\n\r\nb\r\n \t\r\n", "x\ty  z\r\n", &long]
    {
        for more in ["", r#", "canonicalization": "simple/simple""#] {
            let (zone, message) = signed(&format!("{header}{body}"), more).await;
            let (findings, field) = check(&zone, "192.0.2.1", "", &message).await;
            let shown: String = body.chars().take(20).collect();
            assert_eq!(findings.dkim, Finding::Pass, "{shown:?} {more}: {field}");
            assert_eq!(field.matches("dkim=pass").count(), 2, "{shown:?} {more}: {field}");
        }
    }
}

#[tokio::test]
async fn signatures_that_nobody_should_believe() {
    let (zone, message) = signed(MESSAGE, r#", "expire": 1000"#).await;
    let dkim = async |message: &str| check(&zone, "192.0.2.1", "", message).await;
    let (findings, field) = dkim(&message.replace("x=1795509911", "x=1795509000")).await;
    assert_eq!(findings.dkim, Finding::Fail, "{field}");
    // RFC 6376 section 8.2: what `l=` leaves open, anybody may fill.
    let (findings, field) = dkim(&message.replace("v=1; ", "v=1; l=5; ")).await;
    assert_eq!((findings.dkim, findings.dmarc), (Finding::Neutral, Finding::None), "{field}");
    // RFC 8301 section 3.1.
    let (findings, field) =
        dkim(&message.replace("a=rsa-sha256", "a=rsa-sha1").replace("ed25519-sha256", "rsa-sha1")).await;
    assert_eq!(findings.dkim, Finding::None, "{field}");
    let (findings, field) = dkim(&message.replace("d=sender.example", "d=absent.example")).await;
    assert_eq!(findings.dkim, Finding::PermError, "{field}");
    // Hundreds of them cost no more than ten.
    let many = format!(
        "{}{message}",
        "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=From; bh=AAAA; b=AAAA\r\n".repeat(300)
    );
    let (findings, field) = dkim(&many).await;
    assert!(findings.dkim != Finding::Pass && field.matches("dkim=").count() <= SIGNATURES_MAX, "{field}");
    assert!(field.len() < store::PREFIX_BYTES_MAX);
}

#[tokio::test]
async fn a_signature_that_names_too_much_or_not_the_author_is_none() {
    let (zone, message) = signed(MESSAGE, "").await;
    let dkim = async |message: &str| check(&zone, "192.0.2.1", "", message).await;
    let many: String = (0..60_000).map(|at| format!("{at}:")).collect();
    for tampered in
        [message.replace("\th=From:", &format!("\th={many}From:")), message.replace("\th=From:From:", "\th=")]
    {
        assert_ne!(tampered, message);
        let begin = std::time::Instant::now();
        let (findings, field) = dkim(&tampered).await;
        assert_eq!(findings.dkim, Finding::None, "{field}");
        assert!(begin.elapsed() < std::time::Duration::from_secs(2), "no walk over all the names");
    }
}

#[tokio::test]
async fn dmarc_needs_an_identity_that_fits_the_author() {
    let (keys, message) = signed(MESSAGE, "").await;
    let zone = keys.with("TXT", "_dmarc.sender.example", "v=DMARC1; p=reject");
    let spf = zone.clone().with("TXT", "sender.example", "v=spf1 ip4:192.0.2.1 -all");
    let dmarc = async |zone: &Zone, sender: &str, message: &str, expected: Finding, policy: DmarcPolicy| {
        let (findings, field) = check(zone, "192.0.2.1", sender, message).await;
        assert_eq!((findings.dmarc, findings.dmarc_policy), (expected, policy), "{field}");
        field
    };
    // By the signature alone, and by SPF alone.
    let field = dmarc(&zone, "x@other.example", &message, Finding::Pass, DmarcPolicy::Reject).await;
    assert!(field.contains("dmarc=pass (p=reject) header.from=sender.example"), "{field}");
    dmarc(&spf, "ann@sender.example", MESSAGE, Finding::Pass, DmarcPolicy::Reject).await;
    // A signature or an envelope of somebody else says nothing about the author.
    dmarc(&spf, "x@other.example", MESSAGE, Finding::Fail, DmarcPolicy::Reject).await;
    let forged = message.replace("ann@sender.example", "boss@victim.example");
    let victim = zone.clone().with("TXT", "_dmarc.victim.example", "v=DMARC1; p=quarantine");
    dmarc(&victim, "x@other.example", &forged, Finding::Fail, DmarcPolicy::Quarantine).await;
    // A domain below is taken for the one above (RFC 9989 section 4.10).
    let below = MESSAGE.replace("ann@sender.example", "ann@mail.eu.sender.example");
    let (keys, below) = signed(&below, "").await;
    let zone = keys.with("TXT", "_dmarc.sender.example", "v=DMARC1; p=reject; sp=quarantine");
    dmarc(&zone, "", &below, Finding::Pass, DmarcPolicy::Quarantine).await;
    // No record, several, and none that can be found.
    dmarc(&Zone::default(), "", &below, Finding::None, DmarcPolicy::None).await;
    let several = zone.clone().with("TXT", "_dmarc.sender.example", "v=DMARC1; p=none");
    dmarc(&several, "", &below, Finding::None, DmarcPolicy::None).await;
    let broken = Zone::default().with("TXT", "_dmarc.sender.example", BROKEN);
    dmarc(&broken, "", MESSAGE, Finding::TempError, DmarcPolicy::None).await;
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_a_passing_trouble() {
    struct Silent;
    #[async_trait]
    impl Resolver for Silent {
        async fn mx(&self, _: &Domain) -> Result<Answer<MxRecord>, DnsError> {
            std::future::pending().await
        }
        async fn addresses(&self, _: &str, _: Family) -> Addresses {
            std::future::pending().await
        }
        async fn txt(&self, _: &str) -> Result<Answer<String>, DnsError> {
            std::future::pending().await
        }
        async fn ptr(&self, _: IpAddr) -> Result<Answer<String>, DnsError> {
            std::future::pending().await
        }
        async fn tlsa(&self, _: &str) -> Result<Answer<TlsaRecord>, DnsError> {
            std::future::pending().await
        }
        async fn srv(&self, _: &str) -> Result<Answer<SrvRecord>, DnsError> {
            std::future::pending().await
        }
    }
    let world =
        World::new(Arc::new(MemoryStore::new()), Arc::new(Silent), Arc::new(Nowhere), Arc::new(Stopped));
    let own = Domain::parse("mx.example.org").unwrap();
    let client = Client {
        listener: "smtp",
        ip: "192.0.2.1".parse().unwrap(),
        local_port: 25,
        helo: "helo.example.net",
        is_tls: false,
        authenticated_as: None,
        reverse_path: &ReversePath::Null,
    };
    let levels = Levels { spf: Strictness::Relaxed, dmarc: Strictness::Strict, ..Levels::default() };
    let checks = Checks::begin(levels, MESSAGE.as_bytes());
    let (findings, field) = checks.finish(&world, b"From: a@b.example\r\n", &client, &own).await;
    assert_eq!(
        (findings.spf, findings.dkim, findings.dmarc),
        (Finding::TempError, Finding::None, Finding::TempError)
    );
    assert!(String::from_utf8(field).unwrap().contains("spf=temperror (DNS takes too long)"));
}

#[tokio::test]
async fn a_chain_of_arc_seals() {
    use mail_auth::arc::ArcSealer;
    use mail_auth::common::crypto::Ed25519Key;
    use mail_auth::common::headers::HeaderWriter;
    use mail_auth::{ArcOutput, AuthenticationResults};
    let pkcs8 = Ed25519Key::generate_pkcs8().unwrap();
    let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(&pkcs8).unwrap();
    let record = format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(key.public_key()));
    let zone = Zone::default().with("TXT", "s._domainkey.list.example", &record);
    let message = AuthenticatedMessage::parse(MESSAGE.as_bytes()).unwrap();
    let results = AuthenticationResults::new("mx.list.example");
    let sealer =
        ArcSealer::from_key(key).domain("list.example").selector("s").headers(["From", "To", "Subject"]);
    let set = sealer.seal(&message, &results, &ArcOutput::default()).unwrap();
    let sealed = set.to_header() + MESSAGE;
    let (findings, field) = check(&zone, "192.0.2.1", "", &sealed).await;
    assert_eq!(findings.arc, Finding::Pass, "{field}");
    assert!(field.contains("\tarc=pass"), "{field}");
    for broken in [sealed.replace("Hello", "Hallo"), sealed.replace("Subject: hi", "Subject: ho")] {
        let (findings, field) = check(&zone, "192.0.2.1", "", &broken).await;
        assert_eq!(findings.arc, Finding::Fail, "{field}");
    }
    let (findings, field) = check(&Zone::default(), "192.0.2.1", "", MESSAGE).await;
    assert!(findings.arc == Finding::None && !field.contains("\tarc="), "{field}");
}
