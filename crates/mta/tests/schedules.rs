//! When each of the four expressions is asked, with which facts, and what follows from its answer.

mod yard;

use std::time::Duration;

use mail::{Notify, Parameters};
use yard::{BEGINNING, Manner, PATIENT, SENDER, Yard, configuration, configuration_of};

const TO_ONE: &str =
    r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"}], "else": "'one'"}"#;

/// A schedule with this interval between attempts, and more properties.
fn schedule(name: &str, queue: &str, retry_seconds: u64, more: &str) -> String {
    let interval = retry_seconds * 1000;
    format!(
        r#"{{"name": "{name}", "queueId": "{queue}", {more}
            "retry": {{"@type": "Custom", "intervals": [{{"duration": {interval}}}]}}}}"#
    )
}

fn intervals(seconds: &[u64]) -> String {
    let all: Vec<_> = seconds.iter().map(|seconds| format!("{{\"duration\": {}}}", seconds * 1000)).collect();
    format!(r#"{{"@type": "Custom", "intervals": [{}]}}"#, all.join(", "))
}

fn by_schedule(schedules: &[String], expression: &str) -> Yard {
    let strategy = format!(r#"{{"route": {TO_ONE}, "schedule": {expression}}}"#);
    Yard::open(configuration_of("", &format!("[{}]", schedules.join(", ")), &strategy))
}

#[track_caller]
fn assert_near(times: &[u64], plain: &[u64]) {
    assert_eq!(times.len(), plain.len(), "{times:?}");
    for (time, plain) in times.iter().zip(plain) {
        assert!((*plain..=plain + plain / 10 + 1).contains(time), "{times:?} should be near {plain:?}");
    }
}

// The schedule sees the new trouble and the old count after a failure.
#[tokio::test(start_paused = true)]
async fn the_schedule_is_asked_at_acceptance_and_after_each_temporary_failure() {
    let schedules = [
        schedule("fresh", "remote", 50, ""),
        schedule("first", "dsn", 100, ""),
        schedule("later", "report", 200, ""),
    ];
    let yard = by_schedule(
        &schedules,
        r#"{"match": [{"if": "last_error == 'none' && queue_name == 'default'", "then": "'fresh'"},
            {"if": "last_error == 'unexpected-reply' && retry_num == 0 && queue_name == 'remote'",
                "then": "'first'"}], "else": "'later'"}"#,
    );
    yard.peers.set(1, Manner::Says("450 4.2.0 later"));
    yard.accept(&["a@one.example"], Notify::NEVER).await;
    assert_eq!(yard.places().await, ["a@one.example remote 0"]);
    yard.wait(10).await;
    assert_eq!(yard.places().await, ["a@one.example dsn 1"]);
    yard.wait(120).await;
    assert_eq!(yard.places().await, ["a@one.example report 2"]);
    assert_near(&yard.dialed(1), &[0, 100]);
    yard.wait(220).await;
    assert_near(&yard.dialed(1), &[0, 100, 300]);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_is_asked_when_a_delay_is_told() {
    let one = schedule("early", "remote", 7200, &format!(r#""notify": {},"#, intervals(&[600])));
    let two = schedule("late", "remote", 7200, &format!(r#""notify": {},"#, intervals(&[600, 900])));
    let yard = by_schedule(
        &[one, two],
        r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
            {"if": "queue_age >= 600", "then": "'late'"}], "else": "'early'"}"#,
    );
    yard.peers.set(1, Manner::Says("450 4.2.0 later"));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(700).await;
    assert_eq!(yard.told().await.len(), 1);
    yard.wait(300).await;
    assert_eq!(yard.told().await.len(), 2, "the second comes from the schedule that was chosen at the first");
    assert_eq!(yard.dialed(1), [0], "no attempt was made meanwhile");
    assert_eq!(yard.places().await, ["a@one.example remote 1"], "a notice is no attempt");
}

#[tokio::test(start_paused = true)]
async fn the_connection_strategy_is_asked_for_each_address_and_the_route_at_each_attempt() {
    let more = r#""MtaConnectionStrategy": [
        {"name": "left", "sourceIps": [{"sourceIp": "198.51.100.1"}]},
        {"name": "right", "sourceIps": [{"sourceIp": "198.51.100.2"}]}],
        "MtaTlsStrategy": [{"name": "calm", "startTls": "disable"}],"#;
    let strategy = r#"{
        "route": {"match": [{"if": "retry_num == 0", "then": "'one'"}], "else": "'two'"},
        "connection": {"match": [{"if": "remote_ip == '192.0.2.1' && mx == '192.0.2.1'", "then": "'left'"},
            {"if": "remote_ip == '192.0.2.2' && last_error == 'connection'", "then": "'right'"}],
            "else": "'default'"}}"#;
    let schedules = format!("[{}]", schedule("remote", "remote", 60, ""));
    let yard = Yard::open(configuration_of(more, &schedules, strategy));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@one.example"], Notify::NEVER).await;
    yard.wait(120).await;
    assert!(yard.queued().await.is_empty());
    assert_near(&yard.dialed(1), &[0]);
    assert_near(&yard.dialed(2), &[60]);
    let sources: Vec<_> =
        yard.peers.sources.lock().unwrap().iter().flatten().map(ToString::to_string).collect();
    assert_eq!(sources, ["198.51.100.1", "198.51.100.2"]);
}

// proves: 5.17 schedule moves queue
#[tokio::test(start_paused = true)]
async fn one_of_several_recipients_moves_to_another_virtual_queue_and_both_keep_their_counts() {
    let schedules = [schedule("remote", "remote", 60, ""), schedule("slow", "report", 600, "")];
    let yard = by_schedule(
        &schedules,
        r#"{"match": [{"if": "rcpt == 'delay1@one.example' && last_error == 'unexpected-reply'", "then": "'slow'"}],
            "else": "'remote'"}"#,
    );
    yard.peers.set(1, Manner::AsTheyAreCalled);
    yard.accept(&["delay1@one.example", "delay2@one.example", "c@one.example"], Notify::NEVER).await;
    yard.wait(10).await;
    assert_eq!(yard.places().await, ["delay1@one.example report 1", "delay2@one.example remote 1"]);
    yard.wait(60).await;
    assert_eq!(yard.places().await, ["delay1@one.example report 1", "delay2@one.example remote 2"]);
    yard.peers.set(1, Manner::Takes);
    yard.wait(700).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.peers.taken.lock().unwrap().iter().map(|(_, _, to)| to.len()).sum::<usize>(), 3);
}

