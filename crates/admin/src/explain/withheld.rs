//! Lookup stores that are only read: what would have been written is noted.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mta::world::Lookups;
use policy::expr::{Lookup, LookupValue, Question};

/// The stores as an explanation sees them.
pub(super) struct Withheld {
    stores: Arc<dyn Lookups>,
    writes: Mutex<Vec<String>>,
}

impl Withheld {
    /// These, in which nothing will be changed.
    pub(super) fn new(stores: Arc<dyn Lookups>) -> Self {
        Withheld { stores, writes: Mutex::default() }
    }

    /// The calls that would have written since this was last asked.
    pub(super) fn take(&self) -> Vec<String> {
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
        match question {
            Question::Set { .. } => Ok(LookupValue::Integer(1)),
            Question::Increment { key, by } => {
                match self.stores.answer(store, &Question::Count { key: key.clone() }).await? {
                    LookupValue::Integer(now) => Ok(LookupValue::Integer(now.saturating_add(*by))),
                    other => Ok(other),
                }
            }
            Question::Sql { .. } if question.writes() => {
                Err("the statement may write, which is not done here".to_owned())
            }
            Question::Get { .. }
            | Question::Exists { .. }
            | Question::Count { .. }
            | Question::Sql { .. } => self.stores.answer(store, question).await,
        }
    }
}
