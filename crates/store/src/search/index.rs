//! The text index: a database of its own, made of what the store has, and made anew if it is lost or damaged.
//!
//! Each message of an account is a document whose number begins with the account's: documents of one account lie
//! together, and a question is asked within them only. Writers take turns, each for a bounded number of messages.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::ModSeq;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::answers::{Answer, Answers, Emails};
use super::grams::{ask, tokens};
use super::matching::{Folded, Wanted};
use crate::StoreError;
use crate::messages::EmailId;

/// The form of tables and tokens, times 1000, and that of digests, from which the texts come.
const VERSION: u32 = 1000 + mail::digest::VERSION as u32;
const FILE: &str = "search.db";
/// Bits of a document's number within its account.
const NUMBER_BITS: u32 = 32;
/// Messages that are indexed in one transaction, and bytes of their tokens.
pub(crate) const BATCH_MAX: usize = 200;
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Documents that are removed in one transaction.
const REMOVED_MAX: usize = 2_000;
/// How long anyone waits for a lock inside SQLite.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Kibibytes of page cache of one connection.
const CACHE_KIB: i64 = 16 << 10;
/// Pages of the log after which they are copied into the database.
const CHECKPOINT_PAGES: u32 = 4096;

const TABLES: &str = "
CREATE TABLE account (
    id     INTEGER PRIMARY KEY,
    latest INTEGER NOT NULL,    -- emails up to this one are documents, or were
    gone   INTEGER NOT NULL,    -- what is gone up to this change is no document any more
    next   INTEGER NOT NULL     -- the next number
) STRICT;
CREATE TABLE document (
    account INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    email   INTEGER NOT NULL,
    whole   INTEGER NOT NULL,   -- whether all of its text is indexed
    PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX document_email ON document (account, email);
CREATE VIRTUAL TABLE grams USING fts5(
    tokens, content='', contentless_delete=1, detail=none, tokenize='ascii');
";

/// Where the index has its texts from.
pub(crate) trait Source {
    /// The account's latest change.
    fn modseq(&self) -> ModSeq;
    /// The first messages after this one, in order.
    fn added(&self, after: EmailId, limit: usize) -> Result<Vec<EmailId>, StoreError>;
    /// Messages that are gone since then; `None` if that is forgotten.
    fn gone(&self, since: ModSeq) -> Result<Option<Vec<EmailId>>, StoreError>;
    /// Which of these are there.
    fn present(&self, emails: &[EmailId]) -> Result<Vec<bool>, StoreError>;
    /// What is searched of a message; `None` if it cannot be read.
    fn text(&self, email: EmailId) -> Result<Option<Folded>, StoreError>;
}

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("cannot use the text index: {0}")]
    Index(#[from] rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T, E = IndexError> = std::result::Result<T, E>;

/// The index of all accounts.
#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
    unwell: AtomicBool,
}

impl Index {
    /// Nothing is opened before it is used.
    pub(crate) fn new(directory: &Path) -> Index {
        Index {
            path: directory.join(FILE),
            writer: Mutex::default(),
            readers: Mutex::default(),
            unwell: AtomicBool::new(false),
        }
    }

    /// Brings some of what is new of the account into the index, and takes what is gone out of it. Whether that is all.
    pub(crate) fn catch_up(&self, account: i64, source: &dyn Source) -> Result<bool> {
        let mut writer = lock(&self.writer);
        let done = self.with_writer(&mut writer, |db| advance(db, account, source));
        if let Err(IndexError::Index(error)) = &done {
            *writer = None;
            self.failed(error);
        } else if self.unwell.swap(false, Ordering::Relaxed) {
            tracing::info!(path = %self.path.display(), "the text index is used again");
        }
        done
    }

    /// What the index knows of these texts.
    pub(crate) fn answers(&self, account: i64, wanted: &[Wanted]) -> Result<Answers> {
        self.with_reader(|db| answers(db, account, wanted))
    }

    fn with_writer<T>(
        &self,
        slot: &mut Option<Connection>,
        act: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        if slot.is_none() {
            *slot = Some(open_writer(&self.path)?);
        }
        let Some(db) = slot else { return Err(rusqlite::Error::InvalidQuery.into()) };
        act(db)
    }

    fn with_reader<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = lock(&self.readers).pop();
        let db = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        let result =
            db.unchecked_transaction().map_err(IndexError::from).and_then(|snapshot| read(&snapshot));
        match &result {
            Err(IndexError::Index(error)) => self.failed(error),
            _ => lock(&self.readers).push(db),
        }
        result
    }

    /// Says once that it cannot be used; removes what is damaged: it is made anew.
    fn failed(&self, error: &rusqlite::Error) {
        let path = self.path.display();
        lock(&self.readers).clear();
        if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) {
            tracing::error!(%path, %error, "the text index is damaged: it is made anew");
            remove(&self.path);
        } else if !self.unwell.swap(true, Ordering::Relaxed) {
            tracing::error!(%path, %error, "the text index cannot be used; searches read the messages themselves");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.to_owned().into_os_string();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }
}

/// Opens it to write. One of another version is removed.
fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let mut db = Connection::open(path)?;
    let mut found: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found != 0 && found != VERSION {
        drop(db);
        remove(path);
        db = Connection::open(path)?;
        found = 0;
    }
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // What a power cut takes is indexed again; the log keeps the database whole.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if found == 0 {
        let transaction = db.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(db)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(db)
}

