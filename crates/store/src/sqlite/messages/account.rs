//! An account while it is being changed: its row and its mailboxes in memory, written back at the end.

use std::collections::BTreeMap;

use mail::{Flags, ModSeq, Role, SystemFlag, Timestamp, Uid, UidSet};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::log::Gone;
use super::rows::{self, AccountRow, keywords, number};
use crate::messages::limits::{LOG_ROWS_MAX, MADE_MAX};
use crate::messages::{Email, Entry, Mailbox, MailboxId, Refusal, rules};
use crate::sqlite::write::{Effects, integer, millis};

/// Why an alteration ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It may not be made.
    Refused(Refusal),
    /// The database could not.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Broken(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

/// What an alteration gives.
pub(super) type Altering<T> = std::result::Result<T, Stop>;

/// The account in a transaction.
pub(super) struct Account<'a> {
    pub(super) db: &'a Connection,
    pub(super) effects: &'a mut Effects,
    pub(super) row: AccountRow,
    pub(super) now: Timestamp,
    /// The change that is being made.
    pub(super) next: ModSeq,
    name: &'a str,
    /// How many ids it has given.
    made: u64,
    changed: bool,
    /// Those that were looked at; and whether they are others now.
    mailboxes: BTreeMap<MailboxId, (Mailbox, bool)>,
    /// Whether these are all.
    knows_all: bool,
    /// UIDs that are gone.
    vanished: BTreeMap<MailboxId, UidSet>,
    gone: Vec<(Gone, u64)>,
}

impl<'a> Account<'a> {
    /// The account of that name; made if there is none.
    pub(super) fn open(
        db: &'a Connection,
        name: &'a str,
        now: Timestamp,
        effects: &'a mut Effects,
    ) -> Result<Self> {
        if let Some(row) = rows::account(db, name)? {
            return Ok(Account::of(db, name, row, now, effects));
        }
        let sql = "INSERT INTO account (name, modseq, log_since, log_rows, usage, emails, uid_validity)
                   VALUES (?1, 0, 0, 0, 0, 0, 0)";
        db.prepare_cached(sql)?.execute([name])?;
        let id = db.last_insert_rowid();
        let row = AccountRow { id, state: Default::default(), log_rows: 0, uid_validity: 0 };
        let mut account = Account::of(db, name, row, now, effects);
        account.knows_all = true;
        for (place, (name, role)) in (0..).zip(rules::FIRST_MAILBOXES) {
            account.make_mailbox(None, name.to_owned(), Some(role), place, true)?;
        }
        Ok(account)
    }

