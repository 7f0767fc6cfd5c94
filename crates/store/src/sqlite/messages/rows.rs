//! How do mailboxes, messages and entries stand in their tables?

use std::collections::BTreeSet;

use mail::{Flags, MessageId, ModSeq, Role, SystemFlag, Timestamp, Uid};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::messages::{AccountState, Email, EmailId, Entry, Mailbox, MailboxId, ThreadId, rules};
use crate::sqlite::write::integer;

/// An account as its row has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccountRow {
    pub(super) id: i64,
    pub(super) state: AccountState,
    pub(super) log_rows: u64,
    pub(super) uid_validity: u32,
}

/// The account of that name.
pub(super) fn account(db: &Connection, name: &str) -> Result<Option<AccountRow>> {
    let sql =
        "SELECT id, modseq, log_since, usage, emails, log_rows, uid_validity FROM account WHERE name = ?1";
    let read = |row: &Row<'_>| {
        Ok(AccountRow {
            id: row.get(0)?,
            state: AccountState {
                modseq: ModSeq(number(row, 1)?),
                log_since: ModSeq(number(row, 2)?),
                usage: number(row, 3)?,
                emails: number(row, 4)?,
            },
            log_rows: number(row, 5)?,
            uid_validity: row.get(6)?,
        })
    };
    db.prepare_cached(sql)?.query_row([name], read).optional()
}

/// An integer that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

pub(super) const MAILBOX: &str =
    "SELECT id, parent, name, role, sort_order, subscribed, uid_validity, uid_next,
    highest_modseq, total, unseen, deleted, size, modseq, counts_modseq FROM mailbox";

pub(super) fn mailbox(row: &Row<'_>) -> Result<Mailbox> {
    let id = number(row, 0)?;
    let role: Option<String> = row.get(3)?;
    Ok(Mailbox {
        id: MailboxId(id),
        parent: row.get::<_, Option<i64>>(1)?.map(|id| MailboxId(id.cast_unsigned())),
        name: row.get(2)?,
        role: role.and_then(|role| Role::ALL.into_iter().find(|known| known.jmap() == role)),
        sort_order: row.get(4)?,
        subscribed: row.get(5)?,
        uid_validity: row.get(6)?,
        uid_next: row.get(7)?,
        highest_modseq: ModSeq(number(row, 8)?),
        total: number(row, 9)?,
        unseen: number(row, 10)?,
        deleted: number(row, 11)?,
        size: number(row, 12)?,
        created: rules::created(id),
        modseq: ModSeq(number(row, 13)?),
        counts_modseq: ModSeq(number(row, 14)?),
    })
}

/// All mailboxes of an account, by id.
pub(super) fn mailboxes(db: &Connection, account: i64) -> Result<Vec<Mailbox>> {
    let mut statement = db.prepare_cached(&format!("{MAILBOX} WHERE account = ?1 ORDER BY id"))?;
    statement.query_map([account], mailbox)?.collect()
}

/// One mailbox.
pub(super) fn mailbox_of(db: &Connection, account: i64, id: MailboxId) -> Result<Option<Mailbox>> {
    let mut statement = db.prepare_cached(&format!("{MAILBOX} WHERE account = ?1 AND id = ?2"))?;
    statement.query_row(params![account, integer(id.0)], mailbox).optional()
}

pub(super) const ENTRY: &str =
    "SELECT uid, email, thread, modseq, flags, keywords, size, received_at, saved_at FROM entry";

pub(super) fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        uid: row.get(0)?,
        email: EmailId(number(row, 1)?),
        thread: ThreadId(number(row, 2)?),
        modseq: ModSeq(number(row, 3)?),
        flags: flags(row, 4)?,
        size: number(row, 6)?,
        received_at: Timestamp::from_millis(number(row, 7)?),
        saved_at: Timestamp::from_millis(number(row, 8)?),
    })
}

pub(super) const EMAIL: &str =
    "SELECT id, message, thread, modseq, flags, keywords, size, received_at, places FROM email";

pub(super) fn email(row: &Row<'_>) -> Result<Email> {
    let id = number(row, 0)?;
    Ok(Email {
        id: EmailId(id),
        message: MessageId(number(row, 1)?),
        thread: ThreadId(number(row, 2)?),
        modseq: ModSeq(number(row, 3)?),
        flags: flags(row, 4)?,
        size: number(row, 6)?,
        received_at: Timestamp::from_millis(number(row, 7)?),
        places: read_places(row.get_ref(8)?.as_str()?),
        created: rules::created(id),
    })
}

/// One message.
pub(super) fn email_of(db: &Connection, account: i64, id: EmailId) -> Result<Option<Email>> {
    let mut statement = db.prepare_cached(&format!("{EMAIL} WHERE account = ?1 AND id = ?2"))?;
    statement.query_row(params![account, integer(id.0)], email).optional()
}

/// Flags in one column and keywords in the next.
fn flags(row: &Row<'_>, column: usize) -> Result<Flags> {
    let keywords = row.get_ref(column + 1)?.as_str()?;
    let keywords =
        if keywords.is_empty() { BTreeSet::new() } else { keywords.split(' ').map(str::to_owned).collect() };
    Ok(Flags { system: row.get(column)?, keywords })
}

/// Keywords as they stand in a column.
pub(super) fn keywords(flags: &Flags) -> String {
    let mut text = String::new();
    for keyword in &flags.keywords {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(keyword);
    }
    text
}

/// Flags of a message without that which belongs to a place.
pub(super) fn of_email(flags: &Flags) -> Flags {
    flags.without(&Flags::of(SystemFlag::Deleted))
}

fn read_places(text: &str) -> Vec<(MailboxId, Uid)> {
    let place = |place: &str| {
        let (mailbox, uid) = place.split_once(':')?;
        Some((MailboxId(mailbox.parse().ok()?), uid.parse().ok()?))
    };
    text.split(' ').filter_map(place).collect()
}

/// Places as they stand in a column.
pub(super) fn write_places(places: &[(MailboxId, Uid)]) -> String {
    let text: Vec<_> = places.iter().map(|(mailbox, uid)| format!("{}:{uid}", mailbox.0)).collect();
    text.join(" ")
}
