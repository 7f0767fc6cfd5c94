//! I6: did anybody but the holder of the latest lease touch a recipient?

use std::collections::BTreeMap;

use mail::{RecipientId, Timestamp};
use policy::Verdict;
use store::LeaseId;

use super::Judge;
use crate::history::Event;

/// The judge of I6.
#[derive(Default)]
pub(super) struct Leases {
    latest: BTreeMap<RecipientId, (LeaseId, Timestamp)>,
    ended: BTreeMap<RecipientId, LeaseId>,
}

impl Judge for Leases {
    fn see(&mut self, now: Timestamp, event: &Event) -> Vec<String> {
        match event {
            Event::Claimed { lease, until, recipients, .. } => {
                let ids = recipients.iter().map(|(id, _)| *id);
                ids.filter_map(|id| self.claim(id, *lease, *until, now).err()).collect()
            }
            Event::Begun { lease, until, recipients, .. } => {
                let breaches =
                    recipients.iter().filter_map(|id| self.held(*id, *lease, "begun").err()).collect();
                for id in recipients {
                    self.latest.insert(*id, (*lease, *until));
                }
                breaches
            }
            Event::Settled { lease, endings, cleared, .. } => {
                let ids = endings.iter().map(|ended| ended.recipient).chain(cleared.iter().copied());
                let breaches = ids.filter_map(|id| self.held(id, *lease, "settled").err()).collect();
                for ended in endings.iter().filter(|ended| !ended.owed) {
                    self.latest.remove(&ended.recipient);
                    if !matches!(ended.verdict, Verdict::Retry(_)) {
                        self.ended.insert(ended.recipient, *lease);
                    }
                }
                for id in cleared {
                    self.latest.remove(id);
                    self.ended.insert(*id, *lease);
                }
                breaches
            }
            Event::Released { recipients, .. } => {
                for id in recipients {
                    self.latest.remove(id);
                }
                Vec::new()
            }
            Event::Started => {
                // One process holds the store, so a restart voids every lease.
                self.latest.clear();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

impl Leases {
    fn claim(
        &mut self,
        id: RecipientId,
        lease: LeaseId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), String> {
        let before = self.latest.insert(id, (lease, until));
        if self.ended.contains_key(&id) {
            return Err(format!("recipient {id} had ended and was claimed with {lease:?}"));
        }
        match before {
            Some((holder, end)) if end > now && holder != lease => {
                Err(format!("recipient {id} was held with {holder:?} and was claimed with {lease:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn held(&self, id: RecipientId, lease: LeaseId, what: &str) -> Result<(), String> {
        match self.latest.get(&id) {
            Some((holder, _)) if *holder == lease => Ok(()),
            holder => Err(format!("recipient {id} was {what} with {lease:?}, its holder is {holder:?}")),
        }
    }
}
