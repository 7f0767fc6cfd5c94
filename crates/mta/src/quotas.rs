//! What of the queue is used up: the one place that counts for quotas.
//!
//! A share is taken right before the store takes a message, and given back when the last recipient that it is held for
//! has ended. Where quotas are new, at the start and with a new configuration, the queue is counted first; until then
//! nobody gets a share, and whoever wants one waits. Where there is no quota, nothing of this is done.

mod ledger;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::{EnhancedStatus, Envelope, MessageId, RecipientId, Reply};
use policy::limits::{STORE_BACKOFF_MAX, STORE_BACKOFF_MIN};
use policy::quota::{Load, QuotaScope, Share, counts, early_shares, shares};
use policy::{Accepted, Configuration};
use store::{Claim, StoreError, enqueue};
use tokio::sync::Notify;
use tracing::{info, warn};

use self::ledger::{Ledger, Refused};
use crate::gather::decide_for;
use crate::world::World;

/// Messages that are counted with one look into the store.
const PAGE_MESSAGES: usize = 500;

/// The shares of all messages in the queue.
#[derive(Debug)]
pub struct Quotas {
    /// Whether there is a quota at all.
    in_force: AtomicBool,
    ledger: Mutex<Ledger>,
    /// Something has changed that somebody may wait for.
    changed: Notify,
}

/// The shares of a message that is about to be in the queue; given back if it does not come there.
#[derive(Debug)]
pub(crate) struct Reservation {
    quotas: Arc<Quotas>,
    flight: u64,
    shares: Vec<Share>,
    bytes: u64,
}

impl Reservation {
    /// The message is in the queue.
    pub(crate) fn bind(mut self, message: MessageId) {
        let (shares, bytes) = (std::mem::take(&mut self.shares), self.bytes);
        self.quotas.ledger().bind(message, shares, bytes, self.flight);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut ledger = self.quotas.ledger();
        for share in &self.shares {
            ledger.give_back(&share.counter, self.bytes);
        }
        ledger.land(self.flight);
        drop(ledger);
        self.quotas.changed.notify_waiters();
    }
}

impl Quotas {
    /// The quotas of a configuration, of which nothing is counted yet.
    pub fn new(configuration: &Arc<Configuration>) -> Arc<Quotas> {
        let quotas = Quotas {
            in_force: AtomicBool::new(false),
            ledger: Mutex::new(Ledger::new(Arc::clone(configuration))),
            changed: Notify::new(),
        };
        quotas.in_force.store(!configuration.quotas.is_empty(), Ordering::Release);
        Arc::new(quotas)
    }

    /// Takes the quotas of another configuration; says whether the queue must be counted for them.
    pub(crate) fn replace(&self, configuration: &Arc<Configuration>) -> bool {
        let must_count = self.ledger().replace(Arc::clone(configuration));
        self.in_force.store(!configuration.quotas.is_empty(), Ordering::Release);
        self.changed.notify_waiters();
        must_count
    }

