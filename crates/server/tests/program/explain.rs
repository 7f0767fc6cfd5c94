//! `waypost explain`: the reasons as text and as JSON.

use crate::fixture::{Place, SETTINGS};

#[track_caller]
fn check(arguments: &[&str], expected: &str) {
    let mut all = vec!["explain", "--config", "settings.json", "--offline"];
    all.extend(arguments);
    let run = Place::with(SETTINGS).waypost(&all).exits(0);
    assert_eq!(run.out.trim(), expected.trim(), "\n{}", run.out);
}

#[test]
fn a_recipient_of_ours_goes_into_its_mailbox() {
    check(
        &["--from", "carl@away.example", "--to", "info@home.example"],
        r"
From  <carl@away.example>
To    <info@home.example>
By   127.0.0.1, not authenticated

Accepted  yes
  the recipient becomes <ann@home.example>

Schedule
  ✓ 0 is_local_domain(rcpt_domain)  true: rcpt_domain = 'home.example', is_local_domain('home.example') = 1  → 'local'
  tries again after 2 min, 5 min, 10 min, 15 min, 30 min, 1 h, 2 h, 1 d, 3 d; gives up after 3 d; virtual queue 'local'

Route at retry_num 0
  ✓ 0 is_local_domain(rcpt_domain)  true: rcpt_domain = 'home.example', is_local_domain('home.example') = 1  → 'local'

Next hop  a mailbox of this server
",
    );
}

#[test]
fn the_third_attempt_takes_the_fallback_with_its_tls_and_why() {
    check(
        &[
            "--from",
            "bob@home.example",
            "--auth",
            "bob@home.example",
            "--to",
            "dora@away.example",
            "--retry-num",
            "2",
            "--last-error",
            "tls",
        ],
        r"
From  <bob@home.example>
To    <dora@away.example>
By   127.0.0.1, authenticated as bob@home.example

Accepted  yes

Schedule
    0 is_local_domain(rcpt_domain)  false: rcpt_domain = 'away.example', is_local_domain('away.example') = 0
    1 source == 'dsn'               false: source = 'authenticated'
    2 source == 'report'            false: source = 'authenticated'
  ✓   else                          → 'remote'
  tries again after 2 min, 5 min, 10 min, 15 min, 30 min, 1 h, 2 h, 1 d, 3 d; gives up after 3 d; virtual queue 'remote'

Route at retry_num 2
    0 is_local_domain(rcpt_domain)  false: rcpt_domain = 'away.example', is_local_domain('away.example') = 0
  ✓ 1 retry_num > 1                 true: retry_num = 2  → 'fallback'

Next hop  the relay of the route
  1. 192.0.2.25  configured relay
     at    192.0.2.25, port 587, smtp
     TLS   required by STARTTLS, its certificate must verify (TLS strategy 'invalid-tls' says startTls optional; a password is to be sent)
     AUTH  as home
     TLS strategy 'invalid-tls' because retry_num > 0 && last_error == 'tls'
",
    );
}

#[test]
fn a_stranger_may_not_relay_and_dns_is_not_asked_offline() {
    check(
        &["--from", "<>", "--to", "dora@away.example", "--source-ip", "2001:db8::7"],
        r"
From  <>
To    <dora@away.example>
By   2001:db8::7, not authenticated

Accepted  no: 550 5.1.2 Relay not allowed.
  what follows is as if it had been

Schedule
    0 is_local_domain(rcpt_domain)  false: rcpt_domain = 'away.example', is_local_domain('away.example') = 0
    1 source == 'dsn'               false: source = 'unauthenticated'
    2 source == 'report'            false: source = 'unauthenticated'
  ✓   else                          → 'remote'
  tries again after 2 min, 5 min, 10 min, 15 min, 30 min, 1 h, 2 h, 1 d, 3 d; gives up after 3 d; virtual queue 'remote'

Route at retry_num 0
    0 is_local_domain(rcpt_domain)  false: rcpt_domain = 'away.example', is_local_domain('away.example') = 0
    1 retry_num > 1                 false: retry_num = 0
  ✓   else                          → 'mx'

Next hop  the MX hosts of away.example

Not deliverable now: cannot look up the MX of away.example: DNS is not asked (--offline)
",
    );
}

#[test]
fn json_holds_the_branches_and_the_plan() {
    let run = Place::with(SETTINGS)
        .waypost(&[
            "explain",
            "--config",
            "settings.json",
            "--offline",
            "--json",
            "--from",
            "bob@home.example",
            "--auth",
            "bob@home.example",
            "--to",
            "dora@away.example",
            "--retry-num",
            "2",
        ])
        .exits(0);
    let reports: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let report = &reports[0];
    assert_eq!(report["accepted"], true, "{report}");
    assert_eq!(report["route"]["name"], "fallback", "{report}");
    let branches = report["route"]["branches"].as_array().unwrap();
    let fired: Vec<bool> = branches.iter().map(|branch| branch["fired"].as_bool().unwrap()).collect();
    assert_eq!(fired, [false, true], "{report}");
    assert_eq!(report["hosts"][0]["addresses"][0], "192.0.2.25", "{report}");
    assert!(!run.out.contains("hush-hush"), "{}", run.out);
}

#[test]
fn settings_with_errors_explain_nothing() {
    let place = Place::with("{");
    place
        .waypost(&["explain", "--config", "settings.json", "--from", "a@a.example", "--to", "b@b.example"])
        .exits(1);
}

#[test]
fn a_listener_for_submission_asks_for_authentication() {
    let place = Place::with(SETTINGS);
    let boot = std::fs::read_to_string(place.path("waypost.toml")).unwrap();
    place.write("waypost.toml", &boot.replace("[[listener]]", "[[listener]]\nsubmission = true"));
    let explain =
        ["explain", "--config", "waypost.toml", "--from", "a@b.example", "--to", "ann@home.example"];
    assert!(place.waypost(&explain).exits(0).out.contains("530 5.7.0"));
    let run = place.waypost(&[&explain[..], &["--auth", "bob@home.example"]].concat()).exits(0);
    assert!(!run.out.contains("530"), "{}", run.out);
}
