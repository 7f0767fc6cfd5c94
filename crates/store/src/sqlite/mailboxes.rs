//! Reads of the local store.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use mail::{Address, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteStore;
use super::database::cannot;
use super::files::Files;
use super::read;
use crate::{Content, MailboxEntry, Mailboxes, StoreError};

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        let account = account.to_string();
        self.read(move |db, _| mailboxes(db, &account)).await
    }

    async fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        let (account, mailbox) = (account.to_string(), mailbox.to_owned());
        self.read(move |db, _| entries(db, &account, &mailbox)).await
    }

    async fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError> {
        let (account, mailbox) = (account.to_string(), mailbox.to_owned());
        self.read(move |db, files| message(db, files, &account, &mailbox, uid)).await
    }

    async fn usage(&self, account: &Address) -> Result<u64, StoreError> {
        let account = account.to_string();
        self.read(move |db, _| {
            let sql = "SELECT usage FROM account WHERE name = ?1";
            let usage = list(db, sql, params![account], |row| row.get::<_, i64>(0))?;
            Ok(usage.first().map_or(0, |usage| usage.cast_unsigned()))
        })
        .await
    }
}

pub(super) fn mailboxes(db: &Connection, account: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT mailbox.name, messages FROM mailbox JOIN account ON account.id = account
               WHERE account.name = ?1 ORDER BY mailbox.name";
    list(db, sql, params![account], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
}

pub(super) fn entries(
    db: &Connection,
    account: &str,
    mailbox: &str,
) -> Result<Vec<MailboxEntry>, StoreError> {
    let sql = "SELECT uid, size, received_at FROM entry JOIN mailbox ON mailbox.id = mailbox
               JOIN account ON account.id = account
               WHERE account.name = ?1 AND mailbox.name = ?2 ORDER BY uid";
    list(db, sql, params![account, mailbox], |row| {
        let (size, received_at): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(MailboxEntry {
            uid: row.get(0)?,
            size: size.cast_unsigned(),
            received_at: Timestamp::from_millis(received_at.cast_unsigned()),
        })
    })
}

fn list<T>(
    db: &Connection,
    sql: &str,
    params: &[&dyn rusqlite::ToSql],
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let fail = cannot("read the local store");
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    let rows = statement.query_map(params, read).map_err(&fail)?;
    rows.collect::<rusqlite::Result<_>>().map_err(&fail)
}

pub(super) fn message(
    db: &Connection,
    files: &Files,
    account: &str,
    mailbox: &str,
    uid: u32,
) -> Result<Option<Bytes>, StoreError> {
    let fail = cannot("read the local store");
    let sql = "SELECT message, prefix FROM entry JOIN mailbox ON mailbox.id = mailbox
               JOIN account ON account.id = account
               WHERE account.name = ?1 AND mailbox.name = ?2 AND uid = ?3";
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    let entry = statement.query_row(params![account, mailbox, uid], |row| {
        Ok((MessageId(row.get::<_, i64>(0)?.cast_unsigned()), row.get::<_, Vec<u8>>(1)?))
    });
    let Some((message, prefix)) = entry.optional().map_err(&fail)? else { return Ok(None) };
    let mut whole = BytesMut::from(&prefix[..]);
    match read::content(db, files, message)? {
        Some(Content::Memory(bytes)) => whole.extend_from_slice(&bytes),
        Some(Content::File(file)) => {
            let bytes = file.read().map_err(|source| StoreError::File {
                doing: "read",
                path: file.path.clone(),
                source,
            })?;
            whole.extend_from_slice(&bytes);
        }
        None => {
            let what = format!("entry {uid} of {mailbox} of {account}");
            return Err(StoreError::Damaged { what, why: "its message is not there".into() });
        }
    }
    Ok(Some(whole.freeze()))
}
