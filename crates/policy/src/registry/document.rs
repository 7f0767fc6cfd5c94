//! The whole registry as a settings file, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::normal::{self, Reading};
use super::objects::{label, masked};
use super::schema::{Kind, TextKind, TypeSchema, schema};
use super::{Document, Id, Registry, Secrets, SetError, fresh, kept};
use crate::settings::{FRESH, ObjectType, Settings, SettingsError, WrittenObject, documents};

impl Registry {
    /// The objects that exist without being written down.
    pub fn fresh() -> Self {
        static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
            read(fresh::TEXT, &Registry::default()).expect("the fresh objects can be loaded")
        });
        REGISTRY.clone()
    }

    /// The objects of a settings file, over the fresh ones; ids are given.
    pub fn from_document(text: &str) -> Result<Self, Vec<SettingsError>> {
        read(text, &Registry::default())
    }

    /// The objects of a settings file in place of all that are here. Those of the same name keep their ids, and masked
    /// secrets what they are.
    pub fn replaced_by(&self, text: &str) -> Result<Self, Vec<SettingsError>> {
        read(text, self)
    }

    /// The whole as a settings file: references are names, and fresh objects that are gone stay so.
    pub fn to_document(&self, secrets: Secrets) -> Value {
        let mut whole = Document::new();
        whole.insert(FRESH.to_owned(), false.into());
        for kind in ObjectType::all() {
            let schema = schema(kind);
            let shown = |document: &Document| {
                let mut shown = match secrets {
                    Secrets::Masked => masked(schema, document),
                    Secrets::Shown => document.clone(),
                };
                self.name_references(schema, &mut shown);
                Value::Object(shown)
            };
            let all: Document =
                self.of(kind).map(|(id, document)| (id.to_string(), shown(document))).collect();
            whole.insert(kind.name().to_owned(), all.into());
        }
        Value::Object(whole)
    }

    /// What the objects say, fit for the check.
    pub fn settings(&self) -> Result<Settings, Vec<SettingsError>> {
        let errors = match Settings::from_json(&self.to_document(Secrets::Shown).to_string()) {
            Ok(settings) => return Ok(settings),
            Err(errors) => errors,
        };
        // The text that they have places in is nobody's.
        Err(errors.into_iter().map(|error| SettingsError { line: 0, column: 0, ..error }).collect())
    }

    /// Puts names where a document has ids of other objects.
    fn name_references(&self, schema: &TypeSchema, document: &mut Document) {
        let Some(variant) = schema.variant(document) else { return };
        for property in &variant.properties {
            let Kind::Reference(to) = property.kind else { continue };
            let id = document.get(&property.name).and_then(Value::as_str).and_then(|id| id.parse().ok());
            if let Some(id) = id.filter(|id| self.document(to, *id).is_some()) {
                document.insert(property.name.clone(), self.name_of(to, id).into());
            }
        }
    }
}

/// Reads a settings file; `known` says which ids its objects have already.
fn read(text: &str, known: &Registry) -> Result<Registry, Vec<SettingsError>> {
    let written = documents(text)?;
    let mut objects = match written.is_whole {
        true => Vec::new(),
        false => fresh_objects(&written.mentioned),
    };
    for object in written.objects {
        let key = key_of(&object);
        let place =
            objects.iter().position(|one| one.kind == object.kind && key.is_some() && key_of(one) == key);
        match place {
            Some(place) => objects[place] = object,
            None => objects.push(object),
        }
    }
    let ids = Ids::give(&objects, known);
    let mut registry = Registry { objects: BTreeMap::new(), next: known.next.clone() };
    let mut errors = Vec::new();
    for (object, id) in objects.iter().zip(&ids.given) {
        let Value::Object(members) = &object.value else { continue };
        match ids.document(object.kind, *id, members, known) {
            Ok(document) => registry.put(object.kind, *id, Arc::new(document)),
            Err(error) => errors.push(settings_error(object, &error)),
        }
    }
    registry.fill();
    if errors.is_empty() { Ok(registry) } else { Err(errors) }
}

/// Of types whose objects have no names, those of the file are all that there are.
fn fresh_objects(mentioned: &BTreeSet<ObjectType>) -> Vec<WrittenObject> {
    let fresh = documents(fresh::TEXT).map_or(Vec::new(), |fresh| fresh.objects);
    let stays = |object: &WrittenObject| {
        schema(object.kind).key().next().is_some() || !mentioned.contains(&object.kind)
    };
    fresh.into_iter().filter(stays).collect()
}

