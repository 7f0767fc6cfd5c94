//! Whose turn is it? One at a time of each account.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mail::Address;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

static TURNS: Mutex<BTreeMap<String, Arc<Semaphore>>> = Mutex::new(BTreeMap::new());

/// The turn of an account, until it is dropped.
pub(super) struct Turn {
    account: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Waits for it.
    pub(super) async fn take(account: &Address) -> Turn {
        let account = account.to_string();
        let semaphore = {
            let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(account.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let permit = semaphore.acquire_owned().await.ok();
        Turn { account, permit }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        // Whoever waits holds it too.
        if turns.get(&self.account).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            turns.remove(&self.account);
        }
    }
}
