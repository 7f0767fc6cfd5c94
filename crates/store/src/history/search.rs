//! Which messages match, and what is remembered of them? Reads little, and never more than so much.

use std::collections::BTreeSet;

use mail::MessageId;
use memchr::memmem;
use rusqlite::Connection;

use super::block::{Found, KeyKind, Place, places};
use super::database::{signed, unsigned};

/// Bytes that one search reads at most.
const READ_BYTES_MAX: usize = 256 << 20;
/// Messages that one search finds at most.
pub const LIMIT_MAX: usize = 1000;
/// Entries that are read of the messages that were asked for, at most.
const ENTRIES_MAX: usize = 20_000;
/// Bytes of them at most.
const ENTRIES_BYTES_MAX: usize = 32 << 20;

/// What is looked for. All of it must hold for one entry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Search {
    /// Texts that must be among its keys.
    pub keys: Vec<KeyFilter>,
    /// It has one of these marks; anything goes if zero.
    pub marks: u8,
    /// The message is not older than this one would be.
    pub not_before: Option<MessageId>,
    /// The message is older than this one.
    pub before: Option<MessageId>,
    /// Messages at most.
    pub limit: usize,
}

/// A text that must be among the keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyFilter {
    /// In which of them.
    pub kinds: &'static [KeyKind],
    /// The text, in lower case.
    pub text: String,
    /// Whether the key is this text, and does not only hold it.
    pub whole: bool,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// The newest first.
    pub messages: Vec<MessageId>,
    /// Whether there are more.
    pub more: bool,
    /// Whether the search was given up before all was read.
    pub cut: bool,
}

/// A block, as far as it need not be read.
struct Outline {
    id: i64,
    messages: (u64, u64),
    marks: u8,
    /// No block before it has a message newer than this.
    newest_before: u64,
}

pub(super) fn run(db: &Connection, search: &Search) -> rusqlite::Result<Page> {
    let db = db.unchecked_transaction()?;
    let limit = search.limit.clamp(1, LIMIT_MAX);
    let (from, below) = (search.not_before.map_or(0, |id| id.0), search.before.map_or(u64::MAX, |id| id.0));
    let mut found: BTreeSet<u64> = BTreeSet::new();
    let (mut read, mut cut) = (0, false);
    let mut rows = db.prepare_cached("SELECT keys, places FROM search WHERE block = ?")?;
    for block in outlines(&db)?.iter().rev() {
        // Only one more is of interest than is asked for.
        let worst = found.first().copied().filter(|_| found.len() > limit);
        let fits = block.messages.0 < below
            && block.messages.1 >= from
            && worst.is_none_or(|worst| block.messages.1 > worst)
            && (search.marks == 0 || block.marks & search.marks != 0);
        if fits {
            if read > READ_BYTES_MAX {
                cut = true;
                break;
            }
            let mut block = rows.query([block.id])?;
            if let Some(row) = block.next()? {
                let (keys, places) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
                read += keys.len() + places.len();
                matching(search, keys, places, |message| {
                    if message >= from && message < below {
                        found.insert(message);
                    }
                    if found.len() > limit + 1 {
                        found.pop_first();
                    }
                });
            }
        }
        let worst = found.first().copied().filter(|_| found.len() > limit);
        let oldest = worst.unwrap_or(from);
        if (worst.is_some() || from > 0) && block.newest_before < oldest {
            break;
        }
    }
    let messages = found.iter().rev().take(limit).map(|id| MessageId(*id)).collect();
    Ok(Page { messages, more: found.len() > limit, cut })
}

fn outlines(db: &Connection) -> rusqlite::Result<Vec<Outline>> {
    let mut read =
        db.prepare_cached("SELECT id, message_first, message_last, marks FROM block ORDER BY id")?;
    let mut newest = 0;
    let rows = read.query_map([], |row| {
        let messages = (unsigned(row.get(1)?), unsigned(row.get(2)?));
        let newest_before = newest;
        newest = newest.max(messages.1);
        Ok(Outline { id: row.get(0)?, messages, marks: row.get(3)?, newest_before })
    })?;
    rows.collect()
}

