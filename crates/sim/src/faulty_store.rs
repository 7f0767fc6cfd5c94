//! A store that errs: before it wrote, after it wrote, late, or full for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;
use store::{
    Addition, Claim, Content, ContentWriter, KeyChange, KeyValues, LeaseId, Look, MailboxEntry, Mailboxes,
    Queue, QueuedMessage, Revision, RevisionOutcome, See, Settlement, Spool, Store, StoreError,
};

use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::history::{Event, History};

/// How often the store errs, in cases of a thousand.
#[derive(Clone, Debug, Default)]
pub struct Upsets {
    /// Fails, and nothing was written.
    pub before: u32,
    /// Fails, and all was written.
    pub after: u32,
    /// Answers late.
    pub slow: u32,
    /// Cannot read the content of a message.
    pub unreadable: u32,
    /// Times in which the disk is full: nothing is accepted.
    pub full: Vec<(Timestamp, Timestamp)>,
    /// The store stops for good, until it is opened again.
    pub stops_at: Option<Timestamp>,
    /// From this time on nothing fails.
    pub fair_from: Option<Timestamp>,
}

/// Wraps a store.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    upsets: Upsets,
    chance: Mutex<Chance>,
    history: History,
    opened_at: Timestamp,
    stopped: CancellationToken,
}

impl FaultyStore {
    /// A store that errs so often.
    pub fn new(inner: Arc<dyn Store>, upsets: Upsets, chance: Chance, history: History) -> Self {
        let (opened_at, stopped) = (history.now(), CancellationToken::new());
        FaultyStore { inner, upsets, chance: Mutex::new(chance), history, opened_at, stopped }
    }

    /// Cancelled when the store has stopped.
    pub fn stopped(&self) -> CancellationToken {
        self.stopped.clone()
    }

    fn going(&self) -> Result<(), StoreError> {
        let stops = |at: &Timestamp| self.opened_at < *at && *at <= self.history.now();
        if !self.upsets.stops_at.iter().any(stops) {
            return Ok(());
        }
        if !self.stopped.is_cancelled() {
            self.history.fired(Fault::StoreStopped);
            self.stopped.cancel();
        }
        Err(StoreError::Stopped("a sync failed".to_owned()))
    }

    fn chance<R>(&self, draw: impl FnOnce(&mut Chance) -> R) -> R {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn mischief(&self, rate: u32) -> bool {
        let fair = self.upsets.fair_from.is_some_and(|from| self.history.now() >= from);
        !fair && self.chance(|chance| chance.per_mille(rate))
    }

    fn full(&self) -> Result<(), StoreError> {
        let now = self.history.now();
        if self.upsets.full.iter().any(|(from, to)| *from <= now && now < *to) {
            self.history.fired(Fault::StoreFull);
            return Err(StoreError::Full { path: "/simulated".into() });
        }
        Ok(())
    }

    async fn before(&self, doing: &'static str) -> Result<(), StoreError> {
        self.history.called();
        self.going()?;
        let (low, high) = if self.mischief(self.upsets.slow) {
            self.history.fired(Fault::StoreSlow);
            (Duration::from_secs(1), Duration::from_secs(30))
        } else {
            (Duration::ZERO, Duration::from_millis(4))
        };
        tokio::time::sleep(self.chance(|chance| chance.duration(low, high))).await;
        self.going()?;
        if self.mischief(self.upsets.before) {
            self.history.fired(Fault::StoreBeforeCommit);
            return Err(StoreError::Database { doing, why: "nothing was written".to_owned() });
        }
        Ok(())
    }

    async fn after(&self, doing: &'static str) -> Result<(), StoreError> {
        tokio::time::sleep(self.chance(|chance| chance.duration(Duration::ZERO, Duration::from_millis(4))))
            .await;
        if self.mischief(self.upsets.after) {
            self.history.fired(Fault::StoreAfterCommit);
            return Err(StoreError::Database { doing, why: "nobody knows what was written".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Queue for FaultyStore {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        self.full()?;
        self.before("accept a message").await?;
        let message = self.inner.accept(accepted, content).await?;
        self.after("accept a message").await?;
        Ok(message)
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.before("claim").await?;
        let claims = self.inner.claim(now, lease, limit).await?;
        self.after("claim").await?;
        Ok(claims)
    }

    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError> {
        self.before("begin").await?;
        self.inner.begin(lease, recipients, now, length).await?;
        self.after("begin").await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let message = settlement.message;
        let uncertain = || self.history.note(Event::SettleUncertain { message });
        self.before("settle").await.inspect_err(|_| uncertain())?;
        self.inner.settle(settlement).await.inspect_err(|_| uncertain())?;
        self.after("settle").await.inspect_err(|_| uncertain())
    }

    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.before("release").await?;
        self.inner.release(lease, recipients).await?;
        self.after("release").await
    }

    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        self.before("look for the next event").await?;
        self.inner.next_event().await
    }

    async fn arrival(&self) {
        self.inner.arrival().await;
    }

    async fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        self.before("list the queue").await?;
        self.inner.pending(after, limit).await
    }

    async fn revise(
        &self,
        revisions: Vec<Revision>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<RevisionOutcome>, StoreError> {
        self.before("revise").await?;
        let outcomes = self.inner.revise(revisions, by, now).await?;
        self.after("revise").await?;
        Ok(outcomes)
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError> {
        self.before("look at the queue").await?;
        self.inner.messages(ids).await
    }

    async fn look(&self, look: Look, see: See) -> Result<(), StoreError> {
        self.before("look at the queue").await?;
        self.inner.look(look, see).await
    }
}

#[async_trait]
impl Spool for FaultyStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        self.full()?;
        self.before("open the spool").await?;
        self.inner.writer().await
    }

    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        self.before("read the spool").await?;
        if self.mischief(self.upsets.unreadable) {
            self.history.fired(Fault::ContentUnreadable);
            let source = std::io::Error::other("input/output error");
            return Err(StoreError::File { doing: "read", path: "/simulated/content".into(), source });
        }
        self.inner.content(message).await
    }
}

#[async_trait]
impl Mailboxes for FaultyStore {
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
        self.before("ask for the usage").await?;
        self.inner.usage(account).await
    }
}

#[async_trait]
impl KeyValues for FaultyStore {
    async fn value(&self, space: &str, key: &[u8], now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.before("read a value").await?;
        self.inner.value(space, key, now).await
    }

    async fn change(&self, changes: Vec<KeyChange>, now: Timestamp) -> Result<(), StoreError> {
        self.full()?;
        self.before("change values").await?;
        self.inner.change(changes, now).await?;
        self.after("change values").await
    }

    async fn add(&self, addition: Addition, now: Timestamp) -> Result<i64, StoreError> {
        self.full()?;
        self.before("add to a counter").await?;
        self.inner.add(addition, now).await
    }

    async fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        self.before("read a space").await?;
        self.inner.scan(space, after, limit, now).await
    }
}
