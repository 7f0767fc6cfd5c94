//! What is written for each piece of work: the SQL of the committer.

use std::collections::HashSet;
use std::sync::Arc;

use mail::{Envelope, MessageId, ModSeq, RecipientId, Timestamp};
use policy::Verdict;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::key_values::{self, KeyWork};
use super::ledger::Change;
use super::messages::{self, MessageWork};
use super::record;
use super::revise::{self, Revising};
use super::shared::Shared;
use crate::spool::ContentFile;
use crate::{Deposit, QueuedRecipient, RecipientState, Settlement};

/// The name under which the greatest id that may have been given is kept.
const IDS: &str = "ids";

/// Content on its way into the database.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) size: u64,
    pub(super) checksum: u32,
    pub(super) place: Place,
}

/// Where content is kept.
#[derive(Debug)]
pub(super) enum Place {
    Inline(bytes::Bytes),
    File(Arc<ContentFile>),
}

/// A message on its way into the database, already in the form that it has there.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) envelope: Arc<Envelope>,
    pub(super) recipients: Vec<QueuedRecipient>,
    pub(super) content: Stored,
    /// Whether the ledger keeps it in memory.
    pub(super) fresh: bool,
    record: Vec<u8>,
    /// Wishes and progress of each recipient.
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Incoming {
    pub(super) fn new(envelope: Arc<Envelope>, recipients: Vec<QueuedRecipient>, content: Stored) -> Self {
        let of = |queued: &QueuedRecipient| {
            let wishes = record::write_wishes(queued.recipient.notify, queued.recipient.original.as_ref());
            (wishes, record::write_progress(&queued.progress))
        };
        let records = recipients.iter().map(of).collect();
        let record = record::write_envelope(&envelope);
        Incoming { envelope, recipients, content, fresh: false, record, records }
    }

    /// The greatest id in it.
    pub(super) fn id_last(&self) -> u64 {
        self.envelope.message.0.saturating_add(self.recipients.len() as u64)
    }

    /// Bytes that it takes in the database, more or less.
    pub(super) fn bytes(&self) -> usize {
        let content = match &self.content.place {
            Place::Inline(bytes) => bytes.len(),
            Place::File(_) => 0,
        };
        content + self.record.len() + self.records.iter().map(|(a, b)| a.len() + b.len() + 64).sum::<usize>()
    }
}

/// A settlement on its way into the database.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) message: MessageId,
    pub(super) changes: Vec<Change>,
    /// Recipients that the message had at first.
    recipients: u32,
    /// The record that a change writes: a progress or a state.
    records: Vec<Option<Vec<u8>>>,
    deposits: Vec<Deposit>,
    /// What the message says about itself, if it is deposited.
    digest: Vec<u8>,
    pub(super) notices: Vec<Incoming>,
}

impl Settling {
    pub(super) fn new(
        settlement: Settlement,
        changes: Vec<Change>,
        recipients: u32,
        notices: Vec<Incoming>,
        digest: Vec<u8>,
    ) -> Self {
        let of = |change: &Change| match change {
            Change::End(_) if recipients <= 1 => None,
            Change::End(id) | Change::Retry(id, _) | Change::Untold(id) => {
                let ending = settlement.endings.iter().find(|ending| ending.recipient == *id)?;
                match ending.verdict.clone() {
                    Verdict::Retry(progress) => Some(record::write_progress(&progress)),
                    Verdict::Delivered(delivered) => {
                        record::write_state(&RecipientState::DeliveredUntold(delivered))
                    }
                    Verdict::Failed(trouble) => record::write_state(&RecipientState::FailedUntold(trouble)),
                }
            }
        };
        let records = changes.iter().map(of).collect();
        Settling {
            message: settlement.message,
            changes,
            recipients,
            records,
            deposits: settlement.deposits,
            digest,
            notices,
        }
    }
}

/// A row that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) recipient: RecipientId,
    pub(super) message: MessageId,
    pub(super) why: String,
}

/// What the committer is asked to write.
#[derive(Debug)]
pub(super) enum Work {
    Accept(Incoming),
    Settle(Settling),
    SetAside(Vec<Unreadable>),
    KeyValues(KeyWork),
    Revise(Revising),
    Messages(MessageWork),
}

