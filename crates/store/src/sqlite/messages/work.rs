//! What the committer writes for the message store: alterations, uploads, deposits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mail::{Flags, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::account::{Account, Altering, Stop};
use super::email::NewEmail;
use super::mailbox::Update;
use super::rows::number;
use crate::Deposit;
use crate::messages::limits::{UPLOADS_BYTES_MAX, UPLOADS_MAX};
use crate::messages::{AccountState, Alteration, Altered, MailboxId, Refusal, Room, alteration};
use crate::spool::ContentFile;
use crate::sqlite::write::{Effects, Place, Stored, integer, millis, remove_ended};

/// Uploads that are over which one piece of work removes.
const SWEEP_MAX: i64 = 16;

/// Content on its way into the database.
#[derive(Debug)]
pub(in crate::sqlite) struct NewContent {
    pub(super) message: MessageId,
    stored: Stored,
    /// What it says about itself.
    pub(super) digest: Vec<u8>,
    /// Whether it has a row by the transaction that is made or was made last.
    is_written: AtomicBool,
}

impl NewContent {
    pub(super) fn new(message: MessageId, stored: Stored, digest: Vec<u8>) -> Self {
        NewContent { message, stored, digest, is_written: AtomicBool::new(false) }
    }

    fn write(&self, db: &Connection) -> Result<()> {
        let (file, content) = match &self.stored.place {
            Place::Inline(bytes) => (None, Some(&bytes[..])),
            Place::File(file) => (file.loose.as_ref().map(|loose| &loose.name[..]), None),
        };
        self.is_written.store(true, Ordering::Relaxed);
        let arguments =
            params![integer(self.message.0), integer(self.stored.size), self.stored.checksum, file, content];
        db.prepare_cached("INSERT INTO message VALUES (?1, 0, ?2, ?3, x'', ?4, ?5)")?
            .execute(arguments)
            .map(drop)
    }

    fn bytes(&self) -> usize {
        match &self.stored.place {
            Place::Inline(bytes) => bytes.len() + self.digest.len(),
            Place::File(_) => self.digest.len(),
        }
    }
}

/// An alteration, with what could be made ready before its turn.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) alteration: Alteration,
    /// What is appended, if it comes from outside.
    pub(super) content: Option<NewContent>,
    /// What uploaded content says about itself.
    pub(super) digest: Vec<u8>,
}

#[derive(Debug)]
enum What {
    Open,
    Alter(Vec<Step>, Room),
    Upload(NewContent, Timestamp),
}

/// What is given back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) state: AccountState,
    pub(super) each: Vec<std::result::Result<Altered, Refusal>>,
}

/// Changes of an account on their way into the database.
#[derive(Debug)]
pub(in crate::sqlite) struct MessageWork {
    account: String,
    what: What,
    now: Timestamp,
    answer: Arc<Mutex<Answer>>,
}

impl MessageWork {
    fn new(account: String, what: What, now: Timestamp) -> Self {
        MessageWork { account, what, now, answer: Arc::default() }
    }

    pub(super) fn open(account: String, now: Timestamp) -> Self {
        MessageWork::new(account, What::Open, now)
    }

    pub(super) fn alter(account: String, steps: Vec<Step>, room: Room, now: Timestamp) -> Self {
        MessageWork::new(account, What::Alter(steps, room), now)
    }

    pub(super) fn upload(account: String, content: NewContent, now: Timestamp, until: Timestamp) -> Self {
        MessageWork::new(account, What::Upload(content, until), now)
    }

    /// Where the answer will be.
    pub(super) fn answer(&self) -> Arc<Mutex<Answer>> {
        Arc::clone(&self.answer)
    }

    fn contents(&self) -> impl Iterator<Item = &NewContent> {
        let (steps, upload) = match &self.what {
            What::Open => (&[][..], None),
            What::Alter(steps, _) => (&steps[..], None),
            What::Upload(content, _) => (&[][..], Some(content)),
        };
        steps.iter().filter_map(|step| step.content.as_ref()).chain(upload)
    }

    /// The greatest id in it.
    pub(in crate::sqlite) fn id_last(&self) -> Option<u64> {
        self.contents().map(|content| content.message.0).max()
    }

    /// Bytes that it adds to the log, more or less.
    pub(in crate::sqlite) fn bytes(&self) -> usize {
        let steps = match &self.what {
            What::Alter(steps, _) => steps.len(),
            What::Open | What::Upload(..) => 1,
        };
        512 * steps + self.contents().map(NewContent::bytes).sum::<usize>()
    }

    /// Files that rows name now; or may name, if nobody knows what was written.
    pub(in crate::sqlite) fn files(&self) -> impl Iterator<Item = &Arc<ContentFile>> {
        let written = self.contents().filter(|content| content.is_written.load(Ordering::Relaxed));
        written.filter_map(|content| match &content.stored.place {
            Place::File(file) => Some(file),
            Place::Inline(_) => None,
        })
    }
}

