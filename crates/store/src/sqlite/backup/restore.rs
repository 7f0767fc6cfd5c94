//! Puts a copy into place: an empty data directory, in which nobody's old numbers hold.

use std::path::Path;

use mail::Timestamp;
use rusqlite::{Connection, params};

use super::super::SqliteOptions;
use super::super::database::{self, cannot};
use super::super::lock::Lock;
use super::super::write::integer;
use super::{Copied, MANIFEST, OUTSIDE, Progress, count, files, prune};
use crate::StoreError;

/// How far the changes of an account leap, so that none that was made after the copy has the number of a new one.
const LEAP: u64 = 1 << 20;
/// The name of a database that is not yet what it is to be.
const UNFINISHED: &str = "waypost.db.restoring";

/// What becomes of mail that was under way when the copy was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestoreQueue {
    /// It is tried again: what was delivered since arrives twice.
    Keep,
    /// It is left out: what was not delivered since never arrives.
    Drop,
}

/// What was put into place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// How much.
    pub copied: Copied,
    /// Whether the copy has files that lay outside of the data directory; they were not touched.
    pub has_outside: bool,
}

/// Puts the copy at `from` into `data`, which is empty or not there. All mailboxes get another UIDVALIDITY, and states
/// that clients know are forgotten, so that they read all of it again (RFC 9051 section 2.3.1.1).
pub fn restore(
    from: &Path,
    data: &Path,
    queue: RestoreQueue,
    now: Timestamp,
    tell: &mut dyn FnMut(Progress),
) -> Result<Restored, StoreError> {
    files::must_be_empty(data)?;
    super::check(from, tell)?;
    files::make_directory(data)?;
    let _lock = Lock::take(data)?;
    let mut all = Vec::new();
    files::all(from, Path::new(""), &mut all)?;
    let total = all.len() as u64;
    let (mut bytes, mut has_outside, mut spool_files) = (0, false, 0);
    // Until all is there and has its new numbers the database has another name, so that no server takes it for whole.
    let unfinished = data.join(UNFINISHED);
    for (done, file) in (0..).zip(&all) {
        tell(Progress { doing: "copying files", done, total });
        has_outside |= file.starts_with(OUTSIDE);
        spool_files += u64::from(file.starts_with("spool"));
        if file.starts_with(OUTSIDE) || file == Path::new(MANIFEST) {
            continue;
        }
        let target = if file == Path::new(database::NAME) { unfinished.clone() } else { data.join(file) };
        if let Some(directory) = target.parent() {
            files::make_directory(directory)?;
        }
        bytes += files::copy(&from.join(file), &target)?.unwrap_or(0);
    }
    files::sync_all(data)?;
    let copied = renumber(data, queue, now)?;
    files::rename(&unfinished, &data.join(database::NAME))?;
    Ok(Restored { copied: Copied { bytes, spool_files, ..copied }, has_outside })
}

fn renumber(data: &Path, queue: RestoreQueue, now: Timestamp) -> Result<Copied, StoreError> {
    let fail = cannot("renumber what was restored");
    let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
    let mut db = database::open_writer_named(data, UNFINISHED, &options)?;
    let transaction = db.transaction().map_err(&fail)?;
    new_numbers(&transaction, now).map_err(&fail)?;
    if queue == RestoreQueue::Drop {
        drop_queue(&transaction).map_err(&fail)?;
    }
    let copied = count(&transaction).map_err(&fail)?;
    transaction.commit().map_err(&fail)?;
    prune::close(&db)?;
    drop(db);
    // All of the log is in the database; it would not be found under the next name.
    for beside in ["-wal", "-shm"] {
        files::remove(&data.join(format!("{UNFINISHED}{beside}")))?;
    }
    Ok(copied)
}

fn new_numbers(db: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let seconds = integer(now.as_secs()).clamp(1, i64::from(u32::MAX / 2));
    db.execute(
        "UPDATE mailbox SET uid_validity = max(?1, (SELECT uid_validity FROM account WHERE id = account))
             + (SELECT count(*) FROM mailbox other WHERE other.account = mailbox.account AND other.id <= mailbox.id),
             highest_modseq = ?2 + (SELECT modseq FROM account WHERE id = account)",
        params![seconds, integer(LEAP)],
    )?;
    db.execute(
        "UPDATE account SET modseq = modseq + ?1, log_since = modseq + ?1, log_rows = 0,
             uid_validity = coalesce((SELECT max(uid_validity) FROM mailbox WHERE account = account.id), uid_validity)",
        [integer(LEAP)],
    )?;
    db.execute("DELETE FROM gone", []).map(drop)
}

/// Leaves out mail that was under way, but for what lies in mailboxes too.
fn drop_queue(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "DELETE FROM recipient; DELETE FROM ended; DELETE FROM damaged;
         DELETE FROM message WHERE id NOT IN (SELECT message FROM digest) AND id NOT IN (SELECT message FROM upload)",
    )
}
