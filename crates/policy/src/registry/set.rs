//! What does a change make of the registry? Creates, then updates, then destroys; each is done whole or refused.

use std::sync::Arc;

use serde_json::{Value, json};

use super::links::{self, Names};
use super::normal::{self, Reading};
use super::objects::{hash_passwords, masked};
use super::schema::{TypeSchema, schema};
use super::{
    Change, CreationIds, Document, Hash, Id, OBJECT_BYTES_MAX, ObjectReference, Registry, SetError,
    SetErrorKind, SetOutcome, SetRequest, ValidationError, ValidationKind, kept, patch,
};
use crate::settings::{FRESH, ObjectType, Settings};

/// Objects of one type at most.
const OBJECTS_MAX: usize = 200_000;

impl Registry {
    /// What a change makes of the registry. `#r1` stands for what `creation_ids` knows and what this call creates.
    pub fn set(
        &self,
        kind: ObjectType,
        request: &SetRequest,
        creation_ids: &mut CreationIds,
        hash: Hash<'_>,
    ) -> SetOutcome {
        let (_, mut outcomes) = self.apply(&[(kind, request)], creation_ids, hash);
        outcomes.remove(0)
    }

    /// What changes of several types make of the registry, as if they were one: everything is created before anything
    /// is updated, and updated before anything is destroyed. The registry of each outcome is that of all.
    pub fn apply(
        &self,
        requests: &[(ObjectType, &SetRequest)],
        creation_ids: &mut CreationIds,
        hash: Hash<'_>,
    ) -> (Registry, Vec<SetOutcome>) {
        let outcomes = requests.iter().map(|_| SetOutcome::default()).collect();
        let mut applying = Applying { registry: self.clone(), creation_ids, hash, outcomes };
        applying.create_all(requests);
        applying.update_all(requests);
        applying.destroy_all(requests);
        let Applying { registry, mut outcomes, .. } = applying;
        outcomes.iter_mut().for_each(|outcome| outcome.registry = registry.clone());
        (registry, outcomes)
    }
}

struct Applying<'a> {
    registry: Registry,
    creation_ids: &'a mut CreationIds,
    hash: Hash<'a>,
    outcomes: Vec<SetOutcome>,
}

