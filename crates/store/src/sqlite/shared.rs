//! What the committer, the janitor and the callers have in common.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::cache::Cache;
use super::files::Files;
use super::ledger::Ledger;
use super::room::Room;
use crate::StoreError;
use crate::messages::watchers::Watchers;
use crate::search::indexing::Indexing;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: PathBuf,
    pub(super) files: Files,
    pub(super) room: Room,
    pub(super) arrival: Notify,
    pub(super) watchers: Watchers,
    pub(super) indexing: Indexing,
    ledger: Mutex<Ledger>,
    cache: Mutex<Cache>,
    stopped: OnceLock<String>,
    /// Pages in the log after the last commit.
    pub(super) log_pages: Arc<AtomicU64>,
    /// Held by whoever copies the log.
    pub(super) checkpointing: Mutex<()>,
    /// A checkpoint was asked for and has not begun.
    pub(super) checkpoint_asked: AtomicBool,
}

impl Shared {
    pub(super) fn new(directory: PathBuf, files: Files, room: Room, ledger: Ledger) -> Self {
        let indexing = Indexing::new(&directory);
        Shared {
            directory,
            files,
            room,
            arrival: Notify::new(),
            watchers: Watchers::default(),
            indexing,
            ledger: Mutex::new(ledger),
            cache: Mutex::default(),
            stopped: OnceLock::new(),
            log_pages: Arc::default(),
            checkpointing: Mutex::default(),
            checkpoint_asked: AtomicBool::new(false),
        }
    }

    /// Never held across a wait.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held across a wait.
    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the service of this store until it is opened again (A17).
    pub(super) fn stop(&self, why: String) {
        tracing::error!(directory = %self.directory.display(), why, "the store stops; restart to recover");
        let _ = self.stopped.set(why);
        self.arrival.notify_one();
    }

    /// Fails if the store has stopped.
    pub(super) fn running(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            Some(why) => Err(StoreError::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn full(&self) -> StoreError {
        StoreError::Full { path: self.directory.clone() }
    }
}
