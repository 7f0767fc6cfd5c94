//! What has changed since a state that a client has.

use mail::ModSeq;

/// Things whose changes are remembered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Mailboxes.
    Mailbox,
    /// Messages.
    Email,
    /// Conversations.
    Thread,
    /// Records: in whose name mail is sent.
    Identity,
    /// Records: what was sent.
    Submission,
    /// Records: the answer of somebody who is away.
    Vacation,
    /// Records: who is told of changes.
    PushSubscription,
    /// Records: scripts.
    SieveScript,
}

/// Ids that have changed (RFC 8620 section 5.2). One that was made and removed since is in none of the lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// New ones.
    pub created: Vec<u64>,
    /// Others that are not as they were.
    pub updated: Vec<u64>,
    /// Ones that are gone.
    pub destroyed: Vec<u64>,
    /// The state after all this.
    pub state: ModSeq,
    /// Whether there are more after that.
    pub more: bool,
    /// Of mailboxes: whether nothing but counts has changed.
    pub counts_only: bool,
}
