//! Which accounts have something new for the text index? Those who commit say so; one thread takes it from them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::index::Index;

/// How long changes are gathered before they are indexed: deliveries come in crowds.
const GATHER: Duration = Duration::from_millis(300);

/// The text index, and what waits for it.
#[derive(Debug)]
pub(crate) struct Indexing {
    pub(crate) index: Index,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    accounts: BTreeSet<String>,
    stopped: bool,
}

impl Indexing {
    pub(crate) fn new(directory: &Path) -> Indexing {
        Indexing { index: Index::new(directory), waiting: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something has changed in these accounts.
    pub(crate) fn tell<'a>(&self, accounts: impl IntoIterator<Item = &'a str>) {
        let mut accounts = accounts.into_iter().peekable();
        if accounts.peek().is_none() {
            return;
        }
        let mut waiting = self.lock();
        for account in accounts {
            if !waiting.accounts.contains(account) {
                waiting.accounts.insert(account.to_owned());
            }
        }
        self.changed.notify_one();
    }

    /// Nothing more is to be indexed.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_one();
    }

    /// Whether it is to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits for changes. Gives the accounts that have some; `None` if it is to stop.
    pub(crate) fn next(&self) -> Option<BTreeSet<String>> {
        let waiting = self.lock();
        let idle = |waiting: &mut Waiting| waiting.accounts.is_empty() && !waiting.stopped;
        let waiting = self.changed.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        let gathering = |waiting: &mut Waiting| !waiting.stopped;
        let waited = self.changed.wait_timeout_while(waiting, GATHER, gathering);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (!waiting.stopped).then(|| std::mem::take(&mut waiting.accounts))
    }
}
