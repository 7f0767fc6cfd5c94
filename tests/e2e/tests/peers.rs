//! The peers against each other: they are what the other tests take them for.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::net::UdpSocket;
use std::time::Duration;

use e2e::peers::{Dovecot, Knot, SmtpSink, SmtpSource, Swaks, Unbound};

#[test]
fn smtp_sink_keeps_what_smtp_source_sends() {
    let sink = SmtpSink::start();
    let source = SmtpSource {
        port: sink.port,
        from: "a@client.test",
        to: "b@there.test",
        messages: 20,
        sessions: 5,
        recipients: 1,
        bytes: 2_000,
    };
    source.send();
    let messages = sink.wait_for(20, "X-Rcpt-Args: <b@there.test>");
    assert_eq!(messages.len(), 20);
}

#[test]
fn smtp_sink_says_no_where_it_is_told_to() {
    let sink = SmtpSink::with(&["-r", "RCPT"]);
    let swaks = Swaks::send(sink.port, &["--from", "a@client.test", "--to", "b@there.test"]);
    assert!(!swaks.success);
    assert!(swaks.dialogue.contains("<** 450 4.3.0"), "{}", swaks.dialogue);
}

#[test]
fn dovecot_knows_its_users_and_no_others() {
    let dovecot = Dovecot::start(&["ann@inbox.test"]);
    let send = |to| Swaks::send(dovecot.port, &["--protocol", "LMTP", "--from", "a@client.test", "--to", to]);
    assert!(send("ann@inbox.test").success);
    assert_eq!(dovecot.wait_for("ann@inbox.test", 1).len(), 1);
    let stranger = send("bob@inbox.test");
    assert!(!stranger.success && stranger.dialogue.contains("550 5.1.1"), "{}", stranger.dialogue);
}

/// The response code and the number of answers to a question for MX records.
fn mx(port: u16, name: &str) -> (u8, u8) {
    let mut question = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(b"\x00\x00\x0f\x00\x01");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.send_to(&question, ("127.0.0.1", port)).unwrap();
    let mut answer = [0; 1_500];
    socket.recv(&mut answer).unwrap();
    (answer[3] & 15, answer[7])
}

#[test]
fn the_name_servers_answer_each_way() {
    let zones = [
        ("there.test", Some("@ MX 10 mx\nmx A 127.0.0.1\nnull MX 0 .\nalias CNAME there.test.")),
        ("broken.test", None),
    ];
    let knot = Knot::start(&zones);
    let unbound = Unbound::before(&knot, &["there.test", "broken.test"]);
    for port in [knot.port, unbound.port] {
        assert_eq!(mx(port, "there.test"), (0, 1), "an MX record");
        assert_eq!(mx(port, "null.there.test"), (0, 1), "a null MX");
        assert_eq!(mx(port, "alias.there.test"), (0, 2), "a CNAME and what it leads to");
        assert_eq!(mx(port, "broken.test"), (2, 0), "SERVFAIL");
        assert_eq!(mx(port, "nothing.there.test"), (3, 0), "NXDOMAIN");
    }
}
