//! What became of messages, remembered beside the queue: a database of its own, written late and in batches.
//!
//! Nothing here is needed to deliver mail, and nothing of mail waits for it. Entries are gathered in a [`Batch`], which
//! becomes rows of blocks (`writer`): the texts that are searched lie apart from the rest, so that a search reads little
//! (`search`). Beside them lie numbers by minute, and what is still to be told to others (`outbox`).

mod block;
mod database;
mod outbox;
mod search;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mail::{MessageId, Timestamp};
use rusqlite::Connection;

use crate::StoreError;
pub use block::{Batch, Found, KeyKind, Marks};
pub use outbox::{WAITING_MAX, Waiting};
pub use search::{KeyFilter, LIMIT_MAX, Page, Search};

/// The database's name in the data directory.
pub const NAME: &str = "history.db";
/// Pieces of work that may wait for the thread; more is dropped, and counted.
const JOBS_MAX: usize = 64;
/// How long is waited until what was handed over is written.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// What is older goes.
    pub age: Duration,
    /// If it takes more bytes, the oldest goes.
    pub bytes: u64,
}

/// How it stands with the history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HistoryState {
    /// Entries that are kept.
    pub entries: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Entries that could not be written.
    pub lost: u64,
    /// Whether it can be written now.
    pub well: bool,
}

/// What is shared with the thread.
#[derive(Debug, Default)]
struct Shared {
    entries: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    unwell: AtomicBool,
}

/// A piece of work for the thread.
enum Job {
    Append(Batch),
    Keep(Keep, Timestamp),
    Minutes(Vec<(u64, Vec<u8>)>),
    Outbox(outbox::Change),
    Flush(mpsc::SyncSender<()>),
}

/// The history of one machine. Dropped, it writes what waits, and closes.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Job>>,
    reader: Mutex<Option<Connection>>,
    thread: Option<JoinHandle<()>>,
}

impl History {
    /// Opens the history in `directory`. One that is damaged is put aside, and a new one begun.
    ///
    /// # Errors
    /// The thread cannot be started. A database that cannot be opened is no error: it is tried again.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(NAME);
        let shared = Arc::new(Shared::default());
        let (jobs, asked) = mpsc::sync_channel(JOBS_MAX);
        let (of_thread, at) = (Arc::clone(&shared), path.clone());
        let work = move || writer::Writer::new(at, of_thread).run(&asked);
        let thread = thread::Builder::new().name("history".to_owned()).spawn(work).map_err(|error| {
            StoreError::Stopped(format!("cannot start the thread that writes the history: {error}"))
        })?;
        Ok(History { path, shared, jobs: Some(jobs), reader: Mutex::default(), thread: Some(thread) })
    }

    /// Hands entries over; false if the disk is too slow for them, and they are lost.
    pub fn append(&self, batch: Batch) -> bool {
        let count = batch.len() as u64;
        let taken = batch.is_empty() || self.send(Job::Append(batch));
        if !taken {
            self.shared.lost.fetch_add(count, Ordering::Relaxed);
        }
        taken
    }

    /// Says how much is kept from here on, and forgets the rest.
    pub fn keep(&self, keep: Keep, now: Timestamp) {
        self.send(Job::Keep(keep, now));
    }

    /// Writes down numbers, each under its minute since the epoch; what was there is replaced.
    pub fn put_minutes(&self, minutes: Vec<(u64, Vec<u8>)>) {
        self.send(Job::Minutes(minutes));
    }

    /// The numbers since a minute, in order, `limit` at most.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn minutes(&self, since: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.read(|db| database::minutes(db, since, limit))
    }

    /// How it stands.
    pub fn state(&self) -> HistoryState {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        HistoryState {
            entries: load(&self.shared.entries),
            bytes: load(&self.shared.bytes),
            lost: load(&self.shared.lost),
            well: !self.shared.unwell.load(Ordering::Relaxed),
        }
    }

    /// Waits until what was handed over is written, but not long.
    pub fn flush(&self) {
        let (done, written) = mpsc::sync_channel(1);
        if let Some(jobs) = &self.jobs
            && jobs.send(Job::Flush(done)).is_ok()
        {
            // Late is not lost: a search then sees a little less.
            let _ = written.recv_timeout(FLUSH_TIME_MAX);
        }
    }

    /// Messages that match, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn search(&self, search: &Search) -> Result<Page, StoreError> {
        self.read(|db| search::run(db, search))
    }

    /// All entries of these messages, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn entries(&self, messages: &[MessageId]) -> Result<Vec<Found>, StoreError> {
        self.read(|db| search::entries(db, messages))
    }

    fn send(&self, job: Job) -> bool {
        let Some(jobs) = &self.jobs else { return false };
        match jobs.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Reads with a connection that is kept as long as it is well.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let fail = |error: rusqlite::Error| StoreError::Database {
            doing: "read the history",
            why: error.to_string(),
        };
        let mut kept = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let db = match kept.take() {
            Some(db) => db,
            None => database::open_reader(&self.path).map_err(fail)?,
        };
        let answer = read(&db).map_err(fail)?;
        *kept = Some(db);
        Ok(answer)
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the history panicked");
        }
    }
}

/// The next piece of work, unless all senders are gone.
fn next(jobs: &Receiver<Job>, wait: Duration) -> Result<Option<Job>, ()> {
    match jobs.recv_timeout(wait) {
        Ok(job) => Ok(Some(job)),
        Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(()),
    }
}
