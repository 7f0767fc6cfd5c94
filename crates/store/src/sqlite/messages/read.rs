//! What mail is there: mailboxes, entries, messages, conversations.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mail::{ModSeq, Role, SystemFlag, UidSet};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::log::vanished_since;
use super::rows::{self, number};
use crate::messages::{
    Email, EmailId, Entry, Mailbox, MailboxChanges, MailboxId, Record, ThreadCount, ThreadId, rules,
};
use crate::sqlite::write::integer;

/// Parents before children, siblings by sort order and name.
pub(super) fn mailbox_list(db: &Connection, account: i64) -> Result<Vec<Mailbox>> {
    let mut by_parent: BTreeMap<Option<MailboxId>, Vec<Mailbox>> = BTreeMap::new();
    for mailbox in rows::mailboxes(db, account)? {
        by_parent.entry(mailbox.parent).or_default().push(mailbox);
    }
    Ok(rules::in_order(by_parent))
}

pub(super) fn entries_of(
    db: &Connection,
    account: i64,
    mailbox: MailboxId,
    uids: &UidSet,
    limit: usize,
) -> Result<Vec<Entry>> {
    let sql = format!(
        "{} WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4 ORDER BY uid LIMIT ?5",
        rows::ENTRY
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut entries = Vec::new();
    for range in uids.ranges() {
        let left = limit - entries.len();
        if left == 0 {
            break;
        }
        let arguments =
            params![account, integer(mailbox.0), range.start(), range.end(), integer(left as u64)];
        for entry in statement.query_map(arguments, rows::entry)? {
            entries.push(entry?);
        }
    }
    Ok(entries)
}

pub(super) fn uids(db: &Connection, account: i64, mailbox: MailboxId) -> Result<Option<(Mailbox, UidSet)>> {
    let Some(found) = rows::mailbox_of(db, account, mailbox)? else { return Ok(None) };
    let sql = "SELECT uid FROM entry WHERE account = ?1 AND mailbox = ?2 ORDER BY uid";
    let mut statement = db.prepare_cached(sql)?;
    let uids = statement.query_map(params![account, integer(mailbox.0)], |row| row.get::<_, u32>(0))?;
    Ok(Some((found, uids.collect::<Result<_>>()?)))
}

pub(super) fn mailbox_changes(
    db: &Connection,
    account: &rows::AccountRow,
    mailbox: MailboxId,
    since: ModSeq,
) -> Result<Option<MailboxChanges>> {
    let Some(found) = rows::mailbox_of(db, account.id, mailbox)? else { return Ok(None) };
    let sql = format!("{} WHERE account = ?1 AND mailbox = ?2 AND modseq > ?3", rows::ENTRY);
    let mut statement = db.prepare_cached(&sql)?;
    let arguments = params![account.id, integer(mailbox.0), integer(since.0)];
    let mut entries: Vec<Entry> = statement.query_map(arguments, rows::entry)?.collect::<Result<_>>()?;
    entries.sort_unstable_by_key(|entry| entry.uid);
    let vanished = vanished_since(db, account.id, mailbox, since)?;
    Ok(Some(MailboxChanges { mailbox: found, entries, vanished, forgotten: since < account.state.log_since }))
}

pub(super) fn emails(db: &Connection, account: i64, ids: &[EmailId]) -> Result<Vec<Email>> {
    let mut statement = db.prepare_cached(&format!("{} WHERE account = ?1 AND id = ?2", rows::EMAIL))?;
    let mut emails = Vec::with_capacity(ids.len());
    for id in ids {
        emails.extend(statement.query_row(params![account, integer(id.0)], rows::email).optional()?);
    }
    Ok(emails)
}

pub(super) fn digests(db: &Connection, account: i64, ids: &[EmailId]) -> Result<Vec<Option<Bytes>>> {
    let sql = "SELECT record FROM digest WHERE message =
               (SELECT message FROM email WHERE account = ?1 AND id = ?2) AND record <> x''";
    let mut statement = db.prepare_cached(sql)?;
    let mut digests = Vec::with_capacity(ids.len());
    for id in ids {
        let record: Option<Vec<u8>> =
            statement.query_row(params![account, integer(id.0)], |row| row.get(0)).optional()?;
        digests.push(record.map(Bytes::from));
    }
    Ok(digests)
}

pub(super) fn threads(
    db: &Connection,
    account: i64,
    ids: &[ThreadId],
) -> Result<Vec<(ThreadId, Vec<EmailId>)>> {
    let sql = "SELECT id FROM email WHERE account = ?1 AND thread = ?2 ORDER BY received_at, id";
    let mut statement = db.prepare_cached(sql)?;
    let mut threads = Vec::with_capacity(ids.len());
    for id in ids {
        let emails =
            statement.query_map(params![account, integer(id.0)], |row| number(row, 0).map(EmailId))?;
        let emails = emails.collect::<Result<Vec<_>>>()?;
        if !emails.is_empty() {
            threads.push((*id, emails));
        }
    }
    Ok(threads)
}

pub(super) fn thread_counts(db: &Connection, account: i64) -> Result<Vec<ThreadCount>> {
    let mailboxes = rows::mailboxes(db, account)?;
    let trash = mailboxes.iter().find(|mailbox| mailbox.role == Some(Role::Trash)).map(|mailbox| mailbox.id);
    let trash_id = trash.map_or(-1, |id| integer(id.0));
    let read = i64::from(SystemFlag::Seen as u8 | SystemFlag::Draft as u8);
    // Conversations with something unread: within the trash, and elsewhere.
    let sql = "SELECT DISTINCT thread FROM entry WHERE account = ?1 AND flags & ?2 = 0
               AND (mailbox = ?3) = ?4 ORDER BY thread";
    let mut statement = db.prepare_cached(sql)?;
    let mut unread = |in_trash: bool| -> Result<BTreeSet<i64>> {
        statement.query_map(params![account, read, trash_id, in_trash], |row| row.get(0))?.collect()
    };
    let (unread_in_trash, unread_elsewhere) = (unread(true)?, unread(false)?);
    let mut statement =
        db.prepare_cached("SELECT DISTINCT thread FROM entry WHERE account = ?1 AND mailbox = ?2")?;
    let mut counts = Vec::with_capacity(mailboxes.len());
    for mailbox in mailboxes {
        let among = if Some(mailbox.id) == trash { &unread_in_trash } else { &unread_elsewhere };
        let mut count = ThreadCount { mailbox: mailbox.id, total: 0, unread: 0 };
        for thread in
            statement.query_map(params![account, integer(mailbox.id.0)], |row| row.get::<_, i64>(0))?
        {
            count.total += 1;
            count.unread += u64::from(among.contains(&thread?));
        }
        counts.push(count);
    }
    Ok(counts)
}

pub(super) fn records(db: &Connection, account: i64, kind: i64, ids: Option<&[u64]>) -> Result<Vec<Record>> {
    let record = |row: &rusqlite::Row<'_>| {
        let id = number(row, 0)?;
        let modseq = ModSeq(number(row, 1)?);
        Ok(Record { id, document: row.get(2)?, created: rules::created(id), modseq })
    };
    let Some(ids) = ids else {
        let sql = "SELECT id, modseq, document FROM record WHERE account = ?1 AND kind = ?2 ORDER BY id";
        return db.prepare_cached(sql)?.query_map(params![account, kind], record)?.collect();
    };
    let sql = "SELECT id, modseq, document FROM record WHERE account = ?1 AND kind = ?2 AND id = ?3";
    let mut statement = db.prepare_cached(sql)?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        records.extend(statement.query_row(params![account, kind, integer(*id)], record).optional()?);
    }
    Ok(records)
}

pub(super) fn annotations(
    db: &Connection,
    account: i64,
    mailbox: Option<MailboxId>,
) -> Result<Vec<(String, Bytes)>> {
    let sql = "SELECT entry, value FROM annotation WHERE account = ?1 AND mailbox = ?2 ORDER BY entry";
    let of = mailbox.map_or(0, |id| integer(id.0));
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![account, of], |row| Ok((row.get(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?))))?;
    rows.collect()
}
