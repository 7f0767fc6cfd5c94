//! Copies a data directory, also while a server uses it, and puts such a copy into place again.
//!
//! A copy is of one moment: that at which a snapshot of the database begins. Files of the spool are copied after it; one
//! that was removed meanwhile belonged to a message that is gone, and that message is taken out of the copy too. What
//! is copied is read again and checked before the copy gets its name.

mod files;
mod prune;
mod restore;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use mail::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ffi};

use super::database::{self, cannot};
use super::files::Files;
use super::messages;
use super::write::Effects;
use crate::StoreError;
pub use restore::{RestoreQueue, Restored, restore};

/// Pages of a database that are copied at once.
const PAGES_AT_ONCE: i32 = 1024;
/// What a copy says about itself.
const MANIFEST: &str = "backup.json";
/// Where copies of files are that do not lie in the data directory.
const OUTSIDE: &str = "outside";

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done: `copying files`.
    pub doing: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
}

/// What was copied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Copied {
    /// Files of the spool.
    pub spool_files: u64,
    /// Bytes of all that was copied.
    pub bytes: u64,
    /// Messages that were gone before their content was copied; they are not in the copy.
    pub gone_meanwhile: u64,
    /// Accounts with mailboxes.
    pub accounts: u64,
    /// Messages in mailboxes.
    pub emails: u64,
    /// Recipients in the queue.
    pub recipients: u64,
}

/// Copies the data directory to `target`, which must not be there, together with other files that belong to it.
pub fn backup(
    data: &Path,
    target: &Path,
    outside: &[PathBuf],
    now: Timestamp,
    tell: &mut dyn FnMut(Progress),
) -> Result<Copied, StoreError> {
    let partial = files::partial(target);
    files::must_not_be(target)?;
    files::must_not_be(&partial)?;
    files::make_directory(&partial)?;
    let copied = copy(data, &partial, outside, tell)
        .and_then(|copied| check(&partial, tell).map(|()| copied))
        .and_then(|copied| manifest(&partial, &copied, now).map(|()| copied))
        .and_then(|copied| files::sync_all(&partial).map(|()| copied));
    match copied {
        Ok(copied) => {
            files::rename(&partial, target)?;
            Ok(copied)
        }
        Err(error) => {
            // What is not whole is of no use to anyone; the error says why it is not.
            let _ = fs::remove_dir_all(&partial);
            Err(error)
        }
    }
}

fn copy(
    data: &Path,
    to: &Path,
    outside: &[PathBuf],
    tell: &mut dyn FnMut(Progress),
) -> Result<Copied, StoreError> {
    let fail = cannot("copy the database");
    let source = database::open_reader(data)?;
    database::expect_current(data, &source)?;
    // From the first read on, all that is read is of one moment.
    let snapshot = source.unchecked_transaction().map_err(&fail)?;
    let mut copied = count(&snapshot).map_err(&fail)?;
    let named = named(&snapshot).map_err(&fail)?;
    let lost = copy_spool(data, to, &named, &mut copied, tell)?;
    copy_database(&snapshot, &to.join(database::NAME), tell)?;
    drop(snapshot);
    prune::take_out(to, &lost)?;
    copied.gone_meanwhile = lost.len() as u64;
    copied.bytes += files::length(&to.join(database::NAME))?;
    for file in files::others(data)? {
        copied.bytes += copy_other(data, to, &file)?;
    }
    for file in outside.iter().filter(|file| file.is_file() && !file.starts_with(data)) {
        let directory = to.join(OUTSIDE);
        files::make_directory(&directory)?;
        let name = file.file_name().unwrap_or(file.as_os_str());
        copied.bytes += files::copy(file, &directory.join(name))?.unwrap_or(0);
    }
    Ok(copied)
}

/// A message and the file that has its content.
struct Named {
    message: i64,
    file: String,
    size: i64,
    checksum: u32,
}

fn named(db: &Connection) -> rusqlite::Result<Vec<Named>> {
    let sql = "SELECT id, file, size, checksum FROM message WHERE file IS NOT NULL";
    let mut select = db.prepare(sql)?;
    let rows = select.query_map([], |row| {
        Ok(Named { message: row.get(0)?, file: row.get(1)?, size: row.get(2)?, checksum: row.get(3)? })
    })?;
    rows.collect()
}

fn count(db: &Connection) -> rusqlite::Result<Copied> {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    };
    let (accounts, emails, recipients) = (count("account")?, count("email")?, count("recipient")?);
    Ok(Copied { accounts, emails, recipients, ..Copied::default() })
}