    fn of(
        db: &'a Connection,
        name: &'a str,
        row: AccountRow,
        now: Timestamp,
        effects: &'a mut Effects,
    ) -> Self {
        Account {
            db,
            effects,
            row,
            now,
            next: ModSeq(row.state.modseq.0 + 1),
            name,
            made: 0,
            changed: false,
            mailboxes: BTreeMap::new(),
            knows_all: false,
            vanished: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// Says that something is not as it was.
    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// A new id.
    pub(super) fn new_id(&mut self) -> u64 {
        let id = rules::made(self.next, self.made);
        self.made += 1;
        self.changed = true;
        id
    }

    /// Whether so many ids may still be given.
    pub(super) fn can_make(&self, count: u64) -> Altering<()> {
        if self.made.saturating_add(count) > MADE_MAX {
            return Err(Refusal::TooMany("things made at once", MADE_MAX).into());
        }
        Ok(())
    }

    pub(super) fn mailbox(&mut self, id: MailboxId) -> Altering<&mut Mailbox> {
        if !self.knows_all
            && !self.mailboxes.contains_key(&id)
            && let Some(found) = rows::mailbox_of(self.db, self.row.id, id)?
        {
            self.mailboxes.insert(id, (found, false));
        }
        let found = self.mailboxes.get_mut(&id).map(|(mailbox, _)| mailbox);
        found.ok_or(Stop::Refused(Refusal::NoMailbox(id)))
    }

    /// A mailbox that is about to be changed.
    pub(super) fn changing(&mut self, id: MailboxId) -> Altering<&mut Mailbox> {
        self.mailbox(id)?;
        self.changed = true;
        let (mailbox, is_changed) = self.mailboxes.get_mut(&id).expect("looked at just now");
        *is_changed = true;
        Ok(mailbox)
    }

    /// All mailboxes, by id.
    pub(super) fn all_mailboxes(&mut self) -> Result<impl Iterator<Item = &Mailbox>> {
        self.know_all()?;
        Ok(self.mailboxes.values().map(|(mailbox, _)| mailbox))
    }

    /// Reads the mailboxes that were not looked at yet.
    pub(super) fn know_all(&mut self) -> Result<()> {
        if !self.knows_all {
            for mailbox in rows::mailboxes(self.db, self.row.id)? {
                self.mailboxes.entry(mailbox.id).or_insert((mailbox, false));
            }
            self.knows_all = true;
        }
        Ok(())
    }

    /// The inbox; made anew if it is not there, as mail must go somewhere.
    pub(super) fn inbox(&mut self) -> Result<MailboxId> {
        let known = self.mailboxes.values().find(|(mailbox, _)| mailbox.role == Some(Role::Inbox));
        if let Some((mailbox, _)) = known {
            return Ok(mailbox.id);
        }
        let sql = "SELECT id FROM mailbox WHERE account = ?1 AND role = 'inbox' ORDER BY id LIMIT 1";
        let found = self.db.prepare_cached(sql)?.query_row([self.row.id], |row| number(row, 0)).optional()?;
        match found {
            Some(id) => Ok(MailboxId(id)),
            None => self.make_mailbox(None, "INBOX".to_owned(), Some(Role::Inbox), 0, true),
        }
    }

    pub(super) fn make_mailbox(
        &mut self,
        parent: Option<MailboxId>,
        name: String,
        role: Option<Role>,
        sort_order: u32,
        subscribed: bool,
    ) -> Result<MailboxId> {
        let id = MailboxId(self.new_id());
        let by_time = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX - 1).max(1);
        self.row.uid_validity = by_time.max(self.row.uid_validity.saturating_add(1));
        let mailbox = Mailbox {
            id,
            parent,
            name,
            role,
            sort_order,
            subscribed,
            uid_validity: self.row.uid_validity,
            uid_next: 1,
            highest_modseq: self.next,
            total: 0,
            unseen: 0,
            deleted: 0,
            size: 0,
            created: self.next,
            modseq: self.next,
            counts_modseq: self.next,
        };
        let sql = "INSERT INTO mailbox VALUES (?1, ?2, NULL, '', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)";
        self.db.prepare_cached(sql)?.execute(params![self.row.id, integer(id.0)])?;
        self.mailboxes.insert(id, (mailbox, true));
        Ok(id)
    }

    /// Forgets a mailbox that has no row any more.
    pub(super) fn forget_mailbox(&mut self, id: MailboxId) {
        self.mailboxes.remove(&id);
        self.vanished.remove(&id);
        self.gone(Gone::Mailbox, id.0);
    }

    /// Remembers that something is gone.
    pub(super) fn gone(&mut self, kind: Gone, id: u64) {
        self.changed = true;
        self.gone.push((kind, id));
    }

    /// Puts a message into a mailbox, in which it gets a new UID.
    pub(super) fn add_entry(&mut self, id: MailboxId, email: &Email, flags: &Flags) -> Altering<(Uid, u32)> {
        let (next, account, now) = (self.next, self.row.id, self.now);
        let mailbox = self.changing(id)?;
        let Some(after) = mailbox.uid_next.checked_add(1) else {
            return Err(Refusal::TooMany("messages that were ever in a mailbox", u64::from(u32::MAX)).into());
        };
        let (uid, uid_validity) = (mailbox.uid_next, mailbox.uid_validity);
        mailbox.uid_next = after;
        mailbox.total += 1;
        mailbox.size = mailbox.size.saturating_add(email.size);
        count(mailbox, flags, 1);
        (mailbox.highest_modseq, mailbox.counts_modseq) = (next, next);
        let sql = "INSERT INTO entry VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        self.db.prepare_cached(sql)?.execute(params![
            account,
            integer(id.0),
            uid,
            integer(email.id.0),
            integer(email.thread.0),
            integer(next.0),
            flags.system,
            keywords(flags),
            integer(email.size),
            millis(email.received_at),
            millis(now)
        ])?;
        Ok((uid, uid_validity))
    }

    /// Takes an entry out of a mailbox.
    pub(super) fn remove_entry(&mut self, id: MailboxId, entry: &Entry) -> Altering<()> {
        let (next, account) = (self.next, self.row.id);
        let mailbox = self.changing(id)?;
        mailbox.total = mailbox.total.saturating_sub(1);
        mailbox.size = mailbox.size.saturating_sub(entry.size);
        count(mailbox, &entry.flags, -1);
        (mailbox.highest_modseq, mailbox.counts_modseq) = (next, next);
        let sql = "DELETE FROM entry WHERE account = ?1 AND mailbox = ?2 AND uid = ?3";
        self.db.prepare_cached(sql)?.execute(params![account, integer(id.0), entry.uid])?;
        self.vanished.entry(id).or_default().insert(entry.uid);
        Ok(())
    }

    /// Gives an entry other flags.
    pub(super) fn flag_entry(&mut self, id: MailboxId, uid: Uid, old: &Flags, new: &Flags) -> Altering<()> {
        let (next, account) = (self.next, self.row.id);
        let mailbox = self.changing(id)?;
        let counts = |mailbox: &Mailbox| (mailbox.unseen, mailbox.deleted);
        let before = counts(mailbox);
        count(mailbox, old, -1);
        count(mailbox, new, 1);
        mailbox.highest_modseq = next;
        if counts(mailbox) != before {
            mailbox.counts_modseq = next;
        }
        let sql = "UPDATE entry SET modseq = ?4, flags = ?5, keywords = ?6
                   WHERE account = ?1 AND mailbox = ?2 AND uid = ?3";
        let arguments = params![account, integer(id.0), uid, integer(next.0), new.system, keywords(new)];
        self.db.prepare_cached(sql)?.execute(arguments)?;
        Ok(())
    }

    /// Writes what is in memory. Gives where the account stands.
    pub(super) fn close(mut self) -> Result<AccountRow> {
        if !self.changed {
            return Ok(self.row);
        }
        self.row.state.modseq = self.next;
        self.write_mailboxes()?;
        self.row.log_rows += super::log::write(self.db, self.row.id, self.next, &self.vanished, &self.gone)?;
        if self.row.log_rows > LOG_ROWS_MAX {
            super::log::prune(self.db, &mut self.row)?;
        }
        let AccountRow { id, state, log_rows, uid_validity } = self.row;
        let sql = "UPDATE account SET modseq = ?2, log_since = ?3, log_rows = ?4, usage = ?5, emails = ?6,
                   uid_validity = ?7 WHERE id = ?1";
        self.db.prepare_cached(sql)?.execute(params![
            id,
            integer(state.modseq.0),
            integer(state.log_since.0),
            integer(log_rows),
            integer(state.usage),
            integer(state.emails),
            uid_validity
        ])?;
        self.effects.told.push((self.name.to_owned(), state.modseq));
        Ok(self.row)
    }

    fn write_mailboxes(&self) -> Result<()> {
        let sql = "UPDATE mailbox SET parent = ?3, name = ?4, role = ?5, sort_order = ?6, subscribed = ?7,
                   uid_validity = ?8, uid_next = ?9, highest_modseq = ?10, total = ?11, unseen = ?12, deleted = ?13,
                   size = ?14, modseq = ?15, counts_modseq = ?16 WHERE account = ?1 AND id = ?2";
        let mut update = self.db.prepare_cached(sql)?;
        for (mailbox, _) in self.mailboxes.values().filter(|(_, is_changed)| *is_changed) {
            update.execute(params![
                self.row.id,
                integer(mailbox.id.0),
                mailbox.parent.map(|id| integer(id.0)),
                mailbox.name,
                mailbox.role.map(Role::jmap),
                mailbox.sort_order,
                mailbox.subscribed,
                mailbox.uid_validity,
                mailbox.uid_next,
                integer(mailbox.highest_modseq.0),
                integer(mailbox.total),
                integer(mailbox.unseen),
                integer(mailbox.deleted),
                integer(mailbox.size),
                integer(mailbox.modseq.0),
                integer(mailbox.counts_modseq.0)
            ])?;
        }
        Ok(())
    }
}

/// Counts a message with these flags in, or out.
fn count(mailbox: &mut Mailbox, flags: &Flags, by: i64) {
    if !flags.has(SystemFlag::Seen) {
        mailbox.unseen = mailbox.unseen.saturating_add_signed(by);
    }
    if flags.has(SystemFlag::Deleted) {
        mailbox.deleted = mailbox.deleted.saturating_add_signed(by);
    }
}
