//! One delivery, start to end: begin, resolve, connect, deliver, give what it meant for each recipient.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail::seven_bit::Target;
use mail::{Envelope, RecipientId};
use policy::plan::Endpoint;
use policy::tls::TlsReason;
use policy::{AttemptOutcome, Configuration, NextHop, Trouble, limits};
use store::{Deposit, LeaseId, Notice, QueuedRecipient, StoreError};

use crate::connections::Connections;
use crate::deliver::local;
use crate::deliver::remote::Remote;
use crate::events::Dialogue;
use crate::world::World;

/// One message, one next hop, one or more recipients.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The right to settle them.
    pub lease: LeaseId,
    /// The message.
    pub envelope: Arc<Envelope>,
    /// Where it goes.
    pub next_hop: NextHop,
    /// For whom.
    pub recipients: Vec<QueuedRecipient>,
    /// Why those go there whose route was found with lookups. For the others the settings say it again at any time.
    pub reasons: BTreeMap<RecipientId, String>,
}

/// What one run of a delivery meant.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether the attempt was begun in the store. If not, another may hold the recipients by now: nothing was
    /// tried, and nothing may be settled.
    pub begun: bool,
    /// If it was not, whether that was because the lease had ended, and not because the store is unwell.
    pub lease_lost: bool,
    /// What it meant for each recipient, in the order of the delivery.
    pub outcomes: Vec<(RecipientId, AttemptOutcome)>,
    /// Which way each recipient took, for the log; parallel to `outcomes`.
    pub ways: Vec<Way>,
    /// What was said, if that is kept.
    pub dialogue: Option<Arc<Dialogue>>,
    /// How long it took.
    pub took: Duration,
    /// Copies for the local store, to be written with the verdicts.
    pub deposits: Vec<Deposit>,
    /// What lists pass on, likewise.
    pub expansions: Vec<Notice>,
}

impl Report {
    /// Of an attempt that was begun, so far without ways and copies.
    pub fn begun(outcomes: Vec<(RecipientId, AttemptOutcome)>) -> Self {
        Report {
            begun: true,
            lease_lost: false,
            outcomes,
            ways: Vec::new(),
            dialogue: None,
            took: Duration::ZERO,
            deposits: Vec::new(),
            expansions: Vec::new(),
        }
    }
}

/// Which way a recipient's copy took in one attempt, as far as it came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Way {
    /// The host's name; empty if none was reached.
    pub host: String,
    /// Its address and port, or the path of its socket.
    pub address: Option<Endpoint>,
    /// The transport security, such as `TLSv1_3 TLS13_AES_256_GCM_SHA384 verified`, or `none`.
    pub tls: String,
    /// Why it had to be so; none if it came to no host.
    pub tls_reason: Option<TlsReason>,
    /// Whether the connection had served another message before.
    pub reused: bool,
    /// What the content was made into, if it was not sent as it was accepted.
    pub made: Option<Target>,
}

/// Runs one delivery. Never fails: whatever happens is an outcome for each recipient.
pub async fn attempt(
    world: &World,
    configuration: &Arc<Configuration>,
    connections: &Connections,
    delivery: &Delivery,
) -> Report {
    attempt_until(world, configuration, connections, delivery, std::future::pending()).await
}

/// [`attempt`], until `cut` resolves. Who was not answered by then is not in the report, and may be in doubt.
pub async fn attempt_until(
    world: &World,
    configuration: &Arc<Configuration>,
    connections: &Connections,
    delivery: &Delivery,
    cut: impl Future<Output = ()>,
) -> Report {
    let ids: Vec<RecipientId> = delivery.recipients.iter().map(|queued| queued.recipient.id).collect();
    let now = world.clock.now();
    if let Err(error) = world.store.begin(delivery.lease, &ids, now, limits::LEASE).await {
        return not_begun(&ids, &error);
    }
    match &delivery.next_hop {
        NextHop::Local { .. } => {
            let local = tokio::select! {
                biased;
                delivered = local::deliver(world, configuration, &delivery.envelope, &delivery.recipients) => delivered,
                () = cut => return Report::begun(Vec::new()),
            };
            let ways = vec![Way { host: "localhost".to_owned(), ..Way::default() }; ids.len()];
            let outcomes = ids.into_iter().zip(local.outcomes).collect();
            let (deposits, expansions) = (local.deposits, local.expansions);
            Report { ways, deposits, expansions, ..Report::begun(outcomes) }
        }
        NextHop::Mx { .. } | NextHop::Relay { .. } => {
            let (places, dialogue) = Remote::new(world, configuration, connections, delivery).run(cut).await;
            let mut report = Report::begun(Vec::new());
            report.dialogue = dialogue.map(Arc::new);
            report.took = world.clock.now().since(now);
            for (id, place) in ids.into_iter().zip(places) {
                if let Some(outcome) = place.outcome {
                    report.outcomes.push((id, outcome));
                    report.ways.push(place.way);
                }
            }
            report
        }
    }
}

fn not_begun(ids: &[RecipientId], error: &StoreError) -> Report {
    let outcome = Trouble::ours(error.to_string()).outcome();
    Report {
        begun: false,
        lease_lost: matches!(error, StoreError::LeaseLost(_)),
        outcomes: ids.iter().map(|id| (*id, outcome.clone())).collect(),
        ways: vec![Way::default(); ids.len()],
        dialogue: None,
        took: Duration::ZERO,
        deposits: Vec::new(),
        expansions: Vec::new(),
    }
}
