//! Content as it comes in and as it is read again.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use mail::{MessageId, Timestamp};

use super::SqliteStore;
use super::checksum::checksum;
use super::files::{Files, Growing};
use super::read;
use super::shared::Shared;
use super::write::{Place, Stored};
use crate::{Content, ContentWriter, PREFIX_BYTES_MAX, Spool, StoreError};

/// Content up to this many bytes is kept in the database, more in a file.
pub(super) const INLINE_BYTES_MAX: usize = 256 << 10;

#[async_trait]
impl Spool for SqliteStore {
    async fn writer(&self) -> Result<Box<dyn ContentWriter>, StoreError> {
        self.shared.running()?;
        self.shared.room.take(0)?;
        Ok(Box::new(Writer { shared: Arc::clone(&self.shared), held: BytesMut::new(), gap: 0, file: None }))
    }

    async fn content(&self, message: MessageId) -> Result<Option<Content>, StoreError> {
        self.shared.running()?;
        if let Some(bytes) = self.shared.cache().find(message) {
            return Ok(Some(Content::Memory(bytes)));
        }
        self.read(move |db, files| read::content(db, files, message)).await
    }
}

/// Takes content in memory until it is large, then in a file.
struct Writer {
    shared: Arc<Shared>,
    held: BytesMut,
    /// Bytes that are left free at the beginning of a file.
    gap: u64,
    file: Option<Growing>,
}

impl Writer {
    /// Moves what is held to the file.
    async fn spill(&mut self) -> Result<(), StoreError> {
        let held = self.held.split().freeze();
        self.shared.room.take(held.len() as u64)?;
        let (shared, file, gap) = (Arc::clone(&self.shared), self.file.take(), self.gap);
        let file = blocking(move || {
            let mut file = file.map_or_else(|| shared.files.create(new_number(&shared), gap), Ok)?;
            file.write(&held)?;
            Ok(file)
        });
        self.file = Some(file.await?);
        Ok(())
    }
}

#[async_trait]
impl ContentWriter for Writer {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.held.extend_from_slice(bytes);
        if self.held.len() > INLINE_BYTES_MAX { self.spill().await } else { Ok(()) }
    }

    fn expect_prefix(&mut self) {
        self.gap = PREFIX_BYTES_MAX as u64;
    }

    async fn finish_behind(mut self: Box<Self>, prefix: Bytes) -> Result<Content, StoreError> {
        assert!(prefix.len() as u64 <= self.gap, "the prefix was announced");
        if self.file.is_none() && prefix.is_empty() {
            return Ok(Content::Memory(self.held.freeze()));
        }
        if self.file.is_none() {
            return Ok(Content::Memory([&prefix[..], &self.held[..]].concat().into()));
        }
        self.spill().await?;
        let file = self.file.take().expect("spilled just now");
        let file =
            blocking(move || file.finish(&prefix)).await.map_err(|error| judge(&self.shared, error))?;
        Ok(Content::File(file))
    }
}

/// Makes content durable that does not go into the database, and tells what the database will name.
pub(super) async fn store(shared: &Arc<Shared>, content: Content) -> Result<Stored, StoreError> {
    match content {
        Content::Memory(bytes) if bytes.len() <= INLINE_BYTES_MAX => {
            let (size, checksum) = (bytes.len() as u64, checksum(&bytes));
            Ok(Stored { size, checksum, place: Place::Inline(bytes) })
        }
        Content::Memory(bytes) => write_file(shared, move || Ok(bytes)).await,
        Content::File(file) => match &file.loose {
            Some(loose) => Ok(Stored { size: file.len, checksum: loose.checksum, place: Place::File(file) }),
            None => {
                let read = move || file.read().map(Bytes::from).map_err(|e| (file.path.clone(), e));
                let read =
                    move || read().map_err(|(path, source)| StoreError::File { doing: "read", path, source });
                write_file(shared, read).await
            }
        },
    }
}

async fn write_file(
    shared: &Arc<Shared>,
    bytes: impl FnOnce() -> Result<Bytes, StoreError> + Send + 'static,
) -> Result<Stored, StoreError> {
    let number = new_number(shared);
    let files: Files = shared.files.clone();
    let file =
        blocking(move || files.write(number, &bytes()?)).await.map_err(|error| judge(shared, error))?;
    let checksum = file.loose.as_ref().map_or(0, |loose| loose.checksum);
    Ok(Stored { size: file.len, checksum, place: Place::File(file) })
}

/// A sync that failed ends the service: what the disk holds is not known any more (A17).
fn judge(shared: &Shared, error: StoreError) -> StoreError {
    if matches!(error, StoreError::File { doing: "sync", .. }) {
        shared.stop(error.to_string());
    }
    error
}

fn new_number(shared: &Shared) -> u64 {
    shared.ledger().ids.take(Timestamp::EPOCH, 1)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::task::spawn_blocking(work);
    task.await.unwrap_or_else(|error| Err(StoreError::Stopped(format!("a write that broke: {error}"))))
}
