//! Looks into a store that a running server may hold: reads, and never writes.

use std::path::Path;

use bytes::Bytes;
use mail::{Address, MessageId, Timestamp, UidSet};
use rusqlite::Connection;

use super::files::Files;
use super::{database, key_values, mailboxes, messages, read};
use crate::messages::{Entry, Mailbox, MailboxId};
use crate::{Claim, MailboxEntry, StoreError};

/// The data directory as somebody sees it who only looks. Its calls may block.
#[derive(Debug)]
pub struct SqliteReader {
    db: Connection,
    files: Files,
}

impl SqliteReader {
    /// Opens the data directory, whether a server holds it or not.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let db = database::open_reader(directory)?;
        database::expect_current(directory, &db)?;
        Ok(SqliteReader { db, files: Files::look(directory) })
    }

    /// Recipients that have not ended, by message, oldest first.
    pub fn pending(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Claim>, StoreError> {
        read::pending(&self.db, after, limit)
    }

    /// The mailboxes of an account, with the number of messages in each.
    pub fn mailboxes(&self, account: &Address) -> Result<Vec<(String, u64)>, StoreError> {
        mailboxes::mailboxes(&self.db, &account.to_string())
    }

    /// The messages in a mailbox, by UID.
    pub fn entries(&self, account: &Address, mailbox: &str) -> Result<Vec<MailboxEntry>, StoreError> {
        mailboxes::entries(&self.db, &account.to_string(), mailbox)
    }

    /// One message, prefix included; `None` if there is no such one.
    pub fn message(&self, account: &Address, mailbox: &str, uid: u32) -> Result<Option<Bytes>, StoreError> {
        mailboxes::message(&self.db, &self.files, &account.to_string(), mailbox, uid)
    }

    /// The mailboxes of an account, parents before children; none if it was never seen.
    pub fn mailbox_list(&self, account: &Address) -> Result<Vec<Mailbox>, StoreError> {
        messages::mailbox_list(&self.db, account)
    }

    /// The entries of a mailbox with these UIDs, in order, at most `limit`.
    pub fn entries_of(
        &self,
        account: &Address,
        mailbox: MailboxId,
        uids: &UidSet,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        messages::entries_of(&self.db, account, mailbox, uids, limit)
    }

    /// Keys and values of a space in the order of the keys: those after `after`, at most `limit`.
    pub fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        key_values::scan(&self.db, space, after, limit, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    #[test]
    fn looks_while_another_holds_the_store_and_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let ann = Address::parse("ann@home.example").unwrap();
        let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let look = || {
            let reader = SqliteReader::open(directory.path()).unwrap();
            assert!(reader.pending(None, 10).unwrap().is_empty());
            assert_eq!(reader.mailboxes(&ann).unwrap(), []);
            assert_eq!(reader.message(&ann, "INBOX", 1).unwrap(), None);
            assert_eq!(reader.scan("a", None, 10, Timestamp::EPOCH).unwrap(), []);
        };
        look();
        drop(store);
        look();
    }

    #[test]
    fn makes_no_store_where_there_is_none() {
        let directory = tempfile::tempdir().unwrap();
        assert!(SqliteReader::open(directory.path()).is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
