//! The store of one machine: one SQLite file and one thread that commits.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;

use crate::{
    Claim, Content, ContentWriter, LeaseId, MailboxEntry, Mailboxes, Queue, Settlement, Spool, StoreError,
};

/// What an operator, or a test, may choose about the store.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Intake stops when the disk has fewer free bytes than this; endings are still written.
    pub free_bytes_min: u64,
    /// The database may have this many pages at most; no limit if not given.
    pub pages_max: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions { free_bytes_min: 64 << 20, pages_max: None }
    }
}

/// The store of one machine. Dropped, it writes what waits, and closes.
#[derive(Debug)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens the store in `directory`, which is made if it is not there. It is ours until dropped.
    /// Fails with `Held` if another has it, with `Newer` if a newer version wrote it.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let _ = (directory, options);
        todo!()
    }
}

#[async_trait]
impl Queue for SqliteStore {
    async fn accept(&self, _: Accepted, _: Content) -> Result<MessageId, StoreError> {
        todo!()
    }
    async fn claim(&self, _: Timestamp, _: Duration, _: usize) -> Result<Vec<Claim>, StoreError> {
        todo!()
    }
    async fn begin(
        &self,
        _: LeaseId,
        _: &[RecipientId],
        _: Timestamp,
        _: Duration,
    ) -> Result<(), StoreError> {
        todo!()
    }
    async fn settle(&self, _: Settlement) -> Result<(), StoreError> {
        todo!()
    }
    async fn release(&self, _: LeaseId, _: &[RecipientId]) -> Result<(), StoreError> {
        todo!()
    }
    async fn next_event(&self) -> Result<Option<Timestamp>, StoreError> {
        todo!()
    }
    async fn arrival(&self) {
        todo!()
    }
    async fn pending(&self, _: Option<MessageId>, _: usize) -> Result<Vec<Claim>, StoreError> {
        todo!()
    }
}

#[async_trait]
impl Spool for SqliteStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        todo!()
    }
    async fn content(&self, _: MessageId) -> Result<Option<Content>, StoreError> {
        todo!()
    }
}

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn mailboxes(&self, _: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        todo!()
    }
    async fn entries(&self, _: &Address, _: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        todo!()
    }
    async fn message(&self, _: &Address, _: &str, _: u32) -> Result<Option<bytes::Bytes>, StoreError> {
        todo!()
    }
    async fn usage(&self, _: &Address) -> Result<u64, StoreError> {
        todo!()
    }
}
