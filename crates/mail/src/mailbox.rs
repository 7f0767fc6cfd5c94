//! What a mailbox has: UIDs, modification sequences, flags and keywords, special uses.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The number of a message in a mailbox; grows, is never used again, never 0 (RFC 9051 section 2.3.1.1).
pub type Uid = u32;

/// A name of a mailbox as it is kept and compared: in form NFC (RFC 5198 section 3, RFC 9051 section 5.1), so that what
/// looks the same is the same.
pub fn composed(name: &str) -> Cow<'_, str> {
    if is_nfc(name) { Cow::Borrowed(name) } else { Cow::Owned(name.nfc().collect()) }
}

/// Counts the changes of an account. Each change has a greater one than all before it (RFC 7162 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ModSeq(pub u64);

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A flag that every mailbox knows (RFC 9051 section 2.3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SystemFlag {
    /// Has been read; `$seen` in JMAP.
    Seen = 1,
    /// Has been answered; `$answered`.
    Answered = 2,
    /// Is marked; `$flagged`.
    Flagged = 4,
    /// Is not complete; `$draft`.
    Draft = 8,
    /// Is to be removed by the next EXPUNGE. Belongs to one place of a message, not to the message: JMAP has none.
    Deleted = 16,
}

impl SystemFlag {
    /// All of them.
    pub const ALL: [SystemFlag; 5] =
        [SystemFlag::Seen, SystemFlag::Answered, SystemFlag::Flagged, SystemFlag::Draft, SystemFlag::Deleted];

    /// The name in IMAP, such as `\Seen`.
    pub fn imap(self) -> &'static str {
        match self {
            SystemFlag::Seen => "\\Seen",
            SystemFlag::Answered => "\\Answered",
            SystemFlag::Flagged => "\\Flagged",
            SystemFlag::Draft => "\\Draft",
            SystemFlag::Deleted => "\\Deleted",
        }
    }

    /// The keyword in JMAP, such as `$seen`; `Deleted` has none (RFC 8621 section 4.1.1).
    pub fn jmap(self) -> Option<&'static str> {
        match self {
            SystemFlag::Seen => Some("$seen"),
            SystemFlag::Answered => Some("$answered"),
            SystemFlag::Flagged => Some("$flagged"),
            SystemFlag::Draft => Some("$draft"),
            SystemFlag::Deleted => None,
        }
    }
}

/// Flags and keywords of a message. Keywords are in lower case: they are the same in every case (RFC 9051 section 2.3.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Flags {
    /// The bits of [`SystemFlag`].
    pub system: u8,
    /// Keywords such as `$forwarded`, in order; no system flag is among them.
    pub keywords: BTreeSet<String>,
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags { system: 0, keywords: BTreeSet::new() };

    /// One flag.
    pub fn of(flag: SystemFlag) -> Flags {
        Flags { system: flag as u8, ..Flags::NONE }
    }

    /// Whether it is set.
    pub fn has(&self, flag: SystemFlag) -> bool {
        self.system & flag as u8 != 0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    /// Those of both.
    pub fn with(&self, other: &Flags) -> Flags {
        Flags { system: self.system | other.system, keywords: &self.keywords | &other.keywords }
    }

    /// Those that the other has not.
    pub fn without(&self, other: &Flags) -> Flags {
        Flags { system: self.system & !other.system, keywords: &self.keywords - &other.keywords }
    }
}

/// What a mailbox is for (RFC 6154 section 2, RFC 8621 section 2). One mailbox of an account at most has each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Where mail comes in; always there, never removed.
    Inbox,
    /// What was put aside.
    Archive,
    /// What is being written.
    Drafts,
    /// What was marked as important.
    Important,
    /// What nobody wants.
    Junk,
    /// What was sent.
    Sent,
    /// What was thrown away.
    Trash,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 7] =
        [Role::Inbox, Role::Archive, Role::Drafts, Role::Important, Role::Junk, Role::Sent, Role::Trash];

    /// The name in JMAP, such as `drafts`.
    pub fn jmap(self) -> &'static str {
        match self {
            Role::Inbox => "inbox",
            Role::Archive => "archive",
            Role::Drafts => "drafts",
            Role::Important => "important",
            Role::Junk => "junk",
            Role::Sent => "sent",
            Role::Trash => "trash",
        }
    }

    /// The attribute in IMAP, such as `\Drafts`; INBOX needs none.
    pub fn imap(self) -> Option<&'static str> {
        match self {
            Role::Inbox => None,
            Role::Archive => Some("\\Archive"),
            Role::Drafts => Some("\\Drafts"),
            Role::Important => Some("\\Important"),
            Role::Junk => Some("\\Junk"),
            Role::Sent => Some("\\Sent"),
            Role::Trash => Some("\\Trash"),
        }
    }
}
