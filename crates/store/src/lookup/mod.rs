//! The stores that expressions look into: keys and counters in each, SQL in databases.
//!
//! An answer is right or there is none: what cannot be asked is an error, never an empty answer. Whatever a client has
//! sent reaches a database as the value of a parameter.

mod memory;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use policy::expr::{LookupValue, Question};
use policy::settings::{LookupStoreKind, Secret, StoreLookup};
use tokio::io::{AsyncRead, AsyncWrite};

use memory::MemoryLookups;
use postgres::Postgres;
use sqlite::Sqlite;

/// Rows of an answer.
const ROWS_MAX: usize = 1_000;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a key.
const KEY_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a value.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// How long the default store may take; it never waits for anything.
const MEMORY_TIME_MAX: Duration = Duration::from_secs(5);

/// A byte stream in both directions.
pub trait Channel: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Channel for T {}

/// Secures a stream to a database server.
#[async_trait]
pub trait Secure: Send + Sync {
    /// Makes the handshake as a client of `host`, a name or an IP address.
    async fn secure(
        &self,
        stream: Box<dyn Channel>,
        host: &str,
        verify: bool,
    ) -> io::Result<Box<dyn Channel>>;
}

/// Whether a question may change what a store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It may not: what would be written is not, and its answer is what it would have been.
    ReadOnly,
}

/// All lookup stores. What they are can be replaced while they are asked.
pub struct LookupStores {
    access: Access,
    secure: Arc<dyn Secure>,
    default: Arc<MemoryLookups>,
    named: RwLock<BTreeMap<String, Arc<Named>>>,
}

/// A store, and from which settings it was made.
struct Named {
    settings: StoreLookup,
    secret: Option<Secret>,
    asked: Arc<dyn Asked>,
}

/// One store.
#[async_trait]
trait Asked: Send + Sync {
    /// The answer to a question.
    async fn ask(&self, question: &Question) -> Result<LookupValue, String>;
}

impl LookupStores {
    /// The default store alone.
    pub fn new(access: Access, secure: Arc<dyn Secure>) -> Self {
        LookupStores { access, secure, default: Arc::default(), named: RwLock::default() }
    }

    /// Puts these in the place of those that are there. One whose settings are the same goes on as it is.
    pub fn replace(&self, stores: &BTreeMap<String, Arc<StoreLookup>>, secrets: &BTreeMap<String, Secret>) {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *named);
        for (name, settings) in stores {
            let secret = secrets.get(name);
            let same =
                before.get(name).filter(|old| old.settings == **settings && old.secret.as_ref() == secret);
            let store = same.cloned().unwrap_or_else(|| Arc::new(self.open(settings, secret)));
            named.insert(name.clone(), store);
        }
    }

    fn open(&self, settings: &StoreLookup, secret: Option<&Secret>) -> Named {
        let asked: Arc<dyn Asked> = match &settings.kind {
            LookupStoreKind::Memory => Arc::new(MemoryLookups::default()),
            LookupStoreKind::Sqlite(file) => Arc::new(Sqlite::new(file.clone(), self.access)),
            LookupStoreKind::PostgreSql(server) => Arc::new(Postgres::new(
                server.clone(),
                secret.cloned(),
                self.access,
                Arc::clone(&self.secure),
            )),
        };
        Named { settings: settings.clone(), secret: secret.cloned(), asked }
    }

    /// What the store of this name says to a question, the default store's name being empty; the reason if it cannot.
    pub async fn answer(&self, store: &str, question: &Question) -> Result<LookupValue, String> {
        check_size(question)?;
        let (asked, time_max): (Arc<dyn Asked>, Duration) = if store.is_empty() {
            (self.default.clone(), MEMORY_TIME_MAX)
        } else {
            let found = self.named.read().unwrap_or_else(PoisonError::into_inner).get(store).cloned();
            let Some(found) = found else { return unknown(store, question) };
            (Arc::clone(&found.asked), time_max(&found.settings.kind))
        };
        let answer = async {
            match (self.access, question) {
                (Access::ReadWrite, _) => asked.ask(question).await,
                (Access::ReadOnly, Question::Set { .. }) => Ok(LookupValue::Integer(1)),
                (Access::ReadOnly, Question::Increment { key, by }) => {
                    let now = asked.ask(&Question::Count { key: key.clone() }).await?;
                    let LookupValue::Integer(now) = now else { return Ok(now) };
                    Ok(LookupValue::Integer(now.saturating_add(*by)))
                }
                (Access::ReadOnly, other) if other.writes() => {
                    Err("the statement may write, which is not done here".to_owned())
                }
                (Access::ReadOnly, _) => asked.ask(question).await,
            }
        };
        match tokio::time::timeout(time_max, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} ms", time_max.as_millis())),
        }
    }

    /// Whether the store of this name can be reached; the reason if not.
    pub async fn reach(&self, store: &str) -> Result<(), String> {
        let key = "waypost".to_owned();
        self.answer(store, &Question::Exists { key }).await.map(|_| ())
    }
}

