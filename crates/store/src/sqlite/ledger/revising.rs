//! How the ledger keeps a recipient from everyone while an operator's edit of it is written.

use mail::{RecipientId, Timestamp};

use super::{Hold, Ledger};

impl Ledger {
    /// Whether a claim has it.
    pub(in super::super) fn is_leased(&self, recipient: RecipientId) -> bool {
        matches!(self.holds.get(&recipient), Some(Hold::Leased(_)))
    }

    /// Says that a row is about to change, whose next event is written as `next_event`. Gives whether an attempt of
    /// its claim runs: then the claim keeps it, but it cannot begin any more.
    ///
    /// A claim of which nothing has begun loses all of its recipients that are still to be delivered, so that none of
    /// them waits for one that is not its own any more.
    pub(in super::super) fn start_revising(&mut self, recipient: RecipientId, next_event: Timestamp) -> bool {
        match self.holds.get(&recipient) {
            Some(Hold::Revising) => return false,
            Some(Hold::Fresh) => drop(self.fresh.remove(&(next_event, recipient))),
            Some(Hold::Leased(_)) => {
                let siblings = self.siblings(recipient);
                if siblings.iter().any(|(_, under_way)| *under_way) {
                    if let Some(Hold::Leased(lease)) = self.holds.get_mut(&recipient) {
                        lease.revised = true;
                    }
                    return true;
                }
                siblings.into_iter().for_each(|(sibling, _)| self.free(sibling));
            }
            None => {}
        }
        self.holds.insert(recipient, Hold::Revising);
        self.revising.insert(recipient);
        false
    }

    /// The recipients of the same claim that are still to be delivered, and whether something is under way for them.
    fn siblings(&self, recipient: RecipientId) -> Vec<(RecipientId, bool)> {
        let Some(Hold::Leased(lease)) = self.holds.get(&recipient) else { return Vec::new() };
        let ids = lease.message.0 + 1..=lease.message.0.saturating_add(u64::from(lease.recipients));
        let sibling = |id: u64| match self.holds.get(&RecipientId(id)) {
            Some(Hold::Leased(other)) if other.id == lease.id => {
                let under_way = other.begun || other.settling;
                (under_way || !other.untold).then_some((RecipientId(id), under_way))
            }
            _ => None,
        };
        ids.filter_map(sibling).collect()
    }

    /// Says that a row is written, and when something is to be done about it next; never if it is gone.
    pub(in super::super) fn revised(&mut self, recipient: RecipientId, next_event: Option<Timestamp>) {
        if !self.scans.is_empty() {
            self.touched.insert(recipient, self.scan_last);
        }
        match (self.holds.get_mut(&recipient), next_event) {
            (Some(Hold::Leased(lease)), Some(next_event)) if !lease.untold => {
                // It may have been leased anew, as it was, while the edit was being written.
                (lease.next_event, lease.revised) = (next_event, true);
                return;
            }
            (Some(Hold::Leased(_) | Hold::Fresh), _) => return,
            (Some(Hold::Revising), _) => drop(self.holds.remove(&recipient)),
            (None, _) => {}
        }
        self.revising.remove(&recipient);
        if let Some(next_event) = next_event {
            self.freed((next_event, recipient));
        }
    }

    /// Nothing was written: those that were to be revised are free, whenever they are due.
    pub(in super::super) fn give_up_revising(&mut self) {
        for recipient in std::mem::take(&mut self.revising) {
            if matches!(self.holds.get(&recipient), Some(Hold::Revising)) {
                self.holds.remove(&recipient);
                self.freed((Timestamp::EPOCH, recipient));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mail::MessageId;

    use super::super::{Candidate, Found};
    use super::*;
    use crate::conformance::subject::{LEASE, START, at, message};
    use crate::ids::Ids;
    use crate::queue::enqueue;

    #[test]
    fn what_is_leased_as_it_was_while_its_edit_is_written_does_not_begin() {
        let mut ledger = Ledger::new(Ids::after(100), None);
        let (envelope, recipients) = enqueue(&message(START, &[at(0)]), MessageId(1));
        let as_it_was = Candidate { envelope: Arc::clone(&envelope), queued: recipients[0].clone() };
        let id = as_it_was.queued.recipient.id;
        assert!(ledger.expect(at(0), &recipients));
        ledger.enqueued(&envelope, recipients, true);
        let first = ledger.grant(None, at(0), LEASE, 1).remove(0).lease;
        ledger.begin(first, &[id], at(0), LEASE).unwrap();
        assert!(ledger.start_revising(id, at(0)), "its attempt runs");
        ledger.release(first, &[id]).unwrap();
        let scan = ledger.start_claim(at(1)).unwrap();
        let found = Found { candidates: vec![as_it_was], next: None };
        let second = ledger.grant(Some((scan, found)), at(1), LEASE, 1).remove(0).lease;
        ledger.revised(id, Some(at(50)));
        assert!(ledger.begin(second, &[id], at(1), LEASE).is_err());
        ledger.release(second, &[id]).unwrap();
        assert_eq!(ledger.next_event(), Some(at(50)), "it is claimed anew when the edit says");
    }
}
