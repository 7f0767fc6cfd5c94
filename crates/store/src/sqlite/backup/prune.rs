//! Takes messages out of a copy whose content was gone before it was copied.

use std::path::Path;

use super::super::SqliteOptions;
use super::super::database::{self, cannot};
use crate::StoreError;

/// Also leaves the copy without a log beside it.
pub(super) fn take_out(copy: &Path, lost: &[i64]) -> Result<(), StoreError> {
    let fail = cannot("take out of the copy what was gone");
    let options = SqliteOptions { free_bytes_min: 0, ..SqliteOptions::default() };
    let mut db = database::open_writer(copy, &options)?;
    let transaction = db.transaction().map_err(&fail)?;
    for message in lost {
        super::remove_message(&transaction, *message).map_err(&fail)?;
    }
    transaction.commit().map_err(&fail)?;
    close(&db)
}

/// Copies the log into the database.
pub(super) fn close(db: &rusqlite::Connection) -> Result<(), StoreError> {
    let fail = cannot("close the copy");
    let is_busy: bool =
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(&fail)?;
    if is_busy {
        let why = "somebody else uses it".to_owned();
        return Err(StoreError::Database { doing: "close the copy", why });
    }
    Ok(())
}
