//! The strict reference: what a store must do, in memory, with nothing forgiven.

mod key_values;
mod messages;
mod revise;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;
use tokio::sync::Notify;

use crate::queue::fits;
use crate::{
    Claim, Content, ContentWriter, LeaseId, Look, MailboxEntry, Mailboxes, PREFIX_BYTES_MAX, Queue,
    QueuedMessage, Revision, RevisionOutcome, See, Settlement, Spool, StoreError,
};
use state::State;

/// A store in memory. Stricter than a real one: leases end on time even if nobody else wants them, and where no
/// order is promised there is none. What it is given is durable at once.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Mutex<State>>,
    /// Which life of the store this handle belongs to.
    life: u64,
    arrival: Notify,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore { shared: Arc::default(), life: 0, arrival: Notify::new() }
    }

    /// The same data after a crash: what was written is there, leases are void. Every older handle is dead from
    /// now on and answers `Stopped`.
    pub fn reopen(&self) -> Self {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.crash();
        let arrival = Notify::new();
        arrival.notify_one();
        MemoryStore { shared: Arc::clone(&self.shared), life: state.life, arrival }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.life != self.life {
            return Err(StoreError::Stopped("the process that held it was killed".into()));
        }
        Ok(state)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

#[async_trait]
impl Queue for MemoryStore {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        let content = match content {
            Content::Memory(bytes) => bytes,
            Content::File(file) => file.read().map(Bytes::from).map_err(|source| StoreError::File {
                doing: "read",
                path: file.path.clone(),
                source,
            })?,
        };
        let message = self.state()?.accept(&accepted, content);
        self.arrival.notify_one();
        Ok(message)
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        Ok(self.state()?.claim(now, lease, limit))
    }

    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.state()?.begin(lease, recipients, now, length)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let told_anyone = !settlement.notices.is_empty();
        self.state()?.settle(&settlement)?;
        if told_anyone {
            self.arrival.notify_one();
        }
        Ok(())
    }

    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.state()?.release(lease, recipients)
    }

    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state()?.next_event())
    }

    async fn arrival(&self) {
        self.arrival.notified().await;
    }

    async fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        Ok(self.state()?.pending(after, limit))
    }

    async fn revise(
        &self,
        revisions: Vec<Revision>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<RevisionOutcome>, StoreError> {
        fits(&revisions)?;
        let outcomes = self.state()?.revise(&revisions, by, now);
        self.arrival.notify_one();
        Ok(outcomes)
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError> {
        Ok(self.state()?.queued_messages(ids))
    }

    async fn look(&self, look: Look, see: See) -> Result<(), StoreError> {
        let seen = self.state()?.look(&look);
        let _ = seen.into_iter().try_for_each(see);
        Ok(())
    }
}

/// Content on its way in, and whether something may come before it.
struct MemoryWriter(BytesMut, bool);

#[async_trait]
impl ContentWriter for MemoryWriter {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn expect_prefix(&mut self) {
        self.1 = true;
    }

    async fn finish_behind(self: Box<Self>, prefix: Bytes) -> Result<Content, StoreError> {
        assert!(prefix.is_empty() || self.1 && prefix.len() <= PREFIX_BYTES_MAX, "the prefix was announced");
        let MemoryWriter(content, _) = *self;
        if prefix.is_empty() {
            return Ok(Content::Memory(content.freeze()));
        }
        Ok(Content::Memory([&prefix[..], &content[..]].concat().into()))
    }
}

#[async_trait]
impl Spool for MemoryStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        drop(self.state()?);
        Ok(Box::new(MemoryWriter(BytesMut::new(), false)))
    }

    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        Ok(self.state()?.content(message).map(Content::Memory))
    }
}

#[async_trait]
impl Mailboxes for MemoryStore {
    async fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.state()?.mailboxes.list(account))
    }

    async fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        Ok(self.state()?.mailboxes.entries(account, mailbox))
    }

    async fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError> {
        Ok(self.state()?.mailboxes.message(account, mailbox, uid))
    }

    async fn usage(&self, account: &Address) -> Result<u64, StoreError> {
        Ok(self.state()?.mailboxes.usage(account))
    }
}
