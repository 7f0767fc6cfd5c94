//! Mail by JMAP with programs that nobody here wrote: jmapc, websockets, curl.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::process::{Command, Stdio};

use e2e::peers::{Knot, Unbound, jmap_mail};
use e2e::settings::{ANN, PASSWORD, SENDER};
use e2e::{Settings, Setup, Waypost, free_port};
use serde_json::Value;

const ANNS_PASSWORD: &str = "open sesame 18";

/// A Waypost that serves JMAP by TLS with this certificate, and the port at which it does.
fn waypost(certificate: &Path, key: &Path) -> (Waypost, u16) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl
        .args(["-addext", "subjectAltName=DNS:localhost", "-out"])
        .arg(certificate)
        .arg("-keyout")
        .arg(key);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut settings = Settings::default().json();
    settings["Account"][0]["secret"] = ANNS_PASSWORD.into();
    let (port, imap) = (free_port(), free_port());
    let boot = format!(
        "[[listener]]\nname = \"jmap\"\nprotocol = \"http\"\nbind = \"127.0.0.1:{port}\"\ntls = \"implicit\"\n\
         [[listener]]\nname = \"imap\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:{imap}\"\ntls = \"implicit\"\n\
         [tls]\ncertificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    (Setup::with(settings).boot(&boot).start(), port)
}

#[test]
fn mail_is_read_filed_sent_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (_waypost, port) = waypost(&certificate, &key);
    jmap_mail::understands(port, &certificate, (SENDER, PASSWORD), (ANN, ANNS_PASSWORD));
}

#[test]
fn a_program_that_asks_by_autodiscover_is_told_where_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (_waypost, port) = waypost(&certificate, &key);
    let asked = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request><EMailAddress>{ANN}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"#
    );
    for path in ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"] {
        let url = format!("https://localhost:{port}{path}");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--cacert"]).arg(&certificate);
        curl.args(["-H", "Content-Type: text/xml", "--data-binary", &asked, &url]).stdin(Stdio::null());
        let output = curl.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(&format!("<LoginName>{ANN}</LoginName>")), "{text}");
        assert!(text.contains("<Action>settings</Action>"), "{text}");
    }
}

#[test]
fn the_zone_that_is_printed_is_the_one_that_is_asked_for() {
    let setup = |boot: &str| {
        let listeners = "[[listener]]\nname = \"imaps\"\nprotocol = \"imap\"\nbind = \"127.0.0.1:993\"\ntls = \"implicit\"\n";
        Setup::with(Settings::default().json()).boot(listeners).boot(boot).prepare()
    };
    let zone = setup("").print(&["domain", "dns", "here.test", "--config", "waypost.toml", "--zone"]);
    let states = |zone: &str| {
        let knot = Knot::start(&[("here.test", Some(zone))]);
        let unbound = Unbound::before(&knot, &["here.test"]);
        let asks = format!("[dns]\nname_servers = [\"127.0.0.1:{}\"]\n", unbound.port);
        let waypost = setup(&asks);
        let told = waypost.tell(&["domain", "dns", "here.test", "--config", "waypost.toml", "--json"]);
        serde_json::from_slice::<Value>(&told.stdout).unwrap()
    };
    let all = states(&format!("mx A 127.0.0.1\n{zone}"));
    assert_eq!(all["ok"], true, "{all:#}");
    assert!(all["records"].as_array().unwrap().iter().all(|one| one["state"] == "there"), "{all:#}");
    let other = zone.replace("IN MX 10 mx.here.test.", "IN MX 10 other.here.test.");
    let other = states(&format!("mx A 127.0.0.1\n{other}"));
    let records = other["records"].as_array().unwrap();
    let state = |kind: &str| records.iter().find(|one| one["type"] == kind).unwrap()["state"].clone();
    assert_eq!((&other["ok"], state("MX"), state("SRV")), (&false.into(), "differs".into(), "there".into()));
}
