//! The queue: recipients not yet ended, and who may settle them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Envelope, MessageId, Recipient, RecipientId, Timestamp};
use policy::limits::REVISIONS_MAX;
use policy::outcome::Delivered;
use policy::revise::Standing;
use policy::{Accepted, NewRecipient, Progress, Trouble, Verdict};

use crate::StoreError;
use crate::mailboxes::Deposit;
use crate::revising::{Look, QueuedMessage, Revision, RevisionOutcome, See};
use crate::spool::Content;

/// The right to settle the recipients of one claim. New for each claim, never used twice (I6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LeaseId(pub u64);

impl LeaseId {
    /// No right at all: what [`Queue::pending`] shows is held by nobody who looks.
    pub const NONE: LeaseId = LeaseId(0);
}

/// Recipients of one message that are due together, taken by this node.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The right to settle them.
    pub lease: LeaseId,
    /// Their message.
    pub envelope: Arc<Envelope>,
    /// Those that are due.
    pub recipients: Vec<QueuedRecipient>,
}

/// One recipient as the queue holds it.
#[derive(Clone, PartialEq, Debug)]
pub struct QueuedRecipient {
    /// Who it is.
    pub recipient: Recipient,
    /// How far it is.
    pub progress: Progress,
    /// Whether it is still to be delivered.
    pub state: RecipientState,
}

impl QueuedRecipient {
    /// When something is to be done about it next. What is untold is due at once.
    pub fn next_event(&self) -> Timestamp {
        match self.state {
            RecipientState::Pending => self.progress.next_event(),
            RecipientState::DeliveredUntold(_) | RecipientState::FailedUntold(_) => Timestamp::EPOCH,
        }
    }
}

/// Where a recipient stands between accept and its end.
#[derive(Clone, PartialEq, Debug)]
pub enum RecipientState {
    /// Still to be delivered.
    Pending,
    /// Delivered; the notification that was asked for is still to be written.
    DeliveredUntold(Delivered),
    /// Given up; the notification is still to be written.
    FailedUntold(Trouble),
}

impl RecipientState {
    /// The same without what is known of the end.
    pub fn standing(&self) -> Standing {
        match self {
            RecipientState::Pending => Standing::Pending,
            RecipientState::DeliveredUntold(_) => Standing::Delivered,
            RecipientState::FailedUntold(_) => Standing::Failed,
        }
    }
}

/// What became of one recipient.
#[derive(Clone, PartialEq, Debug)]
pub struct Ending {
    /// Which.
    pub recipient: RecipientId,
    /// What became of it.
    pub verdict: Verdict,
    /// Whether a notification about this ending is owed and not part of the same settlement. The recipient then
    /// stays, untold and due at once, under the same lease, until a settlement names it in `told`.
    pub owed: bool,
}

/// A notification of ours on its way into the queue.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its envelope, as `policy::bounce` made it.
    pub accepted: Accepted,
    /// Its content.
    pub content: Bytes,
}

/// What is written after a delivery attempt: all of it in one transaction, or none.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The right to do so.
    pub lease: LeaseId,
    /// The message.
    pub message: MessageId,
    /// What became of which recipient. The lease on each of them ends here, unless a notification is owed.
    pub endings: Vec<Ending>,
    /// Recipients whose owed notification is among `notices`, or is not wanted after all: they end here.
    pub told: Vec<RecipientId>,
    /// Copies for the local store.
    pub deposits: Vec<Deposit>,
    /// Notifications to queue.
    pub notices: Vec<Notice>,
}

/// The message as the queue will hold it. Its recipients take the ids that follow its own, in their order.
pub fn enqueue(accepted: &Accepted, message: MessageId) -> (Arc<Envelope>, Vec<QueuedRecipient>) {
    let queued = |(new, id): (&NewRecipient, u64)| QueuedRecipient {
        recipient: Recipient {
            id: RecipientId(id),
            forward_path: new.forward_path.clone(),
            original: new.original.clone(),
            notify: new.notify,
        },
        progress: new.progress.clone(),
        state: RecipientState::Pending,
    };
    let recipients = accepted.recipients().iter().zip(message.0 + 1..).map(queued).collect();
    (Arc::new(envelope(accepted, message)), recipients)
}