/// How far an account is indexed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    latest: i64,
    gone: i64,
    next: i64,
}

fn state(db: &Connection, account: i64) -> rusqlite::Result<Option<State>> {
    let mut select = db.prepare_cached("SELECT latest, gone, next FROM account WHERE id = ?1")?;
    select
        .query_row([account], |row| Ok(State { latest: row.get(0)?, gone: row.get(1)?, next: row.get(2)? }))
        .optional()
}

/// One bounded transaction. Whether nothing is left to do.
fn advance(db: &mut Connection, account: i64, source: &dyn Source) -> Result<bool> {
    let modseq = signed(source.modseq().0);
    let transaction = db.transaction()?;
    let new = State { latest: 0, gone: modseq, next: 1 };
    let mut at = state(&transaction, account)?.unwrap_or(new);
    if at.gone < modseq && !forget(&transaction, account, &mut at, source)? {
        transaction.commit()?;
        return Ok(false);
    }
    let emails = source.added(EmailId(unsigned(at.latest)), BATCH_MAX)?;
    let mut is_all = emails.len() < BATCH_MAX;
    let mut bytes = 0;
    {
        let mut document = transaction.prepare_cached("INSERT INTO document VALUES (?1, ?2, ?3, ?4)")?;
        let mut insert = transaction.prepare_cached("INSERT INTO grams (rowid, tokens) VALUES (?1, ?2)")?;
        for email in emails {
            if bytes > BATCH_BYTES_MAX {
                is_all = false;
                break;
            }
            let (words, is_whole) = source.text(email)?.map(|text| tokens(&text)).unwrap_or_default();
            bytes += words.len();
            document.execute(params![account, at.next, signed(email.0), is_whole])?;
            insert.execute(params![rowid(account, at.next), words])?;
            at.latest = signed(email.0);
            at.next += 1;
        }
    }
    if is_all && state(&transaction, account)? == Some(at) {
        return Ok(true);
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO account VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![account, at.latest, at.gone, at.next])?;
    transaction.commit()?;
    Ok(is_all)
}

/// Takes out what is gone. Whether that is all of it.
fn forget(db: &Connection, account: i64, at: &mut State, source: &dyn Source) -> Result<bool> {
    let gone = match source.gone(ModSeq(unsigned(at.gone)))? {
        Some(gone) => gone,
        None => {
            let emails: Vec<EmailId> = all(db, account)?;
            let present = source.present(&emails)?;
            emails.into_iter().zip(present).filter(|(_, present)| !present).map(|(email, _)| email).collect()
        }
    };
    let mut find = db.prepare_cached("SELECT number FROM document WHERE account = ?1 AND email = ?2")?;
    let mut document = db.prepare_cached("DELETE FROM document WHERE account = ?1 AND number = ?2")?;
    let mut grams = db.prepare_cached("DELETE FROM grams WHERE rowid = ?1")?;
    let mut count = 0;
    for email in gone {
        let number: Option<i64> =
            find.query_row(params![account, signed(email.0)], |row| row.get(0)).optional()?;
        let Some(number) = number else { continue };
        if count == REMOVED_MAX {
            return Ok(false);
        }
        document.execute(params![account, number])?;
        grams.execute([rowid(account, number)])?;
        count += 1;
    }
    at.gone = signed(source.modseq().0);
    Ok(true)
}

fn all(db: &Connection, account: i64) -> rusqlite::Result<Emails> {
    let mut select = db.prepare_cached("SELECT email FROM document WHERE account = ?1 ORDER BY number")?;
    select.query_map([account], |row| row.get(0).map(|id| EmailId(unsigned(id))))?.collect()
}

fn answers(db: &Connection, account: i64, wanted: &[Wanted]) -> Result<Answers> {
    let mut whole: Vec<EmailId> = Vec::new();
    let mut numbers: Vec<i64> = Vec::new();
    let mut emails: Vec<EmailId> = Vec::new();
    {
        let sql = "SELECT number, email, whole FROM document WHERE account = ?1 ORDER BY number";
        let mut select = db.prepare_cached(sql)?;
        let mut rows = select.query([account])?;
        while let Some(row) = rows.next()? {
            let email = EmailId(unsigned(row.get(1)?));
            numbers.push(row.get(0)?);
            emails.push(email);
            // Of one that is not whole the index says yes only.
            if row.get(2)? {
                whole.push(email);
            }
        }
    }
    let matching = |question: &str| -> rusqlite::Result<Emails> {
        let sql = "SELECT rowid FROM grams WHERE grams MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid";
        let mut select = db.prepare_cached(sql)?;
        let mut rows =
            select.query(params![question, rowid(account, 0), rowid(account, (1 << NUMBER_BITS) - 1)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let number = row.get::<_, i64>(0)? & ((1 << NUMBER_BITS) - 1);
            found.extend(numbers.binary_search(&number).ok().map(|nth| emails[nth]));
        }
        Ok(found)
    };
    let mut each = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let asked = ask(wanted);
        let yes = asked.surely.as_deref().map(matching).transpose()?.unwrap_or_default();
        let maybe = asked.perhaps.as_deref().map(matching).transpose()?.unwrap_or_default();
        each.push(Answer { yes, maybe });
    }
    Ok(Answers { indexed: whole, each })
}

fn rowid(account: i64, number: i64) -> i64 {
    account << NUMBER_BITS | number
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
