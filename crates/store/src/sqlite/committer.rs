//! The one place that writes and syncs: takes all that waits, commits it once, answers all.
//!
//! While one commit syncs the next batch gathers by itself, so a busy store shares a sync among many and a quiet one
//! lets nobody wait. If a batch breaks, each piece of it is tried alone, so that one does not harm its neighbours.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::database::{Fault, judge};
use super::janitor::{Chore, copy_log};
use super::shared::Shared;
use super::write::{Effects, Known, Place, Work, reserve_ids, write};
use crate::StoreError;

/// Pieces of work in one transaction.
const BATCH_WORK_MAX: usize = 512;
/// Bytes in one transaction, more or less.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Pages of the log after which a checkpoint is asked for (4 MiB).
const CHECKPOINT_PAGES: u64 = 1024;
/// Pages of the log at which nothing is written until they are in the database (48 MiB).
const LOG_PAGES_MAX: u64 = 12 * 1024;
/// How far ahead ids are reserved: ten seconds' worth.
const IDS_AHEAD: u64 = 10_000 << 20;
/// How often endings that found no room are tried again.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// A piece of work, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) answer: oneshot::Sender<Result<(), StoreError>>,
    /// Its share of the memory that waiting work may take.
    pub(super) _share: OwnedSemaphorePermit,
}

