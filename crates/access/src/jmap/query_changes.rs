//! How do the results of a query differ from those that a client has (RFC 8620 section 5.6)?
//!
//! What may lie elsewhere than before is removed, and added where it is now. To name more than need be is allowed, so
//! that nothing of old results has to be kept.

use std::collections::BTreeSet;

use mail::ModSeq;
use serde_json::{Map, Value, json};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::state_text;

/// What a `/queryChanges` asks besides filter and order.
pub(crate) struct Since {
    /// The state of the results that the client has.
    pub(crate) state: String,
    max_changes: Option<u64>,
    calculate_total: bool,
}

impl Since {
    /// Reads it.
    pub(crate) fn read(arguments: &mut Arguments) -> Result<Since, MethodError> {
        let since = Since {
            state: arguments.needed_text("sinceQueryState")?,
            max_changes: arguments.unsigned("maxChanges")?,
            calculate_total: arguments.flag("calculateTotal", false)?,
        };
        if since.max_changes == Some(0) {
            return Err(wrong("maxChanges must be greater than 0"));
        }
        Ok(since)
    }

    /// The answer: `results` are those of now, `touched` whatever may have changed its place.
    pub(crate) fn answer(
        &self,
        results: &[String],
        touched: &BTreeSet<String>,
        state: ModSeq,
    ) -> Result<Map<String, Value>, MethodError> {
        let added: Vec<_> = results
            .iter()
            .enumerate()
            .filter(|(_, id)| touched.contains(*id))
            .map(|(index, id)| json!({ "id": id, "index": index }))
            .collect();
        let count = u64::try_from(touched.len().saturating_add(added.len())).unwrap_or(u64::MAX);
        if self.max_changes.is_some_and(|most| count > most) {
            return Err(MethodError::new("tooManyChanges", format!("there are {count} changes")));
        }
        let mut answer = Map::new();
        answer.insert("oldQueryState".to_owned(), self.state.as_str().into());
        answer.insert("newQueryState".to_owned(), state_text(state).into());
        answer.insert("removed".to_owned(), json!(touched));
        answer.insert("added".to_owned(), added.into());
        if self.calculate_total {
            answer.insert("total".to_owned(), results.len().into());
        }
        Ok(answer)
    }
}
