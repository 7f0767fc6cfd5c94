//! The thread that writes the history: small parts at once, whole blocks when enough has come, and what is too old goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mail::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::block::Batch;
use super::{Job, Keep, Shared, database, next, outbox};

/// Bytes of a block, about.
const BLOCK_BYTES: usize = 256 * 1024;
/// Parts that become a block together at most.
const PARTS_MAX: usize = 256;
/// How long to wait before a database that failed is tried again.
const REST: Duration = Duration::from_secs(30);
/// How often it is looked for what is too old.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);
/// Blocks that are taken out in one transaction.
const PRUNE_BLOCKS_MAX: usize = 64;
/// Milliseconds of a minute.
const MINUTE_MILLIS: u64 = 60_000;

/// Owns the connection that writes.
pub(super) struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
    db: Option<Connection>,
    /// When it may be tried again, after it failed.
    rests_until: Option<Instant>,
    /// The block that is growing, and the rows of its parts.
    open: Batch,
    parts: Vec<i64>,
    keep: Option<(Keep, Timestamp, Instant)>,
    pruned_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, shared: Arc<Shared>) -> Self {
        Writer {
            path,
            shared,
            db: None,
            rests_until: None,
            open: Batch::default(),
            parts: Vec::new(),
            keep: None,
            pruned_at: None,
        }
    }

    /// Works until nobody can send more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        self.open_database();
        while let Ok(job) = next(jobs, PRUNE_INTERVAL) {
            let done = match job {
                Some(Job::Append(batch)) => self.append(&batch),
                Some(Job::Keep(keep, now)) => {
                    self.keep = Some((keep, now, Instant::now()));
                    self.pruned_at = None;
                    Ok(())
                }
                Some(Job::Minutes(minutes)) => self.write(|db| database::put_minutes(db, &minutes)),
                Some(Job::Outbox(change)) => self.write(|db| outbox::change(db, &change)),
                Some(Job::Flush(done)) => {
                    let _ = done.send(());
                    Ok(())
                }
                None => Ok(()),
            };
            let pruned = done.and_then(|()| self.prune());
            if let Err(error) = pruned {
                self.failed(&error);
            }
        }
        if let Err(error) = self.seal() {
            self.failed(&error);
        }
    }

    /// The connection, if there is one, or can be by now.
    fn database(&mut self) -> Option<&mut Connection> {
        if self.db.is_none() && self.rests_until.is_none_or(|until| until <= Instant::now()) {
            self.open_database();
        }
        self.db.as_mut()
    }

    fn open_database(&mut self) {
        match database::open_writer(&self.path).and_then(|db| database::totals(&db).map(|sums| (db, sums))) {
            Ok((db, (entries, bytes))) => {
                self.shared.entries.store(entries, Ordering::Relaxed);
                self.shared.bytes.store(bytes, Ordering::Relaxed);
                if self.shared.unwell.swap(false, Ordering::Relaxed) {
                    tracing::info!(path = %self.path.display(), "the history is written again");
                }
                self.db = Some(db);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Does something in a transaction; nothing, if there is no database now.
    fn write(&mut self, act: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let Some(db) = self.database() else { return Ok(()) };
        let transaction = db.transaction()?;
        act(&transaction)?;
        transaction.commit()
    }

    fn append(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let Some(span) = batch.span else { return Ok(()) };
        let (entries, bytes) = (batch.len() as u64, batch.bytes() as u64);
        if self.database().is_none() {
            self.shared.lost.fetch_add(entries, Ordering::Relaxed);
            return Ok(());
        }
        if batch.bytes() >= BLOCK_BYTES {
            // What is a block by itself stands alone, behind what came before it.
            self.seal()?;
        }
        let mut part = None;
        let written = self.write(|db| {
            part = Some(database::insert(db, batch, span)?);
            Ok(())
        });
        if let Err(error) = written {
            self.shared.lost.fetch_add(entries, Ordering::Relaxed);
            return Err(error);
        }
        self.shared.entries.fetch_add(entries, Ordering::Relaxed);
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        if batch.bytes() >= BLOCK_BYTES {
            return Ok(());
        }
        self.open.extend(batch);
        self.parts.extend(part);
        if self.open.bytes() >= BLOCK_BYTES || self.parts.len() >= PARTS_MAX { self.seal() } else { Ok(()) }
    }

    /// Makes one block of the parts that came so far.
    fn seal(&mut self) -> rusqlite::Result<()> {
        let (open, parts) = (std::mem::take(&mut self.open), std::mem::take(&mut self.parts));
        let Some(span) = open.span.filter(|_| parts.len() > 1) else { return Ok(()) };
        self.write(|db| {
            database::remove(db, &parts)?;
            database::insert(db, &open, span).map(|_| ())
        })
    }

    /// Forgets what is too old or too much, now and then.
    fn prune(&mut self) -> rusqlite::Result<()> {
        let Some((keep, now, since)) = self.keep else { return Ok(()) };
        if self.pruned_at.is_some_and(|at| at.elapsed() < PRUNE_INTERVAL) {
            return Ok(());
        }
        self.pruned_at = Some(Instant::now());
        let now = now.plus(since.elapsed());
        let from = now.as_millis().saturating_sub(u64::try_from(keep.age.as_millis()).unwrap_or(u64::MAX));
        let mut removed = false;
        loop {
            let mut count = 0;
            let (parts, shared) = (self.parts.clone(), Arc::clone(&self.shared));
            self.write(|db| {
                count = forget_some(db, &parts, from, keep.bytes)?;
                if count > 0 {
                    let (entries, bytes) = database::totals(db)?;
                    shared.entries.store(entries, Ordering::Relaxed);
                    shared.bytes.store(bytes, Ordering::Relaxed);
                }
                database::forget_minutes(db, from / MINUTE_MILLIS)
            })?;
            removed |= count > 0;
            if count < PRUNE_BLOCKS_MAX {
                break;
            }
        }
        if removed && let Some(db) = &self.db {
            database::give_back(db)?;
        }
        Ok(())
    }

    /// Says once that it cannot be written; puts aside what is damaged.
    fn failed(&mut self, error: &rusqlite::Error) {
        self.db = None;
        self.open = Batch::default();
        self.parts.clear();
        let path = self.path.display();
        let damaged =
            matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
        if damaged && self.put_aside() {
            tracing::error!(%path, %error, "the history is damaged: it is put aside as history.db.damaged, and a new one begun");
            self.rests_until = None;
            return;
        }
        self.rests_until = Some(Instant::now() + REST);
        if !self.shared.unwell.swap(true, Ordering::Relaxed) {
            tracing::error!(%path, %error, "the history cannot be written; mail goes on without it");
        }
    }

    /// Whether what is damaged is out of the way.
    fn put_aside(&self) -> bool {
        for end in ["-wal", "-shm"] {
            let mut beside = self.path.clone().into_os_string();
            beside.push(end);
            let _ = std::fs::remove_file(beside);
        }
        let mut aside = self.path.clone().into_os_string();
        aside.push(".damaged");
        std::fs::rename(&self.path, aside).is_ok()
    }
}

/// Takes the oldest blocks out, some of them; how many.
fn forget_some(db: &Connection, parts: &[i64], from: u64, bytes_max: u64) -> rusqlite::Result<usize> {
    let (_, mut bytes) = database::totals(db)?;
    let mut count = 0;
    while count < PRUNE_BLOCKS_MAX {
        let Some((block, last_at, size)) = database::oldest(db)? else { break };
        // What is growing is not old.
        if parts.contains(&block) || (last_at >= from && bytes <= bytes_max) {
            break;
        }
        database::remove(db, &[block])?;
        bytes = bytes.saturating_sub(size);
        count += 1;
    }
    Ok(count)
}
