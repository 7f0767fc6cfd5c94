//! The message store over the committer and the readers.
//!
//! Writes are pieces of work of the committer (`work`), which changes an account as a whole (`account`): its row and
//! its mailboxes are read once, changed in memory by `mailbox`, `email`, `flag` and `record`, and written at the end
//! with what is gone (`log`). Each read is one snapshot of a connection that nobody's commit waits for.

mod account;
mod changes;
mod completing;
mod content;
mod email;
mod flag;
mod log;
mod mailbox;
mod read;
mod record;
mod rows;
mod search;
#[cfg(test)]
mod tests;
mod thread;
mod work;

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use mail::{Address, MessageId, ModSeq, Timestamp, UidSet};
use rusqlite::Connection;
use tokio::sync::watch;

use super::SqliteStore;
use super::database::cannot;
use super::files::Files;
use super::write::Work;
use crate::messages::{
    AccountState, Alteration, Changes, Email, EmailId, Entry, Found, Kind, Mailbox, MailboxChanges,
    MailboxId, Outcome, Query, Record, Refusal, Room, ThreadCount, ThreadId,
};
use crate::{MessageStore, StoreError};
pub(super) use completing::complete;
pub(super) use content::email as content;
use rows::AccountRow;
pub(super) use search::index_accounts;
pub(super) use work::{MessageWork, deposit, remove_content, write};

/// The mailboxes of the account of that name, parents before children.
pub(super) fn mailboxes(db: &Connection, account: &str) -> rusqlite::Result<Vec<Mailbox>> {
    let row = rows::account(db, account)?;
    row.map_or(Ok(Vec::new()), |row| read::mailbox_list(db, row.id))
}

impl SqliteStore {
    /// Reads of an account, all of it from one snapshot; what there is of an account that was never seen is `none`.
    async fn read_account<T: Send + 'static>(
        &self,
        account: &Address,
        none: T,
        read: impl FnOnce(&Connection, &AccountRow, &Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let account = account.to_string();
        self.read_for_people(move |db, files| {
            let fail = cannot("read the local store");
            let snapshot = db.unchecked_transaction().map_err(&fail)?;
            let row = rows::account(&snapshot, &account).map_err(&fail)?;
            row.map_or(Ok(none), |row| read(&snapshot, &row, files))
        })
        .await
    }