impl Applying<'_> {
    /// What names others that are yet to be created comes after them.
    fn create_all(&mut self, requests: &[(ObjectType, &SetRequest)]) {
        let all = requests.iter().enumerate();
        let mut waiting: Vec<(usize, ObjectType, &str, &Value)> = all
            .flat_map(|(at, (kind, request))| {
                request.create.iter().map(move |(id, value)| (at, *kind, id.as_str(), value))
            })
            .collect();
        while !waiting.is_empty() {
            let names: Vec<&str> = waiting.iter().map(|(_, _, id, _)| *id).collect();
            let is_ready = |(_, _, own, value): &(usize, ObjectType, &str, &Value)| {
                !names.iter().any(|name| name != own && mentions(value, name))
            };
            let (mut ready, rest): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(is_ready);
            waiting = rest;
            if ready.is_empty() {
                // They wait for each other; what is named is not there.
                ready = std::mem::take(&mut waiting);
            }
            for (at, kind, creation_id, value) in ready {
                match self.create(kind, value) {
                    Ok(change) => {
                        let id = change.id.to_string();
                        self.creation_ids.insert(creation_id.to_owned(), id.clone());
                        self.outcomes[at].created.push((creation_id.to_owned(), id));
                        self.outcomes[at].changes.push(change);
                    }
                    Err(error) => self.outcomes[at].not_created.push((creation_id.to_owned(), error)),
                }
            }
        }
    }

    fn update_all(&mut self, requests: &[(ObjectType, &SetRequest)]) {
        for (at, (kind, request)) in requests.iter().enumerate() {
            for (id, patch) in &request.update {
                match self.update(*kind, id, patch, &request.destroy) {
                    Ok(change) => {
                        self.outcomes[at].updated.push(id.clone());
                        self.outcomes[at].changes.extend(change);
                    }
                    Err(error) => self.outcomes[at].not_updated.push((id.clone(), error)),
                }
            }
        }
    }

    /// What is needed only by others that go too goes after them.
    fn destroy_all(&mut self, requests: &[(ObjectType, &SetRequest)]) {
        let all = requests.iter().enumerate();
        let mut waiting: Vec<(usize, ObjectType, &String)> = all
            .flat_map(|(at, (kind, request))| request.destroy.iter().map(move |id| (at, *kind, id)))
            .collect();
        loop {
            let mut refused = Vec::new();
            let before = waiting.len();
            for (at, kind, id) in waiting {
                match self.destroy(kind, id) {
                    Ok(change) => {
                        self.outcomes[at].destroyed.push(id.clone());
                        self.outcomes[at].changes.push(change);
                    }
                    Err(error) => refused.push(((at, kind, id), error)),
                }
            }
            if refused.len() == before || refused.is_empty() {
                for ((at, _, id), error) in refused {
                    self.outcomes[at].not_destroyed.push((id.clone(), error));
                }
                return;
            }
            waiting = refused.into_iter().map(|(destroy, _)| destroy).collect();
        }
    }

    fn create(&mut self, kind: ObjectType, value: &Value) -> Result<Change, SetError> {
        let Value::Object(written) = value else {
            return Err(SetError::new(SetErrorKind::InvalidProperties, "an object is expected"));
        };
        if written.contains_key("id") {
            return Err(server_set());
        }
        if self.registry.count(kind) >= OBJECTS_MAX {
            let message = format!("there are {OBJECTS_MAX} objects of this type, which is the most");
            return Err(SetError::new(SetErrorKind::OverQuota, message));
        }
        let id = if kind.is_singleton() { Id::Singleton } else { self.registry.next_id(kind) };
        let before = self.registry.document(kind, id).cloned();
        let document = self.normal(kind, written, before.as_deref())?;
        let after = self.checked(kind, id, document)?;
        self.registry.put(kind, id, after.clone());
        Ok(Change { kind, id, before, after: Some(after) })
    }

    fn update(
        &mut self,
        kind: ObjectType,
        text: &str,
        patch: &Value,
        destroyed: &[String],
    ) -> Result<Option<Change>, SetError> {
        let id = self.id(kind, text)?;
        if destroyed.iter().any(|one| self.id(kind, one) == Ok(id)) && id != Id::Singleton {
            return Err(SetError::new(SetErrorKind::WillDestroy, "the same request destroys it"));
        }
        let Value::Object(patch) = patch else {
            return Err(SetError::new(
                SetErrorKind::InvalidPatch,
                "an object of properties or paths is expected",
            ));
        };
        let before = self.registry.document(kind, id).cloned().ok_or_else(not_found)?;
        let mut patch = patch.clone();
        if patch.shift_remove("id").is_some_and(|given| given != id.to_string()) {
            return Err(server_set());
        }
        let patched = patch::apply(schema(kind), &before, &patch)?;
        let document = self.normal(kind, &patched, Some(&before))?;
        refuse_immutable(schema(kind), &before, &document)?;
        let shown = patch::apply(schema(kind), &masked(schema(kind), &before), &patch)?;
        kept::refuse(kind, &before, &shown, &document)?;
        let after = self.checked(kind, id, document)?;
        if after == before {
            return Ok(None);
        }
        self.registry.put(kind, id, after.clone());
        Ok(Some(Change { kind, id, before: Some(before), after: Some(after) }))
    }

    fn destroy(&mut self, kind: ObjectType, text: &str) -> Result<Change, SetError> {
        if kind.is_singleton() {
            return Err(SetError::new(SetErrorKind::Singleton, "there is always exactly one"));
        }
        let id = self.id(kind, text)?;
        let linked = self.registry.linked(kind, id);
        if !linked.is_empty() {
            let name = |one: &ObjectReference| {
                format!("{} {}", one.kind, self.registry.name_of(one.kind, one.id)).trim_end().to_owned()
            };
            let names = linked.iter().map(name).collect::<Vec<_>>().join(", ");
            let message = format!("it is still needed by {names}");
            return Err(SetError { linked, ..SetError::new(SetErrorKind::ObjectIsLinked, message) });
        }
        let before = self.registry.remove(kind, id).ok_or_else(not_found)?;
        Ok(Change { kind, id, before: Some(before), after: None })
    }

    /// The id of an object that is there; `#r1` is one that was created.
    fn id(&self, kind: ObjectType, text: &str) -> Result<Id, SetError> {
        let text = match text.strip_prefix('#') {
            Some(creation_id) => self.creation_ids.get(creation_id).ok_or_else(not_found)?,
            None => text,
        };
        let id = text.parse().ok().filter(|id| self.registry.document(kind, *id).is_some());
        id.ok_or_else(not_found)
    }

    /// The normal form, with references to what is there.
    fn normal(
        &self,
        kind: ObjectType,
        written: &Document,
        old: Option<&Document>,
    ) -> Result<Document, SetError> {
        let resolve =
            |to: ObjectType, text: &str| self.id(to, text).ok().or_else(|| self.registry.named(to, text));
        normal::document(schema(kind), written, old, Reading::Strict, &resolve)
    }

    /// Everything that the object itself must be, and be beside the others.
    fn checked(&self, kind: ObjectType, id: Id, mut document: Document) -> Result<Arc<Document>, SetError> {
        hash_passwords(schema(kind), &mut document, self.hash);
        if Value::Object(document.clone()).to_string().len() > OBJECT_BYTES_MAX {
            let message = format!("an object has {OBJECT_BYTES_MAX} bytes at most");
            return Err(SetError::new(SetErrorKind::TooLarge, message));
        }
        let mut errors = loaded(kind, id, &document);
        if links::expressions(kind, &document).next().is_some() {
            errors.extend(links::check(kind, &document, &Names::of(&self.registry)));
        }
        if !errors.is_empty() {
            return Err(SetError::invalid(errors));
        }
        self.refuse_twin(kind, id, &document)?;
        Ok(Arc::new(document))
    }

    /// Two objects of one key.
    fn refuse_twin(&self, kind: ObjectType, id: Id, document: &Document) -> Result<(), SetError> {
        let Some(key) = schema(kind).key().next() else { return Ok(()) };
        let value = document.get(&key.name);
        let twin = self.registry.of(kind).find(|(other, twin)| *other != id && twin.get(&key.name) == value);
        let Some((twin, _)) = twin else { return Ok(()) };
        let shown = value.and_then(Value::as_str).unwrap_or_default();
        let message = format!("there is a {kind} with the {} '{shown}' already", key.name);
        let error = SetError::about(SetErrorKind::PrimaryKeyViolation, key.name.as_str(), message);
        Err(SetError { object: Some(ObjectReference { kind, id: twin }), ..error })
    }
}