/// Copies the files of the spool. Gives the messages whose files are not there any more.
fn copy_spool(
    data: &Path,
    to: &Path,
    named: &[Named],
    copied: &mut Copied,
    tell: &mut dyn FnMut(Progress),
) -> Result<Vec<i64>, StoreError> {
    let (from, into) = (Files::look(data), Files::look(to));
    let mut lost = Vec::new();
    let total = named.len() as u64;
    for (done, named) in (0..).zip(named) {
        tell(Progress { doing: "copying files", done, total });
        let target = into.path(&named.file);
        if let Some(shelf) = target.parent() {
            files::make_directory(shelf)?;
        }
        match files::copy(&from.path(&named.file), &target)? {
            Some(bytes) => {
                copied.bytes += bytes;
                copied.spool_files += 1;
            }
            None => lost.push(named.message),
        }
    }
    Ok(lost)
}

fn copy_database(from: &Connection, to: &Path, tell: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
    let fail = cannot("copy the database");
    let mut target = Connection::open(to).map_err(&fail)?;
    let copying = Backup::new(from, &mut target).map_err(&fail)?;
    loop {
        match copying.step(PAGES_AT_ONCE).map_err(&fail)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                let progress = copying.progress();
                let total = u64::try_from(progress.pagecount).unwrap_or(0);
                let left = u64::try_from(progress.remaining).unwrap_or(0);
                tell(Progress { doing: "copying the database", done: total.saturating_sub(left), total });
            }
            // SQLite has waited as long as a connection may: readers and writers of a log are in nobody's way.
            _ => return Err(fail(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))),
        }
    }
}

/// Copies a file that is neither the database nor of the spool; other databases by their own snapshot.
fn copy_other(data: &Path, to: &Path, file: &Path) -> Result<u64, StoreError> {
    let (from, target) = (data.join(file), to.join(file));
    if let Some(directory) = target.parent() {
        files::make_directory(directory)?;
    }
    if !files::is_database(file) {
        return Ok(files::copy(&from, &target)?.unwrap_or(0));
    }
    let fail = cannot("copy a database");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&from, flags).map_err(&fail)?;
    let snapshot = source.unchecked_transaction().map_err(&fail)?;
    let _: u32 = snapshot.pragma_query_value(None, "schema_version", |row| row.get(0)).map_err(&fail)?;
    copy_database(&snapshot, &target, &mut |_| ())?;
    files::length(&target)
}

/// Reads the copy again: the database is whole, and each file is what its message says.
fn check(copy: &Path, tell: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
    let fail = cannot("check the copy");
    let db = database::open_reader(copy)?;
    database::expect_current(copy, &db)?;
    tell(Progress { doing: "checking the database", done: 0, total: 1 });
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(&fail)?;
    if found != "ok" {
        return Err(StoreError::Damaged { what: "the copy of the database".into(), why: found });
    }
    let files = Files::look(copy);
    let named = named(&db).map_err(&fail)?;
    let total = named.len() as u64;
    for (done, named) in (0..).zip(&named) {
        tell(Progress { doing: "checking files", done, total });
        files.check(&named.file, named.size.cast_unsigned(), named.checksum)?;
    }
    Ok(())
}

fn manifest(copy: &Path, copied: &Copied, now: Timestamp) -> Result<(), StoreError> {
    let Copied { spool_files, bytes, accounts, emails, recipients, .. } = copied;
    let text = format!(
        "{{\n  \"made\": \"{}\",\n  \"version\": \"{}\",\n  \"accounts\": {accounts},\n  \"emails\": {emails},\n  \
         \"recipients\": {recipients},\n  \"spoolFiles\": {spool_files},\n  \"bytes\": {bytes}\n}}\n",
        now.rfc3339(),
        env!("CARGO_PKG_VERSION"),
    );
    let path = copy.join(MANIFEST);
    fs::write(&path, text).map_err(|source| StoreError::File { doing: "write", path, source })
}

/// Removes a message from everywhere in a copy, as if it had ended before.
fn remove_message(db: &Connection, message: i64) -> rusqlite::Result<()> {
    for table in ["recipient", "ended", "damaged", "upload"] {
        db.execute(&format!("DELETE FROM {table} WHERE message = ?1"), [message])?;
    }
    messages::remove_content(db, message, &mut Effects::default())?;
    db.execute("DELETE FROM message WHERE id = ?1", [message]).map(drop)
}
