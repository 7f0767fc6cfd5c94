//! Postfix with Dovecot's passwords as a relay that asks who we are, and Dovecot's LMTP at a Unix socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::client::message;
use e2e::peers::{Dovecot, DovecotAuth, Postfix};
use e2e::settings::SENDER;
use e2e::{Client, Settings, Setup, Waypost, eventually};
use serde_json::json;

/// A Postfix that takes mail only from those who show the password.
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

fn waypost(postfix: &Postfix, mechanism: &str, password: &str) -> Waypost {
    let route = json!({
        "@type": "Relay", "name": "out", "address": "127.0.0.1", "port": postfix.port, "allowInvalidCerts": true,
        "authUsername": "mta", "authSecret": {"@type": "Value", "secret": password}, "authMechanism": mechanism,
    });
    Setup::with(Settings::default().route(route).otherwise("'out'").json()).start()
}

// proves: 5.17 AUTH
#[test]
fn postfix_takes_mail_by_each_mechanism() {
    let dovecot = DovecotAuth::start("mta", "pa=ss, word", "plain login scram-sha-256");
    let postfix = postfix(&dovecot);
    for (count, (mechanism, used)) in
        [("auto", "SCRAM-SHA-256"), ("scramSha256", "SCRAM-SHA-256"), ("plain", "PLAIN"), ("login", "LOGIN")]
            .into_iter()
            .enumerate()
    {
        let waypost = waypost(&postfix, mechanism, "pa=ss, word");
        let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message(mechanism)).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
        eventually(&format!("the queue is empty after {mechanism}: {}", dovecot.log()), || {
            waypost.queue().is_empty().then_some(())
        });
        let messages = postfix.wait_for(count + 1);
        assert!(messages.iter().any(|text| text.contains(&format!("Subject: {mechanism}"))));
        assert!(postfix.log().contains(&format!("sasl_method={used}, sasl_username=mta")), "{mechanism}");
    }
}

#[test]
fn postfix_takes_mail_by_each_kind_of_access_token() {
    let dovecot = DovecotAuth::with_tokens("mta", "key of the issuer", "oauthbearer xoauth2");
    let postfix = postfix(&dovecot);
    for (count, (mechanism, used)) in
        [("oAuthBearer", "OAUTHBEARER"), ("XOAUTH2", "XOAUTH2")].into_iter().enumerate()
    {
        let waypost = waypost(&postfix, mechanism, &dovecot.token());
        let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message(used)).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
        postfix.wait_for(count + 1);
        assert!(postfix.log().contains(&format!("sasl_method={used}, sasl_username=mta")), "{used}");
    }
    let waypost = waypost(&postfix, "oAuthBearer", "no.token.atall");
    let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message("wrong")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    eventually("it is deferred", || {
        let row = waypost.queue().into_iter().next()?;
        row["lastError"].as_str().is_some_and(|why| why.contains("535")).then_some(())
    });
}

// proves: G4, 5.17 AUTH
#[test]
fn a_wrong_password_keeps_mail_in_the_queue_and_is_shown_once() {
    let dovecot = DovecotAuth::start("mta", "right", "plain login scram-sha-256");
    let postfix = postfix(&dovecot);
    let waypost = waypost(&postfix, "auto", "wrong");
    let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message("wrong")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    let row = eventually("it was tried twice", || {
        waypost.queue().into_iter().find(|row| row["attempts"].as_u64() >= Some(2))
    });
    assert!(row["lastError"].as_str().unwrap().contains("credentials"), "{row}");
    assert_eq!(postfix.log().matches("SASL SCRAM-SHA-256 authentication failed").count(), 1);
    assert!(waypost.log().contains("relay credentials") && !waypost.log().contains("wrong-"), "an alarm");
}

#[test]
fn dovecot_takes_mail_at_its_unix_socket() {
    let dovecot = Dovecot::start(&["ann@inbox.test"]);
    let route = json!({ "@type": "Relay", "name": "store", "socket": dovecot.socket(), "protocol": "lmtp" });
    let waypost = Setup::with(Settings::default().route(route).otherwise("'store'").json()).start();
    let to = ["ann@inbox.test", "stranger@inbox.test"];
    let reply = Client::ready(waypost.port).send(SENDER, &to, &message("by socket")).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text);
    assert!(dovecot.wait_for("ann@inbox.test", 1)[0].contains("Subject: by socket"));
    eventually("the queue is empty", || waypost.queue().is_empty().then_some(()));
}

#[test]
fn what_is_down_is_shown_and_the_next_host_takes_the_mail() {
    let sink = e2e::peers::SmtpSink::start();
    let dead = e2e::free_port();
    let route = json!({ "@type": "Relay", "name": "pool", "addresses": [
        { "address": "127.0.0.1", "port": dead }, { "address": "127.0.0.1", "port": sink.port },
    ]});
    let waypost = Setup::with(Settings::default().route(route).otherwise("'pool'").json()).start();
    for number in 0..4 {
        let subject = format!("number {number}");
        let reply = Client::ready(waypost.port).send(SENDER, &["a@there.test"], &message(&subject)).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text);
        sink.wait_for(1, &format!("Subject: {subject}"));
    }
    let shown = eventually("the dead host is shown", || {
        let shown = waypost.print(&["next-hops", "--config", "waypost.toml", "--json"]);
        shown.contains("nextTrial").then_some(shown)
    });
    assert!(shown.contains(&format!("127.0.0.1:{dead}")) && shown.contains("nextTrial"), "{shown}");
}
