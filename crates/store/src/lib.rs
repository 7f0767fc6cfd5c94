//! What survives a crash: the queue, the spool, the mailboxes, and small values by key.
//!
//! The story. A message becomes ours when [`Queue::accept`] returns: envelope, recipients and content
//! are then on disk. The queue manager takes due recipients with [`Queue::claim`], says so with
//! [`Queue::begin`] before it tries them, and writes what became of them with [`Queue::settle`]:
//! verdicts, local deposits and notifications in one transaction, or none of it. Each method is one
//! transaction. When the last recipient of a message has ended, its content leaves the spool, unless
//! a mailbox holds it. Killing the process at any moment is safe: leases end, and what was settled is settled.
//!
//! An error here is never read as "there is no such thing": doubt is not absence.

#[cfg(test)]
mod conformance;
pub mod history;
mod ids;
pub mod key_values;
pub mod lookup;
pub mod mailboxes;
pub mod memory;
pub mod messages;
pub mod queue;
pub mod revising;
pub mod search;
pub mod spool;
pub mod sqlite;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use key_values::{Addition, Becomes, KeyChange, KeyValues};
pub use lookup::{Access, LookupStores};
pub use mailboxes::{Deposit, MailboxEntry, Mailboxes};
pub use memory::MemoryStore;
pub use messages::MessageStore;
pub use queue::{
    Claim, Ending, LeaseId, Notice, Queue, QueuedRecipient, RecipientState, Settlement, enqueue,
};
pub use revising::{Change, Detail, Look, Order, QueuedMessage, Revision, RevisionOutcome, See, Sight};
pub use spool::{Content, ContentFile, ContentWriter, PREFIX_BYTES_MAX, Spool};
pub use sqlite::{SqliteOptions, SqliteReader, SqliteStore};

/// Everything that survives a crash.
pub trait Store: Queue + Spool + Mailboxes + KeyValues {}
impl<T: Queue + Spool + Mailboxes + KeyValues> Store for T {}

/// What went wrong with the machine that holds the data. Never the fault of a message.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full, or close enough to it that intake has stopped. Nothing was written.
    #[error("the disk that holds {path} is full")]
    Full {
        /// The data directory.
        path: PathBuf,
    },
    /// Another process holds the data directory.
    #[error("{path} is in use by process {holder}; stop that one first or choose another data directory")]
    Held {
        /// The data directory.
        path: PathBuf,
        /// The process id that holds it, or `unknown`.
        holder: String,
    },
    /// The data was written by a newer version.
    #[error("{path} has schema version {found}, this program knows up to {known}; use the newer program")]
    Newer {
        /// The data directory.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The lease has ended or was never given; what was to be written was not.
    #[error("lease {0:?} is not held any more")]
    LeaseLost(LeaseId),
    /// A record cannot be read back as it was written.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which record.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A key, a value or a set of changes is longer than it may be; nothing was written.
    #[error("{what} may have a length of {length_max} at most, not {length}")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length.
        length: usize,
        /// The greatest length.
        length_max: usize,
    },
    /// What was to be added to is not a number; nothing was written.
    #[error("the value of {key:?} in {space:?} is no counter")]
    NoCounter {
        /// The space.
        space: String,
        /// The key.
        key: String,
    },
    /// The store has failed in a way that only a restart can mend, such as an fsync that failed.
    #[error("the store has stopped after: {0}")]
    Stopped(String),
    /// The database could not do it.
    #[error("cannot {doing}: {why}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        why: String,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}
