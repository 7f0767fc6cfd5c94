//! Deliveries and the rates that hold them up.

#![allow(clippy::unwrap_used, reason = "tests")]

mod yard;

use std::collections::BTreeMap;

use mail::Notify;
use policy::Configuration;
use yard::{Manner, PATIENT, Yard, configuration_with};

const ROUTE: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "rcpt_domain == 'nowhere.example'", "then": "'mx'"},
    {"if": "rcpt_domain == 'two.example'", "then": "'two'"}], "else": "'one'"}"#;

/// One message in half an hour, with these further properties.
fn once(id: &str, key: &str, condition: &str, more: &str) -> String {
    format!(
        r#""{id}": {{"description": "{id}", "key": {{{key}}}, "match": {{"else": "{condition}"}},
            "rate": {{"count": 1, "period": 1800000}}{more}}}"#
    )
}

fn with(throttles: &[String]) -> Configuration {
    let all = throttles.join(", ");
    configuration_with(&format!(r#""MtaOutboundThrottle": {{{all}}},"#), ROUTE, PATIENT)
}

fn open(throttles: &[String]) -> Yard {
    let yard = Yard::open(with(throttles));
    yard.peers.set(1, Manner::Takes);
    yard.peers.set(2, Manner::Takes);
    yard
}

/// Who was taken so far, sorted.
fn taken(yard: &Yard) -> Vec<String> {
    let taken = yard.peers.taken.lock().unwrap();
    let mut all: Vec<String> = taken.iter().flat_map(|(_, _, recipients)| recipients.clone()).collect();
    all.sort();
    all
}

/// Who waits, and for how many seconds more.
async fn waiting(yard: &Yard) -> BTreeMap<String, u64> {
    let now = yard.world.clock.now();
    let claims = yard.world.store.pending(None, 1000).await.unwrap();
    let all = claims.iter().flat_map(|claim| &claim.recipients);
    all.map(|queued| {
        assert_eq!(queued.progress.retry_num, 0, "a wait is no attempt");
        (queued.recipient.forward_path.to_string(), queued.progress.due.since(now).as_secs())
    })
    .collect()
}

async fn send(yard: &Yard, sender: &str, recipients: &[&str]) {
    yard.accept_from(sender, recipients, Notify::DEFAULT).await;
    yard.wait(1).await;
}

// proves: 5.9.1, 5.9.4, 5.9.5
#[tokio::test(start_paused = true)]
async fn a_rate_of_a_sender_domain_holds_up_its_second_message_and_no_other() {
    let yard = open(&[once("t", r#""senderDomain": true"#, "sender_domain = 'foobar.net'", "")]);
    send(&yard, "a@foobar.net", &["first@one.example"]).await;
    send(&yard, "b@FooBar.net", &["second@one.example"]).await;
    send(&yard, "a@other.example", &["third@one.example"]).await;
    send(&yard, "a@other.example", &["fourth@one.example"]).await;
    assert_eq!(taken(&yard), ["first@one.example", "fourth@one.example", "third@one.example"]);
    let waiting = waiting(&yard).await;
    assert!((1790..1800).contains(&waiting["second@one.example"]), "{waiting:?}");
    assert_eq!(yard.troubles().await, ["held up by the rate limit 't'"]);
    yard.wait(1800).await;
    assert!(yard.queued().await.is_empty(), "it goes out when its time has come");
}

// proves: 5.9.2, 5.9.4
#[tokio::test(start_paused = true)]
async fn a_rate_of_a_recipient_domain_holds_up_only_its_recipients() {
    let yard = open(&[once("t", r#""rcptDomain": true"#, "rcpt_domain == 'example.net'", "")]);
    send(&yard, "a@home.example", &["first@example.net"]).await;
    send(&yard, "b@home.example", &["second@example.net", "third@one.example", "fourth@example.net"]).await;
    assert_eq!(taken(&yard), ["first@example.net", "third@one.example"]);
    let waiting = waiting(&yard).await;
    assert_eq!(waiting.keys().collect::<Vec<_>>(), ["fourth@example.net", "second@example.net"]);
    assert!(waiting.values().all(|seconds| (1790..1800).contains(seconds)), "{waiting:?}");
    yard.wait(1800).await;
    assert!(yard.queued().await.is_empty(), "both go out together: they count once");
}

// proves: 5.9.3
#[tokio::test(start_paused = true)]
async fn a_rate_of_a_host_holds_up_right_before_connecting() {
    let yard = open(&[once("t", r#""mx": true"#, "mx == '192.0.2.1'", "")]);
    send(&yard, "a@home.example", &["first@one.example"]).await;
    send(&yard, "a@home.example", &["second@one.example"]).await;
    send(&yard, "a@home.example", &["third@two.example"]).await;
    assert_eq!(taken(&yard), ["first@one.example", "third@two.example"]);
    assert_eq!(waiting(&yard).await.len(), 1);
    let to_one = yard.peers.dials.lock().unwrap().iter().filter(|(_, peer)| *peer == 1).count();
    assert_eq!(to_one, 1, "the kept connection was not taken either");
}

// proves: 5.9.6
#[tokio::test(start_paused = true)]
async fn a_rate_knows_the_virtual_queue() {
    for (queue, held) in [("remote", 1), ("other", 0)] {
        let yard = open(&[once("t", "", &format!("queue_name == '{queue}'"), "")]);
        send(&yard, "a@home.example", &["first@one.example"]).await;
        send(&yard, "a@home.example", &["second@one.example"]).await;
        assert_eq!(waiting(&yard).await.len(), held, "{queue}");
    }
}

// proves: 5.17 identical throttles
#[tokio::test(start_paused = true)]
async fn two_rates_with_equal_keys_and_counts_count_by_themselves() {
    let key = r#""senderDomain": true"#;
    let one = once("one", key, "rcpt_domain == 'one.example' && sender_domain != ''", "");
    let two = once("two", key, "rcpt_domain == 'two.example' && sender_domain != ''", "");
    let yard = open(&[one, two]);
    send(&yard, "a@home.example", &["first@one.example"]).await;
    send(&yard, "a@home.example", &["second@two.example"]).await;
    assert_eq!(waiting(&yard).await.len(), 0);
    send(&yard, "a@home.example", &["third@two.example"]).await;
    assert_eq!(waiting(&yard).await.len(), 1);
}

// proves: 5.17 local throttled
#[tokio::test(start_paused = true)]
async fn local_mail_neither_counts_nor_waits_unless_that_is_asked_for() {
    for (more, held) in [("", 0), (r#", "countLocal": true"#, 2)] {
        let yard = open(&[once("t", "", "true", more)]);
        send(&yard, "a@home.example", &["bert@home.example"]).await;
        send(&yard, "a@home.example", &["bert@home.example"]).await;
        send(&yard, "a@home.example", &["first@one.example"]).await;
        assert_eq!(waiting(&yard).await.len(), held.min(2), "{more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_knows_the_route_and_the_account() {
    let by_route = once("t", r#""authenticatedAs": true"#, "route == 'two'", "");
    let yard = open(&[by_route]);
    for recipient in ["first@one.example", "second@one.example", "third@two.example", "fourth@two.example"] {
        send(&yard, "a@home.example", &[recipient]).await;
    }
    assert_eq!(waiting(&yard).await.into_keys().collect::<Vec<_>>(), ["fourth@two.example"]);
}

#[tokio::test(start_paused = true)]
async fn the_deliveries_of_one_message_count_once_for_its_sender() {
    let yard = open(&[once("t", r#""sender": true"#, "true", "")]);
    send(&yard, "a@home.example", &["first@one.example", "second@two.example"]).await;
    assert_eq!(taken(&yard), ["first@one.example", "second@two.example"]);
    send(&yard, "a@home.example", &["third@one.example", "fourth@two.example"]).await;
    let waiting = waiting(&yard).await;
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting["third@one.example"], waiting["fourth@two.example"], "they come back together");
}

#[tokio::test(start_paused = true)]
async fn what_turned_to_no_host_is_not_counted() {
    let yard = open(&[once("t", r#""sender": true"#, "true", "")]);
    send(&yard, "a@home.example", &["first@nowhere.example"]).await;
    send(&yard, "a@home.example", &["second@one.example"]).await;
    assert_eq!(taken(&yard), ["second@one.example"], "the MX lookup of the first one failed");
    send(&yard, "a@home.example", &["third@one.example"]).await;
    assert_eq!(taken(&yard).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_denies_leaves_the_others_as_they_were() {
    let narrow = once("narrow", r#""rcptDomain": true"#, "rcpt_domain == 'one.example'", "");
    let wide = r#""wide": {"description": "wide", "key": {"sender": true}, "rate": {"count": 2, "period": 1800000}}"#;
    let yard = open(&[narrow, wide.to_owned()]);
    for recipient in ["first@one.example", "second@one.example", "third@one.example", "fourth@two.example"] {
        send(&yard, "a@home.example", &[recipient]).await;
    }
    assert_eq!(taken(&yard), ["first@one.example", "fourth@two.example"]);
}

#[tokio::test(start_paused = true)]
async fn many_that_wait_come_one_after_the_other() {
    const MESSAGES: usize = 300;
    let rate = r#""t": {"description": "t", "rate": {"count": 1, "period": 1000}}"#;
    let yard = open(&[rate.to_owned()]);
    for number in 0..MESSAGES {
        yard.accept(&[&format!("r{number}@one.example")], Notify::DEFAULT).await;
    }
    yard.wait(1).await;
    let due = waiting(&yard).await;
    let mut each: Vec<u64> = due.values().copied().collect();
    each.sort_unstable();
    each.dedup();
    assert!(each.len() > MESSAGES - 10, "each has a second of its own: {each:?}");
    yard.wait(MESSAGES as u64 + 60).await;
    assert!(yard.queued().await.is_empty(), "{:?}", yard.queued().await.len());
    let mut seconds: Vec<u64> = yard.peers.taken.lock().unwrap().iter().map(|(second, ..)| *second).collect();
    assert_eq!(seconds.len(), MESSAGES);
    seconds.dedup();
    assert!(seconds.len() > MESSAGES - 10, "hardly two in one second of the clock");
}
