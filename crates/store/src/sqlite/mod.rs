//! The store of one machine: one SQLite file and one thread that commits.
//!
//! Follow an accepted message: `spool` makes large content durable, `queue` hands the rest to `committer`, which
//! writes it with all else that waits (`write`) and tells `ledger`, where `claim` finds it without a read. `read` is
//! for what is not in memory: the queue after a restart, retries, mailboxes. The `janitor` does what nobody waits for.

pub mod backup;
mod cache;
mod checksum;
mod committer;
mod database;
mod encoding;
mod files;
mod janitor;
mod key_values;
mod ledger;
mod lock;
mod look;
mod mailboxes;
mod messages;
mod queue;
mod read;
mod reader;
mod readers;
mod record;
mod revise;
mod room;
mod shared;
mod spool;
#[cfg(test)]
mod tests;
mod write;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::StoreError;
use crate::ids::Ids;
use committer::{Committer, Job};
use files::Files;
use ledger::Ledger;
use lock::Lock;
pub use reader::SqliteReader;
use readers::Readers;
use room::Room;
use shared::Shared;

/// Kibibytes that work may take while it waits for the committer; more work waits outside.
const WAITING_KIB_MAX: usize = 64 << 10;

/// Looks into the queue at once: fewer than there are connections that read.
const LOOKS_MAX: usize = 2;
/// Searches at once that may read messages.
const SEARCHES_MAX: usize = 2;
/// Searches at once that read rows alone. With the others they leave a connection to whoever only reads.
const SIFTS_MAX: usize = 3;

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
pub struct SqliteStore {
    shared: Arc<Shared>,
    /// For what is claimed and delivered.
    readers: Arc<Readers>,
    /// For people, who may ask for much: nothing is delivered later because of them.
    mail_readers: Arc<Readers>,
    waiting: Arc<Semaphore>,
    /// Places for those who look into the queue.
    looking: Arc<Semaphore>,
    /// Places for searches that may read messages.
    searching: Arc<Semaphore>,
    /// Places for searches that read rows alone.
    sifting: Arc<Semaphore>,
    /// Taken when dropped, which ends the threads.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    _lock: Lock,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is made if it is not there. It is ours until dropped.
    /// Fails with `Held` if another has it, with `Newer` if a newer version wrote it.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, StoreError> {
        let fail = |source| StoreError::File { doing: "create", path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(fail)?;
        let lock = Lock::take(directory)?;
        let mut db = database::open_writer(directory, &options)?;
        let checkpoints = database::open_checkpointer(directory)?;
        let files = Files::open(directory)?;
        match files.remove_orphans(&db)? {
            0 => {}
            count => tracing::info!(count, "removed files of the spool that no message names"),
        }
        messages::complete(&mut db, &files)?;
        let id_last = write::id_last(&db).map_err(database::cannot("find the last id"))?;
        let has_ended = write::has_ended(&db).map_err(database::cannot("read the queue"))?;
        let ledger = Ledger::new(Ids::after(id_last), read::frontier(&db)?);
        let room = Room::new(directory, options.free_bytes_min);
        let shared = Arc::new(Shared::new(directory.to_owned(), files, room, ledger));
        shared.arrival.notify_one();
        database::watch_log(&mut db, Arc::clone(&shared.log_pages))?;
        let (chores, chores_asked) = mpsc::channel();
        let (jobs, jobs_sent) = mpsc::channel();
        let committer = Committer::new(Arc::clone(&shared), db, chores, has_ended);
        let of_janitor = Arc::clone(&shared);
        let (of_indexer, to_index) = (Arc::clone(&shared), database::open_reader(directory)?);
        let threads = vec![
            spawn("store-committer", move || committer.run(&jobs_sent))?,
            spawn("store-janitor", move || janitor::run(&of_janitor, &checkpoints, &chores_asked))?,
            spawn("store-search", move || messages::index_accounts(&of_indexer, &to_index))?,
        ];
        let waiting = Arc::new(Semaphore::new(WAITING_KIB_MAX));
        let looking = Arc::new(Semaphore::new(LOOKS_MAX));
        let (searching, sifting) = (Semaphore::new(SEARCHES_MAX), Semaphore::new(SIFTS_MAX));
        let (readers, mail_readers) = (Readers::new(directory), Readers::new(directory));
        Ok(SqliteStore {
            shared,
            readers,
            mail_readers,
            waiting,
            looking,
            searching: Arc::new(searching),
            sifting: Arc::new(sifting),
            jobs: Some(jobs),
            threads,
            _lock: lock,
        })
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.shared.running()?;
        let jobs = self.jobs.as_ref().expect("taken only when dropped");
        jobs.send(job).map_err(|_| StoreError::Stopped("the committer is gone".into()))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.running()?;
        let shared = Arc::clone(&self.shared);
        self.readers.run(move |db| read(db, &shared.files)).await
    }

    /// The same for what people read.
    async fn read_for_people<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.running()?;
        let shared = Arc::clone(&self.shared);
        self.mail_readers.run(move |db| read(db, &shared.files)).await
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| StoreError::Stopped(format!("cannot start the thread {name}: {error}")))
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.jobs = None;
        self.shared.indexing.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}
