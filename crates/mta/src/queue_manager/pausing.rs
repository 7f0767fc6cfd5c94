//! What operators have paused: nothing of it is claimed or started, and it comes back when it is resumed.
//!
//! What is due and paused is taken out of the order of the queue, each recipient once, so that a paused queue costs
//! nothing however long it is. What is resumed is put back, some at a time.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use mail::{RecipientId, Timestamp};
use policy::Edit;
use store::{Detail, Look, Order, Revision, Sight};
use tracing::{info, warn};

use super::{Done, Running, State};
use crate::desk::Paused;
use crate::parts::{self, Part};
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
        if *paused == *self.paused && self.looked_for_parked {
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
        self.errand(part.delivery.lease, part.ids(), parts::park(self.means.clone(), part));
    }

    /// Puts back what waits for something that is not paused any more.
    pub(super) fn unpark(&mut self) {
        if self.unparking {
            self.unpark_wanted = true;
            return;
        }
        (self.unparking, self.unpark_wanted) = (true, false);
        let (world, paused) = (self.means.world.clone(), Arc::clone(&self.paused));
        let id = self
            .tasks
            .spawn(async move {
                put_back(&world, &paused).await;
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

async fn put_back(world: &World, paused: &Arc<Paused>) {
    let mut after = None;
    loop {
        let some = match parked(world, paused, after).await {
            Ok(some) => some,
            Err(why) => return warn!(%why, "cannot find what waits for something that was paused"),
        };
        let Some(last) = some.last() else { return };
        after = Some(*last);
        let unpark = |id: &RecipientId| Revision { recipient: *id, edits: vec![Edit::Unpark] };
        let revisions = some.iter().map(unpark).collect();
        if let Err(why) = world.store.revise(revisions, "the queue manager", world.clock.now()).await {
            warn!(%why, "what was paused cannot be resumed");
        }
    }
}

/// The next few that wait for nothing any more.
async fn parked(
    world: &World,
    paused: &Arc<Paused>,
    after: Option<RecipientId>,
) -> Result<Vec<RecipientId>, store::StoreError> {
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
