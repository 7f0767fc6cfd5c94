//! Values by space and key: read by the readers, written with all else that waits for the committer.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use mail::Timestamp;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::SqliteStore;
use super::database::cannot;
use super::write::{Work, integer};
use crate::key_values::{check, check_all, no_counter, sum};
use crate::{Addition, Becomes, KeyChange, KeyValues, StoreError};

/// Expired rows that one transaction removes: more than it adds, so that they do not pile up.
const SWEEP_MAX: i64 = 64;

/// Changes on their way into the database.
#[derive(Debug)]
pub(super) struct KeyWork {
    what: KeyWrite,
    now: Timestamp,
}

#[derive(Debug)]
enum KeyWrite {
    Change(Vec<KeyChange>),
    /// With the place for its sum; none if there is no counter.
    Add(Addition, Arc<Mutex<Option<i64>>>),
}

impl KeyWork {
    /// Bytes that it adds to the log, more or less.
    pub(super) fn bytes(&self) -> usize {
        let of = |change: &KeyChange| match &change.becomes {
            Becomes::Value(value, _) => 64 + change.key.len() + value.len(),
            Becomes::Gone => 64,
        };
        match &self.what {
            KeyWrite::Change(changes) => changes.iter().map(of).sum(),
            KeyWrite::Add(..) => 64,
        }
    }
}

impl SqliteStore {
    async fn write_keys(&self, what: KeyWrite, now: Timestamp) -> std::result::Result<(), StoreError> {
        self.shared.running()?;
        let work = KeyWork { what, now };
        self.shared.room.take(work.bytes() as u64)?;
        self.write(Work::KeyValues(work)).await
    }
}

#[async_trait]
impl KeyValues for SqliteStore {
    async fn value(
        &self,
        space: &str,
        key: &[u8],
        now: Timestamp,
    ) -> std::result::Result<Option<Bytes>, StoreError> {
        check(space, key)?;
        let (space, key) = (space.to_owned(), key.to_owned());
        self.read(move |db, _| {
            let found = find(db, &space, &key, now).map_err(cannot("read a value"))?;
            Ok(found.map(|(value, _)| value.into()))
        })
        .await
    }

    async fn change(&self, changes: Vec<KeyChange>, now: Timestamp) -> std::result::Result<(), StoreError> {
        check_all(&changes)?;
        if changes.is_empty() {
            return self.shared.running();
        }
        self.write_keys(KeyWrite::Change(changes), now).await
    }

    async fn add(&self, addition: Addition, now: Timestamp) -> std::result::Result<i64, StoreError> {
        check(&addition.space, &addition.key)?;
        let (space, key) = (addition.space.clone(), addition.key.clone());
        let sum = Arc::default();
        self.write_keys(KeyWrite::Add(addition, Arc::clone(&sum)), now).await?;
        let sum = *sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.ok_or_else(|| no_counter(&space, &key))
    }

    async fn scan(
        &self,
        space: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> std::result::Result<Vec<(Bytes, Bytes)>, StoreError> {
        check(space, after.unwrap_or_default())?;
        let (space, after) = (space.to_owned(), after.map(<[u8]>::to_vec));
        self.read(move |db, _| scan(db, &space, after.as_deref(), limit, now)).await
    }
}

/// Writes one piece of work, and removes some of what has expired.
pub(super) fn write(db: &Connection, work: &KeyWork) -> Result<()> {
    sweep(db, work.now)?;
    match &work.what {
        KeyWrite::Change(changes) => changes.iter().try_for_each(|change| write_change(db, change)),
        KeyWrite::Add(addition, place) => {
            let sum = add(db, addition, work.now)?;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = sum;
            Ok(())
        }
    }
}

/// Keys and values of a space after a key.
pub(super) fn scan(
    db: &Connection,
    space: &str,
    after: Option<&[u8]>,
    limit: usize,
    now: Timestamp,
) -> std::result::Result<Vec<(Bytes, Bytes)>, StoreError> {
    let fail = cannot("read the values of a space");
    let sql = "SELECT key, value FROM key_value WHERE space = ?1 AND (?2 IS NULL OR key > ?2)
               AND (expires IS NULL OR expires > ?3) ORDER BY key LIMIT ?4";
    let mut statement = db.prepare_cached(sql).map_err(&fail)?;
    let arguments = params![space, after, integer(now.as_millis()), integer(limit as u64)];
    let rows = statement
        .query_map(arguments, |row| {
            Ok((Bytes::from(row.get::<_, Vec<u8>>(0)?), Bytes::from(row.get::<_, Vec<u8>>(1)?)))
        })
        .map_err(&fail)?;
    rows.collect::<Result<_>>().map_err(&fail)
}

/// A value with its expiry.
type Row = (Vec<u8>, Option<i64>);

fn find(db: &Connection, space: &str, key: &[u8], now: Timestamp) -> Result<Option<Row>> {
    let sql = "SELECT value, expires FROM key_value WHERE space = ?1 AND key = ?2
               AND (expires IS NULL OR expires > ?3)";
    let mut statement = db.prepare_cached(sql)?;
    let arguments = params![space, key, integer(now.as_millis())];
    statement.query_row(arguments, |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

fn put(db: &Connection, space: &str, key: &[u8], value: &[u8], expires: Option<i64>) -> Result<()> {
    let sql = "INSERT INTO key_value VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires";
    db.prepare_cached(sql)?.execute(params![space, key, value, expires]).map(drop)
}

fn write_change(db: &Connection, change: &KeyChange) -> Result<()> {
    match &change.becomes {
        Becomes::Value(value, expires) => {
            let expires = expires.map(|expires| integer(expires.as_millis()));
            put(db, &change.space, &change.key, value, expires)
        }
        Becomes::Gone => {
            let sql = "DELETE FROM key_value WHERE space = ?1 AND key = ?2";
            db.prepare_cached(sql)?.execute(params![change.space, change.key]).map(drop)
        }
    }
}

fn add(db: &Connection, addition: &Addition, now: Timestamp) -> Result<Option<i64>> {
    let Addition { space, key, by, expires } = addition;
    let found = find(db, space, key, now)?;
    let expires = match &found {
        Some((_, expires)) => *expires,
        None => expires.map(|expires| integer(expires.as_millis())),
    };
    let value = found.map(|(value, _)| value);
    let Some(sum) = sum(value.as_deref(), *by) else { return Ok(None) };
    put(db, space, key, sum.to_string().as_bytes(), expires)?;
    Ok(Some(sum))
}

fn sweep(db: &Connection, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM key_value WHERE (space, key) IN
               (SELECT space, key FROM key_value WHERE expires <= ?1 LIMIT ?2)";
    db.prepare_cached(sql)?.execute(params![integer(now.as_millis()), SWEEP_MAX]).map(drop)
}
