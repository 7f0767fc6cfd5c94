//! Postfix as the next hop: what a client asked for is handed on as far as Postfix offers it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::Postfix;
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually};
use serde_json::json;

/// A Waypost that offers DSN to everybody and hands all mail for there.test to this peer.
fn before(postfix: &Postfix) -> Waypost {
    let relay = json!({
        "@type": "Relay", "name": "postfix", "address": "127.0.0.1", "port": postfix.port, "allowInvalidCerts": true,
    });
    let mut settings =
        Settings::default().route(relay).when("rcpt_domain == 'there.test'", "'postfix'").json();
    settings["MtaExtensions"] = json!({ "dsn": true });
    Setup::with(settings).start()
}

/// Shows the first message that its sender got.
const SHOW: [&str; 7] = ["mailbox", "show", "--config", "waypost.toml", SENDER, "INBOX", "1"];

/// Waits for what the sender is told.
#[track_caller]
fn told(waypost: &Waypost) -> String {
    eventually("the sender is told", || {
        let output = waypost.tell(&SHOW);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    })
}

/// The client's commands to Postfix that begin so, in the order in which they came.
fn said(postfix: &Postfix, verb: &str) -> Vec<String> {
    let log = postfix.log();
    let lines = log.lines().filter_map(|line| line.split_once("< ")?.1.split_once("]: "));
    lines.map(|(_, said)| said.to_owned()).filter(|said| said.starts_with(verb)).collect()
}

// proves: E16, 5.3.2, 5.3.4, 5.17 RET ORCPT
#[test]
fn everything_that_postfix_offers_is_used() {
    let postfix = Postfix::with(&[]);
    let waypost = before(&postfix);
    let mut client = Client::ready(waypost.port);
    client.say(&format!("MAIL FROM:<{SENDER}> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb"), 250);
    client.say("RCPT TO:<bob@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@old.test", 250);
    client.say("RCPT TO:<j\u{fc}rgen@there.test> NOTIFY=NEVER", 250);
    client.say("DATA", 354);
    let content = "From: <a@client.test>\r\nSubject: caf\u{e9}\r\n\r\n..one\r\ncaf\u{e9}\r\n";
    client.write(content.as_bytes()).unwrap();
    client.say(".", 250);
    let messages = postfix.wait_for(1);
    assert!(messages[0].contains("Subject: caf\u{e9}"), "{}", messages[0]);
    assert!(messages[0].ends_with("\n\n.one\ncaf\u{e9}\n"), "{}", messages[0]);
    assert!(
        messages[0].contains("with UTF8SMTPS id") || messages[0].contains("with ESMTPS id"),
        "{}",
        messages[0]
    );
    assert!(messages[0].contains("using TLSv1.3 with cipher"), "{}", messages[0]);
    let mail = said(&postfix, "MAIL").pop().unwrap();
    for parameter in [" SIZE=", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS", " ENVID=a+2Bb"] {
        assert!(mail.contains(parameter), "{mail}");
    }
    let rcpt = said(&postfix, "RCPT").join("\n");
    assert!(rcpt.contains("<bob@there.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@old.test"), "{rcpt}");
    assert!(rcpt.contains("rgen@there.test> NOTIFY=NEVER"), "{rcpt}");
    assert_eq!(said(&postfix, "BDAT").len(), 1, "{}", postfix.log());
    assert!(said(&postfix, "STARTTLS").len() == 1 && said(&postfix, "DATA").is_empty());
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    // Postfix has taken over what is to be told: nothing comes from here.
    assert!(!waypost.tell(&SHOW).status.success(), "the sender has heard nothing from here");
}

// proves: E16, H6, H20
#[test]
fn a_large_message_reaches_a_postfix_without_8bitmime_by_way_of_the_spool() {
    let postfix = Postfix::with(&["smtpd_discard_ehlo_keywords = 8bitmime, smtputf8, chunking, dsn"]);
    let waypost = before(&postfix);
    let line = format!("caf\u{e9} {}", "x".repeat(80));
    let long = "y".repeat(5_000);
    let lines = 40_000;
    let text = format!("{line}\r\n").repeat(lines);
    let content = format!(
        "From: <a@client.test>\r\nSubject: large\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}{long}\r\n"
    );
    let reply = Client::ready(waypost.port).send(SENDER, &["bob@there.test"], &content).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let message = postfix.wait_for(1).remove(0);
    assert!(message.is_ascii() && message.lines().all(|line| line.len() <= 998));
    assert!(message.contains("Content-Transfer-Encoding: quoted-printable"), "{}", &message[..2_000]);
    let body = message.split_once("\n\n").unwrap().1.replace("=\n", "").replace("=C3=A9", "\u{e9}");
    assert_eq!(body.lines().filter(|got| *got == line).count(), lines);
    assert_eq!(body.lines().last(), Some(long.as_str()));
    let declared = said(&postfix, "MAIL").pop().unwrap();
    let size: usize = declared.split_once(" SIZE=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(size > content.len(), "{declared}");
    eventually("the delivery is in the log", || waypost.log().contains("converted").then_some(()));
}

// proves: 5.3.1
#[test]
fn without_dsn_at_the_next_hop_the_sender_hears_that_it_was_relayed() {
    let postfix = Postfix::with(&["smtpd_discard_ehlo_keywords = dsn"]);
    let waypost = before(&postfix);
    let mut client = Client::ready(waypost.port);
    client.say(&format!("MAIL FROM:<{SENDER}>"), 250);
    client.say("RCPT TO:<bob@there.test> NOTIFY=SUCCESS", 250);
    client.say("DATA", 354);
    client.write(message("success").as_bytes()).unwrap();
    client.say(".", 250);
    postfix.wait_for(1);
    let report = told(&waypost);
    assert!(report.contains("Action: relayed") && report.contains("rfc822;bob@there.test"), "{report}");
    assert!(report.contains("Remote-MTA: dns;127.0.0.1"), "{report}");
}

// proves: 5.3.3, E15
#[test]
fn what_is_larger_than_postfix_takes_is_not_even_offered() {
    let postfix = Postfix::with(&["message_size_limit = 2000"]);
    let waypost = before(&postfix);
    let content = message("large") + &"x\r\n".repeat(1_000);
    let reply = Client::ready(waypost.port).send(SENDER, &["bob@there.test"], &content).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let report = told(&waypost);
    assert!(report.contains("Action: failed") && report.contains("Status: 5.3.4"), "{report}");
    assert_eq!(said(&postfix, "MAIL"), Vec::<String>::new());
}
