//! What operators order, while deliveries run, fail and succeed.
#![allow(clippy::unwrap_used, reason = "test code")]

mod yard;

use std::time::Duration;

use mail::{Notify, RecipientId, Timestamp};
use mta::desk::Pause;
use policy::Edit;
use store::{Change, Revision, RevisionOutcome};
use yard::{Manner, PATIENT, Yard, configuration};

const ONE: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "rcpt_domain == 'two.example'", "then": "'two'"}], "else": "'one'"}"#;

async fn id(yard: &Yard, address: &str) -> RecipientId {
    let all = yard.world.store.pending(None, 1000).await.unwrap();
    let mut all = all.into_iter().flat_map(|claim| claim.recipients);
    all.find(|queued| queued.recipient.forward_path.to_string() == address).unwrap().recipient.id
}

async fn order(yard: &Yard, address: &str, edit: Edit) -> Change {
    let revision = Revision { recipient: id(yard, address).await, edits: vec![edit] };
    let now = yard.world.clock.now();
    match yard.world.store.revise(vec![revision], "alice", now).await.unwrap().remove(0) {
        RevisionOutcome::Changed(change) => *change,
        other => panic!("{other:?}"),
    }
}

fn hold() -> Edit {
    Edit::Hold { reason: String::new(), counts: false }
}

fn now() -> Edit {
    Edit::Due(Timestamp::EPOCH)
}

// proves: 5.15.5
#[tokio::test(start_paused = true)]
async fn what_is_to_be_tried_now_is_tried_at_once() {
    let yard = Yard::open(configuration(ONE, PATIENT));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert_eq!(yard.queued().await, ["a@one.example 1"]);
    order(&yard, "a@one.example", now()).await;
    yard.wait(1).await;
    assert_eq!(yard.queued().await, ["a@one.example 2"]);
    assert_eq!(yard.dialed(1), [0, 10]);
    yard.peers.set(1, Manner::Takes);
    order(&yard, "a@one.example", now()).await;
    yard.wait(1).await;
    assert!(yard.queued().await.is_empty(), "it was taken at once");
}

// proves: 5.17 edit race
#[tokio::test(start_paused = true)]
async fn what_is_ordered_during_an_attempt_holds_afterwards() {
    let yard = Yard::open(configuration(ONE, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(20)));
    yard.peers.set(2, Manner::NeverConnects);
    yard.accept(&["taken@one.example"], Notify::DEFAULT).await;
    for recipient in ["held@two.example", "moved@two.example", "gone@two.example", "told@two.example"] {
        yard.accept(&[recipient], Notify::DEFAULT).await;
    }
    yard.wait(5).await;
    let later = yard.world.clock.now().plus(Duration::from_secs(100_000));
    assert!(order(&yard, "taken@one.example", hold()).await.running);
    assert!(order(&yard, "held@two.example", hold()).await.running);
    assert!(order(&yard, "moved@two.example", Edit::Due(later)).await.running);
    assert!(order(&yard, "gone@two.example", Edit::Cancel { notify: false }).await.running);
    assert!(order(&yard, "told@two.example", Edit::Cancel { notify: true }).await.running);
    yard.wait(600).await;
    assert_eq!(yard.queued().await, ["held@two.example 1", "moved@two.example 1"]);
    assert_eq!(yard.told().await, [["told@two.example failed 5.0.0"]]);
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 1, "what was taken has ended, once");
    let tried = yard.dialed(2).len();
    yard.wait(3600).await;
    assert_eq!(yard.dialed(2).len(), tried, "nothing of it is tried");
    yard.peers.set(2, Manner::Takes);
    order(&yard, "held@two.example", Edit::Release).await;
    yard.wait(1).await;
    assert_eq!(yard.queued().await, ["moved@two.example 1"]);
}