/// The owner of the connection that writes.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) db: Connection,
    pub(super) chores: Sender<Chore>,
    /// Ids below this were reserved in the database.
    ids_reserved: u64,
    /// Pages of the log when a checkpoint was last asked for.
    pages_asked: u64,
    has_reserve: bool,
    /// Endings that found no room.
    parked: Vec<Job>,
    known: Known,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>, db: Connection, chores: Sender<Chore>, has_ended: bool) -> Self {
        let has_reserve = shared.room.make_reserve();
        let known = Known { revised: HashSet::new(), has_ended };
        Committer {
            shared,
            db,
            chores,
            ids_reserved: 0,
            pages_asked: 0,
            has_reserve,
            parked: Vec::new(),
            known,
        }
    }

    /// Works until nobody can send more, then writes what waits and copies the whole log.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let calm = self.parked.is_empty() && self.has_reserve;
            let first = if calm {
                jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                jobs.recv_timeout(FULL_RETRY)
            };
            match first {
                Ok(first) => self.commit(gather(first, jobs)),
                Err(RecvTimeoutError::Timeout) => self.retry(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.checkpoint();
        }
        self.close();
    }

    /// Writes a batch in one transaction and answers everyone in it.
    fn commit(&mut self, mut batch: Vec<Job>) {
        if let Err(error) = self.shared.running() {
            let why = error.to_string();
            return batch.into_iter().for_each(|job| self.refuse(job, StoreError::Stopped(why.clone())));
        }
        // Whoever sent it was told that it was not taken, and sends it again.
        batch.retain(|job| !matches!(job.work, Work::Accept(_)) || !job.answer.is_closed());
        if batch.is_empty() {
            return;
        }
        self.expect(&mut batch);
        let revised = self.known.revised.clone();
        match self.write(&batch) {
            Ok(effects) => self.done(batch, effects),
            Err(error) => {
                // A settlement that is tried again must still be merged with an edit that is written.
                self.known.revised = revised;
                self.shared.ledger().give_up_revising();
                self.broken(batch, judge(&error));
            }
        }
    }

    fn write(&mut self, batch: &[Job]) -> rusqlite::Result<Effects> {
        let mut effects = Effects::default();
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let id_last = batch.iter().filter_map(|job| id_last(&job.work)).max().unwrap_or(0);
        let reserve = (id_last >= self.ids_reserved).then(|| id_last.saturating_add(IDS_AHEAD));
        if let Some(below) = reserve {
            reserve_ids(&self.db, below)?;
        }
        for job in batch {
            write(&self.db, &job.work, &self.shared, &mut self.known, &mut effects)?;
        }
        self.db.prepare_cached("COMMIT")?.execute([])?;
        self.ids_reserved = reserve.unwrap_or(self.ids_reserved);
        Ok(effects)
    }

    /// Tells the ledger what is about to be in the table.
    fn expect(&self, batch: &mut [Job]) {
        let mut ledger = self.shared.ledger();
        for incoming in batch.iter_mut().flat_map(|job| job.work.incoming()) {
            incoming.fresh = ledger.expect(incoming.envelope.accepted_at, &incoming.recipients);
        }
    }

    fn unexpect(&self, batch: &mut [Job]) {
        let mut ledger = self.shared.ledger();
        for incoming in batch.iter_mut().flat_map(|job| job.work.incoming()).filter(|incoming| incoming.fresh)
        {
            ledger.unexpect(&incoming.recipients);
        }
    }

    /// It is durable: tells the ledger, then everyone.
    fn done(&mut self, mut batch: Vec<Job>, effects: Effects) {
        let arrived = self.remember(&mut batch, &effects);
        self.shared.indexing.tell(effects.told.iter().map(|(account, _)| &account[..]));
        self.shared.watchers.tell(effects.told.iter().map(|(account, modseq)| (&account[..], *modseq)));
        for job in batch {
            let _ = job.answer.send(Ok(()));
        }
        if arrived {
            self.shared.arrival.notify_one();
        }
        for file in effects.files {
            let _ = self.chores.send(Chore::Remove(file));
        }
    }

    /// Notes what was written. Gives whether something is new in the queue.
    fn remember(&self, batch: &mut [Job], effects: &Effects) -> bool {
        let mut arrived = false;
        let mut cache = self.shared.cache();
        let mut ledger = self.shared.ledger();
        for message in &effects.gone {
            cache.remove(*message);
        }
        for job in batch {
            if let Work::Settle(settling) = &job.work {
                ledger.settled(&settling.changes);
            }
            if let Work::Messages(work) = &job.work {
                work.files().for_each(|file| file.own());
            }
            arrived |= matches!(job.work, Work::Revise(_));
            for incoming in job.work.incoming() {
                arrived = true;
                match &incoming.content.place {
                    Place::Inline(bytes) if incoming.fresh => {
                        cache.insert(incoming.envelope.message, bytes.clone());
                    }
                    Place::Inline(_) => {}
                    Place::File(file) => file.own(),
                }
                let recipients = std::mem::take(&mut incoming.recipients);
                ledger.enqueued(&incoming.envelope, recipients, incoming.fresh);
            }
        }
        for (recipient, next_event) in &effects.revised {
            ledger.revised(*recipient, *next_event);
        }
        arrived
    }

    /// Nothing of the batch was written.
    fn broken(&mut self, mut batch: Vec<Job>, fault: Fault) {
        self.unexpect(&mut batch);
        if let Fault::Fatal(why) = fault {
            return self.stop(batch, &why);
        }
        if !self.db.is_autocommit()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            return self.stop(batch, &format!("a rollback that broke: {error}"));
        }
        if batch.len() > 1 {
            return batch.into_iter().for_each(|job| self.commit(vec![job]));
        }
        for job in batch {
            match (&fault, &job.work) {
                (Fault::Full, Work::Settle(_)) => self.park(job),
                (
                    Fault::Full,
                    Work::Accept(_)
                    | Work::SetAside(_)
                    | Work::KeyValues(_)
                    | Work::Revise(_)
                    | Work::Messages(_),
                ) => {
                    let full = self.shared.full();
                    self.refuse(job, full);
                }
                (Fault::Refused(why) | Fault::Fatal(why), _) => {
                    let why = why.clone();
                    self.refuse(job, StoreError::Database { doing: "write", why });
                }
            }
        }
    }

    /// Whether the batch is on the disk is for the next start to find out, so its files stay until then.
    fn stop(&self, mut batch: Vec<Job>, why: &str) {
        self.shared.stop(why.to_owned());
        for incoming in batch.iter_mut().flat_map(|job| job.work.incoming()) {
            if let Place::File(file) = &incoming.content.place {
                file.own();
            }
        }
        for job in &batch {
            if let Work::Messages(work) = &job.work {
                work.files().for_each(|file| file.own());
            }
        }
        batch.into_iter().for_each(|job| self.refuse(job, StoreError::Stopped(why.to_owned())));
    }

    /// Keeps an ending until there is room: what was delivered must not be delivered again (A23).
    fn park(&mut self, job: Job) {
        self.parked.push(job);
        if self.has_reserve {
            self.shared.room.release_reserve();
            self.has_reserve = false;
            self.retry();
        }
    }

    fn retry(&mut self) {
        for job in std::mem::take(&mut self.parked) {
            self.commit(vec![job]);
        }
        if self.parked.is_empty() && !self.has_reserve {
            self.has_reserve = self.shared.room.make_reserve();
        }
    }

    fn refuse(&self, job: Job, error: StoreError) {
        if let Work::Settle(settling) = &job.work {
            self.shared.ledger().unsettled(&settling.changes);
        }
        let _ = job.answer.send(Err(error));
    }

    /// Asks for a checkpoint when the log has grown, and makes one here when it has grown too much.
    fn checkpoint(&mut self) {
        if self.shared.running().is_err() {
            return;
        }
        let pages = self.shared.log_pages.load(Ordering::Relaxed);
        if pages >= LOG_PAGES_MAX {
            // Nothing is written meanwhile, so all of it is copied and the next write begins the log anew.
            copy_log(&self.shared, &self.db);
        }
        // The log began anew since.
        self.pages_asked = self.pages_asked.min(pages);
        if pages - self.pages_asked >= CHECKPOINT_PAGES
            && !self.shared.checkpoint_asked.swap(true, Ordering::Relaxed)
        {
            self.pages_asked = pages;
            let _ = self.chores.send(Chore::Checkpoint);
        }
    }

    fn close(mut self) {
        self.retry();
        for job in std::mem::take(&mut self.parked) {
            let full = self.shared.full();
            self.refuse(job, full);
        }
        if self.shared.running().is_ok()
            && let Err(error) = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            tracing::warn!(%error, "cannot copy the log into the database; the next start reads it");
        }
    }
}