/// The envelope of the message as the queue will hold it.
pub fn envelope(accepted: &Accepted, message: MessageId) -> Envelope {
    Envelope {
        message,
        reverse_path: accepted.reverse_path().clone(),
        accepted_at: accepted.accepted_at(),
        origin: accepted.origin().clone(),
        parameters: accepted.parameters().clone(),
        traits: accepted.traits(),
        size: accepted.size(),
        recipients: accepted.recipients().iter().map(|new| new.forward_path.clone()).collect(),
    }
}

/// Refuses more revisions than one transaction takes.
pub(crate) fn fits(revisions: &[Revision]) -> Result<(), StoreError> {
    let (length, length_max) = (revisions.len(), REVISIONS_MAX);
    if length > length_max {
        return Err(StoreError::TooLong { what: "a set of revisions", length, length_max });
    }
    Ok(())
}

/// A fixed disorder, for the reference to show that no order was promised.
pub(crate) fn scramble(id: u64) -> u64 {
    let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

/// The queue. Each method is one transaction.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Makes a message ours. When it returns, the message is durable and may be acknowledged (I7).
    async fn accept(&self, accepted: Accepted, content: Content) -> Result<MessageId, StoreError>;

    /// Takes recipients whose next event (attempt, notice, expiry: [`Progress::next_event`]) is not after `now` and
    /// that nobody holds, earliest first, `limit` recipients at most. Recipients of one message come in one claim.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Claim>, StoreError>;

    /// Renews the lease on these recipients right before they are tried, for `length` from `now`. Fails with
    /// `LeaseLost`, and renews nothing, if it has ended for one of them; then they must not be tried.
    async fn begin(
        &self,
        lease: LeaseId,
        recipients: &[RecipientId],
        now: Timestamp,
        length: Duration,
    ) -> Result<(), StoreError>;

    /// Writes what became of recipients. Fails with `LeaseLost`, and writes nothing, if the lease does not hold for
    /// each of them, if one is delivered that was not begun (what fails or is retried without an attempt, as at
    /// expiry, need not be begun), if one is told that owes nothing, or if one is named twice.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Gives recipients back untried; they are due as before. Fails with `LeaseLost`, and gives nothing back, if the
    /// lease does not hold for each of them.
    async fn release(&self, lease: LeaseId, recipients: &[RecipientId]) -> Result<(), StoreError>;

    /// When the earliest recipient that nobody holds is due; `None` if there is none. Where an edit has put somebody
    /// off, it may say an earlier time, until that has come.
    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Resolves when something was accepted since the last call, so that the queue manager looks at once.
    async fn arrival(&self);

    /// Recipients that have not ended, by message, oldest first, `limit` messages at most: for people who look.
    /// They are not leased ([`LeaseId::NONE`]).
    async fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError>;

    /// Revises recipients, all in one transaction: what each edit makes of one says `policy::revise`. At most
    /// [`policy::limits::REVISIONS_MAX`]. Durable when it returns, and the queue manager looks at once.
    ///
    /// A claim of which nothing has begun loses its leases by it. Once one of its recipients has begun or is being
    /// settled, all of them keep their leases: what is settled is merged with what was revised
    /// ([`policy::revise::merged`]), and what was revised cannot begin under that lease any more.
    async fn revise(
        &self,
        revisions: Vec<Revision>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<RevisionOutcome>, StoreError>;

    /// Messages with all that is known of their recipients, as far as there are such messages in the queue.
    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError>;

    /// Shows recipients that have not ended one after another, as they were at one moment; nothing waits for it.
    async fn look(&self, look: Look, see: See) -> Result<(), StoreError>;
}
