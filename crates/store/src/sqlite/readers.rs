//! Reads that nobody's commit waits for: a few connections, used on threads that may block.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::database::open_reader;
use crate::StoreError;

/// Reads at once, of each kind.
pub(super) const READERS_MAX: usize = 8;

/// The connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    directory: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(directory: &Path) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(READERS_MAX));
        Arc::new(Readers { directory: directory.to_owned(), idle: Mutex::default(), places })
    }

    /// Runs `read` where it may block. It runs to its end even if the caller does not wait for it.
    pub(super) async fn run<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("never closed");
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let idle = readers.lock().pop();
            let db = idle.map_or_else(|| open_reader(&readers.directory), Ok)?;
            let result = read(&db);
            readers.lock().push(db);
            drop(place);
            result
        });
        task.await.unwrap_or_else(|error| Err(StoreError::Stopped(format!("a read that broke: {error}"))))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