/// An object's unique key in the normal form; none if objects of its type have none.
fn key_of(object: &WrittenObject) -> Option<String> {
    let property = schema(object.kind).key().next()?;
    let written = object.value.get(&property.name)?.as_str()?;
    let Kind::Text(kind) = property.kind else { return None };
    Some(key(kind, written))
}

fn key(kind: TextKind, written: &str) -> String {
    normal::text::normal(kind, written.trim()).unwrap_or_else(|_| written.trim().to_owned())
}

/// Which id each object has, and what they are listed under in the file.
struct Ids {
    given: Vec<Id>,
    by_name: BTreeMap<(ObjectType, String), Id>,
    by_listing: BTreeMap<(ObjectType, String), Id>,
}

impl Ids {
    fn give(objects: &[WrittenObject], known: &Registry) -> Ids {
        let mut next: BTreeMap<ObjectType, u64> = known.next.clone();
        let mut taken: BTreeSet<(ObjectType, Id)> = BTreeSet::new();
        let mut ids = Ids { given: Vec::new(), by_name: BTreeMap::new(), by_listing: BTreeMap::new() };
        for object in objects {
            let key = key_of(object);
            let old =
                known_id(object, key.as_deref(), known).filter(|id| !taken.contains(&(object.kind, *id)));
            let id = old.unwrap_or_else(|| {
                let next = next.entry(object.kind).or_default();
                let id = Id::Number(*next);
                *next = next.saturating_add(1);
                id
            });
            taken.insert((object.kind, id));
            ids.by_name.extend(key.map(|key| ((object.kind, key), id)));
            ids.by_listing.extend(object.id.clone().map(|listed| ((object.kind, listed), id)));
            ids.given.push(id);
        }
        ids
    }

    fn document(
        &self,
        kind: ObjectType,
        id: Id,
        members: &Document,
        known: &Registry,
    ) -> Result<Document, SetError> {
        let mut members = members.clone();
        // In a list of all kinds of objects, it says of which type an object is.
        if schema(kind).variant(&Document::new()).is_some() {
            members.shift_remove(super::TYPE);
        }
        let resolve = |to: ObjectType, name: &str| {
            let name = name.strip_prefix('#').unwrap_or(name);
            let place = (to, name.to_owned());
            self.by_name.get(&place).or_else(|| self.by_listing.get(&place)).copied()
        };
        let old = known.document(kind, id).map(|old| &**old);
        let document = normal::document(schema(kind), &members, old, Reading::Strict, &resolve);
        if let (Some(old), Ok(document)) = (old, &document) {
            kept::refuse(kind, old, &members, document)?;
        }
        match document {
            // A dangling reference is found by the check, which says more.
            Err(error) if error.kind == super::SetErrorKind::InvalidForeignKey => {
                let keep = |_: ObjectType, _: &str| Some(Id::Number(u64::MAX));
                normal::document(schema(kind), &members, old, Reading::Strict, &keep)
            }
            other => other,
        }
    }
}

/// The id that an object has already: by its key; without one by what it is listed under, or by its description.
fn known_id(object: &WrittenObject, key: Option<&str>, known: &Registry) -> Option<Id> {
    if object.kind.is_singleton() {
        return Some(Id::Singleton);
    }
    if let Some(key) = key {
        return known.named(object.kind, key);
    }
    let listed = object.id.as_ref().and_then(|id| id.parse().ok());
    if let Some(id) = listed.filter(|id| known.document(object.kind, *id).is_some()) {
        return Some(id);
    }
    let description = object.value.get("description")?.as_str()?;
    let is_it = |document: &Document| label(schema(object.kind), document).as_deref() == Some(description);
    known.of(object.kind).find(|(_, document)| is_it(document)).map(|(id, _)| id)
}

fn settings_error(object: &WrittenObject, error: &SetError) -> SettingsError {
    let name = key_of(object).or_else(|| object.id.clone()).unwrap_or_default();
    SettingsError {
        object: format!("{} {name}", object.kind).trim_end().to_owned(),
        property: error.properties.first().map_or(String::new(), |path| path.replace('/', ".")),
        line: 0,
        column: 0,
        message: error.description.clone(),
        hint: None,
    }
}