/// Writes one piece of work.
pub(in crate::sqlite) fn write(db: &Connection, work: &MessageWork, effects: &mut Effects) -> Result<()> {
    work.contents().for_each(|content| content.is_written.store(false, Ordering::Relaxed));
    let mut account = Account::open(db, &work.account, work.now, effects)?;
    sweep(&mut account)?;
    sweep_oldest(db, work.now, account.effects)?;
    let mut each = Vec::new();
    match &work.what {
        What::Open => {}
        What::Alter(steps, room) => {
            for step in steps {
                each.push(value(alter(&mut account, step, *room))?);
            }
        }
        What::Upload(content, until) => each.push(value(upload(&mut account, content, *until))?),
    }
    let state = account.close()?.state;
    *work.answer.lock().unwrap_or_else(PoisonError::into_inner) = Answer { state, each };
    Ok(())
}

/// A refusal as a value.
fn value<T>(altered: Altering<T>) -> Result<std::result::Result<T, Refusal>> {
    match altered {
        Ok(altered) => Ok(Ok(altered)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Broken(error)) => Err(error),
    }
}

fn alter(account: &mut Account<'_>, step: &Step, room: Room) -> Altering<Altered> {
    match &step.alteration {
        Alteration::CreateMailbox { parent, name, role, sort_order, subscribed } => {
            account.create_mailbox(*parent, name, *role, *sort_order, *subscribed)
        }
        Alteration::UpdateMailbox { id, parent, name, role, sort_order, subscribed } => {
            let update = Update {
                parent: *parent,
                name: name.as_deref(),
                role: *role,
                sort_order: *sort_order,
                subscribed: *subscribed,
            };
            account.update_mailbox(*id, &update)
        }
        Alteration::DestroyMailbox { id, with_emails } => account.destroy_mailbox(*id, *with_emails),
        Alteration::Append { mailboxes, content, flags, received_at } => {
            let append = Append { mailboxes, content, flags, received_at: *received_at };
            self::append(account, &append, step, room)
        }
        Alteration::Flag { target, change, unchanged_since } => {
            account.flag(target, change, *unchanged_since)
        }
        Alteration::Copy { from, uids, to } => account.copy(*from, uids, *to, room),
        Alteration::Move { from, uids, to } => account.relocate(*from, uids, *to, room),
        Alteration::Expunge { mailbox, uids, deleted_only } => {
            account.expunge(*mailbox, uids.as_ref(), *deleted_only)
        }
        Alteration::Place { email, mailboxes } => account.place(*email, mailboxes),
        Alteration::Refile { email, into, out_of } => account.refile(*email, into, out_of),
        Alteration::DestroyEmail(id) => account.destroy_email(*id),
        Alteration::PutRecord { kind, id, document } => account.put_record(*kind, *id, document),
        Alteration::DestroyRecord { kind, id } => account.destroy_record(*kind, *id),
        Alteration::Annotate { mailbox, entry, value } => account.annotate(*mailbox, entry, value.as_ref()),
    }
}

struct Append<'a> {
    mailboxes: &'a [MailboxId],
    content: &'a alteration::Source,
    flags: &'a Flags,
    received_at: Timestamp,
}

fn append(account: &mut Account<'_>, append: &Append<'_>, step: &Step, room: Room) -> Altering<Altered> {
    let mut mailboxes = append.mailboxes.to_vec();
    let mut seen = std::collections::BTreeSet::new();
    mailboxes.retain(|mailbox| seen.insert(*mailbox));
    if mailboxes.is_empty() {
        return Err(Refusal::Nowhere.into());
    }
    for mailbox in &mailboxes {
        account.mailbox(*mailbox)?;
    }
    crate::messages::rules::check_flags(append.flags)?;
    account.can_make(1)?;
    let mut new = NewEmail {
        message: MessageId(0),
        thread: None,
        flags: append.flags,
        prefix: &[],
        size: 0,
        received_at: append.received_at,
        digest: &step.digest,
    };
    let (prefix, digest);
    match append.content {
        alteration::Source::Bytes(bytes) => {
            let content = step.content.as_ref().ok_or(Refusal::NoContent)?;
            account.has_room(room, bytes.len() as u64)?;
            content.write(account.db)?;
            new = NewEmail {
                message: content.message,
                size: content.stored.size,
                digest: &content.digest,
                ..new
            };
        }
        alteration::Source::Uploaded(id) => {
            let size = uploaded_size(account, *id)?.ok_or(Refusal::NoContent)?;
            account.has_room(room, size)?;
            new = NewEmail { message: *id, size, ..new };
        }
        alteration::Source::Email(id) => {
            let email = account.email(*id)?;
            account.has_room(room, email.size)?;
            (prefix, digest) = account.prefix_and_digest(&email)?;
            let thread = Some(email.thread);
            new = NewEmail {
                message: email.message,
                size: email.size,
                prefix: &prefix,
                digest: &digest,
                thread,
                ..new
            };
        }
    }
    account.add_email(&new, &mailboxes)
}

