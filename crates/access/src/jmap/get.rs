//! What does a `/get` ask, and how does its answer look (RFC 8620 section 5.1)?

use std::collections::BTreeSet;

use mail::ModSeq;
use serde_json::{Map, Value, json};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::{Call, state_text};

/// The arguments that every `/get` has.
pub(crate) struct Get {
    /// Which objects, each once; all if `None`.
    pub(crate) ids: Option<Vec<String>>,
    /// Which properties besides `id`; all if `None`.
    pub(crate) properties: Option<BTreeSet<String>>,
}

impl Get {
    /// Reads them. Creation ids stand for what they have created.
    pub(crate) fn read(call: &Call<'_>, arguments: &mut Arguments) -> Result<Get, MethodError> {
        let given = arguments.texts("ids")?;
        let properties = arguments.texts("properties")?.map(|names| names.into_iter().collect());
        let Some(given) = given else { return Ok(Get { ids: None, properties }) };
        if given.len() > call.limits.objects_in_get_max {
            return Err(too_many(call.limits.objects_in_get_max));
        }
        let mut seen = BTreeSet::new();
        let mut ids = Vec::with_capacity(given.len());
        for id in given {
            let id = call.meant(&id).unwrap_or(&id).to_owned();
            if seen.insert(id.clone()) {
                ids.push(id);
            }
        }
        Ok(Get { ids: Some(ids), properties })
    }

    /// Refuses properties that there are not.
    pub(crate) fn check_properties(&self, known: &[&str]) -> Result<(), MethodError> {
        let mut asked = self.properties.iter().flatten();
        match asked.find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(wrong(format!("there is no property {unknown}"))),
            None => Ok(()),
        }
    }

    /// Whether a property is asked for.
    pub(crate) fn wants(&self, property: &str) -> bool {
        self.properties.as_ref().is_none_or(|names| names.contains(property))
    }

    /// An object with what was asked of it only.
    pub(crate) fn shown(&self, object: Value) -> Value {
        match (object, &self.properties) {
            (Value::Object(members), Some(names)) => {
                let wanted = |(name, _): &(String, Value)| name == "id" || names.contains(name);
                members.into_iter().filter(wanted).collect::<Map<_, _>>().into()
            }
            (object, _) => object,
        }
    }

    /// The answer from objects that have an `id` each: all of them, or those asked for, in the order asked for.
    pub(crate) fn answer(&self, state: ModSeq, objects: Vec<Value>) -> Map<String, Value> {
        let mut missing = Vec::new();
        let list = match &self.ids {
            None => objects,
            Some(ids) => {
                let mut by_id: std::collections::BTreeMap<String, Value> = objects
                    .into_iter()
                    .filter_map(|object| Some((object["id"].as_str()?.to_owned(), object)))
                    .collect();
                let mut list = Vec::with_capacity(ids.len());
                for id in ids {
                    match by_id.remove(id) {
                        Some(object) => list.push(object),
                        None => missing.push(id.clone()),
                    }
                }
                list
            }
        };
        let list: Vec<_> = list.into_iter().map(|object| self.shown(object)).collect();
        answer(state, list, missing)
    }
}

/// The answer of a `/get`.
pub(crate) fn answer(state: ModSeq, list: Vec<Value>, not_found: Vec<String>) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("state".to_owned(), state_text(state).into());
    answer.insert("list".to_owned(), list.into());
    answer.insert("notFound".to_owned(), json!(not_found));
    answer
}

/// More objects than one call may ask for.
pub(crate) fn too_many(most: usize) -> MethodError {
    MethodError::new("requestTooLarge", format!("maxObjectsInGet is {most}"))
}
