//! Which objects are there, and what is shown of one?

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::normal::{self, Reading};
use super::schema::{Kind, Property, Shape, TypeSchema, schema};
use super::{Change, Document, Hash, Id, MASK, Registry, TYPE};
use crate::settings::ObjectType;

/// How a password hash in PHC form begins.
const HASH_PREFIX: &str = "$argon2";

impl Registry {
    /// The objects as they were stored, and the number of the next object of each type.
    ///
    /// What an older program did not know has its default; a singleton that was never written too.
    pub fn from_objects(
        objects: impl IntoIterator<Item = (ObjectType, Id, Document)>,
        next: BTreeMap<ObjectType, u64>,
    ) -> Self {
        let mut registry = Registry { objects: BTreeMap::new(), next };
        for (kind, id, stored) in objects {
            let resolve = |_: ObjectType, text: &str| text.parse().ok();
            let read = normal::document(schema(kind), &stored, None, Reading::Stored, &resolve);
            // What cannot be read is kept as it is, so that the check can say what is wrong with it.
            registry.put(kind, id, Arc::new(read.unwrap_or(stored)));
        }
        registry.fill();
        registry
    }

    /// Gives every singleton that was never written its defaults.
    pub(super) fn fill(&mut self) {
        for kind in ObjectType::all().filter(|kind| kind.is_singleton()) {
            if self.document(kind, Id::Singleton).is_none() {
                let read =
                    normal::document(schema(kind), &Document::new(), None, Reading::Stored, &|_, _| None);
                self.put(
                    kind,
                    Id::Singleton,
                    Arc::new(read.expect("a singleton has a default for everything")),
                );
            }
        }
    }

    /// Puts an object in its place, and counts on.
    pub(super) fn put(&mut self, kind: ObjectType, id: Id, document: Arc<Document>) {
        if let Id::Number(number) = id {
            let next = self.next.entry(kind).or_default();
            *next = (*next).max(number.saturating_add(1));
        }
        self.objects.entry(kind).or_default().insert(id, document);
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, kind: ObjectType, id: Id) -> Option<Arc<Document>> {
        let of = self.objects.get_mut(&kind)?;
        let gone = of.remove(&id);
        if of.is_empty() {
            self.objects.remove(&kind);
        }
        gone
    }

    /// The id of the next object of a type.
    pub(super) fn next_id(&self, kind: ObjectType) -> Id {
        Id::Number(self.next.get(&kind).copied().unwrap_or_default())
    }