fn uploaded_size(account: &Account<'_>, id: MessageId) -> Result<Option<u64>> {
    let sql = "SELECT size FROM upload WHERE message = ?1 AND account = ?2";
    let mut statement = account.db.prepare_cached(sql)?;
    statement.query_row(params![integer(id.0), account.row.id], |row| number(row, 0)).optional()
}

fn upload(account: &mut Account<'_>, content: &NewContent, until: Timestamp) -> Altering<Altered> {
    let sql = "SELECT coalesce(sum(size), 0), count(*) FROM upload WHERE account = ?1";
    let (bytes, count) = account
        .db
        .prepare_cached(sql)?
        .query_row([account.row.id], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
    if bytes.saturating_add(content.stored.size) > UPLOADS_BYTES_MAX {
        return Err(Refusal::TooMany("bytes of uploads", UPLOADS_BYTES_MAX).into());
    }
    if count >= UPLOADS_MAX {
        return Err(Refusal::TooMany("uploads", UPLOADS_MAX).into());
    }
    content.write(account.db)?;
    account.db.prepare_cached("INSERT INTO upload VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        integer(content.message.0),
        account.row.id,
        integer(content.stored.size),
        millis(until)
    ])?;
    Ok(Altered::Done)
}

/// Removes some of the uploads of the account whose time is over.
fn sweep(account: &mut Account<'_>) -> Result<()> {
    let sql = "DELETE FROM upload WHERE message IN
               (SELECT message FROM upload WHERE account = ?1 AND until <= ?2 LIMIT ?3) RETURNING message";
    let mut delete = account.db.prepare_cached(sql)?;
    let rows =
        delete.query_map(params![account.row.id, millis(account.now), SWEEP_MAX], |row| number(row, 0))?;
    for message in rows.collect::<Result<Vec<_>>>()? {
        remove_ended(account.db, MessageId(message), account.effects)?;
    }
    Ok(())
}

/// Removes those of the oldest uploads whose time is over, whosever they are: nothing may happen to their account any
/// more. Ids grow with time, so none lies long behind others.
fn sweep_oldest(db: &Connection, now: Timestamp, effects: &mut Effects) -> Result<()> {
    let sql = "DELETE FROM upload WHERE message IN
                   (SELECT message FROM (SELECT message, until FROM upload ORDER BY message LIMIT ?2) WHERE until <= ?1)
               RETURNING message";
    let mut delete = db.prepare_cached(sql)?;
    let rows = delete.query_map(params![millis(now), SWEEP_MAX], |row| number(row, 0))?;
    for message in rows.collect::<Result<Vec<_>>>()? {
        remove_ended(db, MessageId(message), effects)?;
    }
    Ok(())
}

/// Puts a delivered message into a mailbox.
pub(in crate::sqlite) fn deposit(
    db: &Connection,
    message: MessageId,
    digest: &[u8],
    deposit: &Deposit,
    effects: &mut Effects,
) -> Result<()> {
    let name = deposit.account.to_string();
    sweep_oldest(db, deposit.received_at, effects)?;
    let mut account = Account::open(db, &name, deposit.received_at, effects)?;
    let size = account.message_size(message)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let flags = Flags::NONE;
    let new = NewEmail {
        message,
        thread: None,
        flags: &flags,
        prefix: &deposit.prefix,
        size: size.saturating_add(deposit.prefix.len() as u64),
        received_at: deposit.received_at,
        digest,
    };
    let mut put = || {
        let mailbox = account.mailbox_for(&deposit.mailbox)?;
        account.add_email(&new, &[mailbox])
    };
    match put() {
        Ok(_) => account.close().map(drop),
        Err(Stop::Broken(error)) => Err(error),
        Err(Stop::Refused(refusal)) => {
            tracing::error!(account = name, ?refusal, "a delivery found no place");
            Err(rusqlite::Error::QueryReturnedNoRows)
        }
    }
}

/// The content that an alteration brings from outside.
pub(super) fn brought(alteration: &Alteration) -> Option<&Bytes> {
    match alteration {
        Alteration::Append { content: alteration::Source::Bytes(bytes), .. } => Some(bytes),
        _ => None,
    }
}

/// Destroys all emails that have this content, whosever they are.
pub(in crate::sqlite) fn remove_content(db: &Connection, message: i64, effects: &mut Effects) -> Result<()> {
    let sql = "SELECT account.name, email.id FROM email JOIN account ON account.id = email.account
               WHERE email.message = ?1";
    let mut select = db.prepare(sql)?;
    let emails = select.query_map([message], |row| Ok((row.get::<_, String>(0)?, number(row, 1)?)))?;
    for found in emails.collect::<Result<Vec<_>>>()? {
        let (name, id) = found;
        let mut account = Account::open(db, &name, Timestamp::EPOCH, effects)?;
        if let Err(Stop::Broken(error)) = account.destroy_email(crate::messages::EmailId(id)) {
            return Err(error);
        }
        account.close()?;
    }
    Ok(())
}
