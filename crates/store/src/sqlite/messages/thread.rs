//! Which conversation of the account does a message belong to?

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::number;
use crate::messages::ThreadId;
use crate::sqlite::write::integer;

/// The conversation that something with one of these keys belongs to: the oldest.
pub(super) fn find(db: &Connection, account: i64, keys: &[u64]) -> Result<Option<ThreadId>> {
    let mut select = db.prepare_cached("SELECT thread FROM reference WHERE account = ?1 AND hash = ?2")?;
    let mut found = None;
    for key in keys {
        let thread =
            select.query_row(params![account, key.cast_signed()], |row| number(row, 0)).optional()?;
        found = match (found, thread.map(ThreadId)) {
            (Some(known), Some(other)) => Some(std::cmp::min::<ThreadId>(known, other)),
            (known, other) => known.or(other),
        };
    }
    Ok(found)
}

/// Counts one more message with these keys.
pub(super) fn refer(db: &Connection, account: i64, keys: &[u64], thread: ThreadId) -> Result<()> {
    let sql = "INSERT INTO reference VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET uses = uses + 1";
    let mut insert = db.prepare_cached(sql)?;
    for key in keys {
        insert.execute(params![account, key.cast_signed(), integer(thread.0)])?;
    }
    Ok(())
}

/// Counts one message less.
pub(super) fn unrefer(db: &Connection, account: i64, keys: &[u64]) -> Result<()> {
    let sql = "UPDATE reference SET uses = uses - 1 WHERE account = ?1 AND hash = ?2 RETURNING uses";
    let mut update = db.prepare_cached(sql)?;
    let mut delete = db.prepare_cached("DELETE FROM reference WHERE account = ?1 AND hash = ?2")?;
    for key in keys {
        let uses: Option<i64> =
            update.query_row(params![account, key.cast_signed()], |row| row.get(0)).optional()?;
        if uses.is_some_and(|uses| uses <= 0) {
            delete.execute(params![account, key.cast_signed()])?;
        }
    }
    Ok(())
}
