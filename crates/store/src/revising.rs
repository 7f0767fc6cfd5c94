//! What an operator asks of the queue: to see it, and to revise it.

use std::ops::ControlFlow;
use std::sync::Arc;

use mail::{Envelope, MessageId, RecipientId, Timestamp};
use policy::{Edit, Progress};

use crate::{QueuedRecipient, RecipientState};

/// What is to be changed about one recipient: all of it, or nothing if one edit is refused.
#[derive(Clone, PartialEq, Debug)]
pub struct Revision {
    /// Which.
    pub recipient: RecipientId,
    /// What, in order.
    pub edits: Vec<Edit>,
}

/// What became of a revision.
#[derive(Clone, PartialEq, Debug)]
pub enum RevisionOutcome {
    /// There is no such recipient any more.
    Missing,
    /// It is so already.
    Unchanged,
    /// It cannot be, for this reason.
    Refused(&'static str),
    /// It is written.
    Changed(Box<Change>),
}

/// How a recipient was changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// Its message.
    pub message: MessageId,
    /// How far it was.
    pub before: Progress,
    /// How far it is.
    pub after: Progress,
    /// An attempt runs, and settles its own outcome.
    pub running: bool,
    /// It has left the queue by this, and nobody is told.
    pub ended: bool,
}

/// A message with all its recipients, as long as one of them has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct QueuedMessage {
    /// The message.
    pub envelope: Arc<Envelope>,
    /// Those that have not ended.
    pub pending: Vec<QueuedRecipient>,
    /// Those that have, in the state in which they ended.
    pub ended: Vec<QueuedRecipient>,
}

/// In which order the queue is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// By message and recipient.
    Message,
    /// By the next event, then by recipient.
    Due,
}

/// How much is read of each recipient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Detail {
    /// Only which and when.
    Keys,
    /// How far it is, too.
    Progress,
    /// All of it, with its message.
    Whole,
}

/// What is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// The order.
    pub order: Order,
    /// From the end to the beginning.
    pub backwards: bool,
    /// Only what comes after this place: the next event (which counts where that is the order) and the recipient.
    pub after: Option<(Timestamp, RecipientId)>,
    /// How much is read of each.
    pub detail: Detail,
    /// Texts that must stand in the envelope, each within the reverse-path or a forward-path; only with
    /// [`Detail::Whole`], and only to leave out what cannot match: what is seen may still match by another field.
    pub contains: Vec<String>,
}

impl Look {
    /// All, by message.
    pub fn all(detail: Detail) -> Self {
        Look { order: Order::Message, backwards: false, after: None, detail, contains: Vec::new() }
    }
}

/// One recipient that has not ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Sight {
    /// When something is to be done about it next; [`Timestamp::NEVER`] if it waits for an operator.
    pub next_event: Timestamp,
    /// Which.
    pub recipient: RecipientId,
    /// Its message.
    pub message: MessageId,
    /// How far it is; not with [`Detail::Keys`].
    pub progress: Option<(Progress, RecipientState)>,
    /// All of it; only with [`Detail::Whole`].
    pub whole: Option<(Arc<Envelope>, QueuedRecipient)>,
}

/// Sees one recipient after another, until it has seen enough.
pub type See = Box<dyn FnMut(Sight) -> ControlFlow<()> + Send>;