fn time_max(kind: &LookupStoreKind) -> Duration {
    match kind {
        LookupStoreKind::Memory => MEMORY_TIME_MAX,
        LookupStoreKind::Sqlite(file) => file.timeout,
        LookupStoreKind::PostgreSql(server) => server.timeout,
    }
}

/// Only a name that is computed can be unknown. Nothing is in such a store, and nothing can be put into it.
fn unknown(store: &str, question: &Question) -> Result<LookupValue, String> {
    match question {
        Question::Get { .. } | Question::Exists { .. } => Ok(LookupValue::Text(String::new())),
        Question::Set { .. } | Question::Increment { .. } | Question::Count { .. } | Question::Sql { .. } => {
            Err(format!("there is no lookup store '{store}'"))
        }
    }
}

fn check_size(question: &Question) -> Result<(), String> {
    let (key, value) = match question {
        Question::Set { key, value } => (key.len(), value.len()),
        Question::Get { key }
        | Question::Exists { key }
        | Question::Increment { key, .. }
        | Question::Count { key } => (key.len(), 0),
        Question::Sql { .. } => (0, 0),
    };
    match (key > KEY_BYTES_MAX, value > VALUE_BYTES_MAX) {
        (true, _) => Err(format!("the key is longer than {KEY_BYTES_MAX} bytes")),
        (_, true) => Err(format!("the value is longer than {VALUE_BYTES_MAX} bytes")),
        (false, false) => Ok(()),
    }
}

/// The value of a key: a text, or a whole number if it is a counter.
fn value_of(text: Option<String>, number: Option<i64>) -> LookupValue {
    match (text, number) {
        (Some(text), _) => LookupValue::Text(text),
        (None, Some(number)) => LookupValue::Integer(number),
        (None, None) => LookupValue::Text(String::new()),
    }
}

/// The rows of an answer, bounded.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<Option<LookupValue>>>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, row: Vec<Option<LookupValue>>) -> Result<(), String> {
        let text = |value: &Option<LookupValue>| match value {
            Some(LookupValue::Text(text)) => text.len(),
            Some(LookupValue::Integer(_) | LookupValue::Float(_) | LookupValue::List(_)) | None => 0,
        };
        let bytes = row.iter().map(text).fold(row.len().saturating_mul(8), usize::saturating_add);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes"));
        }
        if self.rows.len() >= ROWS_MAX {
            return Err(format!("the answer has more than {ROWS_MAX} rows"));
        }
        self.rows.push(row);
        Ok(())
    }

    /// No row: an empty text. One row of one value: the value. One row: a list of its values. More: a list of lists.
    fn into_value(mut self) -> LookupValue {
        let or_empty = |value: Option<LookupValue>| value.unwrap_or(LookupValue::Text(String::new()));
        let list = |row: Vec<Option<LookupValue>>| LookupValue::List(row.into_iter().map(or_empty).collect());
        match self.rows.as_mut_slice() {
            [] => LookupValue::Text(String::new()),
            [row] => match row.as_mut_slice() {
                [only] if only.is_some() => or_empty(only.take()),
                _ => list(std::mem::take(row)),
            },
            _ => LookupValue::List(self.rows.into_iter().map(list).collect()),
        }
    }
}