// proves: 5.12.2
#[tokio::test(start_paused = true)]
async fn two_recipients_in_two_virtual_queues_are_each_delivered_once() {
    let schedules = [schedule("remote", "remote", 60, ""), schedule("slow", "report", 60, "")];
    let strategy = r#"{
        "route": {"match": [{"if": "rcpt_domain == 'two.example'", "then": "'two'"}], "else": "'one'"},
        "schedule": {"match": [{"if": "rcpt_domain == 'two.example'", "then": "'slow'"}], "else": "'remote'"}}"#;
    let yard = Yard::open(configuration_of("", &format!("[{}]", schedules.join(", ")), strategy));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_millis(300)));
    yard.peers.set(2, Manner::TakesSlowly(Duration::from_millis(200)));
    for n in 0..100 {
        yard.accept(&[&format!("a{n}@one.example"), &format!("b{n}@two.example")], Notify::NEVER).await;
    }
    yard.wait(60).await;
    assert!(yard.queued().await.is_empty());
    let mut taken: Vec<String> =
        yard.peers.taken.lock().unwrap().iter().flat_map(|(_, _, recipients)| recipients.clone()).collect();
    assert_eq!(taken.len(), 200);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 200, "none twice");
}

// proves: 5.14.1
#[tokio::test(start_paused = true)]
async fn messages_are_due_one_after_another_and_each_wake_up_is_exact() {
    let yard = Yard::open(configuration(TO_ONE, PATIENT));
    yard.peers.set(1, Manner::Takes);
    for seconds in [3, 1, 2] {
        let until = BEGINNING.plus(Duration::from_secs(seconds));
        let held = Parameters { hold_until: Some(until), ..Parameters::default() };
        yard.accept_with(SENDER, held, &[&format!("a{seconds}@one.example")], Notify::NEVER).await;
    }
    for seconds in 1..=3 {
        let next = yard.world.store.next_event().await.unwrap().unwrap();
        assert_eq!(next, BEGINNING.plus(Duration::from_secs(seconds)));
        yard.wait(1).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let taken = yard.peers.taken.lock().unwrap().clone();
    let expected = [1, 2, 3].map(|second| (second, 1, vec![format!("a{second}@one.example")]));
    assert_eq!(taken, expected);
}

// proves: 5.17 attempts expiry
#[tokio::test(start_paused = true)]
async fn the_last_attempt_that_is_allowed_is_followed_by_its_notification_at_once() {
    let three = r#""expiry": {"@type": "Attempts", "maxAttempts": 3},"#;
    let yard = by_schedule(
        &[schedule("remote", "remote", 3600, three)],
        r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"}], "else": "'remote'"}"#,
    );
    yard.peers.set(1, Manner::Says("450 4.2.0 later"));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    while yard.dialed(1).len() < 3 {
        assert!(yard.told().await.is_empty());
        yard.wait(10).await;
    }
    yard.wait(1).await;
    assert_eq!(yard.told().await, [["a@one.example failed 5.2.0"]]);
    assert_near(&yard.dialed(1), &[0, 3600, 7200]);
}

// proves: 5.17 long attempt
#[tokio::test(start_paused = true)]
async fn an_attempt_of_half_an_hour_is_made_by_one_only() {
    let more = r#""MtaConnectionStrategy": [{"name": "default", "dataTimeout": 3000000}],"#;
    let yard = Yard::open(yard::configuration_with(more, TO_ONE, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(29 * 60)));
    yard.accept(&["a@one.example"], Notify::NEVER).await;
    yard.wait(4 * 3600).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
    assert_eq!(yard.dialed(1), [0]);
}

// proves: B2
#[tokio::test(start_paused = true)]
async fn a_clock_that_leapt_by_a_year_while_we_were_off_lets_nothing_expire() {
    let day = Duration::from_secs(24 * 60 * 60);
    let settings = || configuration(TO_ONE, PATIENT);
    let yard = Yard::open(settings());
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(3600).await;
    assert_eq!(yard.queued().await.len(), 1);
    let yard = yard.restart(day * 365, settings()).await;
    yard.wait(3600).await;
    assert_eq!(yard.queued().await.len(), 1, "it is tried on");
    assert!(
        yard.told().await.iter().flatten().all(|line| line.contains("delayed")),
        "nobody is told of a failure"
    );
    assert!(yard.dialed(1).iter().any(|second| *second > 3600), "and there were attempts");
    // Another restart does not take it back.
    let yard = yard.restart(Duration::ZERO, settings()).await;
    yard.wait(3600).await;
    assert_eq!(yard.queued().await.len(), 1);
    yard.peers.set(1, Manner::Takes);
    yard.wait(4 * 3600).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1);
}

// proves: B2
#[tokio::test(start_paused = true)]
async fn time_that_is_given_back_ends_too() {
    let settings = || configuration(TO_ONE, PATIENT);
    let yard = Yard::open(settings());
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(3600).await;
    let yard = yard.restart(Duration::from_secs(4 * 86_400), settings()).await;
    yard.wait(60 * 3600).await;
    assert_eq!(yard.queued().await.len(), 1, "three days of running are not over");
    yard.wait(24 * 3600).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.told().await.last().unwrap()[0], "a@one.example failed 5.4.1");
}

// proves: C21
#[tokio::test(start_paused = true)]
async fn where_a_domain_has_moved_is_found_at_the_next_attempt() {
    let yard = Yard::open(configuration(r#"{"else": "'mx'"}"#, PATIENT));
    yard.peers.set(2, Manner::Takes);
    yard.accept(&["a@moving.example"], Notify::NEVER).await;
    yard.wait(200).await;
    assert!(yard.queued().await.is_empty());
    assert_near(&yard.dialed(1), &[0]);
    assert_near(&yard.dialed(2), &[120]);
}
