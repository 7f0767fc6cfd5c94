//! Does each rule catch the bug that it is there for?
//!
//! A rule that never fails proves nothing. Here each one meets a deliberate bug, put between the parts of a
//! world and never into the product, and must catch it within a few worlds, alone or with the rules named.

mod lying_store;
mod lying_wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mail::{Domain, Timestamp};
use mta::{Resolver, Transport};
use policy::Verdict;
use policy::dns::{Addresses, Answer, DnsError, Family, MxRecord, SrvRecord, TlsaRecord};
use policy::outcome::Delivered;
use sim::scenario::{Plan, Twist, play_twisted};
use store::{Content, MemoryStore, Store};

use lying_store::{Lies, LyingStore};
use lying_wire::LyingTransport;

/// Worlds in which a bug has to show.
const SEEDS: u64 = 6;

/// Plays some worlds with the bug and compares the rules that were broken with those named.
#[track_caller]
fn check(twist: &dyn Twist, expected: &[&str]) {
    check_in(SEEDS, twist, expected);
}

#[track_caller]
fn check_in(seeds: u64, twist: &dyn Twist, expected: &[&str]) {
    let mut caught: BTreeMap<&str, String> = BTreeMap::new();
    for seed in 0..seeds {
        for breach in play_twisted(seed, twist).breaches {
            caught.entry(breach.invariant).or_insert_with(|| format!("SEED={seed}: {}", breach.text));
        }
    }
    let rules: BTreeSet<&str> = caught.keys().copied().collect();
    assert_eq!(rules, expected.iter().copied().collect(), "{caught:#?}");
}

/// A bug between the node and the store, or beneath the witness.
struct InStore {
    lies: Lies,
    beneath: bool,
    plan: fn(&mut Plan),
}

impl InStore {
    fn above(lies: Lies) -> Self {
        InStore { lies, beneath: false, plan: |_| {} }
    }

    fn beneath(lies: Lies) -> Self {
        InStore { lies, beneath: true, plan: |_| {} }
    }
}

impl Twist for InStore {
    fn above(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        if self.beneath { store } else { Arc::new(LyingStore::new(store, self.lies)) }
    }

    fn below(&self, store: Arc<MemoryStore>) -> Arc<dyn Store> {
        if self.beneath { Arc::new(LyingStore::new(store, self.lies)) } else { store }
    }

    fn plan(&self, plan: &mut Plan) {
        (self.plan)(plan);
    }
}

/// A bug in what we read from peers.
struct OnWire(fn(&str) -> String);

impl Twist for OnWire {
    fn transport(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        Arc::new(LyingTransport::new(transport, self.0))
    }
}

