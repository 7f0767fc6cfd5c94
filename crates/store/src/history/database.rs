//! The tables of the history, and how they are opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::block::{Batch, Span};

/// The version of the tables.
const VERSION: u32 = 1;
/// Bytes of a page: blocks are long.
const PAGE_BYTES: u32 = 8192;
/// Pages of the log after which they are copied into the database: 32 MiB.
const CHECKPOINT_PAGES: u32 = 4096;
/// Kibibytes of page cache.
const CACHE_KIB: i64 = 4 << 10;
/// How long anyone waits for a lock inside SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Free pages that are given back to the disk at once.
const VACUUM_PAGES: u32 = 2048;

const TABLES: &str = "
CREATE TABLE block (
    id INTEGER PRIMARY KEY,
    message_first INTEGER NOT NULL,
    message_last INTEGER NOT NULL,
    at_last INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE TABLE search (block INTEGER PRIMARY KEY, keys BLOB NOT NULL, places BLOB NOT NULL);
CREATE TABLE data (block INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE minute (minute INTEGER PRIMARY KEY, numbers BLOB NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, receiver TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX outbox_of ON outbox (receiver, id);
";

/// Opens the connection that writes, and makes the tables if there are none.
///
/// A power cut may take the last seconds with it, but not the database: it is synced when the log is copied.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = Connection::open(path)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        let why = format!("a newer version of this program wrote it: {found}, known is {VERSION}");
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(1), Some(why)));
    }
    if found == 0 {
        let transaction = db.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(db)
}

/// Writes a block; its id.
pub(super) fn insert(db: &Connection, batch: &Batch, span: Span) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO block (message_first, message_last, at_last, marks, entries, bytes) VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        signed(span.messages.0),
        signed(span.messages.1),
        signed(span.last_at),
        span.marks,
        signed(batch.len() as u64),
        signed(batch.bytes() as u64),
    ])?;
    let id = db.last_insert_rowid();
    db.prepare_cached("INSERT INTO search (block, keys, places) VALUES (?, ?, ?)")?.execute(params![
        id,
        batch.keys,
        batch.places
    ])?;
    db.prepare_cached("INSERT INTO data (block, data) VALUES (?, ?)")?.execute(params![id, batch.data])?;
    Ok(id)
}

/// Takes blocks out.
pub(super) fn remove(db: &Connection, blocks: &[i64]) -> rusqlite::Result<()> {
    for table in ["block WHERE id", "search WHERE block", "data WHERE block"] {
        let mut delete = db.prepare_cached(&format!("DELETE FROM {table} = ?"))?;
        for block in blocks {
            delete.execute([block])?;
        }
    }
    Ok(())
}

/// Entries and bytes of all blocks.
pub(super) fn totals(db: &Connection) -> rusqlite::Result<(u64, u64)> {
    let sums = "SELECT coalesce(sum(entries), 0), coalesce(sum(bytes), 0) FROM block";
    db.query_row(sums, [], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
}

/// The oldest block: its id, its last time, its bytes.
pub(super) fn oldest(db: &Connection) -> rusqlite::Result<Option<(i64, u64, u64)>> {
    db.prepare_cached("SELECT id, at_last, bytes FROM block ORDER BY id LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, unsigned(row.get(1)?), unsigned(row.get(2)?))))
        .optional()
}

/// Gives pages that are free back to the disk, some of them.
pub(super) fn give_back(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))
}

pub(super) fn put_minutes(db: &Connection, minutes: &[(u64, Vec<u8>)]) -> rusqlite::Result<()> {
    let mut put = db.prepare_cached("INSERT OR REPLACE INTO minute (minute, numbers) VALUES (?, ?)")?;
    for (minute, numbers) in minutes {
        put.execute(params![signed(*minute), numbers])?;
    }
    Ok(())
}

pub(super) fn minutes(db: &Connection, since: u64, limit: usize) -> rusqlite::Result<Vec<(u64, Vec<u8>)>> {
    let mut read =
        db.prepare_cached("SELECT minute, numbers FROM minute WHERE minute >= ? ORDER BY minute LIMIT ?")?;
    let rows = read.query_map(params![signed(since), signed(limit as u64)], |row| {
        Ok((unsigned(row.get(0)?), row.get(1)?))
    })?;
    rows.collect()
}

pub(super) fn forget_minutes(db: &Connection, before: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM minute WHERE minute < ?")?.execute([signed(before)]).map(|_| ())
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
