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

/// The number in an id that begins with this letter.
pub fn parse(id: &str, letter: char) -> Option<u64> {
    let digits = id.strip_prefix(letter)?;
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}
