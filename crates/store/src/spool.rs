//! The spool: where content is kept until the last recipient has ended.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use mail::MessageId;

use crate::StoreError;

/// Bytes at most that may be put before content after it was written.
pub const PREFIX_BYTES_MAX: usize = 16 * 1024;

/// The content of a message, as accepted and prefixed with our trace field. Never changed.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory: small, or fresh.
    Memory(Bytes),
    /// In a file of the spool.
    File(Arc<ContentFile>),
}

/// A file of the spool.
#[derive(Debug)]
pub struct ContentFile {
    /// Where it is.
    pub path: PathBuf,
    /// Where in the file the content begins; what stands before is nothing.
    pub start: u64,
    /// The content's length in bytes.
    pub len: u64,
    /// What is known of it while no message owns it.
    pub(crate) loose: Option<LooseFile>,
}

/// A file that was written by a [`ContentWriter`] and is not named by a message yet.
#[derive(Debug)]
pub(crate) struct LooseFile {
    /// Its name within the spool.
    pub(crate) name: String,
    /// CRC-32C of its bytes.
    pub(crate) checksum: u32,
    /// A message names it now.
    pub(crate) owned: AtomicBool,
}

impl ContentFile {
    /// A file that a message owns, or nobody of ours: it stays where it is.
    pub fn kept(path: PathBuf, len: u64) -> Self {
        ContentFile { path, start: 0, len, loose: None }
    }

    /// Opens it where the content begins.
    pub fn open(&self) -> io::Result<std::fs::File> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(file)
    }

    /// The whole content.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.len).unwrap_or(0));
        self.open()?.take(self.len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Says that a message names it now, so that it stays.
    pub(crate) fn own(&self) {
        if let Some(loose) = &self.loose {
            loose.owned.store(true, Ordering::Release);
        }
    }
}

impl Drop for ContentFile {
    /// What no message came to own is removed.
    fn drop(&mut self) {
        if self.loose.as_ref().is_some_and(|loose| !loose.owned.load(Ordering::Acquire)) {
            // If this fails, the next start removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Content {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(file) => file.len,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Takes content as it arrives. Dropped without `finish`, it leaves nothing behind.
#[async_trait]
pub trait ContentWriter: Send {
    /// Appends. Small content stays in memory, more goes to a file.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
    /// Says, before the first byte, that something may have to stand before the content that is only known at its end.
    fn expect_prefix(&mut self);
    /// Ends it. What is in a file has been synced when this returns.
    async fn finish(self: Box<Self>) -> Result<Content, StoreError> {
        self.finish_behind(Bytes::new()).await
    }
    /// Ends it, with this before it: at most [`PREFIX_BYTES_MAX`], and only if [`ContentWriter::expect_prefix`] was
    /// called. Nothing that was written is written again.
    async fn finish_behind(self: Box<Self>, prefix: Bytes) -> Result<Content, StoreError>;
}

/// The spool.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Begins new content. Fails with `Full` when the disk has no room for it.
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError>;
    /// The content of a message; from memory if it is fresh. `None` only if there is no such message.
    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError>;
}
