//! What is read back: what is due, what is pending, content. Rows that are not as they were written are named, never skipped
//! in silence, and never taken for absent (A19).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use mail::{Envelope, MessageId, Recipient, RecipientId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::checksum::checksum;
use super::database::cannot;
use super::encoding::Damage;
use super::files::Files;
use super::ledger::{Candidate, Found, Key};
use super::record;
use super::write::{Unreadable, integer};
use crate::{Claim, Content, LeaseId, QueuedRecipient, StoreError};

/// A row of the recipient table.
pub(super) struct Row {
    pub(super) id: RecipientId,
    pub(super) message: MessageId,
    pub(super) wishes: Vec<u8>,
    pub(super) progress: Vec<u8>,
    pub(super) state: Option<Vec<u8>>,
}

const ROW: &str = "SELECT id, message, wishes, progress, state FROM recipient";

pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: RecipientId(row.get::<_, i64>(0)?.cast_unsigned()),
        message: MessageId(row.get::<_, i64>(1)?.cast_unsigned()),
        wishes: row.get(2)?,
        progress: row.get(3)?,
        state: row.get(4)?,
    })
}

/// Envelopes that one read has met.
#[derive(Default)]
struct Envelopes(HashMap<MessageId, Result<Arc<Envelope>, Damage>>);

impl Envelopes {
    fn load(
        &mut self,
        db: &Connection,
        message: MessageId,
    ) -> rusqlite::Result<Result<Arc<Envelope>, Damage>> {
        if let Some(known) = self.0.get(&message) {
            return Ok(known.clone());
        }
        let record: Option<Vec<u8>> = db
            .prepare_cached("SELECT envelope FROM message WHERE id = ?1")?
            .query_row([integer(message.0)], |row| row.get(0))
            .optional()?;
        let envelope = match record {
            Some(record) => record::read_envelope(message, &record).map(Arc::new),
            None => Err(Damage("its message is not there")),
        };
        self.0.insert(message, envelope.clone());
        Ok(envelope)
    }

    /// The recipient that a row is, or why it cannot be read.
    fn read(&mut self, db: &Connection, row: &Row) -> rusqlite::Result<Result<Candidate, Unreadable>> {
        let envelope = self.load(db, row.message)?;
        let read = envelope.and_then(|envelope| {
            let queued = queued(&envelope, row)?;
            Ok(Candidate { envelope, queued })
        });
        let unreadable =
            |Damage(why)| Unreadable { recipient: row.id, message: row.message, why: why.to_owned() };
        Ok(read.map_err(unreadable))
    }
}

pub(super) fn queued(envelope: &Envelope, row: &Row) -> Result<QueuedRecipient, Damage> {
    let place = row.id.0.checked_sub(row.message.0).and_then(|place| place.checked_sub(1));
    let place = place.and_then(|place| usize::try_from(place).ok());
    let forward_path = place.and_then(|place| envelope.recipients.get(place)).cloned();
    let forward_path = forward_path.ok_or(Damage("it is not in the envelope"))?;
    let (notify, original) = record::read_wishes(&row.wishes)?;
    Ok(QueuedRecipient {
        recipient: Recipient { id: row.id, forward_path, original, notify },
        progress: record::read_progress(&row.progress)?,
        state: record::read_state(row.state.as_deref())?,
    })
}

/// The first row of the queue.
pub(super) fn frontier(db: &Connection) -> Result<Option<Key>, StoreError> {
    let sql =
        "SELECT next_event, id FROM recipient WHERE next_event IS NOT NULL ORDER BY next_event, id LIMIT 1";
    db.query_row(sql, [], key).optional().map_err(cannot("find the first of the queue"))
}

fn key(row: &rusqlite::Row<'_>) -> rusqlite::Result<Key> {
    let (next_event, id): (i64, i64) = (row.get(0)?, row.get(1)?);
    Ok((Timestamp::from_millis(next_event.cast_unsigned()), RecipientId(id.cast_unsigned())))
}

/// The order of the queue from a place on; answered by the index alone.
pub(super) const SCAN: &str =
    "SELECT next_event, id FROM recipient WHERE next_event >= ?1 AND (next_event > ?1 OR id >= ?2)
     ORDER BY next_event, id";

