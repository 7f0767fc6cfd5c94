//! The rules of the queue, written as plainly as they can be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::{Envelope, MessageId, RecipientId, Timestamp};
use policy::{Accepted, Verdict};

use super::key_values::MemoryKeyValues;
use super::messages::MemoryMessages;
use crate::ids::Ids;
use crate::queue::{enqueue, scramble};
use crate::{Claim, LeaseId, QueuedRecipient, RecipientState, Settlement, StoreError};

/// Everything: first what is durable, then what a crash voids.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ids: Ids,
    pub(super) messages: BTreeMap<MessageId, (Arc<Envelope>, Bytes)>,
    pub(super) recipients: BTreeMap<RecipientId, (MessageId, QueuedRecipient)>,
    /// Those that have ended while others of their message have not.
    pub(super) ended: BTreeMap<RecipientId, (MessageId, QueuedRecipient)>,
    pub(super) mailboxes: MemoryMessages,
    pub(super) key_values: MemoryKeyValues,

    /// Grows with each crash.
    pub(super) life: u64,
    /// The latest time that anyone told us.
    pub(super) now: Timestamp,
    pub(super) leases: BTreeMap<RecipientId, Lease>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: LeaseId,
    until: Timestamp,
    pub(super) begun: bool,
    /// It was revised since it was leased.
    pub(super) revised: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            ids: Ids::after(0),
            messages: BTreeMap::new(),
            recipients: BTreeMap::new(),
            ended: BTreeMap::new(),
            mailboxes: MemoryMessages::default(),
            key_values: MemoryKeyValues::default(),
            life: 0,
            now: Timestamp::EPOCH,
            leases: BTreeMap::new(),
        }
    }
}

impl State {
    pub(super) fn crash(&mut self) {
        self.life += 1;
        self.now = Timestamp::EPOCH;
        self.leases.clear();
    }

    pub(super) fn accept(&mut self, accepted: &Accepted, content: Bytes) -> MessageId {
        let count = accepted.recipients().len() as u64;
        let message = MessageId(self.ids.take(accepted.accepted_at(), 1 + count));
        let (envelope, recipients) = enqueue(accepted, message);
        self.messages.insert(message, (envelope, content));
        for queued in recipients {
            self.recipients.insert(queued.recipient.id, (message, queued));
        }
        message
    }

    pub(super) fn claim(&mut self, now: Timestamp, length: Duration, limit: usize) -> Vec<Claim> {
        self.end_leases(now);
        let free = self.recipients.iter().filter(|(id, _)| !self.leases.contains_key(id));
        let mut due: Vec<_> =
            free.map(|(id, (_, queued))| (queued.next_event(), *id)).filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        due.truncate(limit);
        let mut claims: Vec<Claim> = Vec::new();
        for (_, id) in due {
            let (message, queued) = self.recipients[&id].clone();
            let known = claims.iter().position(|claim| claim.envelope.message == message);
            let at = known.unwrap_or_else(|| {
                let lease = LeaseId(self.ids.take(now, 1));
                let envelope = Arc::clone(&self.messages[&message].0);
                claims.push(Claim { lease, envelope, recipients: Vec::new() });
                claims.len() - 1
            });
            claims[at].recipients.push(queued);
            let lease = Lease { id: claims[at].lease, until: now.plus(length), begun: false, revised: false };
            self.leases.insert(id, lease);
        }
        for claim in &mut claims {
            claim.recipients.sort_by_key(|queued| scramble(queued.recipient.id.0));
        }
        claims
    }

    /// Ends leases that are over.
    pub(super) fn end_leases(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.leases.retain(|_, lease| lease.until > now);
    }

    /// The lease on a recipient, if `lease` is the one and has not ended.
    fn held(&mut self, lease: LeaseId, recipient: RecipientId) -> Result<&mut Lease, StoreError> {
        let now = self.now;
        let held = self.leases.get_mut(&recipient).filter(|held| held.id == lease && held.until > now);
        held.ok_or(StoreError::LeaseLost(lease))
    }

