//! The local store: mailboxes with messages, numbered as IMAP will want them.

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, RecipientId, Timestamp};

use crate::StoreError;

/// A copy for a mailbox, written in the settlement that ends its recipient: exactly once.
#[derive(Clone, PartialEq, Debug)]
pub struct Deposit {
    /// The recipient that it ends.
    pub recipient: RecipientId,
    /// The account's name.
    pub account: Address,
    /// The mailbox, such as `INBOX`; made if it is not there.
    pub mailbox: String,
    /// What stands before the content in this copy: Return-Path, Delivered-To.
    pub prefix: Bytes,
    /// When it was delivered.
    pub received_at: Timestamp,
}

/// One message in a mailbox.
#[derive(Clone, PartialEq, Debug)]
pub struct MailboxEntry {
    /// Its number in the mailbox; grows, and is never used again.
    pub uid: u32,
    /// Bytes, prefix included.
    pub size: u64,
    /// When it was delivered.
    pub received_at: Timestamp,
}

/// The local store.
#[async_trait]
pub trait Mailboxes: Send + Sync {
    /// The mailboxes of an account, with the number of messages in each.
    async fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError>;
    /// The messages in a mailbox, by UID.
    async fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError>;
    /// One message, prefix included; `None` if there is no such one.
    async fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError>;
    /// Bytes that an account holds.
    async fn usage(&self, account: &Address) -> Result<u64, StoreError>;
}