// proves: 5.15.7, 5.15.8
#[tokio::test(start_paused = true)]
async fn what_is_cancelled_ends_and_its_sender_is_told_if_that_is_wanted() {
    let yard = Yard::open(configuration(ONE, PATIENT));
    yard.accept(&["a@one.example", "b@one.example", "c@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    assert!(order(&yard, "a@one.example", Edit::Cancel { notify: false }).await.ended);
    order(&yard, "b@one.example", Edit::Cancel { notify: true }).await;
    yard.wait(10).await;
    assert_eq!(yard.queued().await, ["c@one.example 1"]);
    assert_eq!(yard.told().await, [["b@one.example failed 5.0.0"]]);
    let mail = String::from_utf8(yard.mailbox().await.remove(0)).unwrap();
    assert!(mail.contains("delivery cancelled by alice"), "{mail}");
}

#[tokio::test(start_paused = true)]
async fn a_route_by_order_holds_over_retries_until_it_is_cleared_or_gone() {
    let yard = Yard::open(configuration(ONE, PATIENT));
    yard.accept(&["a@one.example"], Notify::DEFAULT).await;
    yard.wait(10).await;
    order(&yard, "a@one.example", Edit::Reroute("two".to_owned())).await;
    yard.wait(600).await;
    assert_eq!((yard.dialed(1), yard.dialed(2).len()), (vec![0], 2));
    let without = configuration(ONE, PATIENT);
    let mut without_two = without;
    without_two.routes.remove("two");
    yard.changes.send_replace(std::sync::Arc::new(without_two));
    order(&yard, "a@one.example", now()).await;
    yard.wait(1).await;
    assert_eq!(yard.dialed(1).len(), 2, "the strategy chooses again");
}

async fn pause(yard: &Yard, pause: Pause) {
    yard.world.desk.pause(&yard.world, pause, "alice").await.unwrap();
}

async fn resume(yard: &Yard, pause: &Pause) {
    assert!(yard.world.desk.resume(&yard.world, pause).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tried_while_all_is_paused_and_it_is_taken_in_all_the_same() {
    let mut yard = Yard::open(configuration(ONE, PATIENT));
    yard.peers.set(1, Manner::TakesSlowly(Duration::from_secs(20)));
    yard.accept(&["running@one.example"], Notify::DEFAULT).await;
    yard.wait(5).await;
    pause(&yard, Pause::All).await;
    yard.accept(&["a@one.example", "bert@home.example"], Notify::DEFAULT).await;
    yard.wait(60).await;
    assert_eq!(yard.queued().await, ["a@one.example 0", "bert@home.example 0"], "what ran has ended");
    yard.begin_again().await;
    yard.wait(3600).await;
    assert_eq!(yard.queued().await.len(), 2, "it is paused after a restart");
    resume(&yard, &Pause::All).await;
    yard.wait(25).await;
    assert!(yard.queued().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_paused_next_hop_waits_alone_and_is_awake_at_once() {
    let yard = Yard::open(configuration(ONE, PATIENT));
    yard.peers.set(1, Manner::Takes);
    yard.peers.set(2, Manner::Takes);
    let hop = Pause::NextHop("relay via one".to_owned());
    pause(&yard, hop.clone()).await;
    let local = Pause::NextHop("local via local".to_owned());
    pause(&yard, local.clone()).await;
    yard.accept(&["a@one.example", "b@two.example", "bert@home.example"], Notify::DEFAULT).await;
    yard.wait(60).await;
    assert_eq!(yard.queued().await, ["a@one.example 0", "bert@home.example 0"]);
    let next = yard.world.store.next_event().await.unwrap();
    assert!(next.is_none_or(|next| next == Timestamp::NEVER), "nothing wakes for what is paused: {next:?}");
    resume(&yard, &hop).await;
    yard.wait(1).await;
    assert_eq!(yard.queued().await, ["bert@home.example 0"]);
    resume(&yard, &local).await;
    yard.wait(1).await;
    assert!(yard.queued().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_paused_virtual_queue_goes_once_it_is_resumed_each_once() {
    let mut yard = Yard::open(configuration(ONE, PATIENT));
    yard.peers.set(1, Manner::Takes);
    let queue = Pause::VirtualQueue("remote".to_owned());
    pause(&yard, queue.clone()).await;
    for number in 0..300 {
        yard.accept(&[&format!("r{number}@one.example")], Notify::DEFAULT).await;
    }
    yard.wait(60).await;
    assert_eq!(yard.queued().await.len(), 300);
    yard.begin_again().await;
    yard.wait(600).await;
    assert_eq!(yard.queued().await.len(), 300);
    resume(&yard, &queue).await;
    yard.wait(60).await;
    assert!(yard.queued().await.is_empty());
    assert_eq!(yard.peers.taken.lock().unwrap().len(), 300, "each once");
}
