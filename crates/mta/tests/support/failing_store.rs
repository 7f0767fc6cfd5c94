//! A store that takes no mail, in each of the ways in which that can be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;
use store::{
    Addition, Claim, Content, ContentWriter, KeyChange, KeyValues, LeaseId, Look, MailboxEntry, Mailboxes,
    MemoryStore, Queue, QueuedMessage, Revision, RevisionOutcome, See, Settlement, Spool, StoreError,
};

/// What goes wrong from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    None,
    WriterFull,
    AcceptFull,
    AcceptDatabase,
    AcceptStopped,
    AcceptNever,
}

pub struct Failing {
    inner: Arc<MemoryStore>,
    failure: Mutex<Failure>,
}

impl Failing {
    pub fn new(inner: Arc<MemoryStore>) -> Self {
        Failing { inner, failure: Mutex::new(Failure::None) }
    }

    pub fn fail(&self, failure: Failure) {
        *self.failure.lock().unwrap() = failure;
    }

    fn failure(&self) -> Failure {
        *self.failure.lock().unwrap()
    }
}

fn full() -> StoreError {
    StoreError::Full { path: "/data".into() }
}

#[async_trait]
impl Queue for Failing {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        match self.failure() {
            Failure::AcceptFull => Err(full()),
            Failure::AcceptDatabase => Err(StoreError::Database { doing: "write", why: "odd".to_owned() }),
            Failure::AcceptStopped => Err(StoreError::Stopped("fsync".to_owned())),
            Failure::AcceptNever => std::future::pending().await,
            Failure::None | Failure::WriterFull => self.inner.accept(accepted, content).await,
        }
    }
    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.inner.claim(now, lease, limit).await
    }
    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.inner.begin(lease, recipients, now, length).await
    }
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.inner.settle(settlement).await
    }
    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.inner.release(lease, recipients).await
    }
    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_event().await
    }
    async fn arrival(&self) {
        self.inner.arrival().await;
    }
    async fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.inner.pending(after, limit).await
    }

    async fn revise(
        &self,
        revisions: Vec<Revision>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<RevisionOutcome>, StoreError> {
        let outcomes = self.inner.revise(revisions, by, now).await?;
        Ok(outcomes)
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError> {
        self.inner.messages(ids).await
    }

    async fn look(&self, look: Look, see: See) -> Result<(), StoreError> {
        self.inner.look(look, see).await
    }
}

#[async_trait]
impl Spool for Failing {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        if self.failure() == Failure::WriterFull { Err(full()) } else { self.inner.writer().await }
    }
    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        self.inner.content(message).await
    }
}

#[async_trait]
impl Mailboxes for Failing {
    async fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        self.inner.mailboxes(account).await
    }
    async fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        self.inner.entries(account, mailbox).await
    }
    async fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError> {
        self.inner.message(account, mailbox, uid).await
    }
    async fn usage(&self, account: &Address) -> Result<u64, StoreError> {
        self.inner.usage(account).await
    }
}

#[async_trait]
impl KeyValues for Failing {
    async fn value(&self, space: &str, key: &[u8], now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.inner.value(space, key, now).await
    }

    async fn change(&self, changes: Vec<KeyChange>, now: Timestamp) -> Result<(), StoreError> {
        self.inner.change(changes, now).await
    }

    async fn add(&self, addition: Addition, now: Timestamp) -> Result<i64, StoreError> {
        self.inner.add(addition, now).await
    }

    async fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.inner.scan(space, after, limit, now).await
    }
}
