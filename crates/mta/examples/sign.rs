//! How long does a signature take? Prints microseconds for each kind of key and each size of content.
#![allow(clippy::unwrap_used, reason = "a measurement")]

use std::time::Instant;

use mail::{Domain, Timestamp};
use mta::sign::{NewKey, generate, open, sign};
use policy::Configuration;
use policy::check::Environment;

#[tokio::main]
async fn main() {
    let domain = Domain::parse("example.org").unwrap();
    for (name, kind) in [("ed25519", NewKey::Ed25519), ("rsa2048", NewKey::Rsa2048)] {
        let pem = generate(kind).unwrap().replace('\n', "\\n");
        let json = format!(
            r#"{{"DkimSignature": {{"name": "a", "domain": "example.org", "selector": "a",
                 "key": {{"@type": "Value", "secret": "{pem}"}}}}}}"#
        );
        let environment = Environment { open_key: Some(open), ..Environment::default() };
        let configuration = Configuration::from_settings_json(&json, &environment).unwrap();
        for bytes in [1_000, 5_000, 100_000, 1_000_000] {
            let header = "From: a@example.org\r\nTo: b@example.net\r\nSubject: hi\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\n";
            let content = format!("{header}{}", "some words in a line, and some more\r\n".repeat(bytes / 37));
            let (begun, count) = (Instant::now(), 500_000_000 / (bytes as u128 + 200_000));
            for _ in 0..count {
                assert!(
                    !sign(&configuration, &domain, content.as_bytes(), Timestamp::EPOCH).await.is_empty()
                );
            }
            println!("{name} {bytes} bytes: {} us", begun.elapsed().as_micros() / count);
        }
    }
}