/// All that waits, up to the limits of a batch.
fn gather(first: Job, jobs: &Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.work.bytes();
    let mut batch = vec![first];
    while batch.len() < BATCH_WORK_MAX && bytes < BATCH_BYTES_MAX {
        let Ok(job) = jobs.try_recv() else { break };
        bytes += job.work.bytes();
        batch.push(job);
    }
    batch
}

/// The greatest id that work brings.
fn id_last(work: &Work) -> Option<u64> {
    match work {
        Work::Accept(incoming) => Some(incoming.id_last()),
        Work::Settle(settling) => settling.notices.iter().map(super::write::Incoming::id_last).max(),
        Work::Messages(work) => work.id_last(),
        Work::SetAside(_) | Work::KeyValues(_) | Work::Revise(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use mail::MessageId;
    use tokio::sync::{Semaphore, oneshot};

    use super::super::spool::{self, INLINE_BYTES_MAX};
    use super::super::write::{Incoming, Place, Work};
    use super::super::{SqliteOptions, SqliteStore};
    use super::Job;
    use crate::Content;
    use crate::conformance::subject::{START, accept, at, message, pending};
    use crate::queue::enqueue;

    #[tokio::test]
    async fn mail_that_nobody_waits_for_is_not_queued() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
        let store = SqliteStore::open(directory.path(), options).unwrap();
        let content = Content::Memory(Bytes::from(vec![b'x'; INLINE_BYTES_MAX + 1]));
        let stored = spool::store(&store.shared, content).await.unwrap();
        let Place::File(file) = &stored.place else { panic!("{stored:?}") };
        let path = file.path.clone();
        assert!(path.exists());
        let (envelope, recipients) = enqueue(&message(START, &[at(0)]), MessageId(1));
        let work = Work::Accept(Incoming::new(envelope, recipients, stored));
        let _share = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let (answer, _) = oneshot::channel();
        store.send(Job { work, answer, _share }).unwrap();
        accept(&store, START, &[at(0)]).await;
        assert_eq!(pending(&store).await, 1, "only the one that somebody waits for");
        assert!(!path.exists(), "nor is its content kept");
    }
}
