//! What may be looked for: the criteria of IMAP SEARCH and of JMAP Email/query, in one language.

use mail::{Flags, ModSeq, SystemFlag, Timestamp, UidSet};

use super::{EmailId, MailboxId, ThreadId};

/// A search of an account.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// Only in this mailbox; UIDs in the filter are its.
    pub mailbox: Option<MailboxId>,
    /// What must hold.
    pub filter: Filter,
    /// In which order; by UID in a mailbox, by time of arrival otherwise, if not said.
    pub sort: Vec<Sort>,
    /// Only the first message of each conversation (RFC 8621 section 4.4).
    pub collapse_threads: bool,
    /// How many at most.
    pub limit: Option<usize>,
}

/// What must hold.
#[derive(Clone, PartialEq, Debug)]
pub enum Filter {
    /// All of these; nothing is asked if there are none.
    And(Vec<Filter>),
    /// One of these.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// This.
    Is(Criterion),
}

/// What can be asked of a message. Texts are substrings without regard to case (RFC 9051 section 6.4.4).
#[derive(Clone, PartialEq, Debug)]
pub enum Criterion {
    /// It lies in this mailbox.
    InMailbox(MailboxId),
    /// It lies in a mailbox other than these.
    InOtherThan(Vec<MailboxId>),
    /// Its UID is one of these.
    Uids(UidSet),
    /// It is this message.
    Email(EmailId),
    /// It belongs to this conversation.
    Thread(ThreadId),
    /// It has this flag.
    System(SystemFlag),
    /// It has this keyword, in lower case.
    Keyword(String),
    /// All messages of its conversation have these flags.
    AllInThread(Flags),
    /// Some message of its conversation has these flags.
    SomeInThread(Flags),
    /// Its modification sequence is this one at least.
    ModSeqFrom(ModSeq),
    /// It came before this.
    Before(Timestamp),
    /// It came at this time or later.
    Since(Timestamp),
    /// The day of its Date field, in its own time zone, is before this one: days since 1970.
    SentBefore(i64),
    /// The day of its Date field is this one or later.
    SentSince(i64),
    /// It came into the mailbox before this (RFC 8514).
    SavedBefore(Timestamp),
    /// It came into the mailbox at this time or later.
    SavedSince(Timestamp),
    /// It has more bytes than this.
    Larger(u64),
    /// It has fewer bytes than this.
    Smaller(u64),
    /// JMAP: `hasAttachment`.
    HasAttachment,
    /// A From field has it.
    From(String),
    /// A To field.
    To(String),
    /// A Cc field.
    Cc(String),
    /// A Bcc field.
    Bcc(String),
    /// The Subject.
    Subject(String),
    /// A field of this name, in lower case, has the text; an empty text asks whether there is such a field.
    Header(String, String),
    /// The text of the body has it.
    Body(String),
    /// Fields or body have it.
    Text(String),
}

/// An order.
#[derive(Clone, PartialEq, Debug)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// The greatest first.
    pub descending: bool,
}

/// By what messages are ordered (RFC 5256 section 3, RFC 5957, RFC 8621 section 4.4.2).
#[derive(Clone, PartialEq, Debug)]
pub enum SortKey {
    /// When it came: ARRIVAL, `receivedAt`.
    ReceivedAt,
    /// The Date field: DATE, `sentAt`.
    SentAt,
    /// Bytes.
    Size,
    /// The mailbox part of the first address.
    From,
    /// Likewise of To.
    To,
    /// Likewise of Cc.
    Cc,
    /// The name of the first From, else its address: DISPLAYFROM, JMAP `from`.
    DisplayFrom,
    /// Likewise of To.
    DisplayTo,
    /// The base subject (RFC 5256 section 2.1).
    Subject,
    /// Whether it has these flags.
    HasFlags(Flags),
    /// Whether all messages of its conversation have them.
    AllInThread(Flags),
    /// Whether some message of its conversation has them.
    SomeInThread(Flags),
    /// UID.
    Uid,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// In order: message, conversation, and the UID if one mailbox was searched (0 otherwise).
    pub hits: Vec<(EmailId, ThreadId, u32)>,
    /// How many there are without the limit.
    pub total: u64,
    /// The account's change that it is of.
    pub modseq: ModSeq,
    /// The greatest modification sequence among what was found (RFC 7162 section 3.1.5).
    pub highest_modseq: ModSeq,
}
