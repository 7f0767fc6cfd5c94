//! A store with one bug.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::{Accepted, Progress};
use store::{
    Addition, Claim, Content, ContentWriter, KeyChange, KeyValues, LeaseId, Look, MailboxEntry, Mailboxes,
    Queue, QueuedMessage, Revision, RevisionOutcome, See, Settlement, Spool, Store, StoreError,
};

/// How far each claimed recipient is.
pub(crate) type Known = BTreeMap<RecipientId, Progress>;

/// What is untrue.
#[derive(Clone, Copy)]
pub(crate) struct Lies {
    /// What is settled.
    pub(crate) settlement: fn(Settlement, &Known) -> Settlement,
    /// What is claimed.
    pub(crate) claims: fn(Vec<Claim>) -> Vec<Claim>,
    /// How long leases hold.
    pub(crate) lease: Option<Duration>,
    /// What is read from the spool.
    pub(crate) content: fn(Content) -> Content,
    /// Whether accepted mail is written down.
    pub(crate) accepts: bool,
    /// Whether content goes with the first settlement.
    pub(crate) drops_content: bool,
    /// By how much what is due next is said to be due later.
    pub(crate) looks_late: Duration,
    /// Whether there is always news.
    pub(crate) wakes_always: bool,
}

impl Lies {
    pub(crate) const NONE: Lies = Lies {
        settlement: |settlement, _| settlement,
        claims: |claims| claims,
        lease: None,
        content: |content| content,
        accepts: true,
        drops_content: false,
        looks_late: Duration::ZERO,
        wakes_always: false,
    };
}

pub(crate) struct LyingStore {
    inner: Arc<dyn Store>,
    lies: Lies,
    known: Mutex<Known>,
    settled: Mutex<BTreeSet<MessageId>>,
}

impl LyingStore {
    pub(crate) fn new(inner: Arc<dyn Store>, lies: Lies) -> Self {
        LyingStore { inner, lies, known: Mutex::default(), settled: Mutex::default() }
    }
}

#[async_trait]
impl Queue for LyingStore {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        if self.lies.accepts { self.inner.accept(accepted, content).await } else { Ok(MessageId(1)) }
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let lease = self.lies.lease.unwrap_or(lease);
        let claims = self.inner.claim(now, lease, limit).await?;
        let queued = claims.iter().flat_map(|claim| &claim.recipients);
        let known = queued.map(|queued| (queued.recipient.id, queued.progress.clone()));
        self.known.lock().expect("no test panics with it").extend(known);
        Ok((self.lies.claims)(claims))
    }

    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.inner.begin(lease, recipients, now, self.lies.lease.unwrap_or(length)).await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let message = settlement.message;
        let settlement =
            (self.lies.settlement)(settlement, &self.known.lock().expect("no test panics with it"));
        self.inner.settle(settlement).await?;
        self.settled.lock().expect("no test panics with it").insert(message);
        Ok(())
    }

    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.inner.release(lease, recipients).await
    }

    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.inner.next_event().await?.map(|at| at.plus(self.lies.looks_late)))
    }

    async fn arrival(&self) {
        if !self.lies.wakes_always {
            self.inner.arrival().await;
        }
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
impl Spool for LyingStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        self.inner.writer().await
    }

    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        if self.lies.drops_content && self.settled.lock().expect("no test panics with it").contains(&message)
        {
            return Ok(None);
        }
        Ok(self.inner.content(message).await?.map(self.lies.content))
    }
}

#[async_trait]
impl Mailboxes for LyingStore {
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
impl KeyValues for LyingStore {
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
