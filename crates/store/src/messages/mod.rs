//! The message store: mail at rest, as IMAP, POP3 and JMAP see it.
//!
//! An account has mailboxes; a message of the account (an [`Email`]) lies in one or more of them, each time as an
//! [`Entry`] with a UID. Its content is kept once, however many accounts and mailboxes have it. Flags and keywords
//! belong to the message and are the same in all its places, but for `\Deleted`, which belongs to the entry.
//!
//! Whatever changes something is an [`Alteration`]; all alterations of one call are one transaction with one
//! modification sequence, after which everyone who watches the account is told. What was is remembered in a change
//! log, from which RFC 7162 and RFC 8620 take what clients have missed.

pub mod alteration;
pub mod changes;
pub mod ids;
pub mod limits;
pub mod query;
pub(crate) mod rules;
pub(crate) mod watchers;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, Flags, MessageId, ModSeq, Role, Timestamp, Uid, UidSet};
use tokio::sync::watch;

pub use alteration::{Alteration, Altered, FlagChange, Refusal, Room, Target};
pub use changes::{Changes, Kind};
pub use ids::NotAnId;
pub use query::{Criterion, Filter, Found, Query, Sort, SortKey};

use crate::StoreError;

/// Names a mailbox; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MailboxId(pub u64);

/// Names a message of an account; never used again, the same in all its mailboxes (RFC 8474 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EmailId(pub u64);

/// Names a conversation of an account (RFC 8621 section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ThreadId(pub u64);

/// Where an account stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccountState {
    /// Its latest change.
    pub modseq: ModSeq,
    /// Changes after this one are in the log; what was before is forgotten.
    pub log_since: ModSeq,
    /// Bytes of its messages, each counted once.
    pub usage: u64,
    /// How many messages it has.
    pub emails: u64,
}

/// A mailbox, with what is counted in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Mailbox {
    /// Its name for programs.
    pub id: MailboxId,
    /// The one that it lies in.
    pub parent: Option<MailboxId>,
    /// Its own name, without those above it: Unicode in form NFC, no `/`. That of the inbox is `INBOX`.
    pub name: String,
    /// What it is for.
    pub role: Option<Role>,
    /// Its place among its siblings; lower comes first.
    pub sort_order: u32,
    /// Whether its owner wants to see it.
    pub subscribed: bool,
    /// UIDs hold as long as this stays the same; never 0.
    pub uid_validity: u32,
    /// The next message gets this UID, or a greater one.
    pub uid_next: Uid,
    /// The greatest modification sequence of its entries, gone ones included (RFC 7162 section 3.1.2.1).
    pub highest_modseq: ModSeq,
    /// Messages in it.
    pub total: u64,
    /// Those of them without `\Seen`.
    pub unseen: u64,
    /// Those of them with `\Deleted`.
    pub deleted: u64,
    /// Bytes in it.
    pub size: u64,
    /// When it was made.
    pub created: ModSeq,
    /// When anything but its counts was last changed.
    pub modseq: ModSeq,
    /// When its counts last changed.
    pub counts_modseq: ModSeq,
}

/// A message in its place in a mailbox: all that IMAP asks for often.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Its number in the mailbox.
    pub uid: Uid,
    /// The message.
    pub email: EmailId,
    /// Its conversation.
    pub thread: ThreadId,
    /// Its latest change here.
    pub modseq: ModSeq,
    /// Its flags here.
    pub flags: Flags,
    /// Bytes, prefix included.
    pub size: u64,
    /// INTERNALDATE, and `receivedAt` in JMAP.
    pub received_at: Timestamp,
    /// When it came into this mailbox (RFC 8514).
    pub saved_at: Timestamp,
}

/// A message of an account with all its places.
#[derive(Clone, PartialEq, Debug)]
pub struct Email {
    /// Its name for programs.
    pub id: EmailId,
    /// Its conversation.
    pub thread: ThreadId,
    /// The content, which other accounts may share.
    pub message: MessageId,
    /// Where it lies, by mailbox.
    pub places: Vec<(MailboxId, Uid)>,
    /// Its flags, without `\Deleted`.
    pub flags: Flags,
    /// Bytes, prefix included.
    pub size: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was made.
    pub created: ModSeq,
    /// Its latest change.
    pub modseq: ModSeq,
}

/// A value that an account keeps for a protocol: an identity, a submission, a subscription to pushes.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Its name; unique among those of its kind in the account, never used again.
    pub id: u64,
    /// The value; JSON.
    pub document: String,
    /// When it was made.
    pub created: ModSeq,
    /// Its latest change.
    pub modseq: ModSeq,
}

/// Conversations in a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadCount {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Conversations of which a message lies in it: `totalThreads`.
    pub total: u64,
    /// Those of them of which a message, wherever it lies, is neither read nor a draft: `unreadThreads`. What lies in
    /// the trash only counts there.
    pub unread: u64,
}

