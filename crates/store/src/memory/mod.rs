//! The strict reference: what a store must do, in memory, with nothing forgiven.

use std::time::Duration;

use async_trait::async_trait;
use mail::{Address, MessageId, RecipientId, Timestamp};
use policy::Accepted;

use crate::{
    Claim, Content, ContentWriter, LeaseId, MailboxEntry, Mailboxes, Queue, Settlement, Spool, StoreError,
};

/// A store in memory. Stricter than a real one: leases end on time, nothing is delivered that was not begun,
/// and where no order is promised there is none.
#[derive(Debug)]
pub struct MemoryStore {}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore {}
    }

    /// The same data after a crash: leases are void, what was written is there. This handle is dead from now on.
    pub fn reopen(&self) -> Self {
        MemoryStore {}
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

#[async_trait]
impl Queue for MemoryStore {
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
impl Spool for MemoryStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        todo!()
    }
    async fn content(&self, _: MessageId) -> Result<Option<Content>, StoreError> {
        todo!()
    }
}

#[async_trait]
impl Mailboxes for MemoryStore {
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
