//! DKIM, SPF and DMARC with the zones of a real name server, a client of its own, and another's implementation of DKIM.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use e2e::peers::{Knot, SmtpSink, Swaks, dkimpy};
use e2e::settings::{ANN, PASSWORD, SENDER};
use e2e::{Settings, Setup, Waypost, eventually};
use serde_json::{Value, json};

/// A key as `waypost dkim new` prints it.
fn new_key(place: &Waypost, domain: &str, selector: &str, algorithm: &str) -> Value {
    let arguments = ["dkim", "new", domain, "--selector", selector, "--algorithm", algorithm, "--json"];
    serde_json::from_str(&place.print(&arguments)).unwrap()
}

fn dns(knot: &Knot) -> String {
    format!("[dns]\nname_servers = [\"127.0.0.1:{}\"]\n", knot.port)
}

#[test]
fn what_the_program_signs_another_implementation_verifies() {
    let workshop = Setup::with(Settings::default().json()).prepare();
    let keys = [("e1", "ed25519"), ("r1", "rsa")]
        .map(|(selector, algorithm)| new_key(&workshop, "here.test", selector, algorithm));
    let lines = keys.each_ref().map(|key| key["dns"]["zoneLine"].as_str().unwrap()).join("\n");
    let knot = Knot::start(&[("here.test", Some(&lines))]);
    let sink = SmtpSink::start();
    let mut settings = Settings::default().relay("sink", "there.test", sink.port).json();
    settings["DkimSignature"] = keys.iter().map(|key| key["settings"]["DkimSignature"][0].clone()).collect();
    let waypost = Setup::with(settings).closed().boot(&dns(&knot)).start();
    let checked = waypost.print(&["dkim", "check", "here.test", "--config", "waypost.toml"]);
    assert_eq!(checked.matches(": good").count(), 2, "{checked}");

    let body = "Two  spaces, a tab\t, a dot:\r\n.\r\nand empty lines at the end\r\n\r\n";
    let swaks = Swaks::send(
        waypost.port,
        &[
            "--from",
            SENDER,
            "--to",
            "b@there.test",
            "--tls",
            "--auth",
            "PLAIN",
            "--auth-user",
            SENDER,
            "--auth-password",
            PASSWORD,
            "--body",
            body,
        ],
    );
    assert!(swaks.success, "{}", swaks.dialogue);
    let message = sink.wait_for(1, "DKIM-Signature").remove(0);
    for (number, key) in keys.iter().enumerate() {
        let (name, value) = (key["dns"]["name"].as_str().unwrap(), key["dns"]["value"].as_str().unwrap());
        assert!(dkimpy::verifies(&message, number, name, value), "{name} {value}\n{message}");
        let forged = message.replacen("Subject: test", "Subject: tost", 1);
        assert!(forged != message && !dkimpy::verifies(&forged, number, name, value), "{message}");
    }
}

#[test]
fn dns_that_lacks_the_key_is_found_out() {
    let workshop = Setup::with(Settings::default().json()).prepare();
    let (key, other) =
        (new_key(&workshop, "here.test", "r1", "rsa"), new_key(&workshop, "here.test", "r2", "rsa"));
    let line = other["dns"]["zoneLine"].as_str().unwrap().replace("r2._domainkey", "r1._domainkey");
    for (zone, expected) in [("", "there is no TXT record"), (line.as_str(), "another key")] {
        let knot = Knot::start(&[("here.test", Some(zone))]);
        let mut settings = Settings::default().json();
        settings["DkimSignature"] = key["settings"]["DkimSignature"].clone();
        let waypost = Setup::with(settings).boot(&dns(&knot)).prepare();
        let output = waypost.tell(&["dkim", "check", "here.test", "--config", "waypost.toml"]);
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && out.contains(expected), "{out}");
    }
}

#[test]
fn a_strangers_mail_is_marked_by_what_his_zone_says() {
    let workshop = Setup::with(Settings::default().json()).prepare();
    let key = new_key(&workshop, "good.test", "r1", "rsa");
    let good = format!(
        "{}\n@ TXT \"v=spf1 ip4:127.0.0.1 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\n",
        key["dns"]["zoneLine"].as_str().unwrap()
    );
    let bad = "@ TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\n";
    let zones =
        [("test", Some("")), ("good.test", Some(&good)), ("bad.test", Some(bad)), ("broken.test", None)];
    let knot = Knot::start(&zones);
    let start = |dmarc: &str| {
        let mut settings = Settings::default().json();
        settings["SenderAuthSettings"] = json!({
            "spfVerify": "relaxed", "dkimVerify": "relaxed", "dmarcVerify": dmarc, "arcVerify": "relaxed",
        });
        Setup::with(settings).closed().boot(&dns(&knot)).start()
    };
    let send = |waypost: &Waypost, from: &str, message: &str| {
        Swaks::send(waypost.port, &["--from", from, "--to", ANN, "--data", message])
    };
    let plain = |from: &str| format!("From: {from}\r\nTo: {ANN}\r\nSubject: from {from}\r\n\r\nhello\r\n");
    let waypost = start("relaxed");
    // The envelope is somebody else's, as of a list: the signature alone must do.
    let key_file = key["keyFile"].as_str().unwrap();
    let signed = dkimpy::sign(&plain("boss@good.test"), "r1", "good.test", key_file);
    for (from, message) in [
        ("list@nowhere.test", signed.clone()),
        ("x@bad.test", plain("x@bad.test")),
        ("x@broken.test", plain("x@broken.test")),
    ] {
        let swaks = send(&waypost, from, &message);
        assert!(swaks.success, "{}", swaks.dialogue);
    }
    let show = |uid: usize| {
        let uid = uid.to_string();
        let arguments = ["mailbox", "show", "--config", "waypost.toml", ANN, "INBOX", uid.as_str()];
        eventually("it is in the inbox", || {
            let output = waypost.tell(&arguments);
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        })
    };
    let all = [show(1), show(2), show(3)];
    let of = |from: &str| {
        let subject = format!("Subject: from {from}");
        all.iter()
            .find(|message| message.contains(&subject))
            .unwrap_or_else(|| panic!("{from} in {all:?}"))
            .clone()
    };
    let message = of("boss@good.test");
    for expected in
        ["Authentication-Results: mx.here.test", "spf=none", "dkim=pass", "header.d=good.test", "dmarc=pass"]
    {
        assert!(message.contains(expected), "{expected} in {message}");
    }
    let message = of("x@bad.test");
    assert!(message.contains("spf=fail") && message.contains("dmarc=fail (p=reject)"), "{message}");
    let message = of("x@broken.test");
    assert!(message.contains("spf=temperror") && message.contains("dmarc=temperror"), "{message}");

    let strict = start("strict");
    let refused = send(&strict, "x@bad.test", &plain("x@bad.test"));
    assert!(
        !refused.success && refused.dialogue.contains("550 5.7.1 The DMARC policy of bad.test"),
        "{}",
        refused.dialogue
    );
    let later = send(&strict, "x@broken.test", &plain("x@broken.test"));
    assert!(!later.success && later.dialogue.contains("451 4.7.1"), "{}", later.dialogue);
    assert!(send(&strict, "list@nowhere.test", &signed).success);
}
