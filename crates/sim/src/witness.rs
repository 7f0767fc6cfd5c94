//! What did the store really do? Wraps the innermost store and writes every commit into the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;
use store::{
    Addition, Claim, Content, ContentWriter, KeyChange, KeyValues, LeaseId, Look, MailboxEntry, Mailboxes,
    Queue, QueuedMessage, Revision, RevisionOutcome, See, Settlement, Spool, Store, StoreError,
};

use crate::history::{ContentHash, Ended, Entered, Event, History, Told};

/// Wraps a store and watches.
pub struct Witness {
    inner: Arc<dyn Store>,
    history: History,
    newest: AtomicU64,
}

impl Witness {
    /// Watches this store.
    pub fn new(inner: Arc<dyn Store>, history: History) -> Self {
        Witness { inner, history, newest: AtomicU64::new(0) }
    }

    /// After a crash: watches the same data, opened again.
    pub fn reopened(&self, inner: Arc<dyn Store>) -> Self {
        let newest = AtomicU64::new(self.newest.load(Ordering::Relaxed));
        Witness { inner, history: self.history.clone(), newest }
    }

    /// Writes down the messages that came since the last look.
    async fn note_new(&self, content: &[u8], about: Option<MessageId>) -> Result<(), StoreError> {
        let newest = self.newest.load(Ordering::Relaxed);
        let (content, sent) = (ContentHash::of(content), ContentHash::of(without_trace(content)));
        for claim in self.inner.pending(Some(MessageId(newest)), usize::MAX).await? {
            let message = claim.envelope.message;
            self.newest.fetch_max(message.0, Ordering::Relaxed);
            let entered = claim.recipients.into_iter().map(|queued| Entered {
                id: queued.recipient.id,
                forward_path: queued.recipient.forward_path,
                notify: queued.recipient.notify,
                progress: queued.progress,
            });
            self.history.note(Event::Committed {
                message,
                content,
                sent,
                reverse_path: claim.envelope.reverse_path.clone(),
                recipients: entered.collect(),
                about,
            });
        }
        Ok(())
    }

    /// Counts what the store holds, and looks whether the content of these messages is there.
    pub async fn count(&self, messages: impl Iterator<Item = MessageId>) -> Result<usize, StoreError> {
        let all = self.inner.pending(None, usize::MAX).await?;
        let pending: Vec<RecipientId> =
            all.iter().flat_map(|claim| &claim.recipients).map(|queued| queued.recipient.id).collect();
        let left = pending.len();
        self.history.note(Event::Counted { pending });
        for message in messages {
            let there = self.inner.content(message).await?.is_some();
            self.history.note(Event::ContentSeen { message, there });
        }
        Ok(left)
    }
}

/// The bytes of content that is in memory, as it always is here.
pub fn bytes(content: &Content) -> &[u8] {
    match content {
        Content::Memory(bytes) => bytes,
        Content::File(_) => &[],
    }
}

/// Content without the trace field that a session put in front.
fn without_trace(content: &[u8]) -> &[u8] {
    let mut end = 0;
    loop {
        let Some(at) = content[end..].windows(2).position(|pair| pair == b"\r\n") else { return content };
        end += at + 2;
        if !matches!(content.get(end), Some(b' ' | b'\t')) {
            break;
        }
    }
    let field = String::from_utf8_lossy(&content[..end]);
    if field.starts_with("Received:") && field.contains("by waypost.example") {
        &content[end..]
    } else {
        content
    }
}

/// What a notification says, read from its text.
fn told(notice: &[u8]) -> Vec<Told> {
    let text = String::from_utf8_lossy(notice);
    let mut told = Vec::new();
    let mut forward_path = None;
    for line in text.lines() {
        let Some((field, value)) = line.split_once(':') else { continue };
        if field.eq_ignore_ascii_case("Final-Recipient") {
            forward_path = value.split_once(';').map(|(_, address)| address.trim().to_owned());
        } else if field.eq_ignore_ascii_case("Action")
            && let Some(forward_path) = forward_path.take()
        {
            told.push(Told { forward_path, action: value.trim().to_ascii_lowercase() });
        }
    }
    told
}

#[async_trait]
impl Queue for Witness {
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError> {
        let message = self.inner.accept(accepted, content.clone()).await?;
        self.note_new(bytes(&content), None).await?;
        Ok(message)
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError> {
        let claims = self.inner.claim(now, lease, limit).await?;
        for claim in &claims {
            let recipients = claim
                .recipients
                .iter()
                .map(|queued| (queued.recipient.id, queued.progress.clone()))
                .collect();
            let (lease_id, message) = (claim.lease, claim.envelope.message);
            self.history.note(Event::Claimed {
                lease: lease_id,
                message,
                until: now.plus(lease),
                recipients,
            });
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
        self.inner.begin(lease, recipients, now, length).await?;
        let recipients = recipients.to_vec();
        self.history.note(Event::Begun { lease, at: now, until: now.plus(length), recipients });
        Ok(())
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let ended = settlement.endings.iter().map(|ending| Ended {
            recipient: ending.recipient,
            verdict: ending.verdict.clone(),
            owed: ending.owed,
        });
        let event = Event::Settled {
            lease: settlement.lease,
            message: settlement.message,
            endings: ended.collect(),
            cleared: settlement.told.clone(),
            deposits: settlement.deposits.iter().map(|deposit| deposit.recipient).collect(),
            told: settlement.notices.iter().flat_map(|notice| told(&notice.content)).collect(),
        };
        let notices: Vec<Bytes> = settlement.notices.iter().map(|notice| notice.content.clone()).collect();
        let message = settlement.message;
        assert!(notices.len() <= 1, "one settlement carries one notification");
        self.inner.settle(settlement).await?;
        self.history.note(event);
        if let Some(notice) = notices.first() {
            self.note_new(notice, Some(message)).await?;
        }
        let there = self.inner.content(message).await?.is_some();
        self.history.note(Event::ContentSeen { message, there });
        Ok(())
    }

    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError> {
        self.inner.release(lease, recipients).await?;
        self.history.note(Event::Released { lease, recipients: recipients.to_vec() });
        Ok(())
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
impl Spool for Witness {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        self.inner.writer().await
    }

    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        self.inner.content(message).await
    }
}

#[async_trait]
impl Mailboxes for Witness {
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
impl KeyValues for Witness {
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
