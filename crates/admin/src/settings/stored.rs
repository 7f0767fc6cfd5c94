//! How are the settings written down? One key an object, one a revision, one a document as it was before a revision.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use policy::registry::{Document, Id, Registry};
use policy::settings::ObjectType;
use serde::{Deserialize, Serialize};
use store::KeyChange;

use super::revision::Revision;

/// The objects, and the key [`ABOUT`].
pub const SETTINGS_SPACE: &str = "settings";
/// Revisions by number.
pub(super) const REVISIONS_SPACE: &str = "revisions";
/// Documents as they were before a revision, by its number, type and id.
pub(super) const UNDO_SPACE: &str = "revision-undo";

/// The version of this form.
const VERSION: u32 = 1;
/// What is known about the whole.
const ABOUT: &[u8] = b"about";
/// Before the type and the id of an object.
const OBJECT: &str = "object/";

/// What is known about the whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    version: u32,
    /// The number of the last revision.
    pub(super) revision: u64,
    /// The number of the next object of each type, by its name.
    next: BTreeMap<String, u64>,
    /// The revision on trial.
    pub(super) waiting: Option<Trial>,
}

/// A revision on trial, as it is written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trial {
    pub(super) revision: u64,
    /// Milliseconds since the epoch.
    pub(super) by: u64,
    pub(super) back_to: u64,
    pub(super) author: String,
}

/// What was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stored {
    pub(super) about: Option<About>,
    pub(super) objects: Objects,
    /// What could not be read, for people.
    pub damaged: Vec<String>,
    /// The keys of the objects among them.
    pub(super) lost: Vec<Bytes>,
    /// The version in which it was written, if this program does not know it.
    pub newer: Option<u32>,
}

/// Objects by type and id.
pub(super) type Objects = BTreeMap<(ObjectType, Id), Document>;

impl About {
    pub(super) fn new(revision: u64, registry: &Registry, waiting: Option<Trial>) -> Self {
        let next = registry.next().iter().map(|(kind, number)| (kind.name().to_owned(), *number)).collect();
        About { version: VERSION, revision, next, waiting }
    }

    fn next(&self) -> BTreeMap<ObjectType, u64> {
        self.next.iter().filter_map(|(name, number)| Some((ObjectType::named(name)?, *number))).collect()
    }
}

impl Stored {
    /// Reads the rows of the space of settings; none if there are none.
    pub fn read(rows: impl IntoIterator<Item = (Bytes, Bytes)>) -> Option<Self> {
        let mut stored = Stored::default();
        let mut empty = true;
        for (key, value) in rows {
            empty = false;
            if &*key == ABOUT {
                stored.take_about(&value);
            } else {
                stored.take_object(key, &value);
            }
        }
        if stored.about.is_none() && !empty {
            stored.damaged.push("what is known about the whole".to_owned());
        }
        // What only a newer program knows is not lost.
        if stored.newer.is_some() {
            stored.lost.retain(|key| place(key).is_some());
        }
        (!empty).then_some(stored)
    }

    /// Takes lost objects as they were before their last change, where that was written down: `undo` is all of
    /// [`UNDO_SPACE`], the oldest first.
    pub(super) fn recover(&mut self, undo: &[(Bytes, Bytes)]) {
        let lost: BTreeSet<_> = self.lost.iter().filter_map(|key| place(key)).collect();
        for (key, value) in undo {
            let Some((_, Some(place))) = undo_place(key) else { continue };
            if let Ok(Some(document)) = serde_json::from_slice::<Option<Document>>(value)
                && lost.contains(&place)
            {
                self.objects.insert(place, document);
            }
        }
    }

    fn take_about(&mut self, value: &[u8]) {
        let about = serde_json::from_slice::<serde_json::Value>(value).ok();
        let version = about.as_ref().and_then(|about| about.get("version")?.as_u64());
        self.newer =
            version.and_then(|version| u32::try_from(version).ok()).filter(|version| *version > VERSION);
        self.about = about.and_then(|about| serde_json::from_value(about).ok());
    }

    fn take_object(&mut self, key: Bytes, value: &[u8]) {
        let shown = String::from_utf8_lossy(&key).into_owned();
        let why = match (place(&key), serde_json::from_slice::<Document>(value)) {
            (Some(place), Ok(document)) => return drop(self.objects.insert(place, document)),
            (None, _) => "no object that is known here".to_owned(),
            (Some(_), Err(error)) => error.to_string(),
        };
        self.damaged.push(format!("{shown}: {why}"));
        self.lost.push(key);
    }