    pub(super) fn begin(
        &mut self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.now = self.now.max(now);
        for recipient in recipients {
            if self.held(lease, *recipient)?.revised {
                return Err(StoreError::LeaseLost(lease));
            }
        }
        for recipient in recipients {
            let held = self.held(lease, *recipient)?;
            (held.until, held.begun) = (now.plus(length), true);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        for recipient in recipients {
            self.held(lease, *recipient)?;
        }
        for recipient in recipients {
            self.leases.remove(recipient);
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) -> Result<(), StoreError> {
        self.check(settlement)?;
        if self.overtaken(settlement) {
            for ending in &settlement.endings {
                self.leases.remove(&ending.recipient);
            }
            return Err(StoreError::LeaseLost(settlement.lease));
        }
        let content = self.messages.get(&settlement.message).map(|(_, content)| content.clone());
        for deposit in &settlement.deposits {
            self.mailboxes.deposit(
                settlement.message,
                deposit,
                content.as_ref().expect("its recipient is held, so it is there"),
            );
        }
        for ending in &settlement.endings {
            match (&ending.verdict, ending.owed) {
                (Verdict::Retry(progress), _) => self.retried(ending.recipient, progress),
                (Verdict::Delivered(delivered), true) => {
                    self.row(ending.recipient).state = RecipientState::DeliveredUntold(delivered.clone());
                }
                (Verdict::Failed(trouble), true) => {
                    self.row(ending.recipient).state = RecipientState::FailedUntold(trouble.clone());
                }
                (Verdict::Delivered(delivered), false) => {
                    self.end(ending.recipient, RecipientState::DeliveredUntold(delivered.clone()));
                }
                (Verdict::Failed(trouble), false) => {
                    self.end(ending.recipient, RecipientState::FailedUntold(trouble.clone()));
                }
            }
        }
        for recipient in &settlement.told {
            let state = self.row(*recipient).state.clone();
            self.end(*recipient, state);
        }
        for notice in &settlement.notices {
            self.accept(&notice.accepted, notice.content.clone());
        }
        self.remove_ended(settlement.message);
        Ok(())
    }

    /// Whether all of it may be written.
    fn check(&mut self, settlement: &Settlement) -> Result<(), StoreError> {
        let lost = StoreError::LeaseLost(settlement.lease);
        let (mut ended, mut delivered, mut untold) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for ending in &settlement.endings {
            let begun = self.held(settlement.lease, ending.recipient)?.begun;
            let (message, queued) = &self.recipients[&ending.recipient];
            let is_delivered = matches!(ending.verdict, Verdict::Delivered(_));
            let open = *message == settlement.message && queued.state == RecipientState::Pending;
            if !open || (is_delivered && !begun) || !ended.insert(ending.recipient) {
                return Err(lost);
            }
            if is_delivered {
                delivered.insert(ending.recipient);
            }
            if ending.owed && !matches!(ending.verdict, Verdict::Retry(_)) {
                untold.insert(ending.recipient);
            }
        }
        let mut told = BTreeSet::new();
        for recipient in &settlement.told {
            self.held(settlement.lease, *recipient)?;
            let (message, queued) = &self.recipients[recipient];
            let owes = untold.contains(recipient) || queued.state != RecipientState::Pending;
            if *message != settlement.message || !owes || !told.insert(*recipient) {
                return Err(lost);
            }
        }
        let right = !ended.is_empty() || !told.is_empty();
        let deposited = settlement.deposits.iter().all(|deposit| delivered.contains(&deposit.recipient));
        if right && deposited { Ok(()) } else { Err(lost) }
    }

    pub(super) fn remove_ended(&mut self, message: MessageId) {
        if !self.recipients.values().any(|(other, _)| *other == message) {
            self.messages.remove(&message);
            self.ended.retain(|_, (other, _)| *other != message);
        }
    }

    pub(super) fn row(&mut self, recipient: RecipientId) -> &mut QueuedRecipient {
        &mut self.recipients.get_mut(&recipient).expect("held, so present").1
    }

    pub(super) fn end(&mut self, recipient: RecipientId, state: RecipientState) {
        if let Some((message, mut queued)) = self.recipients.remove(&recipient) {
            queued.state = state;
            self.ended.insert(recipient, (message, queued));
        }
        self.leases.remove(&recipient);
    }

    pub(super) fn next_event(&self) -> Option<Timestamp> {
        let free = self.recipients.iter().filter(|(id, _)| !self.leases.contains_key(id));
        free.map(|(_, (_, queued))| queued.next_event()).min()
    }

    pub(super) fn pending(&self, after: Option<MessageId>, limit: usize) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        for (message, queued) in self.recipients.values().filter(|(message, _)| Some(*message) > after) {
            let (room, last) = (claims.len() < limit, claims.last_mut());
            match last.filter(|claim| claim.envelope.message == *message) {
                Some(claim) => claim.recipients.push(queued.clone()),
                None if !room => break,
                None => claims.push(Claim {
                    lease: LeaseId::NONE,
                    envelope: Arc::clone(&self.messages[message].0),
                    recipients: vec![queued.clone()],
                }),
            }
        }
        claims
    }

    pub(super) fn content(&self, message: MessageId) -> Option<Bytes> {
        self.messages.get(&message).map(|(_, content)| content.clone())
    }
}
