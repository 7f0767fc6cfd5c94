//! Who did what? The audit log: appended to, never edited, the oldest entries making room.
//!
//! An entry is durable before the caller hears the answer. Entries are numbered in the order in which they were
//! written. Refusals that come in floods are counted, and told once a minute.

mod flood;
mod methods;
mod summary;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::{Clock, Timestamp};
use mta::World;
use serde::{Deserialize, Serialize};
use store::{KeyChange, Store, StoreError};
use tokio::sync::Semaphore;

use crate::caller::Caller;
use flood::{Flood, Told};

pub(crate) use methods::call;
pub(crate) use summary::{changes, objects, outcome, summary};

/// Entries that are kept; the oldest makes room.
pub const ENTRIES_MAX: u64 = 100_000;
/// Bytes of a summary, and of each other text of an entry, at most.
const TEXT_BYTES_MAX: usize = 1_000;
/// Objects that one entry names at most.
const OBJECTS_MAX: usize = 32;
/// Where the entries lie.
const SPACE: &str = "audit";
/// Entries read at once.
const SCAN: u64 = 500;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its number: entries have the order in which they were written.
    #[serde(skip)]
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who: the name of an administrator, of a token, of a local user; what a stranger called itself.
    pub who: String,
    /// From which address, or `local`.
    pub from: String,
    /// The method, or `login`, `logout`, `setup`, `password`.
    pub method: String,
    /// The objects that it was about, such as `MtaRoute/b`.
    #[serde(default)]
    pub objects: Vec<String>,
    /// `done`, `refused`, `failed`, or `partly` where some objects were changed and others were not.
    pub outcome: String,
    /// One line for people, without secrets.
    #[serde(default)]
    pub summary: String,
}

/// What is to be written; time and number are added.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Act {
    /// Who.
    pub who: String,
    /// From where.
    pub from: String,
    /// What was asked.
    pub method: String,
    /// About which objects.
    pub objects: Vec<String>,
    /// What came of it.
    pub outcome: &'static str,
    /// One line for people.
    pub summary: String,
}

impl Act {
    /// Of a caller.
    pub fn of(caller: &Caller, method: &str, outcome: &'static str) -> Self {
        let from = caller.address.map_or_else(|| "local".to_owned(), |address| address.to_string());
        Act { who: caller.name.clone(), from, method: method.to_owned(), outcome, ..Act::default() }
    }
}

/// The log; clones share it.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The number of the last entry.
    last: Mutex<u64>,
    /// One entry at a time: the numbers have no gaps.
    writing: Semaphore,
    flood: Mutex<Flood>,
    kept: u64,
}

impl Audit {
    /// Goes on where the log ended.
    pub async fn open(world: &World) -> Result<Self, StoreError> {
        Self::keeping(world, ENTRIES_MAX).await
    }

    async fn keeping(world: &World, kept: u64) -> Result<Self, StoreError> {
        let last = last_number(&*world.store, world.clock.now()).await?;
        Ok(Audit(Arc::new(Inner {
            store: Arc::clone(&world.store),
            clock: Arc::clone(&world.clock),
            last: Mutex::new(last),
            writing: Semaphore::new(1),
            flood: Mutex::default(),
            kept,
        })))
    }

    /// Writes an entry. That it could not be written is in the log of the program.
    pub async fn record(&self, act: Act) {
        let act = bounded(act);
        tracing::info!(
            target: "waypost::audit",
            who = act.who,
            from = act.from,
            method = act.method,
            outcome = act.outcome,
            objects = act.objects.join(" "),
            summary = act.summary,
            "audit"
        );
        if let Err(error) = self.write(act).await {
            tracing::error!(%error, alarm = "audit log", "cannot write the audit log");
        }
    }

    /// Writes a refusal, or counts it where the same was refused a moment ago, or many others were.
    pub async fn record_refusal(&self, act: Act) {
        let told = self.flood().note(act, self.0.clock.now());
        for act in told.acts {
            self.record(act).await;
        }
    }

    /// Writes what was counted; at the end, or when somebody looks.
    pub async fn settle(&self, all: bool) {
        let Told { acts } = self.flood().due(self.0.clock.now(), all);
        for act in acts {
            self.record(act).await;
        }
    }

