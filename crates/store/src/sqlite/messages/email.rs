//! A message of an account: made, placed, removed.

use mail::{Flags, MessageId, Timestamp, Uid};
use rusqlite::{OptionalExtension, Result, params};

use super::account::{Account, Altering};
use super::log::Gone;
use super::rows::{self, keywords, number, of_email, write_places};
use super::thread;
use crate::messages::{Altered, Email, EmailId, Entry, MailboxId, Refusal, Room, ThreadId, rules};
use crate::sqlite::write::{integer, millis, remove_ended};

/// A message that is about to be made.
#[derive(Debug)]
pub(super) struct NewEmail<'a> {
    pub(super) message: MessageId,
    /// Its conversation, if it is known.
    pub(super) thread: Option<ThreadId>,
    pub(super) flags: &'a Flags,
    pub(super) prefix: &'a [u8],
    /// With the prefix.
    pub(super) size: u64,
    pub(super) received_at: Timestamp,
    /// What the message says about itself.
    pub(super) digest: &'a [u8],
}

impl Account<'_> {
    /// Refuses what would make the account larger than it may be.
    pub(super) fn has_room(&self, room: Room, bytes: u64) -> Altering<()> {
        let after = self.row.state.usage.saturating_add(bytes);
        if room.bytes_max.is_some_and(|max| after > max) {
            return Err(Refusal::OverQuota.into());
        }
        Ok(())
    }

    /// Makes a message that lies in these mailboxes, which are there.
    pub(super) fn add_email(&mut self, new: &NewEmail<'_>, mailboxes: &[MailboxId]) -> Altering<Altered> {
        let id = EmailId(self.new_id());
        let keys = rules::thread_keys(new.digest);
        let found = match new.thread {
            Some(thread) => Some(thread),
            None => thread::find(self.db, self.row.id, &keys)?,
        };
        let thread = found.unwrap_or(ThreadId(id.0));
        thread::refer(self.db, self.row.id, &keys, thread)?;
        self.use_message(new.message, new.digest)?;
        let mut email = Email {
            id,
            thread,
            message: new.message,
            places: Vec::with_capacity(mailboxes.len()),
            flags: of_email(new.flags),
            size: new.size,
            received_at: new.received_at,
            created: self.next,
            modseq: self.next,
        };
        let mut places = Vec::with_capacity(mailboxes.len());
        for mailbox in mailboxes {
            let (uid, uid_validity) = self.add_entry(*mailbox, &email, new.flags)?;
            email.places.push((*mailbox, uid));
            places.push((*mailbox, uid, uid_validity));
        }
        email.places.sort_unstable();
        self.insert_email(&email, new.prefix)?;
        self.row.state.usage = self.row.state.usage.saturating_add(email.size);
        self.row.state.emails += 1;
        Ok(Altered::Email { id, thread, message: email.message, size: email.size, places })
    }

    fn insert_email(&self, email: &Email, prefix: &[u8]) -> Result<()> {
        let sql = "INSERT INTO email VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let arguments = params![
            self.row.id,
            integer(email.id.0),
            integer(email.message.0),
            integer(email.thread.0),
            integer(email.modseq.0),
            email.flags.system,
            keywords(&email.flags),
            integer(email.size),
            millis(email.received_at),
            write_places(&email.places),
            prefix
        ];
        self.db.prepare_cached(sql)?.execute(arguments).map(drop)
    }

    /// Counts one more email that has this content.
    fn use_message(&self, message: MessageId, digest: &[u8]) -> Result<()> {
        let sql = "INSERT INTO digest VALUES (?1, 1, ?2) ON CONFLICT DO UPDATE SET uses = uses + 1";
        self.db.prepare_cached(sql)?.execute(params![integer(message.0), digest]).map(drop)
    }

    /// A message of the account.
    pub(super) fn email(&self, id: EmailId) -> Altering<Email> {
        rows::email_of(self.db, self.row.id, id)?.ok_or(Refusal::NoEmail(id).into())
    }

    /// What stands before the content, and what the content says about itself.
    pub(super) fn prefix_and_digest(&self, email: &Email) -> Result<(Vec<u8>, Vec<u8>)> {
        let sql = "SELECT prefix, coalesce((SELECT record FROM digest WHERE message = email.message), x'')
                   FROM email WHERE account = ?1 AND id = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        statement.query_row(params![self.row.id, integer(email.id.0)], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Another message with the same content, in another place.
    pub(super) fn duplicate(&mut self, email: &Email, flags: &Flags, to: MailboxId) -> Altering<(Uid, u32)> {
        let (prefix, digest) = self.prefix_and_digest(email)?;
        let new = NewEmail {
            message: email.message,
            thread: Some(email.thread),
            flags,
            prefix: &prefix,
            size: email.size,
            received_at: email.received_at,
            digest: &digest,
        };
        match self.add_email(&new, &[to])? {
            Altered::Email { places, .. } => Ok((places[0].1, places[0].2)),
            other => unreachable!("a message was made: {other:?}"),
        }
    }

    /// Writes places and flags of a message that is there.
    pub(super) fn update_email(&mut self, email: &Email) -> Result<()> {
        self.touch();
        let sql = "UPDATE email SET modseq = ?3, flags = ?4, keywords = ?5, places = ?6
                   WHERE account = ?1 AND id = ?2";
        let arguments = params![
            self.row.id,
            integer(email.id.0),
            integer(self.next.0),
            email.flags.system,
            keywords(&email.flags),
            write_places(&email.places)
        ];
        self.db.prepare_cached(sql)?.execute(arguments).map(drop)
    }

    /// Takes a message out of one mailbox; without a place left it is gone, unless it is to get another.
    pub(super) fn displace(&mut self, email: &mut Email, mailbox: MailboxId, entry: &Entry) -> Altering<()> {
        self.remove_entry(mailbox, entry)?;
        email.places.retain(|place| *place != (mailbox, entry.uid));
        Ok(())
    }

    /// Writes what is left of a message that lost places.
    pub(super) fn settle_places(&mut self, email: &Email) -> Altering<()> {
        if email.places.is_empty() {
            return self.remove_email(email);
        }
        Ok(self.update_email(email)?)
    }

    /// Removes a message that lies nowhere any more.
    fn remove_email(&mut self, email: &Email) -> Altering<()> {
        let account = self.row.id;
        let sql = "DELETE FROM email WHERE account = ?1 AND id = ?2";
        self.db.prepare_cached(sql)?.execute(params![account, integer(email.id.0)])?;
        self.row.state.usage = self.row.state.usage.saturating_sub(email.size);
        self.row.state.emails = self.row.state.emails.saturating_sub(1);
        self.gone(Gone::Email, email.id.0);
        let sql = "SELECT EXISTS (SELECT 1 FROM email WHERE account = ?1 AND thread = ?2)";
        let goes_on: bool = self
            .db
            .prepare_cached(sql)?
            .query_row(params![account, integer(email.thread.0)], |row| row.get(0))?;
        self.gone(if goes_on { Gone::ThreadEmail } else { Gone::Thread }, email.thread.0);
        self.release_message(email)?;
        Ok(())
    }

    /// Counts one email less that has this content.
    fn release_message(&mut self, email: &Email) -> Result<()> {
        let message = integer(email.message.0);
        let sql = "UPDATE digest SET uses = uses - 1 WHERE message = ?1 RETURNING uses, record";
        let mut update = self.db.prepare_cached(sql)?;
        let left = update.query_row([message], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)));
        let Some((uses, record)) = left.optional()? else { return Ok(()) };
        thread::unrefer(self.db, self.row.id, &rules::thread_keys(&record))?;
        if uses <= 0 {
            self.db.prepare_cached("DELETE FROM digest WHERE message = ?1")?.execute([message])?;
            remove_ended(self.db, email.message, self.effects)?;
        }
        Ok(())
    }

    /// Entries of a mailbox, by UID: these, or all.
    pub(super) fn entries(&self, mailbox: MailboxId, uids: Option<&mail::UidSet>) -> Result<Vec<Entry>> {
        self.entries_with(mailbox, uids, 0)
    }

    /// Those that have one of these flags; with no flags, all. Others are not even read.
    pub(super) fn entries_with(
        &self,
        mailbox: MailboxId,
        uids: Option<&mail::UidSet>,
        flags: u8,
    ) -> Result<Vec<Entry>> {
        let all = mail::UidSet::range(1, u32::MAX);
        let sql = format!(
            "{} WHERE account = ?1 AND mailbox = ?2 AND uid BETWEEN ?3 AND ?4 AND (?5 = 0 OR flags & ?5 <> 0)",
            rows::ENTRY
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut entries = Vec::new();
        for range in uids.unwrap_or(&all).ranges() {
            let arguments = params![self.row.id, integer(mailbox.0), range.start(), range.end(), flags];
            for entry in statement.query_map(arguments, rows::entry)? {
                entries.push(entry?);
            }
        }
        Ok(entries)
    }

    /// One entry.
    pub(super) fn entry(&self, (mailbox, uid): (MailboxId, Uid)) -> Result<Option<Entry>> {
        let sql = format!("{} WHERE account = ?1 AND mailbox = ?2 AND uid = ?3", rows::ENTRY);
        let mut statement = self.db.prepare_cached(&sql)?;
        statement.query_row(params![self.row.id, integer(mailbox.0), uid], rows::entry).optional()
    }

    /// Bytes of content; none if there is no such content.
    pub(super) fn message_size(&self, message: MessageId) -> Result<Option<u64>> {
        let mut statement = self.db.prepare_cached("SELECT size FROM message WHERE id = ?1")?;
        statement.query_row([integer(message.0)], |row| number(row, 0)).optional()
    }
}
