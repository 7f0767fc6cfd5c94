//! How much the queue holds: what sessions are told, and when there is room again.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;
mod yard;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mta::listen::Sessions;
use policy::Configuration;
use support::Client;
use tokio::task::JoinSet;
use yard::{Manner, PATIENT, Yard, configuration_with};

/// Everything but what begins with `two` goes through the first relay.
const ROUTE: &str = r#"{"match": [{"if": "is_local_domain(rcpt_domain)", "then": "'local'"},
    {"if": "starts_with(rcpt, 'two')", "then": "'two'"}], "else": "'one'"}"#;

fn with(quotas: &str) -> Configuration {
    configuration_with(&format!(r#""MtaQueueQuota": [{quotas}],"#), ROUTE, PATIENT)
}

/// A queue, and sessions that send to anywhere.
struct House {
    yard: Yard,
    sessions: JoinSet<()>,
}

impl House {
    /// The first relay is away, the second takes all.
    fn open(quotas: &str) -> House {
        let yard = Yard::open(with(quotas));
        yard.peers.set(2, Manner::Takes);
        House { yard, sessions: JoinSet::new() }
    }

    fn sessions(&self) -> Sessions {
        let (world, configuration) = (self.yard.world.clone(), self.yard.changes.subscribe());
        let (quotas, shutdown) = (Arc::clone(&self.yard.quotas), self.yard.shutdown.clone());
        let listener = support::listener("relay");
        Sessions::new(listener, world, configuration, quotas, None, shutdown)
    }

    async fn client(&mut self) -> Client {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let (sessions, client) = (self.sessions(), SocketAddr::from(([127, 0, 0, 1], 40_000)));
        self.sessions.spawn(async move { sessions.serve(Box::new(theirs), client).await });
        let mut client = Client::over(Box::new(ours));
        client.expect("220").await;
        client.ask("EHLO client.example", "250").await;
        client
    }

    /// The last reply to a message for these: of the first recipient that is refused, or to the final dot.
    async fn send(&mut self, recipients: &[&str]) -> String {
        let mut client = self.client().await;
        send(&mut client, "x@far.example", recipients, 10).await
    }

    async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn reply(client: &mut Client, line: &str) -> String {
    client.send(format!("{line}\r\n")).await;
    client.line().await.unwrap()
}

async fn send(client: &mut Client, from: &str, recipients: &[&str], bytes: usize) -> String {
    client.ask(&format!("MAIL FROM:<{from}>"), "250").await;
    for recipient in recipients {
        let reply = reply(client, &format!("RCPT TO:<{recipient}>")).await;
        if !reply.starts_with("250") {
            return reply;
        }
    }
    client.ask("DATA", "354").await;
    reply(client, &format!("Subject: x\r\n\r\n{}\r\n.", "x".repeat(bytes))).await
}

#[track_caller]
fn is(reply: &str, start: &str) {
    assert!(reply.starts_with(start), "{reply:?} should begin with {start:?}");
}

#[tokio::test(start_paused = true)]
async fn many_sessions_at_once_get_exactly_what_there_is() {
    let mut house = House::open(r#"{"messages": 7}"#);
    for round in 0..2 {
        let mut sending = JoinSet::new();
        for number in 0..40 {
            let mut client = house.client().await;
            sending.spawn(async move {
                let recipient = format!("r{number}@one.example");
                send(&mut client, "x@far.example", &[&recipient], 10).await
            });
        }
        let replies = sending.join_all().await;
        let taken = replies.iter().filter(|reply| reply.starts_with("250")).count();
        assert_eq!(taken, 7, "round {round}: {replies:?}");
        assert!(replies.iter().all(|reply| reply.starts_with("250") || reply.starts_with("452 4.3.1")));
        house.yard.peers.set(1, Manner::Takes);
        house.wait(3600).await;
        assert!(house.yard.queued().await.is_empty());
        house.yard.peers.set(1, Manner::IsAway);
    }
}

// proves: 5.17 domain quotas
#[tokio::test(start_paused = true)]
async fn each_domain_quota_is_asked_and_its_share_is_held_to_the_last_recipient() {
    let wide = r#"{"description": "wide", "key": {"rcptDomain": true}, "messages": 5}"#;
    let narrow = r#"{"description": "narrow", "key": {"rcptDomain": true, "senderDomain": true},
        "match": {"else": "rcpt_domain == 'one.example'"}, "messages": 1}"#;
    let mut house = House::open(&format!("{wide}, {narrow}"));
    is(&house.send(&["two-a@one.example", "stuck@one.example", "two-b@other.example"]).await, "250");
    house.wait(5).await;
    assert_eq!(house.yard.queued().await.len(), 1, "only one recipient is left");
    is(&house.send(&["c@one.example"]).await, "452 4.2.2");
    is(&house.send(&["two-d@other.example"]).await, "250");
    let mut client = house.client().await;
    is(&send(&mut client, "x@near.example", &["two-e@one.example"], 10).await, "250");
    house.yard.peers.set(1, Manner::Takes);
    house.wait(3600).await;
    is(&house.send(&["c@one.example"]).await, "250");
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_with_the_whole_message() {
    let mut house = House::open(r#"{"key": {"sender": true}, "size": 3000}"#);
    let mut client = house.client().await;
    is(&send(&mut client, "x@far.example", &["a@one.example"], 2000).await, "250");
    is(&send(&mut client, "x@far.example", &["b@one.example"], 2000).await, "452 4.3.1");
    is(&send(&mut client, "X@FAR.example", &["b@one.example"], 2000).await, "452 4.3.1");
    is(&send(&mut client, "y@far.example", &["b@one.example"], 2000).await, "250");
    is(&send(&mut client, "x@far.example", &["b@one.example"], 10).await, "250");
}

#[tokio::test(start_paused = true)]
async fn a_restart_counts_what_is_in_the_queue() {
    let mut house = House::open(r#"{"key": {"rcptDomain": true}, "messages": 2}"#);
    is(&house.send(&["a@one.example", "b@one.example", "two@one.example"]).await, "250");
    is(&house.send(&["c@one.example"]).await, "250");
    is(&house.send(&["d@one.example"]).await, "452");
    house.yard.begin_again().await;
    is(&house.send(&["d@one.example"]).await, "452");
    is(&house.send(&["d@other.example"]).await, "250");
    house.yard.peers.set(1, Manner::Takes);
    house.wait(3600).await;
    for _ in 0..2 {
        is(&house.send(&["stuck@other.example"]).await, "250");
    }
}

#[tokio::test(start_paused = true)]
async fn new_quotas_hold_for_what_is_in_the_queue_already() {
    let mut house = House::open("");
    for _ in 0..3 {
        is(&house.send(&["a@one.example"]).await, "250");
    }
    house.yard.changes.send_replace(Arc::new(with(r#"{"messages": 4}"#)));
    house.wait(1).await;
    is(&house.send(&["a@one.example"]).await, "250");
    is(&house.send(&["a@one.example"]).await, "452");
    house.yard.changes.send_replace(Arc::new(with("")));
    house.wait(1).await;
    is(&house.send(&["a@one.example"]).await, "250");
}

#[tokio::test(start_paused = true)]
async fn notifications_of_ours_are_never_refused_nor_counted() {
    let mut house = House::open(r#"{"messages": 1}"#);
    house.yard.peers.set(2, Manner::Says("550 5.1.1 nobody"));
    let mut client = house.client().await;
    // The notification goes through the relay that is away, and stays in the queue.
    is(&send(&mut client, "back@one.example", &["two@one.example"], 10).await, "250");
    house.wait(5).await;
    assert_eq!(house.yard.queued().await.len(), 1, "the notification waits");
    is(&house.send(&["a@one.example"]).await, "250");
    is(&house.send(&["b@one.example"]).await, "452");
    house.yard.begin_again().await;
    is(&house.send(&["b@one.example"]).await, "452");
    house.yard.changes.send_replace(Arc::new(with(r#"{"messages": 2}"#)));
    house.wait(1).await;
    is(&house.send(&["b@one.example"]).await, "250");
    is(&house.send(&["c@one.example"]).await, "452");
}