impl Work {
    /// The messages that come into the queue by it.
    pub(super) fn incoming(&mut self) -> &mut [Incoming] {
        match self {
            Work::Accept(incoming) => std::slice::from_mut(incoming),
            Work::Settle(settling) => &mut settling.notices,
            Work::SetAside(_) | Work::KeyValues(_) | Work::Revise(_) | Work::Messages(_) => &mut [],
        }
    }

    /// Bytes that it adds to the log, more or less.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Work::Accept(incoming) => incoming.bytes(),
            Work::Settle(settling) => {
                256 + settling.digest.len() + settling.notices.iter().map(Incoming::bytes).sum::<usize>()
            }
            Work::SetAside(rows) => 256 * rows.len(),
            Work::KeyValues(work) => work.bytes(),
            Work::Revise(revising) => revising.bytes(),
            Work::Messages(work) => work.bytes(),
        }
    }
}

/// What a transaction did that is not in the database.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Messages that are gone.
    pub(super) gone: Vec<MessageId>,
    /// Files that nothing refers to any more.
    pub(super) files: Vec<String>,
    /// Recipients whose next event is another than the ledger thinks; none if they are gone.
    pub(super) revised: Vec<(RecipientId, Option<Timestamp>)>,
    /// Accounts that have changed, and their latest change.
    pub(super) told: Vec<(String, ModSeq)>,
}

/// What the committer remembers from one transaction to the next.
#[derive(Debug)]
pub(super) struct Known {
    /// Recipients that were revised while somebody held them: what is settled is merged with what is written.
    pub(super) revised: HashSet<RecipientId>,
    /// Whether there may be rows of recipients that have ended.
    pub(super) has_ended: bool,
}

/// Writes one piece of work.
pub(super) fn write(
    db: &Connection,
    work: &Work,
    shared: &Shared,
    known: &mut Known,
    effects: &mut Effects,
) -> Result<()> {
    match work {
        Work::Accept(incoming) => accept(db, incoming),
        Work::Settle(settling) => settle(db, settling, known, effects),
        Work::Revise(revising) => revise::write(db, revising, shared, known, effects),
        Work::SetAside(rows) => rows.iter().try_for_each(|row| set_aside(db, row)),
        Work::KeyValues(work) => key_values::write(db, work),
        Work::Messages(work) => messages::write(db, work, effects),
    }
}

/// Keeps the greatest id that may have been given, so that none is given twice even if the clock goes back.
pub(super) fn reserve_ids(db: &Connection, below: u64) -> Result<()> {
    let sql = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    db.prepare_cached(sql)?.execute(params![IDS, integer(below)]).map(drop)
}

/// The greatest id that was or may have been given.
pub(super) fn id_last(db: &Connection) -> Result<u64> {
    let sql = "SELECT max(coalesce((SELECT value FROM meta WHERE name = ?1), 0),
                      coalesce((SELECT max(id) FROM message), 0),
                      coalesce((SELECT max(id) FROM recipient), 0))";
    db.query_row(sql, [IDS], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// SQLite's integers have a sign; ids and times stay far below it.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn millis(time: Timestamp) -> i64 {
    integer(time.as_millis())
}

fn accept(db: &Connection, incoming: &Incoming) -> Result<()> {
    let message = integer(incoming.envelope.message.0);
    let (file, content) = match &incoming.content.place {
        Place::Inline(bytes) => (None, Some(&bytes[..])),
        Place::File(file) => (file.loose.as_ref().map(|loose| &loose.name[..]), None),
    };
    let Stored { size, checksum, .. } = incoming.content;
    db.prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        message,
        integer(incoming.recipients.len() as u64),
        integer(size),
        checksum,
        incoming.record,
        file,
        content
    ])?;
    let mut insert = db.prepare_cached("INSERT INTO recipient VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?;
    for (queued, (wishes, progress)) in incoming.recipients.iter().zip(&incoming.records) {
        let id = integer(queued.recipient.id.0);
        insert.execute(params![id, message, millis(queued.next_event()), wishes, progress])?;
    }
    Ok(())
}

