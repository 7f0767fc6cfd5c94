//! Which messages belong to one conversation? RFC 8621 section 3 for the store, RFC 5256 for IMAP.

mod by_references;
mod by_subject;
mod forest;
#[cfg(test)]
mod tests;

use mail::Timestamp;
use mail::digest::Digest;

pub use by_references::by_references;
pub use by_subject::by_subject;

/// Keys of one message: its own identifiers, and the nearest of those to which it refers.
const KEYS_MAX: usize = 64;
/// Identifiers to which a message refers that count in IMAP's THREAD: the nearest.
const REFERENCES_MAX: usize = 32;

/// What a message is found by: it belongs to a conversation in which another has one of these keys. A key is made of an
/// identifier that the message has or refers to, and of its base subject: a reply under a new subject begins a new
/// conversation, and so does who refers to everything.
pub fn keys(digest: &Digest<'_>) -> Vec<u64> {
    let own = digest.message_ids.iter().chain(digest.in_reply_to.iter()).take(KEYS_MAX / 4);
    let mut references: Vec<&str> = digest.references.iter().collect();
    references.drain(..references.len().saturating_sub(KEYS_MAX - KEYS_MAX / 4));
    let mut keys: Vec<u64> = own.chain(references).map(|id| key(id, digest.base_subject)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// FNV-1a, mixed at its end. Two that are the same by chance or by intent join two conversations of one account, and
/// nothing else.
fn key(id: &str, base_subject: &str) -> u64 {
    let bytes = id.bytes().chain([0]).chain(base_subject.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 29
}

/// A message, as THREAD looks at it.
#[derive(Clone, Debug)]
pub struct Threaded<'a> {
    /// What it is called in the answer: a UID or a sequence number.
    pub number: u32,
    /// Seconds since 1970 at which it was sent; at which it came if it does not say.
    pub sent: i64,
    /// Its own identifier.
    pub id: Option<&'a str>,
    /// Identifiers of its ancestors, the oldest first.
    pub references: Vec<&'a str>,
    /// Without regard to case.
    pub base_subject: &'a str,
    /// Whether its subject says that it is a reply or was forwarded.
    pub is_reply: bool,
}

impl<'a> Threaded<'a> {
    /// What the digest says of it.
    pub fn of(number: u32, received_at: Timestamp, digest: &Digest<'a>) -> Threaded<'a> {
        let mut references: Vec<&str> = digest.references.iter().collect();
        if references.is_empty() {
            references.extend(digest.in_reply_to.iter().next());
        }
        references.drain(..references.len().saturating_sub(REFERENCES_MAX));
        let received = i64::try_from(received_at.as_secs()).unwrap_or(i64::MAX);
        Threaded {
            number,
            sent: digest.sent_at.map_or(received, |at| at.seconds),
            id: digest.message_ids.iter().next(),
            references,
            base_subject: digest.base_subject,
            is_reply: digest.is_reply,
        }
    }
}

/// A message and those below it; never more than 200 deep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thread {
    /// Which message; none where one is missing that several refer to.
    pub number: Option<u32>,
    /// Answers to it, the oldest first.
    pub children: Vec<Thread>,
}
