//! May this client send this? Makes [`Accepted`]; with `bounce`, nobody else can.

use mail::{Address, ContentTraits, Notify, Origin, OriginalRecipient, Parameters, ReversePath, Timestamp};

use crate::retry::Progress;

/// A message that may enter the queue. Every door into the queue leads through this type, and only
/// `policy` makes one: SMTP, a notification of ours and every later door pass the same checks.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub(crate) reverse_path: ReversePath,
    pub(crate) accepted_at: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) parameters: Parameters,
    pub(crate) traits: ContentTraits,
    pub(crate) size: u64,
    pub(crate) recipients: Vec<NewRecipient>,
}

/// A recipient of a message that has no number yet.
#[derive(Clone, PartialEq, Debug)]
pub struct NewRecipient {
    /// Where the copy is to go.
    pub forward_path: Address,
    /// What the sender wrote, if that differs or was given.
    pub original: Option<OriginalRecipient>,
    /// Which notifications were asked for.
    pub notify: Notify,
    /// Its first place in its schedule.
    pub progress: Progress,
}

impl Accepted {
    /// The reverse-path.
    pub fn reverse_path(&self) -> &ReversePath {
        &self.reverse_path
    }
    /// When it became ours.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }
    /// How it came.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    /// What MAIL FROM asked for.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
    /// What its bytes are like.
    pub fn traits(&self) -> ContentTraits {
        self.traits
    }
    /// Bytes of content, the trace field included.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// The recipients, at least one.
    pub fn recipients(&self) -> &[NewRecipient] {
        &self.recipients
    }
}
