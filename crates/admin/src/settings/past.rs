//! What were the settings at an earlier revision? Goes back one revision at a time, and forgets the oldest.

use bytes::Bytes;
use mail::Timestamp;
use policy::registry::{Document, Registry};
use store::{KeyChange, KeyValues, StoreError};

use super::revision::Revision;
use super::stored::{Objects, REVISIONS_SPACE, UNDO_SPACE, by_place, undo_place};

/// Revisions that are kept.
pub(super) const REVISIONS_MAX: u64 = 1000;
/// Rows read at a time.
const PAGE: usize = 500;
/// Keys of forgotten revisions that one change removes.
const FORGOTTEN_MAX: usize = 1000;

/// All rows of a space, from a key on.
pub(super) async fn rows(
    store: &dyn KeyValues,
    space: &str,
    from: &[u8],
    now: Timestamp,
) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
    let (mut rows, mut after) = (Vec::new(), (!from.is_empty()).then(|| Bytes::copy_from_slice(from)));
    loop {
        let page = store.scan(space, after.as_deref(), PAGE, now).await?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = Some(last.clone());
        rows.extend(page);
    }
}

/// One revision; none if it was never or is forgotten.
pub(super) async fn revision(
    store: &dyn KeyValues,
    number: u64,
    now: Timestamp,
) -> Result<Option<Revision>, StoreError> {
    let key = number.to_be_bytes();
    let value = store.value(REVISIONS_SPACE, &key, now).await?;
    value.map(|value| read_revision(number, &value)).transpose()
}

/// All revisions that are kept, the oldest first.
pub(super) async fn revisions(store: &dyn KeyValues, now: Timestamp) -> Result<Vec<Revision>, StoreError> {
    let rows = rows(store, REVISIONS_SPACE, &[], now).await?;
    let number = |key: &[u8]| key.try_into().map_or(0, u64::from_be_bytes);
    rows.iter().map(|(key, value)| read_revision(number(key), value)).collect()
}

fn read_revision(number: u64, value: &[u8]) -> Result<Revision, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError::Damaged { what: format!("revision {number}"), why: error.to_string() })
}

/// The registry as it was at `number`, from what it is at `now_at`.
pub(super) async fn registry_at(
    store: &dyn KeyValues,
    (current, current_at): (&Registry, u64),
    number: u64,
    now: Timestamp,
) -> Result<Option<Registry>, StoreError> {
    if number == current_at {
        return Ok(Some(current.clone()));
    }
    if number > current_at || number == 0 || revision(store, number, now).await?.is_none() {
        return Ok(None);
    }
    let mut objects: Objects =
        by_place(current).into_iter().map(|(place, document)| (place, document.clone())).collect();
    let undo = rows(store, UNDO_SPACE, &(number + 1).to_be_bytes(), now).await?;
    for at in (number + 1..=current_at).rev() {
        step_back(&mut objects, &undo, at)?;
    }
    Ok(Some(Registry::from_objects(
        objects.into_iter().map(|((kind, id), document)| (kind, id, document)),
        current.next().clone(),
    )))
}

/// Undoes one revision.
pub(super) fn step_back(
    objects: &mut Objects,
    undo: &[(Bytes, Bytes)],
    number: u64,
) -> Result<(), StoreError> {
    for (key, value) in undo {
        let Some((_, place)) = undo_place(key).filter(|(of, _)| *of == number) else { continue };
        let damaged =
            |why: String| StoreError::Damaged { what: format!("what was before revision {number}"), why };
        let place = place.ok_or_else(|| damaged("an object that is not known here".to_owned()))?;
        match serde_json::from_slice::<Option<Document>>(value).map_err(|error| damaged(error.to_string()))? {
            Some(document) => drop(objects.insert(place, document)),
            None => drop(objects.remove(&place)),
        }
    }
    Ok(())
}

/// The removal of revisions that are too old, with revision `number` about to be written; some at a time.
pub(super) async fn forgotten(
    store: &dyn KeyValues,
    number: u64,
    now: Timestamp,
) -> Result<Vec<KeyChange>, StoreError> {
    let Some(oldest) = number.checked_sub(REVISIONS_MAX) else { return Ok(Vec::new()) };
    let mut removals = Vec::new();
    for space in [REVISIONS_SPACE, UNDO_SPACE] {
        let page = store.scan(space, None, FORGOTTEN_MAX, now).await?;
        // The oldest that stays can be gone back to, and no further: what was before it is not needed.
        let old = page.iter().filter(|(key, _)| {
            key.first_chunk::<8>().is_some_and(|number| u64::from_be_bytes(*number) <= oldest)
        });
        removals.extend(old.map(|(key, _)| KeyChange::remove(space, key)));
    }
    Ok(removals)
}
