//! In which order are messages found, and which of them are shown?

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use mail::ModSeq;
use mail::digest::{Addresses, Digest, fold};

use super::matching::{Row, ThreadFlags, all_in_thread, has_all, some_in_thread};
use crate::messages::{Found, Query, Sort, SortKey};

/// By what one message is compared with another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Number(i64),
    Text(String),
}

/// Whether ordering needs the digests.
pub(crate) fn needs_digests(sort: &[Sort]) -> bool {
    sort.iter().any(|sort| {
        matches!(
            sort.key,
            SortKey::SentAt
                | SortKey::From
                | SortKey::To
                | SortKey::Cc
                | SortKey::DisplayFrom
                | SortKey::DisplayTo
                | SortKey::Subject
        )
    })
}

/// Whether ordering needs the flags of conversations.
pub(crate) fn needs_threads(sort: &[Sort]) -> bool {
    sort.iter().any(|sort| matches!(sort.key, SortKey::AllInThread(_) | SortKey::SomeInThread(_)))
}

/// A message that was found, with what it is ordered by.
#[derive(Debug)]
pub(crate) struct Hit {
    row: Row,
    keys: Vec<Key>,
}

impl Hit {
    pub(crate) fn new(row: Row, digest: Option<&Digest<'_>>, threads: &ThreadFlags, sort: &[Sort]) -> Hit {
        let keys = sort.iter().map(|sort| key(&sort.key, &row, digest, threads)).collect();
        Hit { row, keys }
    }
}

fn key(key: &SortKey, row: &Row, digest: Option<&Digest<'_>>, threads: &ThreadFlags) -> Key {
    let said = digest.map(|digest| digest.envelope).unwrap_or_default();
    let number = |number: u64| Key::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let flag = |is_set: bool| Key::Number(i64::from(is_set));
    match key {
        SortKey::ReceivedAt => number(row.received_at.as_millis()),
        SortKey::SentAt => match digest.and_then(|digest| digest.sent_at) {
            Some(at) => Key::Number(at.seconds),
            None => number(row.received_at.as_secs()),
        },
        SortKey::Size => number(row.size),
        SortKey::From => local(said.from),
        SortKey::To => local(said.to),
        SortKey::Cc => local(said.cc),
        SortKey::DisplayFrom => display(said.from),
        SortKey::DisplayTo => display(said.to),
        SortKey::Subject => {
            Key::Text(digest.map(|digest| digest.base_subject.to_owned()).unwrap_or_default())
        }
        SortKey::HasFlags(flags) => flag(has_all(&row.flags, flags)),
        SortKey::AllInThread(flags) => flag(all_in_thread(threads, row.thread, flags)),
        SortKey::SomeInThread(flags) => flag(some_in_thread(threads, row.thread, flags)),
        SortKey::Uid => Key::Number(i64::from(row.uid)),
    }
}

/// RFC 5256 section 3: the mailbox of the first address.
fn local(list: Option<Addresses<'_>>) -> Key {
    let first = list.and_then(|list| list.mailboxes().next());
    Key::Text(first.map(|first| fold(&String::from_utf8_lossy(first.local))).unwrap_or_default())
}

/// RFC 5957 section 2: the name of the first address, else the address.
fn display(list: Option<Addresses<'_>>) -> Key {
    let first = list.and_then(|list| list.mailboxes().next());
    Key::Text(
        first.map(|first| fold(&first.decoded_name().unwrap_or_else(|| first.address()))).unwrap_or_default(),
    )
}

/// What is answered: in order, one of each conversation if so wanted, as many as wanted.
pub(crate) fn found(mut hits: Vec<Hit>, query: &Query, modseq: ModSeq) -> Found {
    hits.sort_by(|a, b| compare(a, b, query));
    if query.collapse_threads {
        let mut seen = BTreeSet::new();
        hits.retain(|hit| seen.insert(hit.row.thread));
    }
    let highest_modseq = hits.iter().map(|hit| hit.row.modseq).max().unwrap_or_default();
    let total = hits.len() as u64;
    hits.truncate(query.limit.unwrap_or(usize::MAX));
    let hits = hits.into_iter().map(|hit| (hit.row.email, hit.row.thread, hit.row.uid)).collect();
    Found { hits, total, modseq, highest_modseq }
}

fn compare(a: &Hit, b: &Hit, query: &Query) -> Ordering {
    for (sort, (a, b)) in query.sort.iter().zip(a.keys.iter().zip(&b.keys)) {
        let ordering = if sort.descending { Reverse(a).cmp(&Reverse(b)) } else { a.cmp(b) };
        if ordering.is_ne() {
            return ordering;
        }
    }
    // Those that are equal stay as they would be without an order (RFC 5256 section 3).
    let by_arrival = || (a.row.received_at, a.row.email).cmp(&(b.row.received_at, b.row.email));
    a.row.uid.cmp(&b.row.uid).then_with(by_arrival)
}
