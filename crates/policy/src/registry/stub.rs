//! The signatures that others build on; each moves to its file as it is written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    CreationIds, Difference, Document, Hash, Id, Query, QueryAnswer, Registry, Secrets, SetOutcome,
    SetRequest, Unanswerable,
};
use crate::settings::{ObjectType, Settings, SettingsError};

impl Registry {
    /// The objects that exist without being written down.
    pub fn fresh() -> Self {
        Registry::default()
    }

    /// The objects of a settings file, over the fresh ones; ids are given.
    pub fn from_document(text: &str) -> Result<Self, Vec<SettingsError>> {
        Settings::from_json(text).map(|_| Registry::default())
    }

    /// The objects of a settings file in place of all that are here. Those of the same name keep their ids, and masked
    /// secrets what they are.
    pub fn replaced_by(&self, text: &str) -> Result<Self, Vec<SettingsError>> {
        Registry::from_document(text)
    }

    /// The objects as they were stored, and the number of the next object of each type.
    pub fn from_objects(
        _objects: impl IntoIterator<Item = (ObjectType, Id, Document)>,
        next: BTreeMap<ObjectType, u64>,
    ) -> Self {
        Registry { objects: BTreeMap::new(), next }
    }

    /// All objects, as they are to be stored.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectType, Id, &Document)> {
        self.objects.iter().flat_map(|(kind, of)| of.iter().map(|(id, document)| (*kind, *id, &**document)))
    }

    /// The number of the next object of each type, as it is to be stored.
    pub fn next(&self) -> &BTreeMap<ObjectType, u64> {
        &self.next
    }

    /// The whole as a settings file.
    pub fn to_document(&self, _secrets: Secrets) -> Value {
        Value::Null
    }

    /// What the objects say, fit for the check.
    pub fn settings(&self) -> Result<Settings, Vec<SettingsError>> {
        Ok(Settings::fresh())
    }

    /// All ids of a type, in order.
    pub fn ids(&self, _kind: ObjectType) -> Vec<Id> {
        Vec::new()
    }

    /// An object, secrets masked, all properties unless some are named; `id` is always there.
    pub fn get(&self, _kind: ObjectType, _id: &str, _properties: Option<&[String]>) -> Option<Document> {
        None
    }

    /// Which objects match.
    pub fn query(&self, _kind: ObjectType, _query: &Query) -> Result<QueryAnswer, Unanswerable> {
        Ok(QueryAnswer { position: 0, ids: Vec::new(), total: None })
    }

    /// What a change makes of the registry. `#r1` in ids stands for what `creation_ids` knows and what this call creates.
    pub fn set(
        &self,
        _kind: ObjectType,
        _request: &SetRequest,
        _creation_ids: &mut CreationIds,
        _hash: Hash<'_>,
    ) -> SetOutcome {
        SetOutcome { registry: self.clone(), ..SetOutcome::default() }
    }

    /// What is different in `later`, in sentences.
    pub fn diff(&self, _later: &Registry) -> Vec<Difference> {
        Vec::new()
    }
}

impl SetRequest {
    /// Reads the arguments of a method call; what is wrong with them otherwise.
    pub fn from_arguments(_arguments: &Value) -> Result<Self, Unanswerable> {
        Ok(SetRequest::default())
    }
}

impl Query {
    /// Reads the arguments of a method call.
    pub fn from_arguments(_arguments: &Value) -> Result<Self, Unanswerable> {
        Ok(Query::default())
    }
}

impl SetOutcome {
    /// The members of the answer; those that say nothing are left out.
    pub fn answer(&self) -> Document {
        Document::new()
    }
}