/// Whether a value speaks of `#name` anywhere.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.strip_prefix('#') == Some(name),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(members) => members.values().any(|item| mentions(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn not_found() -> SetError {
    SetError::new(SetErrorKind::NotFound, "there is no such object")
}

fn server_set() -> SetError {
    SetError::about(SetErrorKind::InvalidProperties, "id", "Cannot modify server set property")
}

/// What may only be given on create stays as it is.
fn refuse_immutable(schema: &TypeSchema, before: &Document, after: &Document) -> Result<(), SetError> {
    let Some(variant) = schema.variant(after) else { return Ok(()) };
    let immutable =
        variant.properties.iter().filter(|one| one.attributes.immutable || one.attributes.server_set);
    for property in immutable {
        if before.get(&property.name) != after.get(&property.name) {
            let message = match property.attributes.server_set {
                true => "Cannot modify server set property",
                false => "Cannot modify read-only property",
            };
            return Err(SetError::about(SetErrorKind::InvalidProperties, property.name.as_str(), message));
        }
    }
    Ok(())
}

/// What the settings structs say against an object: the finer rules of single properties.
fn loaded(kind: ObjectType, id: Id, document: &Document) -> Vec<ValidationError> {
    let file = json!({ FRESH: false, kind.name(): { id.to_string(): document } });
    let errors = Settings::from_json(&file.to_string()).err().unwrap_or_default();
    let errors = errors.into_iter().map(|error| {
        let hint = error.hint.map_or(String::new(), |hint| format!(" ({hint})"));
        let path = error.property.replace('.', "/");
        ValidationError::new(ValidationKind::Invalid, path, error.message + &hint)
    });
    errors.collect()
}
