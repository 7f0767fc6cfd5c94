//! Where did each recipient really end? Looked up at the peers and in the mailbox, not in the log.

use std::time::Duration;

use anyhow::Context;
use mail::Address;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::cast::{FALLBACK, MX, RECIPIENTS, RELAY};
use super::peer::Received;
use super::witness::Line;
use crate::assemble::Server;

/// The mailbox of local delivery.
const INBOX: &str = "INBOX";

/// Where a recipient should end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In its mailbox here.
    Mailbox,
    /// At the peer of this name.
    Peer(&'static str),
}

/// What became of one recipient, and what should have become of it.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// Who.
    pub(crate) recipient: &'static str,
    /// Where it should end.
    pub(crate) place: Place,
    /// By which route.
    pub(crate) expected_route: &'static str,
    /// At which attempt.
    pub(crate) expected_attempts: u32,
    /// Attempts heard of.
    pub(crate) attempts: u32,
    /// The route of the last one.
    pub(crate) route: String,
    /// Why that route.
    pub(crate) why: String,
    /// Its transport security.
    pub(crate) tls: String,
    /// What the last attempt meant: `delivered`, `deferred` or `failed`.
    pub(crate) outcome: String,
    /// What is wrong with it; empty if all is as it should be.
    pub(crate) wrong: Vec<String>,
}

impl Ending {
    /// What should become of a recipient.
    pub(crate) fn expected(recipient: &'static str) -> Self {
        let (place, expected_route, expected_attempts) = match recipient {
            r if r == RECIPIENTS[1] => (Place::Peer(MX), "mx", 1),
            r if r == RECIPIENTS[2] => (Place::Peer(RELAY), "partner", 1),
            r if r == RECIPIENTS[3] => (Place::Peer(FALLBACK), "fallback", 3),
            _ => (Place::Mailbox, "local", 1),
        };
        Ending {
            recipient,
            place,
            expected_route,
            expected_attempts,
            attempts: 0,
            route: String::new(),
            why: String::new(),
            tls: String::new(),
            outcome: String::new(),
            wrong: Vec::new(),
        }
    }

    /// Takes note of an attempt.
    pub(crate) fn note(&mut self, line: &Line, why: String) {
        self.attempts += 1;
        self.route = line.field("route").to_owned();
        self.tls = line.field("tls").to_owned();
        self.outcome = line.field("outcome").to_owned();
        self.why = why;
    }

    /// Whether no further attempt will come.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.outcome.as_str(), "delivered" | "failed")
    }
}

/// Compares every ending with what the peers got and what lies in the mailbox.
pub(crate) async fn verify(
    mut endings: Vec<Ending>,
    server: &Server,
    received: &mut UnboundedReceiver<Received>,
    content: &[u8],
    patience: Duration,
) -> anyhow::Result<Vec<Ending>> {
    let expected = endings.iter().filter(|ending| ending.place != Place::Mailbox).count();
    let got = gather(received, expected, patience).await;
    for ending in &mut endings {
        let copies: Vec<&Received> =
            got.iter().filter(|one| one.forward_paths.iter().any(|path| path == ending.recipient)).collect();
        let mut wrong = match ending.place {
            Place::Peer(peer) => at_peer(peer, &copies, content),
            Place::Mailbox => in_mailbox(ending.recipient, &copies, server, content).await?,
        };
        if ending.outcome != "delivered" {
            wrong.push(format!("its last outcome was `{}`", ending.outcome));
        }
        if ending.route != ending.expected_route {
            wrong.push(format!("it took route `{}`, not `{}`", ending.route, ending.expected_route));
        }
        if ending.attempts != ending.expected_attempts {
            wrong.push(format!("it took {} attempts, not {}", ending.attempts, ending.expected_attempts));
        }
        ending.wrong = wrong;
    }
    Ok(endings)
}

/// All that the peers have got: at least `expected` messages if they come in time, and then whatever else is there.
async fn gather(
    received: &mut UnboundedReceiver<Received>,
    expected: usize,
    patience: Duration,
) -> Vec<Received> {
    let mut got = Vec::new();
    let enough = async {
        while got.len() < expected {
            match received.recv().await {
                Some(one) => got.push(one),
                None => return,
            }
        }
    };
    // Too few is found out below, recipient by recipient.
    let _ = timeout(patience, enough).await;
    while let Ok(one) = received.try_recv() {
        got.push(one);
    }
    got
}

fn at_peer(peer: &str, copies: &[&Received], content: &[u8]) -> Vec<String> {
    let mut wrong = Vec::new();
    if copies.len() != 1 {
        wrong.push(format!("{} copies arrived", copies.len()));
    }
    for copy in copies {
        if copy.peer != peer {
            wrong.push(format!("it ended at {}", copy.peer));
        }
        if !copy.content.ends_with(content) {
            wrong.push("its content was changed".to_owned());
        }
        if copy.reverse_path != super::cast::SENDER {
            wrong.push(format!("its reverse-path was <{}>", copy.reverse_path));
        }
        if copy.peer == RELAY && !(copy.tls && copy.user.is_some()) {
            wrong.push("it came without TLS or AUTH".to_owned());
        }
    }
    wrong
}

async fn in_mailbox(
    recipient: &str,
    copies: &[&Received],
    server: &Server,
    content: &[u8],
) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    if let Some(copy) = copies.first() {
        wrong.push(format!("it left for {}", copy.peer));
    }
    let account = Address::parse(recipient).context("the demo's addresses are well formed")?;
    let store = &server.world().store;
    let entries = store.entries(&account, INBOX).await?;
    if entries.len() != 1 {
        wrong.push(format!("{} copies lie in the mailbox", entries.len()));
    }
    for entry in entries {
        let kept = store.message(&account, INBOX, entry.uid).await?.unwrap_or_default();
        if !kept.ends_with(content) {
            wrong.push("its content was changed".to_owned());
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cast::{SENDER, STORE};

    fn copy(peer: &'static str, content: &[u8]) -> Received {
        Received {
            peer,
            reverse_path: SENDER.to_owned(),
            forward_paths: vec![RECIPIENTS[3].to_owned()],
            content: content.to_vec(),
            tls: false,
            user: None,
        }
    }

    #[track_caller]
    fn check(peer: &str, copies: &[Received], expected: &[&str]) {
        let copies: Vec<&Received> = copies.iter().collect();
        assert_eq!(at_peer(peer, &copies, b"body"), expected);
    }

    #[test]
    fn what_is_wrong_at_a_peer_is_seen() {
        check(FALLBACK, &[copy(FALLBACK, b"Received: x\r\nbody")], &[]);
        check(FALLBACK, &[], &["0 copies arrived"]);
        check(FALLBACK, &[copy(FALLBACK, b"body"), copy(FALLBACK, b"body")], &["2 copies arrived"]);
        check(FALLBACK, &[copy(STORE, b"body")], &["it ended at lmtp-a.store.example"]);
        check(FALLBACK, &[copy(FALLBACK, b"bodY")], &["its content was changed"]);
        check(RELAY, &[copy(RELAY, b"body")], &["it came without TLS or AUTH"]);
        let other = Received { reverse_path: String::new(), ..copy(FALLBACK, b"body") };
        check(FALLBACK, &[other], &["its reverse-path was <>"]);
    }
}