    /// The same for what is in the database alone.
    async fn look_up<T: Send + 'static>(
        &self,
        account: &Address,
        none: T,
        read: impl FnOnce(&Connection, &AccountRow) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let fail = cannot("read the local store");
        self.read_account(account, none, move |db, row, _| read(db, row).map_err(&fail)).await
    }

    async fn change_account(&self, work: MessageWork) -> Result<work::Answer, StoreError> {
        let answer = work.answer();
        self.write(Work::Messages(work)).await?;
        Ok(std::mem::take(&mut *answer.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What somebody who only looks sees of an account's mailboxes.
pub(super) fn mailbox_list(db: &Connection, account: &Address) -> Result<Vec<Mailbox>, StoreError> {
    let fail = cannot("read the local store");
    let row = rows::account(db, &account.to_string()).map_err(&fail)?;
    row.map_or(Ok(Vec::new()), |row| read::mailbox_list(db, row.id).map_err(&fail))
}

/// Likewise of the entries of one.
pub(super) fn entries_of(
    db: &Connection,
    account: &Address,
    mailbox: MailboxId,
    uids: &UidSet,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let fail = cannot("read the local store");
    let row = rows::account(db, &account.to_string()).map_err(&fail)?;
    row.map_or(Ok(Vec::new()), |row| read::entries_of(db, row.id, mailbox, uids, limit).map_err(&fail))
}

#[async_trait]
impl MessageStore for SqliteStore {
    async fn open(&self, account: &Address, now: Timestamp) -> Result<AccountState, StoreError> {
        let known = self.look_up(account, None, |_, row| Ok(Some(row.state))).await?;
        match known {
            Some(state) => Ok(state),
            None => Ok(self.change_account(MessageWork::open(account.to_string(), now)).await?.state),
        }
    }

    fn watch(&self, account: &Address) -> watch::Receiver<ModSeq> {
        self.shared.watchers.watch(account.to_string())
    }

    async fn mailbox_list(&self, account: &Address) -> Result<Vec<Mailbox>, StoreError> {
        self.look_up(account, Vec::new(), |db, row| read::mailbox_list(db, row.id)).await
    }

    async fn entries_of(
        &self,
        account: &Address,
        mailbox: MailboxId,
        uids: &UidSet,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let uids = uids.clone();
        self.look_up(account, Vec::new(), move |db, row| read::entries_of(db, row.id, mailbox, &uids, limit))
            .await
    }

    async fn uids(
        &self,
        account: &Address,
        mailbox: MailboxId,
    ) -> Result<Option<(Mailbox, UidSet)>, StoreError> {
        self.look_up(account, None, move |db, row| read::uids(db, row.id, mailbox)).await
    }

    async fn mailbox_changes(
        &self,
        account: &Address,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Option<MailboxChanges>, StoreError> {
        self.look_up(account, None, move |db, row| read::mailbox_changes(db, row, mailbox, since)).await
    }

    async fn emails(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Email>, StoreError> {
        let ids = ids.to_vec();
        self.look_up(account, Vec::new(), move |db, row| read::emails(db, row.id, &ids)).await
    }

    async fn digests(&self, account: &Address, ids: &[EmailId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let none = vec![None; ids.len()];
        let ids = ids.to_vec();
        self.look_up(account, none, move |db, row| read::digests(db, row.id, &ids)).await
    }

    async fn content(&self, account: &Address, email: EmailId) -> Result<Option<Bytes>, StoreError> {
        self.read_account(account, None, move |db, row, files| content::email(db, files, row.id, email)).await
    }

    async fn threads(
        &self,
        account: &Address,
        ids: &[ThreadId],
    ) -> Result<Vec<(ThreadId, Vec<EmailId>)>, StoreError> {
        let ids = ids.to_vec();
        self.look_up(account, Vec::new(), move |db, row| read::threads(db, row.id, &ids)).await
    }

    async fn thread_counts(&self, account: &Address) -> Result<Vec<ThreadCount>, StoreError> {
        self.look_up(account, Vec::new(), |db, row| read::thread_counts(db, row.id)).await
    }

    async fn changes(
        &self,
        account: &Address,
        kind: Kind,
        since: ModSeq,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        let none = (since == ModSeq(0)).then(Changes::default);
        self.look_up(account, none, move |db, row| changes::changes(db, row, kind, since, limit)).await
    }

    async fn search(&self, account: &Address, query: &Query) -> Result<Found, StoreError> {
        let (query, shared) = (query.clone(), Arc::clone(&self.shared));
        let places = if search::reads_messages(&query) { &self.searching } else { &self.sifting };
        let place = Arc::clone(places).acquire_owned().await.expect("never closed");
        // Whoever does not wait for the answer any more ends the search.
        let (wanted, asked) = search::asked();
        let found = self.read_account(account, Found::default(), move |db, row, files| {
            let _place = place;
            search::search(&search::Account { db, row: *row, files }, &shared.indexing.index, &query, &asked)
        });
        let found = found.await;
        drop(wanted);
        found
    }

    async fn records(
        &self,
        account: &Address,
        kind: Kind,
        ids: Option<&[u64]>,
    ) -> Result<Vec<Record>, StoreError> {
        let (kind, ids) = (log::Gone::of(kind) as i64, ids.map(<[u64]>::to_vec));
        self.look_up(account, Vec::new(), move |db, row| read::records(db, row.id, kind, ids.as_deref()))
            .await
    }

    async fn annotations(
        &self,
        account: &Address,
        mailbox: Option<MailboxId>,
    ) -> Result<Vec<(String, Bytes)>, StoreError> {
        self.look_up(account, Vec::new(), move |db, row| read::annotations(db, row.id, mailbox)).await
    }

    async fn upload(
        &self,
        account: &Address,
        content: Bytes,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Result<MessageId, Refusal>, StoreError> {
        let content = self.new_content(content, now, Vec::new()).await?;
        let message = content.message;
        let work = MessageWork::upload(account.to_string(), content, now, until);
        let answer = self.change_account(work).await?;
        Ok(answer.each.into_iter().next().unwrap_or(Err(Refusal::NoContent)).map(|_| message))
    }

    async fn uploaded(&self, account: &Address, id: MessageId) -> Result<Option<Bytes>, StoreError> {
        self.read_account(account, None, move |db, row, files| content::uploaded(db, files, row.id, id)).await
    }

    async fn alter(
        &self,
        account: &Address,
        alterations: Vec<Alteration>,
        room: Room,
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        self.shared.running()?;
        let mut steps = Vec::with_capacity(alterations.len());
        for alteration in alterations {
            steps.push(self.step(account, alteration, now).await?);
        }
        let answer = self.change_account(MessageWork::alter(account.to_string(), steps, room, now)).await?;
        Ok(Outcome { modseq: answer.state.modseq, each: answer.each })
    }
}