fn settle(db: &Connection, settling: &Settling, known: &mut Known, effects: &mut Effects) -> Result<()> {
    for deposit in &settling.deposits {
        messages::deposit(db, settling.message, &settling.digest, deposit, effects)?;
    }
    let mut ended = Vec::new();
    for (change, record) in settling.changes.iter().zip(&settling.records) {
        let id = integer(change.recipient().0);
        if !known.revised.is_empty()
            && known.revised.remove(&change.recipient())
            && let (Change::Retry(recipient, _), Some(record)) = (change, record)
        {
            ended.extend(revise::settle_revised(db, *recipient, record, effects)?);
            continue;
        }
        let rows = match change {
            Change::End(recipient) => {
                ended.push((*recipient, record.clone()));
                continue;
            }
            Change::Retry(_, next_event) => db
                .prepare_cached("UPDATE recipient SET next_event = ?2, progress = ?3 WHERE id = ?1")?
                .execute(params![id, millis(*next_event), record])?,
            Change::Untold(_) => db
                .prepare_cached("UPDATE recipient SET next_event = 0, state = ?2 WHERE id = ?1")?
                .execute(params![id, record])?,
        };
        expect_one(rows, change.recipient());
    }
    for notice in &settling.notices {
        accept(db, notice)?;
    }
    end(db, settling.message, settling.recipients, &ended, known, effects)
}

fn expect_one(rows: usize, recipient: RecipientId) {
    if rows != 1 {
        tracing::error!(%recipient, "a recipient that was held is not in the queue");
    }
}

/// Removes recipients that have ended, each with the state in which it did. As long as others of their message have
/// not, they are kept aside for people to see.
pub(super) fn end(
    db: &Connection,
    message: MessageId,
    recipients: u32,
    ended: &[(RecipientId, Option<Vec<u8>>)],
    known: &mut Known,
    effects: &mut Effects,
) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let range = || (integer(message.0), integer(message.0.saturating_add(u64::from(recipients))));
    let left: i64 = if recipients > 1 {
        let (first, last) = range();
        db.prepare_cached("SELECT count(*) FROM recipient WHERE id > ?1 AND id <= ?2")?
            .query_row([first, last], |row| row.get(0))?
    } else {
        0
    };
    let some_stay = usize::try_from(left).unwrap_or(0) > ended.len();
    for (recipient, state) in ended {
        let id = integer(recipient.0);
        if some_stay {
            let sql = "INSERT OR REPLACE INTO ended
                       SELECT id, message, wishes, progress, coalesce(?2, state) FROM recipient
                       WHERE id = ?1 AND coalesce(?2, state) IS NOT NULL";
            db.prepare_cached(sql)?.execute(params![id, state])?;
            known.has_ended = true;
        }
        let rows = db.prepare_cached("DELETE FROM recipient WHERE id = ?1")?.execute([id])?;
        expect_one(rows, *recipient);
    }
    if !some_stay && recipients > 1 && known.has_ended {
        let (first, last) = range();
        db.prepare_cached("DELETE FROM ended WHERE id > ?1 AND id <= ?2")?.execute([first, last])?;
    }
    remove_ended(db, message, effects)
}

/// Whether there are recipients that have ended while others of their message have not.
pub(super) fn has_ended(db: &Connection) -> Result<bool> {
    db.query_row("SELECT EXISTS (SELECT 1 FROM ended)", [], |row| row.get(0))
}

/// Removes a message if neither a recipient nor an email nor an upload refers to it any more. The ids of a message's
/// recipients follow its own, so the first recipient after it is one of its own if there is any.
pub(super) fn remove_ended(db: &Connection, message: MessageId, effects: &mut Effects) -> Result<()> {
    let sql = "DELETE FROM message WHERE id = ?1
               AND ?1 IS NOT (SELECT message FROM recipient WHERE id > ?1 ORDER BY id LIMIT 1)
               AND NOT EXISTS (SELECT 1 FROM digest WHERE message = ?1)
               AND NOT EXISTS (SELECT 1 FROM upload WHERE message = ?1)
               RETURNING file";
    let mut delete = db.prepare_cached(sql)?;
    let gone = delete.query_row([integer(message.0)], |row| row.get::<_, Option<String>>(0)).optional()?;
    if let Some(file) = gone {
        effects.gone.push(message);
        effects.files.extend(file);
    }
    Ok(())
}

fn set_aside(db: &Connection, row: &Unreadable) -> Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO damaged VALUES (?1, ?2, ?3)")?.execute(params![
        integer(row.recipient.0),
        integer(row.message.0),
        row.why
    ])?;
    let sql = "UPDATE recipient SET next_event = NULL WHERE id = ?1";
    db.prepare_cached(sql)?.execute([integer(row.recipient.0)]).map(drop)
}
