//! When is the next attempt, and when do we give up?

use mail::Timestamp;

use crate::outcome::Trouble;

/// How far a recipient is in its schedule. Kept by the store, changed only here and in `verdict`.
#[derive(Clone, PartialEq, Debug)]
pub struct Progress {
    /// Temporary failures so far; 0 at the first attempt.
    pub retry_num: u32,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// Delay notices sent so far.
    pub notify_num: u32,
    /// When the next delay notice is due; none if no more will be sent.
    pub notify_due: Option<Timestamp>,
    /// When we give up.
    pub expiry: Expiry,
    /// The virtual queue that holds the recipient.
    pub virtual_queue: String,
    /// What the last attempt ran into.
    pub last: Option<Trouble>,
}

/// When we give up on a recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// At this time.
    At(Timestamp),
    /// After this many attempts.
    Attempts(u32),
}

impl Progress {
    /// When something is to be done about the recipient next: an attempt, a delay notice, or giving up.
    pub fn next_event(&self) -> Timestamp {
        let expiry = match self.expiry {
            Expiry::At(at) => at,
            Expiry::Attempts(_) => Timestamp::NEVER,
        };
        self.due.min(expiry).min(self.notify_due.unwrap_or(Timestamp::NEVER))
    }
}
