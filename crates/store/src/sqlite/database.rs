//! How is the database opened, and what do its errors mean?

use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::SqliteOptions;
use crate::StoreError;

/// The database's name in the data directory.
pub(super) const NAME: &str = "waypost.db";
/// Bytes of a page. Larger ones are no faster, and more is written for each message.
const PAGE_BYTES: u32 = 4096;
/// Kibibytes of page cache: for the committer, and for each reader.
const WRITER_CACHE_KIB: i64 = 32 << 10;
const READER_CACHE_KIB: i64 = 4 << 10;
/// How long anyone waits for a lock inside SQLite. Only one of us writes, so nobody should.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 128;

/// Each brings the schema from one version to the next; never changed once released.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/001-queue.sql"),
    include_str!("migrations/002-mailboxes.sql"),
    include_str!("migrations/003-key-values.sql"),
    include_str!("migrations/004-ended.sql"),
    include_str!("migrations/005-messages.sql"),
];

/// What an error of SQLite means for us.
#[derive(Debug)]
pub(super) enum Fault {
    /// No room: the transaction was rolled back, others may pass.
    Full,
    /// Nothing that was written can be relied upon any more (A17, A25).
    Fatal(String),
    /// This one operation cannot be done.
    Refused(String),
}

/// Judges an error. A failed fsync is never tried again: the kernel may have dropped the pages.
pub(super) fn judge(error: &rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Full,
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::FileLockingProtocolFailed,
        ) => Fault::Fatal(error.to_string()),
        _ => Fault::Refused(error.to_string()),
    }
}

/// Makes an error of something that was being done.
pub(super) fn cannot(doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |error| StoreError::Database { doing, why: error.to_string() }
}

/// Opens the connection that writes, makes the schema current, and checks that commits are durable.
pub(super) fn open_writer(directory: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    open_writer_named(directory, NAME, options)
}

/// Opens to write as [`open_writer`] does, under another name.
pub(super) fn open_writer_named(
    directory: &Path,
    name: &str,
    options: &SqliteOptions,
) -> Result<Connection, StoreError> {
    let fail = cannot("open the database");
    let mut db = Connection::open(directory.join(name)).map_err(&fail)?;
    db.pragma_update(None, "page_size", PAGE_BYTES).map_err(&fail)?;
    let mode: String =
        db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(&fail)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(&fail)?;
    let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(&fail)?;
    if mode != "wal" || synchronous != 2 {
        let why = format!("it would not be durable: journal_mode is {mode}, synchronous is {synchronous}");
        return Err(StoreError::Database { doing: "open the database", why });
    }
    db.pragma_update(None, "wal_autocheckpoint", 0).map_err(&fail)?;
    db.pragma_update(None, "cache_size", -WRITER_CACHE_KIB).map_err(&fail)?;
    if let Some(pages) = options.pages_max {
        db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).map_err(&fail)?;
    }
    // Closing must not write: after a failed fsync nothing may be written any more.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(&fail)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(&fail)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    migrate(directory, &mut db)?;
    Ok(db)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(directory: &Path) -> Result<Connection, StoreError> {
    let fail = cannot("open the database for reading");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(directory.join(NAME), flags).map_err(&fail)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(&fail)?;
    db.pragma_update(None, "cache_size", -READER_CACHE_KIB).map_err(&fail)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(db)
}

/// Refuses a schema that is not the one known here; only a writer may change it.
pub(super) fn expect_current(directory: &Path, db: &Connection) -> Result<(), StoreError> {
    let fail = cannot("read the version of the database");
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&fail)?;
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few");
    if found > known {
        return Err(StoreError::Newer { path: directory.to_owned(), found, known });
    }
    if found < known {
        let why =
            format!("it has schema version {found}, this program knows {known}: start the server first");
        return Err(StoreError::Database { doing: "read the database", why });
    }
    Ok(())
}

/// Opens a connection that only copies the log into the database.
pub(super) fn open_checkpointer(directory: &Path) -> Result<Connection, StoreError> {
    let fail = cannot("open the database for checkpoints");
    let db = Connection::open(directory.join(NAME)).map_err(&fail)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(&fail)?;
    db.pragma_update(None, "wal_autocheckpoint", 0).map_err(&fail)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(&fail)?;
    Ok(db)
}

/// Brings the schema forward, each version in a transaction of its own, or refuses one from the future (A12, A28).
fn migrate(directory: &Path, db: &mut Connection) -> Result<(), StoreError> {
    let fail = cannot("migrate the database");
    let found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(&fail)?;
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few");
    if found > known {
        return Err(StoreError::Newer { path: directory.to_owned(), found, known });
    }
    for (version, migration) in (1..=known).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let transaction = db.transaction().map_err(&fail)?;
        transaction.execute_batch(migration).map_err(&fail)?;
        transaction.pragma_update(None, "user_version", version).map_err(&fail)?;
        transaction.commit().map_err(&fail)?;
    }
    Ok(())
}

/// Tells how many pages are in the log after each commit.
pub(super) fn watch_log(db: &mut Connection, pages: Arc<AtomicU64>) -> Result<(), StoreError> {
    let watch = move |_: &mut Wal, count: c_int| {
        pages.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    };
    db.wal_hook(Some(watch)).map_err(cannot("watch the log"))
}

