//! The names of things for programs, the same in IMAP and in JMAP (RFC 8474 section 4).

use store::messages::{EmailId, MailboxId, ThreadId};

/// Of a mailbox.
pub fn mailbox(id: MailboxId) -> String {
    format!("B{}", id.0)
}

/// Of a message.
pub fn email(id: EmailId) -> String {
    format!("M{}", id.0)
}

/// Of a conversation.
pub fn thread(id: ThreadId) -> String {
    format!("T{}", id.0)
}
