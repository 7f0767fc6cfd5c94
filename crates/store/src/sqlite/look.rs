//! What operators see of the queue: recipients one after another, and messages with all that is known of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use mail::{Envelope, MessageId, RecipientId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::database::cannot;
use super::encoding::Damage;
use super::read::{Row, queued};
use super::record;
use super::write::integer;
use crate::{Detail, Look, Order, QueuedMessage, QueuedRecipient, See, Sight, StoreError};

/// The columns of a recipient, pending or ended.
const RECORD: &str = "id, message, wishes, progress, state";

/// Shows one recipient after another.
pub(super) fn look(db: &Connection, look: &Look, see: &mut See) -> Result<(), StoreError> {
    let fail = cannot("look at the queue");
    let snapshot = db.unchecked_transaction().map_err(&fail)?;
    let mut statement = snapshot.prepare_cached(&sql(look)).map_err(&fail)?;
    let (next_event, id) = match (look.after, look.backwards) {
        (Some((next_event, id)), _) => (integer(next_event.as_millis()), integer(id.0)),
        (None, false) => (-1, -1),
        (None, true) => (i64::MAX, i64::MAX),
    };
    let mut rows = match look.order {
        Order::Message => statement.query([id]),
        Order::Due => statement.query([next_event, id]),
    }
    .map_err(&fail)?;
    let mut messages = Messages { contains: &look.contains, last: None };
    while let Some(row) = rows.next().map_err(&fail)? {
        let seen = sight(&snapshot, look, row, &mut messages).map_err(&fail)?;
        match seen {
            Some(Ok(sight)) => {
                if let ControlFlow::Break(()) = see(sight) {
                    break;
                }
            }
            Some(Err((id, Damage(why)))) => {
                tracing::error!(recipient = %id, why, "a recipient cannot be read")
            }
            None => {}
        }
    }
    Ok(())
}

fn sql(look: &Look) -> String {
    let columns = match look.detail {
        Detail::Keys => "next_event, id, message",
        Detail::Progress => "next_event, id, message, progress, state",
        Detail::Whole => "next_event, id, message, progress, state, wishes",
    };
    let (sign, way) = if look.backwards { ("<", "DESC") } else { (">", "ASC") };
    let rest = match look.order {
        Order::Message => format!("id {sign} ?1 AND next_event IS NOT NULL ORDER BY id {way}"),
        Order::Due => format!(
            "next_event {sign}= ?1 AND (next_event {sign} ?1 OR id {sign} ?2)
             ORDER BY next_event {way}, id {way}"
        ),
    };
    format!("SELECT {columns} FROM recipient WHERE {rest}")
}

/// An envelope; none if something does not stand in it that must.
type Found = Option<Result<Arc<Envelope>, Damage>>;

/// The message that was seen last: its envelope, if it has what must stand in it.
struct Messages<'a> {
    contains: &'a [String],
    last: Option<(MessageId, Found)>,
}

impl Messages<'_> {
    fn find(&mut self, db: &Connection, message: MessageId) -> rusqlite::Result<Found> {
        if let Some((last, envelope)) = &self.last
            && *last == message
        {
            return Ok(envelope.clone());
        }
        let mut statement = db.prepare_cached("SELECT envelope FROM message WHERE id = ?1")?;
        let mut rows = statement.query([integer(message.0)])?;
        let envelope = match rows.next()? {
            None => Some(Err(Damage("its message is not there"))),
            Some(row) => {
                let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
                let fits = self.contains.iter().all(|text| stands_in(bytes, text.as_bytes()));
                fits.then(|| record::read_envelope(message, bytes).map(Arc::new))
            }
        };
        self.last = Some((message, envelope.clone()));
        Ok(envelope)
    }
}

/// Whether bytes stand somewhere in others.
fn stands_in(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let Some(last) = bytes.len().checked_sub(text.len()) else { return false };
    (0..=last).any(|at| bytes[at] == *first && bytes[at..].starts_with(text))
}

type Seen = Option<Result<Sight, (RecipientId, Damage)>>;

fn sight(
    db: &Connection,
    look: &Look,
    row: &rusqlite::Row<'_>,
    messages: &mut Messages<'_>,
) -> rusqlite::Result<Seen> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let (id, message) = (RecipientId(number(1)?), MessageId(number(2)?));
    let mut sight = Sight {
        next_event: Timestamp::from_millis(number(0)?),
        recipient: id,
        message,
        progress: None,
        whole: None,
    };
    match look.detail {
        Detail::Keys => {}
        Detail::Progress => match progress(row)? {
            Ok(progress) => sight.progress = Some(progress),
            Err(damage) => return Ok(Some(Err((id, damage)))),
        },
        Detail::Whole => {
            let Some(envelope) = messages.find(db, message)? else { return Ok(None) };
            let read = Row { id, message, wishes: row.get(5)?, progress: row.get(3)?, state: row.get(4)? };
            match envelope.and_then(|envelope| Ok((Arc::clone(&envelope), queued(&envelope, &read)?))) {
                Ok((envelope, queued)) => {
                    sight.progress = Some((queued.progress.clone(), queued.state.clone()));
                    sight.whole = Some((envelope, queued));
                }
                Err(damage) => return Ok(Some(Err((id, damage)))),
            }
        }
    }
    Ok(Some(Ok(sight)))
}

type Progress = (policy::Progress, crate::RecipientState);

fn progress(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Progress, Damage>> {
    let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
    let state = row.get_ref(4)?.as_blob_or_null().unwrap_or_default();
    let read = || Ok((record::read_progress(bytes)?, record::read_state(state)?));
    Ok(read())
}

/// Messages with all that is known of their recipients.
pub(super) fn messages(db: &Connection, ids: &[MessageId]) -> Result<Vec<QueuedMessage>, StoreError> {
    let fail = cannot("read the queue");
    let snapshot = db.unchecked_transaction().map_err(&fail)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        match message(&snapshot, *id).map_err(&fail)? {
            Some(Ok(message)) => found.push(message),
            Some(Err(Damage(why))) => tracing::error!(%id, why, "a message cannot be read"),
            None => {}
        }
    }
    Ok(found)
}

fn message(db: &Connection, id: MessageId) -> rusqlite::Result<Option<Result<QueuedMessage, Damage>>> {
    let sql = "SELECT envelope, recipients FROM message WHERE id = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let Some((record, count)) = db.prepare_cached(sql)?.query_row([integer(id.0)], row).optional()? else {
        return Ok(None);
    };
    let last = integer(id.0).saturating_add(count);
    let envelope = match record::read_envelope(id, &record) {
        Ok(envelope) => Arc::new(envelope),
        Err(damage) => return Ok(Some(Err(damage))),
    };
    let pending = recipients(db, "recipient", &envelope, last)?;
    if pending.is_empty() {
        return Ok(None);
    }
    let ended = recipients(db, "ended", &envelope, last)?;
    Ok(Some(Ok(QueuedMessage { envelope, pending, ended })))
}

fn recipients(
    db: &Connection,
    table: &str,
    envelope: &Envelope,
    last: i64,
) -> rusqlite::Result<Vec<QueuedRecipient>> {
    let sql = format!("SELECT {RECORD} FROM {table} WHERE id > ?1 AND id <= ?2 ORDER BY id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![integer(envelope.message.0), last], super::read::row)?;
    let mut recipients = Vec::new();
    for row in rows {
        let row = row?;
        match queued(envelope, &row) {
            Ok(queued) => recipients.push(queued),
            Err(Damage(why)) => tracing::error!(recipient = %row.id, why, "a recipient cannot be read"),
        }
    }
    Ok(recipients)
}