/// Copies what it can of the log into the database without holding anyone up.
pub(super) fn checkpoint(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(db: &Connection) -> u32 {
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn commits_are_durable() {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(directory.path(), &SqliteOptions::default()).unwrap();
        let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!((synchronous, mode.as_str()), (2, "wal"));
    }

    // proves: A12
    #[test]
    fn an_old_schema_is_brought_forward_and_keeps_its_rows() {
        let directory = tempfile::tempdir().unwrap();
        let old = Connection::open(directory.path().join(NAME)).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO message VALUES (7, 1, 2, 3, x'00', NULL, x'6869'); PRAGMA user_version = 1",
        )
        .unwrap();
        drop(old);
        let db = open_writer(directory.path(), &SqliteOptions::default()).unwrap();
        assert_eq!(version(&db), 5);
        let content: Vec<u8> = db.query_row("SELECT content FROM message", [], |row| row.get(0)).unwrap();
        assert_eq!(content, b"hi");
        for table in ["entry", "key_value", "ended"] {
            let sql = format!("SELECT count(*) FROM {table}");
            db.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap();
        }
    }

    // proves: A12
    #[tokio::test]
    async fn mail_of_an_old_store_is_all_there() {
        use crate::messages::{EmailId, MessageStore, ThreadId};
        use mail::{Address, Timestamp, UidSet};

        let directory = tempfile::tempdir().unwrap();
        let old = Connection::open(directory.path().join(NAME)).unwrap();
        MIGRATIONS[..4].iter().for_each(|sql| old.execute_batch(sql).unwrap());
        let content = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (id, text) in [(7, "Message-ID: <a@x>\r\n\r\nhi"), (8, "References: <a@x>\r\n\r\nho")] {
            let sum = crate::sqlite::checksum::checksum(text.as_bytes());
            let sql = format!(
                "INSERT INTO message VALUES ({id}, 1, {}, {sum}, x'00', NULL, x'{}')",
                text.len(),
                content(text)
            );
            old.execute_batch(&sql).unwrap();
        }
        old.execute_batch(
            "INSERT INTO account VALUES (1, 'ann@x.example', 100), (2, 'bob@x.example', 27);
             INSERT INTO mailbox VALUES (4, 1, 'Junk', 90, 2, 1), (5, 1, 'INBOX', 91, 9, 2), (6, 2, 'INBOX', 92, 2, 1);
             INSERT INTO entry VALUES (5, 3, 7, 27, 1000, x'5072653a0d0a'), (5, 8, 8, 25, 3000, x'');
             INSERT INTO entry VALUES (4, 1, 7, 21, 2000, x''), (6, 1, 7, 21, 1000, x'');
             PRAGMA user_version = 4",
        )
        .unwrap();
        drop(old);
        for _ in 0..2 {
            let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
            let store = crate::SqliteStore::open(directory.path(), options).unwrap();
            let ann = Address::parse("ann@x.example").unwrap();
            let state = store.open(&ann, Timestamp::EPOCH).await.unwrap();
            assert_eq!((state.usage, state.emails), (27 + 25 + 21, 3));
            let mailboxes = store.mailbox_list(&ann).await.unwrap();
            let names: Vec<_> = mailboxes.iter().map(|mailbox| &mailbox.name[..]).collect();
            assert_eq!(names, ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]);
            let inbox = &mailboxes[0];
            assert_eq!((inbox.uid_validity, inbox.uid_next, inbox.total, inbox.unseen), (91, 9, 2, 2));
            let entries = store.entries_of(&ann, inbox.id, &UidSet::range(1, 99), 99).await.unwrap();
            assert_eq!(entries.iter().map(|entry| entry.uid).collect::<Vec<_>>(), [3, 8]);
            assert_eq!(entries[0].thread, entries[1].thread, "what answers it is in its conversation");
            let content = store.content(&ann, entries[0].email).await.unwrap().unwrap();
            assert_eq!(content, "Pre:\r\nMessage-ID: <a@x>\r\n\r\nhi");
            let digests = store.digests(&ann, &[entries[0].email, EmailId(1)]).await.unwrap();
            assert!(digests[0].is_some() && digests[1].is_none());
            let thread = store.threads(&ann, &[entries[1].thread, ThreadId(5)]).await.unwrap();
            assert_eq!(thread[0].1.len(), 3);
            let bob = Address::parse("bob@x.example").unwrap();
            assert_eq!(store.mailbox_list(&bob).await.unwrap()[0].total, 1);
        }
    }

    // proves: A28
    #[test]
    fn a_schema_from_the_future_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let future = Connection::open(directory.path().join(NAME)).unwrap();
        future.pragma_update(None, "user_version", 99).unwrap();
        drop(future);
        let error = open_writer(directory.path(), &SqliteOptions::default()).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, known: 5, .. }), "{error}");
    }

    // proves: A12
    #[test]
    fn a_migration_that_breaks_leaves_the_old_version() {
        let directory = tempfile::tempdir().unwrap();
        let old = Connection::open(directory.path().join(NAME)).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch("CREATE TABLE entry (x INTEGER); PRAGMA user_version = 1").unwrap();
        drop(old);
        assert!(open_writer(directory.path(), &SqliteOptions::default()).is_err());
        let db = Connection::open(directory.path().join(NAME)).unwrap();
        assert_eq!(version(&db), 1);
        assert!(db.prepare("SELECT * FROM account").is_err());
    }
}
