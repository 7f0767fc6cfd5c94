//! What the queue manager makes of what is accepted.

mod yard;

use std::sync::Arc;
use std::time::Duration;

use mail::Notify;
use yard::{Manner, PATIENT, Yard, configuration};

const ALL: Notify = Notify { success: true, delay: true, failure: true, explicit: true };

const BY_DOMAIN: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "rcpt_domain == 'two.example'", "then": "'two'"}], "else": "'one'"}"#;

const FAILOVER: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "retry_num > 1", "then": "'two'"}], "else": "'one'"}"#;

/// A setting with one expiry and the retries of `PATIENT`.
fn patient_with(more: &str) -> String {
    format!("{PATIENT}, {more}")
}

#[track_caller]
fn assert_near(times: &[u64], plain: &[u64]) {
    assert_eq!(times.len(), plain.len(), "{times:?}");
    for (time, plain) in times.iter().zip(plain) {
        assert!((*plain..=plain + plain / 10 + 1).contains(time), "{times:?} should be near {plain:?}");
    }
}

// proves: G10, 5.4.1, 5.4.3
#[tokio::test(start_paused = true)]
async fn fails_twice_then_takes_the_fallback() {
    let yard = Yard::open(configuration(FAILOVER, PATIENT));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@elsewhere.example"], Notify::DEFAULT).await;
    yard.wait(600).await;
    let dials = yard.peers.dials.lock().unwrap().clone();
    assert_eq!(dials.iter().map(|(_, peer)| *peer).collect::<Vec<_>>(), [1, 1, 2]);
    assert_near(&dials.iter().map(|(time, _)| *time).collect::<Vec<_>>(), &[0, 120, 420]);
    assert!(yard.queued().await.is_empty());
}

// proves: 5.4.1, 5.4.2, 5.4.3
#[tokio::test(start_paused = true)]
async fn what_dns_cannot_tell_takes_the_fallback_next_time() {
    let route = r#"{"match": [{"if": "retry_num > 0", "then": "'two'"}], "else": "'mx'"}"#;
    let yard = Yard::open(configuration(route, PATIENT));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@elsewhere.example"], Notify::DEFAULT).await;
    yard.wait(60).await;
    assert_eq!(yard.queued().await, ["a@elsewhere.example 1"]);
    assert!(yard.peers.dials.lock().unwrap().is_empty(), "the lookup fails");
    yard.wait(120).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.peers.taken.lock().unwrap()[0].2, ["a@elsewhere.example"]);
}

// proves: 5.1.4
#[tokio::test(start_paused = true)]
async fn one_message_many_ways_and_one_notification_for_all() {
    let yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(5)));
    yard.peers.set(2, Manner::Says("550 5.1.1 no such user"));
    let recipients = ["bert@home.example", "a@one.example", "b@three.example", "c@two.example"];
    yard.accept(&recipients, ALL).await;
    yard.wait(60).await;
    assert!(yard.queued().await.is_empty());
    let taken = yard.peers.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1, "through one relay in one transaction: {taken:?}");
    let expected = [
        "bert@home.example delivered 2.1.5",
        "a@one.example relayed 2.0.0",
        "b@three.example relayed 2.0.0",
        "c@two.example failed 5.1.1",
    ];
    assert_eq!(yard.told().await, [expected]);
}

// proves: 5.17 attempts expiry
#[tokio::test(start_paused = true)]
async fn gives_up_right_after_the_last_allowed_attempt_and_says_so_once() {
    let schedule = patient_with(r#""expiry": {"@type": "Attempts", "maxAttempts": 3}"#);
    let yard = Yard::open(configuration(BY_DOMAIN, &schedule));
    yard.peers.set(1, Manner::Says("450 4.2.0 later"));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(480).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.told().await, [["a@one.example failed 5.2.0"]]);
    yard.wait(86_400).await;
    assert_eq!(yard.told().await.len(), 1);
}