/// Mail at rest. Everything is asked for by account, and nothing of another account is ever found.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Where the account stands. An account that was never seen gets its first mailboxes: INBOX, Drafts, Sent, Junk,
    /// Trash, Archive; `now` goes into their UIDVALIDITY.
    async fn open(&self, account: &Address, now: Timestamp) -> Result<AccountState, StoreError>;
    /// Tells of changes: the account's latest modification sequence, as soon as it is committed. Whoever watches first
    /// and reads then misses nothing; the value is meaningless before the first change.
    fn watch(&self, account: &Address) -> watch::Receiver<ModSeq>;
    /// The mailboxes, parents before children, siblings by sort order and name.
    async fn mailbox_list(&self, account: &Address) -> Result<Vec<Mailbox>, StoreError>;
    /// The entries of a mailbox with these UIDs, in order, at most `limit`.
    async fn entries_of(
        &self,
        account: &Address,
        mailbox: MailboxId,
        uids: &UidSet,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;
    /// All UIDs of a mailbox, with the mailbox as it was at the same moment; `None` if there is no such mailbox.
    async fn uids(
        &self,
        account: &Address,
        mailbox: MailboxId,
    ) -> Result<Option<(Mailbox, UidSet)>, StoreError>;
    /// What has changed in a mailbox after `since`: entries that are new or changed, UIDs that are gone, the mailbox as
    /// it is now, all of one moment. `None` if there is no such mailbox (any more). If `since` is older than the log,
    /// `forgotten` says so: then gone UIDs may be missing.
    async fn mailbox_changes(
        &self,
        account: &Address,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Option<MailboxChanges>, StoreError>;
    /// The messages with these ids, in the order asked for; those that are not there are left out.
    async fn emails(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Email>, StoreError>;
    /// What each message says about itself (`mail::digest`), in the order asked for, `None` where there is none.
    async fn digests(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Option<Bytes>>, StoreError>;
    /// A whole message, prefix included.
    async fn content(&self, account: &Address, email: EmailId) -> Result<Option<Bytes>, StoreError>;
    /// The messages of each conversation, oldest first.
    async fn threads(
        &self,
        account: &Address,
        ids: &[ThreadId],
    ) -> Result<Vec<(ThreadId, Vec<EmailId>)>, StoreError>;
    /// How many conversations each mailbox has, and how many with something unread (RFC 8621 section 2).
    async fn thread_counts(&self, account: &Address) -> Result<Vec<ThreadCount>, StoreError>;
    /// What has changed since then, at most `limit` ids, or more if the first change alone has more; `None` if that is
    /// forgotten, or never was (RFC 8620 section 5.2).
    async fn changes(
        &self,
        account: &Address,
        kind: Kind,
        since: ModSeq,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError>;
    /// Looks for messages.
    async fn search(&self, account: &Address, query: &Query) -> Result<Found, StoreError>;
    /// Values of a kind, all or those with these ids.
    async fn records(
        &self,
        account: &Address,
        kind: Kind,
        ids: Option<&[u64]>,
    ) -> Result<Vec<Record>, StoreError>;
    /// Annotations (RFC 5464) by entry name: those of a mailbox, or of the account.
    async fn annotations(
        &self,
        account: &Address,
        mailbox: Option<MailboxId>,
    ) -> Result<Vec<(String, Bytes)>, StoreError>;
    /// Keeps content for a while, until a message is made of it (RFC 8620 section 6.1); gives its name. Refused if the
    /// account has uploaded too much that is still kept.
    async fn upload(
        &self,
        account: &Address,
        content: Bytes,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Result<MessageId, Refusal>, StoreError>;
    /// What was uploaded.
    async fn uploaded(&self, account: &Address, id: MessageId) -> Result<Option<Bytes>, StoreError>;
    /// Makes the alterations, in order, in one transaction: each is done whole or refused, and later ones see what
    /// earlier ones did. `now` is what new entries have as `saved_at`.
    async fn alter(
        &self,
        account: &Address,
        alterations: Vec<Alteration>,
        room: Room,
        now: Timestamp,
    ) -> Result<Outcome, StoreError>;
}

/// What became of alterations.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The account's latest change, after all of it.
    pub modseq: ModSeq,
    /// One for each alteration.
    pub each: Vec<Result<Altered, Refusal>>,
}

/// What has happened in a mailbox.
#[derive(Clone, PartialEq, Debug)]
pub struct MailboxChanges {
    /// The mailbox as it is now.
    pub mailbox: Mailbox,
    /// Entries that are new or changed, by UID.
    pub entries: Vec<Entry>,
    /// UIDs that are gone.
    pub vanished: UidSet,
    /// Whether more may be gone than is remembered.
    pub forgotten: bool,
}
