//! Who is told what, and in which order.

#![allow(clippy::unwrap_used, reason = "tests")]

mod yard;

use mail::{DeliverBy, DeliverByMode, Notify, Parameters};
use mta::sign::{NewKey, generate};
use yard::{Manner, PATIENT, SENDER, Yard, configuration_of, configuration_with};

const ALL: Notify = Notify { success: true, delay: true, failure: true, explicit: true };

const BY_DOMAIN: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "rcpt_domain == 'one.example'", "then": "'one'"},
    {"if": "rcpt_domain == 'two.example'", "then": "'two'"},
    {"if": "rcpt_domain == 'store.example'", "then": "'store'"}], "else": "'mx'"}"#;

/// A schedule in seconds: waits between attempts, waits before notices, and the end.
fn schedule(name: &str, retry: &[u64], notify: &[u64], ttl: u64) -> String {
    let list = |seconds: &[u64]| {
        let all: Vec<_> = seconds.iter().map(|s| format!("{{\"duration\": {}}}", s * 1000)).collect();
        format!(r#"{{"@type": "Custom", "intervals": [{}]}}"#, all.join(", "))
    };
    let (retry, notify, ttl) = (list(retry), list(notify), ttl * 1000);
    format!(
        r#"{{"name": "{name}", "queueId": "remote", "retry": {retry}, "notify": {notify},
            "notifyFrom": "previous", "expiry": {{"@type": "Ttl", "expire": {ttl}}}}}"#
    )
}

fn yard(schedules: &[String], expression: &str) -> Yard {
    let local = schedule("local", &[60], &[], 600);
    let all = format!("[{local}, {}]", schedules.join(", "));
    let strategy = format!(r#"{{"route": {BY_DOMAIN}, "schedule": {expression}}}"#);
    Yard::open(configuration_of("", &all, &strategy))
}

fn actions(told: &[String]) -> Vec<String> {
    let action = |line: &String| {
        let (address, rest) = line.split_once(' ').unwrap();
        let (name, _) = address.split_once('.').unwrap();
        format!("{name} {}", rest.split(' ').next().unwrap())
    };
    let mut all: Vec<String> = told.iter().map(action).collect();
    all.sort();
    all
}

// proves: 5.1.1, 5.1.2, 5.1.3, 5.1.4, 5.1.5, 5.13.3
#[tokio::test(start_paused = true)]
async fn seven_recipients_and_five_notifications_in_order() {
    let schedules =
        [schedule("org", &[1], &[1, 2], 6), schedule("net", &[1], &[1], 7), schedule("other", &[1], &[], 7)];
    let yard = yard(
        &schedules,
        r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
            {"if": "rcpt_domain == 'one.example'", "then": "'org'"},
            {"if": "rcpt_domain == 'two.example'", "then": "'net'"}], "else": "'other'"}"#,
    );
    yard.peers.set(1, Manner::AsTheyAreCalled);
    yard.peers.set(2, Manner::AsTheyAreCalled);
    let recipients = [
        "ok@one.example",
        "delay@one.example",
        "fail@one.example",
        "ok@two.example",
        "delay@two.example",
        "fail@two.example",
        "lost@nowhere.example",
    ];
    yard.accept(&recipients, ALL).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(yard.queued().await, ["delay@one.example 1", "delay@two.example 1"]);
    yard.wait(5).await;
    let counts = yard.queued().await;
    let retries = |line: &String| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap();
    assert!(counts.len() == 2 && counts.iter().all(|line| retries(line) >= 5), "{counts:?}");
    yard.wait(20).await;
    assert!(yard.queued().await.is_empty());
    let told: Vec<_> = yard.told().await.iter().map(|told| actions(told)).collect();
    let expected: [&[&str]; 5] = [
        &["fail@one failed", "fail@two failed", "lost@nowhere failed", "ok@one relayed", "ok@two relayed"],
        &["delay@one delayed", "delay@two delayed"],
        &["delay@one delayed"],
        &["delay@one failed"],
        &["delay@two failed"],
    ];
    assert_eq!(told, expected);
    let mut taken: Vec<_> = yard.peers.taken.lock().unwrap().iter().map(|(_, _, to)| to.clone()).collect();
    taken.sort();
    assert_eq!(taken, [["ok@one.example"], ["ok@two.example"]]);
}

