//! Tests of routes against real peers: what works and what does not is told, and no message is sent.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::peers::{DovecotAuth, Postfix, SmtpSink};
use e2e::{Settings, Setup, Waypost, eventually, free_port};
use serde_json::{Value, json};

const FROM: &str = "me@here.test";

/// What becomes of a test: its state, the stages that ended well or ill, and what was said.
#[track_caller]
fn tested(waypost: &Waypost, route: &Value, to: &str) -> (String, Vec<String>, String) {
    let create = json!({ "create": { "t": { "route": route, "from": FROM, "to": to } } });
    let answer = waypost.ask("x:RouteTest/set", &create);
    let id = answer["created"]["t"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let test = eventually("the test ends", || {
        let answer = waypost.ask("x:RouteTest/get", &json!({ "ids": [id] }));
        Some(answer["list"][0].clone()).filter(|test| test["state"] != "running")
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stages = test["stages"].as_array().unwrap().iter();
    let stages = stages.filter(|stage| stage["state"] != "skipped");
    let stages = stages.map(|stage| format!("{} {}", text(&stage["name"]), text(&stage["state"])));
    let dialogue = test["dialogue"].as_array().unwrap().iter().map(|line| text(&line["line"]));
    (text(&test["state"]), stages.collect(), dialogue.collect::<Vec<_>>().join("\n"))
}

fn relay(port: u16, more: Value) -> Value {
    let mut route = json!({ "@type": "Relay", "name": "out", "address": "127.0.0.1", "port": port });
    route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    route
}

fn login(password: &str) -> Value {
    json!({
        "authUsername": "mta", "authSecret": { "@type": "Value", "secret": password }, "allowInvalidCerts": true,
    })
}

fn waypost(route: Value) -> Waypost {
    Setup::with(Settings::default().route(route).otherwise("'out'").json()).start()
}

fn postfix(dovecot: &DovecotAuth) -> Postfix {
    let path = format!("smtpd_sasl_path = {}", dovecot.socket().display());
    Postfix::with(&[
        "smtpd_sasl_auth_enable = yes",
        "smtpd_sasl_type = dovecot",
        &path,
        "smtpd_sasl_security_options = noanonymous",
        "smtpd_recipient_restrictions = permit_sasl_authenticated, reject",
    ])
}

// proves: L6
#[test]
fn postfix_with_dovecots_passwords_says_which_password_is_right() {
    let dovecot = DovecotAuth::start("mta", "right-canary", "plain login");
    let postfix = postfix(&dovecot);
    let waypost = waypost(relay(postfix.port, login("wrong-canary")));
    let (state, stages, said) = tested(&waypost, &json!("out"), "you@there.test");
    assert_eq!((state.as_str(), stages.last().unwrap().as_str()), ("failed", "auth failed"), "{said}");
    assert!(said.contains("535") && !said.contains("canary"), "{said}");
    // As it stands on the screen, not saved.
    let mended = relay(postfix.port, login("right-canary"));
    let (state, stages, said) = tested(&waypost, &mended, "you@there.test");
    assert_eq!(state, "done", "{stages:?}\n{said}");
    assert_eq!(stages.last().unwrap(), "rcpt done");
    assert!(said.contains("RCPT TO:<you@there.test>") && !said.contains("DATA"), "{said}");
    assert!(!said.contains("canary") && !waypost.log().contains("canary"));
}

#[test]
fn a_refused_recipient_a_dead_host_and_missing_tls_are_told_apart() {
    let sink = SmtpSink::with(&["-f", "RCPT"]);
    let waypost = waypost(relay(sink.port, json!({})));
    let (state, stages, _) = tested(&waypost, &json!("out"), "you@there.test");
    assert_eq!((state.as_str(), stages.last().unwrap().as_str()), ("failed", "rcpt failed"));
    let dead = relay(free_port(), json!({}));
    let (state, stages, _) = tested(&waypost, &dead, "you@there.test");
    assert_eq!((state.as_str(), stages.last().unwrap().as_str()), ("failed", "connect failed"));
    let strict = relay(sink.port, json!({ "requireTls": true }));
    let (state, stages, said) = tested(&waypost, &strict, "you@there.test");
    assert_eq!(state, "failed", "{stages:?}\n{said}");
    assert!(!said.contains("MAIL FROM"), "{said}");
    assert!(sink.messages().is_empty(), "nothing was sent");
    assert!(waypost.queue().is_empty());
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told() {
    let postfix = Postfix::with(&[]);
    let waypost = waypost(relay(postfix.port, json!({ "requireTls": true })));
    let (state, stages, said) = tested(&waypost, &json!("out"), "you@there.test");
    assert_eq!((state.as_str(), stages.last().unwrap().as_str()), ("failed", "tls failed"), "{said}");
}