// proves: 5.10.2
#[tokio::test(start_paused = true)]
async fn tells_of_delays_and_gives_up_at_the_deadline() {
    let schedule = patient_with(
        r#""notify": {"@type": "Custom", "intervals": [{"duration": 3600000}, {"duration": 7200000}]},
            "expiry": {"@type": "Ttl", "expire": 10800000}"#,
    );
    let yard = Yard::open(configuration(BY_DOMAIN, &schedule));
    yard.peers.set(1, Manner::Says("450 4.2.0 later"));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(3590).await;
    assert!(yard.told().await.is_empty());
    yard.wait(20).await;
    assert_eq!(yard.told().await, [["a@one.example delayed 4.2.0"]]);
    yard.wait(3600).await;
    assert_eq!(yard.told().await.len(), 2);
    yard.wait(3570).await;
    assert_eq!(yard.told().await.len(), 2);
    yard.wait(30).await;
    assert_eq!(yard.told().await[2], ["a@one.example failed 5.2.0"]);
    assert!(yard.queued().await.is_empty());
}

// proves: J1, 5.17 unknown names
#[tokio::test(start_paused = true)]
async fn a_route_that_nobody_wrote_defers_and_other_recipients_go_on() {
    let route =
        r#"{"match": [{"if": "rcpt_domain == 'lost.example'", "then": "'no' + 'where'"}], "else": "'one'"}"#;
    let yard = Yard::open(configuration(route, PATIENT));
    yard.peers.set(1, Manner::Takes);
    yard.accept(&["a@lost.example", "b@one.example"], Notify::DEFAULT).await;
    yard.wait(60).await;
    assert_eq!(yard.queued().await, ["a@lost.example 1"]);
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn lookups_are_made_before_the_route_is_chosen() {
    let route = r#"{"match": [{"if": "dns_query('which.example', 'txt') == rcpt_domain", "then": "'one'"},
        {"if": "dns_query('which.example', 'txt') == 'two'", "then": "'two'"}], "else": "'one'"}"#;
    let yard = Yard::open(configuration(route, PATIENT));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
}

// proves: A31
#[tokio::test(start_paused = true)]
async fn a_delivery_that_crashes_gives_its_place_back_and_is_held_the_third_time() {
    let yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::Crashes);
    yard.peers.set(2, Manner::Takes);
    for _ in 0..40 {
        yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    }
    yard.accept(&["b@two.example"], Notify::DEFAULT).await;
    yard.wait(3500).await;
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
    let dials = yard.peers.dials.lock().unwrap().iter().filter(|(_, peer)| *peer == 1).count();
    assert_eq!(dials, 120, "three each");
    yard.peers.set(1, Manner::Takes);
    yard.wait(3600).await;
    assert!(yard.queued().await.is_empty());
}

// proves: K5
#[tokio::test(start_paused = true)]
async fn a_next_hop_that_is_down_is_tried_by_one_and_the_others_wait() {
    let yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    for _ in 0..50 {
        yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    }
    yard.wait(10).await;
    let dials = yard.peers.dials.lock().unwrap().len();
    assert!((5..10).contains(&dials), "five failures in a row, and what was under way: {dials}");
    assert!(
        yard.queued().await.iter().all(|queued| queued == "a@one.example 1"),
        "they were due as it failed"
    );
    yard.accept(&["new@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert_eq!(yard.peers.dials.lock().unwrap().len(), dials, "it is down");
    assert!(yard.queued().await.contains(&"new@one.example 0".to_owned()), "became due later: not counted");
    yard.peers.set(1, Manner::Takes);
    yard.wait(30).await;
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
    yard.wait(300).await;
    assert!(yard.queued().await.is_empty());
}

// proves: J8
#[tokio::test(start_paused = true)]
async fn a_new_configuration_holds_at_once_for_what_waits() {
    let yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(100)));
    yard.peers.set(2, Manner::Takes);
    for _ in 0..20 {
        yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    }
    yard.wait(10).await;
    assert!(yard.peers.taken.lock().unwrap().is_empty());
    yard.changes.send_replace(Arc::new(configuration(r#"{"else": "'two'"}"#, PATIENT)));
    yard.wait(10).await;
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 15, "all but the five under way");
    yard.wait(100).await;
    assert!(yard.queued().await.is_empty());
}

// proves: A34
#[tokio::test(start_paused = true)]
async fn stops_when_what_is_under_way_has_ended() {
    let mut yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(20)));
    for _ in 0..8 {
        yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    }
    yard.wait(10).await;
    assert_eq!(yard.stop().await, 10);
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 5);
    assert_eq!(yard.queued().await.len(), 3, "those that had not started are still there");
}