/// Reads the table from `from` on: up to `limit` rows that are due and that nobody holds, and the first free row after.
pub(super) fn scan(
    db: &Connection,
    from: Key,
    now: Timestamp,
    limit: usize,
    is_held: impl Fn(RecipientId) -> bool,
) -> Result<(Found, Vec<Unreadable>), StoreError> {
    let fail = cannot("read the queue");
    let (mut found, mut unreadable, mut envelopes) = (Found::default(), Vec::new(), Envelopes::default());
    let snapshot = db.unchecked_transaction().map_err(&fail)?;
    let mut keys = snapshot.prepare_cached(SCAN).map_err(&fail)?;
    let mut rows = keys.query(params![integer(from.0.as_millis()), integer(from.1.0)]).map_err(&fail)?;
    let by_id = format!("{ROW} WHERE id = ?1");
    let mut by_id = snapshot.prepare_cached(&by_id).map_err(&fail)?;
    while let Some(next) = rows.next().map_err(&fail)? {
        let key = key(next).map_err(&fail)?;
        if is_held(key.1) {
            continue;
        }
        if key.0 > now || found.candidates.len() >= limit {
            found.next = Some(key);
            break;
        }
        let row = by_id.query_row([integer(key.1.0)], row).map_err(&fail)?;
        match envelopes.read(&snapshot, &row).map_err(&fail)? {
            Ok(candidate) => found.candidates.push(candidate),
            Err(damaged) => unreadable.push(damaged),
        }
    }
    Ok((found, unreadable))
}

/// The recipients that have not ended, by message.
pub(super) fn pending(
    db: &Connection,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<Claim>, StoreError> {
    let fail = cannot("list the queue");
    let (mut claims, mut envelopes): (Vec<Claim>, _) = (Vec::new(), Envelopes::default());
    let snapshot = db.unchecked_transaction().map_err(&fail)?;
    let sql = format!("{ROW} WHERE id > ?1 AND message > ?1 ORDER BY id");
    let mut statement = snapshot.prepare_cached(&sql).map_err(&fail)?;
    let mut rows = statement.query([after.map_or(0, |after| integer(after.0))]).map_err(&fail)?;
    while let Some(next) = rows.next().map_err(&fail)? {
        let row = row(next).map_err(&fail)?;
        let full = claims.len() >= limit;
        if full && claims.last().is_none_or(|claim| claim.envelope.message != row.message) {
            break;
        }
        let (envelope, queued) = match envelopes.read(&snapshot, &row).map_err(&fail)? {
            Ok(Candidate { envelope, queued }) => (envelope, queued),
            Err(damaged) => {
                tracing::error!(recipient = %damaged.recipient, why = damaged.why, "a recipient cannot be read");
                continue;
            }
        };
        match claims.last_mut().filter(|claim| claim.envelope.message == row.message) {
            Some(claim) => claim.recipients.push(queued),
            None => claims.push(Claim { lease: LeaseId::NONE, envelope, recipients: vec![queued] }),
        }
    }
    Ok(claims)
}

/// The content of a message, if it is as it was written (A20).
pub(super) fn content(
    db: &Connection,
    files: &Files,
    message: MessageId,
) -> Result<Option<Content>, StoreError> {
    let fail = cannot("read a message");
    let sql = "SELECT size, checksum, file, content FROM message WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        let (size, sum): (i64, u32) = (row.get(0)?, row.get(1)?);
        Ok((size.cast_unsigned(), sum, row.get::<_, Option<String>>(2)?, row.get::<_, Option<Vec<u8>>>(3)?))
    };
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    let found = statement.query_row([integer(message.0)], read).optional().map_err(&fail)?;
    let Some((size, sum, file, content)) = found else { return Ok(None) };
    let damaged = |why: &str| StoreError::Damaged { what: format!("message {message}"), why: why.into() };
    match (file, content) {
        (Some(name), None) => Ok(Some(Content::File(Arc::new(files.check(&name, size, sum)?)))),
        (None, Some(bytes)) if bytes.len() as u64 == size && checksum(&bytes) == sum => {
            Ok(Some(Content::Memory(Bytes::from(bytes))))
        }
        (None, Some(_)) => Err(damaged("its bytes are not those that were written")),
        (Some(_), Some(_)) | (None, None) => Err(damaged("its content is not in one place")),
    }
}
