//! What need not be done before an answer: copying the log into the database, removing files.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use rusqlite::Connection;

use super::database::{Fault, checkpoint, judge};
use super::shared::Shared;

/// What the janitor is asked to do.
#[derive(Debug)]
pub(super) enum Chore {
    Checkpoint,
    /// Remove a file of the spool that no row names.
    Remove(String),
}

/// Does chores until nobody can ask for more.
pub(super) fn run(shared: &Arc<Shared>, db: &Connection, chores: &Receiver<Chore>) {
    for chore in chores {
        match chore {
            Chore::Checkpoint => {
                shared.checkpoint_asked.store(false, Ordering::Relaxed);
                if shared.running().is_ok() {
                    copy_log(shared, db);
                }
            }
            Chore::Remove(name) => shared.files.remove(&name),
        }
    }
}

/// Copies the log into the database. One at a time: whoever comes second waits for the first.
pub(super) fn copy_log(shared: &Shared, db: &Connection) {
    let _turn = shared.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = match checkpoint(db) {
        Ok(()) => return,
        Err(error) => judge(&error),
    };
    match fault {
        Fault::Fatal(why) => shared.stop(format!("a checkpoint that broke: {why}")),
        Fault::Full => tracing::warn!("no room to copy the log into the database; it grows meanwhile"),
        Fault::Refused(why) => tracing::warn!(why, "cannot copy the log into the database"),
    }
}
