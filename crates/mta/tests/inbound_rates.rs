//! Clients and the rates that hold them back.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use directory::Accounts;
use mail::{Clock, Timestamp};
use mta::World;
use mta::listen::Sessions;
use mta::quotas::Quotas;
use policy::Configuration;
use policy::check::Environment;
use store::{MemoryStore, Store};
use support::{Client, HOST, Nothing, listener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

struct LeapingClock(Instant);

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).plus(self.0.elapsed())
    }
}

/// A server that clients reach without sockets, from whatever address, and a clock that leaps.
struct House {
    sessions: Sessions,
    tasks: JoinSet<()>,
}

impl House {
    fn open(throttles: Option<&str>) -> House {
        let throttles = throttles.map(|all| format!(r#""MtaInboundThrottle": {all},"#)).unwrap_or_default();
        let settings = format!(
            r#"{{{throttles} "Domain": [{{"name": "example.org"}}], "Account": [
                {{"name": "anna@example.org", "secret": "secret"}}, {{"name": "bert@example.org"}}]}}"#
        );
        let environment = Environment { hostname: Some(HOST.to_owned()), ..Environment::default() };
        let configuration = Configuration::from_settings_json(&settings, &environment).unwrap();
        let store = Arc::new(MemoryStore::new()) as Arc<dyn Store>;
        let clock = Arc::new(LeapingClock(Instant::now()));
        let world = World::new(store, Arc::new(Nothing), Arc::new(Nothing), clock);
        let (_, configuration) = watch::channel(Arc::new(configuration));
        let quotas = Quotas::new(&configuration.borrow());
        let accounts = Accounts::new(configuration.clone(), world.store.clone(), world.clock.clone());
        let world = world.with_directory(Arc::new(accounts));
        let sessions =
            Sessions::new(listener("smtp"), world, configuration, quotas, None, CancellationToken::new());
        House { sessions, tasks: JoinSet::new() }
    }

    fn client(&mut self, ip: &str) -> Client {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let (sessions, client) = (self.sessions.clone(), SocketAddr::new(ip.parse().unwrap(), 40_000));
        self.tasks.spawn(async move { sessions.serve(Box::new(theirs), client).await });
        Client::over(Box::new(ours))
    }

    /// A client that was greeted.
    async fn greeted(&mut self, ip: &str) -> Client {
        let mut client = self.client(ip);
        client.expect("220").await;
        client.ask("EHLO client.example", "250").await;
        client
    }
}

async fn wait(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_connects_too_often_is_turned_away_for_a_moment() {
    let mut house = House::open(None);
    for _ in 0..5 {
        house.client("203.0.113.1").expect("220").await;
    }
    house.client("203.0.113.1").expect("421 4.4.5 Too many connections, come again in a second").await;
    house.client("203.0.113.2").expect("220").await;
    for _ in 0..50 {
        house.client("127.0.0.1").expect("220").await;
    }
    wait(1).await;
    house.client("203.0.113.1").expect("220").await;
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_client_is_all_of_its_network() {
    let mut house = House::open(None);
    for host in 0..5 {
        house.client(&format!("2001:db8::{host}")).expect("220").await;
    }
    house.client("2001:db8::ffff").expect("421").await;
    house.client("2001:db8:0:1::1").expect("220").await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sends_one_recipient_so_much_and_no_more() {
    let mut house = House::open(None);
    for number in 0..25 {
        let mut client = house.greeted(&format!("203.0.113.{number}")).await;
        client.ask("MAIL FROM:<x@far.example>", "250").await;
        client.ask("RCPT TO:<anna@example.org>", "250").await;
    }
    let mut client = house.greeted("203.0.113.99").await;
    client.ask("MAIL FROM:<y@FAR.example>", "250").await;
    let reply = client.ask("RCPT TO:<Anna@example.org>", "451 4.4.5").await;
    assert!(reply.contains("come again in 60 minutes"), "{reply}");
    client.ask("RCPT TO:<bert@example.org>", "250").await;
    for _ in 0..40 {
        let mut here = house.greeted("127.0.0.1").await;
        here.ask("MAIL FROM:<x@far.example>", "250").await;
        here.ask("RCPT TO:<anna@example.org>", "250").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_client_begins_a_hundred_messages_in_a_minute() {
    let mut house = House::open(None);
    for number in 0..100 {
        if number % 5 == 0 {
            tokio::time::sleep(Duration::from_millis(1001)).await;
        }
        let mut client = house.greeted("203.0.113.1").await;
        client.ask("MAIL FROM:<x@far.example>", "250").await;
    }
    wait(2).await;
    let mut client = house.greeted("203.0.113.1").await;
    client.ask("MAIL FROM:<x@far.example>", "451 4.4.5 Too much mail, come again in ").await;
    wait(61).await;
    client.ask("MAIL FROM:<x@far.example>", "250").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_anyway_is_not_counted() {
    let rate = r#"[{"description": "r", "key": {"sender": true, "rcptDomain": true},
        "rate": {"count": 1, "period": 60000}}]"#;
    let mut house = House::open(Some(rate));
    let mut client = house.greeted("203.0.113.1").await;
    client.ask("MAIL FROM:<x@far.example>", "250").await;
    client.ask("RCPT TO:<nobody@example.org>", "550").await;
    client.ask("RCPT TO:<anna@example.org>", "250").await;
    client.ask("RCPT TO:<bert@example.org>", "451").await;
}

#[tokio::test(start_paused = true)]
async fn an_account_has_a_rate_of_its_own() {
    let rate = r#"[{"description": "r", "key": {"authenticatedAs": true},
        "match": {"else": "authenticated_as != ''"}, "rate": {"count": 2, "period": 60000}}]"#;
    let mut house = House::open(Some(rate));
    let mut user = house.greeted("127.0.0.1").await;
    user.ask("AUTH PLAIN AGFubmFAZXhhbXBsZS5vcmcAc2VjcmV0", "235").await;
    for expected in ["250", "250", "451"] {
        user.ask("MAIL FROM:<>", expected).await;
        user.ask("RSET", "250").await;
    }
    house.greeted("127.0.0.1").await.ask("MAIL FROM:<>", "250").await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_sets_the_fresh_rates_aside() {
    let mut house = House::open(Some("[]"));
    for _ in 0..50 {
        house.client("203.0.113.1").expect("220").await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_at_once_get_exactly_what_is_there() {
    let rate =
        r#"[{"description": "r", "key": {"senderDomain": true}, "rate": {"count": 7, "period": 60000}}]"#;
    let mut house = House::open(Some(rate));
    let mut clients = JoinSet::new();
    for number in 0..50 {
        let mut client = house.greeted(&format!("203.0.113.{number}")).await;
        clients.spawn(async move {
            client.send("MAIL FROM:<x@far.example>\r\n").await;
            client.line().await.unwrap().starts_with("250")
        });
    }
    let answers = clients.join_all().await;
    assert_eq!(answers.into_iter().filter(|taken| *taken).count(), 7);
}
