//! What does a `/set` ask, and how does its answer look (RFC 8620 section 5.3)?

use std::collections::BTreeSet;

use mail::ModSeq;
use serde_json::{Map, Value};
use wire::jmap::{MethodError, SetError, SetErrorKind};

use super::arguments::{Arguments, wrong};
use super::call::{Call, state_text};

/// The arguments that every `/set` has.
pub(crate) struct Set {
    /// The state that the client goes by.
    pub(crate) if_in_state: Option<String>,
    /// New objects by creation id.
    pub(crate) create: Map<String, Value>,
    /// Patches by id; creation ids are not resolved yet, as what they name may be made by this very call.
    pub(crate) update: Map<String, Value>,
    /// Ids, each once; likewise.
    pub(crate) destroy: Vec<String>,
}

impl Set {
    /// Reads them.
    pub(crate) fn read(call: &Call<'_>, arguments: &mut Arguments) -> Result<Set, MethodError> {
        let set = Set {
            if_in_state: arguments.text("ifInState")?,
            create: arguments.object("create")?,
            update: arguments.object("update")?,
            destroy: distinct(arguments.texts("destroy")?.unwrap_or_default()),
        };
        let most = call.limits.objects_in_set_max;
        let all = set.create.len().saturating_add(set.update.len()).saturating_add(set.destroy.len());
        if all > most {
            return Err(MethodError::new("requestTooLarge", format!("maxObjectsInSet is {most}")));
        }
        let objects = set.create.values().chain(set.update.values());
        if objects.into_iter().any(|object| !object.is_object()) {
            return Err(wrong("create and update must hold objects"));
        }
        Ok(set)
    }
}

fn distinct(ids: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    ids.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

/// What became of each object.
#[derive(Default)]
pub(crate) struct SetAnswer {
    created: Map<String, Value>,
    not_created: Map<String, Value>,
    updated: Map<String, Value>,
    not_updated: Map<String, Value>,
    destroyed: Vec<Value>,
    not_destroyed: Map<String, Value>,
}

impl SetAnswer {
    /// One was made, or not. What was made is known by its creation id from here on.
    pub(crate) fn create(&mut self, call: &mut Call<'_>, creation: String, made: Result<Value, SetError>) {
        match made {
            Ok(object) => {
                if let Some(id) = object.get("id").and_then(Value::as_str) {
                    call.created.insert(creation.clone(), id.to_owned());
                }
                self.created.insert(creation, object);
            }
            Err(error) => drop(self.not_created.insert(creation, error.to_value())),
        }
    }

    /// One was changed, or not; properties that are others than the client has said are given, or `null`.
    pub(crate) fn update(&mut self, id: String, changed: Result<Value, SetError>) {
        match changed {
            Ok(more) => drop(self.updated.insert(id, more)),
            Err(error) => drop(self.not_updated.insert(id, error.to_value())),
        }
    }

    /// One was removed, or not.
    pub(crate) fn destroy(&mut self, id: String, gone: Result<(), SetError>) {
        match gone {
            Ok(()) => self.destroyed.push(id.into()),
            Err(error) => drop(self.not_destroyed.insert(id, error.to_value())),
        }
    }

    /// The answer. What nothing is to be said about is `null`.
    pub(crate) fn into_answer(self, old: ModSeq, new: ModSeq) -> Map<String, Value> {
        let mut answer = Map::new();
        let object =
            |members: Map<String, Value>| if members.is_empty() { Value::Null } else { members.into() };
        answer.insert("oldState".to_owned(), state_text(old).into());
        answer.insert("newState".to_owned(), state_text(new).into());
        answer.insert("created".to_owned(), object(self.created));
        answer.insert("updated".to_owned(), object(self.updated));
        let destroyed = if self.destroyed.is_empty() { Value::Null } else { self.destroyed.into() };
        answer.insert("destroyed".to_owned(), destroyed);
        answer.insert("notCreated".to_owned(), object(self.not_created));
        answer.insert("notUpdated".to_owned(), object(self.not_updated));
        answer.insert("notDestroyed".to_owned(), object(self.not_destroyed));
        answer
    }
}

/// There is no such object.
pub(crate) fn not_found() -> SetError {
    SetError::bare(SetErrorKind::NotFound)
}
