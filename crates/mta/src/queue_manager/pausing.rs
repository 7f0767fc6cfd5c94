//! What operators have paused: nothing of it is claimed or started, and it comes back when it is resumed.
//!
//! What is due and paused is taken out of the order of the queue, each recipient once, so that a paused queue costs
//! nothing however long it is. What is resumed is put back, some at a time.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{RecipientId, Timestamp};
use policy::Edit;
use policy::limits::STORE_BACKOFF_MIN;
use store::{Detail, Look, Order, QueuedRecipient, Revision, Sight, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Done, Running, State};
use crate::desk::Paused;
use crate::parts::{self, Part};
use crate::settle::longer;
use crate::world::World;

/// Recipients that are put back in one transaction.
const UNPARKED_AT_ONCE: usize = 500;

impl State {
    /// An operator has left something on the desk.
    pub(super) fn ordered(&mut self) {
        let left = self.means.world.desk.take_left();
        if self.means.quotas.in_force() {
            for (message, recipient) in left {
                self.means.quotas.ended(message, std::iter::once(recipient));
            }
        }
        let paused = self.means.world.desk.paused();
        // Whether it is another, not whether it says something else: who looked at it meanwhile may have seen a third.
        if Arc::ptr_eq(&paused, &self.paused) && self.looked_for_parked {
            return;
        }
        let (before, now) = (self.paused.iter().count(), paused.iter().count());
        info!(before, now, "what is paused has changed");
        (self.paused, self.looked_for_parked) = (paused, true);
        self.release_waiting();
        self.unpark();
        self.claim_wanted = true;
    }

    /// Writes that a delivery waits until its virtual queue or its next hop is resumed.
    pub(super) fn park(&mut self, part: Part) {
        let (means, stop) = (self.means.clone(), self.unpark_until.clone());
        let (lease, ids) = (part.delivery.lease, part.ids());
        self.errand(lease, ids, async move {
            let ended = parts::park(means.clone(), part.clone()).await;
            put_back_resumed(&means.world, &part, &stop).await;
            ended
        });
    }

    /// Puts back what waits for something that is not paused any more.
    pub(super) fn unpark(&mut self) {
        if self.stopping {
            return;
        }
        if self.unparking {
            self.unpark_wanted = true;
            return;
        }
        (self.unparking, self.unpark_wanted) = (true, false);
        let (world, paused) = (self.means.world.clone(), Arc::clone(&self.paused));
        let stop = self.unpark_until.clone();
        let id = self
            .tasks
            .spawn(async move {
                put_back(&world, &paused, &stop).await;
                Done::Unparked
            })
            .id();
        self.running.insert(id, Running::Unparking);
    }

    pub(super) fn unparked(&mut self) {
        self.unparking = false;
        if self.unpark_wanted {
            self.unpark();
        }
    }
}

/// Puts back all that waits for nothing any more, each page again and again while the store cannot. Ends before if what
/// is paused has changed meanwhile, as it is looked for again then.
async fn put_back(world: &World, paused: &Arc<Paused>, stop: &CancellationToken) {
    let (mut after, mut backoff) = (None, STORE_BACKOFF_MIN);
    while !stop.is_cancelled() {
        match put_back_some(world, paused, after).await {
            Ok(None) => return,
            Ok(last) => {
                (after, backoff) = (last, STORE_BACKOFF_MIN);
                continue;
            }
            Err(why @ StoreError::Stopped(_)) => return warn!(%why, "what was paused cannot be resumed"),
            Err(why) => warn!(%why, "what was paused cannot be resumed yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff) => backoff = longer(backoff),
        }
        if !Arc::ptr_eq(&world.desk.paused(), paused) {
            return;
        }
    }
}

/// Puts back a page, and gives the last of it.
async fn put_back_some(
    world: &World,
    paused: &Arc<Paused>,
    after: Option<RecipientId>,
) -> Result<Option<RecipientId>, StoreError> {
    let some = parked(world, paused, after).await?;
    if !some.is_empty() {
        unpark(world, &some).await?;
    }
    Ok(some.last().copied())
}

async fn unpark(world: &World, recipients: &[RecipientId]) -> Result<(), StoreError> {
    let unpark = |id: &RecipientId| Revision { recipient: *id, edits: vec![Edit::Unpark] };
    let revisions = recipients.iter().map(unpark).collect();
    world.store.revise(revisions, "the queue manager", world.clock.now()).await.map(drop)
}

/// Puts back those of a delivery just parked that were resumed while that was being written: who looked for them then
/// has not seen them.
async fn put_back_resumed(world: &World, part: &Part, stop: &CancellationToken) {
    let mut backoff = STORE_BACKOFF_MIN;
    let delivery = &part.delivery;
    loop {
        let paused = world.desk.paused();
        let is_resumed =
            |queued: &&QueuedRecipient| !paused.covers(&queued.progress.virtual_queue, &delivery.next_hop);
        let resumed: Vec<_> =
            delivery.recipients.iter().filter(is_resumed).map(|queued| queued.recipient.id).collect();
        let mut result = Ok(());
        for some in resumed.chunks(UNPARKED_AT_ONCE) {
            result = unpark(world, some).await;
            if result.is_err() {
                break;
            }
        }
        match result {
            Ok(()) => return,
            Err(why @ StoreError::Stopped(_)) => return warn!(%why, "what was paused cannot be resumed"),
            Err(why) => warn!(%why, "what was paused cannot be resumed yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff) => backoff = longer(backoff),
        }
    }
}

/// The next few that wait for nothing any more.
async fn parked(
    world: &World,
    paused: &Arc<Paused>,
    after: Option<RecipientId>,
) -> Result<Vec<RecipientId>, StoreError> {
    let found = Arc::new(Mutex::new(Vec::new()));
    let (seen, paused) = (Arc::clone(&found), Arc::clone(paused));
    // They stand at the end of the order, behind all that is ever due.
    let last = Timestamp::from_millis(Timestamp::NEVER.as_millis() - 1);
    let after = after.map_or((last, RecipientId(i64::MAX as u64)), |id| (Timestamp::NEVER, id));
    let look = Look { order: Order::Due, after: Some(after), ..Look::all(Detail::Progress) };
    let see = move |sight: Sight| {
        let mut found = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = sight.progress.as_ref().is_some_and(|(progress, _)| {
            let is_parked = progress.orders.as_ref().is_some_and(|orders| orders.parked);
            is_parked && paused.over(&progress.virtual_queue, progress.last_hop.as_ref()).is_none()
        });
        if waits {
            found.push(sight.recipient);
        }
        if found.len() >= UNPARKED_AT_ONCE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    world.store.look(look, Box::new(see)).await?;
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(found)
}
