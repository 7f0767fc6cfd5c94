//! The queue over the committer and the ledger.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mail::{MessageId, RecipientId, Timestamp};
use policy::Accepted;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::committer::Job;
use super::ledger::{self, Change};
use super::revise::Revising;
use super::shared::Shared;
use super::write::{Incoming, Settling, Work};
use super::{SqliteStore, WAITING_KIB_MAX, look, read, spool};
use crate::queue::{enqueue, fits};
use crate::{
    Claim, Content, LeaseId, Look, Queue, QueuedMessage, Revision, RevisionOutcome, See, Settlement,
    StoreError,
};

/// What a piece of work takes of the waiting room at least.
const WORK_KIB_MIN: usize = 4;

impl SqliteStore {
    /// Hands work to the committer. What it wrote is durable when the answer comes.
    async fn submit(&self, work: Work) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let kib = (work.bytes() >> 10).clamp(WORK_KIB_MIN, WAITING_KIB_MAX);
        let kib = u32::try_from(kib).expect("clamped");
        let _share = Arc::clone(&self.waiting).acquire_many_owned(kib).await.expect("never closed");
        let (answer, answered) = oneshot::channel();
        self.send(Job { work, answer, _share })?;
        Ok(answered)
    }

    /// Writes a piece of work, and returns when it is durable.
    pub(super) async fn write(&self, work: Work) -> Result<(), StoreError> {
        answer(self.submit(work).await?).await
    }

    /// Reads what people want to see of the queue, which may be all of it. Few do at once, so that connections are left
    /// for what is to be claimed and delivered.
    async fn look_into_queue<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.looking).acquire_owned().await.expect("never closed");
        self.read_for_people(move |db, _| {
            // Kept until the read ends, even if nobody waits for it any more.
            let _place = place;
            read(db)
        })
        .await
    }

    async fn incoming(&self, accepted: &Accepted, content: Content) -> Result<Incoming, StoreError> {
        let content = spool::store(&self.shared, content).await?;
        let count = accepted.recipients().len() as u64;
        let id = self.shared.ledger().ids.take(accepted.accepted_at(), count.saturating_add(1));
        let (envelope, recipients) = enqueue(accepted, MessageId(id));
        Ok(Incoming::new(envelope, recipients, content))
    }
}

/// Recipients of a settlement that has not reached the committer; if it never does, they are held as before.
struct Unsent<'a> {
    shared: &'a Shared,
    changes: Vec<Change>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if !self.changes.is_empty() {
            self.shared.ledger().unsettled(&self.changes);
        }
    }
}

/// The answer of the committer; none if its thread is gone.
async fn answer(answered: oneshot::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
    answered.await.unwrap_or_else(|_| Err(StoreError::Stopped("the committer is gone".into())))
}

#[async_trait]
impl Queue for SqliteStore {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        self.shared.running()?;
        self.shared.room.take(content.len())?;
        let incoming = self.incoming(&accepted, content).await?;
        let message = incoming.envelope.message;
        self.write(Work::Accept(incoming)).await?;
        Ok(message)
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.shared.running()?;
        let scan = self.shared.ledger().start_claim(now);
        let Some(scan) = scan else {
            return Ok(self.shared.ledger().grant(None, now, lease, limit));
        };
        let shared = Arc::clone(&self.shared);
        // The scan ends within the read, so that it ends even if nobody waits for this any more.
        let claimed = self.read(move |db, _| {
            let is_held = |recipient| shared.ledger().is_held(recipient);
            match read::scan(db, scan.from, now, limit, is_held) {
                Ok((found, unreadable)) => {
                    Ok((shared.ledger().grant(Some((scan, found)), now, lease, limit), unreadable))
                }
                Err(error) => {
                    shared.ledger().abandon(scan);
                    Err(error)
                }
            }
        });
        let (claims, unreadable) = claimed.await?;
        if !unreadable.is_empty() {
            for row in &unreadable {
                tracing::error!(id = %row.message, recipient = %row.recipient, why = row.why,
                    "a recipient cannot be read and is set aside; see the table damaged");
            }
            self.write(Work::SetAside(unreadable)).await?;
        }
        Ok(claims)
    }

    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.shared.running()?;
        self.shared.ledger().begin(lease, recipients, now, length)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.shared.running()?;
        let ledger::Settling { changes, recipients } = self.shared.ledger().start_settling(&settlement)?;
        let mut unsent = Unsent { shared: &self.shared, changes };
        let mut notices = Vec::with_capacity(settlement.notices.len());
        for notice in &settlement.notices {
            notices.push(self.incoming(&notice.accepted, Content::Memory(notice.content.clone())).await?);
        }
        let digest = match settlement.deposits.is_empty() {
            true => Vec::new(),
            false => self.digest_of_queued(settlement.message).await,
        };
        let settling = Settling::new(settlement, unsent.changes.clone(), recipients, notices, digest);
        let answered = self.submit(Work::Settle(settling)).await?;
        unsent.changes.clear();
        answer(answered).await
    }

    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.shared.running()?;
        self.shared.ledger().release(lease, recipients)
    }

    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        self.shared.running()?;
        Ok(self.shared.ledger().next_event())
    }

    async fn arrival(&self) {
        self.shared.arrival.notified().await;
    }

    async fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.shared.running()?;
        self.read(move |db, _| read::pending(db, after, limit)).await
    }

    async fn revise(
        &self,
        revisions: Vec<Revision>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<RevisionOutcome>, StoreError> {
        self.shared.running()?;
        fits(&revisions)?;
        let revising = Revising::new(revisions, by, now);
        let outcomes = revising.outcomes();
        self.write(Work::Revise(revising)).await?;
        Ok(std::mem::take(&mut *outcomes.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError> {
        self.shared.running()?;
        let ids = ids.to_vec();
        self.look_into_queue(move |db| look::messages(db, &ids)).await
    }

    async fn look(&self, look: Look, mut see: See) -> Result<(), StoreError> {
        self.shared.running()?;
        self.look_into_queue(move |db| look::look(db, &look, &mut see)).await
    }
}
