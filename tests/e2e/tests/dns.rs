//! Knot and unbound as the DNS: which MX host gets the mail, and what an answer that is none brings about.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::{Knot, SmtpSink, Unbound};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually, free_port};

const THERE: &str = "\
@        MX 20 second
@        MX 10 first
first    A 127.0.0.2
second   A 127.0.0.3
null     MX 0 .
alias    CNAME there.test.
plain    A 127.0.0.3
dangling MX 10 nowhere
";

/// A resolver, a sink at 127.0.0.3 (the second MX host), nobody at 127.0.0.2, and Waypost.
struct Town {
    waypost: Waypost,
    sink: SmtpSink,
    _knot: Knot,
    _unbound: Unbound,
}

fn town() -> Town {
    let knot = Knot::start(&[("there.test", Some(THERE)), ("broken.test", None)]);
    let unbound = Unbound::before(&knot, &["there.test", "broken.test"]);
    let sink = SmtpSink::at("127.0.0.3", free_port(), &[]);
    let boot = format!(
        "[dns]\nname_servers = [\"127.0.0.1:{}\"]\n[mx]\nport = {}\nallow_loopback = true\n",
        unbound.port, sink.port
    );
    let waypost = Setup::with(Settings::default().json()).boot(&boot).start();
    Town { waypost, sink, _knot: knot, _unbound: unbound }
}

impl Town {
    #[track_caller]
    fn send(&self, to: &str) {
        let reply = Client::ready(self.waypost.port).send(SENDER, &[to], &message(to)).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
    }

    #[track_caller]
    fn report(&self) -> String {
        let show = ["mailbox", "show", "--config", "waypost.toml", SENDER, "INBOX", "1"];
        eventually("the sender is told", || {
            let output = self.waypost.tell(&show);
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        })
    }
}

// proves: C22
#[test]
fn the_second_mx_host_takes_over_when_the_first_is_down() {
    let town = town();
    town.send("ann@there.test");
    town.sink.wait_for(1, "X-Rcpt-Args: <ann@there.test>");
}

// proves: C7
#[test]
fn an_alias_leads_to_the_mx_hosts_of_what_it_names() {
    let town = town();
    town.send("ann@alias.there.test");
    town.sink.wait_for(1, "Subject: ann@alias.there.test");
}

// proves: C3
#[test]
fn a_host_without_mx_records_takes_its_own_mail() {
    let town = town();
    town.send("ann@plain.there.test");
    town.sink.wait_for(1, "X-Rcpt-Args: <ann@plain.there.test>");
}

// proves: C4
#[test]
fn a_null_mx_ends_the_recipient_at_once() {
    let town = town();
    town.send("ann@null.there.test");
    let report = town.report();
    assert!(report.contains("Action: failed") && report.contains("Status: 5.1.10"), "{report}");
    assert!(town.sink.messages().is_empty());
}

// proves: C2
#[test]
fn a_domain_that_does_not_exist_ends_the_recipient_at_once() {
    let town = town();
    town.send("ann@nothing.there.test");
    let report = town.report();
    assert!(report.contains("Action: failed") && report.contains("Status: 5.1.2"), "{report}");
}

// proves: C1
#[test]
fn a_name_server_that_fails_only_delays() {
    let town = town();
    town.send("ann@broken.test");
    let row = eventually("it was tried", || {
        town.waypost.queue().into_iter().find(|row| row["attempts"].as_u64().unwrap() > 0)
    });
    let error = row["lastError"].as_str().unwrap();
    assert!(error.contains("broken.test"), "{error}");
    assert!(town.waypost.inbox(SENDER).contains("no messages"), "doubt is not absence");
}
