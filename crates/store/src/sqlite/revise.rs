//! Writes what operators change about recipients, and what an attempt and such a change make of one together.
//!
//! The thread that commits is the only one that writes, so what it reads here is what is. Before it changes a row it
//! tells the ledger, so that nobody can claim or begin the recipient as it was.

use std::sync::{Arc, Mutex, PoisonError};

use mail::{MessageId, RecipientId, Timestamp};
use policy::Progress;
use policy::revise::{Cancellation, Revised, Standing, cancelled, merged, revise};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::encoding::Damage;
use super::record;
use super::shared::Shared;
use super::write::{Effects, Known, end, integer, millis};
use crate::{Change, RecipientState, Revision, RevisionOutcome};

type Outcomes = Arc<Mutex<Vec<RevisionOutcome>>>;

/// Revisions on their way into the database, and the place for what became of them.
#[derive(Debug)]
pub(super) struct Revising {
    revisions: Vec<Revision>,
    by: String,
    now: Timestamp,
    outcomes: Outcomes,
}

impl Revising {
    pub(super) fn new(revisions: Vec<Revision>, by: &str, now: Timestamp) -> Self {
        Revising { revisions, by: by.to_owned(), now, outcomes: Outcomes::default() }
    }

    /// Where the outcomes will be, once it is written.
    pub(super) fn outcomes(&self) -> Outcomes {
        Arc::clone(&self.outcomes)
    }

    /// Bytes that it adds to the log, more or less.
    pub(super) fn bytes(&self) -> usize {
        512 * self.revisions.len()
    }
}

/// A recipient as it is written.
struct Row {
    message: MessageId,
    next_event: Timestamp,
    progress: Progress,
    state: RecipientState,
    ended: bool,
}

/// Writes one piece of work.
pub(super) fn write(
    db: &Connection,
    revising: &Revising,
    shared: &Shared,
    known: &mut Known,
    effects: &mut Effects,
) -> Result<()> {
    let mut outcomes = Vec::with_capacity(revising.revisions.len());
    shared.ledger().end_leases(revising.now);
    for revision in &revising.revisions {
        outcomes.push(write_one(db, revising, revision, shared, known, effects)?);
    }
    *revising.outcomes.lock().unwrap_or_else(PoisonError::into_inner) = outcomes;
    Ok(())
}

fn write_one(
    db: &Connection,
    revising: &Revising,
    revision: &Revision,
    shared: &Shared,
    known: &mut Known,
    effects: &mut Effects,
) -> Result<RevisionOutcome> {
    let id = revision.recipient;
    let Some(row) = read(db, id)? else { return Ok(RevisionOutcome::Missing) };
    let Ok(row) = row else { return Ok(RevisionOutcome::Refused("its record is damaged")) };
    let standing = row.state.standing();
    let (after, cancellation) =
        match revise(&row.progress, standing, &revision.edits, &revising.by, revising.now) {
            Revised::Unchanged => return Ok(RevisionOutcome::Unchanged),
            Revised::Refused(reason) => return Ok(RevisionOutcome::Refused(reason)),
            Revised::Goes(progress) => (progress, None),
            Revised::Ends(progress, cancellation) => (progress, Some(cancellation)),
        };
    let mut running = false;
    if !row.ended {
        let mut ledger = shared.ledger();
        if standing != Standing::Pending && ledger.is_leased(id) {
            return Ok(RevisionOutcome::Refused("its notification is being written"));
        }
        running = ledger.start_revising(id, row.next_event);
    }
    if running {
        known.revised.insert(id);
    }
    let mut ended = false;
    match cancellation.filter(|_| !running) {
        Some(cancellation) => ended = cancel(db, id, &row, &after, &cancellation, known, effects)?,
        None => {
            if row.ended {
                restore(db, id, &after)?;
            } else {
                let sql = "UPDATE recipient SET next_event = ?2, progress = ?3, state = NULL WHERE id = ?1";
                let record = record::write_progress(&after);
                db.prepare_cached(sql)?.execute(params![
                    integer(id.0),
                    millis(after.next_event()),
                    record
                ])?;
            }
            effects.revised.push((id, Some(after.next_event())));
        }
    }
    let (message, before) = (row.message, row.progress);
    Ok(RevisionOutcome::Changed(Box::new(Change { message, before, after, running, ended })))
}

