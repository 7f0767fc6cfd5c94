//! The envelope: where a message came from, whom it is for, and what was asked for on the way.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::address::{Address, ReversePath};
use crate::time::Timestamp;

/// Names one message in the queue. Grows with time; printed in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Names one recipient of one message: the unit that is routed, retried and ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecipientId(pub u64);

impl fmt::Display for RecipientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Which notifications were asked for (RFC 3461 section 4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notify {
    /// Tell when delivered.
    pub success: bool,
    /// Tell when delayed.
    pub delay: bool,
    /// Tell when given up.
    pub failure: bool,
    /// Whether the client said so itself. What was not said is not handed on.
    pub explicit: bool,
}

impl Notify {
    /// What applies when the client said nothing: delay and failure.
    pub const DEFAULT: Notify = Notify { success: false, delay: true, failure: true, explicit: false };
    /// `NOTIFY=NEVER`, and mail of our own.
    pub const NEVER: Notify = Notify { success: false, delay: false, failure: false, explicit: true };

    /// As four bits, for storage.
    pub fn bits(self) -> u8 {
        u8::from(self.success)
            | u8::from(self.delay) << 1
            | u8::from(self.failure) << 2
            | u8::from(self.explicit) << 3
    }

    /// From [`Notify::bits`].
    pub fn from_bits(bits: u8) -> Self {
        Notify {
            success: bits & 1 != 0,
            delay: bits & 2 != 0,
            failure: bits & 4 != 0,
            explicit: bits & 8 != 0,
        }
    }
}

/// The recipient as the sender first wrote it (`ORCPT`, RFC 3461 section 4.2), decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OriginalRecipient {
    /// The address type, such as `rfc822` or `utf-8`.
    pub kind: String,
    /// The address, xtext decoded.
    pub address: String,
}

/// One recipient of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// Its name in the queue.
    pub id: RecipientId,
    /// Where the copy is to go.
    pub forward_path: Address,
    /// What the sender wrote, when that was something else or `ORCPT` was given.
    pub original: Option<OriginalRecipient>,
    /// Which notifications were asked for.
    pub notify: Notify,
}

/// How the content is declared (`BODY=`, RFC 6152 and RFC 3030).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Body {
    /// Not said, or `7BIT`.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
    /// `BINARYMIME`: may hold anything, travels by BDAT only.
    BinaryMime,
}

/// How much of the message a failure notification returns (`RET=`, RFC 3461 section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// All of it.
    Full,
    /// The header.
    Headers,
}

/// What is to happen when the time to deliver within is over (RFC 2852 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliverByMode {
    /// `R`: the message is returned.
    Return,
    /// `N`: the sender is told of the delay, and delivery goes on.
    Notify,
}

/// Until when to deliver (`BY=`, RFC 2852 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverBy {
    /// The point in time; with `Notify` it may have passed before the message came.
    pub until: Timestamp,
    /// What is to happen then.
    pub mode: DeliverByMode,
    /// Whether each handing on is to be told (`T`).
    pub trace: bool,
}

/// What MAIL FROM asked for besides the reverse-path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parameters {
    /// `BODY=`.
    pub body: Body,
    /// `RET=`, if given.
    pub ret: Option<Ret>,
    /// `ENVID=`, xtext decoded, if given.
    pub envelope_id: Option<String>,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `REQUIRETLS` (RFC 8689).
    pub require_tls: bool,
    /// `MT-PRIORITY=` (RFC 6710), −9…9.
    pub priority: i8,
    /// `HOLDFOR=`/`HOLDUNTIL=` (RFC 4865): not before this.
    pub hold_until: Option<Timestamp>,
    /// `BY=` (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
}

/// What the bytes of the content are like, found while they were accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ContentTraits {
    /// Some byte is above 127.
    pub eight_bit: bool,
    /// A CR or LF stands alone, or a NUL occurs: only BDAT with BINARYMIME may carry it.
    pub binary: bool,
    /// Some line is longer than 998 bytes (RFC 5322 section 2.1.1).
    pub long_lines: bool,
}

/// By which right a message entered the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The session had authenticated.
    Authenticated,
    /// A stranger, and the message passed DMARC.
    DmarcPass,
    /// A stranger, or a network that may relay.
    Unauthenticated,
    /// A notification of ours.
    Dsn,
    /// A report of ours.
    Report,
    /// Made by a script of ours.
    Autogenerated,
}

impl Source {
    /// The name that expressions see.
    pub fn name(self) -> &'static str {
        match self {
            Source::Authenticated => "authenticated",
            Source::DmarcPass => "dmarc_pass",
            Source::Unauthenticated => "unauthenticated",
            Source::Dsn => "dsn",
            Source::Report => "report",
            Source::Autogenerated => "autogenerated",
        }
    }
}

/// How a message came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// By which right.
    pub source: Source,
    /// The listener's name; empty for mail of our own.
    pub listener: String,
    /// The client's address; 127.0.0.1 for mail of our own.
    pub client_ip: IpAddr,
    /// The local port it came to; 0 for mail of our own.
    pub local_port: u16,
    /// The account that authenticated.
    pub authenticated_as: Option<String>,
}

impl Origin {
    /// That of mail of our own.
    pub fn own(source: Source) -> Self {
        Origin {
            source,
            listener: String::new(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 0,
            authenticated_as: None,
        }
    }
}

/// A message without its content and its recipients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Its name in the queue.
    pub message: MessageId,
    /// Whom a notification would go to.
    pub reverse_path: ReversePath,
    /// When it became ours.
    pub accepted_at: Timestamp,
    /// How it came.
    pub origin: Origin,
    /// What MAIL FROM asked for.
    pub parameters: Parameters,
    /// What its bytes are like.
    pub traits: ContentTraits,
    /// Bytes of content, our own trace field included.
    pub size: u64,
    /// Every forward-path of the message, also those that have ended.
    pub recipients: Vec<Address>,
}