#[test]
fn nobody_is_told_of_a_failure() {
    let lies = Lies {
        settlement: |mut settlement, _| {
            settlement.notices.clear();
            settlement
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I1"]);
}

#[test]
fn the_store_forgets_that_a_recipient_has_ended() {
    let lies = Lies {
        settlement: |mut settlement, progress| {
            for ending in &mut settlement.endings {
                if let (Verdict::Delivered(_), false, Some(progress)) =
                    (&ending.verdict, ending.owed, progress.get(&ending.recipient))
                {
                    let mut again = progress.clone();
                    again.due = again.due.plus(Duration::from_secs(1_800));
                    ending.verdict = Verdict::Retry(again);
                }
            }
            settlement.deposits.clear();
            settlement
        },
        ..Lies::NONE
    };
    check_in(2, &InStore::beneath(lies), &["I1", "I2", "I6", "I12"]);
}

#[test]
fn a_delivered_recipient_is_tried_again() {
    let lies = Lies {
        settlement: |mut settlement, progress| {
            for ending in &mut settlement.endings {
                let deposited =
                    settlement.deposits.iter().any(|deposit| deposit.recipient == ending.recipient);
                if let (Verdict::Delivered(_), false, false, Some(progress)) =
                    (&ending.verdict, ending.owed, deposited, progress.get(&ending.recipient))
                {
                    let mut again = progress.clone();
                    again.due = again.due.plus(Duration::from_secs(1_800));
                    ending.verdict = Verdict::Retry(again);
                }
            }
            settlement
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I2", "I16"]);
}

#[test]
fn somebody_is_told_of_mail_from_nobody() {
    let lies = Lies {
        claims: |mut claims| {
            for claim in &mut claims {
                let mut envelope = (*claim.envelope).clone();
                if envelope.reverse_path.address().is_none() {
                    let address = mail::Address::parse("user0@home.example").unwrap();
                    envelope.reverse_path = mail::ReversePath::Address(address);
                }
                claim.envelope = Arc::new(envelope);
            }
            claims
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I3", "I9"]);
}

#[test]
fn somebody_is_told_who_said_never() {
    let lies = Lies {
        claims: |mut claims| {
            for queued in claims.iter_mut().flat_map(|claim| &mut claim.recipients) {
                queued.recipient.notify.failure = true;
            }
            claims
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I3"]);
}

#[test]
fn recipients_are_tried_before_they_are_due() {
    let lies = Lies {
        settlement: |mut settlement, _| {
            for ending in &mut settlement.endings {
                if let Verdict::Retry(progress) = &mut ending.verdict {
                    progress.due = Timestamp::from_millis(progress.due.as_millis() - 30_000);
                }
            }
            settlement
        },
        ..Lies::NONE
    };
    check(&InStore::beneath(lies), &["I4"]);
}

#[test]
fn a_temporary_no_is_taken_for_ever() {
    let fives = |line: &str| match line.strip_prefix('4') {
        Some(rest) => format!("5{rest}"),
        None => line.to_owned(),
    };
    check(&OnWire(fives), &["I4"]);
}

#[test]
fn a_virtual_queue_is_not_counted() {
    let lies = Lies {
        claims: |mut claims| {
            for queued in claims.iter_mut().flat_map(|claim| &mut claim.recipients) {
                queued.progress.virtual_queue = "default".to_owned();
            }
            claims
        },
        ..Lies::NONE
    };
    let narrow = |plan: &mut Plan| {
        for name in ["local", "remote", "dsn"] {
            plan.settings.virtual_queues.get_mut(name).unwrap().threads_per_node = 1;
            plan.facts.threads.insert(name.to_owned(), 1);
        }
    };
    check(&InStore { plan: narrow, ..InStore::above(lies) }, &["I5"]);
}

#[test]
fn leases_end_too_soon() {
    let lies = Lies { lease: Some(Duration::from_secs(2)), ..Lies::NONE };
    check(&InStore::beneath(lies), &["I2", "I6"]);
}

#[test]
fn a_client_hears_yes_and_nothing_was_written() {
    check(&InStore::above(Lies { accepts: false, ..Lies::NONE }), &["I7"]);
}

#[test]
fn content_is_dropped_after_the_first_settlement() {
    check(&InStore::beneath(Lies { drops_content: true, ..Lies::NONE }), &["I8"]);
}

#[test]
fn a_byte_of_the_content_changes() {
    let lies = Lies {
        content: |content| match content {
            Content::Memory(bytes) => {
                let mut bytes = bytes.to_vec();
                if let Some(byte) = bytes.iter_mut().rev().find(|byte| byte.is_ascii_lowercase()) {
                    *byte = byte.to_ascii_uppercase();
                }
                Content::Memory(bytes.into())
            }
            Content::File(file) => Content::File(file),
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I9", "I13"]);
}

#[test]
fn some_recipients_are_never_seen() {
    let lies = Lies {
        claims: |mut claims| {
            claims.retain(|claim| !claim.envelope.message.0.is_multiple_of(5));
            claims
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I10"]);
}

struct Panicking(Arc<dyn Resolver>);

#[async_trait]
impl Resolver for Panicking {
    async fn mx(&self, domain: &Domain) -> Result<Answer<MxRecord>, DnsError> {
        assert!(domain.as_str() != "d1.example", "a bug");
        self.0.mx(domain).await
    }
    async fn addresses(&self, host: &str, family: Family) -> Addresses {
        self.0.addresses(host, family).await
    }
    async fn txt(&self, name: &str) -> Result<Answer<String>, DnsError> {
        self.0.txt(name).await
    }
    async fn ptr(&self, ip: std::net::IpAddr) -> Result<Answer<String>, DnsError> {
        self.0.ptr(ip).await
    }
    async fn tlsa(&self, name: &str) -> Result<Answer<TlsaRecord>, DnsError> {
        self.0.tlsa(name).await
    }
    async fn srv(&self, name: &str) -> Result<Answer<SrvRecord>, DnsError> {
        self.0.srv(name).await
    }
}

#[test]
fn a_task_panics() {
    struct Bug;
    impl Twist for Bug {
        fn resolver(&self, resolver: Arc<dyn Resolver>) -> Arc<dyn Resolver> {
            Arc::new(Panicking(resolver))
        }
    }
    check(&Bug, &["I11"]);
}

#[test]
fn a_deferred_recipient_is_lost() {
    let lies = Lies {
        settlement: |mut settlement, _| {
            for ending in &mut settlement.endings {
                if let Verdict::Retry(progress) = &ending.verdict
                    && let Some(trouble) = &progress.last
                {
                    ending.verdict = Verdict::Failed(trouble.clone());
                }
            }
            settlement
        },
        ..Lies::NONE
    };
    check(&InStore::beneath(lies), &["I8", "I12", "I16"]);
}

#[test]
fn a_temporary_no_is_settled_as_delivered() {
    let lies = Lies {
        settlement: |mut settlement, _| {
            for ending in &mut settlement.endings {
                if let Verdict::Retry(progress) = &ending.verdict
                    && let Some((_, reply)) = progress.last.as_ref().and_then(|trouble| trouble.reply.clone())
                {
                    ending.verdict = Verdict::Delivered(Delivered {
                        host: String::new(),
                        reply,
                        last_hop: false,
                        dsn_handed_on: true,
                        traced: false,
                    });
                }
            }
            settlement
        },
        ..Lies::NONE
    };
    check(&InStore::above(lies), &["I13"]);
}

#[test]
fn pipelining_is_read_into_every_greeting() {
    let pipelining = |line: &str| {
        if line.starts_with("250-") && line.ends_with(".example") {
            format!("{line}\r\n250-PIPELINING")
        } else {
            line.to_owned()
        }
    };
    check(&OnWire(pipelining), &["I14"]);
}

#[test]
fn what_is_due_is_looked_for_too_late() {
    let hour = Duration::from_secs(3_600);
    check(&InStore::above(Lies { looks_late: hour, ..Lies::NONE }), &["I16"]);
}

#[test]
fn the_queue_is_woken_without_end() {
    check(&InStore::above(Lies { wakes_always: true, ..Lies::NONE }), &["I15"]);
}