type Fields = (i64, Option<i64>, Vec<u8>, Option<Vec<u8>>);

fn read(db: &Connection, id: RecipientId) -> Result<Option<std::result::Result<Row, Damage>>> {
    let fields = |row: &rusqlite::Row<'_>| -> Result<Fields> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let sql = "SELECT message, next_event, progress, state FROM recipient WHERE id = ?1";
    let found = db.prepare_cached(sql)?.query_row([integer(id.0)], fields).optional()?;
    if let Some(found) = found {
        return Ok(Some(decode(found, false)));
    }
    let sql = "SELECT message, NULL, progress, state FROM ended WHERE id = ?1";
    let found = db.prepare_cached(sql)?.query_row([integer(id.0)], fields).optional()?;
    Ok(found.map(|found| decode(found, true)))
}

fn decode((message, next_event, progress, state): Fields, ended: bool) -> std::result::Result<Row, Damage> {
    Ok(Row {
        message: MessageId(message.cast_unsigned()),
        next_event: Timestamp::from_millis(next_event.unwrap_or_default().cast_unsigned()),
        progress: record::read_progress(&progress)?,
        state: record::read_state(state.as_deref())?,
        ended,
    })
}

/// Puts a recipient back that had ended.
fn restore(db: &Connection, id: RecipientId, after: &Progress) -> Result<()> {
    let sql = "INSERT INTO recipient SELECT id, message, ?2, wishes, ?3, NULL FROM ended WHERE id = ?1";
    let record = record::write_progress(after);
    db.prepare_cached(sql)?.execute(params![integer(id.0), millis(after.next_event()), record])?;
    db.prepare_cached("DELETE FROM ended WHERE id = ?1")?.execute([integer(id.0)]).map(drop)
}

/// Ends a recipient of which no attempt runs: at once, or when its sender has been told. Gives whether at once.
fn cancel(
    db: &Connection,
    id: RecipientId,
    row: &Row,
    after: &Progress,
    cancellation: &Cancellation,
    known: &mut Known,
    effects: &mut Effects,
) -> Result<bool> {
    let state = record::write_state(&RecipientState::FailedUntold(cancelled(cancellation)));
    let sql = "UPDATE recipient SET next_event = 0, progress = ?2, state = ?3 WHERE id = ?1";
    let record = record::write_progress(after);
    db.prepare_cached(sql)?.execute(params![integer(id.0), record, state])?;
    if cancellation.notify {
        effects.revised.push((id, Some(Timestamp::EPOCH)));
        return Ok(false);
    }
    let sql = "SELECT recipients FROM message WHERE id = ?1";
    let recipients: Option<u32> =
        db.prepare_cached(sql)?.query_row([integer(row.message.0)], |row| row.get(0)).optional()?;
    end(db, row.message, recipients.unwrap_or(1), &[(id, state)], known, effects)?;
    effects.revised.push((id, None));
    Ok(true)
}

/// A recipient that has ended, with the record of how.
type Ended = (RecipientId, Option<Vec<u8>>);

/// Writes that a recipient is tried again which was revised while its attempt ran. Gives it back if it ends instead.
pub(super) fn settle_revised(
    db: &Connection,
    id: RecipientId,
    attempt: &[u8],
    effects: &mut Effects,
) -> Result<Option<Ended>> {
    let (Some(Ok(row)), Ok(attempt)) = (read(db, id)?, record::read_progress(attempt)) else {
        tracing::error!(recipient = %id, "a recipient that was held is not in the queue");
        return Ok(None);
    };
    let progress = merged(&row.progress, attempt);
    let cancellation = progress.orders.as_ref().and_then(|orders| orders.cancelled.clone());
    let state = cancellation
        .as_ref()
        .and_then(|cancellation| record::write_state(&RecipientState::FailedUntold(cancelled(cancellation))));
    let next_event = if state.is_some() { Timestamp::EPOCH } else { progress.next_event() };
    let sql = "UPDATE recipient SET next_event = ?2, progress = ?3, state = ?4 WHERE id = ?1";
    let record = record::write_progress(&progress);
    db.prepare_cached(sql)?.execute(params![integer(id.0), millis(next_event), record, state])?;
    if cancellation.is_some_and(|cancellation| !cancellation.notify) {
        return Ok(Some((id, state)));
    }
    effects.revised.push((id, Some(next_event)));
    Ok(None)
}
