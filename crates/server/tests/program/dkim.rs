//! `waypost dkim`: a key, its record, its settings, and whether they fit.

use std::os::unix::fs::PermissionsExt;

use crate::fixture::{Place, SETTINGS};

#[test]
fn a_new_key_fits_into_the_settings_as_it_is_printed() {
    for (algorithm, kind, length) in [("ed25519", "k=ed25519", 66), ("rsa", "k=rsa", 410)] {
        let place = Place::with(SETTINGS);
        let arguments =
            ["dkim", "new", "home.example", "--selector", "s1", "--algorithm", algorithm, "--json"];
        let run = place.waypost(&arguments).exits(0);
        let made: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(made["dns"]["name"], "s1._domainkey.home.example");
        let value = made["dns"]["value"].as_str().unwrap();
        assert!(value.contains(kind) && value.len() >= length, "{value}");
        let strings: Vec<_> =
            made["dns"]["zoneLine"].as_str().unwrap().split('"').skip(1).step_by(2).collect();
        assert!(strings.iter().all(|string| string.len() <= 255), "{strings:?}");
        assert_eq!(strings.concat(), value);
        let key = place.path("home.example.s1.pem");
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

        let mut settings: serde_json::Value = serde_json::from_str(SETTINGS).unwrap();
        settings["DkimSignature"] = made["settings"]["DkimSignature"].clone();
        place.write("settings.json", &settings.to_string());
        let run = place.waypost(&["check", "settings.json"]).exits(0);
        assert!(!run.out.contains("DkimSignature"), "{}", run.out);
        // The key is there, and is not written over.
        let run = place.waypost(&arguments).exits(1);
        assert!(run.err.contains("cannot write"), "{}", run.err);
    }
}

#[test]
fn a_signature_that_cannot_be_made_is_refused() {
    let check = |signature: &str, expected: &str| {
        let with = format!("{{\"DkimSignature\": [{signature}],");
        let settings = SETTINGS.replacen('{', &with, 1);
        let run = Place::with(&settings).waypost(&["check", "settings.json"]).exits(1);
        assert!(run.out.contains("DkimSignature") && run.out.contains(expected), "{}", run.out);
    };
    let head = r#""name": "a", "domain": "home.example", "selector": "s1""#;
    check(&format!("{{{head}}}"), "key");
    check(
        &format!(r#"{{{head}, "key": {{"@type": "File", "filePath": "absent.pem"}}}}"#),
        "cannot read the key",
    );
    check(&format!(r#"{{{head}, "key": {{"@type": "Value", "secret": "nonsense"}}}}"#), "PEM");
    check(&format!(r#"{{{head}, "key": {{"@type": "None"}}}}"#), "there is no key");
    check(&format!(r#"{{{head}, "canonicalization": "loose"}}"#), "relaxed and simple");
    check(&format!(r#"{{{head}, "headers": ["Bad Name"]}}"#), "header field");
}