// proves: 5.2.3, 5.2.4, 5.2.5
#[tokio::test(start_paused = true)]
async fn four_notifications_where_a_store_answers_for_each_recipient() {
    let schedules = [schedule("quick", &[1], &[1, 2], 6)];
    let yard = yard(
        &schedules,
        r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"}], "else": "'quick'"}"#,
    );
    yard.peers.set(3, Manner::LmtpAsTheyAreCalled);
    let recipients = [
        "ok@store.example",
        "fine@store.example",
        "well@store.example",
        "delay@store.example",
        "fail@store.example",
    ];
    let and_nowhere = [&recipients[..], &["lost@nowhere.example"]].concat();
    yard.accept(&and_nowhere, ALL).await;
    yard.wait(20).await;
    assert!(yard.queued().await.is_empty());
    let told: Vec<_> = yard.told().await.iter().map(|told| actions(told)).collect();
    let expected: [&[&str]; 4] = [
        &[
            "fail@store failed",
            "fine@store delivered",
            "lost@nowhere failed",
            "ok@store delivered",
            "well@store delivered",
        ],
        &["delay@store delayed"],
        &["delay@store delayed"],
        &["delay@store failed"],
    ];
    assert_eq!(told, expected);
    let mut taken: Vec<_> =
        yard.peers.taken.lock().unwrap().iter().flat_map(|(_, _, to)| to.clone()).collect();
    taken.sort();
    assert_eq!(taken, ["fine@store.example", "ok@store.example", "well@store.example"]);
}

#[tokio::test(start_paused = true)]
async fn a_handing_on_that_is_traced_is_told_of_though_no_success_was_asked_for() {
    let yard = Yard::open(configuration_with("", BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::AsTheyAreCalled);
    let until = yard.world.clock.now().plus(std::time::Duration::from_secs(3600));
    let by = DeliverBy { until, mode: DeliverByMode::Notify, trace: true };
    let parameters = Parameters { deliver_by: Some(by), ..Parameters::default() };
    yard.accept_with(SENDER, parameters, &["ok@one.example"], Notify::DEFAULT).await;
    yard.wait(5).await;
    assert!(yard.queued().await.is_empty());
    let told: Vec<_> = yard.told().await.iter().map(|told| actions(told)).collect();
    assert_eq!(told, [["ok@one relayed"]]);
}

// proves: 5.10.1
#[tokio::test(start_paused = true)]
async fn a_domain_that_does_not_exist_is_told_of_at_once() {
    let yard = Yard::open(configuration_with("", BY_DOMAIN, PATIENT));
    yard.accept(&["a@nowhere.example"], Notify::DEFAULT).await;
    yard.wait(5).await;
    assert!(yard.queued().await.is_empty());
    let mailbox = yard.mailbox().await;
    assert_eq!(mailbox.len(), 1);
    let text = String::from_utf8_lossy(&mailbox[0]).into_owned();
    for part in [
        "Content-Type: multipart/report;",
        "Final-Recipient: rfc822;a@nowhere.example\r\n",
        "Action: failed\r\n",
        "<a@nowhere.example> (failed to lookup 'nowhere.example'",
        "check what stands after the @",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

// proves: 5.10.2, 5.10.3
#[tokio::test(start_paused = true)]
async fn two_delays_and_a_failure_are_told_in_order_by_the_schedule_of_the_sender() {
    let schedules = [schedule("quick", &[1, 2, 3], &[1, 2], 6), schedule("slow", &[100], &[], 1000)];
    let yard = yard(
        &schedules,
        r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
            {"if": "sender_domain == 'home.example'", "then": "'quick'"}], "else": "'slow'"}"#,
    );
    yard.accept(&["a@dead.example"], Notify::DEFAULT).await;
    yard.accept_from("x@elsewhere.example", &["b@dead.example"], Notify::DEFAULT).await;
    let mut counts = Vec::new();
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        counts.push(yard.queued().await);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let of_a: Vec<_> = counts.iter().map(|queued| queued[0].clone()).collect();
    // Attempts at 0, 1 and 3 seconds, and a little.
    let expected = [1, 2, 2, 3, 3].map(|count| format!("a@dead.example {count}"));
    assert_eq!(of_a, expected);
    assert!(counts.iter().all(|queued| queued[1] == "b@dead.example 1"));
    yard.wait(3).await;
    let told: Vec<_> = yard.told().await.iter().map(|told| actions(told)).collect();
    assert_eq!(told, [["a@dead delayed"], ["a@dead delayed"], ["a@dead failed"]]);
}

// proves: 5.13.4, 5.13.5, 5.13.6
#[tokio::test(start_paused = true)]
async fn every_notification_is_signed_by_the_domain_that_it_is_from() {
    let key = generate(NewKey::Ed25519).unwrap().replace('\n', "\\n");
    let more = format!(
        r#""DkimSignature": [{{"name": "ours", "domain": "home.example", "selector": "s",
            "key": {{"@type": "Value", "secret": "{key}"}}}}],
        "DsnReportSettings": {{"fromName": "'Post'"}},
        "ReportSettings": {{"outboundReportSubmitter": "'out.home.example'"}},"#
    );
    let yard = Yard::open(configuration_with(&more, BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::AsTheyAreCalled);
    for recipient in ["ok@one.example", "fail@one.example", "ok2@one.example", "fail2@one.example"] {
        yard.accept(&[recipient], ALL).await;
    }
    yard.wait(10).await;
    let mailbox = yard.mailbox().await;
    assert_eq!(mailbox.len(), 4);
    for message in mailbox {
        let text = String::from_utf8_lossy(&message).into_owned();
        let field = text.split("DKIM-Signature:").nth(1).unwrap().replace("\r\n", "");
        assert!(field.contains("d=home.example;"), "{text}");
        assert!(text.contains("\r\nFrom: \"Post\" <MAILER-DAEMON@home.example>\r\n"), "{text}");
        assert!(text.contains("Reporting-MTA: dns;out.home.example\r\n"), "{text}");
    }
}

