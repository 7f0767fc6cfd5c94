//! The seams of mailbox access.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use directory::Directory;
use mail::{Address, Clock, MessageId, Notify, OriginalRecipient, Parameters, Reply, ReversePath, Timestamp};
use policy::Configuration;
use policy::settings::Account;
use policy::vacation::Vacation;
use store::{KeyValues, MessageStore, StoreError};
use tokio::sync::watch;

use crate::pop3::Maildrops;

/// All that mailbox access asks of the outside.
#[derive(Clone)]
pub struct World {
    /// Mail at rest.
    pub messages: Arc<dyn MessageStore>,
    /// Small values.
    pub values: Arc<dyn KeyValues>,
    /// Who is who.
    pub directory: Arc<dyn Directory>,
    /// Where mail is sent.
    pub outbox: Arc<dyn Outbox>,
    /// Where push services are told.
    pub courier: Arc<dyn Courier>,
    /// By which doors people come in, for programs that look for them.
    pub entrances: Arc<Entrances>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The configuration in force.
    pub configuration: watch::Receiver<Arc<Configuration>>,
    /// Who reads which inbox by POP3.
    pub maildrops: Maildrops,
}

impl World {
    /// Whether what let somebody in still does. An account of ours that is gone or has another password lets nobody in;
    /// of accounts elsewhere nothing is known here.
    pub(crate) fn still_admits(&self, account: &Account) -> bool {
        match self.configuration.borrow().account(&account.name) {
            Some(now) => now.secret == account.secret,
            None => account.secret.is_none(),
        }
    }
}

/// The way into the queue, through the same door as SMTP submission.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// How much this account may ask for.
    async fn offer(&self, account: &Account, client: IpAddr) -> Offer;
    /// Sends a message of this account, for all of its recipients. It is in the queue when this returns, or it is not.
    async fn submit(&self, submission: Submission) -> Result<Taken, NotTaken>;
    /// Takes back what is still held; whether it did. Then nobody gets it.
    async fn take_back(&self, account: &Account, message: MessageId) -> Result<bool, StoreError>;
    /// What has become of each recipient, as far as that is known.
    async fn standing(&self, account: &Account, message: MessageId) -> Result<Vec<Standing>, StoreError>;
    /// What is said for this account while its owner is away.
    async fn vacation(&self, account: &Account) -> Result<Vacation, StoreError>;
    /// Says something else for it.
    async fn answer_for(&self, account: &Account, vacation: &Vacation) -> Result<(), StoreError>;
    /// The message in the queue that this account sent with this envelope id since then.
    async fn find(
        &self,
        account: &Account,
        envelope_id: &str,
        since: Timestamp,
    ) -> Result<Option<MessageId>, StoreError>;
}

/// The way out to push services, which are told of changes (RFC 8620 section 7.2).
#[async_trait]
pub trait Courier: Send + Sync {
    /// Posts a body; the status of the answer. It reaches public addresses only.
    async fn post(&self, url: &str, fields: &[(&str, String)], body: Vec<u8>) -> io::Result<u16>;
}

/// How much may be asked for when mail is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// How long mail may be held back.
    pub delay_max: Duration,
    /// Whether notifications may be asked for (RFC 3461).
    pub dsn: bool,
    /// Whether a time to deliver within may be named, and how long at most (RFC 2852).
    pub deliver_by_max: Option<Duration>,
    /// Whether priorities may be named (RFC 6710).
    pub priority: bool,
    /// Whether TLS may be demanded (RFC 8689).
    pub require_tls: bool,
    /// Bytes of a message at most.
    pub message_bytes_max: Option<u64>,
    /// Recipients at most.
    pub recipients_max: usize,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub account: Arc<Account>,
    /// The address of the sender's device.
    pub client: IpAddr,
    /// The reverse-path.
    pub reverse_path: ReversePath,
    /// For whom.
    pub recipients: Vec<SubmittedRecipient>,
    /// What MAIL FROM would say besides; what the content needs is added.
    pub parameters: Parameters,
    /// The message.
    pub content: Bytes,
}

/// For whom a message is.
#[derive(Clone, Debug)]
pub struct SubmittedRecipient {
    /// The forward-path.
    pub forward_path: Address,
    /// `ORCPT` (RFC 3461 section 4.2).
    pub original: Option<OriginalRecipient>,
    /// `NOTIFY` (RFC 3461 section 4.1).
    pub notify: Option<Notify>,
}

/// A message that is in the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Its name.
    pub message: MessageId,
    /// Where each recipient's copy goes, in the order in which they were named.
    pub forward_paths: Vec<Address>,
}

/// Why a message was not taken. Nothing of it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// The sender or the message is refused, as an SMTP client would hear it.
    Message(Reply),
    /// These recipients are.
    Recipients(Vec<(Address, Reply)>),
}

/// How far one recipient is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Where the copy goes.
    pub forward_path: Address,
    /// How it stands.
    pub delivered: Delivered,
    /// What the last host said, or the trouble in our words.
    pub reply: Option<Reply>,
}

/// Whether a copy has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// It waits.
    Queued,
    /// The mailbox has it, or the last host that we know of.
    Yes,
    /// It was given up.
    No,
    /// Nobody knows.
    Unknown,
}

/// By which doors people come in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entrances {
    /// The name of this host for clients.
    pub host: String,
    /// The doors.
    pub doors: Vec<Entrance>,
}

/// One door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entrance {
    /// What is spoken.
    pub protocol: Protocol,
    /// How TLS is used.
    pub tls: EntranceTls,
    /// Where.
    pub port: u16,
}

/// What is spoken at a door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// SMTP, to send.
    Submission,
    /// JMAP.
    Http,
}

/// How TLS is used at a door; the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EntranceTls {
    /// From the first byte (RFC 8314 section 3).
    Implicit,
    /// After a command.
    StartTls,
    /// Not at all.
    None,
}

impl Entrances {
    /// The doors that programs should take: with TLS, unless there are only others.
    pub fn best_first(&self) -> Vec<Entrance> {
        let mut doors = self.doors.clone();
        doors.sort_unstable();
        let safe = |protocol| {
            let of_it = |door: &&Entrance| door.protocol == protocol;
            self.doors.iter().filter(of_it).any(|door| door.tls != EntranceTls::None)
        };
        doors.retain(|door| door.tls != EntranceTls::None || !safe(door.protocol));
        doors
    }
}
