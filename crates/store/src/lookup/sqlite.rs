//! A lookup store in a file that SQLite reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use policy::expr::{Argument, LookupValue, Question};
use policy::settings::SqliteLookup;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, ToSql, TransactionBehavior, params};
use tokio::sync::Semaphore;

use super::{Access, Asked, Rows, value_of};

/// Questions at once.
const CONNECTIONS_MAX: usize = 4;
/// Steps of SQLite's machine between two looks at whether anybody still waits.
const STEPS_BETWEEN_LOOKS: i32 = 1_000;

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS waypost_keys (key TEXT PRIMARY KEY, value TEXT, number INTEGER)";

/// A file, and the connections that look into it.
pub(super) struct Sqlite {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

struct Shared {
    settings: SqliteLookup,
    access: Access,
    idle: Mutex<Vec<Connection>>,
}

/// Says, when it goes away, that nobody waits for the answer any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sqlite {
    pub(super) fn new(settings: SqliteLookup, access: Access) -> Self {
        let shared = Shared { settings, access, idle: Mutex::default() };
        Sqlite { shared: Arc::new(shared), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

#[async_trait]
impl Asked for Sqlite {
    async fn ask(&self, question: &Question) -> Result<LookupValue, String> {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("never closed");
        let (shared, question) = (Arc::clone(&self.shared), question.clone());
        let waiting = Waiting(Arc::default());
        let abandoned = Arc::clone(&waiting.0);
        let task = tokio::task::spawn_blocking(move || {
            let answer = shared.ask(&question, &abandoned);
            drop(place);
            answer
        });
        let answer = task.await.unwrap_or_else(|error| Err(format!("a lookup broke: {error}")));
        drop(waiting);
        answer
    }
}

impl Shared {
    fn ask(&self, question: &Question, abandoned: &Arc<AtomicBool>) -> Result<LookupValue, String> {
        if self.access == Access::ReadOnly && self.is_still_to_be_made() {
            return answer(&mut Connection::open_in_memory().map_err(|error| error.to_string())?, question);
        }
        let idle = self.lock().pop();
        let mut db = idle.map_or_else(|| self.open(), Ok)?;
        let watch = Arc::clone(abandoned);
        let stop = move || watch.load(Ordering::Relaxed);
        db.progress_handler(STEPS_BETWEEN_LOOKS, Some(stop)).map_err(|error| error.to_string())?;
        let answer = answer(&mut db, question)?;
        self.lock().push(db);
        Ok(answer)
    }

    /// Whether the file would be made if something were written.
    fn is_still_to_be_made(&self) -> bool {
        let path = &self.settings.path;
        !path.exists() && path.parent().is_some_and(std::path::Path::is_dir)
    }

    fn open(&self) -> Result<Connection, String> {
        let settings = &self.settings;
        let flags = match self.access {
            Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let fail = |error: rusqlite::Error| format!("cannot open {}: {error}", settings.path.display());
        let db = Connection::open_with_flags(&settings.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let db = db.map_err(fail)?;
        db.busy_timeout(settings.timeout).map_err(fail)?;
        Ok(db)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(db: &mut Connection, question: &Question) -> Result<LookupValue, String> {
    let said = |error: rusqlite::Error| error.to_string();
    match question {
        Question::Get { key } => {
            let (text, number) = row(db, key).map_err(said)?.unwrap_or_default();
            Ok(value_of(text, number))
        }
        Question::Exists { key } => Ok(LookupValue::Integer(row(db, key).map_err(said)?.is_some().into())),
        Question::Count { key } => {
            let (_, number) = row(db, key).map_err(said)?.unwrap_or_default();
            Ok(LookupValue::Integer(number.unwrap_or(0)))
        }
        Question::Set { key, value } => {
            write(db, key, Some(value), |_| None).map_err(said)?;
            Ok(LookupValue::Integer(1))
        }
        Question::Increment { key, by } => {
            let add = |number: i64| Some(number.saturating_add(*by));
            Ok(LookupValue::Integer(write(db, key, None, add).map_err(said)?.unwrap_or(0)))
        }
        Question::Sql { statement, arguments } => select(db, statement, arguments),
    }
}

type KeyRow = (Option<String>, Option<i64>);

/// What is kept under a key. Without the table there are no keys.
fn row(db: &Connection, key: &str) -> rusqlite::Result<Option<KeyRow>> {
    let table = "SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = 'waypost_keys'";
    if !db.prepare_cached(table)?.exists([])? {
        return Ok(None);
    }
    let mut found = db.prepare_cached("SELECT value, number FROM waypost_keys WHERE key = ?1")?;
    found.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Puts a text or a number under a key; the number that it then has.
fn write(
    db: &mut Connection,
    key: &str,
    text: Option<&str>,
    number: impl FnOnce(i64) -> Option<i64>,
) -> rusqlite::Result<Option<i64>> {
    const PUT: &str = "INSERT INTO waypost_keys (key, value, number) VALUES (?1, ?2, ?3) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, number = excluded.number";
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(CREATE, [])?;
    let before = row(&transaction, key)?.and_then(|(_, number)| number).unwrap_or(0);
    let number = number(before);
    transaction.execute(PUT, params![key, text, number])?;
    transaction.commit()?;
    Ok(number)
}

fn select(db: &Connection, statement: &str, arguments: &[Argument]) -> Result<LookupValue, String> {
    let said = |error: rusqlite::Error| error.to_string();
    let mut prepared = db.prepare_cached(statement).map_err(said)?;
    let wanted = prepared.parameter_count();
    if wanted != arguments.len() {
        return Err(format!(
            "the statement has {wanted} parameters, but {} values are given",
            arguments.len()
        ));
    }
    let bound = arguments.iter().map(|argument| match argument {
        Argument::Text(text) => text as &dyn ToSql,
        Argument::Integer(number) => number as &dyn ToSql,
    });
    let bound: Vec<&dyn ToSql> = bound.collect();
    let columns = prepared.column_count();
    if columns == 0 {
        let changed = prepared.execute(bound.as_slice()).map_err(said)?;
        return Ok(LookupValue::Integer(i64::try_from(changed).unwrap_or(i64::MAX)));
    }
    let mut found = prepared.query(bound.as_slice()).map_err(said)?;
    let mut rows = Rows::default();
    while let Some(row) = found.next().map_err(said)? {
        let values = (0..columns).map(|column| value(row.get_ref(column).map_err(said)?));
        rows.push(values.collect::<Result<_, String>>()?)?;
    }
    Ok(rows.into_value())
}

fn value(found: ValueRef<'_>) -> Result<Option<LookupValue>, String> {
    Ok(match found {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(LookupValue::Integer(number)),
        ValueRef::Real(number) => Some(LookupValue::Float(number)),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Some(LookupValue::Text(text.to_owned())),
            Err(_) => return Err("a value is not text in UTF-8".to_owned()),
        },
    })
}
