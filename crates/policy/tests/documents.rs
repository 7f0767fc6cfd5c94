//! Every example in the documents is compiled: settings in `json` fences, expressions in `expression` fences.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code, which reads the documents")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use policy::check::{Checked, Environment, Severity, check};
use policy::expr::{Context, Dictionary, Formula};
use policy::settings::{Secret, Settings};

/// A piece of a document between fences.
struct Fenced {
    at: String,
    /// What follows the opening fence, such as `json`.
    kind: String,
    text: String,
}

/// README, CHANGELOG and all pages of `docs`, but those that say why.
fn fenced() -> Vec<Fenced> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    for folder in ["docs", "docs/settings"] {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()));
    }
    files.sort();
    files.iter().flat_map(|path| in_file(path)).collect()
}

fn in_file(path: &Path) -> Vec<Fenced> {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let (mut found, mut open): (Vec<Fenced>, Option<Fenced>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(_), Some(done)) => found.push(done),
            (Some(kind), None) => {
                let at = format!("{name}:{}", number + 1);
                open = Some(Fenced { at, kind: kind.trim().to_owned(), text: String::new() });
            }
            (None, Some(mut fenced)) => {
                fenced.text.push_str(line);
                fenced.text.push('\n');
                open = Some(fenced);
            }
            (None, None) => {}
        }
    }
    found
}

/// The check's errors about settings whose secrets are all where they are said to be.
fn errors(json: &str) -> Vec<String> {
    let settings = match Settings::from_json(json) {
        Ok(settings) => settings,
        Err(errors) => return errors.iter().map(ToString::to_string).collect(),
    };
    let secrets = settings.secret_references().into_iter().map(|place| (place, Ok(Secret::new("hush"))));
    let environment = Environment { secrets: secrets.collect(), ..Environment::default() };
    let Checked { findings, .. } = check(&settings, &environment);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

#[test]
fn every_settings_example_passes_the_check() {
    let examples: Vec<_> = fenced().into_iter().filter(|fenced| fenced.kind == "json").collect();
    assert!(examples.len() >= 4, "the documents have examples");
    for Fenced { at, text, .. } in examples {
        assert_eq!(errors(&text), Vec::<String>::new(), "{at}");
    }
}

#[test]
fn every_expression_example_compiles() {
    let (names, stores) = (BTreeSet::new(), BTreeMap::new());
    let mut count = 0;
    for Fenced { at, kind, text } in fenced() {
        let context = match kind.strip_prefix("expression ") {
            None => continue,
            Some("route" | "schedule") => Context::Recipient,
            Some("tls" | "connection") => Context::Host,
            Some("throttle") => Context::Throttle,
            Some("quota") => Context::Quota,
            Some("queued") => Context::Queued,
            Some("client") => Context::RcptTo,
            Some(other) => panic!("{at}: no context {other}"),
        };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let dictionary =
                Dictionary { context, objects: ("route", &names), stores: &stores, relays: &names };
            if let Err(error) = Formula::compile(line, &dictionary) {
                panic!("{at}: {line}: {} ({})", error.message, error.hint.unwrap_or_default());
            }
            count += 1;
        }
    }
    assert!(count >= 20, "the documents have examples");
}

/// In common use elsewhere: a relay for one domain, a second way with laxer TLS, a mail store by LMTP.
#[test]
fn configurations_of_other_servers_pass_the_check() {
    for json in [
        r#"{"MtaRoute": {
            "r-int": {"@type": "Relay", "name": "internal", "address": "mx.corp.example", "port": 25,
                      "protocol": "smtp"},
            "r-mx": {"@type": "Mx", "name": "mx"}, "r-loc": {"@type": "Local", "name": "local"}},
          "MtaOutboundStrategy": {"singleton": {"route": {
            "match": {"0": {"if": "rcpt_domain == 'corp.example'", "then": "'internal'"},
                      "1": {"if": "is_local_domain(rcpt_domain)", "then": "'local'"}}, "else": "'mx'"}}}}"#,
        r#"{"MtaRoute": {"r-fb": {"@type": "Relay", "name": "fallback", "address": "fallback.example.org",
            "port": 587, "authUsername": "mta1",
            "authSecret": {"@type": "File", "filePath": "/run/secrets/relay"}}},
          "MtaTlsStrategy": {"t-plain": {"name": "plain", "startTls": "disable", "dane": "disable",
            "mtaSts": "disable"}},
          "MtaOutboundStrategy": {
            "route": {"match": {"0": {"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
                                "1": {"if": "retry_num > 1", "then": "'fallback'"}}, "else": "'mx'"},
            "tls": {"match": {"0": {"if": "retry_num > 1 && last_error == 'tls'", "then": "'plain'"},
                              "1": {"if": "retry_num > 0 && last_error == 'tls'", "then": "'invalid-tls'"}},
                    "else": "'default'"}}}"#,
        r#"{"MtaRoute": [{"@type": "Relay", "name": "lmtp", "address": "store.internal", "port": 24,
            "protocol": "lmtp", "allowInvalidCerts": true, "authUsername": "relay_server",
            "authSecret": {"@type": "Value", "secret": "123456"}}],
          "MtaOutboundStrategy": {"route": {
            "match": {"0": {"if": "is_local_domain(rcpt_domain)", "then": "'lmtp'"}}, "else": "'mx'"}}}"#,
    ] {
        assert_eq!(errors(json), Vec::<String>::new(), "{json}");
    }
}
