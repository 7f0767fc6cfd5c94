//! What is gone from an account: written with each change, forgotten when it is too much.

use std::collections::BTreeMap;

use mail::{ModSeq, UidSet};
use rusqlite::{Connection, Result, params};

use super::rows::{AccountRow, number};
use crate::messages::limits::LOG_ROWS_MAX;
use crate::messages::{Kind, MailboxId};
use crate::sqlite::write::integer;

/// Rows that are forgotten at once, at least.
const PRUNE_ROWS: u64 = LOG_ROWS_MAX / 50;

/// What can be gone. The numbers stand in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    /// UIDs of a mailbox.
    Entries = 0,
    Mailbox = 1,
    Email = 2,
    /// A conversation that has no message any more.
    Thread = 3,
    /// A conversation that has one message less.
    ThreadEmail = 4,
    Identity = 5,
    Submission = 6,
    Vacation = 7,
    PushSubscription = 8,
    SieveScript = 9,
}

impl Gone {
    pub(super) fn of(kind: Kind) -> Gone {
        match kind {
            Kind::Mailbox => Gone::Mailbox,
            Kind::Email => Gone::Email,
            Kind::Thread => Gone::Thread,
            Kind::Identity => Gone::Identity,
            Kind::Submission => Gone::Submission,
            Kind::Vacation => Gone::Vacation,
            Kind::PushSubscription => Gone::PushSubscription,
            Kind::SieveScript => Gone::SieveScript,
        }
    }
}

/// Writes what a change has removed. Gives how many rows that took.
pub(super) fn write(
    db: &Connection,
    account: i64,
    modseq: ModSeq,
    vanished: &BTreeMap<MailboxId, UidSet>,
    gone: &[(Gone, u64)],
) -> Result<u64> {
    if vanished.is_empty() && gone.is_empty() {
        return Ok(0);
    }
    let mut rows = 0_i64;
    let mut insert = db.prepare_cached("INSERT INTO gone VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let mut write = |kind: Gone, id: u64, first: u32, last: u32| -> Result<()> {
        insert.execute(params![account, integer(modseq.0), rows, kind as i64, integer(id), first, last])?;
        rows += 1;
        Ok(())
    };
    for (mailbox, uids) in vanished {
        for range in uids.ranges() {
            write(Gone::Entries, mailbox.0, *range.start(), *range.end())?;
        }
    }
    for (kind, id) in gone {
        write(*kind, *id, 0, 0)?;
    }
    Ok(rows.cast_unsigned())
}

/// Forgets the oldest changes, each whole.
pub(super) fn prune(db: &Connection, row: &mut AccountRow) -> Result<()> {
    let sql = "SELECT modseq FROM gone WHERE account = ?1 ORDER BY modseq, number LIMIT 1 OFFSET ?2";
    let offset = (row.log_rows - LOG_ROWS_MAX).saturating_add(PRUNE_ROWS).min(row.log_rows.saturating_sub(1));
    let last: i64 = db.prepare_cached(sql)?.query_row(params![row.id, integer(offset)], |row| row.get(0))?;
    let mut delete = db.prepare_cached("DELETE FROM gone WHERE account = ?1 AND modseq <= ?2")?;
    let deleted = delete.execute(params![row.id, last])?;
    row.log_rows = row.log_rows.saturating_sub(deleted as u64);
    row.state.log_since = ModSeq(last.cast_unsigned());
    Ok(())
}

/// Ids of a kind that are gone since then, with the change that removed them.
pub(super) fn gone_since(
    db: &Connection,
    account: i64,
    kind: Gone,
    since: ModSeq,
) -> Result<Vec<(u64, ModSeq)>> {
    let sql = "SELECT id, modseq FROM gone WHERE account = ?1 AND modseq > ?2 AND kind = ?3";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![account, integer(since.0), kind as i64], |row| {
        Ok((number(row, 0)?, ModSeq(number(row, 1)?)))
    })?;
    rows.collect()
}

/// UIDs of a mailbox that are gone since then.
pub(super) fn vanished_since(
    db: &Connection,
    account: i64,
    mailbox: MailboxId,
    since: ModSeq,
) -> Result<UidSet> {
    let sql = "SELECT first, last FROM gone WHERE account = ?1 AND modseq > ?2 AND kind = ?3 AND id = ?4";
    let arguments = params![account, integer(since.0), Gone::Entries as i64, integer(mailbox.0)];
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(arguments)?;
    let mut uids = UidSet::EMPTY;
    while let Some(row) = rows.next()? {
        uids.insert_range(row.get(0)?, row.get(1)?);
    }
    Ok(uids)
}
