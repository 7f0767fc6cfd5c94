//! What may be changed in the message store, and what becomes of it.

use bytes::Bytes;
use mail::{Flags, MessageId, ModSeq, Role, Timestamp, Uid, UidSet};

use super::changes::Kind;
use super::{EmailId, MailboxId, ThreadId};

/// One change of an account.
#[derive(Clone, PartialEq, Debug)]
pub enum Alteration {
    /// A new mailbox. Gives [`Altered::Mailbox`].
    CreateMailbox {
        /// Where it lies.
        parent: Option<MailboxId>,
        /// Its own name.
        name: String,
        /// What it is for.
        role: Option<Role>,
        /// Its place among its siblings.
        sort_order: u32,
        /// Whether its owner wants to see it.
        subscribed: bool,
    },
    /// Other properties of a mailbox; `None` leaves one as it is.
    UpdateMailbox {
        /// Which.
        id: MailboxId,
        /// Where it lies.
        parent: Option<Option<MailboxId>>,
        /// Its own name.
        name: Option<String>,
        /// What it is for.
        role: Option<Option<Role>>,
        /// Its place among its siblings.
        sort_order: Option<u32>,
        /// Whether its owner wants to see it.
        subscribed: Option<bool>,
    },
    /// Removes a mailbox without children. Messages that lie nowhere else go with it.
    DestroyMailbox {
        /// Which.
        id: MailboxId,
        /// Whether it may hold messages; refused with [`Refusal::HasEmails`] if not.
        with_emails: bool,
    },
    /// A new message. Gives [`Altered::Email`].
    Append {
        /// Where it is to lie; at least one.
        mailboxes: Vec<MailboxId>,
        /// Its content, whole.
        content: Source,
        /// Its flags.
        flags: Flags,
        /// When it came.
        received_at: Timestamp,
    },
    /// Other flags. Gives [`Altered::Flagged`].
    Flag {
        /// Whose.
        target: Target,
        /// Which.
        change: FlagChange,
        /// Only of what has not changed after this (RFC 7162 section 3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// The same messages in another mailbox too. Gives [`Altered::Copied`]. If one lies there already it is made a
    /// message of its own.
    Copy {
        /// From where.
        from: MailboxId,
        /// Which.
        uids: UidSet,
        /// To where.
        to: MailboxId,
    },
    /// The same messages in another mailbox instead. Gives [`Altered::Copied`].
    Move {
        /// From where.
        from: MailboxId,
        /// Which.
        uids: UidSet,
        /// To where.
        to: MailboxId,
    },
    /// Removes entries; a message without any is gone. Gives [`Altered::Expunged`].
    Expunge {
        /// From where.
        mailbox: MailboxId,
        /// Which; all if `None`.
        uids: Option<UidSet>,
        /// Only those with `\Deleted`.
        deleted_only: bool,
    },
    /// Makes a message lie in these mailboxes and no others; at least one.
    Place {
        /// Which.
        email: EmailId,
        /// Where.
        mailboxes: Vec<MailboxId>,
    },
    /// Makes a message lie in some mailboxes more and in others no more, wherever else it lies; in one at least. What
    /// several clients want of one message so comes together.
    Refile {
        /// Which.
        email: EmailId,
        /// Where it is to lie.
        into: Vec<MailboxId>,
        /// Where it is to lie no more, but where it is to lie wins.
        out_of: Vec<MailboxId>,
    },
    /// Removes a message from everywhere.
    DestroyEmail(EmailId),
    /// Writes a value of a protocol's; a new one without an id. Gives [`Altered::Record`].
    PutRecord {
        /// Of which kind.
        kind: Kind,
        /// Which.
        id: Option<u64>,
        /// JSON.
        document: String,
    },
    /// Removes a value.
    DestroyRecord {
        /// Of which kind.
        kind: Kind,
        /// Which.
        id: u64,
    },
    /// Writes an annotation, or removes it (RFC 5464).
    Annotate {
        /// Of which mailbox; of the account if `None`.
        mailbox: Option<MailboxId>,
        /// Its name, in lower case.
        entry: String,
        /// Its value.
        value: Option<Bytes>,
    },
}

/// Where the content of a new message comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// From outside.
    Bytes(Bytes),
    /// From what was uploaded.
    Uploaded(MessageId),
    /// From another message of the account; kept once.
    Email(EmailId),
}

/// Which messages.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// Entries of a mailbox. Those that are not there are passed over.
    Entries(MailboxId, UidSet),
    /// Messages, wherever they lie.
    Emails(Vec<EmailId>),
}

/// What becomes of flags.
#[derive(Clone, PartialEq, Debug)]
pub enum FlagChange {
    /// These are added.
    Add(Flags),
    /// These are removed.
    Remove(Flags),
    /// These replace all; by [`Target::Emails`], `\Deleted` stays as it is.
    Replace(Flags),
}

/// How much an account may hold; asked when something is to be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Room {
    /// Bytes at most.
    pub bytes_max: Option<u64>,
}

/// What became of an alteration.
#[derive(Clone, PartialEq, Debug)]
pub enum Altered {
    /// Nothing more is to be said.
    Done,
    /// A mailbox was made.
    Mailbox(MailboxId),
    /// A message was made.
    Email {
        /// Its name.
        id: EmailId,
        /// Its conversation.
        thread: ThreadId,
        /// Its content.
        message: MessageId,
        /// Bytes.
        size: u64,
        /// Its UID in each mailbox, with that mailbox's UIDVALIDITY.
        places: Vec<(MailboxId, Uid, u32)>,
    },
    /// Flags were changed.
    Flagged {
        /// UIDs whose flags are others now; only by [`Target::Entries`].
        changed: UidSet,
        /// UIDs that were left alone as they have changed after `unchanged_since`.
        modified: UidSet,
        /// Messages that were left alone for the same reason, or are not there.
        emails_left: Vec<EmailId>,
    },
    /// Messages were copied or moved.
    Copied {
        /// UIDVALIDITY of the mailbox that they went to.
        uid_validity: u32,
        /// UID there by UID here, in order.
        pairs: Vec<(Uid, Uid)>,
    },
    /// Entries were removed.
    Expunged(UidSet),
    /// A value was written.
    Record(u64),
}

/// Why an alteration was not made. Nothing of it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no such mailbox.
    NoMailbox(MailboxId),
    /// There is no such message.
    NoEmail(EmailId),
    /// There is no such content.
    NoContent,
    /// There is no such value.
    NoRecord(u64),
    /// A sibling has this name.
    NameTaken,
    /// The name cannot be that of a mailbox; why.
    BadName(&'static str),
    /// Another mailbox has this role.
    RoleTaken(MailboxId),
    /// It would lie in itself, or too deep.
    BadParent,
    /// It has children.
    HasChildren,
    /// It has messages.
    HasEmails,
    /// The inbox is neither removed nor renamed.
    IsInbox,
    /// The account would hold more than it may.
    OverQuota,
    /// A limit would be passed; which, and what it is.
    TooMany(&'static str, u64),
    /// A message must lie in at least one mailbox.
    Nowhere,
}