// proves: A34
#[tokio::test(start_paused = true)]
async fn stops_in_half_a_minute_whatever_is_under_way() {
    let mut yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(500)));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert_eq!(yard.stop().await, 30);
    assert_eq!(yard.queued().await, ["a@one.example 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_keeps_what_was_answered_of_a_delivery_that_it_cuts_off() {
    let mut yard = Yard::open(configuration(BY_DOMAIN, PATIENT));
    yard.peers.set(1, Manner::TakesOneAndSleeps);
    yard.accept(&["a@one.example", "b@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert_eq!(yard.stop().await, 30);
    let taken = yard.peers.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1, "{taken:?}");
    let left = yard.queued().await;
    assert_eq!(left.len(), 1, "who was taken is not sent again: {left:?}");
    assert!(!left[0].starts_with(&taken[0].2[0]), "{left:?} and {taken:?}");
    assert!(
        left[0].ends_with(" 0"),
        "the other was not tried to its end, so that nothing is counted: {left:?}"
    );
}

const WHILE_UP: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "relay_is_up('one')", "then": "'one'"}], "else": "'two'"}"#;

#[tokio::test(start_paused = true)]
async fn mail_goes_to_the_second_relay_while_the_first_is_down_and_back_when_it_answers() {
    let yard = Yard::open(configuration(WHILE_UP, PATIENT));
    yard.peers.set(2, Manner::Takes);
    let taken =
        |last: u8| yard.peers.taken.lock().unwrap().iter().filter(|(_, peer, _)| *peer == last).count();
    for _ in 0..5 {
        yard.accept(&["a@elsewhere.example"], Notify::DEFAULT).await;
        yard.wait(1).await;
    }
    // Three that failed show that it is down; the others, and those three again, take the second.
    assert_eq!((yard.dialed(1).len(), taken(2)), (3, 2));
    let rows = mta::health::rows(&*yard.world.store, yard.world.clock.now()).await.unwrap();
    let whats: Vec<&str> = rows.iter().map(|row| row.what.as_str()).collect();
    assert_eq!(whats, ["host 192.0.2.1 (192.0.2.1:25)", "relay via one"]);
    yard.wait(15).await;
    yard.accept(&["b@elsewhere.example"], Notify::DEFAULT).await;
    yard.wait(5).await;
    assert_eq!((yard.dialed(1).len(), taken(2)), (3, 3), "no trial is due");
    yard.peers.set(1, Manner::Takes);
    yard.wait(20).await;
    for _ in 0..2 {
        yard.accept(&["c@elsewhere.example"], Notify::DEFAULT).await;
        yard.wait(2).await;
    }
    assert_eq!(taken(1), 2, "the trial was answered, and all goes there again");
    let rows = mta::health::rows(&*yard.world.store, yard.world.clock.now()).await.unwrap();
    assert!(rows.is_empty(), "{rows:?}");
    yard.wait(600).await;
    assert!(yard.queued().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_alone_comes_to_the_second_relay_while_the_first_is_down() {
    let yard = Yard::open(configuration(WHILE_UP, PATIENT));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@elsewhere.example"], Notify::DEFAULT).await;
    yard.wait(4 * 3600).await;
    assert_eq!(yard.peers.taken.lock().unwrap().iter().filter(|(_, peer, _)| *peer == 2).count(), 1);
    assert_eq!(yard.dialed(1).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_relay_gets_no_more_connections_at_once_than_it_says() {
    let yard = Yard::open(configuration(r#"{"else": "'narrow'"}"#, PATIENT));
    yard.peers.set(2, Manner::TakesSlowly(Duration::from_secs(10)));
    for number in 0..6 {
        yard.accept(&[&format!("{number}@elsewhere.example")], Notify::DEFAULT).await;
    }
    yard.wait(60).await;
    let taken: Vec<u64> = yard.peers.taken.lock().unwrap().iter().map(|(time, ..)| *time).collect();
    assert_eq!(taken, [10, 10, 20, 20, 30, 30]);
    assert_eq!(yard.dialed(2).len(), 2, "kept connections are used again");
}
