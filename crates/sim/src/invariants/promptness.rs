//! I16: is anything left lying that is due?

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{RecipientId, Timestamp};
use policy::Verdict;
use policy::limits::CLAIM_INTERVAL_MAX;

use super::Judge;
use crate::history::Event;

struct Recipient {
    next_event: Timestamp,
    /// From when on it is free.
    free_from: Timestamp,
}

/// The judge of I16.
#[derive(Default)]
pub(super) struct Promptness {
    within: Duration,
    up_since: Option<Timestamp>,
    recipients: BTreeMap<RecipientId, Recipient>,
}

impl Judge for Promptness {
    fn see(&mut self, now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::World(facts) => self.within = facts.claimed_within,
            Event::Started => {
                self.up_since = Some(now);
                self.recipients.values_mut().for_each(|recipient| recipient.free_from = now);
            }
            Event::Stopping | Event::Crashed | Event::Over { .. } => self.up_since = None,
            Event::Committed { recipients, .. } => {
                for entered in recipients {
                    let new = Recipient { next_event: entered.progress.next_event(), free_from: now };
                    self.recipients.insert(entered.id, new);
                }
            }
            Event::Claimed { recipients, until, .. } => {
                let late = recipients.iter().filter_map(|(id, _)| self.late(*id, now)).collect();
                recipients.iter().for_each(|(id, _)| self.hold(*id, *until));
                return late;
            }
            Event::Begun { recipients, until, .. } => recipients.iter().for_each(|id| self.hold(*id, *until)),
            Event::Released { recipients, .. } => {
                recipients.iter().for_each(|id| self.give_back(*id, None, now))
            }
            Event::Settled { endings, cleared, .. } => {
                for ended in endings {
                    match &ended.verdict {
                        Verdict::Retry(next) => self.give_back(ended.recipient, Some(next.next_event()), now),
                        // It is due at once, but only once the lease has ended.
                        Verdict::Delivered(_) | Verdict::Failed(_) if ended.owed => {
                            self.recipients.entry(ended.recipient).and_modify(|r| r.next_event = now);
                        }
                        Verdict::Delivered(_) | Verdict::Failed(_) => {
                            self.recipients.remove(&ended.recipient);
                        }
                    }
                }
                for id in cleared {
                    self.recipients.remove(id);
                }
            }
            Event::Counted { .. } => {
                return self.recipients.keys().filter_map(|id| self.late(*id, now)).collect();
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Promptness {
    /// The end of a lease wakes nobody: it is found when the queue is looked through anyway.
    fn hold(&mut self, id: RecipientId, until: Timestamp) {
        let found = until.plus(CLAIM_INTERVAL_MAX);
        self.recipients.entry(id).and_modify(|recipient| recipient.free_from = found);
    }

    fn give_back(&mut self, id: RecipientId, next_event: Option<Timestamp>, now: Timestamp) {
        self.recipients.entry(id).and_modify(|recipient| {
            recipient.free_from = now;
            recipient.next_event = next_event.unwrap_or(recipient.next_event);
        });
    }

    fn late(&self, id: RecipientId, now: Timestamp) -> Option<String> {
        let recipient = self.recipients.get(&id)?;
        let since = self.up_since?.max(recipient.next_event).max(recipient.free_from);
        let wait = now.since(since);
        (wait > self.within)
            .then(|| format!("recipient {id} was due and free, and nobody took it for {wait:?}"))
    }
}
