//! How long a peer that falls silent is waited for, stage by stage.

mod yard;

use mail::Notify;
use yard::{Manner, PATIENT, Yard, configuration_with};

const STRATEGY: &str = r#""MtaConnectionStrategy": [{"name": "default", "connectTimeout": 100000,
    "greetingTimeout": 200000, "ehloTimeout": 300000, "mailFromTimeout": 400000, "rcptToTimeout": 500000,
    "dataTimeout": 600000}],"#;

/// Waits until just before and just after the patience ends.
async fn check(manner: Manner, seconds: u64) {
    let what = format!("{manner:?}");
    let yard = Yard::open(configuration_with(STRATEGY, r#"{"else": "'one'"}"#, PATIENT));
    yard.peers.set(1, manner);
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(seconds - 1).await;
    assert_eq!(yard.queued().await, ["a@one.example 0"], "{what} is still waited for");
    yard.wait(2).await;
    assert_eq!(yard.queued().await, ["a@one.example 1"], "{what} was given up");
}

#[tokio::test(start_paused = true)]
async fn each_stage_has_its_own_patience() {
    check(Manner::NeverConnects, 100).await;
    check(Manner::FallsSilentAt(""), 200).await;
    check(Manner::FallsSilentAt("EHLO"), 300).await;
    check(Manner::FallsSilentAt("MAIL"), 400).await;
    check(Manner::FallsSilentAt("RCPT"), 500).await;
    check(Manner::FallsSilentAt("DATA"), 600).await;
}

// proves: E24
#[tokio::test(start_paused = true)]
async fn the_last_reply_has_the_patience_of_the_content_and_not_of_a_recipient() {
    check(Manner::FallsSilentAt("."), 600).await;
}

// proves: E22
#[tokio::test(start_paused = true)]
async fn a_silent_answer_to_quit_changes_nothing() {
    let mut yard = Yard::open(configuration_with(STRATEGY, r#"{"else": "'one'"}"#, PATIENT));
    yard.peers.set(1, Manner::FallsSilentAt("QUIT"));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(60).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.stop().await, 0);
}
