//! Postfix's smtp-source to Waypost to Postfix's smtp-sink, and what a sink that says no brings about.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::{SmtpSink, SmtpSource};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually, free_port};

/// smtp-sink's names for the stages of a transaction.
const STAGES: [&str; 5] = ["EHLO", "MAIL", "RCPT", "DATA", "."];

#[track_caller]
fn send(waypost: &Waypost, to: &[&str], subject: &str) {
    let reply = Client::ready(waypost.port).send(SENDER, to, &message(subject)).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
}

/// A Relay route for each stage, its recipients in a domain of its own, and a sink that misbehaves there.
fn stages(option: &str) -> (Settings, Vec<(String, SmtpSink)>) {
    let mut settings = Settings::default();
    let mut sinks = Vec::new();
    for (index, stage) in STAGES.into_iter().enumerate() {
        let sink = SmtpSink::with(&[option, stage]);
        let domain = format!("stage{index}.test");
        settings = settings.relay(&format!("stage{index}"), &domain, sink.port);
        sinks.push((domain, sink));
    }
    (settings, sinks)
}

/// The last error of a recipient that is queued and was tried.
fn tried(waypost: &Waypost, recipient: &str) -> Option<String> {
    let queue = waypost.queue();
    let row = queue.iter().find(|row| row["recipient"] == recipient)?;
    (row["attempts"].as_u64()? > 0).then(|| row["lastError"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn what_smtp_source_sends_reaches_smtp_sink_once() {
    let sink = SmtpSink::start();
    let waypost = Setup::with(Settings::default().relay("sink", "there.test", sink.port).json()).start();
    let source = SmtpSource {
        port: waypost.port,
        from: "a@client.test",
        to: "b@there.test",
        messages: 300,
        sessions: 10,
        recipients: 1,
        bytes: 5_000,
    };
    source.send();
    sink.wait_for(300, "X-Rcpt-Args: <b@there.test>");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    assert_eq!(sink.messages().len(), 300, "each came once");
    assert!(sink.messages().iter().all(|message| message.contains("Received: from ")));
}

// proves: 5.17 grouping
#[test]
fn fifty_recipients_of_one_relay_travel_in_one_transaction() {
    let sink = SmtpSink::start();
    let settings = Settings::default().route(
        serde_json::json!({ "@type": "Relay", "name": "out", "address": "127.0.0.1", "port": sink.port }),
    );
    let waypost = Setup::with(settings.otherwise("'out'").json()).start();
    let recipients: Vec<String> = (0..50).map(|n| format!("user@d{n}.test")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    send(&waypost, &recipients, "fifty");
    let messages = sink.wait_for(1, "Subject: fifty");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    assert_eq!((messages.len(), sink.messages().len()), (1, 1));
    assert_eq!(messages[0].matches("X-Rcpt-Args: ").count(), 50);
}

// proves: E1
#[test]
fn a_temporary_refusal_at_any_stage_defers_and_the_mail_comes_later_once() {
    let (settings, sinks) = stages("-r");
    later_once(settings, sinks);
}

// proves: E3
#[test]
fn a_421_at_any_stage_defers_and_the_mail_comes_later_once() {
    let (settings, sinks) = stages("-Q");
    later_once(settings, sinks);
}

// proves: D3
#[test]
fn a_connection_cut_at_any_stage_defers_and_the_mail_comes_later_once() {
    let (settings, sinks) = stages("-q");
    later_once(settings, sinks);
}

/// Each recipient is tried and kept; when the sinks have come to reason, each message comes once.
#[track_caller]
fn later_once(settings: Settings, sinks: Vec<(String, SmtpSink)>) {
    let waypost = Setup::with(settings.json()).start();
    for (domain, _) in &sinks {
        send(&waypost, &[&format!("user@{domain}")], &format!("to {domain}"));
    }
    for (domain, _) in &sinks {
        let error = eventually(&format!("{domain} was tried"), || tried(&waypost, &format!("user@{domain}")));
        assert!(!error.is_empty(), "{domain}: the reason is recorded");
    }
    for (domain, sink) in sinks {
        let port = sink.port;
        drop(sink);
        let reasonable = SmtpSink::at("127.0.0.1", port, &[]);
        reasonable.wait_for(1, &format!("Subject: to {domain}"));
        let recipient = format!("user@{domain}");
        eventually("it has left the queue", || {
            waypost.queue().iter().all(|row| row["recipient"] != recipient.as_str()).then_some(())
        });
        assert_eq!(reasonable.messages().len(), 1, "{domain}: once");
    }
    assert!(waypost.inbox(SENDER).contains("no messages"), "nobody is told of a mere delay");
}

// proves: E2
#[test]
fn a_permanent_refusal_of_the_message_ends_it_and_the_sender_is_told_once() {
    for (option, stage) in [("-f", "MAIL"), ("-f", "RCPT"), ("-f", "DATA"), ("-f", ".")] {
        let sink = SmtpSink::with(&[option, stage]);
        let waypost = Setup::with(Settings::default().relay("sink", "there.test", sink.port).json()).start();
        send(&waypost, &["b@there.test"], "no way");
        let inbox = eventually(&format!("the sender is told of the 5xx to {stage}"), || {
            Some(waypost.inbox(SENDER)).filter(|inbox| !inbox.contains("no messages"))
        });
        assert_eq!(inbox.lines().count(), 2, "a head and one line: {inbox}");
        let show = ["mailbox", "show", "--config", "waypost.toml", SENDER, "INBOX", "1"];
        let report = waypost.print(&show);
        for expected in
            ["multipart/report", "Final-Recipient: rfc822;b@there.test", "Action: failed", "Status: 5."]
        {
            assert!(report.contains(expected), "{stage}: no {expected:?} in\n{report}");
        }
        assert!(report.contains("Diagnostic-Code: smtp;500 5.3.0"), "{stage}: the peer is quoted:\n{report}");
        assert!(waypost.queue().is_empty());
    }
}

// proves: E23, 5.17 double bounce
#[test]
fn a_report_that_cannot_be_delivered_makes_no_further_report() {
    let sink = SmtpSink::with(&["-f", "RCPT"]);
    let waypost = Setup::with(Settings::default().relay("sink", "there.test", sink.port).json()).start();
    let reply = Client::ready(waypost.port).send("", &["b@there.test"], &message("from nobody")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    assert!(waypost.inbox(SENDER).contains("no messages"));
    assert!(waypost.print(&["mailbox", "list", "--config", "waypost.toml"]).contains("no mailboxes"));
}

// proves: D1
#[test]
fn mail_waits_while_the_relay_is_down_and_goes_when_it_is_up() {
    let port = free_port();
    let mut waypost = Setup::with(Settings::default().relay("sink", "there.test", port).json()).start();
    for n in 0..20 {
        send(&waypost, &["b@there.test"], &format!("waits {n}"));
    }
    assert!(waypost.stop().success(), "it ends cleanly");
    waypost.run();
    let sink = SmtpSink::at("127.0.0.1", port, &[]);
    sink.wait_for(20, "Subject: waits ");
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
    assert_eq!(sink.messages().len(), 20, "none lost, none twice");
}