// proves: E23, 5.17 double bounce
#[tokio::test(start_paused = true)]
async fn what_nobody_sent_is_told_to_the_postmaster_if_he_wants_and_ends_there() {
    let more = |wanted: bool| {
        format!(
            r#""DsnReportSettings": {{"doubleBounceToPostmaster": {wanted}}},
            "Account": [{{"name": "{SENDER}", "aliases": ["postmaster@home.example"]}}],"#
        )
    };
    for wanted in [false, true] {
        let settings = more(wanted);
        // The yard's own accounts would be a second list.
        let yard = Yard::open(yard::configuration_with_accounts(&settings, BY_DOMAIN, PATIENT));
        yard.peers.set(1, Manner::AsTheyAreCalled);
        yard.accept_with("", Parameters::default(), &["fail@one.example"], Notify::DEFAULT).await;
        yard.wait(10).await;
        assert!(yard.queued().await.is_empty());
        let told = yard.told().await;
        let expected: &[[&str; 1]] = if wanted { &[["fail@one.example failed 5.1.1"]] } else { &[] };
        assert_eq!(told, expected);
    }
}

// proves: H25
#[tokio::test(start_paused = true)]
async fn a_flood_of_failures_is_told_to_its_sender_at_a_pace() {
    let yard = Yard::open(configuration_with("", BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::AsTheyAreCalled);
    let count = usize::try_from(policy::limits::NOTICES_PER_HOUR_MAX).unwrap() + 50;
    for n in 0..count {
        yard.accept(&[&format!("fail{n}@one.example")], Notify::DEFAULT).await;
    }
    yard.wait(5).await;
    let at_once = yard.mailbox().await.len();
    assert!(at_once < count, "{at_once} at once");
    yard.wait(3600).await;
    assert_eq!(yard.mailbox().await.len(), count, "all of them in the end");
}
