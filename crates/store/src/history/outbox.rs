//! What is still to be told to others: durable, bounded, by receiver, in order.

use rusqlite::{Connection, params};

use super::database::{signed, unsigned};
use super::{History, Job};
use crate::StoreError;

/// Bodies that wait for one receiver at most; the oldest is dropped for the next.
pub const WAITING_MAX: u64 = 10_000;

/// A body that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its place.
    pub id: u64,
    /// What is to be told.
    pub body: Vec<u8>,
}

/// A change of what waits.
pub(super) enum Change {
    /// These are to be told to this receiver.
    Put(String, Vec<Vec<u8>>),
    /// Up to this place, it has been told.
    Told(String, u64),
    /// Only these receivers are there any more.
    Only(Vec<String>),
}

pub(super) fn change(db: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Put(receiver, bodies) => {
            let mut put = db.prepare_cached("INSERT INTO outbox (receiver, body) VALUES (?, ?)")?;
            for body in bodies {
                put.execute(params![receiver, body])?;
            }
            let surplus = "DELETE FROM outbox WHERE receiver = ?1 AND id <= (SELECT id FROM outbox WHERE receiver = ?1 \
                           ORDER BY id DESC LIMIT 1 OFFSET ?2)";
            db.prepare_cached(surplus)?.execute(params![receiver, signed(WAITING_MAX)])?;
        }
        Change::Told(receiver, up_to) => {
            db.prepare_cached("DELETE FROM outbox WHERE receiver = ? AND id <= ?")?
                .execute(params![receiver, signed(*up_to)])?;
        }
        Change::Only(receivers) => {
            let mut known = db.prepare_cached("SELECT DISTINCT receiver FROM outbox")?;
            let known: Vec<String> = known.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for gone in known.iter().filter(|known| !receivers.contains(known)) {
                db.prepare_cached("DELETE FROM outbox WHERE receiver = ?")?.execute([gone])?;
            }
        }
    }
    Ok(())
}

impl History {
    /// Writes down what is to be told to a receiver; false if it is lost, for the disk is too slow.
    pub fn post(&self, receiver: &str, bodies: Vec<Vec<u8>>) -> bool {
        bodies.is_empty() || self.send(Job::Outbox(Change::Put(receiver.to_owned(), bodies)))
    }

    /// The receiver has been told everything up to this place. False if that could not be handed over.
    pub fn told(&self, receiver: &str, up_to: u64) -> bool {
        self.send(Job::Outbox(Change::Told(receiver.to_owned(), up_to)))
    }

    /// Forgets what waits for any other receiver.
    pub fn receivers(&self, receivers: Vec<String>) {
        self.send(Job::Outbox(Change::Only(receivers)));
    }

    /// What waits for a receiver, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn waiting(&self, receiver: &str, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        self.read(|db| {
            let sql = "SELECT id, body FROM outbox WHERE receiver = ? ORDER BY id LIMIT ?";
            let mut read = db.prepare_cached(sql)?;
            let rows = read.query_map(params![receiver, signed(limit as u64)], |row| {
                Ok(Waiting { id: unsigned(row.get(0)?), body: row.get(1)? })
            })?;
            rows.collect()
        })
    }

    /// How many wait for a receiver.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn count_waiting(&self, receiver: &str) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM outbox WHERE receiver = ?";
        self.read(|db| db.prepare_cached(sql)?.query_row([receiver], |row| Ok(unsigned(row.get(0)?))))
    }
}