    /// Whether the queue is still to be counted.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.in_force() && !self.ledger().open
    }

    /// Counts no more: the queue manager ends.
    pub(crate) fn stop(&self) {
        self.ledger().generation += 1;
    }

    /// Lets mail in although not all is counted.
    pub(crate) fn give_up_counting(&self) {
        self.ledger().open = true;
        self.changed.notify_waiters();
    }

    /// Whether there is a quota at all.
    pub(crate) fn in_force(&self) -> bool {
        self.in_force.load(Ordering::Acquire)
    }

    /// Takes the shares of a message; the reply if a quota is used up. Nothing is taken where no quota applies.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        world: &World,
        accepted: &Accepted,
    ) -> Result<Option<Reservation>, Reply> {
        if !self.in_force() || !counts(accepted.origin().source) {
            return Ok(None);
        }
        let Some((mut reservation, configuration)) = self.take_off().await else { return Ok(None) };
        let (envelope, _) = enqueue(accepted, MessageId(0));
        let wanted = wanted(world, &configuration, &envelope, &envelope.recipients).await;
        let taken = self.ledger().take(&configuration, &wanted, accepted.size());
        match taken {
            Ok(()) => {
                (reservation.shares, reservation.bytes) = (wanted, accepted.size());
                Ok(Some(reservation))
            }
            Err(Refused { description, .. }) => {
                info!(quota = description, from = %accepted.reverse_path(), "a quota of the queue is used up");
                Err(full("Mail system full, try again later."))
            }
        }
    }

    /// A place among those that are about to take shares, once all is counted; none if there is no quota any more.
    async fn take_off(self: &Arc<Self>) -> Option<(Reservation, Arc<Configuration>)> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut ledger = self.ledger();
                if ledger.open {
                    let configuration = Arc::clone(&ledger.configuration);
                    let flight = ledger.take_off();
                    let quotas = Arc::clone(self);
                    return Some((
                        Reservation { quotas, flight, shares: Vec::new(), bytes: 0 },
                        configuration,
                    ));
                }
            }
            if !self.in_force() {
                return None;
            }
            changed.await;
        }
    }

    /// Whether a recipient may be named, as far as that can be said before the content has come.
    pub(crate) fn look(
        &self,
        envelope: impl FnOnce() -> Envelope,
        to: &mail::Address,
    ) -> Result<(), Box<Reply>> {
        if !self.in_force() {
            return Ok(());
        }
        let ledger = self.ledger();
        if !ledger.open {
            return Ok(());
        }
        let (configuration, envelope) = (Arc::clone(&ledger.configuration), envelope());
        drop(ledger);
        let load =
            Load { envelope: &envelope, forward_paths: std::slice::from_ref(to), now: envelope.accepted_at };
        let wanted = early_shares(&configuration, load);
        let refused = self.ledger().check(&configuration, &wanted, 1).err();
        match refused {
            None => Ok(()),
            Some(Refused { scope: QuotaScope::Message, .. }) => {
                Err(Box::new(full("Mail system full, try again later.")))
            }
            Some(Refused { scope: QuotaScope::Domain | QuotaScope::Recipient, .. }) => {
                let status = Some(EnhancedStatus::new(4, 2, 2));
                let text = "Too much mail to this recipient is waiting, try again later.";
                Err(Box::new(Reply::new(452, status, text)))
            }
        }
    }

    /// Recipients of a message have left the queue.
    pub(crate) fn ended(&self, message: MessageId, recipients: impl Iterator<Item = RecipientId>) {
        if self.in_force() {
            self.ledger().ended(message, &recipients.collect::<Vec<_>>());
        }
    }

    /// Counts the queue and lets mail in. Ends before that if the quotas are replaced meanwhile.
    pub(crate) async fn count(&self, world: &World) {
        let Some((generation, configuration)) = self.begin_count().await else { return };
        let (mut after, mut messages, mut backoff) = (None, 0_u64, STORE_BACKOFF_MIN);
        loop {
            if self.ledger().generation != generation {
                return;
            }
            let page = match world.store.pending(after, PAGE_MESSAGES).await {
                Ok(page) => page,
                Err(StoreError::Stopped(_)) => return,
                Err(why) => {
                    warn!(%why, "cannot count the queue for its quotas yet");
                    tokio::time::sleep(backoff).await;
                    backoff = backoff.saturating_mul(2).min(STORE_BACKOFF_MAX);
                    continue;
                }
            };
            let Some(last) = page.last() else { break };
            after = Some(last.envelope.message);
            for claim in &page {
                self.count_one(world, &configuration, claim, generation).await;
                messages += 1;
            }
        }
        if self.ledger().end_count(generation) {
            info!(messages, "the queue is counted for its quotas");
        }
        self.changed.notify_waiters();
    }

    /// Waits until nobody holds shares that are not bound to a message yet, and begins anew.
    async fn begin_count(&self) -> Option<(u64, Arc<Configuration>)> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut ledger = self.ledger();
                if ledger.open {
                    return None;
                }
                if let Some(begun) = ledger.begin_count() {
                    return Some(begun);
                }
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), changed).await;
        }
    }

    async fn count_one(&self, world: &World, configuration: &Configuration, claim: &Claim, generation: u64) {
        let envelope = &claim.envelope;
        if !counts(envelope.origin.source) {
            return;
        }
        let paths: Vec<mail::Address> =
            claim.recipients.iter().map(|queued| queued.recipient.forward_path.clone()).collect();
        let ids: Vec<RecipientId> = claim.recipients.iter().map(|queued| queued.recipient.id).collect();
        let wanted = wanted(world, configuration, envelope, &paths).await;
        let mut ledger = self.ledger();
        if ledger.generation == generation {
            ledger.found(envelope.message, wanted, &ids, envelope.size);
        }
    }

    /// Nothing under this lock can panic half-way, so that a poisoned one is as good.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shares of a message; none if a condition cannot be decided.
async fn wanted(
    world: &World,
    configuration: &Configuration,
    envelope: &Envelope,
    forward_paths: &[mail::Address],
) -> Vec<Share> {
    let load = Load { envelope, forward_paths, now: world.clock.now() };
    let ask = |answers: &_| shares(configuration, load, answers);
    decide_for(world, forward_paths.len(), None, ask).await.unwrap_or_else(|trouble| {
        warn!(why = trouble.text, "it cannot be said whether a quota applies; none is applied");
        Vec::new()
    })
}

fn full(text: &str) -> Reply {
    Reply::new(452, Some(EnhancedStatus::new(4, 3, 1)), text)
}