    /// The registry that the objects make.
    pub fn registry(&self) -> Registry {
        registry(&self.objects, self.about.as_ref())
    }

    /// The number of the last revision, as far as known.
    pub fn revision(&self) -> u64 {
        self.about.as_ref().map_or(0, |about| about.revision)
    }
}

/// The registry of these objects; numbers go on where they would have.
pub(super) fn registry(objects: &Objects, about: Option<&About>) -> Registry {
    let mut next = about.map(About::next).unwrap_or_default();
    for (kind, id) in objects.keys() {
        if let Id::Number(number) = id {
            let least = number.saturating_add(1);
            next.entry(*kind).and_modify(|next| *next = least.max(*next)).or_insert(least);
        }
    }
    let objects = objects.iter().map(|((kind, id), document)| (*kind, *id, document.clone()));
    Registry::from_objects(objects, next)
}

/// All that a revision writes: the objects that it changes, what they were, itself, and what is known about the whole.
pub(super) fn writes(
    about: &About,
    revision: &Revision,
    before: &Registry,
    after: &Registry,
) -> Vec<KeyChange> {
    let (before, after) = (by_place(before), by_place(after));
    let mut writes = vec![about_write(about), revision_write(revision)];
    // The first has nothing before it that anybody would go back to.
    let undo = |place: &(ObjectType, Id), document: Option<&Document>| {
        let value = document.map_or_else(|| "null".to_owned(), written);
        (revision.number > 1)
            .then(|| KeyChange::put(UNDO_SPACE, &undo_key(revision.number, *place), value, None))
    };
    for (place, document) in &after {
        let old = before.get(place).copied();
        if old != Some(*document) {
            writes.push(KeyChange::put(
                SETTINGS_SPACE,
                object_key(*place).as_bytes(),
                written(document),
                None,
            ));
            writes.extend(undo(place, old));
        }
    }
    for (place, document) in before.iter().filter(|(place, _)| !after.contains_key(place)) {
        writes.push(KeyChange::remove(SETTINGS_SPACE, object_key(*place).as_bytes()));
        writes.extend(undo(place, Some(document)));
    }
    writes
}

/// Puts what the settings have now, which may be nothing, in place of objects that could not be read.
pub(super) fn let_go(lost: &[Bytes], after: &Registry) -> Vec<KeyChange> {
    let after = by_place(after);
    let mended = |key: &Bytes| match place(key).and_then(|place| after.get(&place).copied()) {
        Some(document) => KeyChange::put(SETTINGS_SPACE, key, written(document), None),
        None => KeyChange::remove(SETTINGS_SPACE, key),
    };
    lost.iter().map(mended).collect()
}

/// What is known about the whole, alone: where a revision on trial is confirmed.
pub(super) fn about_write(about: &About) -> KeyChange {
    let value = serde_json::to_vec(about).expect("what is known about the whole can be written");
    KeyChange::put(SETTINGS_SPACE, ABOUT, value, None)
}

fn revision_write(revision: &Revision) -> KeyChange {
    let value = serde_json::to_vec(revision).expect("a revision can be written");
    KeyChange::put(REVISIONS_SPACE, &revision.number.to_be_bytes(), value, None)
}

pub(super) fn by_place(registry: &Registry) -> BTreeMap<(ObjectType, Id), &Document> {
    registry.objects().map(|(kind, id, document)| ((kind, id), document)).collect()
}

fn written(document: &Document) -> String {
    serde_json::to_string(document).expect("a document can be written")
}

fn object_key((kind, id): (ObjectType, Id)) -> String {
    format!("{OBJECT}{kind}/{id}")
}

fn place(key: &[u8]) -> Option<(ObjectType, Id)> {
    let (kind, id) = std::str::from_utf8(key).ok()?.strip_prefix(OBJECT)?.split_once('/')?;
    Some((ObjectType::named(kind)?, id.parse().ok()?))
}

/// The key of what an object was before a revision.
fn undo_key(revision: u64, place: (ObjectType, Id)) -> Vec<u8> {
    [&revision.to_be_bytes()[..], object_key(place).as_bytes()].concat()
}

/// Of which revision a key of [`UNDO_SPACE`] is, and of which object if it is known here.
pub(super) fn undo_place(key: &[u8]) -> Option<(u64, Option<(ObjectType, Id)>)> {
    let (number, rest) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), place(rest)))
}
