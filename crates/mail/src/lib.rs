//! The nouns of mail, and nothing that waits: addresses, envelopes, status codes,
//! header fields, delivery status notifications, points in time.
//!
//! Everything here is data. Other crates agree on these types and on their names;
//! this one imports none of ours.

pub mod address;
pub mod authentication_results;
pub mod canonical;
pub mod compose;
pub mod digest;
pub mod dkim;
pub mod dsn;
pub mod encoded_word;
pub mod envelope;
pub mod field_text;
pub mod header;
pub mod mailbox;
pub mod maildir;
pub mod mbox;
pub mod quoted_printable;
pub mod seven_bit;
pub mod status;
pub mod time;
pub mod uid_set;
pub mod xtext;

pub use address::{Address, AddressError, Domain, LocalPart, ReversePath};
pub use envelope::{
    Body, ContentTraits, DeliverBy, DeliverByMode, Envelope, MessageId, Notify, Origin, OriginalRecipient,
    Parameters, Recipient, RecipientId, Ret, Source,
};
pub use mailbox::{Flags, ModSeq, Role, SystemFlag, Uid};
pub use status::{EnhancedStatus, Reply, Severity, Stage};
pub use time::{Clock, Timestamp};
pub use uid_set::UidSet;
