//! The management API with a client that nobody here wrote.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::process::Command;

use e2e::peers::jmapc;
use e2e::{Setup, free_port};
use serde_json::json;

// proves: 5.17 JMAP errors
#[test]
fn a_client_that_knows_only_the_standard_can_ask() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let data = folder.path().join("data");
    let admin = format!(
        "bind = \"127.0.0.1:{port}\"\ncertificate = \"{}\"\nkey = \"{}\"",
        certificate.display(),
        key.display()
    );
    let setup = Setup::with(json!({ "Domain": [{ "name": "here.test" }] }));
    let waypost = setup.data(&data).admin(&admin).storing().start();
    jmapc::understands(port, &certificate, &data.join("admin.sock"));
    drop(waypost);
}
