//! I5: are there too many at once?

use std::collections::BTreeMap;

use mail::{RecipientId, Timestamp};

use super::Judge;
use crate::history::{ConnectionId, Event, WorldFacts};

/// The judge of I5.
#[derive(Default)]
pub(super) struct Concurrency {
    facts: WorldFacts,
    virtual_queues: BTreeMap<RecipientId, String>,
    /// Deliveries under way: the recipients of each that have not been settled, and its virtual queue.
    under_way: Vec<(Vec<RecipientId>, String)>,
    transactions: BTreeMap<ConnectionId, String>,
}

impl Judge for Concurrency {
    fn see(&mut self, _now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::World(facts) => self.facts = facts.clone(),
            Event::Claimed { recipients, .. } => {
                let queues = recipients.iter().map(|(id, progress)| (*id, progress.virtual_queue.clone()));
                self.virtual_queues.extend(queues);
            }
            Event::Begun { recipients, .. } => return self.begin(recipients).into_iter().collect(),
            Event::Settled { endings, .. } => {
                let ended: Vec<RecipientId> = endings.iter().map(|ended| ended.recipient).collect();
                self.end(&ended);
            }
            Event::Released { recipients, .. } => self.end(recipients),
            Event::Crashed => {
                self.under_way.clear();
                self.transactions.clear();
            }
            // What is still under way after these cannot be told from outside; better to count too few.
            Event::SettleUncertain { .. } | Event::Started | Event::Panicked { .. } => self.under_way.clear(),
            Event::Opened { connection, peer } => {
                self.transactions.insert(*connection, peer.clone());
                return self.crowded(peer).into_iter().collect();
            }
            Event::Closed { connection } => {
                self.transactions.remove(connection);
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Concurrency {
    fn begin(&mut self, recipients: &[RecipientId]) -> Option<String> {
        let first = recipients.first()?;
        let queue = self.virtual_queues.get(first)?.clone();
        // A delivery that begins again, as after a connection that had died idle, is still one.
        self.end(recipients);
        self.under_way.push((recipients.to_vec(), queue.clone()));
        let count = self.under_way.iter().filter(|(_, other)| *other == queue).count();
        let max = self.facts.threads.get(&queue).copied()?;
        (count > max)
            .then(|| format!("virtual queue {queue} has {count} deliveries under way, allowed are {max}"))
    }

    fn end(&mut self, recipients: &[RecipientId]) {
        for (open, _) in &mut self.under_way {
            open.retain(|id| !recipients.contains(id));
        }
        self.under_way.retain(|(open, _)| !open.is_empty());
    }

    fn crowded(&self, peer: &str) -> Option<String> {
        let count = self.transactions.values().filter(|other| *other == peer).count();
        let max = self.facts.transactions_max.get(peer).copied()?;
        (count > max).then(|| format!("{peer} sees {count} transactions at once, allowed are {max}"))
    }
}