/// Tells the message of each entry of a block that matches.
fn matching(search: &Search, keys: &[u8], places_of: &[u8], mut tell: impl FnMut(u64)) {
    let fits = |place: &Place| search.marks == 0 || place.marks & search.marks != 0;
    let mut tell_if = |place: &Place, keys: &[u8], filters: &[KeyFilter]| {
        let own = keys.get(place.keys.0..place.keys.1).unwrap_or_default();
        if fits(place) && filters.iter().all(|filter| has(own, filter)) {
            tell(place.message);
        }
    };
    let Some(first) = search.keys.iter().max_by_key(|filter| filter.text.len()) else {
        return places(places_of).for_each(|place| tell_if(&place, keys, &[]));
    };
    // The rarest text says quickly where to look, or that there is nothing.
    let mut hits = memmem::find_iter(keys, first.text.as_bytes()).peekable();
    if hits.peek().is_none() {
        return;
    }
    for place in places(places_of) {
        while hits.next_if(|hit| *hit < place.keys.0).is_some() {}
        if hits.peek().is_some_and(|hit| *hit < place.keys.1) {
            tell_if(&place, keys, &search.keys);
        }
    }
}

/// Whether one of an entry's keys is as wanted.
fn has(keys: &[u8], filter: &KeyFilter) -> bool {
    keys.split(|byte| *byte == b'\t').any(|key| {
        let Some((mark, text)) = key.split_first() else { return false };
        let wanted = filter.text.as_bytes();
        filter.kinds.iter().any(|kind| kind.mark() == *mark)
            && if filter.whole { text == wanted } else { memmem::find(text, wanted).is_some() }
    })
}

/// All that is remembered of these messages, in the order in which it was written.
pub(super) fn entries(db: &Connection, messages: &[MessageId]) -> rusqlite::Result<Vec<Found>> {
    let db = db.unchecked_transaction()?;
    let wanted: BTreeSet<u64> = messages.iter().map(|id| id.0).collect();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(Vec::new()) };
    let mut blocks = db.prepare_cached(
        "SELECT id, message_first, message_last FROM block WHERE message_last >= ? AND message_first <= ? ORDER BY id",
    )?;
    let outlines = blocks.query_map([signed(*first), signed(*last)], |row| {
        Ok((row.get::<_, i64>(0)?, unsigned(row.get(1)?), unsigned(row.get(2)?)))
    })?;
    let mut all = Vec::new();
    let mut bytes = 0;
    for outline in outlines {
        let (block, first, last) = outline?;
        if wanted.range(first..=last).next().is_none() {
            continue;
        }
        let own = wanted_places(&db, block, &wanted)?;
        if own.is_empty() {
            continue;
        }
        let mut rows = db.prepare_cached("SELECT data FROM data WHERE block = ?")?;
        let mut rows = rows.query([block])?;
        let Some(row) = rows.next()? else { continue };
        let data = row.get_ref(0)?.as_blob()?;
        for place in own {
            let payload = data.get(place.data.0..place.data.1).unwrap_or_default().to_vec();
            bytes += payload.len();
            all.push(Found { message: MessageId(place.message), payload });
        }
        if all.len() >= ENTRIES_MAX || bytes >= ENTRIES_BYTES_MAX {
            break;
        }
    }
    Ok(all)
}

fn wanted_places(db: &Connection, block: i64, wanted: &BTreeSet<u64>) -> rusqlite::Result<Vec<Place>> {
    let mut rows = db.prepare_cached("SELECT places FROM search WHERE block = ?")?;
    let mut rows = rows.query([block])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let own = places(row.get_ref(0)?.as_blob()?).filter(|place| wanted.contains(&place.message)).collect();
    Ok(own)
}
