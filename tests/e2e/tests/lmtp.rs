//! Dovecot's LMTP server as the next hop: a reply for each recipient, delivery read back from its maildirs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::Dovecot;
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, eventually};

// proves: G1
#[test]
fn each_recipient_has_its_own_end() {
    let dovecot = Dovecot::start(&["ann@inbox.test", "bob@inbox.test"]);
    let waypost = Setup::with(Settings::default().lmtp("dovecot", "inbox.test", dovecot.port).json()).start();
    let recipients = ["ann@inbox.test", "stranger@inbox.test", "bob@inbox.test"];
    let reply = Client::ready(waypost.port).send(SENDER, &recipients, &message("by LMTP")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    for user in ["ann@inbox.test", "bob@inbox.test"] {
        let inbox = dovecot.wait_for(user, 1);
        assert!(inbox[0].contains("Subject: by LMTP"), "{}", inbox[0]);
        assert!(inbox[0].contains(&format!("Return-Path: <{SENDER}>")), "{}", inbox[0]);
    }
    let show = ["mailbox", "show", "--config", "waypost.toml", SENDER, "INBOX", "1"];
    let report = eventually("the sender is told of the stranger", || {
        let output = waypost.tell(&show);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    assert!(report.contains("Final-Recipient: rfc822;stranger@inbox.test"), "{report}");
    assert!(!report.contains("Final-Recipient: rfc822;ann@inbox.test"), "ann has it: {report}");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    for user in ["ann@inbox.test", "bob@inbox.test"] {
        assert_eq!(dovecot.inbox(user).len(), 1, "{user}: once");
    }
}

#[test]
fn every_byte_of_a_message_arrives() {
    let dovecot = Dovecot::start(&["ann@inbox.test"]);
    let waypost = Setup::with(Settings::default().lmtp("dovecot", "inbox.test", dovecot.port).json()).start();
    let body = ".\r\n..\r\n...a line\r\n.\tx\r\n\r\nümlaut\r\n".replace("\r\n.", "\r\n..");
    let content = format!("From: <a@client.test>\r\nSubject: dots\r\n\r\n.{body}");
    let reply = Client::ready(waypost.port).send(SENDER, &["ann@inbox.test"], &content).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let inbox = dovecot.wait_for("ann@inbox.test", 1);
    let text = inbox[0].replace("\r\n", "\n");
    let (_, body) = text.split_once("\n\n").expect("a body");
    assert_eq!(body, ".\n..\n...a line\n.\tx\n\nümlaut\n");
}
