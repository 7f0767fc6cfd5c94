//! Reads of the local store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, Timestamp};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::database::cannot;
use super::files::Files;
use super::messages;
use super::write::integer;
use crate::messages::{EmailId, Mailbox, MailboxId};
use crate::{MailboxEntry, Mailboxes, StoreError};

#[async_trait]
impl Mailboxes for SqliteStore {
    async fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        let account = account.to_string();
        self.read(move |db, _| mailboxes(db, &account)).await
    }

    async fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        let (account, mailbox) = (account.to_string(), mailbox.to_owned());
        self.read_for_people(move |db, _| entries(db, &account, &mailbox)).await
    }

    async fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError> {
        let (account, mailbox) = (account.to_string(), mailbox.to_owned());
        self.read_for_people(move |db, files| message(db, files, &account, &mailbox, uid)).await
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

/// The mailboxes of an account by path, with the number of messages in each.
pub(super) fn mailboxes(db: &Connection, account: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let fail = cannot("read the local store");
    let mut paths: BTreeMap<MailboxId, String> = BTreeMap::new();
    let mut list = Vec::new();
    for mailbox in messages::mailboxes(db, account).map_err(&fail)? {
        let above = mailbox.parent.and_then(|parent| paths.get(&parent));
        let path = above.map_or_else(|| mailbox.name.clone(), |above| format!("{above}/{}", mailbox.name));
        paths.insert(mailbox.id, path.clone());
        list.push((path, mailbox));
    }
    Ok(list.into_iter().map(|(path, mailbox)| (path, mailbox.total)).collect())
}

/// The mailbox of that path.
fn find(db: &Connection, account: &str, path: &str) -> Result<Option<MailboxId>, StoreError> {
    let all = messages::mailboxes(db, account).map_err(cannot("read the local store"))?;
    let mut at = None;
    for name in path.split('/') {
        let here = |mailbox: &&Mailbox| mailbox.parent == at && mailbox.name == name;
        match all.iter().find(here) {
            Some(mailbox) => at = Some(mailbox.id),
            None => return Ok(None),
        }
    }
    Ok(at)
}

pub(super) fn entries(
    db: &Connection,
    account: &str,
    mailbox: &str,
) -> Result<Vec<MailboxEntry>, StoreError> {
    let Some(mailbox) = find(db, account, mailbox)? else { return Ok(Vec::new()) };
    let sql = "SELECT uid, size, received_at FROM entry
               WHERE account = (SELECT id FROM account WHERE name = ?1) AND mailbox = ?2 ORDER BY uid";
    list(db, sql, params![account, integer(mailbox.0)], |row| {
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

/// One message, prefix included.
pub(super) fn message(
    db: &Connection,
    files: &Files,
    account: &str,
    mailbox: &str,
    uid: u32,
) -> Result<Option<Bytes>, StoreError> {
    let Some(mailbox) = find(db, account, mailbox)? else { return Ok(None) };
    let sql = "SELECT account, email FROM entry
               WHERE account = (SELECT id FROM account WHERE name = ?1) AND mailbox = ?2 AND uid = ?3";
    let found = list(db, sql, params![account, integer(mailbox.0), uid], |row| {
        Ok((row.get::<_, i64>(0)?, EmailId(row.get::<_, i64>(1)?.cast_unsigned())))
    })?;
    match found.first() {
        Some((account, email)) => messages::content(db, files, *account, *email),
        None => Ok(None),
    }
}