    /// Entries with numbers before `before`, the latest first, at most `limit` of those that `wanted` takes.
    pub async fn entries(
        &self,
        before: Option<u64>,
        limit: usize,
        wanted: impl Fn(&AuditEntry) -> bool,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let (mut found, last) = (Vec::new(), *self.last());
        let mut end = before.unwrap_or(u64::MAX).min(last.saturating_add(1));
        let first = last.saturating_sub(self.0.kept);
        while end > first.max(1) && found.len() < limit {
            let start = end.saturating_sub(SCAN.saturating_add(1)).max(first);
            let mut some = self.scan(start, end).await?;
            some.reverse();
            found.extend(some.into_iter().filter(|entry| wanted(entry)));
            end = start.saturating_add(1);
            if start == first {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The entry of this number.
    pub async fn entry(&self, number: u64) -> Result<Option<AuditEntry>, StoreError> {
        let value = self.0.store.value(SPACE, &number.to_be_bytes(), self.0.clock.now()).await?;
        value.map(|value| read(number, &value)).transpose()
    }

    /// Entries after `start` and before `end`.
    async fn scan(&self, start: u64, end: u64) -> Result<Vec<AuditEntry>, StoreError> {
        let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let found = self.0.store.scan(SPACE, Some(&start.to_be_bytes()), count, self.0.clock.now()).await?;
        let numbered = found.iter().filter_map(|(key, value)| Some((number(key)?, value)));
        numbered.filter(|(number, _)| *number < end).map(|(number, value)| read(number, value)).collect()
    }

    async fn write(&self, act: Act) -> Result<(), StoreError> {
        let Ok(_one_at_a_time) = self.0.writing.acquire().await else { return Ok(()) };
        let (now, number) = (self.0.clock.now(), self.last().saturating_add(1));
        let entry = AuditEntry {
            number,
            at: self.0.clock.wall().as_millis(),
            who: act.who,
            from: act.from,
            method: act.method,
            objects: act.objects,
            outcome: act.outcome.to_owned(),
            summary: act.summary,
        };
        let json = serde_json::to_vec(&entry).expect("an entry of strings and numbers is JSON");
        let mut changes = vec![KeyChange::put(SPACE, &number.to_be_bytes(), json, None)];
        if number > self.0.kept {
            changes.push(KeyChange::remove(SPACE, &(number - self.0.kept).to_be_bytes()));
        }
        self.0.store.change(changes, now).await?;
        *self.last() = number;
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, u64> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flood(&self) -> MutexGuard<'_, Flood> {
        self.0.flood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("last", &*self.last()).finish_non_exhaustive()
    }
}

/// The number of the last entry, found by halving: keys are numbers without gaps.
async fn last_number(store: &dyn Store, now: Timestamp) -> Result<u64, StoreError> {
    let (mut known, mut beyond) = (0_u64, u64::MAX);
    while known + 1 < beyond {
        let middle = known + (beyond - known) / 2;
        let after = middle.saturating_sub(1).to_be_bytes();
        match store.scan(SPACE, Some(&after), 1, now).await?.first().and_then(|(key, _)| number(key)) {
            Some(found) => known = found,
            None => beyond = middle,
        }
    }
    Ok(known)
}

fn number(key: &[u8]) -> Option<u64> {
    <[u8; 8]>::try_from(key).ok().map(u64::from_be_bytes)
}

fn read(number: u64, value: &[u8]) -> Result<AuditEntry, StoreError> {
    let entry: AuditEntry = serde_json::from_slice(value).map_err(|error| StoreError::Damaged {
        what: format!("entry {number} of the audit log"),
        why: error.to_string(),
    })?;
    Ok(AuditEntry { number, ..entry })
}

/// Short, and on one line: what strangers say of themselves stands here too.
fn bounded(mut act: Act) -> Act {
    for text in [&mut act.who, &mut act.from, &mut act.method, &mut act.summary] {
        *text = line(text);
    }
    act.objects.truncate(OBJECTS_MAX);
    for object in &mut act.objects {
        *object = line(object);
    }
    act
}

fn line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if line.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests;