    /// All objects, as they are to be stored.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectType, Id, &Document)> {
        self.objects.iter().flat_map(|(kind, of)| of.iter().map(|(id, document)| (*kind, *id, &**document)))
    }

    /// The objects of a type.
    pub fn of(&self, kind: ObjectType) -> impl Iterator<Item = (Id, &Document)> {
        self.objects.get(&kind).into_iter().flatten().map(|(id, document)| (*id, &**document))
    }

    /// How many objects of a type there are.
    pub fn count(&self, kind: ObjectType) -> usize {
        self.objects.get(&kind).map_or(0, BTreeMap::len)
    }

    /// The number of the next object of each type, as it is to be stored.
    pub fn next(&self) -> &BTreeMap<ObjectType, u64> {
        &self.next
    }

    /// All ids of a type, in order.
    pub fn ids(&self, kind: ObjectType) -> Vec<Id> {
        self.of(kind).map(|(id, _)| id).collect()
    }

    /// An object with its secrets in the clear.
    pub fn document(&self, kind: ObjectType, id: Id) -> Option<&Arc<Document>> {
        self.objects.get(&kind)?.get(&id)
    }

    /// An object, secrets masked, all properties unless some are named; `id` is always there.
    pub fn get(&self, kind: ObjectType, id: &str, properties: Option<&[String]>) -> Option<Document> {
        let id = id.parse().ok()?;
        let masked = masked(schema(kind), self.document(kind, id)?);
        let mut shown = Document::new();
        shown.insert("id".to_owned(), id.to_string().into());
        let asked = |name: &str| properties.is_none_or(|names| names.iter().any(|one| one == name));
        shown.extend(masked.into_iter().filter(|(name, _)| asked(name)));
        Some(shown)
    }

    /// What people call an object: its label, else its id; empty for a singleton.
    pub fn name_of(&self, kind: ObjectType, id: Id) -> String {
        match (id, self.document(kind, id)) {
            (Id::Singleton, _) => String::new(),
            (_, Some(document)) => label(schema(kind), document).unwrap_or_else(|| id.to_string()),
            (_, None) => id.to_string(),
        }
    }

    /// The object of a type whose unique key this is.
    pub fn named(&self, kind: ObjectType, name: &str) -> Option<Id> {
        let key = schema(kind).key().next()?.name.as_str();
        self.of(kind)
            .find(|(_, document)| document.get(key).and_then(Value::as_str) == Some(name))
            .map(|(id, _)| id)
    }

    /// The same, with every password that is written in the clear replaced by its hash.
    pub fn hashed(mut self, hash: Hash<'_>) -> Self {
        for kind in ObjectType::all() {
            for id in self.ids(kind) {
                let Some(document) = self.document(kind, id) else { continue };
                let mut changed = Document::clone(document);
                if hash_passwords(schema(kind), &mut changed, hash) {
                    self.put(kind, id, Arc::new(changed));
                }
            }
        }
        self
    }

    /// What is to be written down to get from here to `later`.
    pub fn changes(&self, later: &Registry) -> Vec<Change> {
        let mut changes = Vec::new();
        for kind in ObjectType::all() {
            let mut ids = self.ids(kind);
            ids.extend(later.ids(kind));
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                let (before, after) = (self.document(kind, id).cloned(), later.document(kind, id).cloned());
                if before != after {
                    changes.push(Change { kind, id, before, after });
                }
            }
        }
        changes
    }
}

/// Replaces passwords that are no hash yet; whether there were any.
pub(super) fn hash_passwords(schema: &TypeSchema, document: &mut Document, hash: Hash<'_>) -> bool {
    let Some(variant) = schema.variant(document) else { return false };
    let mut changed = false;
    for property in variant.properties.iter().filter(|property| property.attributes.hashed) {
        if let Some(Value::String(password)) = document.get_mut(&property.name)
            && !password.starts_with(HASH_PREFIX)
        {
            *password = hash(password);
            changed = true;
        }
    }
    changed
}

/// What an object is called.
pub(super) fn label(schema: &TypeSchema, document: &Document) -> Option<String> {
    document.get(schema.label?)?.as_str().map(str::to_owned)
}

/// An object without its secrets.
pub(super) fn masked(schema: &TypeSchema, document: &Document) -> Document {
    shape(&schema.shape, document)
}

fn shape(shape: &Shape, document: &Document) -> Document {
    let Some(variant) = shape.variant(document) else {
        // Nothing is known of it, so nothing is shown of it.
        return document
            .iter()
            .filter(|(name, _)| *name == TYPE)
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
    };
    let member = |(name, value): (&String, &Value)| {
        let shown = match variant.property(name) {
            Some(property) => self::property(property, value),
            None if name == TYPE => value.clone(),
            None => Value::Null,
        };
        (name.clone(), shown)
    };
    document.iter().map(member).collect()
}

fn property(property: &Property, value: &Value) -> Value {
    match property.attributes.masked && !value.is_null() {
        true => MASK.into(),
        false => within(&property.kind, value),
    }
}

fn within(kind: &Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::Object(inner), Value::Object(members)) => Value::Object(shape(inner, members)),
        (Kind::List(item), Value::Object(items)) => {
            items.iter().map(|(key, value)| (key.clone(), within(item, value))).collect()
        }
        _ => value.clone(),
    }
}
