//! Lookup stores that are only read: what would have been written is noted.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mta::world::Lookups;
use policy::expr::{Lookup, LookupValue, Question};
use store::LookupStores;

/// The stores as `waypost explain` sees them.
pub(crate) struct Withheld {
    stores: Arc<LookupStores>,
    writes: Mutex<Vec<String>>,
}

impl Withheld {
    /// These, which must have been opened for reading.
    pub(crate) fn new(stores: Arc<LookupStores>) -> Self {
        Withheld { stores, writes: Mutex::default() }
    }

    /// The calls that would have written since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.writes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Lookups for Withheld {
    async fn answer(&self, store: &str, question: &Question) -> Result<LookupValue, String> {
        if question.writes() {
            let call = Lookup::Store { store: store.to_owned(), question: question.clone(), turn: 0 };
            self.writes.lock().unwrap_or_else(PoisonError::into_inner).push(call.to_string());
        }
        self.stores.answer(store, question).await
    }
}
