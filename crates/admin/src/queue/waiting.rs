//! How much waits in the queue? Counted in the look that groups it.

use mail::{MessageId, Timestamp};

/// What waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) recipients: u64,
    pub(crate) messages: u64,
    /// Recipients that wait for an operator.
    pub(crate) held: u64,
    /// When the oldest message came.
    pub(crate) oldest: Option<Timestamp>,
    /// The last message that was counted.
    last: Option<MessageId>,
}

impl Waiting {
    /// Counts a recipient; those of one message come one after another.
    pub(super) fn count(&mut self, message: MessageId, came: Timestamp, is_held: bool) {
        self.recipients += 1;
        self.held += u64::from(is_held);
        if self.last != Some(message) {
            self.last = Some(message);
            self.messages += 1;
            self.oldest = Some(self.oldest.map_or(came, |oldest| oldest.min(came)));
        }
    }
}
