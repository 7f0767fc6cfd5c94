//! `swaks` as the client: STARTTLS, AUTH PLAIN, AUTH LOGIN, and what is refused without them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::peers::{SmtpSink, Swaks};
use e2e::settings::{ANN, PASSWORD, SENDER};
use e2e::{Settings, Setup, Waypost};

fn closed(sink: &SmtpSink) -> Waypost {
    Setup::with(Settings::default().relay("sink", "there.test", sink.port).json()).closed().start()
}

const OUT: [&str; 4] = ["--from", SENDER, "--to", "b@there.test"];

#[test]
fn auth_over_starttls_may_send_anywhere() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let sink = SmtpSink::start();
        let waypost = closed(&sink);
        let auth = ["--tls", "--auth", mechanism, "--auth-user", SENDER, "--auth-password", PASSWORD];
        let swaks = Swaks::send(waypost.port, &[&OUT[..], &auth].concat());
        assert!(swaks.success, "{mechanism}:\n{}", swaks.dialogue);
        assert!(swaks.dialogue.contains("=== TLS started with cipher"), "{}", swaks.dialogue);
        assert!(swaks.dialogue.contains("<~  235 2.7.0"), "{}", swaks.dialogue);
        sink.wait_for(1, "X-Rcpt-Args: <b@there.test>");
    }
}

#[test]
fn a_wrong_password_is_refused_and_may_not_relay() {
    let sink = SmtpSink::start();
    let waypost = closed(&sink);
    let auth = ["--tls", "--auth", "PLAIN", "--auth-user", SENDER, "--auth-password", "wrong"];
    let swaks = Swaks::send(waypost.port, &[&OUT[..], &auth].concat());
    assert!(!swaks.success);
    assert!(swaks.dialogue.contains("535 5.7.8"), "{}", swaks.dialogue);
    assert!(sink.messages().is_empty());
}

// proves: H23
#[test]
fn an_unknown_user_gets_the_same_answer_as_a_wrong_password() {
    let sink = SmtpSink::start();
    let waypost = closed(&sink);
    let try_as = |user| {
        let auth = ["--tls", "--auth", "PLAIN", "--auth-user", user, "--auth-password", "wrong"];
        let swaks = Swaks::send(waypost.port, &[&OUT[..], &auth].concat());
        let line = swaks.dialogue.lines().find(|line| line.contains("535")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no 535 in {}", swaks.dialogue))
    };
    assert_eq!(try_as(SENDER), try_as("nobody@here.test"));
}

#[test]
fn without_auth_only_local_recipients_are_taken() {
    let sink = SmtpSink::start();
    let waypost = closed(&sink);
    let out = Swaks::send(waypost.port, &OUT);
    assert!(!out.success && out.dialogue.contains("550 5.1.2"), "{}", out.dialogue);
    let unknown = Swaks::send(waypost.port, &["--from", "x@client.test", "--to", "nobody@here.test"]);
    assert!(!unknown.success && unknown.dialogue.contains("550 5.1.1"), "{}", unknown.dialogue);
    let local = Swaks::send(waypost.port, &["--from", "x@client.test", "--to", ANN, "--tls"]);
    assert!(local.success, "{}", local.dialogue);
    e2e::eventually("it is in the inbox", || {
        Some(waypost.inbox(ANN)).filter(|inbox| inbox.contains("x@client.test"))
    });
}

// proves: H16
#[test]
fn a_message_may_come_in_chunks_of_any_size_and_in_one_write() {
    let sink = SmtpSink::start();
    let waypost = Setup::with(Settings::default().relay("sink", "there.test", sink.port).json()).start();
    let swaks = Swaks::send(waypost.port, &[&OUT[..], &["--pipeline"]].concat());
    assert!(swaks.success, "{}", swaks.dialogue);
    sink.wait_for(1, "X-Rcpt-Args: <b@there.test>");
}
