//! How the reference revises, merges and shows the queue.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use mail::{Envelope, MessageId, RecipientId, Timestamp};
use policy::revise::{Revised, Standing, cancelled, merged, revise};
use policy::{Progress, Verdict};

use super::state::State;
use crate::{
    Change, Detail, Look, Order, QueuedMessage, QueuedRecipient, RecipientState, Revision, RevisionOutcome,
    Settlement, Sight,
};

impl State {
    pub(super) fn revise(
        &mut self,
        revisions: &[Revision],
        by: &str,
        now: Timestamp,
    ) -> Vec<RevisionOutcome> {
        self.end_leases(now);
        revisions.iter().map(|revision| self.revise_one(revision, by, now)).collect()
    }

    fn revise_one(&mut self, revision: &Revision, by: &str, now: Timestamp) -> RevisionOutcome {
        let id = revision.recipient;
        let Some((message, queued)) = self.recipients.get(&id).or(self.ended.get(&id)).cloned() else {
            return RevisionOutcome::Missing;
        };
        let standing = queued.state.standing();
        let revised = revise(&queued.progress, standing, &revision.edits, by, now);
        let (after, cancellation) = match revised {
            Revised::Unchanged => return RevisionOutcome::Unchanged,
            Revised::Refused(reason) => return RevisionOutcome::Refused(reason),
            Revised::Goes(progress) => (progress, None),
            Revised::Ends(progress, cancellation) => (progress, Some(cancellation)),
        };
        if standing != Standing::Pending && self.leases.contains_key(&id) {
            return RevisionOutcome::Refused("its notification is being written");
        }
        let running = self.take_back(id);
        let mut ended = false;
        if let Some((message, queued)) = self.ended.remove(&id) {
            self.recipients.insert(id, (message, queued));
        }
        let row = self.row(id);
        row.progress = after.clone();
        row.state = RecipientState::Pending;
        if let Some(cancellation) = cancellation.filter(|_| !running) {
            let state = RecipientState::FailedUntold(cancelled(&cancellation));
            if cancellation.notify {
                self.row(id).state = state;
            } else {
                ended = true;
                self.end(id, state);
                self.remove_ended(message);
            }
        }
        RevisionOutcome::Changed(Box::new(Change { message, before: queued.progress, after, running, ended }))
    }

    /// Ends the leases of the claim that holds a recipient, if nothing of it has begun; else marks it as revised, and
    /// gives true.
    fn take_back(&mut self, recipient: RecipientId) -> bool {
        let Some(lease) = self.leases.get(&recipient).copied() else { return false };
        if self.leases.values().any(|other| other.id == lease.id && other.begun) {
            self.leases.get_mut(&recipient).expect("just found").revised = true;
            return true;
        }
        let recipients = &self.recipients;
        let pending = |id: &RecipientId| recipients[id].1.state == RecipientState::Pending;
        self.leases.retain(|id, other| other.id != lease.id || !pending(id));
        false
    }

    /// Whether a settlement without an attempt gives up somebody who was revised since.
    pub(super) fn overtaken(&self, settlement: &Settlement) -> bool {
        let lease = |ending: &crate::Ending| self.leases.get(&ending.recipient).copied();
        let fails = |ending: &crate::Ending| matches!(ending.verdict, Verdict::Failed(_));
        let mut leases = settlement.endings.iter().filter_map(lease);
        !leases.any(|lease| lease.begun)
            && settlement
                .endings
                .iter()
                .any(|ending| fails(ending) && lease(ending).is_some_and(|l| l.revised))
    }

    /// Writes that a recipient is tried again, as far as it was not ordered otherwise meanwhile.
    pub(super) fn retried(&mut self, recipient: RecipientId, progress: &Progress) {
        self.leases.remove(&recipient);
        let row = self.row(recipient);
        let progress = merged(&row.progress, progress.clone());
        let cancellation = progress.orders.as_ref().and_then(|orders| orders.cancelled.clone());
        row.progress = progress;
        if let Some(cancellation) = cancellation {
            let state = RecipientState::FailedUntold(cancelled(&cancellation));
            if cancellation.notify {
                row.state = state;
            } else {
                self.end(recipient, state);
            }
        }
    }

    pub(super) fn queued_messages(&self, ids: &[MessageId]) -> Vec<QueuedMessage> {
        let of = |all: &BTreeMap<RecipientId, (MessageId, QueuedRecipient)>, id: MessageId| {
            let own = all.values().filter(|(message, _)| *message == id);
            own.map(|(_, queued)| queued.clone()).collect::<Vec<_>>()
        };
        let whole = |id: &MessageId| {
            let pending = of(&self.recipients, *id);
            let envelope = Arc::clone(&self.messages.get(id)?.0);
            (!pending.is_empty()).then(|| QueuedMessage { envelope, pending, ended: of(&self.ended, *id) })
        };
        ids.iter().filter_map(whole).collect()
    }

    pub(super) fn look(&self, look: &Look) -> Vec<Sight> {
        let key = |queued: &QueuedRecipient| {
            let next_event = match look.order {
                Order::Message => Timestamp::EPOCH,
                Order::Due => queued.next_event(),
            };
            (next_event, queued.recipient.id)
        };
        let sorted: BTreeMap<_, _> =
            self.recipients.values().map(|(message, queued)| (key(queued), (*message, queued))).collect();
        let after = look.after.map(|(next_event, id)| match look.order {
            Order::Message => (Timestamp::EPOCH, id),
            Order::Due => (next_event, id),
        });
        let bounds = match (after, look.backwards) {
            (None, _) => (Bound::Unbounded, Bound::Unbounded),
            (Some(after), false) => (Bound::Excluded(after), Bound::Unbounded),
            (Some(after), true) => (Bound::Unbounded, Bound::Excluded(after)),
        };
        let mut seen: Vec<_> = sorted.range(bounds).map(|(_, row)| *row).collect();
        if look.backwards {
            seen.reverse();
        }
        let fits = |envelope: &Envelope| look.contains.iter().all(|text| stands_in(envelope, text));
        let seen = seen.into_iter().filter(|(message, _)| fits(&self.messages[message].0));
        seen.map(|(message, queued)| self.sight(look.detail, message, queued)).collect()
    }

    fn sight(&self, detail: Detail, message: MessageId, queued: &QueuedRecipient) -> Sight {
        let progress = (queued.progress.clone(), queued.state.clone());
        let whole = || (Arc::clone(&self.messages[&message].0), queued.clone());
        Sight {
            next_event: queued.next_event(),
            recipient: queued.recipient.id,
            message,
            progress: (detail >= Detail::Progress).then_some(progress),
            whole: (detail == Detail::Whole).then(whole),
        }
    }
}

fn stands_in(envelope: &Envelope, text: &str) -> bool {
    let sender = envelope.reverse_path.address().map(ToString::to_string);
    sender.is_some_and(|sender| sender.contains(text))
        || envelope.recipients.iter().any(|recipient| recipient.to_string().contains(text))
}
